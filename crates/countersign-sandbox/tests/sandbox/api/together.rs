//! One change set applies the timers that are due together. The result is the same as with one
//! change set per timer. If a batch cannot be applied, each timer gets a change set of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_sandbox::settings::Settings;
use countersign_store::contract::{
    ChangeId, ChangeSet, Content, Document, Expect, Key, Store as _, Version, Write,
};
use countersign_store::intercept::{self, Fault, InterceptedStore};
use countersign_store::memory::MemoryStore;
use futures_util::FutureExt as _;
use serde_json::json;

use super::order::usd;
use crate::world::{Call, World, at};

/// What happens to a change set that applies several timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Batches {
    Pass,
    /// The change set always fails.
    Fail,
    /// Before the first such change set, another decision writes the document of its first timer.
    LoseARace,
}

/// The timers that are due within a jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scene {
    /// Orders in every state that has a deadline, more of them than fit into one batch.
    Mixed,
    /// The same orders, and an unreadable document.
    Damaged,
    /// A few timers at one instant, which write more documents than one change set can hold.
    Wide,
}

#[derive(Default)]
struct JumpRecord {
    keys: BTreeSet<Key>,
    /// How many timers each change set of the jump applied; `None` before the jump.
    jump: Option<Vec<usize>>,
    was_disturbed: bool,
}

/// The state after a jump.
struct LeftBehind {
    documents: BTreeMap<Key, Document>,
    log: Vec<Bytes>,
    watermark: Timestamp,
    timers_applied: Vec<usize>,
}

/// How many timers a change set of a jump applies: a charge has no timer, and is written with its permission.
fn timers_of(change: &ChangeSet) -> usize {
    change.write.iter().filter(|write| write.key.collection != "charge").count()
}

fn put(store: &MemoryStore, id: u8, write: Write, at: Timestamp) {
    let change =
        ChangeSet { id: ChangeId([id; 16]), at, require: Vec::new(), write: vec![write], append: Vec::new() };
    store.commit(change).now_or_never().unwrap().unwrap();
}

/// Rewrites the document of the first timer unchanged.
fn disturb(store: &MemoryStore) {
    let first = store.due(at("20270901T120000Z"), 1).now_or_never().unwrap().unwrap().remove(0);
    let keys = [first.key.clone()];
    let document = store.load(&keys).now_or_never().unwrap().unwrap().remove(0).unwrap();
    let Document { version, format, bytes } = document;
    let content = Content { format, bytes, due_at: Some(first.due_at), index: Vec::new() };
    let write = Write { key: first.key, expect: Expect::Version(version), content: Some(content) };
    put(store, 8, write, first.due_at);
}

async fn place_wide_orders(world: &World) {
    for number in 0..45 {
        let order = world.split_order().await;
        for charge in 0..5 {
            let body = json!({ "chargePermissionId": order.permission_id, "chargeAmount": usd("10.00") });
            let create = Call::post("/v2/charges", body).idempotent(&format!("create-{number}-{charge}"));
            world.succeeds(&create).await;
        }
    }
}

async fn place_orders(world: &World) {
    for number in 0..25 {
        world.placed(json!({})).await;
        let order = world.split_order().await;
        let charge = json!({
            "chargePermissionId": order.permission_id,
            "chargeAmount": usd("10.00"),
            "canHandlePendingAuthorization": true,
        });
        let create = Call::post("/v2/charges", charge).idempotent(&format!("create-{number}"));
        world.succeeds(&create.simulating("PendingAuthorized")).await;
        let captured = world.captured_order(usd("14.00")).await;
        let refund = json!({ "chargeId": captured.charge_id, "refundAmount": usd("4.00") });
        world.succeeds(&Call::post("/v2/refunds", refund).idempotent(&format!("refund-{number}"))).await;
        // Deadlines that follow from those of the first orders fall between the deadlines of the
        // later orders.
        world.advance(if number == 12 { "PT3S" } else { "PT0.5S" }).await;
    }
}

async fn jump(batches: Batches, scene: Scene) -> LeftBehind {
    let memory = Arc::new(MemoryStore::new());
    let seen = Arc::new(Mutex::new(JumpRecord::default()));
    let plan = {
        let (memory, seen) = (memory.clone(), seen.clone());
        move |call: &intercept::Call<'_>| {
            let change = call.change?;
            let mut seen = seen.lock().unwrap();
            seen.keys.extend(change.write.iter().map(|write| write.key.clone()));
            let timers = timers_of(change);
            seen.jump.as_ref()?;
            if timers > 1 && batches == Batches::Fail {
                return Some(Fault::RequestLost);
            }
            if timers > 1 && batches == Batches::LoseARace && !seen.was_disturbed {
                seen.was_disturbed = true;
                disturb(&memory);
                return None;
            }
            seen.jump.as_mut()?.push(timers);
            None
        }
    };
    let store = Arc::new(InterceptedStore::new(memory.clone(), plan));
    let world = World::on(store, Settings::default(), 0).await;
    match scene {
        Scene::Mixed | Scene::Damaged => place_orders(&world).await,
        Scene::Wide => place_wide_orders(&world).await,
    }
    if scene == Scene::Damaged {
        world.leaves_unreadable_documents();
        let bytes = Bytes::from_static(b"nonsense");
        let due_at = Some(at("20260902T120005Z"));
        let content = Content { format: 1, bytes, due_at, index: Vec::new() };
        let key = Key { collection: "checkout_session", id: "damaged".to_owned() };
        put(
            &memory,
            7,
            Write { key, expect: Expect::Absent, content: Some(content) },
            at("20260901T120000Z"),
        );
    }
    seen.lock().unwrap().jump = Some(Vec::new());
    world.advance("P365D").await;
    let (keys, timers_applied) = {
        let mut seen = seen.lock().unwrap();
        assert_eq!(seen.was_disturbed, batches == Batches::LoseARace);
        (seen.keys.iter().cloned().collect::<Vec<_>>(), seen.jump.take().unwrap())
    };
    let documents = memory.load(&keys).await.unwrap();
    let documents = keys.into_iter().zip(documents).filter_map(|(key, found)| Some((key, found?))).collect();
    let mut log = Vec::new();
    let mut last = 0;
    loop {
        let messages = memory.messages("event", None, last, 1_000).await.unwrap();
        let Some(message) = messages.last() else { break };
        last = message.sequence;
        log.extend(messages.into_iter().map(|message| message.bytes));
    }
    LeftBehind { documents, log, watermark: memory.watermark().await.unwrap(), timers_applied }
}

fn assert_same(one: &LeftBehind, other: &LeftBehind, what: &str) {
    assert!(one.documents.len() > 100 && one.log.len() > 300, "{} {}", one.documents.len(), one.log.len());
    assert_eq!(one.documents, other.documents, "{what}");
    assert_eq!(one.log, other.log, "{what}");
    assert_eq!(one.watermark, other.watermark, "{what}");
    let sum = |of: &LeftBehind| of.timers_applied.iter().sum::<usize>();
    assert_eq!(sum(one), sum(other), "{what}");
}

#[tokio::test]
async fn a_jump_in_batches_has_the_same_result_as_timer_by_timer() {
    for scene in [Scene::Mixed, Scene::Wide] {
        let one_by_one = jump(Batches::Fail, scene).await;
        assert!(one_by_one.timers_applied.iter().all(|timers| *timers == 1));
        let together = jump(Batches::Pass, scene).await;
        assert_same(&one_by_one, &together, "in batches");
        let (many, few) = (one_by_one.timers_applied.len(), together.timers_applied.len());
        assert!(few * 10 < many, "{scene:?}: {many} change sets became {:?}", together.timers_applied);
    }
}

#[tokio::test]
async fn a_batch_with_an_unreadable_document_is_applied_timer_by_timer() {
    let one_by_one = jump(Batches::Fail, Scene::Damaged).await;
    let together = jump(Batches::Pass, Scene::Damaged).await;
    assert_same(&one_by_one, &together, "with a damaged document");
    let alone = together.timers_applied.iter().filter(|timers| **timers == 1).count();
    assert!(alone >= 50, "the batch with the damaged document: {:?}", together.timers_applied);
    assert!(together.timers_applied.iter().any(|timers| *timers > 1), "the other batches");
}

#[tokio::test]
async fn a_batch_that_lost_a_race_is_decided_again_timer_by_timer() {
    let undisturbed = jump(Batches::Fail, Scene::Mixed).await;
    let mut disturbed = jump(Batches::LoseARace, Scene::Mixed).await;
    assert_eq!(disturbed.timers_applied.first(), Some(&1), "the batch that lost the race");
    let once_more: Vec<&Key> = undisturbed
        .documents
        .keys()
        .filter(|key| {
            let version = |of: &LeftBehind| of.documents.get(key).map(|document| document.version.0);
            version(&disturbed) > version(&undisturbed)
        })
        .collect();
    assert_eq!(once_more.len(), 1, "what was written first is not overwritten: {once_more:?}");
    for key in once_more {
        disturbed.documents.get_mut(key).unwrap().version = Version(undisturbed.documents[key].version.0);
    }
    assert_same(&undisturbed, &disturbed, "except for the version of the other decision");
}
