//! The shop's wish to cancel an order, and how far it is. How it is carried out stands in
//! `after/cancel.rs`.

use alloc::string::String;

use crate::time::Timestamp;

/// The wish to cancel, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// The shop's word for it.
    pub reference: String,
    /// Why, in the shop's words.
    pub reason: Option<String>,
    /// When the shop asked for it.
    pub requested_at: Timestamp,
    /// How far it is.
    pub state: CancellationState,
}

/// How far a cancellation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancellationState {
    /// Something is in flight or still to be undone.
    Requested {
        /// When the operator is reminded.
        remind_at: Timestamp,
        /// Whether somebody has to help.
        is_stuck: bool,
    },
    /// Nothing is held and nothing kept.
    Done {
        /// Since when.
        at: Timestamp,
        /// When the operator is reminded of what turned up afterwards, until that is undone too.
        remind_at: Option<Timestamp>,
    },
}

impl Cancellation {
    /// When somebody must look after it.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            CancellationState::Requested { remind_at, .. } => Some(remind_at),
            CancellationState::Done { remind_at, .. } => remind_at,
        }
    }
}
