//! What happened to Amazon's objects: the entries of the event log, in causal order.

use crate::ids::{ChargeId, ChargePermissionId};
use crate::time::Timestamp;

use super::charge::{ChargeCancelReason, ChargeDeclineReason};
use super::charge_permission::ClosureReason;
use super::checkout_session::SessionCancelReason;

/// One thing that happened, and when. A deadline that passed has the deadline's instant, not that
/// at which somebody noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: Happened,
}

impl Event {
    /// An event of that instant.
    #[must_use]
    pub const fn new(at: Timestamp, what: Happened) -> Self {
        Self { at, what }
    }
}

/// The things that can happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// A checkout began.
    CheckoutSessionCreated,
    /// The merchant changed it.
    CheckoutSessionUpdated,
    /// The buyer chose an address.
    AddressSelected,
    /// The buyer chose a delivery option.
    DeliveryOptionSelected,
    /// The buyer chose a card.
    CardSelected,
    /// The buyer passed the bank's check.
    MfaPassed,
    /// The buyer placed the order: it can be finalized now.
    OrderPlaced,
    /// The payment intent was carried out.
    CheckoutSessionCompleted,
    /// It never will be.
    CheckoutSessionCanceled(SessionCancelReason),
    /// 30 days have passed.
    CheckoutSessionDeleted,
    /// A permission came into being.
    ChargePermissionCreated(ChargePermissionId),
    /// Its buyer's data can no longer be read.
    BuyerForgotten(ChargePermissionId),
    /// It can no longer be charged.
    ChargePermissionClosed(ChargePermissionId, ClosureReason),
    /// An authorization is pending.
    ChargeAuthorizationInitiated(ChargeId),
    /// Money is held.
    ChargeAuthorized(ChargeId),
    /// Money was taken.
    ChargeCaptured(ChargeId),
    /// No money is held any more, and none was taken.
    ChargeCanceled(ChargeId, ChargeCancelReason),
    /// The bank or Amazon said no.
    ChargeDeclined(ChargeId, ChargeDeclineReason),
}

/// What happened, in the words of the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The event's type.
    pub name: &'static str,
    /// Amazon's reason code, where the event has one.
    pub reason: Option<&'static str>,
    /// The permission that it happened to, if it did to one.
    pub charge_permission_id: Option<&'a ChargePermissionId>,
    /// The charge that it happened to, if it did to one.
    pub charge_id: Option<&'a ChargeId>,
}

impl Happened {
    /// What happened, in the words of the event log.
    #[must_use]
    pub const fn entry(&self) -> Entry<'_> {
        let (name, reason, charge_permission_id, charge_id) = match self {
            Self::CheckoutSessionCreated => ("CheckoutSessionCreated", None, None, None),
            Self::CheckoutSessionUpdated => ("CheckoutSessionUpdated", None, None, None),
            Self::AddressSelected => ("AddressSelected", None, None, None),
            Self::DeliveryOptionSelected => ("DeliveryOptionSelected", None, None, None),
            Self::CardSelected => ("CardSelected", None, None, None),
            Self::MfaPassed => ("MfaPassed", None, None, None),
            Self::OrderPlaced => ("OrderPlaced", None, None, None),
            Self::CheckoutSessionCompleted => ("CheckoutSessionCompleted", None, None, None),
            Self::CheckoutSessionCanceled(reason) => {
                ("CheckoutSessionCanceled", Some(reason.as_str()), None, None)
            }
            Self::CheckoutSessionDeleted => ("CheckoutSessionDeleted", None, None, None),
            Self::ChargePermissionCreated(id) => ("ChargePermissionCreated", None, Some(id), None),
            Self::BuyerForgotten(id) => ("BuyerForgotten", None, Some(id), None),
            Self::ChargePermissionClosed(id, reason) => {
                ("ChargePermissionClosed", Some(reason.as_str()), Some(id), None)
            }
            Self::ChargeAuthorizationInitiated(id) => ("ChargeAuthorizationInitiated", None, None, Some(id)),
            Self::ChargeAuthorized(id) => ("ChargeAuthorized", None, None, Some(id)),
            Self::ChargeCaptured(id) => ("ChargeCaptured", None, None, Some(id)),
            Self::ChargeCanceled(id, reason) => ("ChargeCanceled", Some(reason.as_str()), None, Some(id)),
            Self::ChargeDeclined(id, reason) => ("ChargeDeclined", Some(reason.as_str()), None, Some(id)),
        };
        Entry { name, reason, charge_permission_id, charge_id }
    }
}
