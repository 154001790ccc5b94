//! The answers of the merchant API as JSON.

use bytes::Bytes;
use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::checkout::Terms;
use countersign_domain::merchant::verdict::{Proof, Verdict};
use countersign_domain::terms::PaymentIntent;
use countersign_domain::time::Timestamp;
use countersign_http::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;

use super::errors::Refused;
use super::json::{Amount, json, json_bytes};
use super::payment_render::{self, CancellationBody, PaymentBody};
use super::requests::cursor_text;
use crate::app::complete::Outcome;
use crate::book::StoreFailed;
use crate::book::lookup::Page;
use crate::book::outbox::{self, KeptFact};
use crate::book::register::Registered;
use crate::book::snapshot::Transaction;
use crate::events::about::Ids;
use crate::events::entry::Entry;
use crate::events::table::Kind;
use crate::metrics::MEDIA_TYPE;
use crate::pages::texts::{NOT_PAID_MESSAGE, Texts};
use crate::registration::Registration;
use crate::settings::Settings;

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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PaymentDetails {
    payment_intent: &'static str,
    can_handle_pending_authorization: bool,
    charge_amount: Amount,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_order_amount: Option<Amount>,
}

fn payment_details(terms: &Terms) -> PaymentDetails {
    PaymentDetails {
        payment_intent: terms.payment_intent.as_str(),
        can_handle_pending_authorization: terms.can_handle_pending_authorization,
        charge_amount: terms.charge_amount.into(),
        total_order_amount: terms.total_order_amount.map(Into::into),
    }
}

/// What `amazon.Pay.renderJSButton` is called with, the event handlers aside.
fn button(settings: &Settings, registration: &Registration) -> serde_json::Value {
    let checkout = &registration.checkout;
    // A visit to Amazon's page begins with what the shop has registered, whatever an earlier one was quoted.
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
        "ledgerCurrency": terms.charge_amount.currency().code(),
        "checkoutLanguage": registration.links.checkout_language,
        "productType": terms.product_type.as_str(),
        "placement": "Checkout",
        "sandbox": settings.environment == countersign_domain::ids::Environment::Sandbox,
        "estimatedOrderAmount": Amount::from(terms.charge_amount),
        "checkoutSessionConfig": without_nulls(serde_json::json!({
            "storeId": settings.store_id.as_str(),
            "scopes": ["name", "email", "phoneNumber", "shippingAddress", "billingAddress"],
            "paymentDetails": payment_details(terms),
            // Notifications carry no session id, and Amazon lists nothing: this is the thread back
            // from an orphan to its order.
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

pub(super) fn registered(settings: &Settings, registered: &Registered) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        checkout_id: &'a str,
        order_id: &'a str,
        state: &'a str,
        terms_version: u32,
        browser_token: &'a str,
        result_url: String,
        button: serde_json::Value,
    }
    let registration = &registered.registration;
    let checkout = &registration.checkout;
    let status = if registered.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let body = Body {
        checkout_id: checkout.id.as_str(),
        order_id: &checkout.order_id,
        state: checkout.verdict().outcome(),
        terms_version: checkout.terms_version,
        browser_token: &registration.links.browser_token,
        result_url: registration.result_url(settings),
        button: button(settings, registration),
    };
    json(status, &body)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CheckoutBody<'a> {
    checkout_id: &'a str,
    order_id: &'a str,
    state: &'static str,
    terms_version: u32,
    product_type: &'static str,
    payment_details: PaymentDetails,
    charge_permission_id: Option<String>,
    charge_id: Option<String>,
    registered_at: String,
    result_url: String,
    attempts: Vec<AttemptBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment: Option<PaymentBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation: Option<CancellationBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<EntryBody<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryBody<'a> {
    at: &'a str,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(flatten)]
    ids: Ids<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

fn entry_body(Entry { at, kind, about }: &Entry) -> EntryBody<'_> {
    EntryBody {
        at,
        kind: *kind,
        ids: about.ids(),
        reference: about.reference.as_deref(),
        detail: about.text(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AttemptBody<'a> {
    number: u32,
    amazon_checkout_session_id: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    bound_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
}

fn attempt_body(attempt: &Attempt) -> AttemptBody<'_> {
    let (completion, reason, field) = match &attempt.state {
        AttemptState::Completed { completion, .. } => (Some(completion.name()), None, None),
        AttemptState::NotPaid { reason, .. } => (None, Some(reason.code().to_owned()), reason.field()),
        AttemptState::Unresolved { reason, .. } => (None, Some(reason.code().to_owned()), None),
        AttemptState::Surplus { of } => (None, Some(format!("second to attempt {of}")), None),
        AttemptState::Bound { .. }
        | AttemptState::Approved { .. }
        | AttemptState::Finalizing { .. }
        | AttemptState::InDoubt(_)
        | AttemptState::Pending { .. } => (None, None, None),
    };
    AttemptBody {
        number: attempt.number,
        amazon_checkout_session_id: attempt.checkout_session_id.as_str(),
        state: attempt.state.name(),
        completion,
        reason,
        field,
        bound_at: attempt.bound_at.to_string(),
        due_at: attempt.state.due_at().map(|due_at| due_at.to_string()),
    }
}

fn checkout_body<'a>(
    settings: &Settings,
    registration: &'a Registration,
    timeline: Option<&'a [Entry]>,
) -> CheckoutBody<'a> {
    let checkout = &registration.checkout;
    let verdict = checkout.verdict();
    let proof = proof_of(verdict);
    CheckoutBody {
        checkout_id: checkout.id.as_str(),
        order_id: &checkout.order_id,
        state: verdict.outcome(),
        terms_version: checkout.terms_version,
        product_type: checkout.terms.product_type.as_str(),
        payment_details: payment_details(&checkout.terms),
        charge_permission_id: proof.map(|proof| proof.charge_permission_id.to_string()),
        charge_id: proof.and_then(|proof| proof.charge_id).map(ToString::to_string),
        registered_at: checkout.registered_at.to_string(),
        result_url: registration.result_url(settings),
        attempts: checkout.attempts.iter().map(attempt_body).collect(),
        payment: checkout.payment.as_ref().map(payment_render::payment),
        cancellation: checkout.cancellation.as_ref().map(payment_render::cancellation),
        timeline: timeline.map(|timeline| timeline.iter().map(entry_body).collect()),
    }
}

pub(super) fn checkout(settings: &Settings, registration: &Registration, timeline: &[Entry]) -> Response {
    json(StatusCode::OK, &checkout_body(settings, registration, Some(timeline)))
}

pub(super) fn list(settings: &Settings, page: &Page) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        checkouts: Vec<CheckoutBody<'a>>,
        after: Option<String>,
    }
    let checkouts = page.checkouts.iter().map(|it| checkout_body(settings, it, None)).collect();
    json(StatusCode::OK, &Body { checkouts, after: page.next_after.as_ref().map(cursor_text) })
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

/// The buyer's and the transaction's data as Amazon gave them.
pub(super) fn snapshot(
    checkout_id: &str,
    taken_at: Timestamp,
    transaction: &Transaction,
) -> Result<Response, Refused> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        checkout_id: &'a str,
        taken_at: String,
        charge_permission: &'a RawValue,
        charge: Option<&'a RawValue>,
    }
    let raw = |text| {
        let unreadable = |_| StoreFailed::Unreadable("a snapshot holds something that is no JSON".to_owned());
        serde_json::from_str::<&RawValue>(text).map_err(unreadable)
    };
    Ok(json(
        StatusCode::OK,
        &Body {
            checkout_id,
            taken_at: taken_at.to_string(),
            charge_permission: raw(&transaction.charge_permission)?,
            charge: transaction.charge.as_deref().map(raw).transpose()?,
        },
    ))
}

pub(super) fn erased(checkout_id: &str, erased_at: Timestamp) -> Response {
    json(StatusCode::OK, &serde_json::json!({ "checkoutId": checkout_id, "erasedAt": erased_at.to_string() }))
}

/// A page of facts, each in the bytes that its webhook has.
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

/// The checkout result: what the shop shows the buyer next.
pub(super) fn result(settings: &Settings, outcome: &Outcome) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        outcome: &'static str,
        reason: Option<String>,
        checkout_id: &'a str,
        order_id: &'a str,
        charge_permission_id: Option<String>,
        charge_id: Option<String>,
        message: &'static str,
        redirect_url: String,
    }
    let registration = &outcome.registration;
    let checkout = &registration.checkout;
    let verdict =
        checkout.attempt(outcome.attempt).map_or(Verdict::Checking(None), |it| checkout.verdict_of(it));
    let message = match verdict {
        Verdict::Paid(_) => "Your payment was successful.",
        Verdict::Authorized(_) | Verdict::Confirmed(_) => "Your order is placed.",
        Verdict::Pending(_) => "Your payment is being processed.",
        Verdict::Checking(_) | Verdict::Registered => "We are checking your payment.",
        Verdict::NotPaid(_) => NOT_PAID_MESSAGE,
        // The shop's own will, whatever was paid before it: nothing is held and nothing kept.
        Verdict::Canceled => "This order was canceled.",
    };
    let (status, redirect_url) = goes_to(settings, registration, verdict);
    let proof = proof_of(verdict);
    let body = Body {
        outcome: verdict.outcome(),
        reason: reason_of(verdict),
        checkout_id: checkout.id.as_str(),
        order_id: &checkout.order_id,
        charge_permission_id: proof.map(|proof| proof.charge_permission_id.to_string()),
        charge_id: proof
            .and_then(|proof| proof.charge_id)
            .filter(|_| checkout.terms.payment_intent != PaymentIntent::Confirm)
            .map(ToString::to_string),
        message,
        redirect_url,
    };
    json(status, &body)
}

/// The status of a completion's answer, and where its buyer goes.
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

fn reason_of(verdict: Verdict<'_>) -> Option<String> {
    match verdict {
        Verdict::NotPaid(reason) => Some(reason.code().to_owned()),
        Verdict::Checking(reason) => reason.map(|reason| reason.code().to_owned()),
        Verdict::Paid(_)
        | Verdict::Authorized(_)
        | Verdict::Confirmed(_)
        | Verdict::Pending(_)
        | Verdict::Canceled
        | Verdict::Registered => None,
    }
}

/// The checkout result for the buyer's own page: in the buyer's words, and without Amazon's ids.
pub(super) fn browser_result(settings: &Settings, outcome: &Outcome) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        outcome: &'static str,
        reason: Option<String>,
        checkout_id: &'a str,
        order_id: &'a str,
        message: String,
        redirect_url: String,
    }
    let registration = &outcome.registration;
    let checkout = &registration.checkout;
    let verdict =
        checkout.attempt(outcome.attempt).map_or(Verdict::Checking(None), |it| checkout.verdict_of(it));
    let (status, redirect_url) = goes_to(settings, registration, verdict);
    let body = Body {
        outcome: verdict.outcome(),
        reason: reason_of(verdict),
        checkout_id: checkout.id.as_str(),
        order_id: &checkout.order_id,
        message: buyer_message(registration, verdict),
        redirect_url,
    };
    json(status, &body)
}

/// How a checkout stands, for the buyer's own page.
pub(super) fn browser_standing(settings: &Settings, registration: &Registration) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        checkout_id: &'a str,
        order_id: &'a str,
        state: &'static str,
        message: String,
        redirect_url: String,
        result_url: String,
    }
    let checkout = &registration.checkout;
    let verdict = checkout.verdict();
    let redirect_url = match verdict {
        Verdict::Registered => registration.links.start_of_checkout_url.clone(),
        verdict => goes_to(settings, registration, verdict).1,
    };
    let body = Body {
        checkout_id: checkout.id.as_str(),
        order_id: &checkout.order_id,
        state: verdict.outcome(),
        message: buyer_message(registration, verdict),
        redirect_url,
        result_url: registration.result_url(settings),
    };
    json(StatusCode::OK, &body)
}

/// The headline of the result page, and what a buyer whose payment failed can do about it. What else that
/// page says it says of itself.
fn buyer_message(registration: &Registration, verdict: Verdict<'_>) -> String {
    let texts = Texts::of(registration.links.checkout_language.as_deref());
    let mut message = texts.headline(verdict).to_owned();
    if matches!(verdict, Verdict::Pending(_) | Verdict::Checking(_)) {
        return message;
    }
    for advice in texts.advice(&registration.checkout, verdict) {
        // Japanese sentences follow one another without a blank.
        if !message.ends_with('。') {
            message.push(' ');
        }
        message.push_str(advice);
    }
    message
}
