//! Decisions of persons as JSON, and what Amazon shows of what they are about.

use countersign_domain::ids::{ChargeId, ChargePermissionId, RefundId};
use countersign_domain::merchant::after::unexplained::Evidence;
use countersign_domain::merchant::attempt::agree::SessionView;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::decision::judge::{DecisionRefused, Persons};
use countersign_domain::merchant::decision::shown::{PermissionFacts, Shown};
use countersign_domain::merchant::decision::{Asked, Decision, DecisionState, Statement, Subject};
use countersign_domain::merchant::payment::amount_view::AmountView;
use countersign_domain::merchant::payment::charge::{AmazonChargeState, ChargeView};
use countersign_domain::money::Money;
use countersign_domain::time::Timestamp;
use countersign_http::Response;
use countersign_protocol::json::{Members, amount};
use http::StatusCode;

use super::errors::RequestRefused;
use super::json::json;
use crate::drive::decide::Inquiry;
use crate::registration::Registration;

/// The answer to a decision: 200, or 202 while a second person must confirm it.
pub(super) fn decided(registration: &Registration, decision: &Decision) -> Response {
    let checkout = &registration.checkout;
    let status = match decision.state {
        DecisionState::AwaitsSecond { .. } => StatusCode::ACCEPTED,
        DecisionState::Expired { .. }
        | DecisionState::Made { .. }
        | DecisionState::Reminds { .. }
        | DecisionState::Reminded { .. }
        | DecisionState::Superseded { .. } => StatusCode::OK,
    };
    let body = subject(checkout, &decision.subject).with("decision", body(decision));
    json(status, &body)
}

/// What Amazon shows of an object now, and which verdicts it allows.
pub(super) fn inquiry(inquiry: Inquiry) -> Response {
    let Inquiry { registration, subject: about, shows, verdicts } = inquiry;
    let checkout = &registration.checkout;
    let amazon = match &about {
        Subject::Unexplained(id) => Members::default()
            .with("chargePermission", heard_permission(id, &shows.heard))
            .with("charges", shows.heard.charges.iter().map(charge).collect::<Vec<_>>()),
        Subject::Attempt(_) | Subject::Operation(_) | Subject::Dispute(_) => Members::default()
            .with("session", object(&shows.session, session))
            .with("chargePermission", object(&shows.permission, permission))
            .with("charge", object(&shows.charge, charge)),
    };
    let verdicts: Vec<Members> = verdicts.into_iter().map(verdict).collect();
    let made = &checkout.decisions.made;
    let of_subject = made.iter().filter(|it| it.subject == about).map(|it| {
        let is_its = |later: &&Decision| later.replaces.as_ref() == Some(&it.first.reference);
        let by = made.iter().find(is_its).map(|later| &later.first.reference);
        body(it).some("replacedBy", by)
    });
    let body = subject(checkout, &about)
        .with("object", known(checkout, &about))
        .with("amazon", amazon)
        .with("verdicts", verdicts)
        .with("decisions", of_subject.collect::<Vec<_>>());
    json(StatusCode::OK, &body)
}

/// What is known here of an object, beside its state.
fn known(checkout: &Checkout, about: &Subject) -> Members {
    let members = Members::default();
    let payment = checkout.payment.as_ref();
    match about {
        Subject::Attempt(number) => {
            let attempt = checkout.attempt(*number);
            let session = attempt.and_then(|it| it.session()).map(ToString::to_string);
            members
                .some("amazonCheckoutSessionId", session)
                .with("amount", amount(checkout.terms.charge_amount))
                .some("at", attempt.map(|it| it.bound_at.to_string()))
        }
        Subject::Operation(number) => {
            let operation = payment.and_then(|payment| payment.operation(*number));
            let Some(operation) = operation else { return members };
            members
                .with("call", operation.request.call())
                .some("chargeId", operation.request.charge_id().map(ChargeId::as_str))
                .some("amount", operation.request.amount().map(amount))
                .with("at", operation.requested_at.to_string())
        }
        Subject::Dispute(id) => {
            let Some(dispute) = payment.and_then(|payment| payment.dispute(id)) else { return members };
            members
                .some("chargeId", dispute.charge_id.as_ref().map(ChargeId::as_str))
                .some("amount", dispute.amount.map(amount))
                .with("at", dispute.opened_at.to_string())
        }
        Subject::Unexplained(permission) => {
            let Some(known) = checkout.heard_of(permission) else { return members };
            members
                .some("attempt", known.attempt.map(|number| number.get()))
                .some("amount", known.amount.map(amount))
                .with("at", known.heard_at.to_string())
        }
    }
}

/// A permission that nothing explains, as far as it is shown.
fn heard_permission(id: &ChargePermissionId, heard: &Evidence) -> Members {
    let members = Members::default().with("chargePermissionId", id.as_str());
    match &heard.permission {
        None => members.with("state", "NoAnswer"),
        Some(shown) => members
            .with("state", shown.state.name())
            .some("createdAt", shown.created_at.map(|at| at.to_string()))
            .some("limit", self::shown(shown.limit))
            .some("left", self::shown(shown.balance)),
    }
}

/// The order, what the decision is about, and its state.
fn subject(checkout: &Checkout, subject: &Subject) -> Members {
    let members = Members::default()
        .with("checkoutId", checkout.id.as_str())
        .with("orderId", &checkout.order_id)
        .with("outcome", checkout.verdict().outcome());
    match subject {
        Subject::Dispute(id) => {
            let state = checkout.payment.as_ref().and_then(|payment| payment.dispute(id));
            members.with("disputeId", id.as_str()).some("state", state.map(|dispute| dispute.state.name()))
        }
        Subject::Unexplained(permission) => {
            let state = checkout.heard_of(permission).map(|known| known.state.name());
            members.with("chargePermissionId", permission.as_str()).some("state", state)
        }
        Subject::Attempt(number) => {
            let state = checkout.attempt(*number).map(|attempt| attempt.state.name());
            members.with("attempt", number.get()).some("state", state)
        }
        Subject::Operation(number) => {
            let operation = checkout.payment.as_ref().and_then(|payment| payment.operation(*number));
            let state = operation.map(|operation| operation.state.name());
            members.with("operation", number.get()).some("state", state)
        }
    }
}

fn body(decision: &Decision) -> Members {
    let (until, at) = match decision.state {
        DecisionState::AwaitsSecond { until } => (Some(until), None),
        DecisionState::Expired { at }
        | DecisionState::Made { at }
        | DecisionState::Reminds { at }
        | DecisionState::Reminded { at }
        | DecisionState::Superseded { at } => (None, Some(at)),
    };
    let members = Members::default()
        .with("verdict", decision.asked.verdict())
        .with("state", decision.state.name())
        .some("at", at.map(|at| at.to_string()))
        .some("replaces", decision.replaces.as_ref());
    let members = members.some("awaits", until.map(|_| "a second person, with the same verdict and ids"));
    let members = asked(members.some("until", until.map(|until| until.to_string())), &decision.asked);
    let persons = [Some(&decision.first), decision.second.as_ref()].into_iter().flatten().map(statement);
    members.with("persons", persons.collect::<Vec<_>>())
}

fn statement(statement: &Statement) -> Members {
    Members::default()
        .with("actor", &statement.actor)
        .with("reference", &statement.reference)
        .with("at", statement.at.to_string())
        .with("evidence", statement.evidence.as_str())
}

fn asked(members: Members, asked: &Asked) -> Members {
    let (permission, charge, refund, money, remind_at) = match asked {
        Asked::Paid { charge_permission_id, charge_id, amount } => {
            (charge_permission_id.as_ref(), charge_id.as_ref(), None, *amount, None)
        }
        Asked::Refund { charge_permission_id, charge_id, amount } => {
            (charge_permission_id.as_ref(), Some(charge_id), None, Some(*amount), None)
        }
        Asked::Done { charge_id, refund_id } => (None, charge_id.as_ref(), refund_id.as_ref(), None, None),
        Asked::Remind { at } => (None, None, None, None, *at),
        Asked::RefundUnexplained { amount } => (None, None, None, Some(*amount), None),
        Asked::Lost { amount } => (None, None, None, *amount, None),
        Asked::NotPaid | Asked::NoEffect | Asked::Ours | Asked::NotOurs | Asked::Won => {
            (None, None, None, None, None)
        }
    };
    members
        .some("chargePermissionId", permission.map(ChargePermissionId::as_str))
        .some("chargeId", charge.map(ChargeId::as_str))
        .some("refundId", refund.map(RefundId::as_str))
        .some("amount", money.map(amount))
        .some("remindAt", remind_at.map(|at: Timestamp| at.to_string()))
}

fn verdict((verdict, judged): (Asked, Result<Persons, DecisionRefused>)) -> Members {
    let members = asked(Members::default().with("verdict", verdict.verdict()), &verdict);
    match judged {
        Ok(persons) => members.with("personsNeeded", persons.count()),
        Err(refused) => members.with("refused", RequestRefused::from(refused).error()),
    }
}

/// An object of Amazon's, or why it is not shown.
fn object<T>(shown: &Shown<T>, body: impl FnOnce(&T) -> Members) -> Option<Members> {
    match shown {
        Shown::NotAsked => None,
        Shown::Silent => Some(Members::default().with("state", "NoAnswer")),
        Shown::Missing => Some(Members::default().with("state", "ResourceNotFound")),
        Shown::It(it) => Some(body(it)),
    }
}

fn session(session: &SessionView) -> Members {
    let members = Members::default().with("state", session.name());
    match session {
        SessionView::Completed { charge_permission_id, charge_id } => members
            .some("chargePermissionId", charge_permission_id.as_ref().map(ChargePermissionId::as_str))
            .some("chargeId", charge_id.as_ref().map(ChargeId::as_str)),
        SessionView::Canceled { reason } => members.some("reason", reason.as_ref()),
        SessionView::Open(_) | SessionView::NotFound(_) => members,
    }
}

fn permission(facts: &PermissionFacts) -> Members {
    Members::default()
        .with("chargePermissionId", facts.id.as_str())
        .with("state", facts.state.name())
        .some("createdAt", facts.created_at.map(|at| at.to_string()))
        .some("merchantReferenceId", facts.merchant_reference_id.as_ref())
        .some("limit", shown(facts.limit))
        .some("left", shown(facts.balance))
}

fn charge(charge: &ChargeView) -> Members {
    let state = match charge.seen.state {
        AmazonChargeState::AuthorizationInitiated => "AuthorizationInitiated",
        AmazonChargeState::Authorized => "Authorized",
        AmazonChargeState::CaptureInitiated => "CaptureInitiated",
        AmazonChargeState::Captured => "Captured",
        AmazonChargeState::Declined => "Declined",
        AmazonChargeState::Canceled => "Canceled",
    };
    Members::default()
        .with("chargeId", charge.id.as_str())
        .some("chargePermissionId", charge.charge_permission_id.as_ref().map(ChargePermissionId::as_str))
        .with("state", state)
        .some("reason", charge.seen.reason.as_ref())
        .some("createdAt", charge.created_at.map(|at| at.to_string()))
        .some("chargeAmount", shown(charge.seen.charge_amount))
        .some("captureAmount", shown(charge.captured))
        .some("refundedAmount", shown(charge.refunded))
}

fn shown(view: AmountView) -> Option<Members> {
    view.shown().map(|money: Money| amount(money))
}
