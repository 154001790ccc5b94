//! A refusal alone is not enough to send another session: the session that was refused is looked at first.

use std::pin::pin;
use std::time::Duration;

use countersign_world::Clock as _;
use futures_util::future::{Either, join, select};
use serde_json::json;

use super::amazon::Fault;
use super::world::{ENGINES, OTHER_SESSION, SESSION, World, order, session_for, waiting_order};

const THIRD_SESSION: &str = "3cca3d1d-2001-4000-8000-000000000003";
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn paid() -> (u16, String) {
    (200, "paid".to_owned())
}

/// An order whose first session was refused like this, and whose buyer has another one.
fn refused(world: &World, fault: Fault) -> String {
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", fault);
    assert_eq!(world.complete(&checkout_id, SESSION).json()["outcome"], "notPaid");
    world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
    checkout_id
}

// Promise: B06
#[test]
fn a_decline_that_ended_its_session_lets_the_next_one_be_paid_at_once() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = refused(&world, Fault::Declined("SoftDeclined"));
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), paid());
        // The session that was declined was looked at once.
        let looks = world.amazon.arrived("session").into_iter().filter(|it| it.path.contains(SESSION));
        assert_eq!(looks.count(), 2);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (402, "notPaid".to_owned()));
    }
}

#[test]
fn a_decline_that_leaves_its_session_open_lets_the_next_one_go_after_three_looks_over_a_minute() {
    for engine in ENGINES {
        for code in ["SoftDeclined", "HardDeclined", "AmazonRejected"] {
            let mut world = World::new(engine);
            let checkout_id = refused(&world, Fault::refusal(422, code));
            let first = world.complete(&checkout_id, OTHER_SESSION).verdict();
            assert_eq!(first, (202, "checking".to_owned()), "{code}");
            // The same session keeps its outcome, without waiting.
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (402, "notPaid".to_owned()));
            world.restart();
            world.let_pass(50 * SECOND);
            assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), paid(), "{code}");
            assert_eq!(world.attempts(&checkout_id), ["NotPaid", "Completed"]);
            assert_eq!(world.amazon.charge_count(), 1);
        }
    }
}

#[test]
fn a_refusal_that_was_false_is_found_before_another_session_is_paid() {
    for engine in ENGINES {
        for (status, code) in [(422, "HardDeclined"), (409, "AmountMismatch"), (400, "InvalidParameterValue")]
        {
            let world = World::new(engine);
            let false_word = Fault::AnswerAfter(status, json!({ "reasonCode": code, "message": "canary" }));
            let checkout_id = refused(&world, false_word);
            assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict().0, 202);
            world.let_pass(5 * MINUTE);
            assert_eq!(world.amazon.charge_count(), 1, "{code}: nothing is paid twice");
            let shown = world.checkout(&checkout_id);
            assert_eq!((&shown["state"], &shown["reason"]), (&json!("checking"), &json!("Contradicted")));
        }
    }
}

#[test]
fn while_the_refused_session_is_not_shown_the_next_one_waits() {
    for engine in ENGINES {
        for fault in [
            Fault::refusal(503, "ServiceUnavailable"),
            Fault::refusal(404, "ResourceNotFound"),
            Fault::LostBefore,
        ] {
            let world = World::new(engine);
            let checkout_id = refused(&world, Fault::Declined("HardDeclined"));
            // The other session is shown, and the refused one is not.
            world.amazon.fault("session", Fault::Nothing);
            world.amazon.fault("session", fault.clone());
            world.amazon.goes_down("session");
            assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict().1, "checking", "{fault:?}");
            assert_eq!(world.amazon.charge_count(), 0);
            world.amazon.comes_back();
            world.let_pass(MINUTE);
            assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), paid());
        }
    }
}

#[test]
fn a_refused_session_that_is_completed_without_a_charge_is_for_a_person_and_nothing_more_is_paid() {
    for engine in ENGINES {
        for (intent, look) in [
            ("Confirm", Fault::Nothing),
            ("Confirm", Fault::WithoutIds),
            ("Authorize", Fault::WithoutIds),
            ("AuthorizeWithCapture", Fault::WithoutIds),
        ] {
            let world = World::new(engine);
            let mut order = order();
            order["paymentDetails"]["paymentIntent"] = json!(intent);
            let checkout_id = world.placed(&order);
            let false_word = Fault::AnswerAfter(422, json!({ "reasonCode": "HardDeclined" }));
            world.amazon.fault("finalize", false_word);
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (402, "notPaid".to_owned()));
            world.amazon.open(OTHER_SESSION, session_for(&order, OTHER_SESSION, &checkout_id));
            // The other session is shown, and then the refused one.
            world.amazon.fault("session", Fault::Nothing);
            world.amazon.fault("session", look.clone());
            let answer = world.complete(&checkout_id, OTHER_SESSION);
            assert_eq!(answer.verdict(), (202, "checking".to_owned()), "{intent}");
            world.let_pass(600 * MINUTE);
            assert_eq!(world.amazon.arrived("finalize").len(), 1, "{intent}");
            assert_eq!(world.attempts(&checkout_id), ["Unresolved", "Surplus"]);
            let shown = world.checkout(&checkout_id);
            assert_eq!(
                (&shown["state"], &shown["reason"]),
                (&json!("checking"), &json!("CompletedElsewhere")),
                "{intent}"
            );
        }
    }
}

#[test]
fn of_several_declined_sessions_that_stay_open_all_are_looked_at_in_the_same_minute() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = refused(&world, Fault::Declined("SoftDeclined"));
        world.amazon.fault("finalize", Fault::refusal(422, "SoftDeclined"));
        assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), (402, "notPaid".to_owned()));
        // Amazon shows both open again.
        world.amazon.open(SESSION, session_for(&order(), SESSION, &checkout_id));
        world.amazon.open(THIRD_SESSION, session_for(&order(), THIRD_SESSION, &checkout_id));
        assert_eq!(world.complete(&checkout_id, THIRD_SESSION).verdict(), (202, "checking".to_owned()));
        world.let_pass(50 * SECOND);
        assert_eq!(world.complete(&checkout_id, THIRD_SESSION).verdict(), paid());
    }
}

// Promise: B06
#[test]
fn a_success_that_comes_after_its_attempt_was_called_unpaid_is_contradicted_and_nothing_more_is_sent() {
    for engine in ENGINES {
        for order in [order(), waiting_order()] {
            let world = World::new(engine);
            let checkout_id = world.placed(&order);
            world.amazon.fault("finalize", Fault::LostBefore);
            world.amazon.fault("finalize", Fault::Late);
            let completing = world.completing(&checkout_id, SESSION);
            let answer = {
                // While the answer to the second send is on its way, Amazon shows the session Canceled.
                let expiring = async {
                    world.time.sleep(SECOND / 2).await;
                    world.amazon.cancel(SESSION, "Expired");
                };
                let both = pin!(join(completing, expiring));
                let timers = pin!(world.merchant().timers());
                match world.run(select(both, timers)) {
                    Either::Left(((answer, ()), _)) => answer,
                    Either::Right(_) => panic!("the timers ended"),
                }
            };
            assert_eq!(answer.verdict(), (202, "checking".to_owned()));
            assert_eq!(answer.json()["reason"], "Contradicted");
            let kinds: Vec<_> = world.facts().iter().map(|fact| fact["type"].clone()).collect();
            assert_eq!(kinds, ["attempt.notPaid", "payment.contradicted"]);
            assert_eq!(world.checkout(&checkout_id)["needsPerson"], json!(["contradicted"]));
            assert!(!world.fulfilment(&checkout_id).0);
            world.amazon.open(OTHER_SESSION, session_for(&order, OTHER_SESSION, &checkout_id));
            assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict(), (202, "checking".to_owned()));
            world.skip(49 * 60 * MINUTE);
            assert_eq!(world.amazon.arrived("finalize").len(), 2, "no other session is sent");
            assert_eq!(world.checkout(&checkout_id)["needsPerson"], json!(["contradicted"]));
            let charge = world.amazon.arrived("charge").pop().expect("looks go on").path;
            world.amazon.decide(charge.trim_start_matches("charges/"), "Canceled");
            world.skip(25 * 60 * MINUTE);
            assert_eq!(world.checkout(&checkout_id)["needsPerson"], json!([]));
            assert_eq!(world.facts().last().unwrap()["type"], "payment.settled");
            world.amazon.open(THIRD_SESSION, session_for(&order, THIRD_SESSION, &checkout_id));
            assert_eq!(world.complete(&checkout_id, THIRD_SESSION).status, 200, "the buyer pays again");
        }
    }
}
