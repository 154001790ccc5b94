//! Create, capture and cancel a Charge: outcomes, refusals one by one, boundary amounts, states.

use http::Method;
use serde_json::{Value, json};

use super::order::{Order, cancel, capture, price, usd};
use crate::world::{Call, LIVE_KEY_ID, World, merged};

fn pretty(json: &Value) -> String {
    serde_json::to_string_pretty(json).unwrap()
}

/// The amount of a capture or a charge in this currency: 14.00, or 1,400 yen.
fn whole(currency: &str) -> Value {
    if currency == "JPY" { price("1400", currency) } else { price("14.00", currency) }
}

#[tokio::test]
async fn charges_are_answered_with_every_member() {
    let world = World::new().await;
    let order = world.split_order().await;
    let created = world
        .call(&order.create_charge(json!({
            "softDescriptor": "Shop",
            "captureNow": true,
            "merchantMetadata": { "merchantReferenceId": "parcel-2", "noteToBuyer": "on its way" },
            "providerMetadata": { "providerReferenceId": "psp-7" },
            "platformId": "APLATFORM",
            "channel": "Web",
            "chargeInitiator": "CITU",
            "webCheckoutDetails": { "checkoutResultReturnUrl": "https://shop.example/result" },
        })))
        .await;
    assert_eq!(created.status, 201);
    insta::assert_snapshot!("a_created_charge", pretty(&created.json));
    assert_eq!(world.charge(created.text("chargeId")).await.text, created.text, "Get shows the same");

    let captured = world.call(&order.capture(usd("9.00"))).await;
    assert_eq!(captured.status, 200);
    assert_eq!(captured.json["captureAmount"], usd("9.00"));
    assert_eq!(world.charge(&order.charge_id).await.text, captured.text);

    let other = world.split_order().await;
    let canceled = world.call(&other.cancel()).await;
    assert_eq!(canceled.status, 200);
    insta::assert_snapshot!("a_canceled_charge", pretty(&canceled.json));
    assert_eq!(world.charge(&other.charge_id).await.text, canceled.text);
}

#[tokio::test]
async fn each_broken_rule_of_create_charge_is_answered_and_changes_nothing() {
    let long = "x".repeat(17);
    let cases = [
        (json!({ "chargePermissionId": null }), 400, "MissingParameterValue", "[chargePermissionId]"),
        (json!({ "chargePermissionId": "no id" }), 400, "InvalidParameterValue", "[chargePermissionId]"),
        (json!({ "chargePermissionId": "S01-0000000-0000000" }), 404, "ResourceNotFound", ""),
        (json!({ "chargeAmount": null }), 400, "MissingParameterValue", "[chargeAmount]"),
        (
            json!({ "chargeAmount": { "amount": "1.000" } }),
            400,
            "InvalidParameterValue",
            "chargeAmount.amount",
        ),
        (
            json!({ "chargeAmount": { "amount": "-1.00" } }),
            400,
            "InvalidParameterValue",
            "chargeAmount.amount",
        ),
        (json!({ "chargeAmount": { "amount": null } }), 400, "InvalidParameterValue", "chargeAmount"),
        (json!({ "chargeAmount": usd("0.00") }), 400, "InvalidParameterValue", "[chargeAmount]"),
        (json!({ "chargeAmount": price("1.00", "EUR") }), 400, "CurrencyMismatch", "[chargeAmount]"),
        (json!({ "chargeAmount": usd("86.01") }), 400, "TransactionAmountExceeded", "[chargeAmount]"),
        (json!({ "chargeAmount": usd("150000.01") }), 400, "TransactionAmountExceeded", "[chargeAmount]"),
        (json!({ "captureNow": "yes" }), 400, "InvalidParameterValue", "[captureNow]"),
        (
            json!({ "captureNow": true, "canHandlePendingAuthorization": true }),
            400,
            "InvalidParameterCombination",
            "[captureNow]",
        ),
        (json!({ "softDescriptor": "Shop" }), 400, "InvalidParameterCombination", "[softDescriptor]"),
        (
            json!({ "softDescriptor": long, "captureNow": true }),
            400,
            "InvalidParameterValue",
            "[softDescriptor]",
        ),
        (json!({ "channel": "Pigeon" }), 400, "InvalidParameterValue", "[channel]"),
        (json!({ "chargeInitiator": "ME" }), 400, "InvalidParameterValue", "[chargeInitiator]"),
        (
            json!({ "webCheckoutDetails": { "checkoutResultReturnUrl": "http://shop.example" } }),
            400,
            "InvalidParameterValue",
            "[webCheckoutDetails.checkoutResultReturnUrl]",
        ),
        (
            json!({ "merchantMetadata": { "noteToBuyer": "x".repeat(256) } }),
            400,
            "InvalidParameterValue",
            "noteToBuyer",
        ),
        (json!({ "chargeamount": 1 }), 400, "UnrecognizedField", "[chargeamount]"),
        (json!({ "providerMetadata": { "id": 1 } }), 400, "UnrecognizedField", "[providerMetadata.id]"),
    ];
    let world = World::new().await;
    let order = world.split_order().await;
    let before = world.everything(&order).await;
    for (over, status, reason_code, names) in cases {
        let call = order.create_charge(over.clone());
        let answer = world.call(&call).await;
        assert_eq!(answer.refusal(), (status, reason_code), "{over}: {}", answer.text);
        assert!(answer.message().contains(names), "{over}: {}", answer.text);
        assert_eq!(world.everything(&order).await, before, "{over}");
        // A refusal is not remembered: its key is free for a correct request.
        let right = Call { body: json!({ "chargePermissionId": "S01-0000000-0000000" }).to_string(), ..call };
        assert_eq!(world.call(&right).await.refusal(), (404, "ResourceNotFound"), "{over}");
    }
    let keyless = Call { headers: Vec::new(), ..order.create_charge(json!({})) };
    let answer = world.call(&keyless).await;
    assert_eq!(answer.refusal(), (400, "MissingHeader"));
    assert!(answer.message().contains("x-amz-pay-idempotency-key"));
    assert_eq!(world.everything(&order).await, before);
    let all_that_is_left =
        world.succeeds(&order.create_charge(json!({ "chargeAmount": usd("86.00") }))).await;
    assert_eq!((all_that_is_left.status, all_that_is_left.state()), (201, "Authorized"));
    let standing = world.standing(&order).await;
    assert_eq!(standing, ("NonChargeable".into(), "ChargeInProgress".into(), "0.00".into()));
}

#[tokio::test]
async fn the_first_of_two_broken_rules_of_create_charge_is_answered() {
    let world = World::new().await;
    let order = world.split_order().await;
    // The refusals in the order of the checks. Each case breaks one rule, and is also what is
    // answered if a later rule is broken too.
    let rules = [
        (json!({ "surprise": 1 }), "UnrecognizedField"),
        (json!({ "captureNow": true, "canHandlePendingAuthorization": true }), "InvalidParameterCombination"),
        (json!({ "chargeAmount": { "currencyCode": "EUR" } }), "CurrencyMismatch"),
        (json!({ "chargeAmount": { "amount": "150000.01" } }), "TransactionAmountExceeded"),
    ];
    for (position, (first, reason_code)) in rules.iter().enumerate() {
        for (second, _) in &rules[position..] {
            let body = merged(second.clone(), first.clone());
            let answer = world.call(&order.create_charge(body.clone())).await;
            assert_eq!(answer.refusal(), (400, *reason_code), "{body}");
        }
    }
    world.succeeds(&order.close(json!({}))).await;
    let closed = (422, "InvalidChargePermissionStatus");
    for (over, _) in &rules[1..] {
        assert_eq!(world.call(&order.create_charge(over.clone())).await.refusal(), closed, "{over}");
    }
}

// Promise: B15
#[tokio::test]
async fn a_permission_has_at_most_25_charges_and_declined_ones_do_not_count() {
    let world = World::new().await;
    let order = world.split_order().await;
    let small = |amount: &str| order.create_charge(json!({ "chargeAmount": usd(amount) }));
    // Finalize made the first charge.
    for number in 2..=25 {
        let declined = world.call(&small("1.00").simulating("SoftDeclined")).await;
        assert_eq!(declined.refusal(), (422, "SoftDeclined"), "before charge {number}");
        let charge = world.succeeds(&small("1.00")).await;
        world.succeeds(&cancel(charge.text("chargeId"))).await;
    }
    let before = world.everything(&order).await;
    let refused = world.call(&small("1.00")).await;
    assert_eq!(refused.refusal(), (422, "TransactionCountExceeded"));
    assert_eq!(world.everything(&order).await, before);
}

// Promise: A16
#[tokio::test]
async fn a_simulated_decline_is_answered_and_kept_and_affects_the_permission() {
    for (code, standing, events) in [
        ("SoftDeclined", ("Chargeable", "none", "86.00"), &["ChargeRefused"][..]),
        ("TransactionTimedOut", ("Chargeable", "none", "86.00"), &["ChargeRefused"]),
        (
            "HardDeclined",
            ("NonChargeable", "PaymentMethodInvalid", "86.00"),
            &["ChargeRefused", "ChargePermissionNonChargeable"],
        ),
        (
            "AmazonRejected",
            ("Closed", "AmazonCanceled", "86.00"),
            &["ChargeRefused", "ChargePermissionClosed"],
        ),
    ] {
        let world = World::new().await;
        let order = world.split_order().await;
        let known = world.events(&order.session_id).await.len();
        let call = order.create_charge(json!({})).simulating(code);
        let answer = world.call(&call).await;
        assert_eq!(answer.refusal(), (422, code));
        let (state, reason, left) = world.standing(&order).await;
        assert_eq!((&*state, &*reason, &*left), standing, "{code}");
        assert_eq!(world.events(&order.session_id).await[known..], *events, "{code}");
        assert_eq!(world.call(&call).await, answer, "a decline is kept for its key");
        let next = world.call(&order.create_charge(json!({}))).await;
        if state == "Chargeable" {
            assert_eq!(next.status, 201, "{code}");
        } else {
            assert_eq!(next.refusal(), (422, "InvalidChargePermissionStatus"), "{code}");
            let names = if state == "Closed" { "Closed" } else { "PaymentMethodInvalid" };
            assert!(next.message().contains(names), "{code}: {}", next.text);
        }
    }
}

// Promise: A16
#[tokio::test]
async fn what_a_simulation_leaves_pending_is_decided_by_the_clock() {
    let now = json!({ "captureNow": true });
    let may_pend = json!({ "canHandlePendingAuthorization": true });
    for (code, over, begins, ends, reason) in [
        ("CaptureInitiated", &now, "CaptureInitiated", "Captured", None),
        ("PendingAuthorized", &may_pend, "AuthorizationInitiated", "Authorized", None),
        ("PendingDeclined", &may_pend, "AuthorizationInitiated", "Declined", Some("HardDeclined")),
    ] {
        let world = World::new().await;
        let order = world.split_order().await;
        let created = world.succeeds(&order.create_charge(over.clone()).simulating(code)).await;
        assert_eq!((created.status, created.state()), (201, begins));
        assert_eq!(world.standing(&order).await.2, "76.00", "{code}: it holds its amount");
        world.advance("PT29S").await;
        assert_eq!(world.charge(created.text("chargeId")).await.state(), begins, "{code}");
        world.advance("PT1S").await;
        let decided = world.charge(created.text("chargeId")).await;
        assert_eq!((decided.state(), decided.json["statusDetails"]["reasonCode"].as_str()), (ends, reason));
        let (state, _, left) = world.standing(&order).await;
        let declined = ("NonChargeable", "86.00");
        let expected = if ends == "Declined" { declined } else { ("Chargeable", "76.00") };
        assert_eq!((&*state, &*left), expected, "{code}");
        // Without its prerequisites, the code is refused.
        let refused =
            world.call(&order.create_charge(json!({})).simulating(code)).await.refusal().1.to_owned();
        let expected = if ends == "Declined" {
            "InvalidChargePermissionStatus"
        } else {
            "InvalidSandboxSimulationSpecified"
        };
        assert_eq!(refused, expected, "{code}");
    }
}

// Promise: A16
#[tokio::test]
async fn a_code_that_a_call_does_not_know_is_refused_in_the_sandbox_and_ignored_live() {
    let world = World::new().await;
    let order = world.split_order().await;
    let captured = world.captured_order(usd("10.00")).await;
    let before = (world.everything(&order).await, world.everything(&captured).await);
    for code in ["Declined", "hardDeclined", ""] {
        for call in [
            order.create_charge(json!({})),
            order.capture(usd("1.00")),
            order.cancel(),
            order.update(json!({})),
            order.close(json!({})),
            captured.refund(usd("1.00")),
        ] {
            let answer = world.call(&call.clone().simulating(code)).await;
            let refusal = (400, "InvalidSandboxSimulationSpecified");
            assert_eq!(answer.refusal(), refusal, "{} {} {code}", call.method, call.path);
        }
    }
    assert_eq!((world.everything(&order).await, world.everything(&captured).await), before);
    let session = world.placed(json!({ "publicKeyId": LIVE_KEY_ID })).await;
    let finalize = Call::finalize(crate::world::id(&session), crate::world::right_body(&session));
    let live = world.succeeds(&finalize.key(LIVE_KEY_ID)).await;
    let call = capture(live.text("chargeId"), usd("14.00")).key(LIVE_KEY_ID).simulating("Declined");
    assert_eq!(world.succeeds(&call).await.state(), "Captured");
}

// Promise: A15
#[tokio::test]
async fn amounts_are_captured_up_to_what_is_authorized_or_overcharge_allows() {
    // The currency, the authorized amount, whether overcharges are allowed, the captured amount,
    // and the amount that is left.
    for (currency, authorized, over, amount, left) in [
        ("USD", "14.00", false, "14.00", Some("0.00")),
        ("USD", "14.00", false, "0.01", Some("13.99")),
        ("USD", "14.00", false, "14.01", None),
        ("USD", "14.00", true, "16.10", Some("0.00")),
        ("USD", "14.00", true, "16.11", None),
        ("USD", "500.00", true, "575.00", Some("0.00")),
        ("USD", "500.00", true, "575.01", None),
        ("USD", "1000.00", true, "1075.00", Some("0.00")),
        ("USD", "1000.00", true, "1075.01", None),
        ("USD", "150000.00", true, "150000.01", None),
        ("EUR", "1000.00", true, "1075.00", Some("0.00")),
        ("GBP", "1000.00", true, "1075.01", None),
        ("JPY", "1000", true, "1150", Some("0")),
        ("JPY", "1000", true, "1151", None),
        ("JPY", "100000", true, "108400", Some("0")),
        ("JPY", "100000", true, "108401", None),
        ("JPY", "500", false, "501", None),
    ] {
        let row = format!("{amount} of {authorized} {currency}, over {over}");
        let world = World::new().await;
        let details = json!({ "chargeAmount": price(authorized, currency), "allowOvercharge": over });
        let order = world.ordered(json!({ "paymentDetails": details })).await;
        let answer = world.call(&order.capture(price(amount, currency))).await;
        match left {
            Some(left) => {
                assert_eq!((answer.status, answer.state()), (200, "Captured"), "{row}: {}", answer.text);
                assert_eq!(answer.json["captureAmount"], price(amount, currency), "{row}");
                assert_eq!(world.standing(&order).await.2, left, "{row}");
            }
            None => {
                assert_eq!(answer.refusal(), (400, "TransactionAmountExceeded"), "{row}");
                assert!(answer.message().contains("[captureAmount]"), "{row}");
                assert_eq!(world.charge(&order.charge_id).await.state(), "Authorized", "{row}");
            }
        }
    }
}

#[tokio::test]
async fn an_orders_charges_are_overcharged_together_no_more_than_the_order_may_be() {
    let world = World::new().await;
    let details = json!({
        "chargeAmount": usd("550.00"), "totalOrderAmount": usd("1100.00"), "allowOvercharge": true,
    });
    let order = world.ordered(json!({ "paymentDetails": details })).await;
    let second = world.succeeds(&order.create_charge(json!({ "chargeAmount": usd("550.00") }))).await;
    // This capture is pending, so that no money has moved yet.
    world.succeeds(&order.capture(usd("600.00")).simulating("CapturePending")).await;
    let answer = world.call(&capture(second.text("chargeId"), usd("575.01"))).await;
    assert_eq!(answer.refusal(), (400, "TransactionAmountExceeded"), "{}", answer.text);
    assert!(answer.message().contains("the order may be overcharged"), "{}", answer.text);
    world.succeeds(&capture(second.text("chargeId"), usd("575.00"))).await;
    world.advance("PT1H").await;
    assert_eq!(world.ledger(&order).await["balances"]["overcharge"], "75.00");
}

#[tokio::test]
async fn each_broken_rule_of_capture_and_cancel_is_answered_and_changes_nothing() {
    let world = World::new().await;
    let order = world.split_order().await;
    let before = world.everything(&order).await;
    let with = |body: Value| Call { body: body.to_string(), ..order.capture(Value::Null) };
    for (call, status, reason_code, names) in [
        (with(json!({})), 400, "MissingParameterValue", "[captureAmount]"),
        (order.capture(Value::Null), 400, "MissingParameterValue", "[captureAmount]"),
        (order.capture(usd("0.00")), 400, "InvalidParameterValue", "[captureAmount]"),
        (order.capture(usd("-1.00")), 400, "InvalidParameterValue", "captureAmount"),
        (order.capture(price("14.00", "EUR")), 400, "CurrencyMismatch", "[captureAmount]"),
        (order.capture(usd("150000.01")), 400, "TransactionAmountExceeded", "[captureAmount]"),
        (with(json!({ "captureAmount": usd("1.00"), "x": 1 })), 400, "UnrecognizedField", "[x]"),
        (
            with(json!({ "captureAmount": usd("1.00"), "softDescriptor": "x".repeat(17) })),
            400,
            "InvalidParameterValue",
            "[softDescriptor]",
        ),
        (with(json!([])), 400, "InvalidRequestFormat", ""),
        (Call { headers: Vec::new(), ..order.capture(usd("1.00")) }, 400, "MissingHeader", "idempotency"),
        (
            Call { body: json!({ "cancellationReason": "x".repeat(256) }).to_string(), ..order.cancel() },
            400,
            "InvalidParameterValue",
            "[cancellationReason]",
        ),
        (Call { body: "{\"why\":1}".to_owned(), ..order.cancel() }, 400, "UnrecognizedField", "[why]"),
        (Call { body: "nonsense".to_owned(), ..order.cancel() }, 400, "InvalidRequestFormat", ""),
    ] {
        let answer = world.call(&call).await;
        assert_eq!(answer.refusal(), (status, reason_code), "{}: {}", call.body, answer.text);
        assert!(answer.message().contains(names), "{}: {}", call.body, answer.text);
    }
    assert_eq!(world.everything(&order).await, before);
    let right = with(json!({ "captureAmount": usd("14.00"), "softDescriptor": "Shop 2" }));
    assert_eq!(world.succeeds(&right).await.json["softDescriptor"], "Shop 2");
}

/// A charge in this state.
async fn charge_in(world: &World, state: &str) -> Order {
    let pending = json!({ "paymentDetails": { "canHandlePendingAuthorization": true }, "card": "0701" });
    match state {
        "AuthorizationInitiated" => world.ordered(pending).await,
        "Declined" => {
            let order = world.ordered(merged(pending, json!({ "card": "4354" }))).await;
            world.advance("PT30S").await;
            order
        }
        "Captured" => world.captured_order(usd("14.00")).await,
        _ => {
            let order = world.ordered(json!({})).await;
            match state {
                "Canceled" => drop(world.succeeds(&order.cancel()).await),
                "CaptureInitiated" => {
                    drop(world.succeeds(&order.capture(usd("14.00")).simulating("CapturePending")).await);
                }
                _ => assert_eq!(state, "Authorized"),
            }
            order
        }
    }
}

#[tokio::test]
async fn each_call_is_for_the_states_that_amazon_lists() {
    for (state, may_capture, may_cancel, may_refund) in [
        ("AuthorizationInitiated", false, true, false),
        ("Authorized", true, true, false),
        ("CaptureInitiated", false, false, false),
        ("Captured", false, false, true),
        ("Canceled", false, false, false),
        ("Declined", false, false, false),
    ] {
        for (what, allowed) in [("capture", may_capture), ("cancel", may_cancel), ("refund", may_refund)] {
            let world = World::new().await;
            let order = charge_in(&world, state).await;
            assert_eq!(world.charge(&order.charge_id).await.state(), state);
            let call = match what {
                "capture" => order.capture(usd("14.00")),
                "cancel" => order.cancel(),
                _ => order.refund(usd("14.00")),
            };
            let before = world.everything(&order).await;
            let answer = world.call(&call).await;
            if allowed {
                assert!(answer.status < 300, "{what} of {state}: {}", answer.text);
            } else {
                assert_eq!(answer.refusal(), (422, "InvalidChargeStatus"), "{what} of {state}");
                assert_eq!(world.everything(&order).await, before, "{what} of {state}");
            }
        }
    }
}

#[tokio::test]
async fn a_partial_capture_releases_the_rest_and_a_cancel_all_of_it() {
    let world = World::new().await;
    let order = world.split_order().await;
    world.succeeds(&order.capture(usd("4.00"))).await;
    assert_eq!(world.standing(&order).await.2, "96.00");
    let second = world.succeeds(&order.create_charge(json!({ "chargeAmount": usd("96.00") }))).await;
    assert_eq!(world.standing(&order).await.0, "NonChargeable");
    let canceled = world.succeeds(&cancel(second.text("chargeId"))).await;
    assert_eq!(canceled.json["statusDetails"]["reasonCode"], "MerchantCanceled");
    assert_eq!(world.standing(&order).await, ("Chargeable".into(), "none".into(), "96.00".into()));
    let last = json!({ "chargeAmount": usd("96.00"), "captureNow": true });
    assert_eq!(world.succeeds(&order.create_charge(last)).await.state(), "Captured");
    assert_eq!(world.standing(&order).await, ("Closed".into(), "AmazonClosed".into(), "0.00".into()));
}

#[tokio::test]
async fn a_capture_by_a_code_is_decided_by_the_clock() {
    for (code, ends, left) in [
        ("CaptureInitiated", "Captured", "0.00"),
        ("CapturePending", "Captured", "0.00"),
        ("CaptureDeclined", "Declined", "14.00"),
    ] {
        let world = World::new().await;
        let order = world.ordered(json!({})).await;
        let begun = world.succeeds(&order.capture(usd("14.00")).simulating(code)).await;
        assert_eq!((begun.status, begun.state()), (200, "CaptureInitiated"));
        assert!(begun.json["captureAmount"].is_null(), "nothing is captured yet");
        world.advance("PT30S").await;
        assert_eq!(world.charge(&order.charge_id).await.state(), ends, "{code}");
        assert_eq!(world.standing(&order).await.2, left, "{code}");
    }
}

#[tokio::test]
async fn a_cancel_needs_no_body() {
    let world = World::new().await;
    for body in ["", "{}", "{\"cancellationReason\":null}"] {
        let order = world.ordered(json!({})).await;
        let answer = world.call(&Call { body: body.to_owned(), ..order.cancel() }).await;
        assert_eq!((answer.status, answer.state()), (200, "Canceled"), "{body}");
    }
}

#[tokio::test]
async fn a_merchants_own_charge_cannot_be_updated() {
    let world = World::new().await;
    let order = world.split_order().await;
    let before = world.everything(&order).await;
    let path = format!("/v2/charges/{}", order.charge_id);
    let right = json!({ "statusDetails": { "state": "Canceled", "reasonCode": "ExpiredUnused" } });
    for (path, body, refusal) in [
        (&*path, right.clone(), (405, "UnsupportedOperation")),
        (&path, json!({ "state": "Canceled" }), (400, "UnrecognizedField")),
        (&path, json!({ "statusDetails": { "state": "Lost" } }), (400, "InvalidParameterValue")),
        ("/v2/charges/S01-0000000-0000000-C000000", right.clone(), (404, "ResourceNotFound")),
        ("/v2/charges/no%20id", right.clone(), (404, "ResourceNotFound")),
    ] {
        let answer = world.call(&Call::patch(path, &body)).await;
        assert_eq!(answer.refusal(), refusal, "{path} {body}");
    }
    assert_eq!(world.everything(&order).await, before);
}

// Promise: A15
#[tokio::test]
async fn each_currency_has_its_decimals_and_its_maximum() {
    for (currency, allowed, refused) in [
        ("USD", "150000.00", "150000.01"),
        ("EUR", "150000.00", "150000.01"),
        ("GBP", "150000.00", "150000.01"),
        ("JPY", "10000000", "10000001"),
    ] {
        let world = World::new().await;
        let total = if currency == "JPY" { "10000000" } else { "150000.00" };
        let details = json!({ "paymentIntent": "Confirm", "chargeAmount": price(total, currency) });
        let order = world.ordered(json!({ "paymentDetails": details })).await;
        let charge = |amount: &str| order.create_charge(json!({ "chargeAmount": price(amount, currency) }));
        let answer = world.call(&charge(refused)).await;
        assert_eq!(answer.refusal(), (400, "TransactionAmountExceeded"), "{currency}");
        let digits = if currency == "JPY" { "1400.0" } else { "14.000" };
        assert_eq!(world.call(&charge(digits)).await.refusal(), (400, "InvalidParameterValue"), "{currency}");
        let other = if currency == "USD" { "EUR" } else { "USD" };
        let mismatch = order.create_charge(json!({ "chargeAmount": whole(other) }));
        assert_eq!(world.call(&mismatch).await.refusal(), (400, "CurrencyMismatch"), "{currency}");
        assert_eq!(world.call(&charge(allowed)).await.status, 201, "{currency}");
    }
}

#[tokio::test]
async fn numbers_and_texts_are_accepted_as_real_clients_send_them() {
    for (flag, number, boolean) in [("every", 201, 201), ("documented", 400, 400)] {
        let world = World::with(|settings| settings.flags.choose("spellings", flag).unwrap()).await;
        let order = world.split_order().await;
        let amount = json!({ "chargeAmount": { "amount": 10.5 } });
        assert_eq!(world.call(&order.create_charge(amount)).await.status, number, "{flag}");
        let pending = json!({ "canHandlePendingAuthorization": "false", "captureNow": "true" });
        assert_eq!(world.call(&order.create_charge(pending)).await.status, boolean, "{flag}");
    }
}

#[tokio::test]
async fn a_charge_on_a_card_that_pends_is_pending_only_if_that_is_allowed() {
    let world = World::new().await;
    let details = json!({ "totalOrderAmount": usd("100.00"), "canHandlePendingAuthorization": true });
    let order = world.ordered(json!({ "paymentDetails": details, "card": "0701" })).await;
    let charge = |may_pend: bool| {
        let over = json!({ "chargeAmount": usd("5.00"), "canHandlePendingAuthorization": may_pend });
        order.create_charge(over)
    };
    assert_eq!(world.succeeds(&charge(false)).await.state(), "Authorized");
    let pending = world.succeeds(&charge(true)).await;
    assert_eq!(pending.state(), "AuthorizationInitiated");
    let events = world.control(Method::GET, "events", "").await;
    let told = events.json["events"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(told["type"], "ChargeAuthorizationInitiated");
    assert_eq!((&told["chargeId"], &told["amount"]), (&pending.json["chargeId"], &usd("5.00")));
}
