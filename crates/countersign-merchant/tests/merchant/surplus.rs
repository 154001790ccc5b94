//! Two tabs: the second session waits for the outcome of the first, and is taken up by a call that names it
//! once the first is proved unpaid.

use std::time::Duration;

use futures_util::future::join;
use serde_json::json;

use super::amazon::Fault;
use super::world::{ENGINES, OTHER_SESSION, SESSION, World, order, session_for, usd};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn checking() -> (u16, String) {
    (202, "checking".to_owned())
}

fn paid() -> (u16, String) {
    (200, "paid".to_owned())
}

/// An order whose first session is in doubt, because its answer was lost, and whose buyer has come back with a
/// second one.
fn two_tabs(world: &World) -> String {
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostBefore);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking());
    world.amazon.comes_back();
    world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
    // What was lost was a decline.
    world.amazon.cancel(SESSION, "Declined");
    assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict().0, 202);
    checkout_id
}

/// The first session is looked at, and found to be canceled.
fn first_is_unpaid(world: &World, checkout_id: &str) {
    world.let_pass(10 * SECOND);
    assert_eq!(world.attempts(checkout_id), ["NotPaid", "Surplus"]);
}

// Promise: B06, D04
#[test]
fn the_second_session_is_paid_when_it_is_asked_for_after_the_first_is_proved_unpaid() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = two_tabs(&world);
        first_is_unpaid(&world, &checkout_id);
        world.restart();
        // Nothing is sent for it unless a call names it.
        world.let_pass(MINUTE);
        assert_eq!(world.amazon.charge_count(), 0);
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), paid());
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (402, "notPaid".to_owned()));
        assert_eq!(world.attempts(&checkout_id), ["NotPaid", "Completed"]);
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

// Promise: D04
#[test]
fn the_second_session_is_paid_although_the_first_was_not_approved() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.unapprove(SESSION);
        world.complete(&checkout_id, SESSION);
        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), checking());
        assert_eq!(world.attempts(&checkout_id), ["InDoubt", "Surplus"]);
        world.let_pass(10 * SECOND);
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), paid());
        assert_eq!(world.attempts(&checkout_id), ["NotApproved", "Completed"]);
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

#[test]
fn nobody_who_has_left_is_charged() {
    for (pause, outcome) in [(14 * MINUTE, "paid"), (16 * MINUTE, "notPaid")] {
        let world = World::in_memory();
        let checkout_id = two_tabs(&world);
        first_is_unpaid(&world, &checkout_id);
        world.let_pass(pause);
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict().1, outcome);
        assert_eq!(world.amazon.charge_count(), usize::from(outcome == "paid"));
    }
}

#[test]
fn another_orders_session_is_found_out_when_it_is_taken_up() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = two_tabs(&world);
        let mut other = order();
        other["orderId"] = json!("1002");
        let own = world.register(&other);
        world.amazon.open(OTHER_SESSION, session_for(&other, OTHER_SESSION, &own));
        first_is_unpaid(&world, &checkout_id);
        let refused = world.complete(&checkout_id, OTHER_SESSION);
        assert_eq!(refused.refusal().1, "SessionOfAnotherOrder");
        assert_eq!(world.attempts(&checkout_id), ["NotPaid", "Released"]);
        assert_eq!(world.complete(&own, OTHER_SESSION).verdict(), paid());
    }
}

#[test]
fn it_is_compared_from_the_start_with_the_terms_and_the_address_of_the_call() {
    let world = World::in_memory();
    let checkout_id = two_tabs(&world);
    first_is_unpaid(&world, &checkout_id);
    let terms = json!({ "termsVersion": 1, "productType": "PayAndShip",
        "paymentDetails": { "paymentIntent": "AuthorizeWithCapture", "chargeAmount": usd("15.00") } });
    let path = format!("/v1/checkouts/{checkout_id}/terms");
    assert_eq!(world.call("PUT", &path, &terms.to_string()).status, 200);
    let answer = world.complete(&checkout_id, OTHER_SESSION);
    assert_eq!((answer.status, answer.json()["reason"].clone()), (402, json!("TermsMismatch")));

    let world = World::in_memory();
    let checkout_id = two_tabs(&world);
    first_is_unpaid(&world, &checkout_id);
    let mut address = super::world::address();
    address["city"] = json!("Elsewhere");
    let body = json!({ "amazonCheckoutSessionId": OTHER_SESSION, "shippingAddress": address });
    let answer = world.call("POST", &format!("/v1/checkouts/{checkout_id}/complete"), &body.to_string());
    assert_eq!((answer.status, answer.json()["reason"].clone()), (402, json!("AddressDrift")));
    assert_eq!(world.amazon.charge_count(), 0);
}

#[test]
fn two_who_ask_at_the_same_time_and_a_process_that_dies_send_it_once() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = two_tabs(&world);
        first_is_unpaid(&world, &checkout_id);
        let (one, other) = world.run(join(
            world.completing(&checkout_id, OTHER_SESSION),
            world.completing(&checkout_id, OTHER_SESSION),
        ));
        assert_eq!((one.verdict(), other.verdict()), (paid(), paid()));
        assert_eq!(world.amazon.arrived("finalize").len(), 2);

        let mut world = World::new(engine);
        let checkout_id = two_tabs(&world);
        first_is_unpaid(&world, &checkout_id);
        world.amazon.fault("session", Fault::HangBefore);
        world.complete_and_crash(&checkout_id, OTHER_SESSION);
        world.restart();
        world.let_pass(MINUTE);
        assert_eq!(world.attempts(&checkout_id), ["NotPaid", "Completed"]);
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

#[test]
fn of_three_tabs_the_newest_goes_first_and_the_other_shares_its_outcome() {
    let world = World::in_memory();
    let checkout_id = two_tabs(&world);
    world.amazon.open("s3", session_for(&order(), "s3", &checkout_id));
    world.let_pass(10 * SECOND);
    // The third tab comes while the second is being compared, and is set aside with it.
    let answer = world.complete(&checkout_id, OTHER_SESSION);
    assert_eq!(answer.verdict(), paid());
    assert_eq!(world.complete(&checkout_id, "s3").verdict(), paid());
    assert_eq!(world.attempts(&checkout_id), ["NotPaid", "Completed", "Surplus"]);
    assert_eq!(world.amazon.charge_count(), 1);
}
