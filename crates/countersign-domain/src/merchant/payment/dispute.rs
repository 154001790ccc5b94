//! A dispute: a buyer has asked the bank, or Amazon, for a payment back. Amazon notifies of it; how it ends is
//! shown by Seller Central, and a person says so here.
//!
//! ```text
//! Open ──a person──▶ Won | Lost
//! ```
//!
//! While one is open nothing ships, and no rule refunds or cancels anything: the buyer could get the money
//! twice. What is lost went back to the buyer. As long as its amount is not known, the whole charge counts; as
//! long as its charge is not known, it concerns every charge.

use crate::ids::{ChargeId, DisputeId};
use crate::money::Money;
use crate::time::Timestamp;

/// A dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// Its id, as Amazon has notified of it.
    pub id: DisputeId,
    /// The charge that it is about, if it is known.
    pub charge_id: Option<ChargeId>,
    /// The disputed amount, if it is known.
    pub amount: Option<Money>,
    /// When it became known here.
    pub opened_at: Timestamp,
    /// Its state.
    pub state: DisputeState,
}

/// The state of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeState {
    /// Nobody has said how it ended.
    Open {
        /// When the operator is reminded.
        remind_at: Timestamp,
    },
    /// The shop keeps the money.
    Won {
        /// When a person said so.
        at: Timestamp,
    },
    /// The buyer has the money back.
    Lost {
        /// When a person said so.
        at: Timestamp,
    },
}

impl DisputeState {
    /// The state's name, as it appears in answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open { .. } => "Open",
            Self::Won { .. } => "Won",
            Self::Lost { .. } => "Lost",
        }
    }

    /// When it was settled, if it was.
    #[must_use]
    pub const fn settled_at(self) -> Option<Timestamp> {
        match self {
            Self::Open { .. } => None,
            Self::Won { at } | Self::Lost { at } => Some(at),
        }
    }

    pub(super) const fn is_open(self) -> bool {
        self.settled_at().is_none()
    }
}

impl Dispute {
    /// When it is due.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            DisputeState::Open { remind_at } => Some(remind_at),
            DisputeState::Won { .. } | DisputeState::Lost { .. } => None,
        }
    }

    pub(in crate::merchant) fn concerns(&self, id: &ChargeId) -> bool {
        self.charge_id.as_ref().is_none_or(|named| named == id)
    }
}
