//! The Charge Permission of a payment, as far as it is known and as Amazon shows it.

use alloc::string::String;

use super::amount_view::AmountView;
use crate::merchant::call::LookSchedule;
use crate::money::Money;
use crate::time::Timestamp;

/// The permission as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Whether it can be charged.
    pub state: PermissionState,
    /// When to look at it, if there is a reason to.
    pub look: Option<LookSchedule>,
}

/// Whether a permission can be charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermissionState {
    /// It can, or nobody has seen that it cannot.
    Chargeable,
    /// It cannot be charged now; Amazon's reason.
    NonChargeable(String),
    /// It can never be charged again; Amazon's reason.
    Closed(String),
}

/// Amazon's reason for a permission whose remaining amount is held by an open authorization.
const CHARGE_IN_PROGRESS: &str = "ChargeInProgress";
/// Amazon's reason for a permission whose whole limit was captured.
const NOTHING_LEFT: &str = "TransactionAmountExceeded";
/// Amazon's reason for a permission that it closed because everything was captured.
const ALL_CAPTURED: &str = "AmazonClosed";

/// What a permission that Amazon calls `NonChargeable` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// An open authorization holds all that is left: nobody has to do anything.
    ChargeInProgress,
    /// Nothing: its whole limit was captured. It cannot be charged any more, but can still be closed.
    Spent,
    /// Its buyer, who has to choose another payment method.
    Buyer,
}

impl PermissionState {
    /// What keeps it from being charged, if it is `NonChargeable`.
    #[must_use]
    pub fn hindrance(&self) -> Option<Hindrance> {
        match self {
            Self::NonChargeable(reason) => Some(match reason.as_str() {
                CHARGE_IN_PROGRESS => Hindrance::ChargeInProgress,
                NOTHING_LEFT => Hindrance::Spent,
                _ => Hindrance::Buyer,
            }),
            Self::Chargeable | Self::Closed(_) => None,
        }
    }

    /// Amazon's name of the state.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Chargeable => "Chargeable",
            Self::NonChargeable(_) => "NonChargeable",
            Self::Closed(_) => "Closed",
        }
    }

    /// Amazon's reason, if it has one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Chargeable => None,
            Self::NonChargeable(reason) | Self::Closed(reason) => Some(reason),
        }
    }
}

/// A permission and its money as Amazon shows them, even if it is not known who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionMoney {
    /// Its state.
    pub state: PermissionState,
    /// `creationTimestamp`.
    pub created_at: Option<Timestamp>,
    /// `limits.amountLimit`.
    pub limit: AmountView,
    /// `limits.amountBalance`: what can still be charged.
    pub balance: AmountView,
}

impl PermissionMoney {
    /// How much of it is held or captured, if Amazon shows that.
    #[must_use]
    pub fn used(&self) -> Option<Money> {
        let (limit, balance) = (self.limit.shown()?, self.balance.shown()?);
        limit.checked_sub(balance)
    }

    /// Whether everything that was used is known to be captured.
    #[must_use]
    pub fn is_spent(&self) -> bool {
        match &self.state {
            PermissionState::Chargeable => false,
            PermissionState::NonChargeable(reason) => reason == NOTHING_LEFT,
            PermissionState::Closed(reason) => reason == ALL_CAPTURED,
        }
    }
}

/// A permission as Amazon shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionView {
    /// Its state.
    pub state: PermissionState,
}
