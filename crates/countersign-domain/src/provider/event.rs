//! What happened to Amazon's objects: the entries of the event log, in causal order.

use alloc::vec::Vec;

use super::ledger::Posting;
use super::reason::{
    ChargeCancelReason, ChargeDeclineReason, ClosureReason, NonChargeableReason, RefundDeclineReason,
    SessionCancelReason,
};
use crate::ids::{ChargeId, ChargePermissionId, RefundId};
use crate::money::Money;
use crate::terms::words;
use crate::time::Timestamp;

/// One thing that happened, and when. A deadline that passed has the deadline's instant, not that
/// at which somebody noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Happened,
    /// The money that moved by it: the log alone gives a permission's balances again.
    pub postings: Vec<Posting>,
}

impl Event {
    /// An event of that instant, by which no money moved.
    #[must_use]
    pub const fn new(at: Timestamp, what: Happened) -> Self {
        Self { at, what, postings: Vec::new() }
    }
}

/// The things that can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// A checkout began.
    CheckoutSessionCreated,
    /// The merchant changed it, or its amounts follow what the shop's page answered.
    CheckoutSessionUpdated,
    /// A buyer logged in.
    SignedIn,
    /// The buyer agreed to share what the shop asks for.
    ConsentGiven,
    /// The buyer was shown the shop's totals: so much is to be charged.
    CartShown(Money),
    /// The shop's page gave no answer that can be used.
    HandlerFailed(HandlerFailure),
    /// The buyer chose an address.
    AddressSelected,
    /// The buyer chose a delivery option.
    DeliveryOptionSelected,
    /// The buyer chose a card.
    CardSelected,
    /// The bank asks the buyer to confirm the payment.
    MfaStarted,
    /// The buyer passed the bank's check.
    MfaPassed,
    /// The bank declined on Amazon's page; another card may do.
    PaymentDeclined,
    /// The buyer placed the order: it can be finalized now.
    OrderPlaced,
    /// The shop's page says that the checkout is done.
    CheckoutConfirmed,
    /// The payment intent was carried out.
    CheckoutSessionCompleted,
    /// It never will be.
    CheckoutSessionCanceled(SessionCancelReason),
    /// 30 days have passed.
    CheckoutSessionDeleted,
    /// A permission came into being.
    ChargePermissionCreated(ChargePermissionId),
    /// The merchant changed its notes.
    ChargePermissionUpdated(ChargePermissionId),
    /// It can be charged again.
    ChargePermissionChargeable(ChargePermissionId),
    /// It cannot be charged now.
    ChargePermissionNonChargeable(ChargePermissionId, NonChargeableReason),
    /// Its buyer's data can no longer be read.
    BuyerForgotten(ChargePermissionId),
    /// It can no longer be charged.
    ChargePermissionClosed(ChargePermissionId, ClosureReason),
    /// A charge under it was declined before it came into being.
    ChargeRefused(ChargePermissionId, ChargeDeclineReason),
    /// An authorization is pending.
    ChargeAuthorizationInitiated(ChargeId, Money),
    /// Money is held.
    ChargeAuthorized(ChargeId, Money),
    /// So much is being captured.
    ChargeCaptureInitiated(ChargeId, Money),
    /// Money was taken.
    ChargeCaptured(ChargeId, Money),
    /// No money is held any more, and none was taken.
    ChargeCanceled(ChargeId, ChargeCancelReason),
    /// The bank or Amazon said no.
    ChargeDeclined(ChargeId, ChargeDeclineReason),
    /// So much is being given back.
    RefundInitiated(RefundId, Money),
    /// The buyer has it back.
    Refunded(RefundId),
    /// The buyer has not.
    RefundDeclined(RefundId, RefundDeclineReason),
}

words! {
    /// Why the answer of a button's event handler is of no use.
    HandlerFailure {
        /// It reports an error by a code.
        ErrorReported,
        /// It threw, or answered nothing.
        NoAnswer,
        /// It did not answer in time.
        TimedOut,
        /// Its answer breaks a rule.
        InvalidAnswer,
    }
}

words! {
    /// The kinds of objects that Amazon's notifications are about, in the words of the event log; on
    /// the wire they are spelled `CHARGE_PERMISSION`, `CHARGE` and `REFUND`.
    NotifiedObject {
        /// A Charge Permission.
        ChargePermission,
        /// A Charge.
        Charge,
        /// A Refund.
        Refund,
    }
}

/// What happened, in the words of the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entry<'a> {
    /// The event's type.
    pub name: &'static str,
    /// Amazon's reason code, or this project's word, where the event has one.
    pub reason: Option<&'static str>,
    /// The permission that it happened to, if it did to one.
    pub charge_permission_id: Option<&'a ChargePermissionId>,
    /// The charge that it happened to, if it did to one.
    pub charge_id: Option<&'a ChargeId>,
    /// The refund that it happened to, if it did to one.
    pub refund_id: Option<&'a RefundId>,
    /// How much it was about, where it says so.
    pub amount: Option<Money>,
}

impl Happened {
    /// What happened, in the words of the event log.
    #[must_use]
    pub fn entry(&self) -> Entry<'_> {
        let plain = |name| Entry { name, ..Entry::default() };
        let permission =
            |name, id, reason| Entry { name, charge_permission_id: Some(id), reason, ..Entry::default() };
        let charge = |name, id, amount| Entry { name, charge_id: Some(id), amount, ..Entry::default() };
        let refund = |name, id| Entry { name, refund_id: Some(id), ..Entry::default() };
        match self {
            Self::CheckoutSessionCreated => plain("CheckoutSessionCreated"),
            Self::CheckoutSessionUpdated => plain("CheckoutSessionUpdated"),
            Self::SignedIn => plain("SignedIn"),
            Self::ConsentGiven => plain("ConsentGiven"),
            Self::CartShown(amount) => Entry { amount: Some(*amount), ..plain("CartShown") },
            Self::HandlerFailed(failure) => {
                Entry { reason: Some(failure.as_str()), ..plain("HandlerFailed") }
            }
            Self::AddressSelected => plain("AddressSelected"),
            Self::DeliveryOptionSelected => plain("DeliveryOptionSelected"),
            Self::CardSelected => plain("CardSelected"),
            Self::MfaStarted => plain("MfaStarted"),
            Self::MfaPassed => plain("MfaPassed"),
            Self::PaymentDeclined => plain("PaymentDeclined"),
            Self::OrderPlaced => plain("OrderPlaced"),
            Self::CheckoutConfirmed => plain("CheckoutConfirmed"),
            Self::CheckoutSessionCompleted => plain("CheckoutSessionCompleted"),
            Self::CheckoutSessionCanceled(reason) => {
                Entry { reason: Some(reason.as_str()), ..plain("CheckoutSessionCanceled") }
            }
            Self::CheckoutSessionDeleted => plain("CheckoutSessionDeleted"),
            Self::ChargePermissionCreated(id) => permission("ChargePermissionCreated", id, None),
            Self::ChargePermissionUpdated(id) => permission("ChargePermissionUpdated", id, None),
            Self::ChargePermissionChargeable(id) => permission("ChargePermissionChargeable", id, None),
            Self::ChargePermissionNonChargeable(id, reason) => {
                permission("ChargePermissionNonChargeable", id, Some(reason.as_str()))
            }
            Self::BuyerForgotten(id) => permission("BuyerForgotten", id, None),
            Self::ChargePermissionClosed(id, reason) => {
                permission("ChargePermissionClosed", id, Some(reason.as_str()))
            }
            Self::ChargeRefused(id, reason) => permission("ChargeRefused", id, Some(reason.as_str())),
            Self::ChargeAuthorizationInitiated(id, amount) => {
                charge("ChargeAuthorizationInitiated", id, Some(*amount))
            }
            Self::ChargeAuthorized(id, amount) => charge("ChargeAuthorized", id, Some(*amount)),
            Self::ChargeCaptureInitiated(id, amount) => charge("ChargeCaptureInitiated", id, Some(*amount)),
            Self::ChargeCaptured(id, amount) => charge("ChargeCaptured", id, Some(*amount)),
            Self::ChargeCanceled(id, reason) => {
                Entry { reason: Some(reason.as_str()), ..charge("ChargeCanceled", id, None) }
            }
            Self::ChargeDeclined(id, reason) => {
                Entry { reason: Some(reason.as_str()), ..charge("ChargeDeclined", id, None) }
            }
            Self::RefundInitiated(id, amount) => {
                Entry { amount: Some(*amount), ..refund("RefundInitiated", id) }
            }
            Self::Refunded(id) => refund("Refunded", id),
            Self::RefundDeclined(id, reason) => {
                Entry { reason: Some(reason.as_str()), ..refund("RefundDeclined", id) }
            }
        }
    }

    /// The object that Amazon notifies of, with its id, if this is something that it notifies of: a
    /// charge or refund that is decided, a permission whose state changes. That a charge which was not
    /// pending notifies too is this project's choice (docs/compatibility.md).
    #[must_use]
    pub fn notifies_of(&self) -> Option<(NotifiedObject, &str)> {
        match self {
            Self::ChargePermissionChargeable(id)
            | Self::ChargePermissionNonChargeable(id, _)
            | Self::ChargePermissionClosed(id, _) => Some((NotifiedObject::ChargePermission, id.as_str())),
            Self::ChargeAuthorized(id, _)
            | Self::ChargeCaptured(id, _)
            | Self::ChargeCanceled(id, _)
            | Self::ChargeDeclined(id, _) => Some((NotifiedObject::Charge, id.as_str())),
            Self::Refunded(id) | Self::RefundDeclined(id, _) => Some((NotifiedObject::Refund, id.as_str())),
            Self::CheckoutSessionCreated
            | Self::CheckoutSessionUpdated
            | Self::SignedIn
            | Self::ConsentGiven
            | Self::CartShown(_)
            | Self::HandlerFailed(_)
            | Self::AddressSelected
            | Self::DeliveryOptionSelected
            | Self::CardSelected
            | Self::MfaStarted
            | Self::MfaPassed
            | Self::PaymentDeclined
            | Self::OrderPlaced
            | Self::CheckoutConfirmed
            | Self::CheckoutSessionCompleted
            | Self::CheckoutSessionCanceled(_)
            | Self::CheckoutSessionDeleted
            | Self::ChargePermissionCreated(_)
            | Self::ChargePermissionUpdated(_)
            | Self::BuyerForgotten(_)
            | Self::ChargeRefused(..)
            | Self::ChargeAuthorizationInitiated(..)
            | Self::ChargeCaptureInitiated(..)
            | Self::RefundInitiated(..) => None,
        }
    }
}
