//! The shop cancels an order at every possible point: in the end nothing is held or kept, and the shop is
//! notified once.

use std::time::Duration;

use countersign_store::contract::Store as _;
use serde_json::json;

use super::amazon::Fault;
use super::logs::logged;
use super::world::{ENGINES, Engine, OTHER_SESSION, SESSION, World, order_of_100, session_for, usd};

const CHARGE: &str = "S01-5105180-0000001-C000001";
const MINUTE: Duration = Duration::from_secs(60);

/// A state of an order, how the order gets there, and what happens at Amazon after the order is canceled.
struct Case {
    name: &'static str,
    prepare: fn(&World) -> String,
    meanwhile: fn(&World),
}

const NOTHING: fn(&World) = |_| ();

fn placed(world: &World, intent: &str) -> String {
    world.placed(&order_of_100(intent))
}

fn completing_without_success(world: &World, intent: &str) -> String {
    let id = placed(world, intent);
    assert_ne!(world.complete(&id, SESSION).status, 200);
    id
}

fn lost(world: &World, intent: &str, fault: Fault) -> String {
    world.amazon.fault("finalize", fault);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
    let id = completing_without_success(world, intent);
    assert_eq!(world.attempts(&id), ["InDoubt"]);
    id
}

fn asked(world: &World, id: &str, call: &str, body: &serde_json::Value) {
    let answer = world.ask(id, call, body);
    assert!(answer.status < 300, "{call}: {}", answer.text);
}

fn cases() -> Vec<Case> {
    vec![
        Case { name: "registered", prepare: |world| placed(world, "Authorize"), meanwhile: NOTHING },
        Case {
            name: "bound, its session not shown",
            prepare: |world| {
                world.amazon.goes_down("session");
                completing_without_success(world, "Authorize")
            },
            meanwhile: |world| world.amazon.comes_back(),
        },
        Case {
            name: "approved, turned away",
            prepare: |world| {
                world.amazon.fault("finalize", Fault::refusal(429, "TooManyRequests"));
                completing_without_success(world, "Authorize")
            },
            // A call that was turned away counts as sent, so its session must expire.
            meanwhile: |world| world.amazon.cancel(SESSION, "Expired"),
        },
        Case {
            name: "finalizing, never answered",
            prepare: |world| {
                let id = placed(world, "Authorize");
                world.amazon.fault("finalize", Fault::HangAfter);
                world.complete_and_crash(&id, SESSION);
                assert_eq!(world.attempts(&id), ["Finalizing"]);
                id
            },
            meanwhile: NOTHING,
        },
        Case {
            name: "in doubt, authorized in truth",
            prepare: |world| lost(world, "Authorize", Fault::LostAfter),
            meanwhile: NOTHING,
        },
        Case {
            name: "in doubt, captured in truth",
            prepare: |world| lost(world, "AuthorizeWithCapture", Fault::LostAfter),
            meanwhile: NOTHING,
        },
        Case {
            name: "in doubt, never arrived",
            prepare: |world| lost(world, "Authorize", Fault::LostBefore),
            // Only when the session expires is it proved that nothing was paid.
            meanwhile: |world| world.amazon.cancel(SESSION, "Expired"),
        },
        Case {
            name: "pending, authorized later",
            prepare: |world| {
                world.amazon.fault("finalize", Fault::Pending);
                completing_without_success(world, "Authorize")
            },
            meanwhile: |world| world.amazon.decide(CHARGE, "Authorized"),
        },
        Case {
            name: "pending, declined later",
            prepare: |world| {
                world.amazon.fault("finalize", Fault::Pending);
                completing_without_success(world, "Authorize")
            },
            meanwhile: |world| world.amazon.decide(CHARGE, "Declined"),
        },
        Case {
            name: "not paid",
            prepare: |world| {
                world.amazon.fault("finalize", Fault::refusal(422, "SoftDeclined"));
                completing_without_success(world, "Authorize")
            },
            meanwhile: NOTHING,
        },
        Case { name: "confirmed", prepare: |world| world.completed("Confirm"), meanwhile: NOTHING },
        Case { name: "authorized", prepare: |world| world.completed("Authorize"), meanwhile: NOTHING },
        Case {
            name: "captured",
            prepare: |world| world.completed("AuthorizeWithCapture"),
            meanwhile: NOTHING,
        },
        Case {
            name: "captured, a part refunded",
            prepare: |world| {
                let id = world.completed("AuthorizeWithCapture");
                asked(world, &id, "refunds", &json!({ "reference": "r", "refundAmount": usd("30.00") }));
                id
            },
            meanwhile: NOTHING,
        },
        Case {
            name: "one captured in part, one authorized",
            prepare: |world| {
                let id = world.completed("Authorize");
                asked(world, &id, "captures", &json!({ "reference": "c", "captureAmount": usd("15.00") }));
                asked(world, &id, "charges", &json!({ "reference": "2", "chargeAmount": usd("60.00") }));
                id
            },
            meanwhile: NOTHING,
        },
        Case {
            name: "a capture in doubt, done in truth",
            prepare: |world| {
                let id = world.completed("Authorize");
                world.amazon.fault("captureCharge", Fault::LostAfter);
                world.amazon.goes_down("charge");
                asked(world, &id, "captures", &json!({ "reference": "c" }));
                id
            },
            meanwhile: |world| world.amazon.comes_back(),
        },
        Case {
            name: "a capture initiated, captured later",
            prepare: |world| {
                let id = world.completed("Authorize");
                world.amazon.fault("captureCharge", Fault::Pending);
                asked(world, &id, "captures", &json!({ "reference": "c" }));
                id
            },
            meanwhile: |world| world.amazon.decide(CHARGE, "Captured"),
        },
        Case {
            name: "a charge in doubt, never arrived",
            prepare: |world| {
                let id = world.completed("Authorize");
                world.amazon.goes_down("createCharge");
                asked(world, &id, "charges", &json!({ "reference": "2", "chargeAmount": usd("60.00") }));
                id
            },
            meanwhile: |world| world.amazon.comes_back(),
        },
        Case {
            name: "a charge in doubt, captured in truth",
            prepare: |world| {
                let id = world.completed("Authorize");
                world.amazon.fault("createCharge", Fault::LostAfter);
                world.amazon.goes_down("createCharge");
                let body = json!({ "reference": "2", "chargeAmount": usd("60.00"), "captureNow": true });
                asked(world, &id, "charges", &body);
                id
            },
            meanwhile: |world| world.amazon.comes_back(),
        },
        Case {
            name: "an undoing whose answers are lost",
            prepare: |world| {
                let id = world.completed("Authorize");
                world.amazon.fault("cancelCharge", Fault::LostAfter);
                world.amazon.fault("close", Fault::LostBefore);
                id
            },
            meanwhile: NOTHING,
        },
    ]
}

fn refunds_are_carried_out(world: &World, id: &str) {
    let shown = world.checkout(id);
    let charges = shown["payment"]["charges"].as_array().cloned().unwrap_or_default();
    for refund in charges.iter().flat_map(|charge| charge["refunds"].as_array().unwrap()) {
        world.amazon.decide_refund(refund["refundId"].as_str().unwrap(), "Refunded");
    }
}

fn word(answer: &super::world::HttpAnswer) -> String {
    let json = answer.json();
    let word = json["outcome"].as_str().or(json["state"].as_str()).or(json["error"]["code"].as_str());
    format!("{} {}", answer.status, word.unwrap())
}

// Promise: B34
#[test]
fn a_canceled_order_keeps_no_money_wherever_it_was() {
    let mut tables = Vec::new();
    for engine in ENGINES {
        tables.push(cases().iter().map(|case| row(engine, case)).collect::<String>());
    }
    assert_eq!(tables[0], tables[1]);
    insta::assert_snapshot!(format!(
        "where | cancel | later | at Amazon | session again | another session | may ship\n{}",
        tables[0]
    ));
}

fn row(engine: Engine, case: &Case) -> String {
    let world = World::new(engine);
    let id = (case.prepare)(&world);
    let body = json!({ "reference": "stop", "reason": "sold out" });
    let answer = world.ask(&id, "cancel", &body);
    let name = case.name;
    assert!([200, 202].contains(&answer.status), "{name}: {}", answer.text);
    (case.meanwhile)(&world);
    for _ in 0..3 {
        world.skip(40 * MINUTE);
        refunds_are_carried_out(&world, &id);
    }
    let later = world.ask(&id, "cancel", &body);
    assert_eq!(later.status, 200, "{name}: {}", later.text);
    let told = world.facts().iter().filter(|fact| fact["type"] == "checkout.canceled").count();
    assert_eq!(told, 1, "{name}: the shop is notified once");
    assert_eq!(world.checkout(&id)["state"], "canceled", "{name}");
    let permission = world.amazon.permission_state();
    // A permission under which nothing was authorized holds nothing, and is not known here.
    let is_paid = world.checkout(&id)["payment"].is_object();
    assert!(!is_paid || permission == "Closed", "{name}: {permission}");
    let money = world.amazon.money();
    let amount = |word: &str| money.split(", ").find_map(|part| part.strip_prefix(word)).unwrap().to_owned();
    assert_eq!(amount("held "), "0", "{name}");
    assert_eq!(amount("captured "), amount("refunded "), "{name}");

    let finalized = world.amazon.arrived("finalize").len();
    let again = match world.attempts(&id).as_slice() {
        [] => "-".to_owned(),
        _ => word(&world.complete(&id, SESSION)),
    };
    world.amazon.open(OTHER_SESSION, session_for(&order_of_100("Authorize"), OTHER_SESSION, &id));
    let another = word(&world.complete(&id, OTHER_SESSION));
    assert_eq!(world.amazon.arrived("finalize").len(), finalized, "{name}");
    let (may_ship, reason) = world.fulfilment(&id);
    assert!(!may_ship, "{name}");
    let (first, later) = (word(&answer), word(&later));
    format!("{name} | {first} | {later} | {money} {permission} | {again} | {another} | {reason}\n")
}

#[test]
fn a_charge_in_doubt_is_sent_again_for_a_canceled_order_only_when_its_permission_is_closed() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = world.completed("Authorize");
        world.amazon.fault("createCharge", Fault::LostBefore);
        world.amazon.fault("createCharge", Fault::LostBefore);
        asked(&world, &id, "charges", &json!({ "reference": "2", "chargeAmount": usd("60.00") }));
        world.amazon.goes_down("close");
        let canceled = world.ask(&id, "cancel", &json!({ "reference": "stop" }));
        assert_eq!(canceled.status, 202, "{}", canceled.text);
        let sent = world.amazon.arrived("createCharge").len();
        world.skip(40 * MINUTE);
        assert_eq!(world.amazon.arrived("createCharge").len(), sent, "the permission is open");
        world.amazon.comes_back();
        world.skip(120 * MINUTE);
        assert!(world.amazon.arrived("createCharge").len() > sent, "its result is asked for");
        let closes = world.amazon.arrived("close");
        let body: serde_json::Value = serde_json::from_slice(&closes[0].body).unwrap();
        assert_eq!(body["cancelPendingCharges"], true, "a charge that is not known is canceled with it");
        assert_eq!(world.amazon.charge_count(), 1);
        assert_eq!(world.checkout(&id)["state"], "canceled");
    }
}

// Promise: B34
#[test]
fn while_a_cancellation_is_open_nothing_else_is_done() {
    let world = World::in_memory();
    let id = world.completed("AuthorizeWithCapture");
    assert_eq!(world.ask(&id, "cancel", &json!({ "reference": "stop" })).status, 202);
    assert_eq!(world.fulfilment(&id), (false, "CancelRequested".to_owned()));
    let refused = world.ask(&id, "charges", &json!({ "reference": "x", "chargeAmount": usd("1.00") }));
    assert_eq!(refused.refusal(), (409, "OrderCanceled".to_owned(), None));
    let other = world.ask(&id, "cancel", &json!({ "reference": "stop", "reason": "other" }));
    assert_eq!(other.refusal(), (409, "ReferenceReused".to_owned(), Some("reference".to_owned())));
    let mut terms = order_of_100("Authorize");
    for member in ["orderId", "startOfCheckoutUrl", "successUrl"] {
        terms.as_object_mut().unwrap().remove(member);
    }
    terms["termsVersion"] = json!(1);
    let refused = world.call("PUT", &format!("/v1/checkouts/{id}/terms"), &terms.to_string());
    assert_eq!(refused.refusal().0, 409);
    let shown = world.checkout(&id);
    assert_eq!(shown["cancellation"]["state"], "CancelRequested");
    assert_eq!(shown["state"], "paid", "until it is refunded");
    assert_eq!(world.get("/v1/checkouts?state=canceled").json()["checkouts"], json!([]));
    refunds_are_carried_out(&world, &id);
    world.let_pass(2 * MINUTE);
    let listed = world.get("/v1/checkouts?state=canceled").json();
    assert_eq!(listed["checkouts"][0]["checkoutId"], id.as_str());
    assert_eq!(world.complete(&id, SESSION).verdict(), (402, "canceled".to_owned()));
}

#[test]
fn a_cancellation_that_does_not_end_is_logged_every_day() {
    // Whether it was paid is in doubt, or Amazon declines the refund.
    let doubtful = World::in_memory();
    lost(&doubtful, "Authorize", Fault::LostBefore);
    let declined = World::in_memory();
    declined.completed("AuthorizeWithCapture");
    for (world, is_stuck) in [(doubtful, false), (declined, true)] {
        let listed = world.get("/v1/checkouts?orderId=1001").json();
        let id = listed["checkouts"][0]["checkoutId"].as_str().unwrap().to_owned();
        assert_eq!(world.ask(&id, "cancel", &json!({ "reference": "stop" })).status, 202);
        let lines = logged(|| {
            for _ in 0..12 {
                let shown = world.checkout(&id);
                let charges = shown["payment"]["charges"].as_array().cloned().unwrap_or_default();
                for refund in charges.iter().flat_map(|charge| charge["refunds"].as_array().unwrap()) {
                    world.amazon.decide_refund(refund["refundId"].as_str().unwrap(), "Declined");
                }
                world.skip(Duration::from_secs(6 * 3_600));
            }
        });
        let told = lines.iter().filter(|line| line.contains("a canceled order is not fully undone")).count();
        assert_eq!(told, 3 + usize::from(is_stuck), "{lines:?}");
        let tries = if is_stuck { 3 + 3 } else { 0 };
        assert_eq!(world.amazon.refund_count(), tries, "tried three times, and then daily");
        assert_eq!(world.checkout(&id)["cancellation"]["state"], "CancelRequested");
        let next_due = world.run(world.store.next_due()).unwrap().unwrap();
        assert!(next_due > world.time.now(), "nothing is overdue");
    }
}
