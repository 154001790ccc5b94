//! What can happen to a checkout, each once: to one of its attempts, or to what was agreed since. The
//! timeline, the facts for the shop and the operator's log are made of these.

use alloc::string::String;

use super::call::CallEvent;
use super::rules::Deadline;
use crate::ids::{ChargeId, ChargePermissionId, RefundId};
use crate::time::Timestamp;

/// What happened to a checkout: to one of its attempts, or to what was agreed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckoutEvent {
    /// To an attempt.
    Attempt {
        /// Which.
        attempt: u32,
        /// What happened to it.
        event: AttemptEvent,
    },
    /// To its payment, or to the order as a whole.
    Payment(PaymentEvent),
}

impl From<PaymentEvent> for CheckoutEvent {
    fn from(event: PaymentEvent) -> Self {
        Self::Payment(event)
    }
}

/// What happened to an attempt: the timeline's entries, in causal order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEvent {
    /// A session was bound to the checkout.
    SessionBound,
    /// A further session arrived while the named attempt was live.
    SurplusRecorded {
        /// The live attempt.
        of: u32,
    },
    /// Get agreed with the terms.
    Approved,
    /// Its Finalize was sent, came to something that leaves it open, or has been open for long.
    Call(CallEvent),
    /// Amazon was asked what became of it.
    LookedUp {
        /// What the session or charge looked like.
        found: &'static str,
    },
    /// The authorization is pending at Amazon.
    PendingBegan,
    /// Paid, authorized or confirmed.
    Completed,
    /// Proved unpaid.
    NotPaid,
    /// Nobody can say.
    Unresolved,
    /// Amazon's answer contradicts what is proved. An operator must look: money may have moved.
    Contradiction {
        /// What came.
        found: &'static str,
        /// The Charge Permission that it names.
        charge_permission_id: Option<ChargePermissionId>,
        /// The charge that it names.
        charge_id: Option<ChargeId>,
    },
}

/// What happened to a payment: the timeline's entries, in causal order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentEvent {
    /// Something was asked for, by the shop or by a rule of its own.
    OperationRecorded(u32),
    /// To its call.
    OperationCall {
        /// Which operation.
        number: u32,
        /// What happened to its call.
        event: CallEvent,
    },
    /// It has had its effect.
    OperationDone(u32),
    /// It is proved to have had none.
    OperationRefused {
        /// Which operation.
        number: u32,
        /// Amazon's code, or the state that proves it.
        code: String,
    },
    /// A charge's authorization is pending.
    ChargePending(ChargeId),
    /// A charge is authorized.
    ChargeAuthorized(ChargeId),
    /// A capture is under way.
    CapturePending(ChargeId),
    /// A charge is captured.
    ChargeCaptured(ChargeId),
    /// A charge is canceled.
    ChargeCanceled(ChargeId),
    /// A charge is declined.
    ChargeDeclined(ChargeId),
    /// Somebody made this charge elsewhere.
    ChargeAdopted(ChargeId),
    /// A refund is under way.
    RefundPending(RefundId),
    /// A refund is carried out.
    Refunded(RefundId),
    /// A refund is declined.
    RefundDeclined(RefundId),
    /// The permission can be charged again.
    PermissionChargeable,
    /// The permission cannot be charged now.
    PermissionNonChargeable,
    /// The permission can never be charged again.
    PermissionClosed,
    /// A charge must be captured before this instant.
    CaptureDue {
        /// Which charge.
        charge_id: ChargeId,
        /// Which deadline.
        deadline: Deadline,
        /// When it is.
        at: Timestamp,
    },
    /// The shop cancels the order.
    CancelRequested,
    /// Nothing is held and nothing kept any more.
    CheckoutCanceled,
    /// The cancellation cannot be finished by itself.
    CancellationStuck {
        /// What stands in its way.
        why: String,
    },
    /// Amazon's answer contradicts what is proved. An operator must look.
    Contradiction {
        /// What it is about.
        id: String,
        /// What came.
        found: &'static str,
    },
}
