//! What happened to Amazon's objects: the entries of the event log, in causal order.

use alloc::vec::Vec;

use super::ledger::Posting;
use super::reason::{
    ChargeCancelReason, ChargeDeclineReason, ClosureReason, NonChargeableReason, RefundDeclineReason,
    SessionCancelReason,
};
use crate::ids::{ChargeId, ChargePermissionId, RefundId};
use crate::money::Money;
use crate::time::Timestamp;
use crate::words::words;

/// One event, and when it happened. A deadline that passed has the deadline's instant, not the one at which
/// it was noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: EventKind,
    /// The money that it moved: the balances of a permission can be computed from the log alone.
    pub postings: Vec<Posting>,
}

impl Event {
    /// An event at this instant that moved no money.
    #[must_use]
    pub const fn new(at: Timestamp, what: EventKind) -> Self {
        Self { at, what, postings: Vec::new() }
    }
}

macro_rules! happened {
    ($($(#[$doc:meta])+ $name:ident $(($($field:ident: $type:ty),+))? => { $($column:ident: $value:expr),* },)+) => {
        /// The kinds of events.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum EventKind {
            $($(#[$doc])+ $name $(($($type),+))?,)+
        }

        impl EventKind {
            /// What happened, in the words of the event log.
            #[must_use]
            pub fn entry(&self) -> LogEntry<'_> {
                match self {
                    $(Self::$name $(($($field),+))? => {
                        LogEntry { name: stringify!($name), $($column: $value,)* ..LogEntry::default() }
                    })+
                }
            }
        }
    };
}

// Each event with the columns of its entry. Amazon notifies of a charge or refund once it is decided, and of
// a permission whose state changes. That a charge which was not pending also causes a notification is this
// project's choice (docs/compatibility.md).
happened! {
    /// A checkout started.
    CheckoutSessionCreated => {},
    /// The merchant changed the session, or its amounts follow the answer of the shop's page.
    CheckoutSessionUpdated => {},
    /// A buyer logged in.
    SignedIn => {},
    /// The buyer agreed to share what the shop asks for.
    ConsentGiven => {},
    /// The buyer was shown the shop's totals, with the amount to be charged.
    CartShown(amount: Money) => { amount: Some(*amount) },
    /// The shop's page gave no usable answer.
    HandlerFailed(failure: HandlerFailure) => { reason: Some(failure.as_str()) },
    /// The buyer chose an address.
    AddressSelected => {},
    /// The buyer chose a delivery option.
    DeliveryOptionSelected => {},
    /// The buyer chose a card.
    CardSelected => {},
    /// The bank asks the buyer to confirm the payment.
    MfaStarted => {},
    /// The buyer passed the bank's check.
    MfaPassed => {},
    /// The bank declined on Amazon's page; another card may work.
    PaymentDeclined => {},
    /// The buyer placed the order: it can be finalized now.
    OrderPlaced => {},
    /// The shop's page says that the checkout is done.
    CheckoutConfirmed => {},
    /// The payment intent was executed.
    CheckoutSessionCompleted => {},
    /// The session is canceled.
    CheckoutSessionCanceled(reason: SessionCancelReason) => { reason: Some(reason.as_str()) },
    /// The session was deleted, 30 days after it was created.
    CheckoutSessionDeleted => {},
    /// A permission was created.
    ChargePermissionCreated(id: ChargePermissionId) => { charge_permission_id: Some(id) },
    /// The merchant changed its notes.
    ChargePermissionUpdated(id: ChargePermissionId) => { charge_permission_id: Some(id) },
    /// It can be charged again.
    ChargePermissionChargeable(id: ChargePermissionId) =>
        { charge_permission_id: Some(id), is_notified: true },
    /// It cannot be charged now.
    ChargePermissionNonChargeable(id: ChargePermissionId, reason: NonChargeableReason) =>
        { charge_permission_id: Some(id), reason: Some(reason.as_str()), is_notified: true },
    /// Its buyer's data can no longer be read.
    BuyerForgotten(id: ChargePermissionId) => { charge_permission_id: Some(id) },
    /// It can no longer be charged.
    ChargePermissionClosed(id: ChargePermissionId, reason: ClosureReason) =>
        { charge_permission_id: Some(id), reason: Some(reason.as_str()), is_notified: true },
    /// A charge under it was declined before it existed.
    ChargeRefused(id: ChargePermissionId, reason: ChargeDeclineReason) =>
        { charge_permission_id: Some(id), reason: Some(reason.as_str()) },
    /// An authorization is pending.
    ChargeAuthorizationInitiated(id: ChargeId, amount: Money) =>
        { charge_id: Some(id), amount: Some(*amount) },
    /// Money is held.
    ChargeAuthorized(id: ChargeId, amount: Money) =>
        { charge_id: Some(id), amount: Some(*amount), is_notified: true },
    /// This amount is being captured.
    ChargeCaptureInitiated(id: ChargeId, amount: Money) => { charge_id: Some(id), amount: Some(*amount) },
    /// Money was taken.
    ChargeCaptured(id: ChargeId, amount: Money) =>
        { charge_id: Some(id), amount: Some(*amount), is_notified: true },
    /// No money is held any more, and none was taken.
    ChargeCanceled(id: ChargeId, reason: ChargeCancelReason) =>
        { charge_id: Some(id), reason: Some(reason.as_str()), is_notified: true },
    /// The bank or Amazon declined it.
    ChargeDeclined(id: ChargeId, reason: ChargeDeclineReason) =>
        { charge_id: Some(id), reason: Some(reason.as_str()), is_notified: true },
    /// This amount is being refunded.
    RefundInitiated(id: RefundId, amount: Money) => { refund_id: Some(id), amount: Some(*amount) },
    /// The buyer has the money back.
    Refunded(id: RefundId) => { refund_id: Some(id), is_notified: true },
    /// The buyer does not get the money back.
    RefundDeclined(id: RefundId, reason: RefundDeclineReason) =>
        { refund_id: Some(id), reason: Some(reason.as_str()), is_notified: true },
}

words! {
    /// Why the answer of a button's event handler cannot be used.
    HandlerFailure {
        /// It reports an error by a code.
        ErrorReported,
        /// It threw an exception, or returned nothing.
        NoAnswer,
        /// It did not answer in time.
        TimedOut,
        /// Its answer breaks a rule.
        InvalidAnswer,
    }
}

/// What happened, in the words of the event log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogEntry<'a> {
    /// The event's type.
    pub name: &'static str,
    /// Amazon's reason code, or this project's own, if the event has one.
    pub reason: Option<&'static str>,
    /// The permission that it happened to, if there is one.
    pub charge_permission_id: Option<&'a ChargePermissionId>,
    /// The charge that it happened to, if there is one.
    pub charge_id: Option<&'a ChargeId>,
    /// The refund that it happened to, if there is one.
    pub refund_id: Option<&'a RefundId>,
    /// The amount, if the event has one.
    pub amount: Option<Money>,
    /// Whether Amazon sends the merchant a notification about the object.
    pub is_notified: bool,
}
