//! The pages of the demo's shop.

use std::sync::LazyLock;

use askama::Template;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_domain::terms::PaymentIntent;
use countersign_http::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::Value;

use super::catalogue::{COUPON, GOODS, Good, MOST};
use super::orders::Order;
use super::{Outgoing, Places};

const STYLE: &str = include_str!("../../../templates/storefront.css");
/// Mounts the button of the page that it is on.
pub(super) const MOUNT: &str = include_str!("../../../templates/mount.js");

/// Each payment intent with what it means to a shop.
const INTENTS: [(PaymentIntent, &str); 3] = [
    (PaymentIntent::AuthorizeWithCapture, "Pay now"),
    (PaymentIntent::Authorize, "Pay when it is shipped"),
    (PaymentIntent::Confirm, "Agree now, pay later"),
];

#[derive(Template)]
#[template(path = "storefront/message.html")]
struct Message<'a> {
    style: &'static str,
    title: &'a str,
    detail: &'a str,
}

#[derive(Template)]
#[template(path = "storefront/front.html")]
struct Front<'a> {
    style: &'static str,
    title: &'static str,
    amazon_url: String,
    merchant_url: String,
    now: &'a str,
    orders: &'a [Order],
}

#[derive(Template)]
#[template(path = "storefront/catalogue.html")]
struct Catalogue {
    style: &'static str,
    title: &'static str,
    goods: &'static [Good],
    intents: &'static [(PaymentIntent, &'static str)],
    most: u32,
    coupon: (&'static str, u64),
}

#[derive(Template)]
#[template(path = "storefront/order.html")]
struct OrderPage<'a> {
    style: &'static str,
    title: String,
    order: &'a Order,
    state: &'a str,
    base: String,
    charged: String,
    /// For the button, while the order can be paid.
    registration: Option<String>,
    amazon_script: String,
    merchant_script: String,
    result_url: &'a str,
    may_ship: &'a str,
    timeline: Vec<(&'a str, &'a str, &'a str)>,
    sessions: Vec<&'a str>,
    amazon_url: String,
    acts: Vec<(&'static str, &'static str)>,
}

/// A page that only says something.
pub(super) fn message(title: &str, detail: &str) -> String {
    rendered(&Message { style: STYLE, title, detail })
}

/// Where to begin.
pub(super) fn front(places: &Places, now: &str, orders: &[Order]) -> String {
    rendered(&Front {
        style: STYLE,
        title: "Countersign demo",
        amazon_url: places.amazon.url(),
        merchant_url: places.merchant.url(),
        now,
        orders,
    })
}

/// What can be bought.
pub(super) fn catalogue() -> String {
    rendered(&Catalogue {
        style: STYLE,
        title: "Demo shop",
        goods: &GOODS,
        intents: &INTENTS,
        most: MOST,
        coupon: COUPON,
    })
}

/// An order: its button while it can be paid, what has become of it, and what the shop can do.
pub(super) fn order(places: &Places, order: &Order, checkout: &Value, explanation: &Value) -> String {
    fn text<'a>(value: &'a Value, name: &str) -> &'a str {
        value.get(name).and_then(Value::as_str).unwrap_or_default()
    }
    let state = text(checkout, "state");
    let is_open = ["registered", "notPaid"].contains(&state);
    let registration = order.registration.as_object().map(|registration| {
        let names = ["browserToken", "resultUrl", "button"];
        let kept = registration.iter().filter(|(name, _)| names.contains(&name.as_str()));
        Value::from_iter(kept.map(|(name, value)| (name.clone(), value.clone()))).to_string()
    });
    let amount = |pointer: &str| {
        let text = |name: &str| checkout.pointer(&format!("{pointer}/{name}")).and_then(Value::as_str);
        format!("{} {}", text("amount").unwrap_or("0"), text("currencyCode").unwrap_or("USD"))
    };
    let charges = checkout.pointer("/payment/charges").and_then(Value::as_array);
    let has =
        |state: &str| charges.is_some_and(|all| all.iter().any(|charge| text(charge, "state") == state));
    let mut acts = Vec::new();
    if has("Authorized") {
        acts.push(("captures", "Capture"));
    }
    let balance = |name: &str| checkout.pointer(&format!("/payment/balances/{name}/amount"));
    if has("Captured") && balance("captured") != balance("refunded") {
        acts.push(("refunds", "Refund"));
    }
    if ["registered", "paid", "authorized", "confirmed", "pending"].contains(&state) {
        acts.push(("cancel", "Cancel the order"));
    }
    let entries = explanation.get("timeline").and_then(Value::as_array);
    let timeline = entries.into_iter().flatten();
    let attempts = checkout.get("attempts").and_then(Value::as_array);
    let sessions = attempts.into_iter().flatten().map(|it| text(it, "amazonCheckoutSessionId"));
    rendered(&OrderPage {
        style: STYLE,
        title: format!("Order {}", order.name.id()),
        order,
        state,
        base: order.basket.base().to_string(),
        charged: amount("/paymentDetails/chargeAmount"),
        registration: registration.filter(|_| is_open),
        amazon_script: format!("{}/checkout.js", places.amazon.url()),
        merchant_script: format!("{}/countersign.js", places.merchant.url()),
        result_url: text(checkout, "resultUrl"),
        may_ship: text(explanation, "reasonInWords"),
        timeline: timeline.map(|it| (text(it, "at"), text(it, "what"), text(it, "why"))).collect(),
        sessions: sessions.collect(),
        amazon_url: places.amazon.url(),
        acts,
    })
}

fn rendered(page: &impl Template) -> String {
    // A template writes into memory only.
    page.render().unwrap_or_default()
}

static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes())));

/// A shop's page loads Amazon's script and the merchant half's, and talks to both.
fn policy(places: &Places) -> String {
    let (amazon, merchant) = (places.amazon.url(), places.merchant.url());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'self' {amazon} {merchant}; \
         connect-src {merchant}; frame-src {amazon}; form-action 'self' {amazon}; base-uri 'none'; \
         frame-ancestors 'none'",
        *STYLE_HASH
    )
}

/// The answer to a request.
pub(super) fn response(outgoing: Outgoing, places: &Places) -> Response {
    let (status, kind, body) = match outgoing {
        Outgoing::Page(status, html) => (status, "text/html; charset=utf-8", Bytes::from(html)),
        Outgoing::Json(status, value) => (status, "application/json", Bytes::from(value.to_string())),
        Outgoing::Script(text) => (StatusCode::OK, "text/javascript; charset=utf-8", Bytes::from(text)),
        Outgoing::Nothing(status) => (status, "text/plain", Bytes::new()),
        Outgoing::SeeOther(path) => {
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = StatusCode::SEE_OTHER;
            if let Ok(location) = HeaderValue::from_str(&path) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            return response;
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(policy) = HeaderValue::from_str(&policy(places)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
