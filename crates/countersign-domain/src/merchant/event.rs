//! What can happen to a checkout, each event once: to one of its attempts, or to its payment. The timeline,
//! the facts for the shop and the operator's log are made from these.

use crate::merchant::number::{AttemptNumber, OperationNumber};
use alloc::string::String;
use core::time::Duration;

use super::call::CallEvent;
use super::decision::Subject;
use super::payment::contest::ClaimedId;
use super::payment::misfit::Misfit;
use super::rules::Deadline;
use crate::ids::{ChargeId, ChargePermissionId, CheckoutId, DisputeId, RefundId};
use crate::money::Money;
use crate::time::Timestamp;

/// What happened to a checkout: to one of its attempts, or to its payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckoutEvent {
    /// Something happened to an attempt.
    Attempt {
        /// Which.
        attempt: AttemptNumber,
        /// What happened to it.
        event: AttemptEvent,
    },
    /// Something happened to the payment, or to the order as a whole.
    Payment(PaymentEvent),
    /// Something happened to a decision of a person's.
    Decision {
        /// What it is about.
        subject: Subject,
        /// What happened to it.
        event: DecisionEvent,
        /// The verdict's word.
        verdict: &'static str,
        /// The person's name for it.
        reference: String,
        /// The name of the person's credential.
        actor: String,
    },
}

impl From<PaymentEvent> for CheckoutEvent {
    fn from(event: PaymentEvent) -> Self {
        Self::Payment(event)
    }
}

/// What happened to a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecisionEvent {
    /// One person has asked for it, and it needs another.
    Asked,
    /// It is made.
    Made,
    /// No second person has confirmed it in time.
    Expired,
    /// Another request has taken its place, before a second person has confirmed it.
    Replaced,
    /// A person wants to be reminded.
    ToRemind,
    /// It is the time of the reminder.
    Reminded,
}

/// What happened to an attempt: the timeline's entries, in causal order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEvent {
    /// A session has arrived.
    SessionBound,
    /// The session belongs to another order of this store.
    SessionReleased,
    /// A further session arrived while the named attempt was live.
    SurplusRecorded {
        /// The live attempt.
        of: AttemptNumber,
    },
    /// Another order of the same cart may be paid: Finalize waits for it.
    WaitsForOrder(CheckoutId),
    /// The session, as Amazon shows it, agrees with the terms.
    Approved,
    /// Its Finalize was sent, got an answer that leaves the result open, or has been open for a long time.
    Call(CallEvent),
    /// Amazon was asked for its result.
    LookedUp {
        /// The state of the session or charge.
        found: &'static str,
    },
    /// Amazon, which had answered that it has no such session, has shown a charge that is known to exist.
    ReachProved,
    /// The authorization is pending at Amazon.
    PendingBegan,
    /// Paid, authorized or confirmed.
    Completed,
    /// Every send was refused because the session is not approved, and Amazon shows it Open.
    NotApproved,
    /// Proved unpaid.
    NotPaid,
    /// Nobody can tell whether it was paid.
    Unresolved,
    /// Amazon shows a payment that is not the one that was asked for, or excludes the proved outcome. Nothing
    /// ships, and nothing more is sent, until Amazon shows what fits.
    Contradicted {
        /// How Amazon's answer differs from what is known.
        misfit: Misfit,
        /// The Charge Permission.
        charge_permission_id: ChargePermissionId,
        /// The charge.
        charge_id: Option<ChargeId>,
    },
    /// A contradiction about the attempt is settled: Amazon shows what fits.
    Settled,
    /// Amazon's answer contradicts what is proved. The operator must check: money may have moved.
    Contradiction {
        /// What Amazon showed.
        found: &'static str,
        /// The Charge Permission that the answer names.
        charge_permission_id: Option<ChargePermissionId>,
        /// The charge that the answer names.
        charge_id: Option<ChargeId>,
    },
}

/// What happened to a payment: the timeline's entries, in causal order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentEvent {
    /// An operation was requested, by the shop or by one of its rules.
    OperationRecorded(OperationNumber),
    /// Something happened to an operation's call.
    OperationCall {
        /// Which operation.
        number: OperationNumber,
        /// What happened to its call.
        event: CallEvent,
    },
    /// The operation has had its effect.
    OperationDone(OperationNumber),
    /// The operation is proved to have had no effect.
    OperationRefused {
        /// Which operation.
        number: OperationNumber,
        /// Amazon's code, or the state that proves it.
        code: String,
    },
    /// The operation has waited to be sent for a long time.
    OperationWaits {
        /// Which operation.
        number: OperationNumber,
        /// What it waits for.
        why: &'static str,
    },
    /// Amazon contradicts what is known of a charge. Nothing ships, and nothing more is sent for the charge,
    /// until Amazon shows what fits.
    Contradicted {
        /// The charge.
        charge_id: ChargeId,
        /// How Amazon's answer differs from what is known.
        misfit: Misfit,
    },
    /// A contradiction about this charge is settled: Amazon shows what fits.
    Settled(ChargeId),
    /// Amazon has answered this id of the payment for another order as well. Nothing ships, and nothing more is sent,
    /// until Amazon says whose it is.
    Contested(ClaimedId),
    /// Amazon has shown that this id is the payment's.
    ContestSettled(ClaimedId),
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
    /// Somebody made this charge elsewhere; from now on it belongs to this payment.
    ChargeAdopted(ChargeId),
    /// A refund is under way.
    RefundPending(RefundId),
    /// A refund is complete.
    Refunded(RefundId),
    /// A refund is declined.
    RefundDeclined(RefundId),
    /// The permission can be charged again.
    PermissionChargeable,
    /// The permission cannot be charged now.
    PermissionNonChargeable,
    /// The permission can never be charged again.
    PermissionClosed,
    /// A permission names this order and holds money, and nothing of this order explains it.
    Unexplained(ChargePermissionId),
    /// A permission that was unexplained is explained, is decided, or holds no money any more.
    UnexplainedSettled(ChargePermissionId),
    /// A permission names this order, and holds no money.
    PermissionNoted(ChargePermissionId),
    /// A call leaves that returns the money of a permission, as persons have decided.
    ReturnSent(ChargePermissionId),
    /// Amazon has accepted it.
    ReturnAccepted(ChargePermissionId),
    /// It has had no effect: persons must decide again.
    ReturnRefused {
        /// The permission.
        permission: ChargePermissionId,
        /// Amazon's code, or the state that proves it.
        code: String,
    },
    /// A charge must be captured before this instant.
    CaptureDue {
        /// Which charge.
        charge_id: ChargeId,
        /// Which deadline.
        deadline: Deadline,
        /// The time of the deadline.
        at: Timestamp,
    },
    /// Nothing of the order is reserved any more, and nothing is captured.
    Lapsed {
        /// The charge that ended last.
        charge_id: ChargeId,
    },
    /// A buyer disputes the payment.
    DisputeOpened(DisputeId),
    /// A dispute has been open for so long that a person should know.
    DisputeStillOpen {
        /// Which dispute.
        id: DisputeId,
        /// How long.
        lasting: Duration,
    },
    /// The shop keeps the money of a dispute.
    DisputeWon(DisputeId),
    /// The buyer has the money of a dispute back.
    DisputeLost(DisputeId),
    /// The shop cancels the order.
    CancelRequested,
    /// The shop ships a parcel.
    ShipmentRecorded {
        /// The charge that pays for it.
        charge_id: ChargeId,
        /// The shop's reference.
        reference: String,
        /// What it is worth.
        amount: Money,
    },
    /// No money is held or kept any more.
    CheckoutCanceled,
    /// The cancellation cannot be finished without a person.
    CancellationStuck {
        /// What prevents it.
        why: String,
    },
    /// Amazon's answer contradicts what is proved. The operator must check.
    Contradiction {
        /// The id of the object in question.
        id: String,
        /// What Amazon showed.
        found: &'static str,
    },
}
