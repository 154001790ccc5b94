//! The Refund: money of a Captured charge that is returned to the buyer. Always asynchronous.
//!
//! ```text
//! RefundInitiated ──decided──▶ Refunded
//!                 └──────────▶ Declined
//! ```
//!
//! Refunds are requested with [`super::create_refund`].

use alloc::string::String;

use super::event::{Event, EventKind};
pub use super::reason::RefundDeclineReason;
use crate::ids::RefundId;
use crate::money::Money;
use crate::step::Step;
use crate::time::Timestamp;

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// The amount.
    pub amount: Money,
    /// The text on the buyer's statement.
    pub soft_descriptor: Option<String>,
    /// When it was requested.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Its state.
    pub state: RefundState,
}

/// The state of a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundState {
    /// It is under way.
    RefundInitiated {
        /// How it will end: `None` if the buyer gets the money.
        decline: Option<RefundDeclineReason>,
        /// When this is decided.
        decided_at: Timestamp,
    },
    /// The buyer has the money.
    Refunded,
    /// The buyer does not get the money.
    Declined {
        /// Why.
        reason: RefundDeclineReason,
    },
}

impl Refund {
    /// When it is decided, if it is not decided yet.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            RefundState::RefundInitiated { decided_at, .. } => Some(decided_at),
            RefundState::Refunded | RefundState::Declined { .. } => None,
        }
    }

    /// Decides it as of the instant at which that is due; `None` when it is already decided.
    #[must_use]
    pub fn decide(&self) -> Option<Step<Self, Event>> {
        let RefundState::RefundInitiated { decline, decided_at } = self.state else { return None };
        let (state, what) = match decline {
            None => (RefundState::Refunded, EventKind::Refunded(self.id.clone())),
            Some(reason) => {
                (RefundState::Declined { reason }, EventKind::RefundDeclined(self.id.clone(), reason))
            }
        };
        let next = Self { state, updated_at: decided_at, ..self.clone() };
        Some(Step::one(next, Event::new(decided_at, what)))
    }

    /// Whether it counts: a declined refund counts neither in the ceiling nor in the number.
    #[must_use]
    pub const fn counts(&self) -> bool {
        match self.state {
            RefundState::RefundInitiated { .. } | RefundState::Refunded => true,
            RefundState::Declined { .. } => false,
        }
    }
}
