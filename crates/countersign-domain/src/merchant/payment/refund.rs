//! A refund, as far as it is known and as Amazon shows it. States only move forward:
//!
//! ```text
//! RefundInitiated ─▶ Refunded | Declined
//! ```

use alloc::string::String;

use crate::ids::{ChargeId, RefundId};
use crate::merchant::call::LookSchedule;
use crate::merchant::rules::COPY_LIFETIME;
use crate::money::Money;
use crate::time::Timestamp;

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// The amount.
    pub amount: Money,
    /// Its state.
    pub state: RefundState,
    /// When to look at it.
    pub look: Option<LookSchedule>,
    /// When it became final, if it was known here before.
    pub decided_at: Option<Timestamp>,
    /// When it was first heard of, if that is kept.
    pub known_at: Option<Timestamp>,
}

impl Refund {
    /// Whether Amazon's answers about its charge certainly include it at this instant: it was made, and no
    /// replica can be without it any more.
    pub(super) fn is_counted(&self, now: Timestamp) -> bool {
        self.state == RefundState::Refunded
            && self.decided_at.is_none_or(|decided_at| now.since(decided_at) >= COPY_LIFETIME)
    }
}

/// The state of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundState {
    /// Under way.
    RefundInitiated,
    /// The buyer has the money.
    Refunded,
    /// The buyer does not get the money; Amazon's reason. Its part of the budget is free again.
    Declined(Option<String>),
}

impl RefundState {
    /// Amazon's name of the state.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RefundInitiated => "RefundInitiated",
            Self::Refunded => "Refunded",
            Self::Declined(_) => "Declined",
        }
    }

    /// Amazon's reason, if it gave one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Declined(reason) => reason.as_deref(),
            Self::RefundInitiated | Self::Refunded => None,
        }
    }
}

/// A refund as Amazon shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundView {
    /// Its id.
    pub id: RefundId,
    /// The charge that it belongs to.
    pub charge_id: ChargeId,
    /// The amount.
    pub amount: Money,
    /// Its state.
    pub state: RefundState,
}
