//! The payment of a checkout as JSON, and the answers to what the shop asks of it.

use countersign_domain::ids::{ChargeId, RefundId};
use countersign_domain::merchant::cancellation::{Cancellation, CancellationState};
use countersign_domain::merchant::fulfilment::Fulfilment;
use countersign_domain::merchant::operation::{
    Asked, Effect, Operation, OperationName, OperationState, RefundCeiling, Request, refundable,
};
use countersign_domain::merchant::payment::{Charge, ChargeState, Payment, Refund, RefundState};
use countersign_domain::money::Money;
use countersign_http::Response;
use countersign_protocol::wire::{ReasonClass, ReasonCode};
use http::StatusCode;
use serde::Serialize;

use super::errors::{self, Refused};
use super::json::{Amount, json};
use super::update_url;
use crate::app::operation::Operated;
use crate::registration::Registration;

/// A payment within its checkout.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaymentBody<'a> {
    charge_permission: PermissionBody<'a>,
    balances: Balances,
    charges: Vec<ChargeBody<'a>>,
    operations: Vec<OperationBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PermissionBody<'a> {
    charge_permission_id: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    /// Where the buyer names another payment method, when that is what it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_method_update_url: Option<String>,
}

/// What became of the limit. What is in flight is taken off what is left already.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Balances {
    limit: Amount,
    held: Amount,
    captured: Amount,
    refunded: Amount,
    left: Amount,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ChargeBody<'a> {
    charge_id: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    charge_amount: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    capture_amount: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refundable: Option<Amount>,
    /// Until when it can be captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    refunds: Vec<RefundBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RefundBody<'a> {
    refund_id: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    refund_amount: Amount,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OperationBody<'a> {
    number: u32,
    /// The shop's word for it, or else a rule's.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    call: &'static str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    requested_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
}

/// A cancellation within its checkout.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancellationBody<'a> {
    state: &'static str,
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    requested_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    done_at: Option<String>,
}

pub(super) fn payment(payment: &Payment) -> PaymentBody<'_> {
    let zero = Money::zero(payment.limit.currency());
    let sum = |part: &dyn Fn(&Charge) -> Money| {
        let parts = payment.charges.iter().map(part);
        Amount::from(parts.fold(zero, |sum, part| sum.checked_add(part).unwrap_or(sum)))
    };
    let held = |charge: &Charge| if charge.state.is_final() { zero } else { charge.taken() };
    PaymentBody {
        charge_permission: PermissionBody {
            charge_permission_id: payment.charge_permission_id.to_string(),
            state: payment.permission.state.name(),
            reason: payment.permission.state.reason(),
            payment_method_update_url: update_url::of_permission(payment),
        },
        balances: Balances {
            limit: payment.limit.into(),
            held: sum(&held),
            captured: sum(&Charge::captured),
            refunded: sum(&Charge::refunded),
            left: payment.left().into(),
        },
        charges: payment.charges.iter().map(|charge| charge_body(payment, charge)).collect(),
        operations: payment.operations.iter().map(operation_body).collect(),
    }
}

fn charge_body<'a>(payment: &Payment, charge: &'a Charge) -> ChargeBody<'a> {
    let (reason, captured, expires_at) = match &charge.state {
        ChargeState::AuthorizationInitiated | ChargeState::CaptureInitiated => (None, None, None),
        ChargeState::Authorized => (None, None, Some(charge.expires_at.to_string())),
        ChargeState::Captured(captured) => (None, Some(*captured), None),
        ChargeState::Canceled(reason) | ChargeState::Declined(reason) => (reason.as_deref(), None, None),
    };
    let left = captured.map(|_| refundable(payment, charge, RefundCeiling::Captured).into());
    ChargeBody {
        charge_id: charge.id.as_str(),
        state: charge.state.name(),
        reason,
        charge_amount: charge.amount.into(),
        capture_amount: captured.map(Into::into),
        refundable: left,
        expires_at,
        refunds: charge.refunds.iter().map(refund_body).collect(),
    }
}

fn refund_body(refund: &Refund) -> RefundBody<'_> {
    RefundBody {
        refund_id: refund.id.as_str(),
        state: refund.state.name(),
        reason: match &refund.state {
            RefundState::Declined(reason) => reason.as_deref(),
            RefundState::RefundInitiated | RefundState::Refunded => None,
        },
        refund_amount: refund.amount.into(),
    }
}

fn operation_body(operation: &Operation) -> OperationBody<'_> {
    let (reference, rule) = match &operation.name {
        OperationName::Shop(reference) => (Some(reference.as_str()), None),
        OperationName::Own(rule) => (None, Some(rule.as_str())),
    };
    let (done_charge, refund) = match &operation.state {
        OperationState::Done(Effect::Charge(id)) => (Some(id), None),
        OperationState::Done(Effect::Refund(id)) => (None, Some(id)),
        OperationState::Done(Effect::Closed)
        | OperationState::Recorded { .. }
        | OperationState::Sending { .. }
        | OperationState::InDoubt { .. }
        | OperationState::Refused { .. } => (None, None),
    };
    OperationBody {
        number: operation.number,
        reference,
        rule,
        call: operation.request.call(),
        state: operation.state.name(),
        code: match &operation.state {
            OperationState::Refused { code } => Some(code),
            OperationState::Recorded { .. }
            | OperationState::Sending { .. }
            | OperationState::InDoubt { .. }
            | OperationState::Done(_) => None,
        },
        charge_id: operation.request.charge_id().or(done_charge).map(ChargeId::to_string),
        refund_id: refund.map(RefundId::to_string),
        amount: operation.request.amount().map(Into::into),
        requested_at: operation.requested_at.to_string(),
        due_at: operation.state.due_at().map(|due_at| due_at.to_string()),
    }
}

pub(super) fn cancellation(cancellation: &Cancellation) -> CancellationBody<'_> {
    let done_at = match cancellation.state {
        CancellationState::Requested { .. } => None,
        CancellationState::Done { at, .. } => Some(at.to_string()),
    };
    CancellationBody {
        state: cancellation_word(cancellation),
        reference: &cancellation.reference,
        reason: cancellation.reason.as_deref(),
        requested_at: cancellation.requested_at.to_string(),
        done_at,
    }
}

const fn cancellation_word(cancellation: &Cancellation) -> &'static str {
    match cancellation.state {
        CancellationState::Requested { .. } => "CancelRequested",
        CancellationState::Done { .. } => "Canceled",
    }
}

/// What an answer says beside the state.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    reference: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_permission_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<String>,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_amount: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capture_amount: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_amount: Option<Amount>,
}

/// What is not decided yet.
const CHECKING: &str = "Checking";

/// The answer to an operation: what it has led to, today's verdict while that is open.
///
/// Once definitive it stays: a charge that was authorized is answered as Authorized also when it has been
/// captured since, or its capture declined. Where it is now, the checkout shows.
pub(super) fn operated(operated: &Operated) -> Result<Response, Refused> {
    let payment = operated.registration.checkout.payment.as_ref();
    // What is recorded is never deleted.
    let found = payment.and_then(|payment| Some((payment, payment.operation(operated.number)?)));
    let (payment, operation) = found.ok_or(Refused::NoSuchCheckout)?;
    let effect = match &operation.state {
        OperationState::Done(effect) => Some(effect),
        OperationState::Refused { code } => {
            return Ok(errors::render(&refused_by_amazon(payment, operation, code)));
        }
        OperationState::Recorded { .. } | OperationState::Sending { .. } | OperationState::InDoubt { .. } => {
            None
        }
    };
    let (OperationName::Shop(reference) | OperationName::Own(reference)) = &operation.name;
    let answer = Answer { reference, state: CHECKING, ..Answer::default() };
    let done_charge = match effect {
        Some(Effect::Charge(id)) => payment.charge(id),
        Some(Effect::Refund(_) | Effect::Closed) | None => None,
    };
    let (status, answer) = match &operation.request {
        Request::CreateCharge { amount, .. } => {
            let created = done_charge.map(|charge| created(payment, operation, charge));
            let (status, state) = match created.unwrap_or(Ok((StatusCode::ACCEPTED, CHECKING))) {
                Ok(created) => created,
                Err(reason) => return Ok(errors::render(&decline(payment, reason))),
            };
            let charge_id = done_charge.map(|charge| charge.id.to_string());
            (status, Answer { charge_id, state, charge_amount: Some((*amount).into()), ..answer })
        }
        Request::Capture { charge_id, amount } => {
            let (status, state) = match done_charge.map(|charge| &charge.state) {
                Some(state @ ChargeState::Captured(_)) => (StatusCode::OK, state.name()),
                Some(state) => (StatusCode::ACCEPTED, state.name()),
                None => (StatusCode::ACCEPTED, CHECKING),
            };
            if let Some(reason) = done_charge.and_then(declined) {
                return Ok(errors::render(&decline(payment, reason)));
            }
            let captured = done_charge.map_or(*amount, |charge| match charge.state {
                ChargeState::Captured(captured) => captured,
                ChargeState::AuthorizationInitiated
                | ChargeState::Authorized
                | ChargeState::CaptureInitiated
                | ChargeState::Canceled(_)
                | ChargeState::Declined(_) => *amount,
            });
            let charge_id = Some(charge_id.to_string());
            (status, Answer { charge_id, state, capture_amount: Some(captured.into()), ..answer })
        }
        Request::Refund { charge_id, amount } => {
            let done = match effect {
                Some(Effect::Refund(id)) => payment.refund(id).map(|(_, refund)| refund),
                Some(Effect::Charge(_) | Effect::Closed) | None => None,
            };
            let answer = Answer {
                charge_id: Some(charge_id.to_string()),
                refund_id: done.map(|refund| refund.id.to_string()),
                state: done.map_or(CHECKING, |refund| refund.state.name()),
                refund_amount: Some((*amount).into()),
                ..answer
            };
            let status = match done.map(|refund| &refund.state) {
                Some(RefundState::Refunded) => StatusCode::OK,
                Some(RefundState::Declined(reason)) => {
                    let refund = done.map_or(charge_id.as_str(), |refund| refund.id.as_str());
                    let reason = reason.as_deref().unwrap_or("Declined");
                    return Ok(errors::render(&refund_declined(refund, reason)));
                }
                Some(RefundState::RefundInitiated) | None => StatusCode::ACCEPTED,
            };
            (status, answer)
        }
        Request::CancelCharge { charge_id } => {
            let (status, state) = match effect {
                Some(_) => (StatusCode::OK, "Canceled"),
                None => (StatusCode::ACCEPTED, CHECKING),
            };
            (status, Answer { charge_id: Some(charge_id.to_string()), state, ..answer })
        }
        Request::Close { .. } => {
            let (status, state) = match effect {
                Some(_) => (StatusCode::OK, "Closed"),
                None => (StatusCode::ACCEPTED, CHECKING),
            };
            let charge_permission_id = Some(payment.charge_permission_id.to_string());
            (status, Answer { charge_permission_id, state, ..answer })
        }
    };
    Ok(json(status, &answer))
}

/// What a charge that was made has come to, as far as its creation is concerned; or why it was declined.
fn created<'a>(
    payment: &Payment,
    operation: &Operation,
    charge: &'a Charge,
) -> Result<(StatusCode, &'static str), &'a str> {
    let capture_now = match operation.asked {
        Asked::Charge { capture_now, .. } => capture_now,
        Asked::Capture { .. } | Asked::Refund { .. } | Asked::CancelCharge(_) | Asked::Close { .. } => false,
    };
    // A capture is asked for of an authorized charge only. Of one that has ended without, nothing proves
    // that it ever was.
    let was_authorized = payment
        .operations
        .iter()
        .any(|it| matches!(&it.request, Request::Capture { charge_id, .. } if *charge_id == charge.id));
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

/// Why a charge is declined, if it is.
fn declined(charge: &Charge) -> Option<&str> {
    match &charge.state {
        ChargeState::Declined(reason) => Some(reason.as_deref().unwrap_or("Declined")),
        ChargeState::AuthorizationInitiated
        | ChargeState::Authorized
        | ChargeState::CaptureInitiated
        | ChargeState::Captured(_)
        | ChargeState::Canceled(_) => None,
    }
}

/// A refund that Amazon has declined takes nothing, and another card helps nobody.
fn refund_declined(refund: &str, reason: &str) -> Refused {
    Refused::RefundDeclined { refund: refund.to_owned(), reason: reason.to_owned() }
}

fn decline(payment: &Payment, code: &str) -> Refused {
    Refused::Declined { code: code.to_owned(), update_url: update_url::for_decline(payment, code) }
}

/// Amazon's words for "not with this money, or not by this buyer"; everything else is a rule of its.
fn refused_by_amazon(payment: &Payment, operation: &Operation, code: &str) -> Refused {
    let charge = operation.request.changes_charge().and_then(|id| payment.charge(id));
    if let Some(reason) = charge.and_then(declined) {
        return decline(payment, reason);
    }
    let class = ReasonCode::parse(code).map(ReasonCode::class);
    let is_decline = class == Some(ReasonClass::Decline);
    match &operation.request {
        Request::Refund { charge_id, .. } if is_decline => {
            refund_declined(&format!("of charge {charge_id}"), code)
        }
        Request::CreateCharge { .. }
        | Request::Capture { .. }
        | Request::Refund { .. }
        | Request::CancelCharge { .. }
        | Request::Close { .. } => {
            if is_decline {
                decline(payment, code)
            } else {
                Refused::ByAmazon(code.to_owned())
            }
        }
    }
}

/// The answer to a cancellation.
pub(super) fn canceled(registration: &Registration) -> Result<Response, Refused> {
    // What is recorded is never deleted.
    let cancellation = registration.checkout.cancellation.as_ref().ok_or(Refused::NoSuchCheckout)?;
    let status = match cancellation.state {
        CancellationState::Requested { .. } => StatusCode::ACCEPTED,
        CancellationState::Done { .. } => StatusCode::OK,
    };
    let state = cancellation_word(cancellation);
    Ok(json(status, &Answer { reference: &cancellation.reference, state, ..Answer::default() }))
}

/// "May I ship?"
pub(super) fn fulfilment(fulfilment: &Fulfilment) -> Response {
    let Fulfilment { may_ship, reason, .. } = *fulfilment;
    json(StatusCode::OK, &serde_json::json!({ "mayShip": may_ship, "reason": reason }))
}
