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
    /// Whether it undoes what has left, too.
    pub extent: Extent,
    /// Its progress.
    pub state: CancellationState,
}

/// Whether a cancellation undoes what has left, too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Extent {
    /// It does not undo the parcels that have left, or what pays for them.
    #[default]
    Unshipped,
    /// It undoes everything, as it was requested.
    Everything,
    /// It undoes everything, because the shop asked for that later.
    Widened {
        /// The shop's reference for that.
        reference: String,
        /// The reason, in the shop's words.
        reason: Option<String>,
    },
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
    /// No money is held or kept, except what pays for parcels that had left and that are not undone.
    Done {
        /// When this was reached.
        at: Timestamp,
        /// When the operator is reminded of what appeared afterwards, until that is undone too.
        remind_at: Option<Timestamp>,
    },
}

impl Cancellation {
    /// Whether it does not undo the parcels that have left.
    #[must_use]
    pub const fn leaves_shipped(&self) -> bool {
        match self.extent {
            Extent::Unshipped => true,
            Extent::Everything | Extent::Widened { .. } => false,
        }
    }

    /// Whether a reference of the shop's names it.
    #[must_use]
    pub fn is_named(&self, name: &str) -> bool {
        let widened = match &self.extent {
            Extent::Widened { reference, .. } => reference == name,
            Extent::Unshipped | Extent::Everything => false,
        };
        self.reference == name || widened
    }

    /// When it is due.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            CancellationState::Requested { remind_at, .. } => Some(remind_at),
            CancellationState::Done { remind_at, .. } => remind_at,
        }
    }
}
