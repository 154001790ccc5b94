//! The answers of the merchant API as JSON.

use bytes::Bytes;
use countersign_domain::ids::{ChargeId, CheckoutId, CheckoutSessionId, RefundId};
use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::cart::CartKey;
use countersign_domain::merchant::checkout::standing::Need;
use countersign_domain::merchant::checkout::terms::Terms;
use countersign_domain::merchant::checkout::unexplained::{
    ReturnState, Returning, Unexplained, UnexplainedState,
};
use countersign_domain::merchant::checkout::verdict::{CheckingReason, Proof, Verdict};
use countersign_domain::merchant::number::AttemptNumber;
use countersign_domain::terms::PaymentIntent;
use countersign_domain::time::Timestamp;
use countersign_http::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::value::RawValue;

use super::errors::RequestRefused;
use super::json::{json, json_bytes};
use super::payment_render;
use super::requests::cursor_text;
use crate::book::StoreFailed;
use crate::book::lookup::Page;
use crate::book::outbox::{self, KeptFact};
use crate::book::register::RegistrationOutcome;
use crate::book::snapshot::Transaction;
use crate::drive::complete::CompletionOutcome;
use crate::events::entry::Entry;
use crate::metrics::MEDIA_TYPE;
use crate::pages::buyer_news::BuyerNews;
use crate::pages::texts::Texts;
use crate::registration::Registration;
use crate::settings::Settings;
use countersign_protocol::json::{Members, amount};

pub(super) fn healthy() -> Response {
    json(StatusCode::OK, &serde_json::json!({ "status": "ok" }))
}

/// The operator's figures.
pub(super) fn metrics(text: &str) -> Response {
    let mut response = Response::new(Bytes::copy_from_slice(text.as_bytes()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn payment_details(terms: &Terms) -> Members {
    Members::default()
        .with("paymentIntent", terms.payment_intent.as_str())
        .with("canHandlePendingAuthorization", terms.can_handle_pending_authorization)
        .with("chargeAmount", amount(terms.charge_amount))
        .some("totalOrderAmount", terms.total_order_amount.map(amount))
}

/// What `amazon.Pay.renderJSButton` is called with, except for the event handlers.
fn button(settings: &Settings, registration: &Registration) -> serde_json::Value {
    let checkout = &registration.checkout;
    // A visit to Amazon's page begins with the registered terms, regardless of earlier quotes.
    let terms = &registration.registered_terms();
    let metadata = &terms.merchant_metadata;
    let without_nulls = |mut value: serde_json::Value| {
        if let Some(members) = value.as_object_mut() {
            members.retain(|_, member| !member.is_null());
        }
        value
    };
    without_nulls(serde_json::json!({
        "merchantId": settings.merchant_id.as_str(),
        "publicKeyId": settings.public_key_id.as_str(),
        "ledgerCurrency": terms.charge_amount.currency().as_str(),
        "checkoutLanguage": registration.links.checkout_language,
        "productType": terms.product_type.as_str(),
        "placement": "Checkout",
        "sandbox": settings.environment == countersign_domain::ids::Environment::Sandbox,
        "estimatedOrderAmount": amount(terms.charge_amount),
        "checkoutSessionConfig": without_nulls(serde_json::json!({
            "storeId": settings.store_id.as_str(),
            "scopes": ["name", "email", "phoneNumber", "shippingAddress", "billingAddress"],
            "paymentDetails": payment_details(terms),
            // Notifications have no session id, and Amazon has no lists: only this reference leads from an
            // unknown payment back to its order.
            "merchantMetadata": without_nulls(serde_json::json!({
                "merchantReferenceId": checkout.id.as_str(),
                "merchantStoreName": metadata.merchant_store_name,
                "noteToBuyer": metadata.note_to_buyer,
                "customInformation": metadata.custom_information,
            })),
            "supplementaryData": terms.supplementary_data,
        })),
    }))
}

/// The first members of every answer about a checkout.
fn named(registration: &Registration) -> Members {
    let checkout = &registration.checkout;
    Members::default().with("checkoutId", checkout.id.as_str()).with("orderId", &checkout.order_id)
}

pub(super) fn registered(
    settings: &Settings,
    RegistrationOutcome { registration, is_new }: &RegistrationOutcome,
) -> Response {
    let checkout = &registration.checkout;
    let status = if *is_new { StatusCode::CREATED } else { StatusCode::OK };
    let body = named(registration)
        .with("state", checkout.verdict().outcome())
        .with("termsVersion", checkout.terms_version)
        .with("browserToken", &registration.links.browser_token)
        .with("resultUrl", registration.result_url(settings))
        .with("button", button(settings, registration));
    json(status, &body)
}

fn entry_body(Entry { at, kind, about }: &Entry) -> Members {
    let entry = about.ids(Members::default().with("at", at).with("type", kind));
    entry.some("reference", about.reference.as_ref()).some("detail", about.text())
}

fn attempt_body(attempt: &Attempt) -> Members {
    let (completion, reason, field) = match &attempt.state {
        AttemptState::Completed { completion, .. } => (Some(completion.name()), None, None),
        AttemptState::NotPaid { reason, .. } => (None, Some(reason.code().to_owned()), reason.field()),
        AttemptState::Unresolved { reason, .. } => (None, Some(reason.to_string()), None),
        AttemptState::Surplus { of } => (None, Some(format!("second to attempt {of}")), None),
        AttemptState::NotApproved(_) => (None, Some("NotApproved".to_owned()), None),
        AttemptState::Released { .. } => (None, Some("SessionOfAnotherOrder".to_owned()), None),
        AttemptState::Bound { .. } | AttemptState::Finalize(_) | AttemptState::Pending { .. } => {
            (None, None, None)
        }
    };
    Members::default()
        .with("number", attempt.number.get())
        .some("amazonCheckoutSessionId", attempt.session().map(CheckoutSessionId::as_str))
        .with("state", attempt.state.name())
        .some("completion", completion)
        .some("reason", reason)
        .some("field", field)
        .with("termsVersion", attempt.terms_version)
        .some("waitsFor", attempt.waits_for.as_ref().map(CheckoutId::as_str))
        .with("boundAt", attempt.bound_at.to_string())
        .some("dueAt", attempt.state.due_at().map(|due_at| due_at.to_string()))
}

/// What is so of a checkout now.
pub(crate) fn standing(members: Members, checkout: &Checkout, now: Timestamp) -> Members {
    let standing = checkout.standing(now);
    members
        .with("standing", standing.word())
        .some("standingUntil", standing.until().map(|until| until.to_string()))
}

/// What only a person can help with.
pub(crate) fn needs_person(registration: &Registration) -> Vec<&'static str> {
    registration.needs().into_iter().map(Need::as_str).collect()
}

/// The permissions that name the order, if there are any.
fn unexplained(checkout: &Checkout) -> Option<Vec<Members>> {
    let body = |it: &Unexplained| {
        let (reason, end) = match &it.state {
            UnexplainedState::Open { reason, .. } => (Some(reason.as_str()), None),
            UnexplainedState::Over { end, .. } => (None, Some(end.as_str())),
            UnexplainedState::Heard { .. } | UnexplainedState::Watched { .. } => (None, None),
        };
        Members::default()
            .with("chargePermissionId", it.charge_permission_id.as_str())
            .some("chargeId", it.charge_id().map(ChargeId::as_str))
            .some("attempt", it.attempt.map(AttemptNumber::get))
            .some("amount", it.amount.map(amount))
            .with("state", it.state.name())
            .some("reason", reason)
            .some("end", end)
            .some("returning", it.returning.as_ref().map(returning))
            .with("heardAt", it.heard_at.to_string())
            .some("dueAt", it.state.look().map(|look| look.at.to_string()))
    };
    (!checkout.unexplained.is_empty()).then(|| checkout.unexplained.iter().map(body).collect())
}

/// The call by which the money of a permission is returned.
fn returning(it: &Returning) -> Members {
    let code = match &it.state {
        ReturnState::Refused { code } => Some(code),
        ReturnState::Recorded | ReturnState::Sent { .. } | ReturnState::Accepted { .. } => None,
    };
    Members::default()
        .with("call", it.call.call())
        .some("chargeId", it.call.charge_id().map(ChargeId::as_str))
        .some("amount", it.call.amount().map(amount))
        .with("state", it.state.name())
        .some("refundId", it.refund_id().map(RefundId::as_str))
        .some("code", code)
        .with("since", it.since.to_string())
}

fn checkout_body(
    settings: &Settings,
    registration: &Registration,
    timeline: Option<&[Entry]>,
    now: Timestamp,
) -> Members {
    let checkout = &registration.checkout;
    let verdict = checkout.verdict();
    let proof = proof_of(verdict);
    let cart_id = match checkout.cart.as_ref().map(|cart| &cart.key) {
        Some(CartKey::Named(id)) => Some(id.as_str()),
        Some(CartKey::Of(_)) | None => None,
    };
    standing(named(registration).with("state", verdict.outcome()), checkout, now)
        .some("reason", reason_of(verdict))
        .with("needsPerson", needs_person(registration))
        .with("termsVersion", checkout.terms_version)
        .with("productType", checkout.terms.product_type.as_str())
        .with("paymentDetails", payment_details(&checkout.terms))
        .with("chargePermissionId", proof.map(|proof| proof.charge_permission_id.as_str()))
        .with("chargeId", proof.and_then(|proof| proof.charge_id).map(ChargeId::as_str))
        .some("cartId", cart_id)
        .some(
            "supersedes",
            checkout.cart.as_ref().and_then(|cart| cart.supersedes.as_ref()).map(CheckoutId::as_str),
        )
        .some("supersededBy", checkout.superseded_by.as_ref().map(CheckoutId::as_str))
        .with("registeredAt", checkout.registered_at.to_string())
        .with("resultUrl", registration.result_url(settings))
        .with("attempts", checkout.attempts.iter().map(attempt_body).collect::<Vec<_>>())
        .some("unexplained", unexplained(checkout))
        .some("payment", checkout.payment.as_ref().map(payment_render::payment))
        .some(
            "cancellation",
            checkout.cancellation.as_ref().map(|it| payment_render::cancellation(checkout, it)),
        )
        .some("timeline", timeline.map(|timeline| timeline.iter().map(entry_body).collect::<Vec<_>>()))
}

pub(super) fn checkout(
    settings: &Settings,
    registration: &Registration,
    timeline: &[Entry],
    now: Timestamp,
) -> Response {
    json(StatusCode::OK, &checkout_body(settings, registration, Some(timeline), now))
}

pub(super) fn list(settings: &Settings, page: &Page, now: Timestamp) -> Response {
    let checkouts: Vec<_> = page.checkouts.iter().map(|it| checkout_body(settings, it, None, now)).collect();
    let after = page.next_after.as_ref().map(cursor_text);
    json(StatusCode::OK, &Members::default().with("checkouts", checkouts).with("after", after))
}

fn proof_of(verdict: Verdict<'_>) -> Option<Proof<'_>> {
    match verdict {
        Verdict::Paid(proof)
        | Verdict::Authorized(proof)
        | Verdict::Confirmed(proof)
        | Verdict::Pending(proof) => Some(proof),
        Verdict::Checking(_) | Verdict::NotPaid(_) | Verdict::Canceled | Verdict::Registered => None,
    }
}

/// The buyer's and the transaction's data as Amazon returned them.
pub(super) fn snapshot(
    checkout_id: &str,
    taken_at: Timestamp,
    transaction: &Transaction,
) -> Result<Response, RequestRefused> {
    let raw = |text: &str| {
        let unreadable =
            |_| StoreFailed::Unreadable("a snapshot contains a text that is not JSON".to_owned());
        serde_json::from_str::<Box<RawValue>>(text).map_err(unreadable)
    };
    let body = Members::default()
        .with("checkoutId", checkout_id)
        .with("takenAt", taken_at.to_string())
        .with("chargePermission", raw(&transaction.charge_permission)?)
        .with("charge", transaction.charge.as_deref().map(raw).transpose()?);
    Ok(json(StatusCode::OK, &body))
}

pub(super) fn erased(checkout_id: &str, erased_at: Timestamp) -> Response {
    json(StatusCode::OK, &serde_json::json!({ "checkoutId": checkout_id, "erasedAt": erased_at.to_string() }))
}

pub(super) fn webhook_sent(event_id: &str) -> Response {
    json(StatusCode::OK, &serde_json::json!({ "id": event_id, "delivered": true }))
}

/// A page of facts, each with the same bytes as its webhook.
pub(super) fn facts(facts: &[KeptFact]) -> Response {
    let mut body = b"{\"events\":[".to_vec();
    for (index, kept) in facts.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&outbox::body(kept.sequence, &kept.bytes));
    }
    body.extend_from_slice(b"]}");
    json_bytes(StatusCode::OK, Bytes::from(body))
}

/// The verdict on the attempt that the caller asked about.
fn verdict_on(outcome: &CompletionOutcome) -> Verdict<'_> {
    let checkout = &outcome.registration.checkout;
    checkout.attempt(outcome.attempt).map_or(Verdict::Checking(None), |it| checkout.verdict_of(it))
}

/// The result of a completion, for the shop.
pub(super) fn result(settings: &Settings, outcome: &CompletionOutcome, now: Timestamp) -> Response {
    let registration = &outcome.registration;
    let verdict = verdict_on(outcome);
    let (status, redirect_url) = goes_to(settings, registration, verdict);
    let proof = proof_of(verdict);
    let charge_id = proof.and_then(|proof| proof.charge_id);
    let charge_id =
        charge_id.filter(|_| registration.checkout.terms.payment_intent != PaymentIntent::Confirm);
    let news = BuyerNews::of(&registration.checkout, verdict, now);
    let message = Texts::FOR_SHOP.message(&registration.checkout, news);
    let body = outcome_of(registration, verdict)
        .with("chargePermissionId", proof.map(|proof| proof.charge_permission_id.as_str()))
        .with("chargeId", charge_id.map(ChargeId::as_str))
        .with("message", message)
        .with("redirectUrl", redirect_url);
    json(status, &body)
}

/// The first members of both results of a completion.
fn outcome_of(registration: &Registration, verdict: Verdict<'_>) -> Members {
    Members::default()
        .with("outcome", verdict.outcome())
        .with("reason", reason_of(verdict))
        .with("checkoutId", registration.checkout.id.as_str())
        .with("orderId", &registration.checkout.order_id)
}

/// The status of a completion's answer, and where the buyer goes next.
fn goes_to(settings: &Settings, registration: &Registration, verdict: Verdict<'_>) -> (StatusCode, String) {
    let links = &registration.links;
    let result_url = registration.result_url(settings);
    match verdict {
        Verdict::Paid(_) | Verdict::Authorized(_) | Verdict::Confirmed(_) => {
            (StatusCode::OK, links.success_url.clone().unwrap_or(result_url))
        }
        Verdict::Pending(_) | Verdict::Checking(_) | Verdict::Registered => {
            (StatusCode::ACCEPTED, result_url)
        }
        Verdict::NotPaid(_) | Verdict::Canceled => {
            (StatusCode::PAYMENT_REQUIRED, links.start_of_checkout_url.clone())
        }
    }
}

fn reason_of<'a>(verdict: Verdict<'a>) -> Option<&'a str> {
    match verdict {
        Verdict::NotPaid(reason) => Some(reason.code()),
        Verdict::Checking(reason) => reason.map(CheckingReason::as_str),
        Verdict::Paid(_)
        | Verdict::Authorized(_)
        | Verdict::Confirmed(_)
        | Verdict::Pending(_)
        | Verdict::Canceled
        | Verdict::Registered => None,
    }
}

/// The result of a completion, for the buyer's page: in the buyer's language, and without Amazon's ids.
pub(super) fn browser_result(settings: &Settings, outcome: &CompletionOutcome, now: Timestamp) -> Response {
    let registration = &outcome.registration;
    let verdict = verdict_on(outcome);
    let (status, redirect_url) = goes_to(settings, registration, verdict);
    let body = outcome_of(registration, verdict)
        .with("message", buyer_message(registration, verdict, now))
        .with("redirectUrl", redirect_url);
    json(status, &body)
}

/// The state of a checkout, for the buyer's page.
pub(super) fn browser_standing(settings: &Settings, registration: &Registration, now: Timestamp) -> Response {
    let verdict = registration.checkout.verdict();
    let redirect_url = match verdict {
        Verdict::Registered => registration.links.start_of_checkout_url.clone(),
        verdict => goes_to(settings, registration, verdict).1,
    };
    let body = standing(named(registration).with("state", verdict.outcome()), &registration.checkout, now)
        .with("message", buyer_message(registration, verdict, now))
        .with("redirectUrl", redirect_url)
        .with("resultUrl", registration.result_url(settings));
    json(StatusCode::OK, &body)
}

/// What the result page says too, in the buyer's language.
fn buyer_message(registration: &Registration, verdict: Verdict<'_>, now: Timestamp) -> String {
    let texts = Texts::for_language(registration.links.checkout_language.as_deref());
    texts.message(&registration.checkout, BuyerNews::of(&registration.checkout, verdict, now))
}
