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

use super::catalogue::{COUPON, GOODS, MOST, Product};
use super::instant::{Instant, sentence};
use super::orders::Order;
use super::places::Places;
use super::shop_response::ShopResponse;
use crate::json::list;

const STYLE: &str = include_str!("../../templates/storefront.css");
/// The script that mounts the button of an order's page.
pub(super) const MOUNT: &str = include_str!("../../templates/mount.js");

/// Each payment intent, with the words that buyers read.
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
struct FrontPage<'a> {
    style: &'static str,
    title: &'static str,
    amazon_url: &'a str,
    merchant_url: &'a str,
    now: Option<Instant>,
    orders: &'a [Order],
}

#[derive(Template)]
#[template(path = "storefront/catalogue.html")]
struct Catalogue {
    style: &'static str,
    title: &'static str,
    goods: &'static [Product],
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
    standing: String,
    base: String,
    charged: String,
    /// The amounts that are reserved, captured and refunded, once there is a payment.
    balances: Vec<(&'static str, String)>,
    /// The registration that the button needs, while the order can be paid.
    registration: Option<String>,
    amazon_script: String,
    merchant_script: String,
    result_url: &'a str,
    may_ship: String,
    timeline: Vec<Entry<'a>>,
    awaited: Vec<Entry<'a>>,
    /// Each Checkout Session with what has happened to it at Amazon.
    at_amazon: Vec<(&'a str, Vec<Entry<'a>>)>,
    facts: Vec<Entry<'a>>,
    amazon_url: &'a str,
    acts: Vec<(&'static str, &'static str)>,
}

/// A line of a timeline.
struct Entry<'a> {
    at: Option<Instant>,
    what: String,
    why: &'a str,
}

impl<'a> Entry<'a> {
    /// An entry of the merchant half's timeline, which may have instants in its text too.
    fn of_merchant(entry: &'a Value) -> Self {
        Self {
            at: Instant::read(text(entry, "at")),
            what: sentence(text(entry, "what")),
            why: text(entry, "why"),
        }
    }

    /// An event of Amazon's half: its type, and its amount if it has one.
    fn at_amazon(event: &'a Value) -> Self {
        let mut what = text(event, "type").to_owned();
        if let Some(amount) = event.get("amount") {
            what = format!("{what}: {} {}", text(amount, "amount"), text(amount, "currencyCode"));
        }
        Self { at: Instant::read(text(event, "at")), what, why: text(event, "reasonCode") }
    }
}

/// What is so now, until when, and whether a person is needed.
fn standing(checkout: &Value) -> String {
    let mut words = text(checkout, "standing").to_owned();
    if let Some(until) = checkout.get("standingUntil").and_then(Value::as_str) {
        words = sentence(&format!("{words} until {until}"));
    }
    let needs: Vec<&str> = list(checkout, "needsPerson").filter_map(Value::as_str).collect();
    if !needs.is_empty() {
        words = format!("{words}; needs a person: {}", needs.join(", "));
    }
    words
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A page with a message only.
pub(super) fn message(title: &str, detail: &str) -> String {
    rendered(&Message { style: STYLE, title, detail })
}

/// The front page.
pub(super) fn front(places: &Places, now: &str, orders: &[Order]) -> String {
    rendered(&FrontPage {
        style: STYLE,
        title: "Countersign demo",
        amazon_url: &places.amazon.url,
        merchant_url: &places.merchant.url,
        now: Instant::read(now),
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

/// An order's page: its button while it can be paid, its state and its timelines, and what the shop can do.
pub(super) fn order(
    places: &Places,
    order: &Order,
    checkout: &Value,
    explanation: &Value,
    at_amazon: &[(String, Value)],
) -> String {
    let state = text(checkout, "state");
    let is_open = ["registered", "notPaid"].contains(&state);
    let registration = order.registration.as_object().map(|registration| {
        let names = ["browserToken", "resultUrl", "button"];
        let kept = registration.iter().filter(|(name, _)| names.contains(&name.as_str()));
        Value::from_iter(kept.map(|(name, value)| (name.clone(), value.clone()))).to_string()
    });
    let amount = |pointer: &str| {
        let amount = checkout.pointer(pointer)?;
        Some(format!("{} {}", text(amount, "amount"), text(amount, "currencyCode")))
    };
    let balances = [("Reserved", "held"), ("Captured", "captured"), ("Refunded", "refunded")];
    let balances = balances
        .into_iter()
        .filter_map(|(words, name)| Some((words, amount(&format!("/payment/balances/{name}"))?)));
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
    let at_amazon = at_amazon
        .iter()
        .map(|(session, events)| (session.as_str(), list(events, "events").map(Entry::at_amazon).collect()));
    let facts =
        order.facts().map(|(at, what)| Entry { at: Instant::read(at), what: what.to_owned(), why: "" });
    let may_ship = explanation.get("mayShip").and_then(Value::as_bool).unwrap_or_default();
    rendered(&OrderPage {
        style: STYLE,
        title: format!("Order {}", order.name.id()),
        order,
        standing: standing(checkout),
        base: order.basket.base().to_string(),
        charged: amount("/paymentDetails/chargeAmount").unwrap_or_default(),
        balances: balances.collect(),
        registration: registration.filter(|_| is_open),
        amazon_script: format!("{}/checkout.js", places.amazon.url),
        merchant_script: format!("{}/countersign.js", places.merchant.url),
        result_url: text(checkout, "resultUrl"),
        may_ship: format!("{}: {}", if may_ship { "yes" } else { "no" }, text(explanation, "reasonInWords")),
        timeline: list(explanation, "timeline").map(Entry::of_merchant).collect(),
        awaited: list(explanation, "awaited").map(Entry::of_merchant).collect(),
        at_amazon: at_amazon.collect(),
        facts: facts.collect(),
        amazon_url: &places.amazon.url,
        acts,
    })
}

fn rendered(page: &impl Template) -> String {
    // Rendering writes to memory only, so it does not fail.
    page.render().unwrap_or_default()
}

static STYLE_HASH: LazyLock<String> =
    LazyLock::new(|| STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes())));

/// The policy of a page that loads Amazon's script and the merchant half's, and calls both.
fn policy(places: &Places) -> String {
    let (amazon, merchant) = (&places.amazon.url, &places.merchant.url);
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'self' {amazon} {merchant}; \
         connect-src {merchant}; frame-src {amazon}; form-action 'self' {amazon}; base-uri 'none'; \
         frame-ancestors 'none'",
        *STYLE_HASH
    )
}

/// The answer to a request.
pub(super) fn response(outgoing: ShopResponse, places: &Places) -> Response {
    let (status, kind, body) = match outgoing {
        ShopResponse::Page(status, html) => (status, "text/html; charset=utf-8", Bytes::from(html)),
        ShopResponse::Json(status, value) => (status, "application/json", Bytes::from(value.to_string())),
        ShopResponse::Script(text) => (StatusCode::OK, "text/javascript; charset=utf-8", Bytes::from(text)),
        ShopResponse::Nothing(status) => (status, "text/plain", Bytes::new()),
        ShopResponse::SeeOther(path) => {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use countersign_world::fake::ShiftedClock;
    use countersign_world::{SystemClock, SystemEntropy};
    use serde_json::json;

    use super::super::catalogue::Basket;
    use super::super::orders::Orders;
    use super::*;
    use crate::json::Api;

    /// The text between the tags, without the tags and their attributes.
    fn words(html: &str) -> String {
        html.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text).collect()
    }

    #[test]
    fn no_page_shows_an_instant_as_a_machine_writes_it() {
        let server =
            |port| Api::at(&format!("http://127.0.0.1:{port}"), None, std::time::Duration::ZERO).unwrap();
        let own_url = "http://127.0.0.1:1".to_owned();
        let clock = ShiftedClock::over(Arc::new(SystemClock));
        let places = Places { own_url, merchant: server(2), amazon: server(3), clock };
        let mut orders = Orders::default();
        let name = orders.reserve(&SystemEntropy);
        let basket = Basket::from_counts(|_| Some(1)).unwrap();
        orders.keep(Order::new(name, basket, PaymentIntent::Authorize, Value::Null));
        orders.hear("D-1001", "e1", "20260101T000001Z", "charge.authorized");
        let usd = |amount: &str| json!({ "amount": amount, "currencyCode": "USD" });
        let checkout = json!({
            "state": "authorized",
            "standing": "reserved",
            "standingUntil": "20260101T000003Z",
            "payment": { "balances": { "held": usd("31.30"), "captured": usd("0.00") } },
        });
        let explanation = json!({
            "timeline": [{
                "at": "20260101T000002Z",
                "what": "the charge has not been captured yet: expiry at 20260101T000003Z",
                "why": "an authorization that is not captured in time is lost",
            }],
            "awaited": [{ "what": "the authorization expires", "at": "20260101T000004Z" }],
            "mayShip": true,
            "reasonInWords": "the money is reserved",
        });
        let events = json!({ "events": [
            { "at": "20260101T000005Z", "type": "ChargeAuthorized", "amount": usd("31.30") },
        ] });
        let at_amazon = [("s1".to_owned(), events)];
        let page = order(&places, orders.by_id("D-1001").unwrap(), &checkout, &explanation, &at_amazon);
        let front = front(&places, "20260101T000006Z", &[]);
        let shown = words(&page) + &words(&front);
        for second in 1..=6 {
            assert!(shown.contains(&format!("1 Jan 2026, 00:00:0{second} UTC")), "{second}: {page}");
            assert!(!shown.contains(&format!("20260101T00000{second}Z")), "{second}: {page}");
        }
        for second in [1, 2, 4, 5] {
            assert!(page.contains(&format!("<time datetime=\"2026-01-01T00:00:0{second}Z\">")), "{page}");
        }
        let may_ship = "yes: the money is reserved";
        assert!(shown.contains("reserved until 1 Jan 2026"), "{page}");
        for told in ["ChargeAuthorized: 31.30 USD", "Reserved", "charge.authorized", may_ship] {
            assert!(shown.contains(told), "{told}: {page}");
        }
    }
}
