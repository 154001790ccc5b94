//! Crashes and stores that fail: every payment is found again, with its ids.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::amazon::Fault;
use super::logs::logged;
use super::world::{ENGINES, SESSION, World, failure_of, order};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_restart_in_doubt_takes_over_and_finds_the_payment() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::HangAfter);
        world.complete_and_crash(&checkout_id, SESSION);
        world.restart();
        assert_eq!(world.attempts(&checkout_id), ["InDoubt"], "immediately, not after the lease");
        world.let_pass(Duration::from_secs(1));
        let answer = world.complete(&checkout_id, SESSION);
        assert_eq!(answer.verdict(), (200, "paid".to_owned()));
        assert_eq!(answer.json()["chargeId"], "S01-5105180-0000001-C000001");
        assert_eq!(world.amazon.arrived("finalize").len(), 2, "the second proves whose payment it is");
    }
}

// Promise: B25
#[test]
fn a_restart_sends_the_same_bytes_under_the_same_key() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::HangBefore);
        world.complete_and_crash(&checkout_id, SESSION);
        world.restart();
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
        let sent = world.amazon.arrived("finalize");
        assert_eq!(sent.len(), 2);
        assert_eq!((&sent[0].key, &sent[0].body), (&sent[1].key, &sent[1].body));
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

// Promise: B02
#[test]
fn a_restart_before_the_send_continues_while_the_buyer_waits() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.fault("session", Fault::HangAfter);
        world.complete_and_crash(&checkout_id, SESSION);
        world.restart();
        assert_eq!(world.attempts(&checkout_id), ["Bound"]);
        world.let_pass(MINUTE);
        assert_eq!(world.attempts(&checkout_id), ["Completed"]);
        assert_eq!(world.amazon.arrived("finalize").len(), 1);
    }
}

#[test]
fn an_outage_of_hours_charges_nobody_afterwards() {
    for (operation, fault) in [("session", Fault::HangAfter), ("finalize", Fault::HangBefore)] {
        let mut world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.fault(operation, fault);
        world.complete_and_crash(&checkout_id, SESSION);
        let sent = world.amazon.arrived("finalize").len();
        world.time.advance(Duration::from_secs(3 * 3_600));
        world.restart();
        // The shop's repeated request comes first.
        let answer = world.complete(&checkout_id, SESSION);
        assert_ne!(answer.status, 200);
        world.let_pass(MINUTE);
        assert_eq!(world.amazon.arrived("finalize").len(), sent, "{operation}");
        assert_eq!(world.amazon.charge_count(), 0);
    }
}

#[test]
fn a_restart_during_a_pending_authorization_follows_it_to_its_end() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = world.placed(&super::world::waiting_order());
        world.amazon.fault("finalize", Fault::Pending);
        let pending = world.complete(&checkout_id, SESSION).json();
        world.restart();
        world.amazon.decide(pending["chargeId"].as_str().unwrap(), "Authorized");
        world.let_pass(MINUTE);
        let answer = world.complete(&checkout_id, SESSION);
        assert_eq!(answer.verdict(), (200, "authorized".to_owned()));
        assert_eq!(answer.json()["chargeId"], pending["chargeId"]);
    }
}

#[test]
fn what_was_answered_is_there_after_a_restart() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = world.placed(&order());
        let answer = world.complete(&checkout_id, SESSION);
        let shown = world.checkout(&checkout_id);
        world.restart();
        assert_eq!(world.complete(&checkout_id, SESSION), answer);
        assert_eq!(world.checkout(&checkout_id), shown);
        assert_eq!(world.call("POST", "/v1/checkouts", &order().to_string()).status, 200);
    }
}

// Promise: B04
#[test]
fn a_store_that_fails_after_the_answer_leaves_a_doubt_and_one_line_with_all_ids() {
    type Failure = fn(&super::store::WatchedStore, bool);
    let failures: [(&str, Failure); 2] = [
        ("full", |store, failing| store.hook.is_full.store(failing, Ordering::SeqCst)),
        ("away", |store, failing| store.hook.is_away.store(failing, Ordering::SeqCst)),
    ];
    for engine in ENGINES {
        for (name, fail) in failures {
            let world = World::new(engine);
            let checkout_id = world.placed(&order());
            let store = Arc::clone(&world.store);
            world.amazon.at_finalize(move || fail(&store, true));
            let began_at = world.time.now();
            let lines = logged(|| {
                assert_eq!(
                    world.complete(&checkout_id, SESSION).verdict(),
                    (202, "checking".to_owned()),
                    "{name}"
                );
            });
            assert_eq!(world.time.now(), began_at, "the caller does not wait for an answer that cannot come");
            let errors: Vec<_> = lines.iter().filter(|line| line.starts_with("ERROR")).collect();
            assert_eq!(errors.len(), 1, "{lines:?}");
            for id in ["1001", SESSION, "S01-5105180-0000001", "S01-5105180-0000001-C000001", &checkout_id] {
                assert!(errors[0].contains(id), "{id} in {}", errors[0]);
            }

            world.amazon.at_finalize(|| ());
            fail(&world.store, false);
            assert_eq!(world.attempts(&checkout_id), ["Finalizing"]);
            world.let_pass(MINUTE);
            let answer = world.complete(&checkout_id, SESSION);
            assert_eq!(answer.verdict(), (200, "paid".to_owned()));
            assert_eq!(answer.json()["chargeId"], "S01-5105180-0000001-C000001");
            assert_eq!(world.amazon.arrived("finalize").len(), 2, "the second proves whose payment it is");
        }
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_not_mistaken() {
    for engine in ENGINES {
        let world = World::new(engine);
        world.store.hook.loses_answers.store(true, Ordering::SeqCst);
        let checkout_id = world.placed(&order());
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
        assert_eq!(world.amazon.arrived("finalize").len(), 1);
        assert_eq!(
            world.timeline(&checkout_id),
            ["Registered", "SessionBound", "Approved", "FinalizeSent", "Completed"]
        );
    }
}

// Promise: B02
#[test]
fn a_store_that_fails_before_the_send_sends_nothing() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.store.hook.is_full.store(true, Ordering::SeqCst);
    let refused = world.complete(&checkout_id, SESSION);
    assert_eq!(refused.refusal(), (503, "Unavailable".to_owned(), None));
    assert!(world.amazon.arrived("session").is_empty());
    world.store.hook.is_full.store(false, Ordering::SeqCst);
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
}

#[test]
fn a_clock_that_is_set_back_during_a_restart_loses_no_timer() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::HangAfter);
        world.complete_and_crash(&checkout_id, SESSION);
        let back = world.time.now().minus(Duration::from_secs(30 * 86_400));
        world.time.set(back);
        world.restart();
        world.let_pass(Duration::from_secs(5));
        assert_eq!(world.attempts(&checkout_id), ["Completed"]);
    }
}

#[test]
fn a_success_that_a_look_up_finds_and_the_store_does_not_keep_is_one_line_with_all_ids() {
    for intent in ["Confirm", "AuthorizeWithCapture"] {
        let world = World::in_memory();
        let mut order = order();
        order["paymentDetails"]["paymentIntent"] = serde_json::json!(intent);
        let checkout_id = world.placed(&order);
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
        world.complete(&checkout_id, SESSION);
        let store = Arc::clone(&world.store);
        if intent == "Confirm" {
            // Taking the attempt up is written, but the result of the look-up is not.
            store.hook.commits_left.store(1, Ordering::SeqCst);
        } else {
            world.amazon.at_charge(move || store.hook.is_full.store(true, Ordering::SeqCst));
        }
        let lines = logged(|| world.let_pass(Duration::from_secs(2)));
        let told: Vec<_> = lines.iter().filter(|line| line.contains("could not be stored")).collect();
        assert_eq!(told.len(), 1, "{lines:?}");
        let charge = if intent == "Confirm" { "" } else { "S01-5105180-0000001-C000001" };
        for id in ["1001", SESSION, "S01-5105180-0000001", charge, &checkout_id] {
            assert!(told[0].contains(id), "{id} in {}", told[0]);
        }
        world.amazon.at_charge(|| ());
        world.store.hook.commits_left.store(usize::MAX, Ordering::SeqCst);
        world.store.hook.is_full.store(false, Ordering::SeqCst);
        world.let_pass(MINUTE);
        assert_eq!(world.attempts(&checkout_id), ["Completed"]);
    }
}

#[test]
fn a_charge_that_cannot_be_looked_up_is_logged() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("charge", Fault::refusal(403, "InvalidRequestSignature"));
    let lines = logged(|| {
        world.complete(&checkout_id, SESSION);
    });
    assert!(
        lines.iter().any(|line| line.starts_with("ERROR") && line.contains("Get Charge returned nothing")),
        "{lines:?}"
    );
}

#[test]
fn a_binding_that_is_indeterminate_is_answered_so_and_asking_again_gets_the_outcome() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.store.hook.keeps_silent.store(true, Ordering::SeqCst);
        let answer = world.complete(&checkout_id, SESSION);
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (503, Some("Indeterminate")));
        world.store.hook.keeps_silent.store(false, Ordering::SeqCst);
        world.let_pass(MINUTE);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
    }
}

#[test]
fn snapshots_that_hang_keep_no_doubt_waiting() {
    let world = World::in_memory();
    let numbered = |number: usize| {
        let mut order = order();
        order["orderId"] = serde_json::json!(format!("{number}"));
        order
    };
    let complete = |number: usize| {
        let checkout_id = world.register(&numbered(number));
        let session = format!("s{number}");
        world.amazon.open(&session, super::world::session_for(&order(), &session, &checkout_id));
        world.complete(&checkout_id, &session);
        checkout_id
    };
    world.amazon.falls_silent("permission");
    world.leaves_calls_unanswered();
    for number in 0..300 {
        complete(number);
    }
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
    let checkout_id = complete(300);
    world.let_pass(Duration::from_secs(3));
    assert_eq!(world.attempts(&checkout_id), ["Completed"]);
}

#[test]
fn hundreds_of_documents_that_cannot_be_read_hold_up_no_other() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
        world.complete(&checkout_id, SESSION);
        for number in 0..600 {
            poison(&world, &format!("0{number}"), number + 100);
        }
        world.let_pass(MINUTE);
        assert_eq!(world.attempts(&checkout_id), ["Completed"]);
    }
}

/// Stores a checkout that no version can read, and that is due before everything else.
fn poison(world: &World, id: &str, change: u32) {
    use countersign_store::contract::{
        ChangeId, ChangeSet, Content, Expect, IndexEntry, Key, Store as _, Write,
    };
    let broken = Write {
        key: Key { collection: "checkout", id: id.to_owned() },
        expect: Expect::Absent,
        content: Some(Content {
            format: 999,
            bytes: "{}".into(),
            due_at: Some(countersign_domain::time::Timestamp::UNIX_EPOCH),
            index: vec![IndexEntry { index: "checkout_by_state", value: "checking".to_owned() }],
        }),
    };
    let mut id = [9; 16];
    id[..4].copy_from_slice(&change.to_be_bytes());
    let (id, at) = (ChangeId(id), world.time.now());
    let change = ChangeSet { id, at, require: Vec::new(), write: vec![broken], append: Vec::new() };
    world.run(world.store.commit(change)).unwrap();
    world.leaves_unreadable_documents();
}

#[test]
fn a_document_that_cannot_be_read_holds_up_no_other() {
    let mut world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::HangAfter);
    world.complete_and_crash(&checkout_id, SESSION);
    poison(&world, "0", 1);
    let lines = logged(|| {
        world.restart();
        world.let_pass(MINUTE);
    });
    assert_eq!(world.attempts(&checkout_id), ["Completed"]);
    let failures = lines.iter().filter(|line| line.contains("the work of a due timer failed")).count();
    assert!((1..=13).contains(&failures), "it is logged, but not all the time: {failures}");
    assert!(lines.iter().any(|line| line.contains("its format is 999")), "{lines:?}");
}

#[test]
fn a_world_that_ends_while_something_is_due_fails_its_test() {
    let failure = failure_of(|| {
        let mut world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.complete(&checkout_id, SESSION);
        world.reopen();
    });
    let expected = "the test ends with work left behind: [\n    \"snapshot ";
    assert!(failure.as_deref().is_some_and(|why| why.contains(expected)), "{failure:?}");
}
