//! A refund, as far as it is known and as Amazon shows it. States only move forward:
//!
//! ```text
//! RefundInitiated ─▶ Refunded | Declined
//! ```

use alloc::string::String;

use crate::ids::{ChargeId, RefundId};
use crate::merchant::call::LookSchedule;
use crate::money::Money;

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
