//! A session that is completed before its buyer has approved it, and whose refusal Amazon keeps under the key: it is
//! paid under another key once its buyer has approved it, even if Amazon shows a permission from then on.

use std::time::Duration;

use serde_json::json;

use super::amazon::Fault;
use super::world::{ENGINES, OTHER_SESSION, SESSION, World, order, session_for};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn checking() -> (u16, String) {
    (202, "checking".to_owned())
}

fn paid() -> (u16, String) {
    (200, "paid".to_owned())
}

/// An order whose first Finalize is refused because its buyer has not approved the session, in a world in which
/// Amazon keeps refusals under their keys.
fn refused_for_good(world: &World) -> String {
    let checkout_id = world.placed(&order());
    world.amazon.save_errors();
    world.amazon.unapprove(SESSION);
    world.amazon.fault("finalize", Fault::refusal(422, "InvalidCheckoutSessionStatus"));
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking());
    checkout_id
}

fn keys(world: &World) -> Vec<String> {
    world.amazon.arrived("finalize").into_iter().map(|it| it.key.unwrap()).collect()
}

// Promise: B08
#[test]
fn a_session_that_is_approved_later_is_paid_under_a_new_key_whenever_amazon_shows_its_permission() {
    for engine in ENGINES {
        for before_approval in [Duration::ZERO, 3 * SECOND, MINUTE, 10 * MINUTE] {
            for until_asked in [MINUTE, 10 * MINUTE, 2 * HOUR] {
                let mut world = World::new(engine);
                let checkout_id = refused_for_good(&world);
                world.let_pass(before_approval);
                world.amazon.approve_with_permission(SESSION);
                if world.attempts(&checkout_id) == ["NotApproved"] {
                    // The first call after it finds the permission.
                    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking());
                }
                world.let_pass(until_asked);
                let name = format!("{before_approval:?} {until_asked:?}");
                assert_eq!(world.attempts(&checkout_id), ["InDoubt"], "{name}");
                let old = keys(&world);
                assert!(old.iter().all(|key| *key == old[0]), "{name}");
                world.restart();
                assert_eq!(world.complete(&checkout_id, SESSION).verdict(), paid(), "{name}");
                let sent = keys(&world);
                assert_eq!(sent.len(), old.len() + 1, "{name}");
                assert_ne!(sent.last(), old.last(), "{name}");
                assert_eq!(world.amazon.charge_count(), 1);
            }
        }
    }
}

#[test]
fn one_that_disagrees_now_is_not_sent_again_and_blocks_until_amazon_cancels_it() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = refused_for_good(&world);
        world.amazon.approve_with_permission(SESSION);
        world.amazon.change(SESSION, |session| {
            session["paymentDetails"]["chargeAmount"]["amount"] = json!("13.00");
        });
        world.let_pass(20 * MINUTE);
        let sent = keys(&world).len();
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking());
        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), checking());
        world.let_pass(HOUR);
        assert_eq!(keys(&world).len(), sent);
        assert_eq!(world.attempts(&checkout_id), ["InDoubt", "Surplus"]);
        world.amazon.cancel(SESSION, "Expired");
        world.let_pass(HOUR);
        assert_eq!(world.attempts(&checkout_id)[0], "NotPaid");
    }
}

#[test]
fn an_answer_that_is_lost_among_the_refusals_leaves_it_under_its_key() {
    for fault in [Fault::LostBefore, Fault::HangBefore, Fault::refusal(429, "TooManyRequests")] {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.save_errors();
        world.amazon.unapprove(SESSION);
        world.amazon.fault("finalize", fault.clone());
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking());
        world.amazon.fault("finalize", Fault::refusal(422, "InvalidCheckoutSessionStatus"));
        world.let_pass(MINUTE);
        world.amazon.change(SESSION, |session| session["chargePermissionId"] = json!("S01-5105180-9000001"));
        world.let_pass(10 * MINUTE);
        let known: Vec<String> = keys(&world);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking(), "{fault:?}");
        world.let_pass(MINUTE);
        assert!(keys(&world).iter().all(|key| known.contains(key)), "{fault:?}");
        assert_eq!(world.attempts(&checkout_id), ["InDoubt"], "{fault:?}");
    }
}

#[test]
fn a_decline_under_the_second_key_ends_it_and_the_next_session_is_paid() {
    for engine in ENGINES {
        for code in ["SoftDeclined", "HardDeclined", "AmazonRejected"] {
            let mut world = World::new(engine);
            let checkout_id = refused_for_good(&world);
            world.let_pass(MINUTE);
            assert_eq!(world.attempts(&checkout_id), ["NotApproved"]);
            world.amazon.approve(SESSION);
            world.amazon.fault("finalize", Fault::Declined(code));
            let declined = world.complete(&checkout_id, SESSION);
            assert_eq!(declined.verdict(), (402, "notPaid".to_owned()), "{code}");
            assert_eq!(declined.json()["reason"], code);
            world.restart();
            let looks = world.amazon.arrived("session").len();
            world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
            assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), paid(), "{code}");
            // The declined session was looked at once more.
            let asked = world.amazon.arrived("session");
            assert!(asked[looks..].iter().any(|it| it.path.contains(SESSION)), "{code}");
            assert_eq!(world.amazon.charge_count(), 1);
        }
    }
}

#[test]
fn a_decline_under_the_second_key_that_was_false_is_found_before_another_session_is_paid() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = refused_for_good(&world);
        world.let_pass(MINUTE);
        world.amazon.approve(SESSION);
        let false_word =
            Fault::AnswerAfter(422, json!({ "reasonCode": "HardDeclined", "message": "canary" }));
        world.amazon.fault("finalize", false_word);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict().0, 402);
        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), checking());
        world.let_pass(10 * MINUTE);
        assert_eq!(world.amazon.charge_count(), 1, "nothing is paid twice");
        assert_eq!(world.checkout(&checkout_id)["reason"], "Contradicted");
    }
}

#[test]
fn a_second_key_that_could_not_leave_blocks_no_other_session() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = refused_for_good(&world);
        world.let_pass(MINUTE);
        for _ in 0..40 {
            world.amazon.fault("finalize", Fault::NotSent);
        }
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), checking());
        // The buyer leaves while nothing can be sent.
        world.let_pass(30 * MINUTE);
        world.amazon.forget_faults();
        world.restart();
        assert_eq!(world.attempts(&checkout_id), ["NotApproved"]);
        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), paid());
        assert_eq!(world.attempts(&checkout_id), ["NotApproved", "Completed"]);
        assert_eq!(world.amazon.charge_count(), 1);
    }
}
