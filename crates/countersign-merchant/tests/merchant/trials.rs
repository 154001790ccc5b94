//! The trial of Amazon's idempotency keys belongs to one account, and an answer that says nothing of keys teaches
//! nothing.

use std::time::Duration;

use countersign_domain::merchant::rules::FinalizeKeys;
use countersign_store::contract::{ChangeId, ChangeSet, Content, Expect, Key, Store as _, Write};

use super::amazon::Fault;
use super::logs::logged;
use super::world::{ENGINES, SESSION, World, order};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

fn key(id: &str) -> Key {
    Key { collection: "finalize_keys", id: id.to_owned() }
}

fn stored(world: &World, id: &str) -> String {
    let found = world.run(world.store.load(&[key(id)])).unwrap();
    String::from_utf8(found[0].as_ref().unwrap().bytes.to_vec()).unwrap()
}

/// The trial of this account is also that of another one, and due now.
fn copy_to_another_account(world: &World) {
    let content = Content {
        format: 1,
        bytes: stored(world, "M1 S").into(),
        due_at: Some(world.time.now()),
        index: Vec::new(),
    };
    let bytes = String::from_utf8(content.bytes.to_vec()).unwrap();
    let (due, at) = bytes.split_once("\"due_at\":").unwrap();
    let rest = at.trim_start_matches(|it: char| it.is_ascii_digit());
    let bytes = format!("{due}\"due_at\":{}{rest}", world.time.now().as_millis());
    let content = Content { bytes: bytes.into(), ..content };
    let write = vec![Write { key: key("M2 S"), expect: Expect::Absent, content: Some(content) }];
    let (id, at) = (ChangeId([9; 16]), world.time.now());
    let change = ChangeSet { id, at, require: Vec::new(), write, append: Vec::new() };
    world.run(world.store.commit(change)).unwrap();
}

// Promise: B25
#[test]
fn the_trial_of_another_account_is_not_sent_and_teaches_this_one_nothing() {
    for engine in ENGINES {
        let mut world = World::with_keys(engine, None);
        let id = world.placed(&order());
        assert_eq!(world.complete(&id, SESSION).status, 200);
        copy_to_another_account(&world);
        world.let_pass(2 * MINUTE);
        assert_eq!(world.amazon.arrived("finalize").len(), 1, "only the buyer's own");
        world.restart();
        let lines = logged(|| world.skip(11 * MINUTE));
        assert_eq!(world.amazon.arrived("finalize").len(), 3);
        assert!(lines.iter().any(|line| line.contains(FinalizeKeys::Honoured.as_str())), "{lines:?}");
        world.skip(2 * DAY);
        assert!(stored(&world, "M2 S").contains("\"trial\""));
        world.skip(6 * DAY);
        assert_eq!(world.amazon.arrived("finalize").len(), 3);
        // The bytes have a buyer's address, and nobody needs them any more.
        assert!(!stored(&world, "M2 S").contains("\"trial\":{"), "{}", stored(&world, "M2 S"));
        assert!(stored(&world, "M1 S").contains("\"Honoured\""));
    }
}

// Promise: B25
#[test]
fn a_session_that_is_not_found_says_nothing_about_keys() {
    for (status, code) in [(404, "ResourceNotFound"), (404, "Other")] {
        let world = World::with_keys(ENGINES[0], None);
        let id = world.placed(&order());
        assert_eq!(world.complete(&id, SESSION).status, 200);
        world.amazon.fault("finalize", Fault::refusal(status, code));
        let lines = logged(|| world.skip(11 * MINUTE));
        assert!(!lines.iter().any(|line| line.contains("idempotency keys")), "{lines:?}");
        let lines = logged(|| world.skip(2 * 60 * MINUTE));
        assert!(lines.iter().any(|line| line.contains(FinalizeKeys::Honoured.as_str())), "{lines:?}");
    }
}
