//! What happens while the clock is moved, while the sandbox is reset, and while many timers are
//! due.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use countersign_sandbox::settings::Settings;
use countersign_store::contract::{ChangeId, ChangeSet, Content, Expect, Key, Store as _, Write};
use futures_util::FutureExt as _;
use http::Method;
use serde_json::json;

use super::gate::{GatedStore, gated_store};
use crate::world::{START, World, at, id, usual_checkout};

/// The number of timers in a batch.
const BATCH: usize = 128;

async fn gated() -> (Arc<GatedStore>, World) {
    let gate = gated_store();
    let world = World::on(gate.clone(), Settings::default(), 0).await;
    (gate, world)
}

/// How many of these sessions were canceled, according to the event log.
async fn canceled(world: &World, ids: &[String]) -> usize {
    let mut count = 0;
    for id in ids {
        count += usize::from(world.events(id).await.last().unwrap() == "CheckoutSessionCanceled");
    }
    count
}

async fn sessions(world: &World, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(id(&world.placed(json!({})).await).to_owned());
    }
    ids
}

#[tokio::test]
async fn what_was_decided_before_a_reset_is_not_written_after_it() {
    let (gate, world) = gated().await;
    gate.hook.close();
    let mut starting = Box::pin(world.checkout(usual_checkout()));
    let mut resetting = Box::pin(world.control(Method::POST, "reset", ""));
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(starting.poll_unpin(&mut context), Poll::Pending);
    let reset_is_through = resetting.poll_unpin(&mut context).is_ready();
    gate.hook.open();
    let session = starting.await;
    if !reset_is_through {
        assert_eq!(resetting.await.status, 200);
    }
    assert_eq!(world.get_session(id(&session)).await.refusal(), (404, "ResourceNotFound"));
    let log = world.control(Method::GET, "events", "").await;
    assert_eq!(log.json, json!({"events": []}));
}

#[tokio::test]
async fn nothing_is_applied_that_is_not_due_by_the_clock_as_it_is_now() {
    let (gate, world) = gated().await;
    let ids = sessions(&world, BATCH + 1).await;
    gate.hook.close();
    let advance = world.control(Method::POST, "clock", json!({"advance": "P1D"}));
    let set_back = world.control(Method::POST, "clock", json!({"set": START, "freeze": true}));
    let (mut advance, mut set_back) = (Box::pin(advance), Box::pin(set_back));
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(advance.poll_unpin(&mut context), Poll::Pending);
    assert_eq!(set_back.poll_unpin(&mut context), Poll::Pending);
    gate.hook.open();
    let (advanced, set_back) = futures_util::future::join(advance, set_back).await;
    assert_eq!((advanced.status, set_back.status), (200, 200));
    assert_eq!(canceled(&world, &ids).await, BATCH, "only the batch that had begun");
}

/// Puts unreadable documents in the store, due at the start.
async fn damage(gate: &GatedStore, count: usize) {
    for number in 0..count {
        let content = Content {
            format: 1,
            bytes: bytes::Bytes::from_static(b"nonsense"),
            due_at: Some(at(START)),
            index: Vec::new(),
        };
        let key = Key { collection: "checkout_session", id: format!("damaged-{number}") };
        let write = vec![Write { key, expect: Expect::Absent, content: Some(content) }];
        let mut change_id = [7; 16];
        change_id[..8].copy_from_slice(&number.to_be_bytes());
        let change = ChangeSet {
            id: ChangeId(change_id),
            at: at(START),
            require: Vec::new(),
            write,
            append: Vec::new(),
        };
        gate.commit(change).await.unwrap();
    }
}

#[tokio::test]
async fn however_many_documents_cannot_be_read_the_timers_after_them_are_applied() {
    let (gate, world) = gated().await;
    damage(&gate, 3 * BATCH).await;
    world.leaves_unreadable_documents();
    let ids = sessions(&world, 1).await;
    world.advance("P1D").await;
    assert_eq!(canceled(&world, &ids).await, 1);
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_tried_once_a_minute() {
    let (gate, world) = gated().await;
    damage(&gate, 1).await;
    world.leaves_unreadable_documents();
    let mut timers = Box::pin(world.sandbox.timers());
    let mut rounds = |count: usize| {
        for _ in 0..count {
            let mut context = Context::from_waker(Waker::noop());
            while timers.poll_unpin(&mut context).is_ready() {}
            world.clock.wake_all();
        }
        gate.hook.times_loaded("damaged-0")
    };
    assert_eq!(rounds(5), 1);
    world.clock.set(at("20260901T120059Z"));
    assert_eq!(rounds(5), 1);
    world.clock.set(at("20260901T120100Z"));
    assert_eq!(rounds(5), 2);
}

#[tokio::test]
async fn the_timers_loop_can_be_ended_while_much_is_due() {
    let (_, world) = gated().await;
    let ids = sessions(&world, 2 * BATCH).await;
    world.clock.set(at("20260902T120000Z"));
    // tokio itself makes a task yield after much work; this test is about the loop's own yielding.
    tokio::task::yield_now().await;
    let mut timers = Box::pin(world.sandbox.timers());
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(timers.poll_unpin(&mut context), Poll::Pending);
    drop(timers);
    assert_eq!(canceled(&world, &ids).await, BATCH);
    world.catch_up().await;
    assert_eq!(canceled(&world, &ids).await, 2 * BATCH);
}
