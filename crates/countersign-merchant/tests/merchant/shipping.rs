//! Parcels: "I ship" and "I cancel" of the same order, over HTTP.

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{ENGINES, SESSION, World, usd};

const CHARGE: &str = "S01-5105180-0000001-C000001";
const MINUTE: Duration = Duration::from_secs(60);

fn field(status: u16, code: &str, field: &str) -> (u16, String, Option<String>) {
    (status, code.to_owned(), Some(field.to_owned()))
}

// Promise: B09, D19
#[test]
fn a_parcel_is_answered_as_by_the_gate_and_recorded_with_a_yes() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let id = world.completed("Authorize");
        let body = json!({ "reference": "parcel 1", "amount": usd("15.00") });
        let first = world.ask(&id, "shipments", &body);
        let seen_at = first.json()["seenAt"].clone();
        let expected = json!({ "mayShip": true, "reason": "Authorized", "seenAt": seen_at,
            "reference": "parcel 1", "chargeId": CHARGE, "amount": usd("15.00") });
        assert_eq!((first.status, first.json()), (200, expected.clone()));
        assert!(seen_at.is_string());
        // Whatever happens later, the same request has the same answer.
        world.restart();
        world.let_pass(10 * MINUTE);
        assert_eq!(world.ask(&id, "captures", &json!({ "reference": "c" })).status, 200);
        assert_eq!(world.ask(&id, "shipments", &body).json(), expected);
        let rest = world.ask(&id, "shipments", &json!({ "reference": "parcel 2" })).json();
        assert_eq!((&rest["reason"], &rest["amount"]), (&json!("Captured"), &usd("25.00")));
        let shown = world.checkout(&id)["payment"]["charges"][0]["shipments"].clone();
        let shown: Vec<&Value> = shown.as_array().unwrap().iter().map(|it| &it["reference"]).collect();
        assert_eq!(shown, ["parcel 1", "parcel 2"]);
        let told = world.timeline(&id);
        assert_eq!(told.iter().filter(|it| *it == "ShipmentRecorded").count(), 2, "{told:?}");
    }
}

// Promise: B09
#[test]
fn a_parcel_that_is_none_of_this_order_or_is_none_any_more_is_refused_by_its_rule() {
    let world = World::in_memory();
    let id = world.completed("Authorize");
    let ship = |body: Value| world.ask(&id, "shipments", &body);
    let refused = |body: Value| ship(body).refusal();
    assert_eq!(refused(json!({})), field(400, "MissingValue", "reference"));
    let unknown = refused(json!({ "reference": "1", "shipped": true }));
    assert_eq!(unknown, field(400, "UnrecognizedField", "shipped"));
    let of_another = json!({ "reference": "1", "chargeId": "S01-5105180-0000099-C000001" });
    assert_eq!(refused(of_another), field(400, "NoSuchCharge", "chargeId"));
    let larger = json!({ "reference": "1", "amount": usd("40.01") });
    assert_eq!(refused(larger), field(409, "ExceedsShippable", "amount"));
    let nothing = json!({ "reference": "1", "amount": usd("0.00") });
    assert_eq!(refused(nothing), field(400, "InvalidValue", "amount"));
    assert_eq!(ship(json!({ "reference": "1", "chargeId": CHARGE, "amount": usd("30.00") })).status, 200);
    let other_body = json!({ "reference": "1", "chargeId": CHARGE, "amount": usd("30.01") });
    assert_eq!(refused(other_body), field(409, "ReferenceReused", "reference"));
    let together = json!({ "reference": "2", "amount": usd("10.01") });
    assert_eq!(refused(together), field(409, "ExceedsShippable", "amount"));
    assert_eq!(ship(json!({ "reference": "2" })).json()["amount"], usd("10.00"));
    assert_eq!(refused(json!({ "reference": "3" })), field(409, "AlreadyShipped", "chargeId"));
    let operation = world.ask(&id, "captures", &json!({ "reference": "1" })).refusal();
    assert_eq!(operation, field(409, "ReferenceReused", "reference"));
    let cancel = world.ask(&id, "cancel", &json!({ "reference": "2" })).refusal();
    assert_eq!(cancel, field(409, "ReferenceReused", "reference"));
    let not_bool = world.ask(&id, "cancel", &json!({ "reference": "x", "shippedToo": "perhaps" })).refusal();
    assert_eq!(not_bool, field(400, "InvalidValue", "shippedToo"));
    let nowhere = world.ask("c0", "shipments", &json!({ "reference": "1" })).refusal();
    assert_eq!(nowhere, (404, "NoSuchCheckout".to_owned(), None));
    assert_eq!(world.amazon.money(), "held 4000, captured 0, refunded 0");
}

// Promise: B09
#[test]
fn before_a_parcel_is_recorded_its_charge_is_looked_at() {
    let world = World::in_memory();
    let id = world.completed("Authorize");
    let ship = || world.ask(&id, "shipments", &json!({ "reference": "1" })).json();
    world.get(&format!("/v1/checkouts/{id}/fulfilment"));
    world.time.advance(MINUTE + Duration::from_secs(1));
    world.amazon.fault("charge", Fault::refusal(503, "ServiceUnavailable"));
    let unseen = ship();
    assert_eq!((&unseen["mayShip"], &unseen["reason"]), (&json!(false), &json!("Checking")));
    world.amazon.decide(CHARGE, "Canceled");
    let canceled = ship();
    assert_eq!((&canceled["mayShip"], &canceled["reason"]), (&json!(false), &json!("ChargeCanceled")));
    assert!(canceled["reference"].is_null(), "nothing is recorded");
    assert!(world.checkout(&id)["payment"]["charges"][0]["shipments"].is_null());
}

// Promise: B34, D19
#[test]
fn of_ship_and_cancel_at_the_same_time_one_wins() {
    for engine in ENGINES {
        for (cancels_first, is_captured) in [(false, false), (true, false), (false, true), (true, true)] {
            let world = World::new(engine);
            let id = world.completed(if is_captured { "AuthorizeWithCapture" } else { "Authorize" });
            let ship = world.asking(&id, "shipments", &json!({ "reference": "parcel" }));
            let cancel = world.asking(&id, "cancel", &json!({ "reference": "stop" }));
            let (shipped, canceled) = if cancels_first {
                let (canceled, shipped) = world.run(join(cancel, ship));
                (shipped, canceled)
            } else {
                world.run(join(ship, cancel))
            };
            world.let_pass(MINUTE);
            let left = canceled.json()["leaves"].clone();
            let money = world.amazon.money();
            if shipped.json()["mayShip"] == true {
                assert_eq!(left[0]["chargeId"], CHARGE, "{}", canceled.text);
                let kept = if is_captured { "held 0, captured 10000" } else { "held 4000, captured 0" };
                assert_eq!(money, format!("{kept}, refunded 0"));
            } else {
                let reason = shipped.json()["reason"].as_str().unwrap_or_default().to_owned();
                assert!(["CancelRequested", "Canceled"].contains(&reason.as_str()), "{}", shipped.text);
                assert!(left.is_null(), "{}", canceled.text);
                let back =
                    if is_captured { "captured 10000, refunded 10000" } else { "captured 0, refunded 0" };
                assert_eq!(money, format!("held 0, {back}"));
            }
        }
    }
}

// Promise: B34, D19
#[test]
fn a_cancellation_undoes_what_has_not_left_and_says_what_it_leaves() {
    for engine in ENGINES {
        // Captured: what has not left is refunded.
        let mut world = World::new(engine);
        let id = world.completed("AuthorizeWithCapture");
        world.ask(&id, "shipments", &json!({ "reference": "1", "amount": usd("60.00") }));
        world.ask(&id, "cancel", &json!({ "reference": "stop" }));
        world.refunds_go_through(&id);
        world.restart();
        let canceled = world.ask(&id, "cancel", &json!({ "reference": "stop" }));
        let leaves = json!([{ "chargeId": CHARGE, "state": "Captured", "amount": usd("60.00"),
            "shipped": usd("60.00") }]);
        let expected = json!({ "reference": "stop", "state": "Canceled", "leaves": leaves });
        assert_eq!((canceled.status, canceled.json()), (200, expected));
        assert_eq!(world.amazon.money(), "held 0, captured 10000, refunded 4000");
        assert_eq!(world.amazon.permission_state(), "Closed");
        let checkout = world.checkout(&id);
        assert_eq!(checkout["cancellation"]["leaves"], leaves);
        assert_eq!(checkout["state"], "paid", "it is not unpaid");
        let refused = world.ask(&id, "shipments", &json!({ "reference": "2" })).json();
        assert_eq!((&refused["mayShip"], &refused["reason"]), (&json!(false), &json!("Canceled")));
        // The parcel comes back.
        let back = json!({ "reference": "back", "refundAmount": usd("60.00") });
        assert_eq!(world.ask(&id, "refunds", &back).status, 202);
        assert_eq!(world.amazon.money(), "held 0, captured 10000, refunded 10000");
        world.refunds_go_through(&id);
    }
    // Authorized: it cannot be canceled in part, and stays the shop's to capture.
    let world = World::in_memory();
    let id = world.completed("Authorize");
    world.ask(&id, "shipments", &json!({ "reference": "1", "amount": usd("15.00") }));
    let canceled = world.ask(&id, "cancel", &json!({ "reference": "stop" }));
    assert_eq!(canceled.status, 200, "{}", canceled.text);
    let leaves = json!([{ "chargeId": CHARGE, "state": "Authorized", "amount": usd("40.00"),
        "shipped": usd("15.00") }]);
    assert_eq!(canceled.json()["leaves"], leaves);
    assert_eq!(world.amazon.money(), "held 4000, captured 0, refunded 0");
    let more = json!({ "reference": "c", "captureAmount": usd("15.01") });
    let refused = world.ask(&id, "captures", &more);
    assert_eq!(refused.refusal(), field(409, "ExceedsCharge", "captureAmount"));
    assert!(refused.text.contains("what its recorded parcels are worth"), "{}", refused.text);
    assert_eq!(world.ask(&id, "captures", &json!({ "reference": "c" })).status, 200);
    assert_eq!(world.amazon.money(), "held 0, captured 1500, refunded 0");
    world.let_pass(10 * MINUTE);
    assert_eq!(world.amazon.money(), "held 0, captured 1500, refunded 0", "and it is kept");
}

// Promise: B34, D19
#[test]
fn shipped_too_undoes_everything_at_first_or_later() {
    for (intent, kept, undone) in [
        ("Authorize", "held 4000, captured 0, refunded 0", "held 0, captured 0, refunded 0"),
        (
            "AuthorizeWithCapture",
            "held 0, captured 10000, refunded 0",
            "held 0, captured 10000, refunded 10000",
        ),
    ] {
        for is_later in [false, true] {
            let world = World::in_memory();
            let id = world.completed(intent);
            world.ask(&id, "shipments", &json!({ "reference": "1" }));
            if is_later {
                world.ask(&id, "cancel", &json!({ "reference": "stop" }));
                world.let_pass(MINUTE);
                assert_eq!(world.amazon.money(), kept);
            }
            let all = json!({ "reference": "all", "shippedToo": true });
            let canceled = world.ask(&id, "cancel", &all);
            assert!(canceled.json()["leaves"].is_null(), "{}", canceled.text);
            assert_eq!(canceled.json()["reference"], "all");
            if intent == "AuthorizeWithCapture" {
                // Its refund is on its way: nothing calls that canceled.
                assert_eq!((canceled.status, &canceled.json()["state"]), (202, &json!("CancelRequested")));
                let shown = world.checkout(&id);
                assert_eq!((&shown["state"], &shown["standing"]), (&json!("paid"), &json!("canceling")));
                let cancellation = &shown["cancellation"];
                assert_eq!(cancellation["state"], "CancelRequested");
                assert_eq!(
                    (&cancellation["shippedToo"], &cancellation["doneAt"]),
                    (&json!(true), &Value::Null)
                );
                let by = if is_later { json!("all") } else { Value::Null };
                assert_eq!(cancellation["widenedBy"], by);
                assert_eq!(world.complete(&id, SESSION).json()["outcome"], "paid");
            }
            if is_later {
                let first = world.ask(&id, "cancel", &json!({ "reference": "stop" }));
                assert_eq!(first.json()["reference"], "stop");
                assert_eq!(first.status, canceled.status);
                let third = world.ask(&id, "cancel", &json!({ "reference": "more", "shippedToo": true }));
                assert_eq!(third.refusal().1, "OrderCanceled");
            }
            world.refunds_go_through(&id);
            assert_eq!(world.amazon.money(), undone);
            assert_eq!(world.ask(&id, "cancel", &all).status, 200);
            assert_eq!(world.checkout(&id)["state"], "canceled");
            let told = world.facts();
            let told = told.iter().filter(|fact| fact["type"] == "checkout.canceled").count();
            assert_eq!(told, 1, "{intent}, {is_later}");
        }
    }
}
