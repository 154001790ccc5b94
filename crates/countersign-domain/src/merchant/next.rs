//! The next step: every decision returns one, and the caller executes it, for an attempt and for a payment
//! alike.

use super::call::KeyedRequest;
use super::payment::operation::PaymentCall;
use crate::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, RefundId};
use crate::merchant::number::{AttemptNumber, OperationNumber};
use crate::terms::PaymentIntent;

/// What the caller does next: one call to Amazon, or one decision. The caller passes the answer to the named
/// function, which returns the step after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// Nothing now.
    Rest,
    /// Get Checkout Session, and compare: [`super::attempt::agree::agree`]. If an approved attempt waits
    /// because this machine's clock is in question, only two things about the answer count: its date, and
    /// whether the session is over.
    Agree(BoundSession),
    /// Record a call durably before it leaves: [`super::attempt::finalize::begin`] or
    /// [`super::payment::send::begin`].
    Begin(CallId),
    /// Send the recorded call: [`super::attempt::finalize::answered`], [`super::payment::send::answered`] or
    /// [`super::after::returning::return_answered`].
    Send(OutgoingCall),
    /// Record one more send of the same bytes durably: [`super::attempt::finalize::send_again`] or
    /// [`super::payment::send::send_again`]. A Finalize is never sent again without a look-up first.
    SendAgain(CallId),
    /// As [`SendAgain`](Self::SendAgain), for the Finalize of an attempt whose session is Completed: the answer shows
    /// whether this store completed it, or names its ids: [`super::attempt::finalize::send_to_prove`]. It cannot pay
    /// a completed session twice.
    ProveBySending(AttemptNumber),
    /// Get Checkout Session: [`super::attempt::look::session_seen`].
    LookAtSession(BoundSession),
    /// Get Charge for the youngest charge in the store, because Amazon answers that it does not have this
    /// session: [`super::attempt::missing::reach_seen`].
    ProveReach(BoundSession),
    /// Get Charge, for an attempt: [`super::attempt::look::charge_seen`].
    LookAtAttemptsCharge {
        /// The attempt and its session.
        session: BoundSession,
        /// The permission that the charge is under.
        charge_permission_id: ChargePermissionId,
        /// The charge.
        charge_id: ChargeId,
    },
    /// Get Charge Permission, for an attempt: [`super::attempt::prove::permission_seen`].
    LookAtAttemptsPermission {
        /// The attempt and its session.
        session: BoundSession,
        /// The permission.
        charge_permission_id: ChargePermissionId,
    },
    /// Get Charge: [`super::payment::send::charge_shown`].
    LookAtCharge(ChargeId),
    /// Get Charge before a refund of it is sent, and then the refund, in the same decision:
    /// [`super::payment::send::charge_shown_before`], then [`super::payment::send::begin`] or
    /// [`super::payment::send::send_again`].
    LookBefore {
        /// The charge.
        charge_id: ChargeId,
        /// The refund's operation.
        number: OperationNumber,
    },
    /// Get Refund: [`super::payment::send::refund_shown`].
    LookAtRefund(RefundId),
    /// Get Charge Permission: [`super::payment::send::permission_shown`].
    LookAtPermission(ChargePermissionId),
    /// Get Checkout Session for [every session](super::after::unexplained::sessions_to_ask) of the order, Get
    /// Charge Permission, and Get Charge for its known charges, because this permission names the order:
    /// [`super::after::unexplained::heard_seen`].
    LookAtHeard(ChargePermissionId),
    /// Record the call durably that returns the money under this permission:
    /// [`super::after::returning::begin_return`].
    BeginReturn(ChargePermissionId),
}

/// An attempt and the session to which it is bound forever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundSession {
    /// Which attempt.
    pub attempt: AttemptNumber,
    /// Its session.
    pub id: CheckoutSessionId,
}

/// Identifies a call to Amazon among those of one checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallId {
    /// This attempt's Finalize.
    Finalize(AttemptNumber),
    /// This operation's call.
    Operation(OperationNumber),
}

/// A call that is recorded durably and may be sent, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutgoingCall {
    /// Finalize Checkout Session.
    Finalize {
        /// The attempt and its session.
        session: BoundSession,
        /// The payment intent, which determines what a success must contain.
        payment_intent: PaymentIntent,
        /// The exact body and its idempotency key.
        send: KeyedRequest,
    },
    /// The call of an operation.
    Operation {
        /// Its number.
        number: OperationNumber,
        /// The permission that it acts under.
        charge_permission_id: ChargePermissionId,
        /// What it asks for.
        request: PaymentCall,
        /// The bytes and their key.
        send: KeyedRequest,
    },
    /// The call that returns the money under a permission that is not the order's payment:
    /// [`super::after::returning::return_answered`].
    Return {
        /// The permission.
        charge_permission_id: ChargePermissionId,
        /// What it asks for.
        request: PaymentCall,
        /// The bytes and their key.
        send: KeyedRequest,
    },
}
