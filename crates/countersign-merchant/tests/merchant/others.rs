//! An ERP charges, captures and refunds under our permission: what it made is its own.

use std::time::Duration;

use countersign_domain::merchant::rules::CapturePolicy;
use serde_json::{Value, json};

use super::world::{ENGINES, World, usd};

const OURS: &str = "S01-5105180-0000001-C000001";
const THEIRS: &str = "S01-5105180-0000001-C000900";
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// An order of which the ERP has charged a parcel of 7.00, in this state.
fn with_theirs(world: &World, intent: &str, state: &str) -> String {
    let id = world.completed(intent);
    world.let_pass(MINUTE);
    world.amazon.charge_elsewhere(THEIRS, &usd("7.00"));
    world.amazon.decide(THEIRS, state);
    world.notified("n-1", "CHARGE", THEIRS);
    world.let_pass(MINUTE);
    id
}

/// What has arrived about the ERP's charge, except for looks.
fn touched(world: &World) -> Vec<String> {
    let calls = ["captureCharge", "cancelCharge", "createRefund"].into_iter();
    let arrived = calls.flat_map(|call| world.amazon.arrived(call));
    let about = arrived.filter(|it| {
        let body = String::from_utf8_lossy(&it.body).into_owned();
        it.path.contains(THEIRS) || body.contains(THEIRS)
    });
    about.map(|it| it.operation.to_owned()).collect()
}

// Promise: B34, D18
#[test]
fn a_cancellation_leaves_what_an_erp_charged_and_says_so() {
    for engine in ENGINES {
        for state in ["Authorized", "Captured"] {
            let mut world = World::new(engine);
            let id = with_theirs(&world, "AuthorizeWithCapture", state);
            let answer = world.ask(&id, "cancel", &json!({ "reference": "stop" })).json();
            let left = json!([{ "chargeId": THEIRS, "state": state, "amount": usd("7.00"), "shipped": usd("0.00"),
                "madeElsewhere": true }]);
            assert_eq!(answer["leaves"], left, "{state}");
            world.restart();
            let refunds = world.checkout(&id)["payment"]["charges"][0]["refunds"].clone();
            world.amazon.decide_refund(refunds[0]["refundId"].as_str().unwrap(), "Refunded");
            world.skip(2 * DAY);
            let answer = world.ask(&id, "cancel", &json!({ "reference": "stop" }));
            assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("Canceled")));
            assert_eq!(answer.json()["leaves"], left, "{state}");
            assert!(touched(&world).is_empty(), "{state}: {:?}", touched(&world));
            let close = world.amazon.arrived("close");
            let body: Value = serde_json::from_slice(&close[0].body).unwrap();
            let cancels = state == "Captured";
            assert_eq!(body["cancelPendingCharges"] == json!(true), cancels, "{state}: {body}");
            let shown = world.checkout(&id);
            let standing = if state == "Captured" { "partlyRefunded" } else { "reserved" };
            assert_eq!((&shown["state"], &shown["standing"]), (&json!("canceled"), &json!(standing)));
            let list = world.get(&format!("/v1/checkouts?standing={standing}")).json();
            assert_eq!(list["checkouts"][0]["checkoutId"], json!(id), "{state}");
            let list = world.get("/v1/checkouts?standing=canceled").json();
            assert_eq!(list["checkouts"], json!([]), "{state}");
            let theirs = &shown["payment"]["charges"][1];
            assert_eq!((&theirs["state"], &theirs["madeElsewhere"]), (&json!(state), &json!(true)));
            assert_eq!(shown["payment"]["charges"][0]["madeElsewhere"], Value::Null);
        }
    }
}

// Promise: B15
#[test]
fn the_policy_captures_ours_and_leaves_theirs() {
    let mut world = World::in_memory();
    world.amazon.authorizes_for(30 * DAY);
    world.policy.capture_policy = CapturePolicy::BeforeGuaranteeEnds;
    world.restart();
    let id = with_theirs(&world, "Authorize", "Authorized");
    world.skip(29 * DAY);
    assert!(touched(&world).is_empty(), "{:?}", touched(&world));
    assert_eq!(world.amazon.arrived("captureCharge").len(), 1);
    let due: Vec<_> = world.facts().into_iter().filter(|fact| fact["type"] == "capture.due").collect();
    assert!(due.iter().all(|fact| fact["chargeId"] == json!(OURS)), "{due:?}");
    assert_eq!(world.checkout(&id)["payment"]["charges"][0]["state"], "Captured");
}

// Promise: B15, B16, B24
#[test]
fn what_others_made_counts_and_a_person_names_it_with_its_amount() {
    let world = World::in_memory();
    let id = with_theirs(&world, "AuthorizeWithCapture", "Captured");
    let left = world.checkout(&id)["payment"]["balances"]["captured"].clone();
    assert_eq!(left, usd("107.00"));
    let refund = |body: Value| world.ask(&id, "refunds", &body);
    let unnamed = refund(json!({ "reference": "1", "chargeId": THEIRS })).refusal();
    assert_eq!(unnamed, (409, "AmountNotNamed".to_owned(), Some("refundAmount".to_owned())));
    let all = refund(json!({ "reference": "2" })).json();
    assert_eq!((&all["chargeId"], &all["refundAmount"]), (&json!(OURS), &usd("100.00")));
    let named = refund(json!({ "reference": "3", "chargeId": THEIRS, "refundAmount": usd("7.00") }));
    assert_eq!(named.status, 202, "{}", named.text);
    assert_eq!(touched(&world), ["createRefund"]);
    for fact in world.checkout(&id)["payment"]["charges"].as_array().unwrap() {
        world.amazon.decide_refund(fact["refunds"][0]["refundId"].as_str().unwrap(), "Refunded");
    }
    world.let_pass(10 * MINUTE);
}

// Promise: B09
#[test]
fn a_part_that_an_erp_captured_pays_for_no_parcel() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = world.completed("Authorize");
        world.let_pass(MINUTE);
        assert!(world.fulfilment(&id).0);
        world.amazon.change_charge(OURS, |charge| {
            charge["statusDetails"] = json!({ "state": "Captured" });
            charge["captureAmount"] = usd("10.00");
        });
        world.time.advance(2 * MINUTE);
        assert_eq!(world.fulfilment(&id), (false, "PartlyCaptured".to_owned()));
        let parcel = world.ask(&id, "shipments", &json!({ "reference": "parcel" })).json();
        assert_eq!((&parcel["mayShip"], &parcel["reason"]), (&json!(false), &json!("PartlyCaptured")));
    }
}

// Promise: B24
#[test]
fn what_is_captured_refunded_or_canceled_in_seller_central_is_in_the_orders_books() {
    const REFUND: &str = "S01-5105180-0000001-R000900";
    for engine in ENGINES {
        for is_notified in [true, false] {
            let mut world = World::new(engine);
            let id = world.completed("Authorize");
            let shown = |world: &World, kind: &str, object: &str| {
                if is_notified {
                    world.notified(object, kind, object);
                    world.let_pass(MINUTE);
                }
            };
            world.let_pass(MINUTE);
            world.amazon.decide(OURS, "Captured");
            shown(&world, "CHARGE", OURS);
            if !is_notified {
                // An authorization is looked at every day.
                world.skip(2 * DAY);
            }
            let books = world.checkout(&id);
            assert_eq!(
                (&books["state"], &books["standing"]),
                (&json!("authorized"), &json!("partlyCaptured"))
            );
            assert_eq!(books["payment"]["balances"]["captured"], usd("40.00"));
            let facts = |world: &World, kind: &str| {
                world.facts().into_iter().filter(|fact| fact["type"] == kind).count()
            };
            assert_eq!(facts(&world, "charge.captured"), 1);
            if is_notified {
                world.amazon.refund_elsewhere(REFUND, OURS, &usd("10.00"));
                shown(&world, "REFUND", REFUND);
                let books = world.checkout(&id);
                assert_eq!(books["standing"], "partlyRefunded");
                assert_eq!(books["payment"]["balances"]["refunded"], usd("10.00"));
                assert_eq!(books["payment"]["charges"][0]["refundable"], usd("30.00"));
            }
            world.restart();
            assert_eq!(touched_ours(&world), Vec::<String>::new());
        }
        let world = World::new(engine);
        let id = world.completed("Authorize");
        world.let_pass(MINUTE);
        world.amazon.decide(OURS, "Canceled");
        world.notified("n-1", "CHARGE", OURS);
        world.let_pass(MINUTE);
        assert_eq!(world.checkout(&id)["standing"], "lapsed");
        assert_eq!(world.fulfilment(&id), (false, "ChargeCanceled".to_owned()));
    }
}

/// What this server has sent about its own charge, except for looks.
fn touched_ours(world: &World) -> Vec<String> {
    let calls = ["captureCharge", "cancelCharge", "createRefund"].into_iter();
    calls.flat_map(|call| world.amazon.arrived(call)).map(|it| it.operation.to_owned()).collect()
}
