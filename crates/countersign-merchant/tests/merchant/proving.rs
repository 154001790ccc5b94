//! What Amazon's answers prove, on every path: an answer that is half read proves nothing, and what Amazon
//! contradicts is shown as such everywhere until it is settled.

use std::time::Duration;

use serde_json::{Value, json};

use super::amazon::Fault;
use super::logs::logged;
use super::world::{ENGINES, Engine, SESSION, World, order, session_for, usd};

const CHARGE: &str = "S01-5105180-0000001-C000001";
const SECOND_CHARGE: &str = "S01-5105180-0000001-C000002";
const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn facts_of_type(world: &World, kind: &str) -> Vec<Value> {
    world.facts().into_iter().filter(|fact| fact["type"] == kind).collect()
}

/// The calls that may change something.
fn sends(world: &World) -> usize {
    let calls = ["finalize", "createCharge", "captureCharge", "cancelCharge", "createRefund", "close"];
    calls.iter().map(|call| world.amazon.arrived(call).len()).sum()
}

type Change = fn(&mut Value);

/// What Amazon may show of a charge of 14.00 that contradicts its earlier success, each after its reason.
const CONTRADICTIONS: [(&str, Change); 6] = [
    ("StateDiffers", |charge| charge["statusDetails"]["state"] = json!("Declined")),
    ("StateDiffers", |charge| charge["statusDetails"]["state"] = json!("Canceled")),
    ("ChargeAmountDiffers", |charge| charge["chargeAmount"] = usd("1.00")),
    ("CaptureAmountDiffers", |charge| charge["captureAmount"] = usd("1.00")),
    ("CurrencyDiffers", |charge| {
        charge["captureAmount"] = json!({ "amount": "14.00", "currencyCode": "EUR" })
    }),
    ("ChargePermissionDiffers", |charge| charge["chargePermissionId"] = json!("S01-5105180-7777777")),
];

/// Asserts that nothing calls the order paid, and that it may not be shipped.
fn is_contradicted_everywhere(world: &World, id: &str) {
    let answer = world.complete(id, SESSION);
    assert_eq!(answer.verdict(), (202, "checking".to_owned()));
    assert_eq!(answer.json()["reason"], "Contradicted");
    let checkout = world.checkout(id);
    assert_eq!((&checkout["state"], &checkout["reason"]), (&json!("checking"), &json!("Contradicted")));
    let list = world.get("/v1/checkouts?state=checking").json();
    assert_eq!(list["checkouts"][0]["reason"], "Contradicted");
    assert_eq!(world.get("/v1/checkouts?state=paid").json()["checkouts"], json!([]));
    assert_eq!(world.fulfilment(id), (false, "Contradicted".to_owned()));
    let page = world.get(&world.result_path(id)).text;
    assert!(!page.contains("successful") && !page.contains("shop.example/thanks"), "{page}");
    let explained = world.get(&format!("/v1/checkouts/{id}/explanation")).json();
    assert_eq!(explained["reason"], "Contradicted");
}

// Promise: B09, D01
#[test]
fn what_amazon_contradicts_after_a_success_is_never_called_paid_until_it_is_settled() {
    for engine in ENGINES {
        for (reason, change) in CONTRADICTIONS {
            let mut world = World::new(engine);
            let id = world.placed(&order());
            assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()));
            let mut before = Value::Null;
            world.amazon.change_charge(CHARGE, |charge| {
                before = charge.clone();
                change(charge);
            });
            let sent = sends(&world);
            let lines = logged(|| {
                world.let_pass(2 * MINUTE);
                is_contradicted_everywhere(&world, &id);
                world.restart();
                world.skip(3 * DAY);
                is_contradicted_everywhere(&world, &id);
            });
            let errors: Vec<_> = lines.iter().filter(|line| line.starts_with("ERROR")).collect();
            assert!(
                matches!(errors[..], [line] if line.contains("Amazon contradicts a payment")
                    && line.contains(&id) && line.contains(CHARGE) && line.contains(reason)),
                "{reason}: {errors:?}"
            );
            for (call, body) in
                [("refunds", json!({ "reference": "r" })), ("close", json!({ "reference": "c" }))]
            {
                let refused = world.ask(&id, call, &body).refusal();
                assert_eq!(refused, (409, "Contradicted".to_owned(), None), "{call}");
            }
            assert_eq!(sends(&world), sent, "nothing is sent: {reason}");
            let told = facts_of_type(&world, "payment.contradicted");
            assert_eq!(told.len(), 1, "{told:?}");
            let fact = (&told[0]["reason"], &told[0]["chargeId"], &told[0]["amount"], &told[0]["checkoutId"]);
            assert_eq!(fact, (&json!(reason), &json!(CHARGE), &usd("14.00"), &json!(id)));
            assert!(facts_of_type(&world, "payment.settled").is_empty());
            // Amazon shows the charge as it was before the contradiction.
            world.amazon.change_charge(CHARGE, |charge| *charge = before.clone());
            world.skip(2 * DAY);
            assert_eq!(facts_of_type(&world, "payment.settled").len(), 1, "{reason}");
            assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()));
            assert_eq!(world.fulfilment(&id), (true, "Captured".to_owned()));
            let timeline = world.timeline(&id);
            let count = |kind: &str| timeline.iter().filter(|it| *it == kind).count();
            assert_eq!((count("Contradicted"), count("Settled")), (1, 1), "{timeline:?}");
            assert_eq!(world.ask(&id, "refunds", &json!({ "reference": "r2" })).status, 202);
        }
    }
}

// Promise: D01
#[test]
fn behind_a_lost_answer_the_same_is_the_same() {
    for (reason, change) in CONTRADICTIONS {
        let world = World::in_memory();
        let id = world.placed(&order());
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
        world.complete(&id, SESSION);
        let mut before = Value::Null;
        world.amazon.change_charge(CHARGE, |charge| {
            before = charge.clone();
            change(charge);
        });
        world.let_pass(MINUTE);
        if reason == "StateDiffers" {
            // No success was reported yet, so what Amazon shows is the outcome.
            assert_eq!(world.complete(&id, SESSION).verdict(), (402, "notPaid".to_owned()));
            continue;
        }
        is_contradicted_everywhere(&world, &id);
        assert_eq!(facts_of_type(&world, "payment.contradicted").len(), 1);
        assert!(facts_of_type(&world, "checkout.paid").is_empty(), "never called paid");
        world.amazon.change_charge(CHARGE, |charge| *charge = before.clone());
        world.skip(2 * DAY);
        assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()), "{reason}");
        assert_eq!(facts_of_type(&world, "payment.settled").len(), 1);
        assert_eq!(facts_of_type(&world, "checkout.paid").len(), 1);
    }
}

#[test]
fn an_amount_that_cannot_be_read_is_one_alarm_at_the_third_time() {
    let unreadable =
        [json!("14.00"), json!({ "amount": "14.00" }), json!({ "amount": "1,4", "currencyCode": "USD" })];
    for amount in unreadable {
        let world = World::in_memory();
        let id = world.placed(&order());
        assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()));
        world.amazon.change_charge(CHARGE, |charge| charge["captureAmount"] = amount.clone());
        let lines = logged(|| {
            for _ in 0..5 {
                assert!(!world.fulfilment(&id).0, "{amount}");
                world.let_pass(10 * MINUTE);
            }
        });
        let errors =
            lines.iter().filter(|line| line.starts_with("ERROR") && line.contains("AmountUnreadable"));
        assert_eq!(errors.count(), 1, "{amount}: {lines:?}");
        is_contradicted_everywhere(&world, &id);
    }
}

/// Successes of Create Charge with `captureNow`, each with one member missing or wrong.
fn half_charges() -> Vec<(&'static str, Value)> {
    let whole = json!({ "chargeId": SECOND_CHARGE, "chargePermissionId": "S01-5105180-0000001",
        "chargeAmount": usd("60.00"), "captureAmount": usd("60.00"), "statusDetails": { "state": "Captured" } });
    let without = |member: &str| {
        let mut half = whole.clone();
        half.as_object_mut().unwrap().remove(member);
        half
    };
    let with = |member: &str, value: Value| {
        let mut half = whole.clone();
        half[member] = value;
        half
    };
    vec![
        ("no captureAmount", without("captureAmount")),
        ("no currency", with("captureAmount", json!({ "amount": "60.00" }))),
        ("no chargeAmount", without("chargeAmount")),
        ("no state", without("statusDetails")),
        ("an unknown state", with("statusDetails", json!({ "state": "Levitating" }))),
        ("no permission", without("chargePermissionId")),
        ("no id", without("chargeId")),
        ("another amount", with("chargeAmount", usd("6.00"))),
        ("the first charge's id", with("chargeId", json!(CHARGE))),
    ]
}

// Promise: B07
#[test]
fn a_charge_whose_answer_is_half_read_is_in_doubt_and_keeps_its_budget() {
    for engine in ENGINES {
        for (name, half) in half_charges() {
            let world = World::new(engine);
            let id = world.completed("Authorize");
            let body = json!({ "reference": "parcel 2", "chargeAmount": usd("60.00"), "captureNow": true });
            world.amazon.fault("createCharge", Fault::AnswerAfter(201, half.clone()));
            // What the answer names cannot be looked up yet, and the same bytes are next answered with 503.
            world.amazon.goes_down("charge");
            world.amazon.fault("createCharge", Fault::refusal(503, "ServiceUnavailable"));
            let answer = world.ask(&id, "charges", &body);
            assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("Checking")), "{name}");
            let operation = &world.checkout(&id)["payment"]["operations"][0];
            assert_eq!(operation["state"], "InDoubt", "{name}");
            assert_eq!(world.checkout(&id)["payment"]["balances"]["left"], usd("0.00"), "{name}: held");
            let more = world.ask(&id, "charges", &json!({ "reference": "3", "chargeAmount": usd("1.00") }));
            assert_eq!(more.refusal().1, "ExceedsLimit", "{name}");
            world.amazon.comes_back();
            world.skip(DAY);
            world.amazon.forget_faults();
            let done = world.ask(&id, "charges", &body);
            assert_eq!(done.status, 201, "{name}: {}", done.text);
            assert_eq!(done.json()["chargeId"], SECOND_CHARGE, "{name}");
            let payment = world.checkout(&id)["payment"].clone();
            assert_eq!(payment["balances"]["captured"], usd("60.00"), "{name}: in the books, once");
            assert_eq!(payment["charges"].as_array().unwrap().len(), 2, "{name}");
            assert_eq!(world.ask(&id, "cancel", &json!({ "reference": "stop" })).status, 202, "{name}");
            world.skip(DAY);
            assert_eq!(world.amazon.money(), "held 0, captured 6000, refunded 6000", "{name}");
        }
    }
}

/// The same key gets the same incomplete answer each time: only the id in it leads to the whole charge.
#[test]
fn the_id_that_a_half_answer_names_is_looked_up() {
    let world = World::in_memory();
    let id = world.completed("Authorize");
    let (_, half) = half_charges().remove(0);
    for _ in 0..30 {
        world.amazon.fault("createCharge", Fault::AnswerAfter(201, half.clone()));
    }
    let body = json!({ "reference": "parcel 2", "chargeAmount": usd("60.00"), "captureNow": true });
    world.amazon.fault("charge", Fault::refusal(503, "ServiceUnavailable"));
    assert_eq!(world.ask(&id, "charges", &body).status, 202);
    world.let_pass(10 * MINUTE);
    let done = world.ask(&id, "charges", &body);
    assert_eq!((done.status, &done.json()["chargeId"]), (201, &json!(SECOND_CHARGE)));
    world.amazon.forget_faults();
}

#[test]
fn a_cancellation_finds_what_a_half_answer_has_captured() {
    for (name, half) in half_charges() {
        let world = World::in_memory();
        let id = world.completed("Authorize");
        let body = json!({ "reference": "parcel 2", "chargeAmount": usd("60.00"), "captureNow": true });
        world.amazon.fault("createCharge", Fault::AnswerAfter(201, half.clone()));
        world.amazon.fault("createCharge", Fault::refusal(503, "ServiceUnavailable"));
        world.amazon.goes_down("charge");
        assert_eq!(world.ask(&id, "charges", &body).status, 202, "{name}");
        assert_eq!(world.ask(&id, "cancel", &json!({ "reference": "stop" })).status, 202, "{name}");
        world.amazon.comes_back();
        world.amazon.forget_faults();
        world.skip(2 * DAY);
        assert_eq!(world.amazon.money(), "held 0, captured 6000, refunded 6000", "{name}");
        assert_eq!(world.amazon.permission_state(), "Closed", "{name}");
    }
}

#[test]
fn a_capture_or_a_refund_whose_answer_is_half_read_is_in_doubt() {
    let captured = json!({ "chargeId": CHARGE, "chargePermissionId": "S01-5105180-0000001",
        "chargeAmount": usd("40.00"), "statusDetails": { "state": "Captured" } });
    for engine in [Engine::Memory] {
        for half in [captured.clone(), json!({ "chargeId": CHARGE }), json!({})] {
            let world = World::new(engine);
            let id = world.completed("Authorize");
            world.amazon.fault("captureCharge", Fault::AnswerAfter(200, half.clone()));
            world.amazon.goes_down("charge");
            assert_eq!(world.ask(&id, "captures", &json!({ "reference": "c" })).status, 202, "{half}");
            world.amazon.comes_back();
            world.let_pass(10 * MINUTE);
            let done = world.ask(&id, "captures", &json!({ "reference": "c" }));
            assert_eq!((done.status, &done.json()["captureAmount"]), (200, &usd("40.00")), "{half}");
        }
        let refund = "S01-5105180-0000001-R000002";
        for half in [
            json!({ "refundId": refund }),
            json!({ "refundId": refund, "chargeId": CHARGE, "statusDetails": { "state": "RefundInitiated" } }),
            json!({ "refundId": refund, "chargeId": CHARGE, "refundAmount": usd("30.00") }),
            json!({ "refundId": refund, "chargeId": CHARGE, "refundAmount": usd("3.00"),
                "statusDetails": { "state": "RefundInitiated" } }),
        ] {
            let world = World::new(engine);
            let id = world.completed("AuthorizeWithCapture");
            let body = json!({ "reference": "r", "refundAmount": usd("30.00") });
            world.amazon.fault("createRefund", Fault::AnswerAfter(201, half.clone()));
            world.amazon.goes_down("refund");
            world.amazon.fault("createRefund", Fault::refusal(503, "ServiceUnavailable"));
            assert_eq!(world.ask(&id, "refunds", &body).status, 202, "{half}");
            let rest = world.ask(&id, "refunds", &json!({ "reference": "r2", "refundAmount": usd("70.01") }));
            assert_eq!(rest.refusal().1, "ExceedsRefundable", "{half}: its budget is held");
            world.let_pass(MINUTE);
            world.amazon.comes_back();
            world.skip(DAY);
            let done = world.ask(&id, "refunds", &body);
            assert_eq!((done.status, &done.json()["refundId"]), (202, &json!(refund)), "{half}");
            assert_eq!(world.amazon.refund_count(), 1, "{half}");
            world.amazon.forget_faults();
        }
    }
}

// Promise: C01, D18
#[test]
fn zeros_beyond_the_currencys_digits_are_read_wherever_amazon_shows_money() {
    let price = |amount: &str, currency: &str| json!({ "amount": amount, "currencyCode": currency });
    for (currency, ours, shown) in [
        ("JPY", "1400", "1400.00"),
        ("JPY", "1400", "1400.0"),
        ("USD", "14.00", "14.0000"),
        ("EUR", "14.00", "14"),
    ] {
        let world = World::in_memory();
        let mut order = order();
        order["paymentDetails"]["chargeAmount"] = price(ours, currency);
        let answer = world.call("POST", "/v1/checkouts", &order.to_string());
        if answer.status != 201 {
            // This region's accounts are not paid in this currency.
            continue;
        }
        let id = answer.json()["checkoutId"].as_str().unwrap().to_owned();
        let mut session = session_for(&order, SESSION, &id);
        session["paymentDetails"]["chargeAmount"] = price(shown, currency);
        world.amazon.open(SESSION, session);
        assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()), "{currency} {shown}");
        world.amazon.change_charge(CHARGE, |charge| {
            charge["chargeAmount"] = price(shown, currency);
            charge["captureAmount"] = price(shown, currency);
        });
        world.let_pass(MINUTE);
        assert_eq!(world.fulfilment(&id), (true, "Captured".to_owned()), "{currency} {shown}");
        // What we send has exactly the currency's digits.
        let sent: Value = serde_json::from_slice(&world.amazon.arrived("finalize")[0].body).unwrap();
        assert_eq!(sent["chargeAmount"]["amount"], ours);
    }
    // What the shop sends has no digit too many, not even a zero.
    let world = World::in_memory();
    let mut order = order();
    order["paymentDetails"]["chargeAmount"] = price("14.000", "USD");
    let refused = world.call("POST", "/v1/checkouts", &order.to_string()).refusal();
    assert_eq!(refused.0, 400);
}

#[test]
fn each_attempt_and_each_fact_has_the_version_of_the_terms_that_were_sent() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let mut order = order();
        let id = world.register(&order);
        order["paymentDetails"]["chargeAmount"] = usd("15.00");
        let mut terms = order.clone();
        for member in ["orderId", "startOfCheckoutUrl", "successUrl"] {
            terms.as_object_mut().unwrap().remove(member);
        }
        terms["termsVersion"] = json!(1);
        let changed = world.call("PUT", &format!("/v1/checkouts/{id}/terms"), &terms.to_string());
        assert_eq!(changed.status, 200, "{}", changed.text);
        world.amazon.open(SESSION, session_for(&order, SESSION, &id));
        assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()));
        world.restart();
        assert_eq!(world.ask(&id, "refunds", &json!({ "reference": "r" })).status, 202);
        world.amazon.decide_refund("S01-5105180-0000001-R000002", "Refunded");
        world.let_pass(MINUTE);
        assert_eq!(world.checkout(&id)["attempts"][0]["termsVersion"], 2);
        let facts = world.facts();
        assert!(facts.len() >= 2 && facts.iter().all(|fact| fact["termsVersion"] == 2), "{facts:?}");
    }
}
