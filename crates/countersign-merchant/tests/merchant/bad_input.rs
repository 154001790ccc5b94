//! Requests that are refused, with status, code and field, and change nothing.

use countersign_http::{Handler as _, IncompleteRequest};
use serde_json::{Value, json};

use super::world::{ALICE, HttpAnswer, SESSION, SHOP_TOKEN, World, order};

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

/// A body of each call, with all of its members, and those that are required.
fn bodies() -> Vec<(&'static str, &'static str, Value, Vec<&'static str>)> {
    let usd = json!({ "amount": "14.00", "currencyCode": "USD" });
    let charge_id = "S01-5105180-0000001-C000001";
    let details = json!({ "paymentIntent": "Authorize", "canHandlePendingAuthorization": true,
        "chargeAmount": usd, "totalOrderAmount": usd });
    let address = json!({ "name": "A", "addressLine1": "B", "countryCode": "US" });
    let metadata = json!({ "merchantReferenceId": "1", "merchantStoreName": "A", "noteToBuyer": "B",
        "customInformation": "C" });
    let terms = json!({ "termsVersion": 1, "productType": "PayAndShip", "paymentDetails": details,
        "supplementaryData": "x", "merchantMetadata": metadata, "shippingAddress": address });
    let mut order = terms.clone();
    order.as_object_mut().unwrap().remove("termsVersion");
    let further = json!({ "orderId": "1", "checkoutLanguage": "en_US", "cartId": "1", "supersedes": "c",
        "startOfCheckoutUrl": "https://shop.example/", "successUrl": "https://shop.example/" });
    order.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
    let decision = |verdict: &str, members: Value| {
        let mut body = json!({ "reference": "1", "verdict": verdict, "remindAt": "20261201T000000Z",
            "evidence": "x" });
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        body
    };
    let of_decision = || vec!["reference", "verdict", "evidence"];
    vec![
        (
            "POST",
            "",
            order,
            vec![
                "orderId",
                "productType",
                "paymentDetails",
                "paymentDetails.paymentIntent",
                "paymentDetails.chargeAmount",
                "startOfCheckoutUrl",
            ],
        ),
        (
            "PUT",
            "/c/terms",
            terms,
            vec![
                "termsVersion",
                "productType",
                "paymentDetails",
                "paymentDetails.paymentIntent",
                "paymentDetails.chargeAmount",
            ],
        ),
        (
            "POST",
            "/c/complete",
            json!({ "amazonCheckoutSessionId": SESSION, "shippingAddress": address, "billingAddress": address }),
            vec!["amazonCheckoutSessionId"],
        ),
        (
            "POST",
            "/c/charges",
            json!({ "reference": "1", "chargeAmount": usd, "captureNow": false,
                "canHandlePendingAuthorization": false }),
            vec!["reference", "chargeAmount"],
        ),
        (
            "POST",
            "/c/captures",
            json!({ "reference": "1", "chargeId": charge_id, "captureAmount": usd }),
            vec!["reference"],
        ),
        (
            "POST",
            "/c/refunds",
            json!({ "reference": "1", "chargeId": charge_id, "refundAmount": usd }),
            vec!["reference"],
        ),
        (
            "POST",
            "/c/cancel",
            json!({ "reference": "1", "reason": "x", "shippedToo": true }),
            vec!["reference"],
        ),
        ("POST", "/c/close", json!({ "reference": "1", "reason": "x" }), vec!["reference"]),
        (
            "POST",
            "/c/shipments",
            json!({ "reference": "1", "chargeId": charge_id, "amount": usd }),
            vec!["reference"],
        ),
        (
            "POST",
            "/c/attempts/1/decision",
            decision(
                "paid",
                json!({ "chargePermissionId": "S01-1-1", "chargeId": charge_id, "amount": usd }),
            ),
            of_decision(),
        ),
        (
            "POST",
            "/c/operations/1/decision",
            decision("done", json!({ "chargeId": charge_id, "refundId": "S01-1-R1" })),
            of_decision(),
        ),
        (
            "POST",
            "/c/unexplained/S01-1-1/decision",
            decision("refund", json!({ "amount": usd })),
            of_decision(),
        ),
        ("POST", "/c/disputes/D1/decision", decision("lost", json!({ "amount": usd })), of_decision()),
    ]
}

/// Every member of a body, however deep, with its path.
fn members(of: &Value, path: &str) -> Vec<(String, Value)> {
    let Some(object) = of.as_object() else { return Vec::new() };
    let below = |(name, value): (&String, &Value)| {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let mut found = vec![(path.clone(), value.clone())];
        found.extend(members(value, &path));
        found
    };
    object.iter().flat_map(below).collect()
}

fn changed(body: &Value, member: &str, to: Option<Value>) -> String {
    let mut body = body.clone();
    let pointer = format!("/{}", member.replace('.', "/"));
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match to {
        Some(value) => parent.insert(name.to_owned(), value),
        None => parent.remove(name),
    };
    body.to_string()
}

#[test]
fn every_member_of_every_body_is_named_when_it_is_wrong_unknown_or_missing() {
    let world = World::in_memory();
    let send = |method: &str, path: &str, body: &str| {
        let token = if path.ends_with("/decision") { ALICE } else { SHOP_TOKEN };
        let path = format!("/v1/checkouts{path}");
        world.run(world.request_with(method, &path, body, Some(&format!("Bearer {token}"))))
    };
    let told = |answer: &HttpAnswer, code: &str, field: &str, context: &str| {
        assert_eq!(answer.refusal(), (400, code.to_owned(), Some(field.to_owned())), "{context}");
        let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("[{field}]")), "{context}: {message}");
    };
    for (method, path, body, required) in bodies() {
        for (member, right) in members(&body, "") {
            let others = [json!(7), json!(1.5), json!("true"), json!(true), json!([]), json!({})];
            let is_other = |it: &Value| std::mem::discriminant(it) != std::mem::discriminant(&right);
            for wrong in others.into_iter().filter(is_other) {
                let body = changed(&body, &member, Some(wrong));
                let answer = send(method, path, &body);
                told(&answer, "InvalidValue", &member, &format!("{path} {body}"));
            }
            if right.is_object() {
                let unknown = format!("{member}.another");
                let body = changed(&body, &unknown, Some(json!(1)));
                told(&send(method, path, &body), "UnrecognizedField", &unknown, &body);
            }
        }
        let unknown = changed(&body, "another", Some(json!(1)));
        told(&send(method, path, &unknown), "UnrecognizedField", "another", &unknown);
        let mut body = body;
        // It belongs to another verdict.
        body.as_object_mut().unwrap().remove("remindAt");
        for member in required {
            for nothing in [None, Some(Value::Null)] {
                let body = changed(&body, member, nothing);
                told(&send(method, path, &body), "MissingValue", member, &format!("{path} {body}"));
            }
        }
    }
}

#[test]
fn an_amount_is_a_string_and_its_currency_in_every_body() {
    let world = World::in_memory();
    for (method, path, body, _) in bodies() {
        for (member, right) in members(&body, "").into_iter().filter(|(_, it)| it["amount"].is_string()) {
            for (member, wrong, why) in [
                (format!("{member}.amount"), json!(5), "it is a number, and an amount is a string"),
                (format!("{member}.amount"), json!(14.00), "it is a number, and an amount is a string"),
                (format!("{member}.amount"), json!("14.000"), "invalid"),
                (format!("{member}.currencyCode"), Value::Null, "it is absent"),
                (member.clone(), json!("14.00"), "it is not an object"),
                (member.clone(), json!(5), "it is not an object"),
            ] {
                let body = changed(&body, &member, Some(wrong));
                let token = if path.ends_with("/decision") { ALICE } else { SHOP_TOKEN };
                let path = format!("/v1/checkouts{path}");
                let answer =
                    world.run(world.request_with(method, &path, &body, Some(&format!("Bearer {token}"))));
                assert_eq!(answer.refusal(), (400, "InvalidValue".to_owned(), Some(member)), "{path} {body}");
                assert!(answer.text.contains(why), "{path} {}", answer.text);
            }
            assert_eq!(right["currencyCode"], "USD");
        }
    }
}

#[test]
fn a_text_that_is_empty_has_control_characters_or_is_too_long_is_refused_by_that_rule() {
    let world = World::in_memory();
    for (path, member, max_len) in [
        ("", "orderId", 128),
        ("", "cartId", 128),
        ("/c/charges", "reference", 128),
        ("/c/captures", "reference", 128),
        ("/c/refunds", "reference", 128),
        ("/c/cancel", "reference", 128),
        ("/c/cancel", "reason", 255),
        ("/c/close", "reference", 128),
        ("/c/close", "reason", 255),
        ("/c/shipments", "reference", 128),
        ("/c/attempts/1/decision", "reference", 128),
        ("/c/operations/1/decision", "reference", 128),
        ("/c/unexplained/S01-1-1/decision", "reference", 128),
        ("/c/disputes/D1/decision", "reference", 128),
        ("/c/attempts/1/decision", "evidence", 2_000),
    ] {
        let (_, _, body, _) = bodies().into_iter().find(|it| it.1 == path && it.0 == "POST").unwrap();
        // With `remind` nothing but the texts can be wrong.
        let mut body = body;
        if path.ends_with("/decision") {
            body = json!({ "reference": "1", "verdict": "remind", "evidence": "x" });
        }
        for (wrong, why) in [
            (String::new(), "must not be empty".to_owned()),
            ("a\nb".to_owned(), "it has a control character".to_owned()),
            ("a\u{0}".to_owned(), "it has a control character".to_owned()),
            ("x".repeat(max_len + 1), format!("{max_len} characters")),
        ] {
            if member == "evidence" && wrong.contains('\n') {
                continue;
            }
            let body = changed(&body, member, Some(json!(wrong)));
            let token = if path.ends_with("/decision") { ALICE } else { SHOP_TOKEN };
            let path = format!("/v1/checkouts{path}");
            let answer =
                world.run(world.request_with("POST", &path, &body, Some(&format!("Bearer {token}"))));
            let expected = (400, "InvalidValue".to_owned(), Some(member.to_owned()));
            assert_eq!(answer.refusal(), expected, "{path} {body}");
            assert!(answer.text.replace(',', "").contains(&why), "{path} {}", answer.text);
        }
    }
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
