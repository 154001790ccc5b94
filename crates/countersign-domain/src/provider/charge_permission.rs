//! The Charge Permission: the buyer's leave to charge up to a limit, and for 30 days the buyer's
//! data.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::buyer::Buyer;
use super::checkout_session::Owner;
use super::event::{Event, Happened};
use super::profile::BUYER_READABLE;
use crate::ids::{ChargeId, ChargePermissionId, CheckoutSessionId};
use crate::money::Money;
use crate::step::Step;
use crate::terms::{MerchantMetadata, words};
use crate::time::Timestamp;

/// The buyer's leave to charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargePermission {
    /// Its id; the 14 digits are the prefix of its charges' ids.
    pub id: ChargePermissionId,
    /// The session that led to it.
    pub checkout_session_id: CheckoutSessionId,
    /// Whose it is.
    pub owner: Owner,
    /// The most that all its charges together may take.
    pub limit: Money,
    /// What open charges hold.
    pub held: Money,
    /// What was taken. `held + captured` never exceeds `limit`.
    pub captured: Money,
    /// Charges that hold money: those with a deadline.
    pub open_charges: Vec<ChargeId>,
    /// The buyer, for as long as the merchant may read of them.
    pub buyer: Option<Box<Buyer>>,
    /// The merchant's notes.
    pub merchant_metadata: MerchantMetadata,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it closes by itself.
    pub expires_at: Timestamp,
    /// Whether it can be charged.
    pub state: ChargePermissionState,
}

/// Whether a permission can be charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargePermissionState {
    /// It can.
    Chargeable,
    /// Not now.
    NonChargeable {
        /// Why.
        reason: NonChargeableReason,
    },
    /// Never again.
    Closed {
        /// Why.
        reason: ClosureReason,
    },
}

words! {
    /// Why a permission cannot be charged now.
    NonChargeableReason {
        /// An open charge holds all that is left.
        ChargeInProgress,
        /// The last charge was declined: the buyer must name another payment method.
        PaymentMethodInvalid,
    }
}

words! {
    /// Why a permission is Closed.
    ClosureReason {
        /// The merchant closed it.
        MerchantClosed,
        /// The buyer closed it.
        BuyerClosed,
        /// Amazon closed it: everything was captured.
        AmazonClosed,
        /// Amazon canceled it.
        AmazonCanceled,
        /// Its time is over.
        Expired,
    }
}

/// A step of a permission.
pub type ChargePermissionStep = Step<ChargePermission, Event>;

impl ChargePermission {
    /// What can still be charged.
    #[must_use]
    pub fn balance(&self) -> Money {
        let left = self.limit.checked_sub(self.held).and_then(|left| left.checked_sub(self.captured));
        left.unwrap_or(Money::zero(self.limit.currency()))
    }

    /// When the buyer's data can no longer be read.
    #[must_use]
    pub fn buyer_forgotten_at(&self) -> Timestamp {
        self.created_at.plus(BUYER_READABLE)
    }

    /// Its own earliest deadline; its charges have theirs.
    #[must_use]
    pub fn due_at(&self) -> Option<Timestamp> {
        let forgets = self.buyer.is_some().then(|| self.buyer_forgotten_at());
        let closes = match self.state {
            ChargePermissionState::Chargeable | ChargePermissionState::NonChargeable { .. } => {
                Some(self.expires_at)
            }
            ChargePermissionState::Closed { .. } => None,
        };
        [forgets, closes].into_iter().flatten().min()
    }

    /// Applies its own earliest deadline as of that instant; `None` when there is none.
    #[must_use]
    pub fn expire(&self) -> Option<ChargePermissionStep> {
        let at = self.due_at()?;
        if self.buyer.is_some() && at == self.buyer_forgotten_at() {
            let next = Self { buyer: None, ..self.clone() };
            return Some(Step::one(next, Event::new(at, Happened::BuyerForgotten(self.id.clone()))));
        }
        Some(self.clone().closed(ClosureReason::Expired, at))
    }

    pub(super) fn closed(self, reason: ClosureReason, at: Timestamp) -> ChargePermissionStep {
        let what = Happened::ChargePermissionClosed(self.id.clone(), reason);
        let next = Self { state: ChargePermissionState::Closed { reason }, updated_at: at, ..self };
        Step::one(next, Event::new(at, what))
    }
}
