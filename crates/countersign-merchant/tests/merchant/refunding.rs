//! Before money is returned Amazon is asked what others have returned, in the same request.

use std::time::Duration;

use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{ENGINES, World, usd};

const CHARGE: &str = "S01-5105180-0000001-C000001";
const MINUTE: Duration = Duration::from_secs(60);

/// A captured order of 100.00 of which another integration has refunded this much, and its notification is lost.
fn refunded_elsewhere(world: &World, amount: &str) -> String {
    let id = world.completed("AuthorizeWithCapture");
    world.let_pass(MINUTE);
    world.time.advance(2 * MINUTE);
    world.amazon.refunds_in_silence(CHARGE, &usd(amount));
    id
}

// Promise: B16, B24, D18
#[test]
fn all_back_is_what_amazon_shows_to_be_left() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = refunded_elsewhere(&world, "10.00");
        let refund = |body: Value| world.ask(&id, "refunds", &body);
        let refused = refund(json!({ "reference": "1", "refundAmount": usd("100.00") })).refusal();
        assert_eq!(refused, (409, "ExceedsRefundable".to_owned(), Some("refundAmount".to_owned())));
        let looks = world.amazon.arrived("charge").len();
        let all = refund(json!({ "reference": "all back" }));
        assert_eq!((all.status, &all.json()["refundAmount"]), (202, &usd("90.00")), "{}", all.text);
        assert_eq!(world.amazon.money(), "held 0, captured 10000, refunded 9000");
        assert_eq!(world.amazon.arrived("charge").len(), looks, "it was shown within the minute");
        assert_eq!(refund(json!({ "reference": "all back" })).json(), all.json());
        let more = refund(json!({ "reference": "2", "refundAmount": usd("0.01") })).refusal();
        assert_eq!(more.1, "ExceedsRefundable");
        world.refunds_go_through(&id);
    }
}

// Promise: B16
#[test]
fn a_refund_waits_until_amazon_has_shown_its_charge() {
    for (elsewhere, refunded, state) in [("0.00", 10_000, "Done"), ("0.01", 0, "Refused")] {
        let mut world = World::in_memory();
        let id = refunded_elsewhere(&world, elsewhere);
        world.amazon.goes_down("charge");
        let body = json!({ "reference": "all back" });
        let waits = world.ask(&id, "refunds", &body);
        assert_eq!((waits.status, &waits.json()["state"]), (202, &json!("Checking")), "{}", waits.text);
        world.restart();
        world.let_pass(5 * MINUTE);
        assert!(world.amazon.arrived("createRefund").is_empty(), "nothing leaves unasked");
        world.amazon.comes_back();
        world.let_pass(15 * MINUTE);
        let money = format!("held 0, captured 10000, refunded {refunded}");
        assert_eq!(world.amazon.money(), money, "{elsewhere}");
        let operation = world.checkout(&id)["payment"]["operations"][0].clone();
        assert_eq!(operation["state"], state, "{operation}");
        let settled = world.ask(&id, "refunds", &body);
        if state == "Refused" {
            assert_eq!(settled.refusal().1, "ExceedsRefundable");
        } else {
            assert_eq!(settled.json()["state"], "RefundInitiated");
        }
        world.refunds_go_through(&id);
    }
}

// Promise: B16, B34
#[test]
fn a_cancellation_refunds_no_more_than_amazon_shows_to_be_left() {
    for engine in ENGINES {
        for (elsewhere, refunded) in [("10.00", 9_000), ("100.00", 0), ("99.99", 1)] {
            let world = World::new(engine);
            let id = refunded_elsewhere(&world, elsewhere);
            world.ask(&id, "cancel", &json!({ "reference": "stop" }));
            world.refunds_go_through(&id);
            assert_eq!(world.amazon.money(), format!("held 0, captured 10000, refunded {refunded}"));
            let canceled = world.ask(&id, "cancel", &json!({ "reference": "stop" }));
            assert_eq!((canceled.status, &canceled.json()["state"]), (200, &json!("Canceled")));
        }
    }
}

// Promise: B16
#[test]
fn a_refund_that_amazon_declines_may_be_asked_for_again() {
    let world = World::in_memory();
    let id = refunded_elsewhere(&world, "0.00");
    let refund = |reference: &str| world.ask(&id, "refunds", &json!({ "reference": reference }));
    let first = refund("1").json()["refundId"].as_str().unwrap().to_owned();
    // Amazon may show it as refunded until it is declined.
    world.amazon.refunds_in_silence(CHARGE, &usd("100.00"));
    world.time.advance(2 * MINUTE);
    assert_eq!(refund("2").refusal().1, "ExceedsRefundable");
    world.amazon.decide_refund(&first, "Declined");
    world.amazon.refunds_in_silence(CHARGE, &usd("0.00"));
    world.let_pass(10 * MINUTE);
    assert_eq!(refund("3").json()["refundAmount"], usd("100.00"));
    world.refunds_go_through(&id);
}

// Promise: B16
#[test]
fn a_charge_that_was_shown_within_a_minute_is_not_asked_for_again() {
    let world = World::in_memory();
    let id = refunded_elsewhere(&world, "0.00");
    for (waited, is_looked) in [(0, true), (59, false), (2, true), (61, true), (1, false)] {
        world.time.advance(Duration::from_secs(waited));
        let before = world.amazon.arrived("charge").len();
        let body = json!({ "reference": format!("{waited}"), "refundAmount": usd("1.00") });
        assert_eq!(world.ask(&id, "refunds", &body).status, 202);
        assert_eq!(world.amazon.arrived("charge").len() - before, usize::from(is_looked), "{waited}");
    }
    // Its answer is lost.
    world.time.advance(2 * MINUTE);
    world.amazon.fault("charge", Fault::LostBefore);
    let lost = world.ask(&id, "refunds", &json!({ "reference": "lost", "refundAmount": usd("1.00") }));
    assert_eq!(lost.status, 202, "{}", lost.text);
    world.let_pass(5 * MINUTE);
    assert_eq!(world.amazon.money(), "held 0, captured 10000, refunded 600");
    world.refunds_go_through(&id);
}

// Promise: B16, B34
#[test]
fn a_cancellation_is_not_finished_before_the_look_that_recounts_what_others_have_refunded() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = refunded_elsewhere(&world, "10.00");
        let ours = world.ask(&id, "refunds", &json!({ "reference": "all back" })).json();
        assert_eq!(ours["refundAmount"], usd("90.00"));
        world.amazon.decide_refund(ours["refundId"].as_str().unwrap(), "Refunded");
        world.let_pass(MINUTE);
        // What others seemed to have refunded never was: a look after five minutes would show that, and is late.
        world.amazon.refunds_in_silence(CHARGE, &usd("0.00"));
        world.time.advance(10 * MINUTE);
        let canceling = world.ask(&id, "cancel", &json!({ "reference": "stop" }));
        assert_eq!(canceling.status, 202, "{}", canceling.text);
        world.refunds_go_through(&id);
        world.refunds_go_through(&id);
        assert_eq!(world.amazon.money(), "held 0, captured 10000, refunded 10000");
        let canceled = world.ask(&id, "cancel", &json!({ "reference": "stop" }));
        assert_eq!((canceled.status, &canceled.json()["state"]), (200, &json!("Canceled")));
    }
}
