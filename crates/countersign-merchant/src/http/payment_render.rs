//! The payment of a checkout as JSON, and the answers to the shop's operations on it.

use countersign_domain::ids::{ChargeId, RefundId};
use countersign_domain::merchant::after::fulfilment::{Fulfilment, Reason};
use countersign_domain::merchant::after::shipment::ShipmentAnswer;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::cancellation::{Cancellation, CancellationState, Extent};
use countersign_domain::merchant::checkout::unexplained::UnexplainedState;
use countersign_domain::merchant::payment::Payment;
use countersign_domain::merchant::payment::charge::{Charge, ChargeState};
use countersign_domain::merchant::payment::operation::{
    Operation, OperationEffect, OperationName, OperationRequest, OperationState, PaymentCall,
};
use countersign_domain::merchant::payment::refund::{Refund, RefundState};
use countersign_domain::merchant::payment::send::{DECIDED, NOT_MADE, TOO_MUCH};
use countersign_domain::merchant::payment::shipment::PaidBy;
use countersign_domain::merchant::rules::RefundCeiling;
use countersign_domain::money::Money;
use countersign_domain::time::Timestamp;
use countersign_http::Response;
use countersign_protocol::wire::{ReasonClass, ReasonCode};
use http::StatusCode;

use super::errors::RequestRefused;
use super::json::json;
use super::update_url;
use crate::drive::operate::OperationOutcome;
use crate::registration::Registration;
use countersign_protocol::json::{Members, amount};

/// A payment within its checkout.
pub(super) fn payment(payment: &Payment) -> Members {
    let zero = Money::zero(payment.limit.currency());
    let sum = |part: &dyn Fn(&Charge) -> Money| {
        amount(Money::sum(payment.limit.currency(), payment.charges.iter().map(part)))
    };
    let held = |charge: &Charge| if charge.state.is_final() { zero } else { charge.taken() };
    let permission = Members::default()
        .with("chargePermissionId", payment.charge_permission_id.as_str())
        .with("state", payment.permission.state.name())
        .some("reason", payment.permission.state.reason())
        // Where the buyer can choose another payment method, if that would help.
        .some("paymentMethodUpdateUrl", update_url::for_permission(payment));
    // How the limit is used. `left` does not include what is in flight.
    let balances = Members::default()
        .with("limit", amount(payment.limit))
        .with("held", sum(&held))
        .with("captured", sum(&Charge::captured))
        .with("refunded", sum(&Charge::refunded))
        .with("left", amount(payment.left()));
    let charges: Vec<_> = payment.charges.iter().map(|charge| charge_body(payment, charge)).collect();
    Members::default()
        .with("chargePermission", permission)
        .with("balances", balances)
        .with("charges", charges)
        .with("operations", payment.operations.iter().map(operation_body).collect::<Vec<_>>())
        .some("disputes", dispute_bodies(payment))
}

fn dispute_bodies(payment: &Payment) -> Option<Vec<Members>> {
    let bodies = payment.disputes.iter().map(|dispute| {
        Members::default()
            .with("disputeId", dispute.id.as_str())
            .with("state", dispute.state.name())
            .some("chargeId", dispute.charge_id.as_ref().map(ChargeId::as_str))
            .some("amount", dispute.amount.map(amount))
            .with("openedAt", dispute.opened_at.to_string())
            .some("settledAt", dispute.state.settled_at().map(|at| at.to_string()))
    });
    (!payment.disputes.is_empty()).then(|| bodies.collect())
}

/// What a cancellation that is not finished waits for, if that is up to a person.
fn waits_for(checkout: &Checkout) -> Option<Vec<Members>> {
    let cancellation = checkout.cancellation.as_ref()?;
    let payment = checkout.payment.as_ref()?;
    let open = payment.open_disputes().map(|it| Members::default().with("disputeId", it.id.as_str()));
    let open: Vec<Members> = open.collect();
    match cancellation.state {
        CancellationState::Requested { .. } if !open.is_empty() => Some(open),
        CancellationState::Requested { .. } | CancellationState::Done { .. } => None,
    }
}

fn charge_body(payment: &Payment, charge: &Charge) -> Members {
    let (captured, expires_at) = match &charge.state {
        ChargeState::Authorized => (None, Some(charge.expires_at.to_string())),
        ChargeState::Captured(captured) => (Some(*captured), None),
        ChargeState::AuthorizationInitiated
        | ChargeState::CaptureInitiated
        | ChargeState::Canceled(_)
        | ChargeState::Declined(_) => (None, None),
    };
    let left = captured.map(|_| amount(payment.refundable(charge, RefundCeiling::Captured)));
    Members::default()
        .with("chargeId", charge.id.as_str())
        .with("state", charge.state.name())
        .some("reason", charge.state.reason())
        .some("madeElsewhere", (!charge.is_ours()).then_some(true))
        .with("chargeAmount", amount(charge.amount))
        .some("captureAmount", captured.map(amount))
        .some("refundable", left)
        .some("expiresAt", expires_at)
        .with("refunds", charge.refunds.iter().map(refund_body).collect::<Vec<_>>())
        .some("shipments", shipment_bodies(charge))
}

fn shipment_bodies(charge: &Charge) -> Option<Vec<Members>> {
    let bodies = charge.shipments.iter().map(|shipment| {
        Members::default()
            .with("reference", &shipment.reference)
            .with("amount", amount(shipment.amount))
            .with("recordedAt", shipment.recorded_at.to_string())
    });
    (!charge.shipments.is_empty()).then(|| bodies.collect())
}

fn refund_body(refund: &Refund) -> Members {
    Members::default()
        .with("refundId", refund.id.as_str())
        .with("state", refund.state.name())
        .some("reason", refund.state.reason())
        .with("refundAmount", amount(refund.amount))
}

fn operation_body(operation: &Operation) -> Members {
    // The shop's reference, or the name of the rule that asked for it.
    let (reference, rule) = match &operation.name {
        OperationName::Shop(reference) => (Some(reference), None),
        OperationName::Own(rule) => (None, Some(rule.to_string())),
    };
    let (code, charge_id, refund_id) = match &operation.state {
        OperationState::Done(OperationEffect::Charge(id)) => (None, Some(id), None),
        OperationState::Done(OperationEffect::Refund(id)) => (None, None, Some(id)),
        OperationState::Refused { code } => (Some(code), None, None),
        OperationState::Done(OperationEffect::Closed) | OperationState::InFlight(_) => (None, None, None),
    };
    let charge_id = operation.request.charge_id().or(charge_id);
    Members::default()
        .with("number", operation.number.get())
        .some("reference", reference)
        .some("rule", rule)
        .with("call", operation.request.call())
        .with("state", operation.state.name())
        .some("code", code)
        .some("chargeId", charge_id.map(ChargeId::as_str))
        .some("refundId", refund_id.map(RefundId::as_str))
        .some("amount", operation.request.amount().map(amount))
        .with("requestedAt", operation.requested_at.to_string())
        .some("dueAt", operation.state.due_at().map(|due_at| due_at.to_string()))
}

/// What a cancellation leaves: the charges whose parcels have left, and those that others made.
fn left_behind(checkout: &Checkout) -> Option<Vec<Members>> {
    let of_parcels = checkout.left_behind().filter(|charge| charge.is_ours());
    let left = of_parcels.chain(checkout.left_to_others()).map(|charge| {
        let kept = match &charge.state {
            ChargeState::Captured(captured) => captured.less(charge.refunded()),
            ChargeState::AuthorizationInitiated
            | ChargeState::Authorized
            | ChargeState::CaptureInitiated
            | ChargeState::Canceled(_)
            | ChargeState::Declined(_) => charge.amount,
        };
        Members::default()
            .with("chargeId", charge.id.as_str())
            .with("state", charge.state.name())
            .with("amount", amount(kept))
            .with("shipped", amount(charge.shipped()))
            .some("madeElsewhere", (!charge.is_ours()).then_some(true))
    });
    let unexplained = checkout.unexplained.iter().filter_map(|known| {
        let UnexplainedState::Open { reason, .. } = &known.state else { return None };
        let members = Members::default()
            .with("chargePermissionId", known.charge_permission_id.as_str())
            .some("chargeId", known.charge_id().map(ChargeId::as_str))
            .some("amount", known.amount.map(amount))
            .with("unexplained", reason.as_str());
        Some(members)
    });
    let left: Vec<Members> = left.chain(unexplained).collect();
    (!left.is_empty()).then_some(left)
}

/// A cancellation within its checkout.
pub(super) fn cancellation(checkout: &Checkout, cancellation: &Cancellation) -> Members {
    let widened_by = match &cancellation.extent {
        Extent::Widened { reference, .. } => Some(reference),
        Extent::Unshipped | Extent::Everything => None,
    };
    let shipped_too = !cancellation.leaves_shipped();
    let done_at = done_at(checkout, cancellation).map(|at| at.to_string());
    Members::default()
        .with("state", cancellation_word(checkout, cancellation))
        .with("reference", &cancellation.reference)
        .some("reason", cancellation.reason.as_ref())
        .some("shippedToo", shipped_too.then_some(true))
        .some("widenedBy", widened_by)
        .with("requestedAt", cancellation.requested_at.to_string())
        .some("doneAt", done_at)
        .some("leaves", left_behind(checkout))
        .some("waitsFor", waits_for(checkout))
}

/// When everything was undone that the cancellation undoes, if it is.
fn done_at(checkout: &Checkout, cancellation: &Cancellation) -> Option<Timestamp> {
    match cancellation.state {
        CancellationState::Requested { .. } => None,
        CancellationState::Done { at, .. } => (!checkout.undoes_more()).then_some(at),
    }
}

fn cancellation_word(checkout: &Checkout, cancellation: &Cancellation) -> &'static str {
    if done_at(checkout, cancellation).is_some() { "Canceled" } else { "CancelRequested" }
}

/// The state of an operation that is not decided yet.
const CHECKING: &str = "Checking";

/// The answer to an operation: its result, or its current state while it is open.
///
/// A definitive answer does not change: a charge that was authorized is answered as Authorized even if it has
/// been captured since, or its capture declined. The checkout shows its current state.
pub(super) fn operated(operated: &OperationOutcome) -> Result<Response, RequestRefused> {
    let payment = operated.registration.checkout.payment.as_ref();
    // What was recorded is never deleted.
    let found = payment.and_then(|payment| Some((payment, payment.operation(operated.number)?)));
    let (payment, operation) = found.ok_or_else(RequestRefused::no_such_checkout)?;
    let effect = match &operation.state {
        OperationState::Done(effect) => Some(effect),
        OperationState::Refused { code } => return Err(refused_by_amazon(payment, operation, code)),
        OperationState::InFlight(_) => None,
    };
    let reference = operation.name.to_string();
    let done_charge = match effect {
        Some(OperationEffect::Charge(id)) => payment.charge(id),
        Some(OperationEffect::Refund(_) | OperationEffect::Closed) | None => None,
    };
    let answer = Members::default().with("reference", reference);
    let (status, answer) = match &operation.request {
        PaymentCall::CreateCharge { amount: asked, .. } => {
            let created = done_charge.map(|charge| created(payment, operation, charge)).transpose();
            let created = created.map_err(|reason| decline(payment, reason))?;
            let (status, state) = created.unwrap_or((StatusCode::ACCEPTED, CHECKING));
            let answer = answer.some("chargeId", done_charge.map(|charge| charge.id.as_str()));
            (status, answer.with("state", state).with("chargeAmount", amount(*asked)))
        }
        PaymentCall::Capture { charge_id, amount: asked } => {
            if let Some(reason) = done_charge.and_then(declined) {
                return Err(decline(payment, reason));
            }
            let (status, state, captured) = match done_charge.map(|charge| &charge.state) {
                Some(state @ ChargeState::Captured(captured)) => (StatusCode::OK, state.name(), captured),
                Some(state) => (StatusCode::ACCEPTED, state.name(), asked),
                None => (StatusCode::ACCEPTED, CHECKING, asked),
            };
            let answer = answer.with("chargeId", charge_id.as_str()).with("state", state);
            (status, answer.with("captureAmount", amount(*captured)))
        }
        PaymentCall::Refund { charge_id, amount: asked } => {
            let done = match effect {
                Some(OperationEffect::Refund(id)) => payment.refund(id).map(|(_, refund)| refund),
                Some(OperationEffect::Charge(_) | OperationEffect::Closed) | None => None,
            };
            let status = match done.map(|refund| &refund.state) {
                Some(RefundState::Refunded) => StatusCode::OK,
                Some(RefundState::Declined(reason)) => {
                    let refund = done.map_or(charge_id.as_str(), |refund| refund.id.as_str());
                    let reason = reason.as_deref().unwrap_or("Declined");
                    return Err(RequestRefused::refund_declined(refund, reason));
                }
                Some(RefundState::RefundInitiated) | None => StatusCode::ACCEPTED,
            };
            let answer = answer
                .with("chargeId", charge_id.as_str())
                .some("refundId", done.map(|refund| refund.id.as_str()))
                .with("state", done.map_or(CHECKING, |refund| refund.state.name()))
                .with("refundAmount", amount(*asked));
            (status, answer)
        }
        PaymentCall::CancelCharge { charge_id } => {
            let (status, state) = ended(effect, "Canceled");
            (status, answer.with("chargeId", charge_id.as_str()).with("state", state))
        }
        PaymentCall::Close { .. } => {
            let (status, state) = ended(effect, "Closed");
            let answer = answer.with("chargePermissionId", payment.charge_permission_id.as_str());
            (status, answer.with("state", state))
        }
    };
    Ok(json(status, &answer))
}

/// The status and the state of a call that ends something.
fn ended(effect: Option<&OperationEffect>, word: &'static str) -> (StatusCode, &'static str) {
    match effect {
        Some(_) => (StatusCode::OK, word),
        None => (StatusCode::ACCEPTED, CHECKING),
    }
}

/// The status and the state of a charge's creation, or why it was declined.
fn created<'a>(
    payment: &Payment,
    operation: &Operation,
    charge: &'a Charge,
) -> Result<(StatusCode, &'static str), &'a str> {
    let capture_now = match operation.asked {
        OperationRequest::Charge { capture_now, .. } => capture_now,
        OperationRequest::Capture { .. }
        | OperationRequest::Refund { .. }
        | OperationRequest::CancelCharge(_)
        | OperationRequest::Close { .. } => false,
    };
    // Only an authorized charge can have a capture. A charge that has ended without one is not proved to have
    // been authorized.
    let was_authorized = payment
        .operations
        .iter()
        .any(|it| matches!(&it.request, PaymentCall::Capture { charge_id, .. } if *charge_id == charge.id));
    let ended_so = capture_now || !was_authorized;
    Ok(match &charge.state {
        state @ ChargeState::AuthorizationInitiated => (StatusCode::ACCEPTED, state.name()),
        state @ ChargeState::CaptureInitiated if capture_now => (StatusCode::ACCEPTED, state.name()),
        state @ ChargeState::Captured(_) if capture_now => (StatusCode::CREATED, state.name()),
        state @ ChargeState::Canceled(_) if ended_so => (StatusCode::CREATED, state.name()),
        ChargeState::Declined(reason) if ended_so => return Err(reason.as_deref().unwrap_or("Declined")),
        ChargeState::Authorized
        | ChargeState::CaptureInitiated
        | ChargeState::Captured(_)
        | ChargeState::Canceled(_)
        | ChargeState::Declined(_) => (StatusCode::CREATED, "Authorized"),
    })
}

/// Why a charge was declined, if it was.
fn declined(charge: &Charge) -> Option<&str> {
    let ChargeState::Declined(reason) = &charge.state else { return None };
    Some(reason.as_deref().unwrap_or("Declined"))
}

fn decline(payment: &Payment, code: &str) -> RequestRefused {
    RequestRefused::declined(code, update_url::for_decline(payment, code))
}

/// A decline is about the payment method or the buyer; every other code is one of Amazon's rules.
fn refused_by_amazon(payment: &Payment, operation: &Operation, code: &str) -> RequestRefused {
    let charge = operation.request.changes_charge().and_then(|id| payment.charge(id));
    if let Some(reason) = charge.and_then(declined) {
        return decline(payment, reason);
    }
    match code {
        TOO_MUCH => return RequestRefused::refund_too_large(),
        NOT_MADE => return RequestRefused::refund_not_made(),
        DECIDED => return RequestRefused::decided(),
        _ => {}
    }
    let class = ReasonCode::parse(code).map(ReasonCode::class);
    if class != Some(ReasonClass::Decline) {
        return RequestRefused::without_effect(code);
    }
    match &operation.request {
        PaymentCall::Refund { charge_id, .. } => {
            RequestRefused::refund_declined(&format!("of charge {charge_id}"), code)
        }
        PaymentCall::CreateCharge { .. }
        | PaymentCall::Capture { .. }
        | PaymentCall::CancelCharge { .. }
        | PaymentCall::Close { .. } => decline(payment, code),
    }
}

/// The answer to a request to cancel, by its reference.
pub(super) fn canceled(registration: &Registration, reference: &str) -> Result<Response, RequestRefused> {
    // What was recorded is never deleted.
    let cancellation =
        registration.checkout.cancellation.as_ref().ok_or_else(RequestRefused::no_such_checkout)?;
    let status = match done_at(&registration.checkout, cancellation) {
        None => StatusCode::ACCEPTED,
        Some(_) => StatusCode::OK,
    };
    let answer = Members::default().with("reference", reference);
    let answer = answer.with("state", cancellation_word(&registration.checkout, cancellation));
    let answer = answer.some("leaves", left_behind(&registration.checkout));
    Ok(json(status, &answer.some("waitsFor", waits_for(&registration.checkout))))
}

/// The answer to a shipment: the gate's, and the parcel if it was recorded.
pub(super) fn shipped(
    registration: &Registration,
    reference: &str,
    answer: &ShipmentAnswer,
) -> Result<Response, RequestRefused> {
    match answer {
        ShipmentAnswer::Stays(answer) => Ok(fulfilment(answer)),
        ShipmentAnswer::Recorded => {
            let payment = registration.checkout.payment.as_ref();
            // What is recorded is never deleted.
            let found = payment.and_then(|payment| payment.shipment(reference));
            let (charge, shipment) = found.ok_or_else(RequestRefused::no_such_checkout)?;
            let reason = match shipment.paid_by {
                PaidBy::Authorization => Reason::Authorized,
                PaidBy::Capture => Reason::Captured,
            };
            let answer = Members::default()
                .with("mayShip", true)
                .with("reason", reason.as_str())
                .with("seenAt", shipment.seen_at.to_string())
                .with("reference", reference)
                .with("chargeId", charge.id.as_str())
                .with("amount", amount(shipment.amount));
            Ok(json(StatusCode::OK, &answer))
        }
    }
}

/// Whether the shop may ship, and why.
pub(super) fn fulfilment(fulfilment: &Fulfilment) -> Response {
    let Fulfilment { may_ship, reason, seen_at, .. } = *fulfilment;
    let answer = Members::default()
        .with("mayShip", may_ship)
        .with("reason", reason.as_str())
        .with("seenAt", seen_at.map(|seen_at| seen_at.to_string()));
    json(StatusCode::OK, &answer)
}
