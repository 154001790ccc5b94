//! The ids of Amazon's that an order holds, and what is remembered of one that was answered for another act as
//! well. An id belongs to one act of one order: the rules are in `after/contest.rs`.

use crate::ids::{ChargeId, ChargePermissionId, RefundId};
use crate::merchant::call::LookSchedule;
use crate::time::Timestamp;

/// An id of Amazon's that one order holds, and no other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClaimedId {
    /// A Charge Permission.
    Permission(ChargePermissionId),
    /// A charge.
    Charge(ChargeId),
    /// A refund.
    Refund(RefundId),
}

/// An id of Amazon's, where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::merchant) enum IdRef<'a> {
    Permission(&'a ChargePermissionId),
    Charge(&'a ChargeId),
    Refund(&'a RefundId),
}

impl IdRef<'_> {
    pub(in crate::merchant) fn to_claimed(self) -> ClaimedId {
        match self {
            Self::Permission(id) => ClaimedId::Permission(id.clone()),
            Self::Charge(id) => ClaimedId::Charge(id.clone()),
            Self::Refund(id) => ClaimedId::Refund(id.clone()),
        }
    }

    pub(in crate::merchant) fn as_str(&self) -> &str {
        match self {
            Self::Permission(id) => id.as_str(),
            Self::Charge(id) => id.as_str(),
            Self::Refund(id) => id.as_str(),
        }
    }

    pub(in crate::merchant) const fn kind(self) -> &'static str {
        match self {
            Self::Permission(_) => "permission",
            Self::Charge(_) => "charge",
            Self::Refund(_) => "refund",
        }
    }
}

impl ClaimedId {
    pub(in crate::merchant) const fn as_ref(&self) -> IdRef<'_> {
        match self {
            Self::Permission(id) => IdRef::Permission(id),
            Self::Charge(id) => IdRef::Charge(id),
            Self::Refund(id) => IdRef::Refund(id),
        }
    }

    /// The id as it is on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Permission(id) => id.as_str(),
            Self::Charge(id) => id.as_str(),
            Self::Refund(id) => id.as_str(),
        }
    }

    /// What it is the id of, in one word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        self.as_ref().kind()
    }
}

/// An id of a payment that Amazon has answered for another order as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contest {
    /// The id.
    pub id: ClaimedId,
    /// Who has claimed it.
    pub holder: Holder,
    /// Whether Amazon has shown whose it is.
    pub state: ContestState,
}

/// Who has claimed an id: the claim decides which of two orders may keep it if the sessions of both name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// This order.
    ThisOrder,
    /// Another order.
    AnotherOrder,
}

/// Whether Amazon has shown whose an id is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContestState {
    /// Not yet: nothing ships, and nothing is sent for the payment.
    Open {
        /// When to look: at the session that names it or, for what an operation made, at the object.
        look: LookSchedule,
    },
    /// Amazon has shown that it is this order's. Another answer with it is not this order's concern.
    Settled {
        /// When.
        at: Timestamp,
    },
}

impl Contest {
    /// Whether it is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.look().is_some()
    }

    /// Whether it is open, and another order has claimed the id.
    #[must_use]
    pub fn is_unclaimed(&self) -> bool {
        self.is_open() && self.holder == Holder::AnotherOrder
    }

    /// When to look; `None` once it is settled.
    #[must_use]
    pub const fn look(&self) -> Option<LookSchedule> {
        match self.state {
            ContestState::Open { look } => Some(look),
            ContestState::Settled { .. } => None,
        }
    }
}
