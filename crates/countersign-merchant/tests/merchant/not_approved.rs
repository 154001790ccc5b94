//! A session that is handed over before its buyer has approved it: Amazon refuses every Finalize, and shows it
//! open. It blocks no other session, is never called unpaid, and is paid once its buyer comes back.

use std::time::Duration;

use serde_json::json;

use super::amazon::Fault;
use super::world::{ENGINES, OTHER_SESSION, SESSION, World, order, session_for, usd};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn checking() -> (u16, String) {
    (202, "checking".to_owned())
}

fn paid() -> (u16, String) {
    (200, "paid".to_owned())
}

/// An order whose session was handed over before it was approved, and is proved not to be.
fn handed_over(world: &World) -> String {
    let checkout_id = world.placed(&order());
    world.amazon.unapprove(SESSION);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking());
    world.let_pass(10 * SECOND);
    assert_eq!(world.attempts(&checkout_id), ["NotApproved"]);
    checkout_id
}

/// The buyer comes back with another session, which they have approved.
fn another_session(world: &World, checkout_id: &str) {
    world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, checkout_id));
}

fn keys(world: &World) -> Vec<String> {
    world.amazon.arrived("finalize").into_iter().map(|it| it.key.unwrap()).collect()
}

// Promise: B08, D04
#[test]
fn a_session_that_is_not_approved_blocks_no_other_and_is_never_called_unpaid() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = handed_over(&world);
        // Asked for again, it is sent once more, and is in doubt for some seconds.
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking());
        assert_eq!(world.attempts(&checkout_id), ["InDoubt"]);
        world.let_pass(10 * SECOND);
        assert_eq!(world.attempts(&checkout_id), ["NotApproved"]);
        let shown = world.checkout(&checkout_id);
        assert_eq!((&shown["state"], &shown["reason"]), (&json!("checking"), &json!("NotApproved")));
        assert_eq!(world.fulfilment(&checkout_id), (false, "Checking".to_owned()));
        assert!(world.facts().is_empty());
        world.restart();
        another_session(&world, &checkout_id);
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), paid());
        assert_eq!(world.attempts(&checkout_id), ["NotApproved", "Completed"]);
        assert_eq!(world.checkout(&checkout_id)["state"], "paid");
        // The session ends at Amazon, not by this machine's clock.
        world.skip(2 * DAY);
        assert_eq!(world.attempts(&checkout_id), ["NotApproved", "Completed"]);
        world.amazon.cancel(SESSION, "Expired");
        world.skip(2 * DAY);
        assert_eq!(world.attempts(&checkout_id), ["NotPaid", "Completed"]);
        assert_eq!(world.checkout(&checkout_id)["state"], "paid");
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

#[test]
fn the_buyer_who_approves_it_and_comes_back_is_paid_under_a_new_key_even_if_refusals_are_kept_under_the_old()
{
    for engine in ENGINES {
        for (keeps_refusals, after) in [(false, MINUTE), (true, MINUTE), (true, 2 * HOUR)] {
            let mut world = World::new(engine);
            let checkout_id = world.placed(&order());
            if keeps_refusals {
                world.amazon.save_errors();
                world.amazon.fault("finalize", Fault::refusal(422, "InvalidCheckoutSessionStatus"));
            } else {
                world.amazon.unapprove(SESSION);
            }
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking());
            world.let_pass(after);
            assert_eq!(world.attempts(&checkout_id), ["NotApproved"]);
            let before = keys(&world);
            world.amazon.approve(SESSION);
            world.restart();
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), paid());
            let after = keys(&world);
            assert_eq!(after.len(), before.len() + 1);
            assert!(!before.contains(after.last().unwrap()), "the new bytes went under a new key");
            assert_eq!(world.amazon.charge_count(), 1);
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), paid());
        }
    }
}

#[test]
fn anything_but_whole_refusals_leaves_it_in_doubt_and_the_other_session_waits() {
    let other = [
        Fault::LostBefore,
        Fault::HangBefore,
        Fault::refusal(400, "DuplicateIdempotencyKey"),
        Fault::refusal(404, "ResourceNotFound"),
        Fault::refusal(500, "InternalServerError"),
        Fault::refusal(422, "InvalidChargeStatus"),
        Fault::Answer(422, json!({ "message": "canary" })),
        Fault::Stray(422, r#"{"reasonCode":"InvalidCheckoutSessionStatus"}"#),
    ];
    for fault in other {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.unapprove(SESSION);
        world.amazon.fault("finalize", fault.clone());
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking());
        world.let_pass(10 * MINUTE);
        assert_eq!(world.attempts(&checkout_id), ["InDoubt"], "{fault:?}");
        another_session(&world, &checkout_id);
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), checking());
        assert_eq!(world.attempts(&checkout_id), ["InDoubt", "Surplus"], "{fault:?}");
        assert_eq!(world.amazon.charge_count(), 0);
    }
}

#[test]
fn it_blocks_until_the_pauses_are_over() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.unapprove(SESSION);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking());
    world.let_pass(4 * SECOND);
    assert_eq!(world.attempts(&checkout_id), ["InDoubt"]);
    assert_eq!(world.checkout(&checkout_id)["reason"], json!(null));
    let terms = json!({ "termsVersion": 1, "productType": "PayAndShip",
        "paymentDetails": { "paymentIntent": "AuthorizeWithCapture", "chargeAmount": usd("15.00") } });
    let path = format!("/v1/checkouts/{checkout_id}/terms");
    assert_eq!(world.call("PUT", &path, &terms.to_string()).status, 409);
    world.let_pass(6 * SECOND);
    assert_eq!(world.call("PUT", &path, &terms.to_string()).status, 200);
    // The session has the old amount: it is not paid under the new terms, and not called unpaid.
    world.amazon.approve(SESSION);
    let sent = keys(&world).len();
    let answer = world.complete(&checkout_id, SESSION);
    assert_eq!((answer.verdict(), answer.json()["reason"].clone()), (checking(), json!("NotApproved")));
    assert_eq!(keys(&world).len(), sent);
}

#[test]
fn an_order_is_canceled_at_once_and_a_copy_that_completes_the_session_later_is_undone() {
    for engine in ENGINES {
        let world = World::with_keys(engine, Some("Honoured"));
        let checkout_id = handed_over(&world);
        let answer = world.ask(&checkout_id, "cancel", &json!({ "reference": "c" }));
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(world.checkout(&checkout_id)["state"], "canceled");
        let sent = keys(&world).len();
        // Nobody is charged for a canceled order.
        world.amazon.approve(SESSION);
        world.complete(&checkout_id, SESSION);
        assert_eq!(keys(&world).len(), sent);
        world.amazon.executes_a_copy(SESSION);
        world.skip(DAY);
        assert_eq!(world.amazon.money(), "held 0, captured 1400, refunded 1400");
    }
}

#[test]
fn before_another_session_is_sent_it_is_looked_at_and_a_late_copy_is_the_payment() {
    for engine in ENGINES {
        let world = World::with_keys(engine, Some("Honoured"));
        let checkout_id = handed_over(&world);
        world.amazon.executes_a_copy(SESSION);
        another_session(&world, &checkout_id);
        world.complete(&checkout_id, OTHER_SESSION);
        world.let_pass(MINUTE);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), paid());
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), paid());
        assert_eq!(world.attempts(&checkout_id), ["Completed", "Surplus"]);
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

#[test]
fn while_amazon_does_not_show_it_the_other_session_waits() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = handed_over(&world);
        let sent = keys(&world).len();
        another_session(&world, &checkout_id);
        // The other session is shown, and the first one is not.
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.goes_down("session");
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), checking());
        assert_eq!(keys(&world).len(), sent);
        world.restart();
        world.amazon.comes_back();
        world.let_pass(MINUTE);
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), paid());
    }
}

// Promise: B06
#[test]
fn a_late_copy_beside_another_payment_is_a_second_payment_and_nothing_ships() {
    for engine in ENGINES {
        let mut world = World::with_keys(engine, Some("Honoured"));
        let checkout_id = handed_over(&world);
        another_session(&world, &checkout_id);
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), paid());
        world.amazon.executes_a_copy(SESSION);
        world.skip(2 * HOUR);
        world.restart();
        world.skip(2 * DAY);
        assert_eq!(world.attempts(&checkout_id), ["Surplus", "Completed"]);
        let shown = world.checkout(&checkout_id);
        assert_eq!(shown["state"], "paid", "it is paid all the same");
        assert_eq!(shown["needsPerson"], json!(["unexplained"]));
        assert_eq!(world.fulfilment(&checkout_id), (false, "Unexplained".to_owned()));
        let facts = world.facts();
        let of_type = |kind: &str| facts.iter().filter(|it| it["type"] == kind).collect::<Vec<_>>();
        assert!(of_type("payment.contradicted").is_empty());
        let told = of_type("payment.unexplained");
        assert!(
            matches!(told[..], [fact] if fact["reason"] == "PaidTwice" && fact["attempt"] == 1
                && fact["amount"] == usd("14.00")),
            "{told:?}"
        );
        assert_eq!(world.amazon.charge_count(), 2);
        assert_eq!(world.amazon.refund_count(), 0, "only persons return it");
    }
}

#[test]
fn two_who_ask_for_it_again_at_the_same_time_send_it_once() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = handed_over(&world);
        let sent = keys(&world).len();
        world.amazon.approve(SESSION);
        let both = futures_util::future::join(
            world.completing(&checkout_id, SESSION),
            world.completing(&checkout_id, SESSION),
        );
        let (one, other) = world.run(both);
        assert_eq!((one.verdict(), other.verdict()), (paid(), paid()));
        assert_eq!(keys(&world).len(), sent + 1);
    }
}
