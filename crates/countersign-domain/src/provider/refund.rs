//! The Refund: money given back of a Captured charge. Always asynchronous.
//!
//! ```text
//! RefundInitiated ──decided──▶ Refunded
//!                 └──────────▶ Declined
//! ```
//!
//! A refund is asked for by [`super::create_refund`].

use alloc::string::String;

use super::event::{Event, Happened};
pub use super::reason::RefundDeclineReason;
use crate::ids::RefundId;
use crate::money::Money;
use crate::step::Step;
use crate::time::Timestamp;

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// How much.
    pub amount: Money,
    /// The text on the buyer's statement.
    pub soft_descriptor: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How far it is.
    pub state: RefundState,
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundState {
    /// It is under way.
    RefundInitiated {
        /// What will become of it: `None` when the buyer gets the money.
        decline: Option<RefundDeclineReason>,
        /// When.
        decided_at: Timestamp,
    },
    /// The buyer has the money.
    Refunded,
    /// The buyer has not.
    Declined {
        /// Why.
        reason: RefundDeclineReason,
    },
}

impl Refund {
    /// When it is decided, if it is not.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            RefundState::RefundInitiated { decided_at, .. } => Some(decided_at),
            RefundState::Refunded | RefundState::Declined { .. } => None,
        }
    }

    /// Decides it as of the instant at which that is due; `None` when it is decided.
    #[must_use]
    pub fn decide(&self) -> Option<Step<Self, Event>> {
        let RefundState::RefundInitiated { decline, decided_at } = self.state else { return None };
        let (state, what) = match decline {
            None => (RefundState::Refunded, Happened::Refunded(self.id.clone())),
            Some(reason) => {
                (RefundState::Declined { reason }, Happened::RefundDeclined(self.id.clone(), reason))
            }
        };
        let next = Self { state, updated_at: decided_at, ..self.clone() };
        Some(Step::one(next, Event::new(decided_at, what)))
    }

    /// Whether it counts: neither in the ceiling nor in the number once it is declined.
    #[must_use]
    pub const fn counts(&self) -> bool {
        match self.state {
            RefundState::RefundInitiated { .. } | RefundState::Refunded => true,
            RefundState::Declined { .. } => false,
        }
    }
}
