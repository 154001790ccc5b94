//! The shop's request to cancel an order, and its progress. The rules that execute it are in
//! `after/cancel.rs`.

use alloc::string::String;

use crate::time::Timestamp;

/// The request to cancel, and its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancellation {
    /// The shop's reference for it.
    pub reference: String,
    /// The reason, in the shop's words.
    pub reason: Option<String>,
    /// When the shop asked for it.
    pub requested_at: Timestamp,
    /// Its progress.
    pub state: CancellationState,
}

/// The progress of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CancellationState {
    /// Something is in flight or still has to be undone.
    Requested {
        /// When the operator is reminded.
        remind_at: Timestamp,
        /// Whether a person has to help.
        is_stuck: bool,
    },
    /// No money is held and none is kept.
    Done {
        /// When this was reached.
        at: Timestamp,
        /// When the operator is reminded of what appeared afterwards, until that is undone too.
        remind_at: Option<Timestamp>,
    },
}

impl Cancellation {
    /// When it is due.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            CancellationState::Requested { remind_at, .. } => Some(remind_at),
            CancellationState::Done { remind_at, .. } => remind_at,
        }
    }
}
