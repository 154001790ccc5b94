//! A process that dies anywhere between a change and its notification: the next process sends the
//! notification, under the same id.

use std::path::Path;
use std::sync::Arc;

use countersign_protocol::notification::SignatureVersion;
use countersign_sandbox::notify::{EndpointUrl, FixedEndpoint, Notifications};
use countersign_store::sqlite::SqliteStore;
use serde_json::json;
use tempfile::tempdir;

use super::receiver::{Post, ReceiverAct};
use super::scene::{Scene, URL};

/// A start on the files of a directory. A scene that dies is dropped without warning; whatever its
/// durable store has not answered yet is left to the next scene.
async fn start(directory: &Path, start: u64) -> Scene {
    let store = SqliteStore::open(&directory.join("sandbox.db")).unwrap();
    let endpoints = vec![FixedEndpoint {
        url: EndpointUrl::parse(URL).unwrap(),
        signature_version: SignatureVersion::V1,
    }];
    let notifications = Notifications { endpoints, ..Notifications::default() };
    Scene::on(Arc::new(store), Default::default(), start, notifications).await
}

/// Lets the loops run until `count` notifications of objects were sent. A durable store answers
/// from a thread of its own, so the loops are polled repeatedly. If the notifications are never
/// sent, this never returns.
async fn sent(scene: &Scene, count: usize) -> Vec<Post> {
    let mut sent: Vec<Post> = Vec::new();
    while sent.len() < count {
        let new = scene.sent().into_iter();
        sent.extend(new.filter(|post| post.json()["Type"] == "Notification"));
        tokio::task::yield_now().await;
    }
    sent
}

// Promise: A24
#[tokio::test]
async fn what_was_committed_and_never_sent_is_sent_by_the_next_process() {
    let directory = tempdir().unwrap();
    let first = start(directory.path(), 0).await;
    let other = "http://127.0.0.1:9000/registered";
    let answer = first.control(http::Method::POST, "notification-endpoints", json!({ "url": other })).await;
    assert_eq!(answer.status, 201);
    let order = first.authorized().await;
    assert!(first.receiver.take().is_empty(), "its loops have never run");
    first.dies();
    let next = start(directory.path(), 1).await;
    let sent = sent(&next, 2).await;
    let mut urls: Vec<&str> = sent.iter().map(|post| post.url.as_str()).collect();
    urls.sort_unstable();
    assert_eq!(urls, [URL, other], "both the operator's endpoint and the registered one");
    for post in &sent {
        assert_eq!(post.object(), format!("CHARGE {}", order.charge_id));
        next.message(post).await;
    }
    next.dies();
}

#[tokio::test]
async fn a_process_that_dies_before_it_posts_has_made_no_attempt() {
    let directory = tempdir().unwrap();
    for restart in 0..5 {
        let scene = start(directory.path(), restart).await;
        scene.receiver.always(ReceiverAct::Hang);
        if restart == 0 {
            // The answer to the request that asks the endpoint to confirm.
            scene.receiver.next([ReceiverAct::Answer(200)]);
            scene.authorized().await;
            scene.authorized().await;
        }
        // The second notification waits for the first, which is never answered.
        assert_eq!(sent(&scene, 1).await.len(), 1);
        scene.dies();
    }
    let scene = start(directory.path(), 5).await;
    scene.receiver.always(ReceiverAct::Answer(503));
    // Each notification has its first attempt, and three more an hour apart.
    for later in ["PT0S", "PT1H", "PT1H", "PT1H"] {
        scene.advance(later).await;
        assert_eq!(sent(&scene, 2).await.len(), 2, "{later}");
    }
    scene.dies();
}

#[tokio::test]
async fn the_next_process_continues_the_count_of_attempts() {
    let directory = tempdir().unwrap();
    let mut count = 0;
    for restart in 0..4 {
        let scene = start(directory.path(), restart).await;
        scene.receiver.always(ReceiverAct::Answer(503));
        if restart == 0 {
            scene.authorized().await;
        } else {
            scene.advance("PT1H").await;
        }
        count += sent(&scene, 1).await.len();
        scene.dies();
    }
    assert_eq!(count, 4);
    let last = start(directory.path(), 4).await;
    last.advance("PT1H").await;
    last.receiver.always(ReceiverAct::Answer(200));
    let order = last.authorized().await;
    let [post] = &sent(&last, 1).await[..] else { panic!("one is sent") };
    assert_eq!(post.object(), format!("CHARGE {}", order.charge_id), "the other notification was given up");
    last.dies();
}

#[tokio::test]
async fn a_notification_that_was_on_its_way_is_sent_again_under_the_same_id() {
    let directory = tempdir().unwrap();
    let first = start(directory.path(), 0).await;
    first.authorized().await;
    first.receiver.next([ReceiverAct::Answer(200)]);
    first.receiver.always(ReceiverAct::Hang);
    let [begun] = &sent(&first, 1).await[..] else { panic!("one is on its way") };
    first.dies();
    let next = start(directory.path(), 1).await;
    let [again] = &sent(&next, 1).await[..] else { panic!("one is sent") };
    assert_eq!(again.body, begun.body, "the same id, the same instant, the same signature");
    next.dies();
    let third = start(directory.path(), 2).await;
    third.authorized().await;
    let [new] = &sent(&third, 1).await[..] else { panic!("one is sent") };
    assert_ne!(new.message_id(), again.message_id(), "the delivered notification is not sent again");
    third.dies();
}
