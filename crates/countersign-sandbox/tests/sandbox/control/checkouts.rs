//! Starting checkouts and playing their buyers.

use http::Method;
use serde_json::{Value, json};

use super::scene::{OTHER_MERCHANT, Scene, merged};

fn pay(amount: &str, currency: &str) -> Value {
    json!({"paymentDetails": {"chargeAmount": {"amount": amount, "currencyCode": currency}}})
}

#[tokio::test]
async fn a_started_checkout_has_the_documented_defaults() {
    let scene = Scene::new().await;
    for (currency, amount, prefix, country) in [
        ("USD", "14.00", "S01-", "US"),
        ("EUR", "14.00", "S02-", "DE"),
        ("GBP", "14.00", "S02-", "DE"),
        ("JPY", "500", "S03-", "JP"),
    ] {
        let started = scene.start(&pay(amount, currency)).await;
        assert_eq!(started.status, 201, "{}", started.body);
        let body = &started.body;
        assert_eq!(body["statusDetails"]["state"], "Open", "{currency}");
        assert_eq!(body["releaseEnvironment"], "Sandbox");
        assert_eq!(body["productType"], "PayAndShip");
        assert_eq!(
            body["paymentDetails"]["chargeAmount"],
            json!({"amount": amount, "currencyCode": currency})
        );
        assert_eq!(body["paymentPreferences"][0]["paymentDescriptor"], "Visa ****1111 (Amazon Pay)");
        assert_eq!(body["shippingAddress"]["countryCode"], country);
        assert_eq!(body["billingAddress"]["countryCode"], country);
        for member in ["buyerId", "name", "email", "phoneNumber"] {
            assert!(body["buyer"][member].is_string(), "{currency} {member}");
        }
        let id = started.text("checkoutSessionId");
        scene.act(id, &json!({"action": "placeOrder"})).await;
        let finalized = scene.finalize(id).await;
        assert_eq!(finalized.status, 200, "{}", finalized.body);
        assert!(finalized.text("chargePermissionId").starts_with(prefix), "{}", finalized.body);
    }
}

#[tokio::test]
async fn every_member_that_is_given_is_in_the_session() {
    let scene = Scene::new().await;
    let address = |line: &str| {
        json!({"name": "A", "addressLine1": line, "addressLine2": null, "addressLine3": null, "city": "C",
            "county": null, "district": null, "stateOrRegion": null, "postalCode": "1", "countryCode": "FR",
            "phoneNumber": "2"})
    };
    let price = |amount: &str| json!({"amount": amount, "currencyCode": "USD"});
    let started = scene
        .start(&json!({
            "publicKeyId": OTHER_MERCHANT,
            "environment": "live",
            "region": "eu",
            "paymentDetails": {
                "paymentIntent": "AuthorizeWithCapture",
                "chargeAmount": price("14.00"),
                "totalOrderAmount": price("20.00"),
                "allowOvercharge": true,
                "extendExpiration": true,
                "softDescriptor": "SHOP",
            },
            "supplementaryData": "{\"airline\":1}",
            "merchantMetadata": {"merchantReferenceId": "order-1", "noteToBuyer": "thanks"},
            "shippingAddress": address("1"),
            "billingAddress": address("2"),
            "buyer": {"buyerId": "amzn1.account.X", "name": "N", "email": "n@example.com"},
            "card": "0005",
            "placed": true,
            "responseDetail": "full",
        }))
        .await;
    assert_eq!(started.status, 201, "{}", started.body);
    let body = &started.body;
    assert_eq!(body["releaseEnvironment"], "Live");
    for (member, expected) in [
        ("paymentIntent", json!("AuthorizeWithCapture")),
        ("totalOrderAmount", price("20.00")),
        ("allowOvercharge", json!(true)),
        ("extendExpiration", json!(true)),
        ("softDescriptor", json!("SHOP")),
    ] {
        assert_eq!(body["paymentDetails"][member], expected, "{member}");
    }
    assert_eq!(body["supplementaryData"], "{\"airline\":1}");
    assert_eq!(body["merchantMetadata"]["merchantReferenceId"], "order-1");
    assert_eq!((&body["shippingAddress"], &body["billingAddress"]), (&address("1"), &address("2")));
    assert_eq!(body["buyer"]["buyerId"], "amzn1.account.X");
    assert_eq!(body["buyer"]["name"], "N");
    assert_eq!(body["buyer"]["phoneNumber"], Value::Null);
    assert_eq!(body["paymentPreferences"][0]["paymentDescriptor"], "American Express ****0005 (Amazon Pay)");
    assert_eq!(
        scene.event_types(started.text("checkoutSessionId")).await,
        ["CheckoutSessionCreated", "OrderPlaced"]
    );
}

#[tokio::test]
async fn a_card_brings_its_billing_address_unless_one_was_given() {
    let scene = Scene::new().await;
    for (currency, amount, first, second) in [
        ("USD", "14.00", "Seattle", "Portland"),
        ("EUR", "14.00", "Berlin", "Wien"),
        ("JPY", "500", "千代田区", "大阪市"),
    ] {
        let started = scene.start(&merged(&pay(amount, currency), &json!({"card": "0000"}))).await;
        assert_eq!(started.body["billingAddress"]["city"], second, "{}", started.body);
        let id = started.text("checkoutSessionId");
        for (card, city) in [("0000", second), ("0005", first), ("3434", first), ("0000", second)] {
            let acted = scene.act(id, &json!({"action": "selectCard", "card": card})).await;
            assert_eq!(acted.body["billingAddress"]["city"], city, "{card}");
        }
        assert_eq!(started.body["shippingAddress"]["city"], first, "the delivery address stays");
    }
    let given = json!({"name": "N", "addressLine1": "1 Given Street", "city": "Boise", "countryCode": "US"});
    let id = scene.checkout(&json!({"card": "0000", "billingAddress": given})).await;
    for card in ["1111", "0000"] {
        let acted = scene.act(&id, &json!({"action": "selectCard", "card": card})).await;
        assert_eq!(acted.body["billingAddress"]["city"], "Boise", "{card}");
    }
}

#[tokio::test]
async fn a_full_answer_to_finalize_is_ordered_with_the_checkout() {
    let scene = Scene::new().await;
    for (detail, amount) in
        [("short", Value::Null), ("full", json!({"amount": "14.00", "currencyCode": "USD"}))]
    {
        let id = scene.checkout(&json!({"placed": true, "responseDetail": detail})).await;
        let finalized = scene.finalize(&id).await;
        assert_eq!(finalized.body["paymentDetails"]["chargeAmount"], amount, "{detail}");
    }
}

#[tokio::test]
async fn a_checkout_that_is_not_valid_is_refused_by_member_and_not_started() {
    let scene = Scene::new().await;
    let details = |members: Value| json!({"paymentDetails": members});
    let usd = |amount: &str| json!({"amount": amount, "currencyCode": "USD"});
    let cases = [
        (json!({"productType": null}), "MissingParameterValue", "[productType]"),
        (json!({"paymentDetails": null}), "MissingParameterValue", "[paymentDetails]"),
        (details(json!({"paymentIntent": null})), "MissingParameterValue", "[paymentDetails.paymentIntent]"),
        (details(json!({"chargeAmount": null})), "MissingParameterValue", "[paymentDetails.chargeAmount]"),
        (
            details(json!({"chargeAmount": {"amount": "14.00", "currencyCode": null}})),
            "InvalidParameterValue",
            "[paymentDetails.chargeAmount.currencyCode]",
        ),
        (pay("14.00", "XXX"), "InvalidParameterValue", "[paymentDetails.chargeAmount.currencyCode]"),
        (pay("14.000", "USD"), "InvalidParameterValue", "[paymentDetails.chargeAmount.amount]"),
        (pay("0", "USD"), "InvalidParameterValue", "[paymentDetails.chargeAmount]"),
        (pay("150000.01", "USD"), "InvalidParameterValue", "[paymentDetails.chargeAmount]"),
        (
            details(json!({"totalOrderAmount": {"amount": "20", "currencyCode": "EUR"}})),
            "InvalidParameterValue",
            "[paymentDetails.totalOrderAmount]",
        ),
        (
            details(json!({
                "chargeAmount": {"amount": "14", "currencyCode": "GBP"},
                "totalOrderAmount": {"amount": "20", "currencyCode": "EUR"},
            })),
            "CurrencyMismatch",
            "[paymentDetails.totalOrderAmount]",
        ),
        (
            details(json!({"totalOrderAmount": usd("13.99")})),
            "InvalidParameterValue",
            "[paymentDetails.totalOrderAmount]",
        ),
        (
            details(json!({"paymentIntent": "AuthorizeWithCapture", "canHandlePendingAuthorization": true})),
            "InvalidParameterCombination",
            "[paymentDetails.canHandlePendingAuthorization]",
        ),
        (
            details(json!({"softDescriptor": "SHOP"})),
            "InvalidParameterCombination",
            "[paymentDetails.softDescriptor]",
        ),
        (details(json!({"paymentIntent": "Pay"})), "InvalidParameterValue", "[paymentDetails.paymentIntent]"),
        (details(json!({"tip": 1})), "UnrecognizedField", "[paymentDetails.tip]"),
        (json!({"productType": "PayAndFly"}), "InvalidParameterValue", "[productType]"),
        (json!({"publicKeyId": "SANDBOX-NOBODY"}), "InvalidParameterValue", "[publicKeyId]"),
        (json!({"environment": "live"}), "InvalidParameterCombination", "[environment]"),
        (json!({"environment": "moon"}), "InvalidParameterValue", "[environment]"),
        (json!({"region": "jp"}), "InvalidParameterCombination", "[region]"),
        (json!({"region": "mars"}), "InvalidParameterValue", "[region]"),
        (
            json!({"productType": "PayOnly", "shippingAddress": {"city": "C"}}),
            "InvalidParameterCombination",
            "[shippingAddress]",
        ),
        (json!({"shippingAddress": {"town": "C"}}), "UnrecognizedField", "[shippingAddress.town]"),
        (json!({"card": "9999"}), "InvalidParameterValue", "[card]"),
        (json!({"card": 1111}), "InvalidParameterValue", "[card]"),
        (json!({"placed": "soon"}), "InvalidParameterValue", "[placed]"),
        (json!({"responseDetail": "all"}), "InvalidParameterValue", "[responseDetail]"),
        (json!({"buyer": {"nick": "N"}}), "UnrecognizedField", "[buyer.nick]"),
        (json!({"supplementaryData": "x".repeat(4_097)}), "InvalidParameterValue", "[supplementaryData]"),
    ];
    for (changes, reason_code, field) in cases {
        let answer = scene.start(&changes).await;
        assert_eq!((answer.status, answer.reason_code()), (400, reason_code), "{changes}");
        assert!(answer.message().contains(field), "{changes}: {}", answer.message());
    }
    let events = scene.control(Method::GET, "/_sandbox/events", "").await;
    assert_eq!(events.body, json!({"events": []}));
}

#[tokio::test]
async fn an_unprefixed_key_checks_out_in_the_sandbox_by_default() {
    let scene = Scene::new().await;
    for (environment, expected) in
        [(Value::Null, "Sandbox"), (json!("sandbox"), "Sandbox"), (json!("Live"), "Live")]
    {
        let started = scene.start(&json!({"publicKeyId": OTHER_MERCHANT, "environment": environment})).await;
        assert_eq!(started.body["releaseEnvironment"], expected, "{environment}");
    }
}

// Promise: A28
#[tokio::test]
async fn each_of_the_buyers_seven_acts_has_its_effect() {
    let address = json!({"name": "B", "addressLine1": "9 Elsewhere", "countryCode": "US"});
    for (act, event, state) in [
        (json!({"action": "placeOrder"}), "OrderPlaced", "Open"),
        (json!({"action": "cancel"}), "CheckoutSessionCanceled", "Canceled"),
        (json!({"action": "selectAddress", "shippingAddress": address}), "AddressSelected", "Open"),
        (
            json!({"action": "selectDeliveryOption", "deliveryOption": "express"}),
            "DeliveryOptionSelected",
            "Open",
        ),
        (json!({"action": "selectCard", "card": "3434"}), "CardSelected", "Open"),
        (json!({"action": "passMfa"}), "MfaPassed", "Open"),
        (json!({"action": "failMfa"}), "CheckoutSessionCanceled", "Canceled"),
    ] {
        let scene = Scene::new().await;
        let id = scene.checkout(&json!({})).await;
        let acted = scene.act(&id, &act).await;
        assert_eq!(acted.status, 200, "{act}: {}", acted.body);
        assert_eq!(acted.body["checkoutSessionId"], *id);
        assert_eq!(acted.body["statusDetails"]["state"], state, "{act}");
        assert_eq!(scene.event_types(&id).await, ["CheckoutSessionCreated", event], "{act}");
        if state == "Open" {
            let read = scene.get_checkout_session(&id).await;
            assert_eq!(read.body, acted.body, "{act}");
        }
        if let Some(chosen) = act.get("shippingAddress") {
            assert_eq!(acted.body["shippingAddress"]["addressLine1"], chosen["addressLine1"]);
        }
        if act.get("card").is_some() {
            let descriptor = &acted.body["paymentPreferences"][0]["paymentDescriptor"];
            assert_eq!(descriptor, "Visa ****3434 (Amazon Pay)");
        }
    }
}

#[tokio::test]
async fn the_buyer_can_still_cancel_after_placing_the_order() {
    let scene = Scene::new().await;
    let id = scene.checkout(&json!({"placed": true})).await;
    assert_eq!(scene.act(&id, &json!({"action": "cancel"})).await.status, 200);
    let finalized = scene.finalize(&id).await;
    assert_eq!((finalized.status, finalized.reason_code()), (422, "CheckoutSessionCanceled"));
    let again = scene.act(&id, &json!({"action": "cancel"})).await;
    assert_eq!((again.status, again.reason_code()), (422, "InvalidCheckoutSessionStatus"));
}

#[tokio::test]
async fn acts_that_are_not_possible_are_refused_by_name_and_change_nothing() {
    let scene = Scene::new().await;
    let id = scene.checkout(&json!({"placed": true})).await;
    let pay_only = scene.checkout(&json!({"productType": "PayOnly"})).await;
    let nobody = "00000000-0000-4000-8000-000000000000".to_owned();
    let address = json!({"city": "C"});
    let cases = [
        (&id, json!({"action": "fly"}), 400, "InvalidParameterValue", "[action]"),
        (&id, json!({"action": "selectAddress"}), 400, "MissingParameterValue", "[shippingAddress]"),
        (&id, json!({"action": "selectDeliveryOption"}), 400, "MissingParameterValue", "[deliveryOption]"),
        (&id, json!({"action": "selectCard"}), 400, "MissingParameterValue", "[card]"),
        (&id, json!({"action": "selectCard", "card": "1"}), 400, "InvalidParameterValue", "[card]"),
        (&id, json!({"action": "cancel", "card": "1111"}), 400, "InvalidParameterCombination", "[card]"),
        (
            &id,
            json!({"action": "selectCard", "card": "1111", "shippingAddress": address}),
            400,
            "InvalidParameterCombination",
            "[shippingAddress]",
        ),
        (&id, json!({"action": "passMfa", "mood": "good"}), 400, "UnrecognizedField", "[mood]"),
        (&id, json!({"action": "placeOrder"}), 422, "InvalidCheckoutSessionStatus", "placed"),
        (&id, json!({"action": "selectCard", "card": "0005"}), 422, "InvalidCheckoutSessionStatus", "placed"),
        (
            &pay_only,
            json!({"action": "selectAddress", "shippingAddress": address}),
            400,
            "InvalidParameterValue",
            "[action]",
        ),
        (&nobody, json!({"action": "placeOrder"}), 404, "ResourceNotFound", "Checkout Session"),
    ];
    let before =
        (scene.get_checkout_session(&id).await.body, scene.get_checkout_session(&pay_only).await.body);
    for (id, act, status, reason_code, named) in cases {
        let answer = scene.act(id, &act).await;
        assert_eq!((answer.status, answer.reason_code()), (status, reason_code), "{act}");
        assert!(answer.message().contains(named), "{act}: {}", answer.message());
    }
    let after =
        (scene.get_checkout_session(&id).await.body, scene.get_checkout_session(&pay_only).await.body);
    assert_eq!(before, after);
}

#[tokio::test]
async fn an_object_may_be_given_without_some_of_its_members() {
    let scene = Scene::new().await;
    let merged = merged(&json!({"a": {"b": 1, "c": 2}}), &json!({"a": {"c": 3}}));
    assert_eq!(merged, json!({"a": {"b": 1, "c": 3}}), "how the scene merges members");
    let started = scene.start(&json!({"buyer": {"name": "N"}})).await;
    assert_eq!(started.body["buyer"]["email"], Value::Null);
    assert!(started.body["buyer"]["buyerId"].is_string());
}
