//! The Charge Permission: the buyer's permission to charge up to a limit and, for 30 days, the buyer's data.
//!
//! ```text
//! Chargeable ⇄ NonChargeable (a charge holds all that is left; the payment method was declined)
//!      └──────────┴──closed by merchant, buyer or Amazon, all captured, 180 days or 13 months──▶ Closed
//! ```
//!
//! A Closed permission can no longer be charged. Its open charges stay as they are and can be captured,
//! unless it was closed with `cancelPendingCharges` (docs/compatibility.md).
//!
//! Update, and the buyer's choice of another payment method, have one check each: the permission is not
//! Closed. That it exists and is the caller's is checked earlier:
//!
//! | command | refused as |
//! |---|---|
//! | [`update`] | [`PermissionClosed`], 422 `ChargePermissionNotModifiable` |
//! | [`update_payment_method`] | [`PermissionClosed`] |
//!
//! Closing it, which may cancel its charges too, is in [`super::close_charge_permission`].

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::buyer::{Buyer, Card};
use super::checkout_session::Owner;
use super::event::{Event, EventKind};
use super::ledger::Balances;
use super::reason::ChargeDeclineReason;
pub use super::reason::{ClosureReason, NonChargeableReason};
use crate::amazon_limits::BUYER_READABLE;
use crate::ids::{ChargeId, ChargePermissionId, CheckoutSessionId};
use crate::money::Money;
use crate::step::Step;
use crate::terms::MerchantMetadata;
use crate::time::Timestamp;

/// The buyer's permission to charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargePermission {
    /// Its id; the 14 digits are the prefix of its charges' ids.
    pub id: ChargePermissionId,
    /// The session that led to it.
    pub checkout_session_id: CheckoutSessionId,
    /// Its owner.
    pub owner: Owner,
    /// The most that all its charges together may take.
    pub limit: Money,
    /// Where its money is. `available + held + taken` never exceeds `limit` plus the overcharge.
    pub balances: Balances,
    /// How many charges it has had, declined ones not counted; never more than 25.
    pub charge_count: u32,
    /// Whether a capture may exceed its authorization, as the session said.
    pub allow_overcharge: bool,
    /// Charges with a deadline, including the deadlines of their refunds.
    pub open_charges: Vec<ChargeId>,
    /// The buyer, for as long as the merchant may read the data.
    pub buyer: Option<Box<Buyer>>,
    /// The merchant's notes.
    pub merchant_metadata: MerchantMetadata,
    /// A solution provider's merchant id, as the session had it.
    pub platform_id: Option<String>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it closes automatically.
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

/// The permission is Closed: its notes cannot change, and no buyer can make it chargeable again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PermissionClosed;

/// A step of a permission.
pub type ChargePermissionStep = Step<ChargePermission, Event>;

impl ChargePermission {
    /// What can still be charged.
    #[must_use]
    pub const fn balance(&self) -> Money {
        self.balances.available
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
            return Some(Step::one(next, Event::new(at, EventKind::BuyerForgotten(self.id.clone()))));
        }
        let mut next = self.clone();
        let event = next.enter(ChargePermissionState::Closed { reason: ClosureReason::Expired }, at);
        Some(Step { next, events: event.into_iter().collect() })
    }

    /// Enters the state that follows from its money and from how its last charge ended.
    pub(super) fn update_state(
        &mut self,
        declined: Option<ChargeDeclineReason>,
        at: Timestamp,
    ) -> Option<Event> {
        let state = next_state(self, declined)?;
        self.enter(state, at)
    }

    /// Enters a state; returns the event if the state has changed.
    pub(super) fn enter(&mut self, state: ChargePermissionState, at: Timestamp) -> Option<Event> {
        if self.state == state {
            return None;
        }
        let id = self.id.clone();
        let what = match &state {
            ChargePermissionState::Chargeable => EventKind::ChargePermissionChargeable(id),
            ChargePermissionState::NonChargeable { reason } => {
                EventKind::ChargePermissionNonChargeable(id, *reason)
            }
            ChargePermissionState::Closed { reason } => EventKind::ChargePermissionClosed(id, *reason),
        };
        self.state = state;
        self.updated_at = at;
        Some(Event::new(at, what))
    }
}

/// Whether a permission can be charged, by what is left and by how its last charge ended; `None` for a closed
/// one, which stays closed.
fn next_state(
    permission: &ChargePermission,
    declined: Option<ChargeDeclineReason>,
) -> Option<ChargePermissionState> {
    if let ChargePermissionState::Closed { .. } = permission.state {
        return None;
    }
    if permission.balances.available.is_zero() && permission.balances.held.is_zero() {
        return Some(ChargePermissionState::Closed { reason: ClosureReason::AmazonClosed });
    }
    let invalid = ChargePermissionState::NonChargeable { reason: NonChargeableReason::PaymentMethodInvalid };
    match declined {
        Some(ChargeDeclineReason::AmazonRejected) => {
            return Some(ChargePermissionState::Closed { reason: ClosureReason::AmazonCanceled });
        }
        Some(ChargeDeclineReason::HardDeclined) => return Some(invalid),
        Some(
            ChargeDeclineReason::SoftDeclined
            | ChargeDeclineReason::ProcessingFailure
            | ChargeDeclineReason::TransactionTimedOut,
        )
        | None => {}
    }
    // Only the buyer can fix this, by choosing another payment method.
    if permission.state == invalid {
        return Some(invalid);
    }
    Some(if permission.balance().is_zero() {
        ChargePermissionState::NonChargeable { reason: NonChargeableReason::ChargeInProgress }
    } else {
        ChargePermissionState::Chargeable
    })
}

/// Changes the merchant's notes, as of now: Update Charge Permission.
///
/// # Errors
/// [`PermissionClosed`] (422 `ChargePermissionNotModifiable`).
pub fn update(
    permission: &ChargePermission,
    notes: MerchantMetadata,
    now: Timestamp,
) -> Result<ChargePermissionStep, PermissionClosed> {
    if let ChargePermissionState::Closed { .. } = permission.state {
        return Err(PermissionClosed);
    }
    // Nothing below this line may fail.
    let merchant_metadata = permission.merchant_metadata.clone().updated(notes);
    let next = ChargePermission { merchant_metadata, updated_at: now, ..permission.clone() };
    let what = EventKind::ChargePermissionUpdated(permission.id.clone());
    Ok(Step::one(next, Event::new(now, what)))
}

/// The buyer chooses another payment method, as of now: if the permission was NonChargeable because of the
/// old one, it can be charged again. If only the card changes, nobody is notified. `None` if nothing changes.
///
/// # Errors
/// [`PermissionClosed`].
pub fn update_payment_method(
    permission: &ChargePermission,
    card: Card,
    now: Timestamp,
) -> Result<Option<ChargePermissionStep>, PermissionClosed> {
    let is_invalid = match permission.state {
        ChargePermissionState::Closed { .. } => return Err(PermissionClosed),
        ChargePermissionState::NonChargeable { reason: NonChargeableReason::PaymentMethodInvalid } => true,
        ChargePermissionState::Chargeable | ChargePermissionState::NonChargeable { .. } => false,
    };
    // Nothing below this line may fail.
    let mut next = permission.clone();
    if let Some(buyer) = &mut next.buyer {
        buyer.card = card;
    }
    let event = if !is_invalid {
        None
    } else if permission.balance().is_zero() {
        let reason = NonChargeableReason::ChargeInProgress;
        next.enter(ChargePermissionState::NonChargeable { reason }, now)
    } else {
        next.enter(ChargePermissionState::Chargeable, now)
    };
    Ok((next != *permission).then(|| Step { next, events: event.into_iter().collect() }))
}
