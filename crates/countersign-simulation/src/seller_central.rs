//! What Seller Central shows to persons, and no call of Amazon's does: how disputes end, and what an operation has
//! done.

use std::time::Duration;

use crate::documents::{Dispute, DisputeState};

/// A dispute, as Amazon decides it.
pub(crate) struct TrueDispute {
    pub(crate) charge_id: String,
    pub(crate) ends_at: Duration,
    /// How many thousandths of what is kept the shop loses.
    pub(crate) share: u64,
    /// Known from its end on.
    pub(crate) end: Option<DisputeEnd>,
}

/// How a dispute has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DisputeEnd {
    /// The shop keeps the money.
    Won,
    /// The buyer has this amount back.
    Lost(u64, String),
}

impl DisputeEnd {
    /// Whether the merchant half has it like this.
    pub(crate) fn is_kept(&self, dispute: &Dispute) -> bool {
        match (self, &dispute.state) {
            (Self::Won, DisputeState::Won {}) => true,
            (Self::Lost(minor, _), DisputeState::Lost {}) => {
                dispute.amount.as_ref().is_some_and(|(kept, _)| kept == minor)
            }
            (Self::Won | Self::Lost(..), _) => false,
        }
    }
}

/// What an operation has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TrueEffect {
    /// The charge that it has made.
    pub(crate) charge_id: Option<String>,
    /// The refund that it has made.
    pub(crate) refund_id: Option<String>,
}
