//! "May I ship?", computed from the payment and never stored.

use super::cancellation::CancellationState;
use super::checkout::Checkout;
use super::operation::{Operation, OperationState, Request};
use super::payment::{Charge, ChargeState, Payment, sum};
use super::verdict::Verdict;
use crate::ids::ChargeId;
use crate::time::Timestamp;

/// Whether the parcel may leave, and why or why not, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fulfilment {
    /// Whether.
    pub may_ship: bool,
    /// Why, or why not.
    pub reason: &'static str,
}

const fn not(reason: &'static str) -> Fulfilment {
    Fulfilment { may_ship: false, reason }
}

/// Whether a parcel that one charge pays for may leave: the named charge, or else the latest, since every
/// further parcel has a charge of its own, or the one that was last asked for. `None` when there is no such
/// charge.
///
/// Only what is Authorized and has not lapsed, or is Captured and not given back, pays for anything. What
/// is pending, in doubt, being captured or being canceled does not.
#[must_use]
pub fn fulfilment(checkout: &Checkout, charge: Option<&ChargeId>, now: Timestamp) -> Option<Fulfilment> {
    match checkout.cancellation.as_ref().map(|cancellation| cancellation.state) {
        Some(CancellationState::Requested { .. }) => return Some(not("CancelRequested")),
        Some(CancellationState::Done { .. }) => return Some(not("Canceled")),
        None => {}
    }
    let Some(payment) = &checkout.payment else {
        return match charge {
            Some(_) => None,
            None => Some(unpaid(checkout.verdict())),
        };
    };
    match charge {
        Some(id) => payment.charge(id).map(|charge| of_charge(payment, charge, now)),
        None => Some(of_latest(payment, now)),
    }
}

fn unpaid(verdict: Verdict<'_>) -> Fulfilment {
    not(match verdict {
        Verdict::Pending(_) => "AuthorizationInitiated",
        Verdict::Checking(Some(_)) => "Unresolved",
        Verdict::Checking(None) => "Checking",
        Verdict::NotPaid(_) => "NotPaid",
        Verdict::Registered => "Registered",
        Verdict::Canceled => "Canceled",
        Verdict::Paid(_) | Verdict::Authorized(_) | Verdict::Confirmed(_) => "Checking",
    })
}

/// Of the latest charge, or of the one that was asked for last, where there is none of that yet.
fn of_latest(payment: &Payment, now: Timestamp) -> Fulfilment {
    let asked = payment.operations.iter().rev();
    let last_asked = asked.into_iter().find(|it| matches!(it.request, Request::CreateCharge { .. }));
    match last_asked.map(|operation| &operation.state) {
        Some(OperationState::Refused { .. }) => not("ChargeDeclined"),
        Some(
            OperationState::Recorded { .. } | OperationState::Sending { .. } | OperationState::InDoubt { .. },
        ) => not("Checking"),
        Some(OperationState::Done(_)) | None => {
            payment.charges.last().map_or(not("ConfirmedOnly"), |charge| of_charge(payment, charge, now))
        }
    }
}

fn of_charge(payment: &Payment, charge: &Charge, now: Timestamp) -> Fulfilment {
    let given_back = sum(charge.amount, [charge.refunded(), payment.refunding(&charge.id)].into_iter());
    match &charge.state {
        ChargeState::AuthorizationInitiated => not("AuthorizationInitiated"),
        ChargeState::Authorized if now >= charge.expires_at => not("AuthorizationExpired"),
        ChargeState::Authorized => match being_changed(payment, charge) {
            Some(reason) => not(reason),
            None => Fulfilment { may_ship: true, reason: "Authorized" },
        },
        ChargeState::CaptureInitiated => not("CaptureInitiated"),
        ChargeState::Captured(captured) if given_back.minor() >= captured.minor() => not("Refunded"),
        ChargeState::Captured(_) => Fulfilment { may_ship: true, reason: "Captured" },
        ChargeState::Canceled(_) => not("ChargeCanceled"),
        ChargeState::Declined(_) => not("ChargeDeclined"),
    }
}

/// What may be becoming of an authorized charge while nobody knows: Amazon declines captures, too. One that
/// Amazon has refused to change may be another than is known, until it was looked at.
fn being_changed(payment: &Payment, charge: &Charge) -> Option<&'static str> {
    let is_capture = |operation: &Operation| matches!(operation.request, Request::Capture { .. });
    if let Some(operation) = payment.changing(&charge.id) {
        return Some(if is_capture(operation) { "CaptureInitiated" } else { "CancelInitiated" });
    }
    let is_refused = payment.operations.iter().any(|operation| {
        let is_of_it = operation.request.changes_charge() == Some(&charge.id);
        is_of_it && matches!(operation.state, OperationState::Refused { .. })
    });
    (is_refused && charge.look.is_some()).then_some("Checking")
}
