//! The shop's operations on a paid order: each call, its rules, repeated calls and concurrent calls.

use std::time::Duration;

use countersign_merchant::settings::{Policy, RefundCeiling};
use futures_util::future::join_all;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{ENGINES, HttpAnswer, SESSION, World, order, usd};

const PERMISSION: &str = "S01-5105180-0000001";
const CHARGE: &str = "S01-5105180-0000001-C000001";
const MINUTE: Duration = Duration::from_secs(60);

/// The body of the last call of an operation that Amazon received.
fn sent(world: &World, operation: &str) -> Value {
    let arrived = world.amazon.arrived(operation);
    serde_json::from_slice(&arrived.last().unwrap().body).unwrap()
}

fn states(world: &World, checkout_id: &str) -> Vec<(String, String)> {
    let shown = world.checkout(checkout_id);
    let operations = shown["payment"]["operations"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    operations.map(|it| (text(&it["call"]), text(&it["state"]))).collect()
}

// Promise: B15
#[test]
fn each_call_does_at_amazon_what_its_answer_says() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = world.completed("Authorize");
        let answer = world.ask(&id, "captures", &json!({ "reference": "parcel 1" }));
        let expected = json!({ "reference": "parcel 1", "chargeId": CHARGE, "state": "Captured",
            "captureAmount": usd("40.00") });
        assert_eq!((answer.status, answer.json()), (200, expected));
        assert_eq!(sent(&world, "captureCharge"), json!({ "captureAmount": usd("40.00") }));

        let body = json!({ "reference": "parcel 2", "chargeAmount": usd("35.00") });
        let answer = world.ask(&id, "charges", &body);
        let second = format!("{PERMISSION}-C000002");
        let expected = json!({ "reference": "parcel 2", "chargeId": second, "state": "Authorized",
            "chargeAmount": usd("35.00") });
        assert_eq!((answer.status, answer.json()), (201, expected));
        let expected = json!({ "chargePermissionId": PERMISSION, "chargeAmount": usd("35.00") });
        assert_eq!(sent(&world, "createCharge"), expected);

        let body = json!({ "reference": "part", "chargeId": second, "captureAmount": usd("20.00") });
        let answer = world.ask(&id, "captures", &body);
        assert_eq!((answer.status, &answer.json()["captureAmount"]), (200, &usd("20.00")));

        let body = json!({ "reference": "now", "chargeAmount": usd("25.00"), "captureNow": true });
        let answer = world.ask(&id, "charges", &body);
        assert_eq!((answer.status, answer.json()["state"].as_str()), (201, Some("Captured")));
        assert_eq!(sent(&world, "createCharge")["captureNow"], true);

        let body = json!({ "reference": "back", "chargeId": second, "refundAmount": usd("5.50") });
        let answer = world.ask(&id, "refunds", &body);
        let refund = format!("{PERMISSION}-R000004");
        let expected = json!({ "reference": "back", "chargeId": second, "refundId": refund,
            "state": "RefundInitiated", "refundAmount": usd("5.50") });
        assert_eq!((answer.status, answer.json()), (202, expected));
        let expected = json!({ "chargeId": second, "refundAmount": usd("5.50") });
        assert_eq!(sent(&world, "createRefund"), expected);

        let answer = world.ask(&id, "close", &json!({ "reference": "end", "reason": "all sent" }));
        let expected = json!({ "reference": "end", "chargePermissionId": PERMISSION, "state": "Closed" });
        assert_eq!((answer.status, answer.json()), (200, expected));
        assert_eq!(sent(&world, "close"), json!({ "closureReason": "all sent" }));

        assert_eq!(world.amazon.money(), "held 0, captured 8500, refunded 550");
        world.amazon.decide_refund(&refund, "Refunded");
        world.let_pass(MINUTE);
        let shown = world.checkout(&id);
        assert_eq!(shown["payment"]["charges"][1]["refunds"][0]["state"], "Refunded");
        insta::assert_snapshot!(
            "a_payment_shows_its_charges_operations_and_balances",
            serde_json::to_string_pretty(&shown["payment"]).unwrap()
        );
        assert_eq!(world.fulfilment(&id), (true, "Captured".to_owned()));
    }
}

// Promise: B16
#[test]
fn a_request_that_is_not_valid_is_refused_naming_the_field() {
    let world = World::in_memory();
    let id = world.completed("Authorize");
    let long = |length: usize| json!("x".repeat(length));
    let price = |amount: &str| json!({ "amount": amount, "currencyCode": "USD" });
    let charge = |member: &str, value: Value| {
        let mut body = json!({ "reference": "r", "chargeAmount": usd("1.00") });
        body[member] = value;
        ("charges", body)
    };
    let with = |call: &'static str, member: &str, value: Value| {
        let mut body = json!({ "reference": "r" });
        body[member] = value;
        (call, body)
    };
    let mut cases: Vec<((&str, Value), &str, Option<&str>)> = vec![
        (("charges", json!({ "chargeAmount": usd("1.00") })), "MissingValue", Some("reference")),
        (("charges", json!({ "reference": "r" })), "MissingValue", Some("chargeAmount")),
        (charge("chargeAmount", json!("1.00")), "InvalidValue", Some("chargeAmount")),
        (charge("chargeAmount", price("-1.00")), "InvalidValue", Some("chargeAmount.amount")),
        (charge("chargeAmount", price("1.000")), "InvalidValue", Some("chargeAmount.amount")),
        (charge("chargeAmount", price("0.00")), "InvalidValue", Some("chargeAmount")),
        (charge("chargeAmount", price("150000.01")), "InvalidValue", Some("chargeAmount")),
        (
            charge("chargeAmount", json!({ "amount": "1.00", "currencyCode": "EUR" })),
            "InvalidValue",
            Some("chargeAmount"),
        ),
        (
            charge("chargeAmount", json!({ "amount": "1.00", "currencyCode": "XYZ" })),
            "InvalidValue",
            Some("chargeAmount.currencyCode"),
        ),
        (charge("captureNow", json!("yes")), "InvalidValue", Some("captureNow")),
        (
            charge("canHandlePendingAuthorization", json!(1)),
            "InvalidValue",
            Some("canHandlePendingAuthorization"),
        ),
        (
            (
                "charges",
                json!({ "reference": "r", "chargeAmount": usd("1.00"), "captureNow": true,
                "canHandlePendingAuthorization": true }),
            ),
            "InvalidCombination",
            Some("canHandlePendingAuthorization"),
        ),
    ];
    for (call, amount) in [("captures", "captureAmount"), ("refunds", "refundAmount")] {
        for (value, code, field) in [
            (price("-60.00"), "InvalidValue", format!("{amount}.amount")),
            (price("0.00"), "InvalidValue", amount.to_owned()),
            (json!({ "amount": "1.00", "currencyCode": "EUR" }), "InvalidValue", amount.to_owned()),
            (price("150000.01"), "InvalidValue", amount.to_owned()),
        ] {
            cases.push((with(call, amount, value), code, Some(Box::leak(field.into_boxed_str()))));
        }
        cases.push((with(call, "chargeId", json!("/x")), "InvalidValue", Some("chargeId")));
        let elsewhere = json!(format!("{PERMISSION}-C000099"));
        cases.push((with(call, "chargeId", elsewhere), "NoSuchCharge", Some("chargeId")));
    }
    for call in ["captures", "refunds", "close", "cancel", "charges"] {
        cases.push((with(call, "reference", Value::Null), "MissingValue", Some("reference")));
        cases.push((with(call, "reference", json!(1)), "InvalidValue", Some("reference")));
        cases.push((with(call, "reference", long(129)), "InvalidValue", Some("reference")));
        cases.push((with(call, "extra", json!(1)), "UnrecognizedField", Some("extra")));
        for text in ["", "a\nb", "\u{0}"] {
            let mut body = json!({ "reference": text });
            if call == "charges" {
                body["chargeAmount"] = usd("1.00");
            }
            cases.push(((call, body), "InvalidValue", Some("reference")));
        }
        assert_eq!(world.call("POST", &format!("/v1/checkouts/{id}/{call}"), "[]").refusal().0, 400);
        assert_eq!(world.call("GET", &format!("/v1/checkouts/{id}/{call}"), "").refusal().0, 405);
    }
    let charge_of_nobody = json!({ "reference": "r", "chargeAmount": usd("1.00") });
    for (call, body) in [
        ("charges", charge_of_nobody),
        ("captures", json!({ "reference": "r" })),
        ("refunds", json!({ "reference": "r" })),
        ("close", json!({ "reference": "r" })),
        ("cancel", json!({ "reference": "r" })),
    ] {
        let nowhere = world.ask("c0", call, &body).refusal();
        assert_eq!(nowhere, (404, "NoSuchCheckout".to_owned(), None), "{call}");
    }
    for call in ["cancel", "close"] {
        cases.push((with(call, "reason", long(256)), "InvalidValue", Some("reason")));
        cases.push((with(call, "reason", json!(1)), "InvalidValue", Some("reason")));
        cases.push((with(call, "reason", json!("a\tb")), "InvalidValue", Some("reason")));
        cases.push((with(call, "reason", json!("")), "InvalidValue", Some("reason")));
    }
    let before = world.checkout(&id);
    for ((call, body), code, field) in cases {
        let answer = world.ask(&id, call, &body);
        let expected = (400, code.to_owned(), field.map(str::to_owned));
        assert_eq!(answer.refusal(), expected, "{call} {body}");
    }
    assert_eq!(world.checkout(&id), before, "nothing has changed");
    for operation in ["createCharge", "captureCharge", "createRefund", "cancelCharge", "close"] {
        assert!(world.amazon.arrived(operation).is_empty(), "{operation}");
    }
}

#[test]
fn what_a_rule_forbids_is_refused_and_sends_nothing() {
    type Prepare = fn(&World, &str);
    let nothing: Prepare = |_, _| ();
    let captured: Prepare = |world, id| {
        assert_eq!(world.ask(id, "captures", &json!({ "reference": "c" })).status, 200);
    };
    let two_open: Prepare = |world, id| {
        let body = json!({ "reference": "2", "chargeAmount": usd("10.00") });
        assert_eq!(world.ask(id, "charges", &body).status, 201);
    };
    let refunded: Prepare = |world, id| {
        world.ask(id, "captures", &json!({ "reference": "c" }));
        let body = json!({ "reference": "r1", "refundAmount": usd("30.00") });
        assert_eq!(world.ask(id, "refunds", &body).status, 202);
    };
    let closed: Prepare = |world, id| {
        assert_eq!(world.ask(id, "close", &json!({ "reference": "end" })).status, 200);
    };
    let canceled: Prepare = |world, id| {
        assert_eq!(world.ask(id, "cancel", &json!({ "reference": "stop" })).status, 200);
    };
    let ten_refunds: Prepare = |world, id| {
        world.ask(id, "captures", &json!({ "reference": "c" }));
        for number in 0..10 {
            let body = json!({ "reference": format!("r{number}"), "refundAmount": usd("1.00") });
            assert_eq!(world.ask(id, "refunds", &body).status, 202);
        }
    };
    let many_charges: Prepare = |world, id| {
        for number in 1..25 {
            let body = json!({ "reference": format!("{number}"), "chargeAmount": usd("1.00") });
            assert_eq!(world.ask(id, "charges", &body).status, 201);
        }
    };
    let r = |member: &str, amount: &str| json!({ "reference": "r", member: usd(amount) });
    let plain = || json!({ "reference": "r" });
    let first = |mut body: Value| {
        body["chargeId"] = json!(CHARGE);
        body
    };
    type Row = (&'static str, Prepare, &'static str, Value, &'static str, Option<&'static str>);
    let cases: Vec<Row> = vec![
        ("Authorize", nothing, "charges", r("chargeAmount", "60.01"), "ExceedsLimit", Some("chargeAmount")),
        (
            "Authorize",
            nothing,
            "captures",
            r("captureAmount", "40.01"),
            "ExceedsCharge",
            Some("captureAmount"),
        ),
        ("Authorize", nothing, "refunds", plain(), "NotCaptured", Some("chargeId")),
        ("Authorize", nothing, "refunds", first(plain()), "NotCaptured", Some("chargeId")),
        ("Authorize", two_open, "captures", plain(), "ChargeNotNamed", Some("chargeId")),
        ("Authorize", captured, "captures", first(plain()), "NotAuthorized", Some("chargeId")),
        ("Authorize", captured, "captures", plain(), "NotAuthorized", Some("chargeId")),
        (
            "Authorize",
            captured,
            "refunds",
            r("refundAmount", "40.01"),
            "ExceedsRefundable",
            Some("refundAmount"),
        ),
        (
            "Authorize",
            refunded,
            "refunds",
            r("refundAmount", "10.01"),
            "ExceedsRefundable",
            Some("refundAmount"),
        ),
        ("Authorize", ten_refunds, "refunds", r("refundAmount", "1.00"), "TooManyRefunds", Some("chargeId")),
        ("Authorize", many_charges, "charges", r("chargeAmount", "1.00"), "TooManyCharges", None),
        ("Authorize", closed, "charges", r("chargeAmount", "1.00"), "ChargePermissionClosed", None),
        ("Authorize", closed, "close", plain(), "ChargePermissionClosed", None),
        ("Authorize", canceled, "charges", r("chargeAmount", "1.00"), "OrderCanceled", None),
        ("Authorize", canceled, "captures", plain(), "OrderCanceled", None),
        ("Authorize", canceled, "refunds", plain(), "OrderCanceled", None),
        ("Authorize", canceled, "close", plain(), "OrderCanceled", None),
        ("Authorize", canceled, "cancel", plain(), "OrderCanceled", None),
        ("Confirm", nothing, "captures", plain(), "NotAuthorized", Some("chargeId")),
        ("Confirm", nothing, "refunds", plain(), "NotCaptured", Some("chargeId")),
        ("Confirm", nothing, "charges", r("chargeAmount", "100.01"), "ExceedsLimit", Some("chargeAmount")),
    ];
    for (intent, prepare, call, body, code, field) in cases {
        let world = World::in_memory();
        let id = world.completed(intent);
        prepare(&world, &id);
        let money = world.amazon.money();
        let before = world.checkout(&id);
        let answer = world.ask(&id, call, &body);
        let expected = (409, code.to_owned(), field.map(str::to_owned));
        assert_eq!(answer.refusal(), expected, "{intent} {call} {body}");
        assert_eq!(world.amazon.money(), money, "{call} {body}");
        assert_eq!(world.checkout(&id), before, "{call} {body}");
    }
}

#[test]
fn nothing_is_charged_captured_refunded_or_closed_before_a_success() {
    let world = World::in_memory();
    let id = world.placed(&super::world::order());
    let bodies = [
        ("charges", json!({ "reference": "r", "chargeAmount": usd("1.00") })),
        ("captures", json!({ "reference": "r" })),
        ("refunds", json!({ "reference": "r" })),
        ("close", json!({ "reference": "r" })),
    ];
    for (call, body) in bodies {
        assert_eq!(world.ask(&id, call, &body).refusal(), (409, "NotCompleted".to_owned(), None), "{call}");
    }
    assert_eq!(world.fulfilment(&id), (false, "Registered".to_owned()));
}

#[test]
fn the_same_reference_gets_the_first_answer_and_another_body_is_refused() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let id = world.completed("Authorize");
        let calls = [
            ("charges", json!({ "reference": "a", "chargeAmount": usd("10.00") }), "chargeAmount"),
            ("captures", json!({ "reference": "b", "chargeId": CHARGE }), "captureAmount"),
            ("refunds", json!({ "reference": "c", "chargeId": CHARGE }), "refundAmount"),
            ("close", json!({ "reference": "d" }), "reason"),
        ];
        let first: Vec<_> = calls.iter().map(|(call, body, _)| world.ask(&id, call, body)).collect();
        world.restart();
        let money = world.amazon.money();
        for ((call, body, member), first) in calls.iter().zip(&first) {
            assert_eq!(world.ask(&id, call, body), *first, "{call}");
            let mut other = body.clone();
            other[member] = if *member == "reason" { json!("x") } else { usd("1.00") };
            let refused = (409, "ReferenceReused".to_owned(), Some("reference".to_owned()));
            assert_eq!(world.ask(&id, call, &other).refusal(), refused, "{call}");
            let under_it = world.ask(&id, "cancel", &json!({ "reference": body["reference"] }));
            assert_eq!(under_it.refusal(), refused, "{call}");
        }
        assert_eq!(world.amazon.money(), money);
        assert_eq!(states(&world, &id).len(), 4);
    }
}

#[test]
fn sixty_four_equal_calls_at_once_have_one_effect_and_one_answer() {
    for engine in ENGINES {
        for (call, body) in [
            ("charges", json!({ "reference": "r", "chargeAmount": usd("10.00") })),
            ("captures", json!({ "reference": "r" })),
            ("close", json!({ "reference": "r" })),
            ("cancel", json!({ "reference": "r" })),
        ] {
            let world = World::new(engine);
            let id = world.completed("Authorize");
            let answers = world.run(join_all((0..64).map(|_| world.asking(&id, call, &body))));
            assert!(answers.iter().all(|answer| *answer == answers[0]), "{call}");
            assert!([200, 201].contains(&answers[0].status), "{call}: {}", answers[0].text);
            let operations = ["createCharge", "captureCharge", "createRefund", "cancelCharge", "close"];
            let sent: usize = operations.iter().map(|it| world.amazon.arrived(it).len()).sum();
            // A cancellation cancels the authorization and closes the permission.
            assert_eq!(sent, if call == "cancel" { 2 } else { 1 }, "{call}");
        }
        let world = World::new(engine);
        let id = world.completed("AuthorizeWithCapture");
        let body = json!({ "reference": "r" });
        let answers = world.run(join_all((0..64).map(|_| world.asking(&id, "refunds", &body))));
        assert!(answers.iter().all(|answer| *answer == answers[0] && answer.status == 202));
        assert_eq!(world.amazon.refund_count(), 1);
    }
}

// Promise: B16
#[test]
fn two_refunds_of_60_on_100_at_once_give_exactly_one() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = world.completed("AuthorizeWithCapture");
        let refund = |number: u32| json!({ "reference": format!("r{number}"), "refundAmount": usd("60.00") });
        let answers =
            world.run(join_all((1..=2).map(|number| world.asking(&id, "refunds", &refund(number)))));
        let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [202, 409]);
        let refused = answers.iter().find(|answer| answer.status == 409).unwrap();
        assert_eq!(refused.refusal().1, "ExceedsRefundable");
        assert_eq!(world.amazon.money(), "held 0, captured 10000, refunded 6000");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    // Promise: B15
    #[test]
    fn charges_at_once_never_take_more_than_the_limit(
        amounts in proptest::collection::vec(1_u64..=6_000, 2..=24),
        engine in proptest::sample::select(&ENGINES[..]),
    ) {
        let world = World::new(engine);
        let id = world.completed("Confirm");
        let price = |minor: u64| usd(&format!("{}.{:02}", minor / 100, minor % 100));
        let charge = |(number, minor): (usize, &u64)| {
            json!({ "reference": format!("c{number}"), "chargeAmount": price(*minor) })
        };
        let asking = amounts.iter().enumerate().map(charge).map(|body| world.asking(&id, "charges", &body));
        let answers = world.run(join_all(asking.collect::<Vec<_>>()));
        let is_made = |answer: &HttpAnswer| answer.status == 201;
        let made: u64 = answers.iter().zip(&amounts).filter(|(it, _)| is_made(it)).map(|(_, minor)| minor).sum();
        prop_assert!(made <= 10_000, "{made}");
        for (answer, minor) in answers.iter().zip(&amounts).filter(|(it, _)| !is_made(it)) {
            prop_assert_eq!(answer.refusal().1, "ExceedsLimit");
            prop_assert!(made + minor > 10_000, "{minor} and {made} together are within the limit");
        }
        prop_assert_eq!(&world.checkout(&id)["payment"]["balances"]["left"], &price(10_000 - made));
        prop_assert_eq!(world.amazon.money(), format!("held {made}, captured 0, refunded 0"));
    }
}

// Promise: B16
#[test]
fn a_refund_that_is_declined_can_be_made_again() {
    let world = World::in_memory();
    let id = world.completed("AuthorizeWithCapture");
    let refund = |number: u32| json!({ "reference": format!("r{number}"), "refundAmount": usd("60.00") });
    let refund_id = world.ask(&id, "refunds", &refund(1)).json()["refundId"].as_str().unwrap().to_owned();
    assert_eq!(world.ask(&id, "refunds", &refund(2)).status, 409);
    world.amazon.decide_refund(&refund_id, "Declined");
    world.let_pass(MINUTE);
    let declined = world.ask(&id, "refunds", &refund(1));
    assert_eq!(declined.refusal(), (409, "RefundDeclined".to_owned(), None));
    let message = format!("Amazon declined the refund {refund_id} (AmazonRejected). Nothing was refunded.");
    assert_eq!(declined.json()["error"]["message"], message);
    assert_eq!(world.ask(&id, "refunds", &refund(3)).status, 202);
    assert_eq!(world.amazon.money(), "held 0, captured 10000, refunded 6000");
}

#[test]
fn a_refund_that_is_declined_immediately_is_not_a_declined_payment() {
    let world = World::in_memory();
    let id = world.completed("AuthorizeWithCapture");
    world.amazon.fault("createRefund", Fault::refusal(422, "AmazonRejected"));
    let refund = json!({ "reference": "r", "refundAmount": usd("60.00") });
    for _ in 0..2 {
        let declined = world.ask(&id, "refunds", &refund);
        assert_eq!(declined.refusal(), (409, "RefundDeclined".to_owned(), None));
        let message = declined.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains(CHARGE) && message.contains("AmazonRejected"), "{message}");
        assert_eq!(declined.json()["paymentMethodUpdateUrl"], Value::Null);
    }
    assert_eq!(world.amazon.arrived("createRefund").len(), 1);
    assert_eq!(world.checkout(&id)["payment"]["charges"][0]["refundable"], usd("100.00"));
}

#[test]
fn a_charge_that_was_never_authorized_is_not_answered_as_authorized() {
    let charge = json!({ "reference": "c", "chargeAmount": usd("10.00") });
    let second = format!("{PERMISSION}-C000002");
    for (state, status, told) in [("Declined", 402, "SoftDeclined"), ("Canceled", 201, "Canceled")] {
        // The answer shows the end of the charge, or the charge is pending and ends later.
        for is_pending in [false, true] {
            let world = World::in_memory();
            let id = world.completed("Authorize");
            let ended = json!({ "chargeId": second, "chargePermissionId": PERMISSION,
                "chargeAmount": usd("10.00"),
                "statusDetails": { "state": state, "reasonCode": "SoftDeclined" } });
            if is_pending {
                world.amazon.fault("createCharge", Fault::Pending);
                assert_eq!(world.ask(&id, "charges", &charge).status, 202);
            } else {
                world.amazon.fault("createCharge", Fault::AnswerAfter(201, ended.clone()));
            }
            let answer = if is_pending { None } else { Some(world.ask(&id, "charges", &charge)) };
            world.amazon.change_charge(&second, |it| *it = ended.clone());
            world.let_pass(MINUTE);
            for answer in answer.into_iter().chain([world.ask(&id, "charges", &charge)]) {
                let word = answer.json()["state"].as_str().map(str::to_owned);
                let word = word.unwrap_or_else(|| answer.refusal().1);
                assert_eq!((answer.status, word.as_str()), (status, told), "{state} {is_pending}");
            }
            assert_eq!(world.amazon.arrived("createCharge").len(), 1);
        }
    }
}

#[test]
fn a_charge_whose_capture_is_declined_is_still_answered_as_authorized() {
    for can_wait in [false, true] {
        let world = World::in_memory();
        let id = world.completed("Confirm");
        let charge = json!({ "reference": "c", "chargeAmount": usd("10.00"),
            "canHandlePendingAuthorization": can_wait });
        let authorized = world.ask(&id, "charges", &charge);
        assert_eq!((authorized.status, &authorized.json()["state"]), (201, &json!("Authorized")));
        let charge_id = authorized.json()["chargeId"].as_str().unwrap().to_owned();
        world.amazon.fault("captureCharge", Fault::Pending);
        assert_eq!(world.ask(&id, "captures", &json!({ "reference": "p" })).status, 202);
        world.amazon.decide(&charge_id, "Declined");
        world.let_pass(MINUTE);
        assert_eq!(world.ask(&id, "captures", &json!({ "reference": "p" })).status, 402);
        assert_eq!(world.ask(&id, "charges", &charge), authorized);
    }
}

/// The shop's call for an operation of Amazon's, the payment intent of its order, and its body.
fn call_of(operation: &str) -> (&'static str, &'static str, Value) {
    match operation {
        "createCharge" => ("charges", "Confirm", json!({ "reference": "r", "chargeAmount": usd("10.00") })),
        "captureCharge" => ("captures", "Authorize", json!({ "reference": "r" })),
        "createRefund" => {
            ("refunds", "AuthorizeWithCapture", json!({ "reference": "r", "refundAmount": usd("60.00") }))
        }
        "close" => ("close", "Confirm", json!({ "reference": "r" })),
        other => panic!("{other}"),
    }
}

#[test]
fn each_documented_refusal_of_a_call_ends_it_or_has_its_object_looked_up() {
    let limits =
        [(400, "TransactionAmountExceeded"), (400, "CurrencyMismatch"), (422, "TransactionCountExceeded")];
    let declines = [
        "SoftDeclined",
        "HardDeclined",
        "PaymentMethodNotAllowed",
        "MFANotCompleted",
        "TransactionTimedOut",
        "AmazonRejected",
    ];
    let mut ends: Vec<(&'static str, u16, &str)> = Vec::new();
    for operation in ["createCharge", "captureCharge", "createRefund"] {
        ends.extend(limits.map(|(status, code)| (operation, status, code)));
    }
    ends.extend(declines.map(|code| ("createCharge", 422, code)));
    ends.push(("createCharge", 400, "PeriodicAmountExceeded"));
    ends.push(("createCharge", 422, "InvalidChargePermissionStatus"));
    ends.push(("createRefund", 422, "AmazonRejected"));
    ends.push(("createRefund", 422, "InvalidChargeStatus"));
    // An earlier copy of the call may have caused this state, or the refusal changes the charge: the object
    // is looked up.
    let looked_at = [
        ("captureCharge", 422, "AmazonRejected"),
        ("captureCharge", 422, "InvalidChargeStatus"),
        ("captureCharge", 422, "InvalidChargePermissionStatus"),
        ("close", 422, "InvalidChargePermissionStatus"),
    ];
    // Whatever its code, a server error proves nothing about what was done before it.
    let failures = ends.iter().map(|(operation, _, code)| (*operation, 500, *code));
    let open: Vec<_> = looked_at.into_iter().chain(failures).collect();
    for (operation, status, code) in &ends {
        let world = World::in_memory();
        let (call, intent, body) = call_of(operation);
        let id = world.completed(intent);
        world.amazon.fault(operation, Fault::refusal(*status, code));
        world.ask(&id, call, &body);
        let shown = world.checkout(&id)["payment"]["operations"][0].clone();
        assert_eq!(
            (&shown["state"], &shown["code"]),
            (&json!("Refused"), &json!(code)),
            "{operation} {code}"
        );
        world.let_pass(MINUTE);
        assert_eq!(world.amazon.arrived(operation).len(), 1, "{operation} {code}");
    }
    for (operation, status, code) in open {
        let world = World::in_memory();
        let (call, intent, body) = call_of(operation);
        let id = world.completed(intent);
        world.amazon.fault(operation, Fault::refusal(status, code));
        world.ask(&id, call, &body);
        world.let_pass(MINUTE);
        let shown = world.checkout(&id)["payment"]["operations"][0].clone();
        assert_eq!(shown["state"], "Done", "{operation} {status} {code}");
        assert_eq!(world.amazon.arrived(operation).len(), 2, "{operation} {status} {code}");
    }
}

// Promise: B09, B14
#[test]
fn what_is_pending_is_answered_as_pending_and_then_with_its_result() {
    let pending = json!({ "reference": "p", "chargeAmount": usd("10.00"),
        "canHandlePendingAuthorization": true });
    for (decided, status, state) in [
        ("Authorized", 201, Some("Authorized")),
        ("Declined", 402, None),
        ("Canceled", 201, Some("Canceled")),
    ] {
        let world = World::in_memory();
        let id = world.completed("Confirm");
        world.amazon.fault("createCharge", Fault::Pending);
        let answer = world.ask(&id, "charges", &pending);
        assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("AuthorizationInitiated")));
        assert_eq!(sent(&world, "createCharge")["canHandlePendingAuthorization"], true);
        assert_eq!(world.fulfilment(&id), (false, "AuthorizationInitiated".to_owned()));
        let charge_id = answer.json()["chargeId"].as_str().unwrap().to_owned();
        world.amazon.decide(&charge_id, decided);
        world.let_pass(MINUTE);
        let again = world.ask(&id, "charges", &pending);
        assert_eq!((again.status, again.json()["state"].as_str()), (status, state), "{decided}");
        assert_eq!(world.fulfilment(&id).0, decided == "Authorized");
    }
    for (decided, status, may_ship) in [("Captured", 200, true), ("Declined", 402, false)] {
        let world = World::in_memory();
        let id = world.completed("Authorize");
        world.amazon.fault("captureCharge", Fault::Pending);
        let capture = json!({ "reference": "c" });
        let answer = world.ask(&id, "captures", &capture);
        assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("CaptureInitiated")));
        assert_eq!(world.fulfilment(&id), (false, "CaptureInitiated".to_owned()));
        world.amazon.decide(CHARGE, decided);
        world.let_pass(MINUTE);
        assert_eq!(world.ask(&id, "captures", &capture).status, status);
        assert_eq!(world.fulfilment(&id).0, may_ship, "{decided}");
    }
}

// Promise: B37
#[test]
fn an_order_that_was_only_confirmed_is_authorized_and_captured_later() {
    let world = World::in_memory();
    let id = world.completed("Confirm");
    assert_eq!(world.fulfilment(&id), (false, "ConfirmedOnly".to_owned()));
    world.skip(Duration::from_secs(10 * 86_400));
    let answer = world.ask(&id, "charges", &json!({ "reference": "a", "chargeAmount": usd("100.00") }));
    assert_eq!(answer.status, 201);
    assert_eq!(world.fulfilment(&id), (true, "Authorized".to_owned()));
    assert_eq!(world.ask(&id, "captures", &json!({ "reference": "c" })).status, 200);
    assert_eq!(world.amazon.money(), "held 0, captured 10000, refunded 0");
}

// Promise: B37
#[test]
fn a_hard_decline_gives_the_buyers_link_until_the_permission_can_be_charged_again() {
    let world = World::in_memory();
    let id = world.completed("Confirm");
    let charge = |number: u32| json!({ "reference": format!("c{number}"), "chargeAmount": usd("10.00") });
    let link = format!("https://payments.amazon.com/jr/your-account/ba/{PERMISSION}");
    world.amazon.fault("createCharge", Fault::refusal(422, "HardDeclined"));
    world.amazon.needs_another_method();
    let declined = world.ask(&id, "charges", &charge(1));
    assert_eq!(declined.refusal(), (402, "HardDeclined".to_owned(), None));
    assert_eq!(declined.json()["paymentMethodUpdateUrl"], link.as_str());
    let permission = world.checkout(&id)["payment"]["chargePermission"].clone();
    assert_eq!(permission["state"], "NonChargeable");
    assert_eq!(permission["reason"], "PaymentMethodInvalid");
    assert_eq!(permission["paymentMethodUpdateUrl"], link.as_str());

    let refused = world.ask(&id, "charges", &charge(2));
    assert_eq!(refused.refusal(), (409, "ChargePermissionNonChargeable".to_owned(), None));
    assert_eq!(refused.json()["paymentMethodUpdateUrl"], link.as_str());
    assert_eq!(world.amazon.arrived("createCharge").len(), 1, "the rule refuses it, and nothing is sent");

    world.amazon.decide_permission("Chargeable", None);
    assert_eq!(
        world.ask(&id, "charges", &charge(3)).status,
        201,
        "the permission is looked up before a charge is refused"
    );
    assert_eq!(world.ask(&id, "charges", &charge(1)), declined, "the first answer does not change");
}

// Promise: D18
#[test]
fn a_permission_whose_limit_was_captured_bothers_neither_the_shop_nor_the_buyer() {
    let world = World::in_memory();
    let id = world.completed("Authorize");
    assert_eq!(world.ask(&id, "captures", &json!({ "reference": "all" })).status, 200);
    world.amazon.decide_permission("NonChargeable", Some("TransactionAmountExceeded"));
    world.notified("spent", "CHARGE_PERMISSION", PERMISSION);
    world.let_pass(Duration::from_secs(2 * 3_600));
    let permission = world.checkout(&id)["payment"]["chargePermission"].clone();
    assert_eq!(
        (permission["state"].as_str(), permission["reason"].as_str()),
        (Some("NonChargeable"), Some("TransactionAmountExceeded"))
    );
    assert_eq!(permission.get("paymentMethodUpdateUrl"), None);
    assert!(!world.facts().iter().any(|fact| fact["type"] == "chargePermission.nonChargeable"));
    let looks = world.amazon.arrived("getChargePermission").len();
    world.let_pass(Duration::from_secs(72 * 3_600));
    assert_eq!(world.amazon.arrived("getChargePermission").len(), looks, "nothing is waited for");
    let more = json!({ "reference": "more", "chargeAmount": usd("1.00") });
    assert_eq!(world.ask(&id, "charges", &more).refusal(), (409, "ChargePermissionClosed".to_owned(), None));
    assert_eq!(world.ask(&id, "close", &json!({ "reference": "end" })).status, 200);
}

#[test]
fn each_refusal_of_amazons_is_a_decline_or_a_conflict_by_its_code() {
    for (code, status, has_link) in [
        ("SoftDeclined", 402, false),
        ("HardDeclined", 402, true),
        ("PaymentMethodNotAllowed", 402, true),
        ("AmazonRejected", 402, false),
        ("TransactionTimedOut", 402, false),
        ("TransactionAmountExceeded", 409, false),
        ("TransactionCountExceeded", 409, false),
        ("InvalidChargePermissionStatus", 409, false),
        ("InvalidParameterValue", 409, false),
    ] {
        let world = World::in_memory();
        let id = world.completed("Confirm");
        let at = if status == 402 || code == "InvalidChargePermissionStatus" { 422 } else { 400 };
        world.amazon.fault("createCharge", Fault::refusal(at, code));
        let body = json!({ "reference": "c", "chargeAmount": usd("10.00") });
        let answer = world.ask(&id, "charges", &body);
        assert_eq!(answer.refusal(), (status, code.to_owned(), None));
        assert_eq!(answer.json()["paymentMethodUpdateUrl"].is_string(), has_link, "{code}");
        assert_eq!(world.amazon.arrived("createCharge").len(), 1, "{code}");
        assert_eq!(world.checkout(&id)["payment"]["balances"]["left"], usd("100.00"), "{code}");
    }
}

// Promise: B09
#[test]
fn fulfilment_is_asked_for_each_parcel_by_its_charge() {
    let world = World::in_memory();
    let id = world.completed("Authorize");
    let of = |query: &str| world.get(&format!("/v1/checkouts/{id}/fulfilment{query}"));
    let seen_at = world.time.now().to_string();
    let authorized = json!({ "mayShip": true, "reason": "Authorized", "seenAt": seen_at });
    assert_eq!(of("").json(), authorized);
    world.amazon.fault("createCharge", Fault::Pending);
    let body = json!({ "reference": "2", "chargeAmount": usd("10.00"),
        "canHandlePendingAuthorization": true });
    world.ask(&id, "charges", &body);
    let pending = json!({ "mayShip": false, "reason": "AuthorizationInitiated", "seenAt": seen_at });
    assert_eq!(of("").json(), pending);
    let first = of(&format!("?chargeId={CHARGE}"));
    assert_eq!(first.json(), authorized);
    let field = |field: &str| Some(field.to_owned());
    let elsewhere = of("?chargeId=S01-5105180-0000099-C000001").refusal();
    assert_eq!(elsewhere, (404, "NoSuchCharge".to_owned(), field("chargeId")));
    assert_eq!(of("?chargeId=/").refusal(), (400, "InvalidValue".to_owned(), field("chargeId")));
    assert_eq!(of("?charge=1").refusal(), (400, "UnrecognizedField".to_owned(), field("charge")));
    let nowhere = world.get("/v1/checkouts/c0/fulfilment").refusal();
    assert_eq!(nowhere, (404, "NoSuchCheckout".to_owned(), None));
    assert_eq!(world.call("POST", &format!("/v1/checkouts/{id}/fulfilment"), "").refusal().0, 405);
}

// Promise: B09
#[test]
fn before_a_parcel_may_be_shipped_its_authorization_is_looked_up() {
    let world = World::in_memory();
    let id = world.completed("Authorize");
    world.let_pass(MINUTE);
    let looked = || world.amazon.arrived("charge").len();
    let before = looked();
    assert_eq!(world.fulfilment(&id), (true, "Authorized".to_owned()));
    assert_eq!(looked(), before, "it was looked up recently");
    // Somebody cancels the charge in Seller Central, and the notification is lost.
    world.skip(Duration::from_secs(3_600));
    world.amazon.decide(CHARGE, "Canceled");
    world.amazon.fault("charge", Fault::refusal(503, "ServiceUnavailable"));
    assert_eq!(
        world.fulfilment(&id),
        (false, "Checking".to_owned()),
        "without an answer, shipping is not allowed"
    );
    assert_eq!(world.fulfilment(&id), (false, "ChargeCanceled".to_owned()));
    assert!(world.facts().iter().any(|fact| fact["type"] == "charge.canceled"));
}

// Promise: B09
#[test]
fn a_success_that_amazon_then_shows_as_not_captured_ships_nothing() {
    for (decided, reason) in [("CaptureInitiated", "CaptureInitiated"), ("Declined", "Contradicted")] {
        let world = World::in_memory();
        let id = world.placed(&order());
        world.complete(&id, SESSION);
        world.amazon.decide(CHARGE, decided);
        assert_eq!(world.fulfilment(&id), (false, reason.to_owned()));
        let state = if decided == "Declined" { "checking" } else { "paid" };
        assert_eq!(world.checkout(&id)["state"], state, "{decided}");
        world.amazon.decide(CHARGE, "Captured");
        world.let_pass(MINUTE);
        assert_eq!(world.fulfilment(&id), (true, "Captured".to_owned()), "{decided}");
        assert_eq!(world.checkout(&id)["state"], "paid", "{decided}");
    }
}

#[test]
fn a_store_that_is_full_moves_no_money() {
    use std::sync::atomic::Ordering;
    let world = World::in_memory();
    let id = world.completed("Authorize");
    world.store.hook.is_full.store(true, Ordering::SeqCst);
    for (call, body) in [
        ("charges", json!({ "reference": "a", "chargeAmount": usd("1.00") })),
        ("captures", json!({ "reference": "b" })),
        ("close", json!({ "reference": "d" })),
        ("cancel", json!({ "reference": "e" })),
    ] {
        assert_eq!(world.ask(&id, call, &body).refusal(), (503, "Unavailable".to_owned(), None), "{call}");
    }
    assert_eq!(world.amazon.money(), "held 4000, captured 0, refunded 0");
    assert_eq!(world.amazon.permission_state(), "Chargeable");
    world.store.hook.is_full.store(false, Ordering::SeqCst);
    assert_eq!(world.ask(&id, "captures", &json!({ "reference": "b" })).status, 200);
}

// Promise: B16
#[test]
fn the_refund_ceiling_is_what_the_shop_allows_itself() {
    for (ceiling, most, over) in
        [(RefundCeiling::Captured, "100.00", "100.01"), (RefundCeiling::Amazon, "115.00", "115.01")]
    {
        let mut world = World::in_memory();
        world.policy = Policy { refund_ceiling: ceiling, ..Policy::default() };
        world.restart();
        let id = world.completed("AuthorizeWithCapture");
        let refund = |amount: &str| json!({ "reference": amount, "refundAmount": usd(amount) });
        let refused = (409, "ExceedsRefundable".to_owned(), Some("refundAmount".to_owned()));
        assert_eq!(world.ask(&id, "refunds", &refund(over)).refusal(), refused);
        assert_eq!(world.ask(&id, "refunds", &refund(most)).status, 202);
        assert_eq!(world.ask(&id, "refunds", &refund("0.01")).refusal(), refused);
    }
}

#[test]
fn a_permission_that_the_buyer_has_closed_is_found_by_the_first_charge_that_it_refuses() {
    let world = World::in_memory();
    let id = world.completed("Confirm");
    world.amazon.decide_permission("Closed", Some("BuyerClosed"));
    let charge = |reference: &str| json!({ "reference": reference, "chargeAmount": usd("10.00") });
    let refused = world.ask(&id, "charges", &charge("1"));
    assert_eq!(refused.refusal(), (409, "InvalidChargePermissionStatus".to_owned(), None));
    let permission = world.checkout(&id)["payment"]["chargePermission"].clone();
    assert_eq!((&permission["state"], &permission["reason"]), (&json!("Closed"), &json!("BuyerClosed")));
    let again = world.ask(&id, "charges", &charge("2")).refusal();
    assert_eq!(again, (409, "ChargePermissionClosed".to_owned(), None));
    assert_eq!(world.amazon.arrived("createCharge").len(), 1);
    assert_eq!(world.ask(&id, "cancel", &json!({ "reference": "stop" })).status, 200);
    assert!(world.amazon.arrived("close").is_empty(), "it is already closed");
}
