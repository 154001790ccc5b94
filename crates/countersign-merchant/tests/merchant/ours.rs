//! Whose payment it is when Amazon shows a session Completed: that of another client of the account is never paid
//! or shippable here, and one of ours whose answer was lost ends paid.

use std::time::Duration;

use countersign_merchant::settings::{Integration, Policy};
use serde_json::{Value, json};

use super::amazon::Fault;
use super::logs::logged;
use super::proving::facts_of_type;
use super::world::{ENGINES, Engine, OTHER_SESSION, SESSION, World, order, session_for};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
const KNOWN: [&str; 3] = ["Unknown", "Honoured", "NotHonoured"];
const INTENTS: [(&str, &str); 3] =
    [("Confirm", "confirmed"), ("Authorize", "authorized"), ("AuthorizeWithCapture", "paid")];

fn not_approved() -> Fault {
    Fault::refusal(422, "InvalidCheckoutSessionStatus")
}

/// An Amazon that treats keys as it is known here.
fn world_of(engine: Engine, known: &str) -> World {
    let world = World::with_keys(engine, Some(known));
    if known == "NotHonoured" {
        world.amazon.ignore_keys();
    }
    world
}

fn order_of(intent: &str) -> Value {
    let mut order = order();
    order["paymentDetails"]["paymentIntent"] = json!(intent);
    order
}

/// Nothing says that the order is paid, now or later.
fn is_not_ours(world: &mut World, id: &str, why: &str) {
    for _ in 0..2 {
        let shown = world.complete(id, SESSION);
        assert_eq!(shown.verdict(), (202, "checking".to_owned()), "{why}");
        assert_eq!(shown.json()["reason"], "CompletedElsewhere", "{why}");
        assert_eq!(shown.json()["chargeId"], Value::Null, "{why}");
        assert!(!world.fulfilment(id).0, "{why}");
        assert_eq!(world.attempts(id), ["Unresolved"], "{why}");
        world.restart();
        world.skip(3 * DAY);
    }
}

// Promise: B08, B09, D18
#[test]
fn a_session_that_was_refused_here_and_completed_by_another_client_is_never_paid_here() {
    for engine in ENGINES {
        for known in KNOWN {
            for (intent, _) in INTENTS {
                let mut world = world_of(engine, known);
                let id = world.placed(&order_of(intent));
                for _ in 0..2 {
                    world.amazon.fault("finalize", not_approved());
                }
                assert_eq!(world.complete(&id, SESSION).verdict(), (202, "checking".to_owned()));
                world.restart();
                world.amazon.is_finalized_elsewhere(SESSION, intent);
                let lines = logged(|| world.skip(HOUR));
                let errors = lines.iter().filter(|line| line.contains("CompletedElsewhere"));
                assert_eq!(errors.count(), 1, "{lines:?}");
                is_not_ours(&mut world, &id, &format!("{known} {intent}"));
            }
        }
    }
}

#[test]
fn what_left_after_a_refusal_and_was_lost_does_not_prove_that_it_was_ours() {
    for known in KNOWN {
        let mut world = world_of(Engine::Memory, known);
        let id = world.placed(&order());
        world.amazon.fault("finalize", not_approved());
        world.amazon.fault("finalize", Fault::LostBefore);
        assert_eq!(world.complete(&id, SESSION).verdict(), (202, "checking".to_owned()));
        world.restart();
        world.amazon.is_finalized_elsewhere(SESSION, "AuthorizeWithCapture");
        world.skip(HOUR);
        is_not_ours(&mut world, &id, known);
    }
}

#[test]
fn a_lost_send_of_a_session_that_another_client_completed_is_found_out_where_keys_are_honoured() {
    let mut world = world_of(Engine::Memory, "Honoured");
    let id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostBefore);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    assert_eq!(world.complete(&id, SESSION).verdict(), (202, "checking".to_owned()));
    world.amazon.is_finalized_elsewhere(SESSION, "AuthorizeWithCapture");
    world.amazon.comes_back();
    world.skip(HOUR);
    is_not_ours(&mut world, &id, "the key was answered with a refusal");
}

#[test]
fn a_session_that_was_completed_before_anything_was_sent_is_adopted_only_by_the_sole_integration() {
    for engine in ENGINES {
        for (intent, outcome) in INTENTS {
            for integration in [Integration::OneOfSeveral, Integration::Sole] {
                let mut world = World::new(engine);
                world.policy = Policy { integration, ..Policy::default() };
                world.restart();
                let id = world.placed(&order_of(intent));
                world.amazon.is_finalized_elsewhere(SESSION, intent);
                let sole = integration == Integration::Sole;
                let answer = world.complete(&id, SESSION);
                let expected = if sole { (200, outcome) } else { (202, "checking") };
                assert_eq!(answer.verdict(), (expected.0, expected.1.to_owned()), "{intent}");
                assert!(world.amazon.arrived("finalize").is_empty());
                if !sole {
                    assert_eq!(answer.json()["reason"], "CompletedElsewhere");
                    // The operator says later that nobody else finalizes.
                    world.policy = Policy { integration: Integration::Sole, ..Policy::default() };
                    world.restart();
                    world.skip(2 * DAY);
                    assert_eq!(world.complete(&id, SESSION).verdict(), (200, outcome.to_owned()));
                }
            }
        }
    }
}

#[test]
fn even_the_sole_integration_adopts_only_what_names_this_order_and_its_amount() {
    let other_reference: fn(&mut Value) = |it| it["merchantMetadata"]["merchantReferenceId"] = json!("c9");
    let other_amount: fn(&mut Value) = |it| it["paymentDetails"]["chargeAmount"]["amount"] = json!("9.00");
    for (name, change) in [("reference", other_reference), ("amount", other_amount)] {
        let mut world = World::in_memory();
        world.policy = Policy { integration: Integration::Sole, ..Policy::default() };
        world.restart();
        let id = world.placed(&order());
        world.amazon.is_finalized_elsewhere(SESSION, "AuthorizeWithCapture");
        if name == "reference" {
            world.amazon.change(SESSION, |session| change(&mut session["wasOpen"]));
        } else {
            let charge = "S01-5105180-0000001-C000001";
            world.amazon.change_charge(charge, |it| it["chargeAmount"]["amount"] = json!("9.00"));
        }
        world.complete(&id, SESSION);
        world.skip(3 * DAY);
        let answer = world.complete(&id, SESSION);
        assert_eq!(answer.verdict(), (202, "checking".to_owned()), "{name}");
        assert_eq!(answer.json()["reason"], "Contradicted", "{name}");
        assert!(!world.fulfilment(&id).0, "{name}");
        let told = facts_of_type(&world, "payment.contradicted");
        assert_eq!(told.len(), 1, "{name}: {told:?}");
    }
}

// Promise: B07, D18
#[test]
fn a_payment_of_ours_whose_answer_was_lost_ends_paid_whatever_is_known_of_the_keys() {
    for engine in ENGINES {
        for known in KNOWN {
            for (intent, outcome) in INTENTS {
                let mut world = world_of(engine, known);
                let id = world.placed(&order_of(intent));
                world.amazon.fault("finalize", Fault::LostAfter);
                assert_eq!(world.complete(&id, SESSION).verdict(), (200, outcome.to_owned()), "{known}");
                let sent = if known == "NotHonoured" { 1 } else { 2 };
                assert_eq!(world.amazon.arrived("finalize").len(), sent, "{known}");
                world.restart();
                assert_eq!(world.complete(&id, SESSION).verdict(), (200, outcome.to_owned()), "{known}");
            }
        }
    }
}

#[test]
fn the_last_step_is_taken_again_until_it_is_answered_and_a_crash_loses_nothing() {
    for silence in [Fault::LostBefore, Fault::LostAfter, Fault::refusal(503, "ServiceUnavailable")] {
        for known in ["Unknown", "Honoured"] {
            let mut world = world_of(Engine::Sqlite, known);
            let id = world.placed(&order());
            world.amazon.fault("finalize", Fault::LostAfter);
            for _ in 0..3 {
                world.amazon.fault("finalize", silence.clone());
            }
            assert_eq!(world.complete(&id, SESSION).verdict(), (202, "checking".to_owned()));
            world.restart();
            world.skip(HOUR);
            assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()), "{silence:?}");
            let keys: Vec<_> = world.amazon.arrived("finalize").into_iter().map(|it| it.key).collect();
            assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
            assert_eq!(world.amazon.charge_count(), 1);
        }
    }
}

#[test]
fn a_last_step_that_is_never_answered_ends_by_what_was_sent_before() {
    let mut world = world_of(Engine::Memory, "Honoured");
    let id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    for _ in 0..5 {
        world.amazon.fault("finalize", Fault::refusal(500, "InternalServerError"));
    }
    world.complete(&id, SESSION);
    world.restart();
    world.skip(HOUR);
    assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()));
    assert_eq!(world.amazon.arrived("finalize").len(), 6);
}

#[test]
fn a_success_with_other_ids_than_the_session_shows_is_a_contradiction_until_both_agree() {
    let world = World::in_memory();
    let id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    let other = json!({ "checkoutSessionId": SESSION, "statusDetails": { "state": "Completed" },
        "chargePermissionId": "S01-5105180-0000009", "chargeId": "S01-5105180-0000009-C000009" });
    world.amazon.fault("finalize", Fault::AnswerAfter(200, other));
    let answer = world.complete(&id, SESSION);
    assert_eq!(answer.verdict(), (202, "checking".to_owned()));
    assert_eq!(answer.json()["reason"], "Contradicted");
    world.skip(3 * DAY);
    assert_eq!(world.complete(&id, SESSION).json()["reason"], "Contradicted");
    let told = facts_of_type(&world, "payment.contradicted");
    assert_eq!((told.len(), &told[0]["reason"]), (1, &json!("IdsDiffer")));
    assert!(!world.fulfilment(&id).0);
}

#[test]
fn a_charge_that_answers_for_another_is_a_contradiction() {
    let charge = "S01-5105180-0000001-C000001";
    let misname = |world: &World| {
        world.amazon.change_charge(charge, |it| it["chargeId"] = json!("S01-5105180-0000001-C000007"));
    };
    // After a success.
    let world = World::in_memory();
    let id = world.placed(&order());
    assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()));
    misname(&world);
    world.let_pass(2 * MINUTE);
    assert_eq!(world.complete(&id, SESSION).json()["reason"], "Contradicted");
    assert_eq!(world.fulfilment(&id), (false, "Contradicted".to_owned()));
    assert_eq!(facts_of_type(&world, "payment.contradicted")[0]["reason"], "IdsDiffer");
    world.amazon.change_charge(charge, |it| it["chargeId"] = json!(charge));
    world.skip(2 * DAY);
    assert_eq!(world.fulfilment(&id), (true, "Captured".to_owned()));
    // After a lost answer.
    let world = World::in_memory();
    let id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
    world.complete(&id, SESSION);
    misname(&world);
    world.skip(HOUR);
    assert_eq!(world.complete(&id, SESSION).json()["reason"], "Contradicted");
    assert!(!world.fulfilment(&id).0);
}

#[test]
fn a_confirmed_order_needs_the_permission_that_its_session_names() {
    fn limited(world: &World, limit: &str) {
        let limits = json!({ "amountLimit": { "amount": limit, "currencyCode": "USD" } });
        world.amazon.show_of_permission("S01-5105180-0000001", json!({ "limits": limits }));
    }
    type Change = fn(&World);
    let closed: Change = |world| world.amazon.close_elsewhere("S01-5105180-0000001");
    let renamed: Change = |world| {
        world.amazon.change(SESSION, |session| {
            session["wasOpen"]["merchantMetadata"]["merchantReferenceId"] = json!("another-order");
        });
    };
    let higher: Change = |world| limited(world, "14.01");
    let lower: Change = |world| limited(world, "13.99");
    for (change, reason) in [
        (closed, "StateDiffers"),
        (renamed, "ReferenceDiffers"),
        (higher, "ChargeAmountDiffers"),
        (lower, "ChargeAmountDiffers"),
    ] {
        let world = World::in_memory();
        let id = world.placed(&order_of("Confirm"));
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
        world.complete(&id, SESSION);
        change(&world);
        world.skip(HOUR);
        assert_eq!(world.complete(&id, SESSION).verdict(), (202, "checking".to_owned()), "{reason}");
        assert_eq!(facts_of_type(&world, "payment.contradicted")[0]["reason"], reason);
    }
}

#[test]
fn a_confirmed_order_waits_for_a_permission_that_shows_its_limit() {
    for engine in ENGINES {
        for limits in [Value::Null, json!({}), json!({ "amountLimit": { "amount": "a lot" } })] {
            let mut world = World::new(engine);
            let id = world.placed(&order_of("Confirm"));
            world.amazon.show_of_permission("S01-5105180-0000001", json!({ "limits": limits }));
            world.amazon.fault("finalize", Fault::LostAfter);
            assert_eq!(world.complete(&id, SESSION).verdict(), (202, "checking".to_owned()), "{limits}");
            world.restart();
            world.skip(HOUR);
            assert_eq!(world.complete(&id, SESSION).verdict(), (202, "checking".to_owned()), "{limits}");
            assert!(facts_of_type(&world, "payment.contradicted").is_empty(), "{limits}");
            world.amazon.show_of_permission("S01-5105180-0000001", json!({}));
            world.skip(2 * HOUR);
            assert_eq!(world.complete(&id, SESSION).verdict(), (200, "confirmed".to_owned()), "{limits}");
        }
    }
}

#[test]
fn whether_keys_are_honoured_is_found_out_once_a_week_and_nobody_waits_for_it() {
    for engine in ENGINES {
        for (ignores, sends) in [(false, 2), (true, 1)] {
            let mut world = World::with_keys(engine, None);
            if ignores {
                world.amazon.ignore_keys();
            }
            let id = world.placed(&order());
            let lines = logged(|| {
                assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()));
                assert_eq!(world.amazon.arrived("finalize").len(), 1, "the buyer waits for no trial");
                world.restart();
                world.skip(11 * MINUTE);
            });
            let learned = if ignores { "NotHonoured" } else { "Honoured" };
            assert!(lines.iter().any(|line| line.contains(learned)), "{lines:?}");
            let sent = world.amazon.arrived("finalize");
            assert_eq!(sent.len(), 1 + sends, "{learned}");
            assert!(sent.iter().all(|it| it.body == sent[0].body));
            assert_eq!(sent[1].key, sent[0].key);
            assert!(sent.get(2).is_none_or(|it| it.key != sent[0].key));
            assert_eq!(world.amazon.charge_count(), 1, "a completed session is not paid again");
            // Other orders pay for no trial of their own until a week is over.
            for (days, session, trials) in [(1, OTHER_SESSION, 0), (7, "later", sends)] {
                world.skip(days * DAY);
                let before = world.amazon.arrived("finalize").len();
                let mut next = order();
                next["orderId"] = json!(session);
                let next_id = world.register(&next);
                world.amazon.open(session, session_for(&next, session, &next_id));
                assert_eq!(world.complete(&next_id, session).verdict(), (200, "paid".to_owned()));
                world.skip(11 * MINUTE);
                assert_eq!(world.amazon.arrived("finalize").len(), before + 1 + trials, "after {days} days");
            }
        }
    }
}

#[test]
fn a_trial_that_is_not_answered_is_tried_five_times_and_says_nothing() {
    let world = World::with_keys(Engine::Memory, None);
    let id = world.placed(&order());
    assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()));
    world.amazon.goes_down("finalize");
    world.skip(2 * DAY);
    assert_eq!(world.amazon.arrived("finalize").len(), 6);
    assert_eq!(world.complete(&id, SESSION).verdict(), (200, "paid".to_owned()));
}
