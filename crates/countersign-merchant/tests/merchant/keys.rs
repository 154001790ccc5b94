//! Idempotency keys say what an act is for: a store that was restored from a backup counts its operations and its
//! attempts again, and none of them gets the key of another; what had left keeps the key that was stored.

use std::collections::HashSet;
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_store::contract::{ChangeId, ChangeSet, Content, Expect, Key, Store as _, Write};
use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{ENGINES, Engine, OTHER_SESSION, SESSION, World, order, session_for, usd};

const THIRD_SESSION: &str = "1e1d3d4e-2222-4222-8333-944455556666";
const MINUTE: Duration = Duration::from_secs(60);

/// The keys that arrived with a call, in order.
fn keys(world: &World, call: &str) -> Vec<String> {
    world.amazon.arrived(call).into_iter().filter_map(|arrived| arrived.key).collect()
}

fn charging(reference: &str, amount: &str) -> Value {
    json!({ "reference": reference, "chargeAmount": usd(amount), "captureNow": true })
}

fn refunding(reference: &str, amount: &str) -> Value {
    json!({ "reference": reference, "refundAmount": usd(amount) })
}

// Promise: B25, D18
#[test]
fn after_a_restore_another_parcel_of_the_same_price_is_another_charge() {
    for (second, third) in [
        ("parcel 2", "parcel 3"),
        // References that look like a rule's own name, or like the end of another reference.
        ("parcel 2", "close 1"),
        ("1", "11"),
        ("parcel", "parcel,createCharge,1"),
    ] {
        let mut world = World::new(Engine::Sqlite);
        let checkout_id = world.completed("Authorize");
        let backup = world.backup();
        let made = world.ask(&checkout_id, "charges", &charging(second, "20.00"));
        assert_eq!(made.status, 201, "{}", made.text);
        world.restore(&backup);
        let again = world.ask(&checkout_id, "charges", &charging(third, "20.00"));
        assert_eq!(again.status, 201, "{}", again.text);
        assert_ne!(made.json()["chargeId"], again.json()["chargeId"], "{third} is not paid by {second}");
        assert_eq!(world.amazon.money(), "held 4000, captured 4000, refunded 0");
        // The act that the backup does not know is answered as before: it is not done twice.
        let known = world.ask(&checkout_id, "charges", &charging(second, "20.00"));
        assert_eq!((known.status, &known.json()["chargeId"]), (201, &made.json()["chargeId"]));
        assert_eq!(world.amazon.money(), "held 4000, captured 4000, refunded 0");
    }
}

// Promise: B25, D18
#[test]
fn after_a_restore_another_return_is_another_refund() {
    let mut world = World::new(Engine::Sqlite);
    let checkout_id = world.completed("AuthorizeWithCapture");
    let backup = world.backup();
    let first = world.ask(&checkout_id, "refunds", &refunding("return 1", "10.00"));
    assert_eq!(first.status, 202, "{}", first.text);
    world.restore(&backup);
    let second = world.ask(&checkout_id, "refunds", &refunding("return 2", "10.00"));
    assert_eq!(second.status, 202, "{}", second.text);
    assert_ne!(first.json()["refundId"], second.json()["refundId"]);
    assert_eq!(world.amazon.refund_count(), 2);
    let known = world.ask(&checkout_id, "refunds", &refunding("return 1", "10.00"));
    assert_eq!(known.json()["refundId"], first.json()["refundId"]);
    assert_eq!(world.amazon.refund_count(), 2);
}

// Promise: B25
#[test]
fn after_a_restore_a_cancellation_that_is_repeated_gives_nothing_back_twice() {
    for before in [None, Some(refunding("return 1", "10.00"))] {
        let mut world = World::new(Engine::Sqlite);
        let checkout_id = world.completed("AuthorizeWithCapture");
        if let Some(before) = &before {
            world.ask(&checkout_id, "refunds", before);
        }
        let backup = world.backup();
        let cancel = json!({ "reference": "cancel 1" });
        world.ask(&checkout_id, "cancel", &cancel);
        let refunds = world.amazon.refund_count();
        world.restore(&backup);
        world.ask(&checkout_id, "cancel", &cancel);
        world.let_pass(MINUTE);
        assert_eq!(world.amazon.refund_count(), refunds);
        assert_eq!(world.amazon.money(), "held 0, captured 10000, refunded 10000");
        let distinct: HashSet<_> = keys(&world, "createRefund").into_iter().collect();
        assert_eq!(distinct.len(), refunds, "an act and its repetition have one key");
    }
}

// Promise: B25
#[test]
fn after_a_restore_another_session_of_the_same_number_has_another_key() {
    let mut world = World::new(Engine::Sqlite);
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
    assert_eq!(world.complete(&checkout_id, SESSION).status, 402);
    let backup = world.backup();
    for session in [OTHER_SESSION, THIRD_SESSION] {
        world.amazon.open(session, session_for(&order(), session, &checkout_id));
        world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
        assert_eq!(world.complete(&checkout_id, session).status, 402);
        world.restore(&backup);
    }
    let sent = keys(&world, "finalize");
    let distinct: HashSet<_> = sent.iter().collect();
    assert_eq!((sent.len(), distinct.len()), (3, 3));
    // The same session again has the key that it had.
    world.amazon.open(THIRD_SESSION, session_for(&order(), THIRD_SESSION, &checkout_id));
    world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
    assert_eq!(world.complete(&checkout_id, THIRD_SESSION).status, 402);
    let sent = keys(&world, "finalize");
    assert_eq!(sent[2], sent[3]);
}

/// Replaces the stored checkout: its keys were derived in another way, by an earlier version.
fn stored_by_an_earlier_version(world: &World, checkout_id: &str, key: &str, at: Timestamp) {
    let of = Key { collection: "checkout", id: checkout_id.to_owned() };
    let documents = world.run(world.store.load(std::slice::from_ref(&of))).unwrap();
    let document = documents.into_iter().next().flatten().unwrap();
    let text = String::from_utf8(document.bytes.to_vec()).unwrap();
    let text = text.replace(key, "earlier-key");
    assert!(text.contains("earlier-key"));
    let content = Content { format: 6, bytes: text.into(), due_at: Some(at), index: Vec::new() };
    let write = vec![Write { key: of, expect: Expect::Version(document.version), content: Some(content) }];
    let change = ChangeSet { id: ChangeId([8; 16]), at, require: Vec::new(), write, append: Vec::new() };
    world.run(world.store.commit(change)).unwrap();
}

// Promise: B25
#[test]
fn an_order_in_flight_across_an_upgrade_is_sent_again_under_its_old_key() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::HangBefore);
        world.complete_and_crash(&checkout_id, SESSION);
        world.reopen();
        let key = keys(&world, "finalize").remove(0);
        stored_by_an_earlier_version(&world, &checkout_id, &key, world.time.now());
        world.restart();
        world.let_pass(MINUTE);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
        assert_eq!(keys(&world, "finalize")[1..], ["earlier-key"]);
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

// Promise: B25
#[test]
fn an_operation_in_flight_across_an_upgrade_is_sent_again_under_its_old_key() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = world.completed("Authorize");
        // The first send, and the one after its answer was missed.
        world.amazon.fault("createCharge", Fault::LostBefore);
        world.amazon.fault("createCharge", Fault::LostBefore);
        let asked = charging("parcel 2", "20.00");
        assert_eq!(world.ask(&checkout_id, "charges", &asked).status, 202);
        let key = keys(&world, "createCharge").remove(0);
        world.reopen();
        stored_by_an_earlier_version(&world, &checkout_id, &key, world.time.now());
        world.restart();
        world.let_pass(10 * MINUTE);
        let answered = world.ask(&checkout_id, "charges", &asked);
        assert_eq!(answered.status, 201, "{}", answered.text);
        let sent = keys(&world, "createCharge");
        assert!(sent.len() > 2 && sent[2..].iter().all(|key| key == "earlier-key"), "{sent:?}");
        assert_eq!(world.amazon.money(), "held 4000, captured 2000, refunded 0");
    }
}
