//! What a command returns: the next state, and the events on the way.

use alloc::vec::Vec;

/// The outcome of one accepted command: the object as it is now, and the events in causal order.
///
/// A command that changes nothing has no step: it is a refusal or a read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<State, Event> {
    /// The object after the command.
    pub next: State,
    /// What happened, oldest first. Empty if a change has no event, such as another payment method.
    pub events: Vec<Event>,
}

impl<State, Event> Step<State, Event> {
    /// A step with one event.
    pub fn one(next: State, event: Event) -> Self {
        Self { next, events: alloc::vec![event] }
    }
}
