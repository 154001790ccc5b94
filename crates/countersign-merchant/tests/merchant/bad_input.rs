//! Requests that are refused, with status, code and field, and change nothing.

use countersign_http::{Handler as _, IncompleteRequest};
use serde_json::{Value, json};

use super::world::{SESSION, World, order};

/// An order with one member replaced; `None` leaves it out.
fn with(pointer: &str, value: Option<Value>) -> String {
    let mut order = order();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = order.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(member.to_owned(), value),
        None => parent.remove(member),
    };
    order.to_string()
}

#[test]
fn an_order_that_cannot_be_registered_is_refused_naming_the_field() {
    let amount = |amount: &str, currency: &str| Some(json!({ "amount": amount, "currencyCode": currency }));
    let charge = "/paymentDetails/chargeAmount";
    let at_charge = "paymentDetails.chargeAmount.amount";
    let long = |length: usize| Some(json!("x".repeat(length)));
    let cases: Vec<(String, &str, Option<&str>)> = vec![
        (String::new(), "InvalidFormat", None),
        ("not JSON".to_owned(), "InvalidFormat", None),
        ("[]".to_owned(), "InvalidFormat", None),
        ("{\"orderId\":\"1".to_owned(), "InvalidFormat", None),
        (format!("{}{}", "[".repeat(100), "]".repeat(100)), "InvalidFormat", None),
        ("{\"orderId\":\"1\",\"orderId\":\"2\"}".to_owned(), "InvalidFormat", Some("orderId")),
        (with("/extra", Some(json!(1))), "UnrecognizedField", Some("extra")),
        (with("/paymentDetails/extra", Some(json!(1))), "UnrecognizedField", Some("paymentDetails.extra")),
        (with("/orderId", None), "MissingValue", Some("orderId")),
        (with("/orderId", Some(json!(""))), "InvalidValue", Some("orderId")),
        (with("/orderId", Some(json!("a\nb"))), "InvalidValue", Some("orderId")),
        (with("/orderId", Some(json!(1001))), "InvalidValue", Some("orderId")),
        (with("/orderId", long(129)), "InvalidValue", Some("orderId")),
        (with("/productType", None), "MissingValue", Some("productType")),
        (with("/productType", Some(json!("PayAndPray"))), "InvalidValue", Some("productType")),
        (with("/paymentDetails", None), "MissingValue", Some("paymentDetails")),
        (with("/paymentDetails", Some(json!("x"))), "InvalidValue", Some("paymentDetails")),
        (with("/paymentDetails/paymentIntent", None), "MissingValue", Some("paymentDetails.paymentIntent")),
        (
            with("/paymentDetails/paymentIntent", Some(json!("Capture"))),
            "InvalidValue",
            Some("paymentDetails.paymentIntent"),
        ),
        (
            with("/paymentDetails/canHandlePendingAuthorization", Some(json!("maybe"))),
            "InvalidValue",
            Some("paymentDetails.canHandlePendingAuthorization"),
        ),
        (
            with("/paymentDetails/canHandlePendingAuthorization", Some(json!(true))),
            "InvalidCombination",
            Some("paymentDetails.canHandlePendingAuthorization"),
        ),
        (with(charge, None), "MissingValue", Some("paymentDetails.chargeAmount")),
        (with(charge, Some(json!("14.00"))), "InvalidValue", Some("paymentDetails.chargeAmount")),
        (with(charge, amount("14.000", "USD")), "InvalidValue", Some(at_charge)),
        (with(charge, amount("1,400.00", "USD")), "InvalidValue", Some(at_charge)),
        (with(charge, amount("-14.00", "USD")), "InvalidValue", Some(at_charge)),
        (with(charge, amount("+14.00", "USD")), "InvalidValue", Some(at_charge)),
        (with(charge, amount("1e3", "USD")), "InvalidValue", Some(at_charge)),
        (with(charge, amount("", "USD")), "InvalidValue", Some(at_charge)),
        (with(charge, amount("500.00", "JPY")), "InvalidValue", Some(at_charge)),
        (
            with(charge, amount("14.00", "XYZ")),
            "InvalidValue",
            Some("paymentDetails.chargeAmount.currencyCode"),
        ),
        (with(charge, amount("0.00", "USD")), "InvalidValue", Some("paymentDetails.chargeAmount")),
        (with(charge, amount("150000.01", "USD")), "InvalidValue", Some("paymentDetails.chargeAmount")),
        (
            with("/paymentDetails/totalOrderAmount", amount("20.00", "EUR")),
            "InvalidCombination",
            Some("paymentDetails.totalOrderAmount"),
        ),
        (
            with("/paymentDetails/totalOrderAmount", amount("13.99", "USD")),
            "InvalidCombination",
            Some("paymentDetails.totalOrderAmount"),
        ),
        (with("/supplementaryData", long(4_097)), "InvalidValue", Some("supplementaryData")),
        (
            with("/merchantMetadata", Some(json!({ "merchantStoreName": "x".repeat(51) }))),
            "InvalidValue",
            Some("merchantMetadata.merchantStoreName"),
        ),
        (
            with("/shippingAddress", Some(json!({ "town": "x" }))),
            "UnrecognizedField",
            Some("shippingAddress.town"),
        ),
        (
            with("/shippingAddress", Some(json!({ "city": "x".repeat(256) }))),
            "InvalidValue",
            Some("shippingAddress.city"),
        ),
        (with("/checkoutLanguage", Some(json!("tlh_QO"))), "InvalidValue", Some("checkoutLanguage")),
        (with("/startOfCheckoutUrl", None), "MissingValue", Some("startOfCheckoutUrl")),
        (
            with("/startOfCheckoutUrl", Some(json!("javascript:alert(1)"))),
            "InvalidValue",
            Some("startOfCheckoutUrl"),
        ),
        (with("/startOfCheckoutUrl", Some(json!("/checkout"))), "InvalidValue", Some("startOfCheckoutUrl")),
        (with("/successUrl", Some(json!("ftp://shop.example"))), "InvalidValue", Some("successUrl")),
        (
            with("/successUrl", Some(json!("https://shop.example@evil.example/"))),
            "InvalidValue",
            Some("successUrl"),
        ),
        (with("/successUrl", Some(json!("https://a:b@shop.example/"))), "InvalidValue", Some("successUrl")),
        (with("/successUrl", Some(json!("https://shop.example/a b"))), "InvalidValue", Some("successUrl")),
        (with("/successUrl", Some(json!("https://shop.example/#a\nb"))), "InvalidValue", Some("successUrl")),
        (with("/successUrl", Some(json!("https://shop.example/\tx"))), "InvalidValue", Some("successUrl")),
        (
            with("/successUrl", Some(json!("https://shop.example/#\u{7f}"))),
            "InvalidValue",
            Some("successUrl"),
        ),
        (
            with("/successUrl", Some(json!("https://shop.example\\@evil.example/"))),
            "InvalidValue",
            Some("successUrl"),
        ),
        (
            with("/successUrl", Some(json!("https://shop.example/#\u{3000}"))),
            "InvalidValue",
            Some("successUrl"),
        ),
        (
            with("/successUrl", Some(json!(format!("https://shop.example/{}", "x".repeat(2_048))))),
            "InvalidValue",
            Some("successUrl"),
        ),
    ];
    let world = World::in_memory();
    let commits = || world.store.counts().applied;
    let at_the_start = commits();
    for (body, code, field) in cases {
        let refused = world.call("POST", "/v1/checkouts", &body);
        assert_eq!(refused.refusal(), (400, code.to_owned(), field.map(str::to_owned)), "{body}");
        assert_eq!(refused.headers["content-type"], "application/json");
    }
    assert_eq!(commits(), at_the_start);
    // A value exactly at its limit is accepted.
    for body in [
        with("/orderId", long(128)),
        with(charge, amount("150000.00", "USD")),
        with("/supplementaryData", long(4_096)),
        with("/paymentDetails/totalOrderAmount", amount("14.00", "USD")),
    ] {
        let world = World::in_memory();
        assert_eq!(world.call("POST", "/v1/checkouts", &body).status, 201, "{body}");
    }
}

#[test]
fn terms_that_cannot_be_set_are_refused_naming_the_field() {
    let world = World::in_memory();
    let checkout_id = world.register(&order());
    let path = format!("/v1/checkouts/{checkout_id}/terms");
    let details = &order()["paymentDetails"];
    let terms = |version: Value, details: &Value| {
        json!({ "termsVersion": version, "productType": "PayAndShip", "paymentDetails": details }).to_string()
    };
    let mut nothing = details.clone();
    nothing["chargeAmount"]["amount"] = json!("0");
    for (body, status, code, field) in [
        (terms(Value::Null, details), 400, "MissingValue", "termsVersion"),
        (terms(json!("one"), details), 400, "InvalidValue", "termsVersion"),
        (terms(json!(-1), details), 400, "InvalidValue", "termsVersion"),
        (terms(json!(1.5), details), 400, "InvalidValue", "termsVersion"),
        (terms(json!(0), details), 409, "TermsVersionMoved", "termsVersion"),
        (terms(json!(2), details), 409, "TermsVersionMoved", "termsVersion"),
        (terms(json!(1), &nothing), 400, "InvalidValue", "paymentDetails.chargeAmount"),
        (json!({ "termsVersion": 1, "orderId": "1002" }).to_string(), 400, "UnrecognizedField", "orderId"),
    ] {
        let refused = world.call("PUT", &path, &body);
        assert_eq!(refused.refusal(), (status, code.to_owned(), Some(field.to_owned())), "{body}");
    }
    assert_eq!(world.checkout(&checkout_id)["termsVersion"], 1);
    let nowhere = world.call("PUT", "/v1/checkouts/nowhere/terms", &terms(json!(1), details));
    assert_eq!(nowhere.refusal(), (404, "NoSuchCheckout".to_owned(), None));
}

#[test]
fn a_completion_that_cannot_be_read_is_refused_naming_the_field() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    let path = format!("/v1/checkouts/{checkout_id}/complete");
    let id = "amazonCheckoutSessionId";
    for (body, code, field) in [
        ("{", "InvalidFormat", None),
        ("{}", "MissingValue", Some(id)),
        (r#"{"amazonCheckoutSessionId":null}"#, "MissingValue", Some(id)),
        (r#"{"amazonCheckoutSessionId":7}"#, "InvalidValue", Some(id)),
        (r#"{"amazonCheckoutSessionId":"../charges/x"}"#, "InvalidValue", Some(id)),
        (r#"{"amazonCheckoutSessionId":""}"#, "InvalidValue", Some(id)),
        (r#"{"amazonCheckoutSessionId":"x","chargeAmount":"1"}"#, "UnrecognizedField", Some("chargeAmount")),
        (
            r#"{"amazonCheckoutSessionId":"x","shippingAddress":{"city":7}}"#,
            "InvalidValue",
            Some("shippingAddress.city"),
        ),
    ] {
        let refused = world.call("POST", &path, body);
        assert_eq!(refused.refusal(), (400, code.to_owned(), field.map(str::to_owned)), "{body}");
    }
    assert!(world.attempts(&checkout_id).is_empty());
    assert_eq!(world.complete("nowhere", SESSION).refusal(), (404, "NoSuchCheckout".to_owned(), None));
}

/// Every route of the shop's API, with a method that it accepts.
const SHOP_ROUTES: [(&str, &str); 17] = [
    ("POST", "/v1/checkouts"),
    ("GET", "/v1/checkouts"),
    ("GET", "/v1/checkouts/c"),
    ("PUT", "/v1/checkouts/c/terms"),
    ("POST", "/v1/checkouts/c/complete"),
    ("POST", "/v1/checkouts/c/charges"),
    ("POST", "/v1/checkouts/c/captures"),
    ("POST", "/v1/checkouts/c/refunds"),
    ("POST", "/v1/checkouts/c/cancel"),
    ("POST", "/v1/checkouts/c/close"),
    ("GET", "/v1/checkouts/c/fulfilment"),
    ("POST", "/v1/checkouts/c/shipments"),
    ("GET", "/v1/checkouts/c/explanation"),
    ("GET", "/v1/checkouts/c/snapshot"),
    ("DELETE", "/v1/checkouts/c/snapshot"),
    ("GET", "/v1/events"),
    ("GET", "/v1/nowhere"),
];

#[test]
fn every_route_of_the_shop_requires_its_token() {
    let world = World::in_memory();
    for (method, path) in SHOP_ROUTES {
        for authorization in [
            None,
            Some(""),
            Some("Bearer"),
            Some("Bearer "),
            Some("shop-token"),
            Some("Bearer shop-toke"),
            Some("Bearer shop-tokenx"),
            Some("Bearer Shop-token"),
            Some("Bearer  shop-token"),
            Some("Basic shop-token"),
        ] {
            let refused = world.run(world.request_with(method, path, &order().to_string(), authorization));
            let expected = (401, "Unauthorized".to_owned(), Some("authorization".to_owned()));
            assert_eq!(refused.refusal(), expected, "{path} {authorization:?}");
            assert_eq!(refused.headers["www-authenticate"], "Bearer");
        }
    }
    let registered = "/v1/checkouts?orderId=1001";
    assert_eq!(world.get(registered).json()["checkouts"], json!([]));
    let accepted = world.run(world.request_with("GET", registered, "", Some("bearer shop-token")));
    assert_eq!(accepted.status, 200, "the case of the scheme does not matter");
}

#[test]
fn a_wrong_method_names_the_right_ones() {
    let world = World::in_memory();
    for (path, allowed) in [
        ("/healthz", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
        ("/result/x", "GET, HEAD"),
        ("/v1/checkouts", "GET, POST"),
        ("/v1/checkouts/c", "GET"),
        ("/v1/checkouts/c/terms", "PUT"),
        ("/v1/checkouts/c/complete", "POST"),
        ("/v1/checkouts/c/charges", "POST"),
        ("/v1/checkouts/c/captures", "POST"),
        ("/v1/checkouts/c/refunds", "POST"),
        ("/v1/checkouts/c/cancel", "POST"),
        ("/v1/checkouts/c/close", "POST"),
        ("/v1/checkouts/c/fulfilment", "GET"),
        ("/v1/checkouts/c/explanation", "GET"),
        ("/v1/checkouts/c/snapshot", "DELETE, GET"),
        ("/v1/events", "GET"),
        ("/metrics", "GET, HEAD"),
    ] {
        let refused = world.call("PATCH", path, "");
        assert_eq!(refused.refusal(), (405, "MethodNotAllowed".to_owned(), None), "{path}");
        assert_eq!(refused.headers["allow"], allowed);
    }
}

#[test]
fn an_unknown_path_is_not_found_however_long() {
    let world = World::in_memory();
    let long = format!("/result/{}", "x".repeat(600));
    for path in ["/", "/v1", "/v2/checkouts", "/v1/checkouts/c/terms/x", "/healthz/x", "/result", &long] {
        assert_eq!(world.get(path).refusal(), (404, "NotFound".to_owned(), None), "{path}");
    }
    assert_eq!(world.get("/healthz/").status, 200, "a trailing slash does not matter");
}

#[test]
fn what_never_became_a_request_is_refused_in_the_same_envelope() {
    let world = World::in_memory();
    let head = http::Request::new(()).into_parts().0;
    for (unreadable, status) in [
        (IncompleteRequest::BodyTooLarge, 413),
        (IncompleteRequest::HeadTooLarge, 431),
        (IncompleteRequest::BodyTimedOut, 408),
        (IncompleteRequest::BodyTruncated, 400),
    ] {
        let response = world.merchant().refuse(&head, unreadable);
        assert_eq!(response.status(), status);
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["error"]["code"], "Unreadable");
    }
}

#[test]
fn health_is_about_the_process_and_readiness_about_the_store() {
    let world = World::in_memory();
    for path in ["/healthz", "/readyz"] {
        let answer = world.run(world.request_with("GET", path, "", None));
        assert_eq!((answer.status, answer.json()), (200, json!({ "status": "ok" })));
    }
    world.store.hook.is_away.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(world.get("/healthz").status, 200);
    assert_eq!(world.get("/readyz").refusal(), (503, "Unavailable".to_owned(), None));
}
