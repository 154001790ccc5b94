//! The buyer's and the transaction's data are sealed at success, readable after Amazon has deleted them, and
//! can be erased for good.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use countersign_store::contract::{ChangeId, ChangeSet, Content, Expect, Key, Store as _, Write};
use serde_json::json;

use super::logs::logged;
use super::world::{ENGINES, SESSION, SNAPSHOT_KEY, World, order, session_for};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const OTHER_KEY: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

fn path(checkout_id: &str) -> String {
    format!("/v1/checkouts/{checkout_id}/snapshot")
}

fn key(checkout_id: &str) -> Key {
    Key { collection: "snapshot", id: checkout_id.to_owned() }
}

/// The stored document.
fn kept(world: &World, checkout_id: &str) -> (u16, Bytes) {
    let documents = world.run(world.store.load(&[key(checkout_id)])).unwrap();
    let document = documents.into_iter().next().flatten().unwrap();
    (document.format, document.bytes)
}

/// Replaces the stored document.
fn replace(world: &World, checkout_id: &str, format: u16, bytes: Bytes) {
    let documents = world.run(world.store.load(&[key(checkout_id)])).unwrap();
    let version = documents[0].as_ref().unwrap().version;
    let content = Content { format, bytes, due_at: None, index: Vec::new() };
    let write =
        vec![Write { key: key(checkout_id), expect: Expect::Version(version), content: Some(content) }];
    let at = world.time.now();
    let change = ChangeSet { id: ChangeId([7; 16]), at, require: Vec::new(), write, append: Vec::new() };
    world.run(world.store.commit(change)).unwrap();
}

fn completed(world: &World) -> String {
    let checkout_id = world.placed(&order());
    world.complete(&checkout_id, SESSION);
    world.let_pass(MINUTE);
    checkout_id
}

#[track_caller]
fn refused(world: &World, method: &str, checkout_id: &str, status: u16, code: &str) {
    let refused = world.call(method, &path(checkout_id), "");
    assert_eq!(refused.refusal(), (status, code.to_owned(), None));
}

// Promise: B32
#[test]
fn on_day_31_the_snapshot_answers_though_amazon_has_forgotten() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = completed(&world);
        world.skip(31 * DAY);
        world.amazon.goes_down("permission");
        world.amazon.goes_down("charge");
        let asked = world.amazon.arrived("permission").len();
        world.restart();
        let answer = world.get(&path(&checkout_id));
        assert_eq!(answer.status, 200, "{}", answer.text);
        let shown = answer.json();
        assert_eq!(shown["chargePermission"]["buyer"]["name"], "Canary");
        assert_eq!(shown["charge"]["statusDetails"]["state"], "Captured");
        assert_eq!(shown["checkoutId"], checkout_id);
        assert_eq!(shown["takenAt"], "20261123T154700Z");
        assert_eq!(world.amazon.arrived("permission").len(), asked, "Amazon was not asked");
    }
}

// Promise: B32
#[test]
fn what_is_kept_cannot_be_read_without_the_key_and_no_log_has_it() {
    let world = World::in_memory();
    let mut checkout_id = String::new();
    let lines = logged(|| {
        checkout_id = completed(&world);
        world.get(&path(&checkout_id));
        world.call("DELETE", &path(&checkout_id), "");
    });
    assert!(!lines.is_empty() && lines.iter().all(|line| !line.contains("Canary")), "{lines:?}");
    let world = World::in_memory();
    let checkout_id = completed(&world);
    let (format, bytes) = kept(&world, &checkout_id);
    assert_eq!(format, 3);
    assert!(!String::from_utf8(bytes.to_vec()).unwrap().contains("Canary"));
}

// Promise: B32
#[test]
fn a_key_is_replaced_by_putting_the_new_one_before_it() {
    let mut world = World::in_memory();
    let old = completed(&world);
    world.snapshot_keys = format!("{OTHER_KEY}\n{SNAPSHOT_KEY}\n");
    world.restart();
    assert_eq!(world.get(&path(&old)).status, 200, "the old key still opens");
    let mut order = order();
    order["orderId"] = json!("2");
    let new = world.register(&order);
    world.amazon.open("s2", session_for(&order, "s2", &new));
    world.complete(&new, "s2");
    world.let_pass(MINUTE);

    world.snapshot_keys = OTHER_KEY.to_owned();
    world.restart();
    assert_eq!(world.get(&path(&new)).status, 200, "the new key has sealed it");
    let lines = logged(|| refused(&world, "GET", &old, 503, "SnapshotKeyMissing"));
    assert!(lines.iter().any(|line| line.starts_with("ERROR") && line.contains("key_id=")), "{lines:?}");
    // Nothing is lost: the key is added again.
    world.snapshot_keys = format!("{OTHER_KEY}\n{SNAPSHOT_KEY}\n");
    world.restart();
    assert_eq!(world.get(&path(&old)).status, 200);
}

// Promise: B32
#[test]
fn what_was_altered_or_moved_is_refused() {
    let world = World::in_memory();
    let checkout_id = completed(&world);
    let (format, bytes) = kept(&world, &checkout_id);
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let at = text.find("\"bytes\":\"").unwrap() + 20;
    let mut altered = text.clone().into_bytes();
    altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
    replace(&world, &checkout_id, format, Bytes::from(altered));
    let lines = logged(|| refused(&world, "GET", &checkout_id, 503, "SnapshotAltered"));
    assert!(lines.iter().any(|line| line.starts_with("ERROR")), "{lines:?}");

    let mut order = order();
    order["orderId"] = json!("2");
    let other = world.register(&order);
    world.amazon.open("s2", session_for(&order, "s2", &other));
    world.complete(&other, "s2");
    world.let_pass(MINUTE);
    let documents = world.run(world.store.load(&[key(&other)])).unwrap();
    let content = Content { format, bytes, due_at: None, index: Vec::new() };
    let write = vec![Write {
        key: key(&other),
        expect: Expect::Version(documents[0].as_ref().unwrap().version),
        content: Some(content),
    }];
    let at = world.time.now();
    let change = ChangeSet { id: ChangeId([8; 16]), at, require: Vec::new(), write, append: Vec::new() };
    world.run(world.store.commit(change)).unwrap();
    refused(&world, "GET", &other, 503, "SnapshotAltered");
}

// Promise: B32
#[test]
fn what_is_erased_is_gone_for_good_and_never_fetched_again() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = completed(&world);
        let erased = world.call("DELETE", &path(&checkout_id), "");
        assert_eq!(erased.status, 200, "{}", erased.text);
        assert_eq!(erased.json()["checkoutId"], checkout_id);
        world.let_pass(MINUTE);
        assert_eq!(
            world.call("DELETE", &path(&checkout_id), "").json(),
            erased.json(),
            "the second erasure changes nothing"
        );
        refused(&world, "GET", &checkout_id, 410, "SnapshotErased");
        let asked = world.amazon.arrived("permission").len();
        world.restart();
        world.skip(31 * DAY);
        assert_eq!(world.amazon.arrived("permission").len(), asked);
        refused(&world, "GET", &checkout_id, 410, "SnapshotErased");
    }
}

#[test]
fn a_snapshot_that_is_still_due_can_be_erased_too() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.complete(&checkout_id, SESSION);
    refused(&world, "GET", &checkout_id, 404, "SnapshotDue");
    assert_eq!(world.call("DELETE", &path(&checkout_id), "").status, 200);
    world.let_pass(MINUTE);
    assert!(world.amazon.arrived("permission").is_empty());
    refused(&world, "GET", &checkout_id, 410, "SnapshotErased");
}

#[test]
fn a_snapshot_that_does_not_exist_is_answered_with_the_reason() {
    let world = World::in_memory();
    let checkout_id = world.register(&order());
    for method in ["GET", "DELETE"] {
        refused(&world, method, "nowhere", 404, "NoSuchCheckout");
        refused(&world, method, &checkout_id, 404, "NoSnapshot");
    }
    world.amazon.open(SESSION, session_for(&order(), SESSION, &checkout_id));
    world.amazon.goes_down("permission");
    world.complete(&checkout_id, SESSION);
    world.skip(33 * DAY);
    refused(&world, "GET", &checkout_id, 410, "SnapshotMissed");
    world.store.hook.is_away.store(true, Ordering::SeqCst);
    refused(&world, "GET", &checkout_id, 503, "Unavailable");
}

#[test]
fn amazons_thirty_days_are_counted_from_when_amazon_made_the_charge() {
    let charge = "S01-5105180-0000001-C000001";
    for (made_before, waited, is_urgent, is_missed) in
        [(0_u32, 6_u32, false, false), (15, 4, false, false), (15, 6, true, false), (28, 4, true, true)]
    {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        // The buyer's data cannot be fetched.
        world.amazon.goes_down("permission");
        world.complete(&checkout_id, SESSION);
        let made_at = world.time.now().minus(made_before * DAY);
        world.amazon.change_charge(charge, |it| it["creationTimestamp"] = json!(made_at.to_string()));
        let lines = logged(|| world.skip(waited * DAY));
        let told = lines.iter().filter(|line| line.contains("could not be fetched"));
        assert_eq!(told.count() > 0, is_urgent, "{made_before} and {waited} days");
        let missed = world.timeline(&checkout_id).contains(&"SnapshotMissed".to_owned());
        assert_eq!(missed, is_missed, "{made_before} and {waited} days");
        world.amazon.comes_back();
        world.skip(DAY);
    }
}
