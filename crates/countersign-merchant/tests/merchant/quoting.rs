//! What an order costs when its buyer's page asks, by the table or by the shop's hook, whatever the hook, the
//! browser or a crash does. Only the last quote is charged.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Transport, TransportError};
use countersign_domain::money::{Currency, Money};
use countersign_merchant::quote_hook::QuoteHook;
use countersign_merchant::settings::{CouponRate, DeliveryRate, Discount, QuoteTable, TaxRate};
use countersign_merchant::webhook::SigningSecrets;
use countersign_store::contract::Key;
use countersign_world::Clock as _;
use countersign_world::fake::FakeClock;
use futures_util::future::{BoxFuture, join, join_all, pending};
use serde_json::{Value, json};

use super::amazon::Fault;
use super::browser::{ORIGIN, Page, init, request};
use super::logs::logged;
use super::shop::SECRET;
use super::telling::{SECRET_BYTES, base64, hmac_sha256};
use super::world::{
    ENGINES, HttpAnswer, OTHER_SESSION, SESSION, World, address, order, order_of_100, session_for, usd,
    waiting_order,
};

/// How the shop's hook answers a question.
#[derive(Debug, Clone)]
pub(crate) enum HookAnswer {
    Json(Value),
    Text(u16, String),
    /// Answers after this time.
    Later(Duration, Value),
    /// Refuses the connection.
    Refused,
    /// The connection breaks.
    Lost,
    /// Never answers.
    Hangs,
}

type HookScript = Box<dyn Fn(&Value) -> HookAnswer + Send + Sync>;

/// A double of the shop's hook: it keeps the questions, and answers as the test says.
pub(crate) struct Hook {
    time: FakeClock,
    arrived: Mutex<Vec<(http::HeaderMap, Bytes)>>,
    says: Mutex<HookScript>,
}

impl Hook {
    /// A world whose shop has a hook, and the hook.
    pub(crate) fn asked() -> (World, Arc<Self>) {
        let mut world = World::in_memory();
        let hook = Self::install(&mut world);
        (world, hook)
    }

    fn install(world: &mut World) -> Arc<Self> {
        let says: HookScript = Box::new(|_| HookAnswer::Json(cart("14.00", "5.00", "1.00", "20.00")));
        let hook =
            Arc::new(Self { time: world.time.clone(), arrived: Mutex::default(), says: Mutex::new(says) });
        world.quote_hook = Some(QuoteHook::new(
            "https://shop.example/quote?from=countersign".parse().unwrap(),
            SigningSecrets::parse(SECRET).unwrap(),
            Arc::clone(&hook) as _,
        ));
        world.restart();
        hook
    }

    pub(crate) fn says(&self, says: impl Fn(&Value) -> HookAnswer + Send + Sync + 'static) {
        *self.says.lock().unwrap() = Box::new(says);
    }

    pub(crate) fn always(&self, says: HookAnswer) {
        self.says(move |_| says.clone());
    }

    pub(crate) fn bodies(&self) -> Vec<Value> {
        let arrived = self.arrived.lock().unwrap();
        arrived.iter().map(|(_, body)| serde_json::from_slice(body).unwrap()).collect()
    }
}

impl Transport for Hook {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/quote"));
            let question = serde_json::from_slice(&body).unwrap();
            self.arrived.lock().unwrap().push((head.headers, body));
            let says = (self.says.lock().unwrap())(&question);
            let (status, text) = match says {
                HookAnswer::Json(value) => (200, value.to_string()),
                HookAnswer::Text(status, text) => (status, text),
                HookAnswer::Later(pause, value) => {
                    self.time.sleep(pause).await;
                    (200, value.to_string())
                }
                HookAnswer::Refused => return Err(TransportError::NotSent("refused".into())),
                HookAnswer::Lost => return Err(TransportError::Lost("broken".into())),
                HookAnswer::Hangs => return pending().await,
            };
            Ok(http::Response::builder().status(status).body(Bytes::from(text)).unwrap())
        })
    }
}

/// The CartDetails of an order that is shipped, in dollars.
pub(crate) fn cart(base: &str, shipping: &str, tax: &str, charge: &str) -> Value {
    json!({
        "totalBaseAmount": usd(base),
        "totalShippingAmount": usd(shipping),
        "totalTaxAmount": usd(tax),
        "totalChargeAmount": usd(charge),
        "deliveryOptions": [{ "id": "standard", "price": usd(shipping), "isDefault": true,
            "shippingMethod": { "shippingMethodName": "Standard", "shippingMethodCode": "std" },
            "shippingEstimate": [{ "timeUnit": "DAY", "value": 2 }] }],
    })
}

pub(crate) fn table() -> QuoteTable {
    let dollars = |minor| Money::from_minor(minor, Currency::USD);
    let delivery = |id: &str, minor, countries: &[&str]| DeliveryRate {
        id: id.to_owned(),
        name: format!("{id} <b>"),
        price: dollars(minor),
        countries: countries.iter().map(ToString::to_string).collect(),
        days: Some(3),
    };
    QuoteTable {
        deliveries: vec![delivery("standard", 500, &["US", "CA"]), delivery("express", 1_500, &["US"])],
        taxes: vec![TaxRate { country: "US".to_owned(), basis_points: 825 }],
        coupons: vec![CouponRate { code: "SPRING".to_owned(), discount: Discount::BasisPoints(1_000) }],
    }
}

pub(crate) fn world_of_a_table() -> World {
    let mut world = World::in_memory();
    world.storefront.quote_table = table();
    world.restart();
    world
}

fn to(country: &str) -> Value {
    let mut address = address();
    address["countryCode"] = json!(country);
    address
}

pub(crate) fn error(code: &str) -> Value {
    json!({ "status": "error", "reasonCode": code })
}

/// An order with this amount, for its session.
pub(crate) fn at(amount: &str) -> Value {
    let mut order = order();
    order["paymentDetails"]["chargeAmount"] = usd(amount);
    order
}

/// The base, shipping, tax, discount and charge amounts of a cart.
fn sums(answer: &HttpAnswer) -> String {
    let cart = answer.json();
    let of = |member: &str| cart[member]["amount"].as_str().unwrap_or("-").to_owned();
    ["totalBaseAmount", "totalShippingAmount", "totalTaxAmount", "totalDiscountAmount", "totalChargeAmount"]
        .map(of)
        .join(" ")
}

#[test]
fn each_event_is_quoted_by_the_table_and_the_last_quote_is_what_is_paid() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        world.storefront.quote_table = table();
        world.restart();
        let page = Page::open(&world, &order());
        // The tax is 8.25 % of 19.00, of 29.00 and of 27.60.
        for (event, body, expected, chosen) in [
            ("init", init(), "14.00 5.00 1.57 - 20.57", "standard"),
            (
                "delivery-option",
                json!({ "deliveryOptions": { "id": "express", "amount": "0.01" } }),
                "14.00 15.00 2.39 - 31.39",
                "express",
            ),
            (
                "shipping-address",
                json!({ "shippingAddress": address(), "couponCodes": ["spring"] }),
                "14.00 15.00 2.28 1.40 29.88",
                "express",
            ),
            (
                "shipping-address",
                json!({ "shippingAddress": to("CA") }),
                "14.00 5.00 0.00 1.40 17.60",
                "standard",
            ),
            (
                "shipping-address",
                json!({ "shippingAddress": address(), "couponCodes": [] }),
                "14.00 5.00 1.57 - 20.57",
                "standard",
            ),
        ] {
            let answer = page.ask(event, &body);
            assert_eq!(sums(&answer), expected, "{event}: {}", answer.text);
            let options = answer.json()["deliveryOptions"].clone();
            let mut options = options.as_array().unwrap().iter();
            assert_eq!(options.find(|it| it["isDefault"] == true).unwrap()["id"], chosen);
        }
        let estimate = page.init().json()["deliveryOptions"][0]["shippingEstimate"].clone();
        assert_eq!(estimate, json!([{ "timeUnit": "DAY", "value": 3 }]));
        assert_eq!(
            page.terms(),
            ("20.57".to_owned(), 6),
            "a quote that changes nothing makes no new version"
        );
        let told = ["init: 20.57 USD, version 2", "deliveryOption: 31.39 USD, version 3"];
        assert_eq!(page.told("Quoted")[..2], told);
        assert!(
            !world.checkout(&page.checkout_id).to_string().contains("Terry"),
            "no address in the timeline"
        );

        assert_eq!(page.complete_with(SESSION, &at("20.57")).verdict(), (200, "paid".to_owned()));
        let sent: Value = serde_json::from_slice(&world.amazon.arrived("finalize")[0].body).unwrap();
        assert_eq!(sent["chargeAmount"], usd("20.57"));
        assert_eq!(sent["shippingAddress"]["postalCode"], "98121");
    }
}

#[test]
fn what_the_table_does_not_have_is_refused_and_the_earlier_quote_applies() {
    let world = world_of_a_table();
    let page = Page::open(&world, &order());
    page.init();
    let terms = page.terms();
    for (event, body, code) in [
        ("shipping-address", json!({ "shippingAddress": to("DE") }), "shippingAddressInvalid"),
        ("shipping-address", json!({ "shippingAddress": {} }), "shippingAddressInvalid"),
        ("shipping-address", json!({ "couponCodes": ["NONE"] }), "couponInvalid"),
        ("delivery-option", json!({ "deliveryOptions": { "id": "<script>" } }), "deliveryOptionUnavailable"),
    ] {
        assert_eq!(page.ask(event, &body).json(), error(code));
        assert_eq!(page.terms(), terms);
    }
    assert_eq!(page.ask("init", &json!({ "buyer": {} })).json(), error("shippingAddressInvalid"));
    let told = page.told("QuoteRefused");
    assert_eq!(told[0], "shippingAddress: shippingAddressInvalid");
    assert!(!told.join(" ").contains("script"), "{told:?}");
    assert_eq!(page.complete_with(SESSION, &at("20.57")).status, 200);
    let figures = world.call("GET", "/metrics", "").text;
    for figure in [r#"outcome="quoted"} 1"#, r#"outcome="shippingAddressInvalid"} "#] {
        assert!(figures.contains(&format!("countersign_quotes_total{{{figure}")), "{figures}");
    }
}

// Promise: B10
#[test]
fn a_session_of_another_amount_than_the_last_quotes_is_never_finalized() {
    for amount in ["14.00", "20.56", "20.58", "0.01", "31.39"] {
        let world = world_of_a_table();
        let page = Page::open(&world, &order());
        page.init();
        page.ask("delivery-option", &json!({ "deliveryOptions": { "id": "express" } }));
        page.ask("delivery-option", &json!({ "deliveryOptions": { "id": "standard" } }));
        let answer = page.complete_with(SESSION, &at(amount));
        assert_eq!(answer.verdict(), (402, "notPaid".to_owned()), "{amount}");
        assert_eq!(answer.json()["reason"], "TermsMismatch");
        assert_eq!(world.amazon.arrived("finalize").len(), 0, "{amount}");
        assert_eq!(page.complete_with(OTHER_SESSION, &at("20.57")).status, 200);
    }
}

// Promise: B11
#[test]
fn the_last_quote_of_two_tabs_counts() {
    let world = world_of_a_table();
    let page = Page::open(&world, &order());
    let (one, other) = world.run(join(page.asking("init", &init()), page.asking("init", &init())));
    assert_eq!((one.status, other.status), (200, 200), "neither question refuses the other");
    page.ask("delivery-option", &json!({ "deliveryOptions": { "id": "express" } }));
    let first_tab = page.complete_with(SESSION, &at("20.57"));
    assert_eq!((first_tab.status, first_tab.json()["reason"].as_str()), (402, Some("TermsMismatch")));
    let message = first_tab.json()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Nothing was charged. Your order has changed in the meantime."), "{message}");
    assert_eq!(page.complete_with(OTHER_SESSION, &at("31.39")).verdict(), (200, "paid".to_owned()));
    assert_eq!(world.amazon.arrived("finalize").len(), 1);
}

// Promise: B10
#[test]
fn an_address_that_changes_after_the_quote_is_not_paid_for() {
    let world = world_of_a_table();
    let page = Page::open(&world, &order());
    page.init();
    world.amazon.open(SESSION, session_for(&at("20.57"), SESSION, &page.checkout_id));
    world.amazon.change(SESSION, |session| session["shippingAddress"] = to("CA"));
    let answer = page.ask("complete", &json!({ "amazonCheckoutSessionId": SESSION }));
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (402, Some("AddressDrift")));
    assert_eq!(world.amazon.arrived("finalize").len(), 0);
}

// Promise: B11
#[test]
fn a_price_that_the_shop_changes_after_the_quote_stops_the_payment_and_the_buyer_is_told() {
    let world = world_of_a_table();
    let page = Page::open(&world, &order());
    page.init();
    let (path, terms) = page.change_of_terms(&at("18.00"), 2);
    assert_eq!(world.call("PUT", &path, &terms).status, 200);
    // The change of terms dropped the buyer's earlier choices.
    let choosing = page.ask("delivery-option", &json!({ "deliveryOptions": { "id": "express" } }));
    assert_eq!(choosing.json(), error("cartChanged"));
    let stopped = page.complete_with(SESSION, &at("20.57"));
    assert_eq!((stopped.status, stopped.json()["reason"].as_str()), (402, Some("TermsMismatch")));
    assert_eq!(stopped.json()["redirectUrl"], "https://shop.example/checkout");
    assert_eq!(world.amazon.arrived("finalize").len(), 0);
    // The next visit starts from the new price: the tax is 8.25 % of 23.00.
    assert_eq!(sums(&page.init()), "18.00 5.00 1.90 - 24.90");
    assert_eq!(page.complete_with(OTHER_SESSION, &at("24.90")).status, 200);
}

#[test]
fn an_order_that_was_quoted_is_still_the_order_that_was_registered() {
    let world = world_of_a_table();
    let page = Page::open(&world, &order());
    page.init();
    let again = world.call("POST", "/v1/checkouts", &order().to_string());
    assert_eq!(again.status, 200, "{}", again.text);
    let button = again.json()["button"].clone();
    let session = &button["checkoutSessionConfig"]["paymentDetails"]["chargeAmount"];
    assert_eq!((session, &button["estimatedOrderAmount"]), (&usd("14.00"), &usd("14.00")));
    let other = world.call("POST", "/v1/checkouts", &at("20.57").to_string());
    assert_eq!(other.refusal().1, "OrderExists");
    assert_eq!(sums(&page.init()), "14.00 5.00 1.57 - 20.57", "a quote never starts from an earlier quote");
}

#[test]
fn an_address_that_the_shop_registered_is_the_only_one_that_is_quoted() {
    let world = world_of_a_table();
    let mut order = order();
    order["shippingAddress"] = address();
    let page = Page::open(&world, &order);
    assert_eq!(page.init().status, 200);
    let elsewhere = page.ask("shipping-address", &json!({ "shippingAddress": to("CA") }));
    assert_eq!(elsewhere.json(), error("shippingAddressInvalid"));
    assert_eq!(Page::open(&world, &order).checkout_id, page.checkout_id);
    assert_eq!(page.complete_with(SESSION, &at("20.57")).status, 200);
}

#[test]
fn what_is_not_shipped_is_quoted_by_the_country_of_the_billing_address() {
    let world = world_of_a_table();
    let mut order = order();
    order["productType"] = json!("PayOnly");
    let page = Page::open(&world, &order);
    let mut event = init();
    event["shippingAddress"] = Value::Null;
    let answer = page.ask("init", &event);
    // The tax is 8.25 % of 14.00, rounded half up.
    assert_eq!(sums(&answer), "14.00 0.00 1.16 - 15.16");
    assert!(!answer.text.contains("deliveryOptions"));
    let coupon = page.ask("shipping-address", &json!({ "couponCodes": ["SPRING"] }));
    assert_eq!(sums(&coupon), "14.00 0.00 1.04 1.40 13.64");
    order["paymentDetails"]["chargeAmount"] = usd("13.64");
    assert_eq!(page.complete_with(SESSION, &order).status, 200);
}

#[test]
fn an_order_that_is_charged_in_parts_keeps_its_total_next_to_the_charge() {
    let world = world_of_a_table();
    let mut order = order_of_100("Authorize");
    let page = Page::open(&world, &order);
    let cart = page.init().json();
    assert_eq!((&cart["totalChargeAmount"], &cart["totalOrderAmount"]), (&usd("48.71"), &usd("108.71")));
    order["paymentDetails"]["chargeAmount"] = usd("48.71");
    assert_eq!(page.complete_with(SESSION, &order).json()["reason"], "TermsMismatch");
    order["paymentDetails"]["totalOrderAmount"] = usd("108.71");
    assert_eq!(page.complete_with(OTHER_SESSION, &order).status, 200);
}

#[test]
fn without_table_and_hook_the_registered_amount_is_the_price() {
    let world = World::in_memory();
    let page = Page::open(&world, &order());
    let cart = page.init();
    assert_eq!(sums(&cart), "14.00 0.00 0.00 - 14.00");
    assert_eq!(cart.json()["deliveryOptions"].as_array().unwrap().len(), 1);
    assert_eq!(page.complete_with(SESSION, &order()).status, 200);
}

#[test]
fn the_hook_is_asked_once_as_documented_and_signed_as_webhooks_are() {
    let (world, hook) = Hook::asked();
    let page = Page::open(&world, &order());
    let mut answered = cart("14.00", "5.00", "1.00", "20.00");
    answered["giftDetails"] = json!({ "wrap": [1, 2.5] });
    answered["lineItems"] = json!([{ "id": "1", "title": "<script>alert(1)</script>", "quantity": "1",
        "listPrice": usd("14.00"), "totalListPrice": usd("14.00") }]);
    hook.always(HookAnswer::Json(answered.clone()));
    let answer = page.init();
    assert_eq!(answer.json(), answered, "the answer is passed on unchanged");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    let chosen = json!({ "deliveryOptions": { "id": "standard" }, "couponCodes": ["A"] });
    page.ask("delivery-option", &chosen);
    page.ask("shipping-address", &json!({ "shippingAddress": to("CA") }));
    let question = |trigger: &str, address: &Value, option: Value, coupons: Value| {
        json!({ "type": "quote", "checkoutId": page.checkout_id, "orderId": "1001", "trigger": trigger,
            "shippingAddress": address, "deliveryOptionId": option, "couponCodes": coupons })
    };
    let mut first = question("init", &address(), Value::Null, json!([]));
    first["buyer"] =
        json!({ "buyerId": "amzn1.account.B1", "name": "Anna Canary", "email": "anna@canary.example" });
    first["billingAddress"] = address();
    let expected = [
        first,
        question("deliveryOption", &address(), json!("standard"), json!(["A"])),
        question("shippingAddress", &to("CA"), json!("standard"), json!(["A"])),
    ];
    assert_eq!(hook.bodies(), expected);

    let mut ids = Vec::new();
    for (headers, body) in hook.arrived.lock().unwrap().iter() {
        let of = |name: &str| headers[name].to_str().unwrap();
        let signed =
            [of("webhook-id"), of("webhook-timestamp"), std::str::from_utf8(body).unwrap()].join(".");
        let signature = format!("v1,{}", base64(&hmac_sha256(&SECRET_BYTES, signed.as_bytes())));
        assert_eq!(of("webhook-signature"), signature);
        assert_eq!(of("content-type"), "application/json");
        assert_eq!(of("webhook-timestamp"), (world.time.now().as_millis() / 1_000).to_string());
        ids.push(of("webhook-id").to_owned());
    }
    assert!(ids.iter().all(|id| id.starts_with("quote_")));
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[test]
fn a_hook_that_fails_or_talks_nonsense_gives_no_quote_and_is_asked_once() {
    let with = |change: fn(&mut Value)| {
        let mut cart = cart("14.00", "5.00", "1.00", "20.00");
        change(&mut cart);
        HookAnswer::Json(cart)
    };
    let long = format!("{{\"status\":\"{}\"}}", "x".repeat(256 << 10));
    let cases: Vec<(HookAnswer, &str, &str)> = vec![
        (HookAnswer::Hangs, "timeout", ""),
        (HookAnswer::Later(Duration::from_secs(6), cart("14.00", "0.00", "0.00", "14.00")), "timeout", ""),
        (HookAnswer::Refused, "unknownError", ""),
        (HookAnswer::Lost, "unknownError", ""),
        (HookAnswer::Text(500, "canary".to_owned()), "unknownError", ""),
        (HookAnswer::Text(302, "canary".to_owned()), "unknownError", ""),
        (HookAnswer::Text(404, "{}".to_owned()), "unknownError", ""),
        (HookAnswer::Text(200, String::new()), "unknownError", ""),
        (HookAnswer::Text(200, "<html>canary".to_owned()), "unknownError", ""),
        (HookAnswer::Text(200, "[]".to_owned()), "unknownError", ""),
        (HookAnswer::Text(200, "{\"totalBaseAmount\":null}".to_owned()), "unknownError", "totalBaseAmount"),
        (HookAnswer::Text(200, "[".repeat(100_000)), "unknownError", ""),
        (HookAnswer::Text(200, long), "unknownError", ""),
        (with(|it| it["canary"] = json!(1)), "unknownError", "canary"),
        (with(|it| it["totalChargeAmount"] = usd("19.99")), "unknownError", "totalChargeAmount"),
        (with(|it| it["totalChargeAmount"] = usd("20.01")), "unknownError", "totalChargeAmount"),
        (with(|it| it["totalDiscountAmount"] = usd("0.01")), "unknownError", "totalChargeAmount"),
        (with(|it| it["totalTaxAmount"] = usd("1.000")), "unknownError", "totalTaxAmount.amount"),
        (with(|it| it["totalTaxAmount"] = usd("-1.00")), "unknownError", "totalTaxAmount.amount"),
        (with(|it| it["totalTaxAmount"] = json!(1)), "unknownError", "totalTaxAmount"),
        (
            with(|it| it["totalTaxAmount"] = json!({ "amount": "1", "currencyCode": "JPY" })),
            "unknownError",
            "totalTaxAmount",
        ),
        (
            with(|it| it["deliveryOptions"][0]["price"] = json!({ "amount": "5.00", "currencyCode": "EUR" })),
            "unknownError",
            "deliveryOptions.price",
        ),
        (with(|it| it["deliveryOptions"] = json!([])), "unknownError", "deliveryOptions"),
        (
            with(|it| it["deliveryOptions"][0]["isDefault"] = json!(false)),
            "unknownError",
            "deliveryOptions.isDefault",
        ),
        (with(|it| it["totalOrderAmount"] = usd("19.99")), "unknownError", "totalOrderAmount"),
        (HookAnswer::Json(cart("0.00", "0.00", "0.00", "0.00")), "unknownError", "totalChargeAmount"),
        (
            HookAnswer::Json(cart("150000.01", "0.00", "0.00", "150000.01")),
            "unknownError",
            "totalChargeAmount",
        ),
        (HookAnswer::Json(error("couponInvalid")), "couponInvalid", ""),
        (HookAnswer::Json(error("shippingAddressInvalid")), "shippingAddressInvalid", ""),
        (HookAnswer::Json(error("canary")), "unknownError", ""),
        (HookAnswer::Json(json!({ "status": "error" })), "unknownError", ""),
        (HookAnswer::Json(json!({ "status": "fine" })), "unknownError", "totalBaseAmount"),
    ];
    for (says, code, field) in cases {
        let (world, hook) = Hook::asked();
        let page = Page::open(&world, &order());
        let what = format!("{says:?}").chars().take(120).collect::<String>();
        hook.always(says);
        let lines = logged(|| assert_eq!(page.init().json(), error(code), "{what}"));
        assert_eq!(hook.bodies().len(), 1, "{what}");
        assert_eq!(page.terms(), ("14.00".to_owned(), 1), "{what}");
        let told = if field.is_empty() { format!("init: {code}") } else { format!("init: {code} ({field})") };
        assert_eq!(page.told("QuoteRefused"), [told], "{what}");
        let lines: Vec<&String> = lines.iter().filter(|line| line.contains("no quote")).collect();
        assert_eq!(lines.len(), 1, "{what}");
        for personal in ["Anna", "canary.example", "Terry", "98121"] {
            assert!(!lines[0].contains(personal), "{lines:?}");
        }
        // The next question is answered normally.
        hook.always(HookAnswer::Json(cart("14.00", "5.00", "1.00", "20.00")));
        assert_eq!(sums(&page.init()), "14.00 5.00 1.00 - 20.00");
        assert_eq!(page.complete_with(SESSION, &at("20.00")).status, 200);
    }
}

#[test]
fn a_hook_must_name_the_total_of_an_order_that_is_charged_in_parts() {
    let (world, hook) = Hook::asked();
    let page = Page::open(&world, &order_of_100("Authorize"));
    hook.always(HookAnswer::Json(cart("40.00", "5.00", "0.00", "45.00")));
    assert_eq!(page.init().json(), error("unknownError"));
    assert_eq!(page.told("QuoteRefused"), ["init: unknownError (totalOrderAmount)"]);
    let mut whole = cart("40.00", "5.00", "0.00", "45.00");
    whole["totalOrderAmount"] = usd("105.00");
    hook.always(HookAnswer::Json(whole));
    assert_eq!(page.init().status, 200);
}

#[test]
fn an_answer_without_delivery_options_is_enough_once_there_were_some() {
    let (world, hook) = Hook::asked();
    let page = Page::open(&world, &order());
    page.init();
    let mut without = cart("14.00", "7.00", "0.00", "21.00");
    without.as_object_mut().unwrap().remove("deliveryOptions");
    hook.always(HookAnswer::Json(without));
    let chosen = page.ask("delivery-option", &json!({ "deliveryOptions": { "id": "standard" } }));
    assert_eq!(sums(&chosen), "14.00 7.00 0.00 - 21.00");
}

#[test]
fn a_change_by_the_shop_while_it_is_asked_is_not_undone_by_its_answer() {
    let (world, hook) = Hook::asked();
    let page = Page::open(&world, &order());
    hook.always(HookAnswer::Later(Duration::from_secs(2), cart("14.00", "5.00", "1.00", "20.00")));
    let (path, terms) = page.change_of_terms(&at("18.00"), 1);
    let changing = world.request("PUT", &path, &terms);
    let (quoted, changed) = world.run(join(page.asking("init", &init()), changing));
    assert_eq!((quoted.json(), changed.status), (error("cartChanged"), 200));
    assert_eq!(page.terms(), ("18.00".to_owned(), 2));
}

#[test]
fn a_payment_that_is_on_its_way_is_not_quoted_again() {
    let (world, hook) = Hook::asked();
    let page = Page::open(&world, &order());
    page.init();
    // The shop's answer arrives after the payment was sent.
    hook.always(HookAnswer::Later(Duration::from_secs(2), cart("14.00", "9.00", "1.00", "24.00")));
    world.amazon.open(SESSION, session_for(&at("20.00"), SESSION, &page.checkout_id));
    world.amazon.fault("finalize", Fault::LostAfter);
    let completing = page.asking("complete", &json!({ "amazonCheckoutSessionId": SESSION }));
    let (quoted, completed) = world.run(join(page.asking("init", &init()), completing));
    assert_eq!(quoted.json(), error("cartChanged"));
    assert_eq!(completed.verdict(), (200, "paid".to_owned()));
    assert_eq!(page.terms().0, "20.00");
    // The shop is not asked about an order that is paid.
    let asked = hook.bodies().len();
    assert_eq!(page.init().json(), error("cartChanged"));
    assert_eq!(hook.bodies().len(), asked);
}

#[test]
fn an_attempt_that_was_not_sent_yet_is_compared_with_the_new_quote() {
    let world = world_of_a_table();
    let page = Page::open(&world, &order());
    page.init();
    world.amazon.goes_down("session");
    assert_eq!(page.complete_with(SESSION, &at("20.57")).status, 202);
    page.ask("delivery-option", &json!({ "deliveryOptions": { "id": "express" } }));
    world.amazon.comes_back();
    world.let_pass(Duration::from_secs(60));
    assert_eq!(page.stands()["state"], "notPaid");
    assert_eq!(world.amazon.arrived("finalize").len(), 0);
}

// Promise: B11
#[test]
fn a_crash_between_quote_and_answer_charges_neither_amount_unseen() {
    for engine in ENGINES {
        for is_applied in [false, true] {
            let mut world = World::new(engine);
            world.storefront.quote_table = table();
            world.restart();
            let page = Page::open(&world, &order());
            page.init();
            let (token, checkout_id) = (page.token.clone(), page.checkout_id.clone());
            world.store.hook.dies_at(1, is_applied);
            let chosen = json!({ "deliveryOptions": { "id": "express" } });
            assert!(world.run_until_it_stops(page.asking("delivery-option", &chosen)).is_none());
            world.restart();
            let page = Page { world: &world, checkout_id, token };
            assert_eq!(page.terms().0, if is_applied { "31.39" } else { "20.57" });
            // Amazon has received the first quote only; the second was never answered.
            let completed = page.complete_with(SESSION, &at("20.57"));
            assert_eq!(completed.status, if is_applied { 402 } else { 200 });
            assert_eq!(world.amazon.arrived("finalize").len(), usize::from(!is_applied));
            if is_applied {
                page.init();
                assert_eq!(page.complete_with(OTHER_SESSION, &at("20.57")).status, 200);
            }
        }
    }
}

#[test]
fn a_store_that_fails_gives_no_quote_that_it_does_not_keep() {
    let world = world_of_a_table();
    let page = Page::open(&world, &order());
    world.store.hook.is_full.store(true, Ordering::SeqCst);
    assert_eq!(page.init().refusal().1, "Unavailable");
    world.store.hook.is_full.store(false, Ordering::SeqCst);
    world.store.hook.loses_answers.store(true, Ordering::SeqCst);
    assert_eq!(page.init().status, 200, "it was kept, as the store confirms when it is asked");
    assert_eq!(page.terms(), ("20.57".to_owned(), 2));
}

#[test]
fn a_checkout_is_given_five_hundred_quotes_and_the_shop_is_asked_no_more() {
    let (world, hook) = Hook::asked();
    let page = Page::open(&world, &order());
    let count = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&count);
    hook.says(move |_| match asked.fetch_add(1, Ordering::SeqCst) % 2 {
        0 => HookAnswer::Json(cart("14.00", "5.00", "1.00", "20.00")),
        _ => HookAnswer::Json(error("couponInvalid")),
    });
    for _ in 0..500 {
        page.init();
    }
    assert_eq!(page.init().json(), error("unknownError"));
    assert_eq!(count.load(Ordering::SeqCst), 500);
    assert_eq!(page.told("Quoted").len() + page.told("QuoteRefused").len(), 500);
    assert_eq!(page.complete_with(SESSION, &at("20.00")).status, 200, "the last quote can still be paid");

    // Questions at the same time do not exceed the limit, and a change of terms by the shop resets the count.
    let (world, hook) = Hook::asked();
    let page = Page::open(&world, &order());
    for _ in 0..499 {
        page.init();
    }
    hook.always(HookAnswer::Later(Duration::from_secs(1), cart("14.00", "5.00", "1.00", "20.00")));
    world.run(join(page.asking("init", &init()), page.asking("init", &init())));
    assert_eq!(page.told("Quoted").len(), 500);
    let (path, terms) = page.change_of_terms(&at("18.00"), page.terms().1);
    assert_eq!(world.call("PUT", &path, &terms).status, 200);
    hook.always(HookAnswer::Json(cart("18.00", "5.00", "1.00", "24.00")));
    assert_eq!(sums(&page.init()), "18.00 5.00 1.00 - 24.00");
}

#[test]
fn a_hook_that_hangs_holds_sixty_four_questions_and_no_more() {
    let (world, hook) = Hook::asked();
    let pages: Vec<Page<'_>> = (0..65)
        .map(|number| {
            let mut order = order();
            order["orderId"] = json!(number.to_string());
            Page::open(&world, &order)
        })
        .collect();
    hook.always(HookAnswer::Hangs);
    let answers = world.run(join_all(pages.iter().map(|page| page.asking("init", &init()))));
    assert!(answers.iter().all(|answer| answer.json() == error("timeout")));
    assert_eq!(hook.bodies().len(), 64);
    // Their places are free again.
    hook.always(HookAnswer::Json(cart("14.00", "5.00", "1.00", "20.00")));
    assert_eq!(pages[64].init().status, 200);
}

#[test]
fn one_buyer_holds_two_of_the_places_at_the_shops_hook() {
    let (world, hook) = Hook::asked();
    let page = Page::open(&world, &order());
    hook.always(HookAnswer::Hangs);
    let answers = world.run(join_all((0..64).map(|_| page.asking("init", &init()))));
    assert!(answers.iter().all(|answer| answer.json() == error("timeout")));
    assert_eq!(hook.bodies().len(), 2);
    hook.always(HookAnswer::Json(cart("14.00", "5.00", "1.00", "20.00")));
    assert_eq!(page.init().status, 200);
}

#[test]
fn a_canceled_order_is_quoted_no_more() {
    let world = world_of_a_table();
    let page = Page::open(&world, &order());
    world.ask(&page.checkout_id, "cancel", &json!({ "reference": "1" }));
    assert_eq!(page.init().json(), error("cartChanged"));
    let path = page.path("complete");
    let body = json!({ "amazonCheckoutSessionId": SESSION }).to_string();
    let refused = world.run(request(&world, "POST", &path, &body, &[("origin", ORIGIN)]));
    assert_eq!(refused.refusal().1, "OrderCanceled");
}

#[test]
fn a_quote_that_was_not_paid_lapses_after_a_day_and_its_address_is_not_kept() {
    let world = world_of_a_table();
    let hour = Duration::from_secs(3_600);
    let stored = |page: &Page<'_>| {
        let key = Key { collection: "checkout", id: page.checkout_id.clone() };
        let documents = world.run(world.store.inner().load(&[key])).unwrap();
        String::from_utf8(documents[0].as_ref().unwrap().bytes.to_vec()).unwrap()
    };
    let explained = |page: &Page<'_>| {
        let path = format!("/v1/checkouts/{}/explanation", page.checkout_id);
        world.call("GET", &path, "").json()["awaited"].to_string()
    };
    let page = Page::open(&world, &order());
    page.init();
    world.skip(hour);
    assert_eq!(page.complete_with(SESSION, &at("14.00")).status, 402);
    world.skip(23 * hour);
    assert!(explained(&page).contains("the quote lapses unless it is paid"));
    assert!(stored(&page).contains("Terry") && page.terms().0 == "20.57");
    world.skip(2 * hour);
    assert!(!stored(&page).contains("Terry") && page.terms() == ("14.00".to_owned(), 3));
    assert_eq!(page.told("QuoteLapsed").len(), 1);
    assert!(!explained(&page).contains("the quote lapses"));
    let late = page.complete_with(OTHER_SESSION, &at("20.57"));
    assert_eq!(late.json()["reason"], "TermsMismatch", "a session from before the quote lapsed is not paid");
    world.skip(48 * hour);
    assert_eq!(page.told("QuoteLapsed").len(), 1);
    assert_eq!(sums(&page.init()), "14.00 5.00 1.57 - 20.57");
}

#[test]
fn a_quote_is_valid_while_it_may_be_paid_and_once_it_is_paid_its_address_is_gone() {
    let world = world_of_a_table();
    let mut order = waiting_order();
    order["paymentDetails"]["chargeAmount"] = usd("14.00");
    let page = Page::open(&world, &order);
    page.init();
    world.amazon.fault("finalize", Fault::Pending);
    order["paymentDetails"]["chargeAmount"] = usd("20.57");
    assert_eq!(page.complete_with(SESSION, &order).verdict(), (202, "pending".to_owned()));
    let key = Key { collection: "checkout", id: page.checkout_id.clone() };
    let has_address = || {
        let documents = world.run(world.store.inner().load(std::slice::from_ref(&key))).unwrap();
        documents[0].as_ref().unwrap().bytes.windows(5).any(|part| part == b"Terry")
    };
    world.skip(Duration::from_secs(30 * 3_600));
    assert!(has_address());
    world.amazon.decide("S01-5105180-0000001-C000001", "Authorized");
    world.skip(Duration::from_secs(3 * 3_600));
    assert_eq!(page.stands()["state"], "authorized");
    assert!(!has_address());
    assert_eq!((page.terms().0.as_str(), page.told("QuoteLapsed").len()), ("20.57", 0));
    order["paymentDetails"]["chargeAmount"] = usd("14.00");
    assert_eq!(Page::open(&world, &order).checkout_id, page.checkout_id, "it is still the same order");
}
