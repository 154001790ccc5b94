//! What a command gives back: the next state and what happened on the way.

use alloc::vec::Vec;

/// The outcome of one accepted command: the object as it now is, and the events in causal order.
///
/// A command that changes nothing has no step; it is a refusal or a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<State, Event> {
    /// The object after the command.
    pub next: State,
    /// What happened, oldest first. Empty where a change is no event, as another payment method is not.
    pub events: Vec<Event>,
}

impl<State, Event> Step<State, Event> {
    /// A step of one event.
    pub fn one(next: State, event: Event) -> Self {
        Self { next, events: alloc::vec![event] }
    }
}
