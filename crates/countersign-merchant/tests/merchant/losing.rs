//! Answers that are lost, late or not valid: each call ends in the state that Amazon has, with one effect.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};

use super::amazon::Fault;
use super::logs::logged;
use super::world::{ENGINES, World, usd};

const MINUTE: Duration = Duration::from_secs(60);

/// A call, the payment intent of its order, its name at Amazon, and its body.
fn calls() -> [(&'static str, &'static str, &'static str, Value); 4] {
    [
        (
            "charges",
            "Authorize",
            "createCharge",
            json!({ "reference": "r", "chargeAmount": usd("10.00"), "captureNow": true }),
        ),
        ("captures", "Authorize", "captureCharge", json!({ "reference": "r" })),
        (
            "refunds",
            "AuthorizeWithCapture",
            "createRefund",
            json!({ "reference": "r", "refundAmount": usd("60.00") }),
        ),
        ("close", "Confirm", "close", json!({ "reference": "r" })),
    ]
}

fn told(answer: &super::world::HttpAnswer) -> String {
    let json = answer.json();
    let word = json["state"].as_str().or(json["error"]["code"].as_str()).unwrap();
    format!("{} {word}", answer.status)
}

/// Asserts that every send of an operation has the same bytes and the same key.
fn assert_same_bytes(world: &World, operation: &str) {
    let arrived = world.amazon.arrived(operation);
    let distinct: HashSet<_> = arrived.iter().map(|it| (it.key.clone(), it.body.clone())).collect();
    assert_eq!(distinct.len(), 1, "{operation}: {arrived:?}");
}

#[test]
fn whatever_comes_instead_of_an_answer_the_call_has_one_effect_or_none() {
    let garbage = || json!({ "statusDetails": { "state": "Sideways" } });
    let failure = || json!({ "reasonCode": "ProcessingFailure", "message": "canary" });
    let faults: [(&str, Fault); 16] = [
        ("no answer, done", Fault::HangAfter),
        ("no answer, not done", Fault::HangBefore),
        ("lost on the way", Fault::LostBefore),
        ("answer lost", Fault::LostAfter),
        ("no connection", Fault::NotSent),
        ("500 before", Fault::refusal(500, "ProcessingFailure")),
        ("500 after", Fault::AnswerAfter(500, failure())),
        ("503 before", Fault::refusal(503, "ServiceUnavailable")),
        ("success unreadable", Fault::AnswerAfter(200, garbage())),
        ("404", Fault::refusal(404, "ResourceNotFound")),
        ("429", Fault::refusal(429, "TooManyRequests")),
        ("wrong date", Fault::refusal(400, "InvalidHeaderValue")),
        ("403", Fault::refusal(403, "InvalidRequestSignature")),
        ("same key, other body", Fault::refusal(400, "DuplicateIdempotencyKey")),
        ("unknown code", Fault::refusal(422, "TooLucky")),
        ("wrong request", Fault::refusal(400, "InvalidParameterValue")),
    ];
    let mut table = String::from("call | what came | answer | a minute later | sends | at Amazon\n");
    for (call, intent, operation, body) in calls() {
        for (name, fault) in &faults {
            let world = World::in_memory();
            let id = world.completed(intent);
            world.amazon.fault(operation, fault.clone());
            let first = world.ask(&id, call, &body);
            world.let_pass(MINUTE);
            let later = world.ask(&id, call, &body);
            assert_same_bytes(&world, operation);
            let sends = world.amazon.arrived(operation).len();
            let (money, permission) = (world.amazon.money(), world.amazon.permission_state());
            table.push_str(&format!(
                "{call} | {name} | {} | {} | {sends} | {money}, {permission}\n",
                told(&first),
                told(&later),
            ));
            assert_eq!(world.checkout(&id)["payment"]["operations"].as_array().unwrap().len(), 1);
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn an_outage_of_hours_ends_with_one_effect_and_raises_its_alarms() {
    for (call, intent, operation, body) in calls() {
        let mut world = World::in_memory();
        let id = world.completed(intent);
        for down in [operation, "charge", "permission"] {
            world.amazon.goes_down(down);
        }
        let lines = logged(|| {
            let answer = world.ask(&id, call, &body);
            assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("Checking")), "{call}");
            world.skip(Duration::from_secs(2 * 3_600));
        });
        // A refund waits until Amazon shows its charge; all others are sent.
        let alarm = match operation {
            "createRefund" => "an operation has been waiting to be sent for a long time",
            _ => "an operation is still in doubt",
        };
        let alarms = lines.iter().filter(|line| line.contains(alarm));
        assert_eq!(alarms.count(), 2, "{call}: at five minutes and at an hour");
        assert!(lines.iter().all(|line| !line.contains("canary")));
        world.restart();
        let answer = world.ask(&id, call, &body);
        assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("Checking")), "{call}");
        world.amazon.comes_back();
        world.skip(Duration::from_secs(2 * 3_600));
        assert_same_bytes(&world, operation);
        let answer = world.ask(&id, call, &body);
        assert_ne!(answer.json()["state"], "Checking", "{call}");
        assert!(answer.status < 300, "{call}: {}", answer.text);
    }
}

// Promise: B16
#[test]
fn what_is_in_doubt_keeps_its_amount_reserved_and_its_charge_busy() {
    let world = World::in_memory();
    let id = world.completed("AuthorizeWithCapture");
    world.amazon.goes_down("createRefund");
    let refund =
        |reference: &str, amount: &str| json!({ "reference": reference, "refundAmount": usd(amount) });
    assert_eq!(world.ask(&id, "refunds", &refund("1", "60.00")).status, 202);
    assert_eq!(world.ask(&id, "refunds", &refund("2", "40.01")).refusal().1, "ExceedsRefundable");
    world.amazon.comes_back();
    assert_eq!(world.ask(&id, "refunds", &refund("3", "40.00")).status, 202);
    world.let_pass(MINUTE);
    assert_eq!(world.amazon.money(), "held 0, captured 10000, refunded 10000");

    let world = World::in_memory();
    let id = world.completed("Authorize");
    for down in ["captureCharge", "charge", "createCharge"] {
        world.amazon.goes_down(down);
    }
    assert_eq!(world.ask(&id, "captures", &json!({ "reference": "1" })).status, 202);
    assert_eq!(world.ask(&id, "captures", &json!({ "reference": "2" })).refusal().1, "ChargeBusy");
    let charge =
        |reference: &str, amount: &str| json!({ "reference": reference, "chargeAmount": usd(amount) });
    assert_eq!(world.ask(&id, "charges", &charge("3", "50.00")).status, 202);
    assert_eq!(world.ask(&id, "charges", &charge("4", "10.01")).refusal().1, "ExceedsLimit");
    // A permission is closed only once the earlier operations are over.
    let asked_at = world.time.now();
    let answer = world.ask(&id, "close", &json!({ "reference": "5" }));
    assert_eq!(world.time.now(), asked_at, "a caller does not wait while an operation is in doubt");
    assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("Checking")));
    assert!(world.amazon.arrived("close").is_empty());
    world.amazon.comes_back();
    world.let_pass(MINUTE);
    assert_eq!(world.ask(&id, "close", &json!({ "reference": "5" })).status, 200);
    assert_eq!(world.amazon.money(), "held 5000, captured 4000, refunded 0");
}

#[test]
fn a_store_that_fails_after_the_answer_leaves_a_doubt_and_one_line_with_the_ids() {
    for engine in ENGINES {
        for (call, intent, operation, body) in calls() {
            let world = World::new(engine);
            let id = world.completed(intent);
            let store = Arc::clone(&world.store);
            world.amazon.at_operation(move || store.hook.is_full.store(true, Ordering::SeqCst));
            let lines = logged(|| {
                let answer = world.ask(&id, call, &body);
                assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("Checking")), "{call}");
            });
            let told: Vec<_> = lines.iter().filter(|line| line.contains("could not be stored")).collect();
            assert_eq!(told.len(), 1, "{lines:?}");
            assert!(told[0].starts_with("ERROR") && told[0].contains(&id), "{}", told[0]);
            let made = match call {
                "charges" => "S01-5105180-0000001-C000002",
                "refunds" => "S01-5105180-0000001-R000002",
                _ => "",
            };
            assert!(told[0].contains(made), "{made} in {}", told[0]);
            let money = world.amazon.money();
            world.amazon.at_operation(|| ());
            world.store.hook.is_full.store(false, Ordering::SeqCst);
            world.let_pass(2 * MINUTE);
            assert!([200, 201, 202].contains(&world.ask(&id, call, &body).status), "{call}");
            assert_ne!(world.ask(&id, call, &body).json()["state"], "Checking", "{call}");
            assert_eq!(world.amazon.money(), money, "{call}");
            assert_same_bytes(&world, operation);
        }
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_not_mistaken() {
    for engine in ENGINES {
        for (call, intent, operation, body) in calls() {
            let world = World::new(engine);
            let id = world.completed(intent);
            world.store.hook.loses_answers.store(true, Ordering::SeqCst);
            assert!([200, 201, 202].contains(&world.ask(&id, call, &body).status), "{call}");
            assert_eq!(world.amazon.arrived(operation).len(), 1, "{call}");
        }
    }
}

#[test]
fn a_second_caller_waits_for_the_first_one_and_gets_its_answer() {
    for engine in ENGINES {
        for (call, intent, operation, body) in calls() {
            let world = World::new(engine);
            let id = world.completed(intent);
            world.amazon.fault(operation, Fault::HangAfter);
            let began_at = world.time.now();
            let (first, second) =
                world.run(join(world.asking(&id, call, &body), world.asking(&id, call, &body)));
            assert_eq!(first, second, "{call}");
            assert!([200, 201, 202].contains(&first.status), "{call}: {}", first.text);
            assert_ne!(first.json()["state"], "Checking", "{call}");
            assert!(world.time.now().since(began_at) <= Duration::from_secs(26), "{call}");
        }
        // No caller waits forever.
        let world = World::new(engine);
        let id = world.completed("Authorize");
        let capture = json!({ "reference": "r" });
        world.amazon.fault("captureCharge", Fault::HangBefore);
        world.amazon.goes_down("charge");
        let began_at = world.time.now();
        let answer = world.ask(&id, "captures", &capture);
        assert_eq!((answer.status, &answer.json()["state"]), (202, &json!("Checking")));
        assert!(world.time.now().since(began_at) <= Duration::from_secs(26));
    }
}
