//! What comes next: the one thing that every decision says to the caller who carries it out, for an attempt
//! and for a payment alike.

use super::call::Send;
use super::payment::operation::Request;
use crate::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, RefundId};
use crate::terms::PaymentIntent;

/// What comes next. Each is one call to Amazon, or one decision; its answer goes to the function that is
/// named, which says what comes then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// Nothing now.
    Rest,
    /// Get Checkout Session, and compare: [`super::attempt::agree::agree`]. Of one that is approved, and
    /// rests because this machine's clock is in question, the answer's date counts, and whether the
    /// session is over.
    Agree(BoundSession),
    /// Make a call durable before it leaves: [`super::attempt::finalize::begin`] or
    /// [`super::payment::send::begin`].
    Begin(CallId),
    /// Send what is durable: [`super::attempt::finalize::answered`] or [`super::payment::send::answered`].
    Send(Delivery),
    /// Make one more send of the same bytes durable: [`super::attempt::finalize::send_again`] or
    /// [`super::payment::send::send_again`]. Of a Finalize never without a look-up before.
    SendAgain(CallId),
    /// Get Checkout Session: [`super::attempt::look::session_seen`].
    LookAtSession(BoundSession),
    /// Get Charge, for an attempt: [`super::attempt::look::charge_seen`].
    LookAtAttemptsCharge {
        /// Which attempt.
        session: BoundSession,
        /// The permission that the charge is under.
        charge_permission_id: ChargePermissionId,
        /// The charge.
        charge_id: ChargeId,
    },
    /// Get Charge: [`super::payment::send::charge_shown`].
    LookAtCharge(ChargeId),
    /// Get Refund: [`super::payment::send::refund_shown`].
    LookAtRefund(RefundId),
    /// Get Charge Permission: [`super::payment::send::permission_shown`].
    LookAtPermission(ChargePermissionId),
}

/// An attempt and the session that it is bound to forever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundSession {
    /// Which attempt.
    pub attempt: u32,
    /// Its session.
    pub id: CheckoutSessionId,
}

/// A call of one checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallId {
    /// This attempt's Finalize.
    Finalize(u32),
    /// This operation's call.
    Operation(u32),
}

/// A call that is durable and may leave, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Finalize Checkout Session.
    Finalize {
        /// Of which attempt.
        session: BoundSession,
        /// What a success must bring depends on it.
        payment_intent: PaymentIntent,
        /// The bytes and their key.
        send: Send,
    },
    /// The call of an operation.
    Operation {
        /// Which.
        number: u32,
        /// Under which permission.
        charge_permission_id: ChargePermissionId,
        /// What it asks for.
        request: Request,
        /// The bytes and their key.
        send: Send,
    },
}
