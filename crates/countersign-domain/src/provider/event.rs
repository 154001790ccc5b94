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

impl Happened {
    /// The event's type, as the event log carries it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CheckoutSessionCreated => "CheckoutSessionCreated",
            Self::CheckoutSessionUpdated => "CheckoutSessionUpdated",
            Self::AddressSelected => "AddressSelected",
            Self::DeliveryOptionSelected => "DeliveryOptionSelected",
            Self::CardSelected => "CardSelected",
            Self::MfaPassed => "MfaPassed",
            Self::OrderPlaced => "OrderPlaced",
            Self::CheckoutSessionCompleted => "CheckoutSessionCompleted",
            Self::CheckoutSessionCanceled(_) => "CheckoutSessionCanceled",
            Self::CheckoutSessionDeleted => "CheckoutSessionDeleted",
            Self::ChargePermissionCreated(_) => "ChargePermissionCreated",
            Self::BuyerForgotten(_) => "BuyerForgotten",
            Self::ChargePermissionClosed(_, _) => "ChargePermissionClosed",
            Self::ChargeAuthorizationInitiated(_) => "ChargeAuthorizationInitiated",
            Self::ChargeAuthorized(_) => "ChargeAuthorized",
            Self::ChargeCaptured(_) => "ChargeCaptured",
            Self::ChargeCanceled(_, _) => "ChargeCanceled",
            Self::ChargeDeclined(_, _) => "ChargeDeclined",
        }
    }

    /// Amazon's reason code, where the event has one.
    #[must_use]
    pub const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::CheckoutSessionCanceled(reason) => Some(reason.as_str()),
            Self::ChargePermissionClosed(_, reason) => Some(reason.as_str()),
            Self::ChargeCanceled(_, reason) => Some(reason.as_str()),
            Self::ChargeDeclined(_, reason) => Some(reason.as_str()),
            Self::CheckoutSessionCreated
            | Self::CheckoutSessionUpdated
            | Self::AddressSelected
            | Self::DeliveryOptionSelected
            | Self::CardSelected
            | Self::MfaPassed
            | Self::OrderPlaced
            | Self::CheckoutSessionCompleted
            | Self::CheckoutSessionDeleted
            | Self::ChargePermissionCreated(_)
            | Self::BuyerForgotten(_)
            | Self::ChargeAuthorizationInitiated(_)
            | Self::ChargeAuthorized(_)
            | Self::ChargeCaptured(_) => None,
        }
    }

    /// The permission that it happened to, if it did to one.
    #[must_use]
    pub const fn charge_permission_id(&self) -> Option<&ChargePermissionId> {
        match self {
            Self::ChargePermissionCreated(id)
            | Self::BuyerForgotten(id)
            | Self::ChargePermissionClosed(id, _) => Some(id),
            Self::CheckoutSessionCreated
            | Self::CheckoutSessionUpdated
            | Self::AddressSelected
            | Self::DeliveryOptionSelected
            | Self::CardSelected
            | Self::MfaPassed
            | Self::OrderPlaced
            | Self::CheckoutSessionCompleted
            | Self::CheckoutSessionCanceled(_)
            | Self::CheckoutSessionDeleted
            | Self::ChargeAuthorizationInitiated(_)
            | Self::ChargeAuthorized(_)
            | Self::ChargeCaptured(_)
            | Self::ChargeCanceled(_, _)
            | Self::ChargeDeclined(_, _) => None,
        }
    }

    /// The charge that it happened to, if it did to one.
    #[must_use]
    pub const fn charge_id(&self) -> Option<&ChargeId> {
        match self {
            Self::ChargeAuthorizationInitiated(id)
            | Self::ChargeAuthorized(id)
            | Self::ChargeCaptured(id)
            | Self::ChargeCanceled(id, _)
            | Self::ChargeDeclined(id, _) => Some(id),
            Self::CheckoutSessionCreated
            | Self::CheckoutSessionUpdated
            | Self::AddressSelected
            | Self::DeliveryOptionSelected
            | Self::CardSelected
            | Self::MfaPassed
            | Self::OrderPlaced
            | Self::CheckoutSessionCompleted
            | Self::CheckoutSessionCanceled(_)
            | Self::CheckoutSessionDeleted
            | Self::ChargePermissionCreated(_)
            | Self::BuyerForgotten(_)
            | Self::ChargePermissionClosed(_, _) => None,
        }
    }
}
