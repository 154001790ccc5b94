//! The faults of notifications that a test can order, each kind as a receiver sees it.

use std::task::{Context, Poll, Waker};

use countersign_domain::time::{DAY, Timestamp};
use countersign_http::{Handler as _, Reply};
use countersign_protocol::notification::{
    CertificateUrlRefused, Envelope, EnvelopeRefused, SignatureRefused,
};
use http::Method;
use serde_json::{Value, json};

use super::receiver::{Post, ReceiverAct};
use super::scene::{ReceiverRefused, Scene};
use crate::world::{Call, FOREIGN_KEY_ID, HttpAnswer, KEY_ID, START, at};

fn message_ids(sent: &[Post]) -> Vec<String> {
    sent.iter().map(Post::message_id).collect()
}

fn published_at(post: &Post) -> Timestamp {
    Envelope::parse(&post.body).unwrap().timestamp.at()
}

// Promise: A24
#[tokio::test]
async fn a_duplicate_comes_twice_under_one_id() {
    let scene = Scene::new().await;
    scene.order_fault(json!({ "kind": "duplicate" })).await;
    scene.authorized().await;
    let sent = scene.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].body, sent[1].body);
    scene.authorized().await;
    assert_eq!(scene.sent().len(), 1, "the fault is used up");
}

// Promise: A24
#[tokio::test]
async fn a_reordered_notification_comes_after_the_next() {
    let scene = Scene::new().await;
    scene.order_fault(json!({ "kind": "reorder" })).await;
    let first = scene.authorized().await.charge_id;
    assert!(scene.told().is_empty());
    let second = scene.authorized().await.charge_id;
    assert_eq!(scene.told(), [format!("CHARGE {second}"), format!("CHARGE {first}")]);
    scene.advance("P1D").await;
    assert!(scene.told().is_empty(), "the reordered notification was sent, and is not due again");
}

#[tokio::test]
async fn a_reordered_notification_comes_alone_if_none_follows() {
    for (delay, before, then) in [(None, "PT59S", "PT1S"), (Some("PT2H"), "PT1H59M59S", "PT1S")] {
        let scene = Scene::new().await;
        let mut fault = json!({ "kind": "reorder" });
        if let Some(delay) = delay {
            fault["delay"] = delay.into();
        }
        scene.order_fault(fault).await;
        scene.authorized().await;
        for (later, count) in [("PT0S", 0), (before, 0), (then, 1), ("P1D", 0)] {
            scene.advance(later).await;
            assert_eq!(scene.sent().len(), count, "{later}");
        }
    }
}

// Promise: A24
#[tokio::test]
async fn a_delayed_notification_comes_later_by_its_delay_and_is_retried_from_then() {
    let scene = Scene::new().await;
    scene.order_fault(json!({ "kind": "delay", "delay": "PT5H" })).await;
    scene.receiver.always(ReceiverAct::Answer(503));
    scene.authorized().await;
    for (later, count) in
        [("PT0S", 0), ("PT4H59M59S", 0), ("PT1S", 1), ("PT59M59S", 0), ("PT1S", 1), ("PT2H", 2), ("P1D", 0)]
    {
        scene.advance(later).await;
        assert_eq!(scene.sent().len(), count, "{later}");
    }
}

// Promise: A24
#[tokio::test]
async fn a_dropped_notification_never_comes_and_is_listed() {
    let scene = Scene::new().await;
    scene.order_fault(json!({ "kind": "drop" })).await;
    scene.authorized().await;
    scene.advance("P1D").await;
    assert!(scene.sent().is_empty());
    assert_eq!(
        scene.listed(&["type", "attempt", "outcome", "fault"]).await[1..],
        ["Notification 0 dropped drop"]
    );
}

// Promise: A24
#[tokio::test]
async fn a_damaged_notification_is_refused_for_its_damage() {
    let now = at(START);
    for (kind, expected) in [
        ("malformed", ReceiverRefused::Envelope(EnvelopeRefused::NotAnObject)),
        ("wrongSignature", ReceiverRefused::Signature(SignatureRefused::WrongSignature)),
        ("certificateElsewhere", ReceiverRefused::Url(CertificateUrlRefused::ForeignHost)),
    ] {
        for version in [1, 2] {
            let scene = Scene::bare(Default::default()).await;
            scene.register(json!({ "url": super::scene::URL, "signatureVersion": version })).await;
            scene.order_fault(json!({ "kind": kind })).await;
            scene.authorized().await;
            let [post] = &scene.sent()[..] else { panic!("one is sent") };
            assert_eq!(scene.verified(&post.body, now).await.unwrap_err(), expected, "{kind}");
            scene.authorized().await;
            let [post] = &scene.sent()[..] else { panic!("one is sent") };
            assert!(scene.verified(&post.body, now).await.is_ok(), "{kind}");
        }
    }
}

// Promise: A24
#[tokio::test]
async fn a_foreign_or_stale_notification_has_a_valid_signature() {
    for (kind, delay, merchant, age_days) in [
        ("foreignMerchant", None, "AFOREIGNMERCHANT", 0),
        ("staleTimestamp", None, "AONE", 30),
        ("staleTimestamp", Some("P2D"), "AONE", 2),
    ] {
        let scene = Scene::new().await;
        let mut fault = json!({ "kind": kind });
        if let Some(delay) = delay {
            fault["delay"] = delay.into();
        }
        scene.order_fault(fault).await;
        scene.authorized().await;
        let [post] = &scene.sent()[..] else { panic!("one is sent") };
        assert_eq!(scene.message(post).await.merchant_id.as_str(), merchant);
        assert_eq!(published_at(post), at(START).minus(DAY * age_days), "{kind}");
    }
}

// Promise: A24
#[tokio::test]
async fn a_notification_that_comes_before_the_answer_holds_the_answer_back() {
    let mut context = Context::from_waker(Waker::noop());
    for held in [true, false] {
        let scene = Scene::new().await;
        if held {
            scene.order_fault(json!({ "kind": "beforeAnswer", "objectType": "CHARGE" })).await;
        }
        let session = scene.session(&Call::get(""), json!({})).await;
        let mut answer = scene.world.sandbox.handle(Scene::finalize(&session).request());
        let polled = answer.as_mut().poll(&mut context);
        assert_eq!(polled.is_pending(), held);
        if held {
            scene.advance("PT1S").await;
            assert_eq!(scene.sent().len(), 1, "neither the clock nor another call waits for the held answer");
            let Poll::Ready(Reply::Answer(answer)) = answer.as_mut().poll(&mut context) else {
                panic!("the answer is held still")
            };
            assert_eq!(HttpAnswer::from_response(&answer).status, 200);
        } else {
            assert_eq!(scene.sent().len(), 1);
        }
    }
}

#[tokio::test]
async fn an_answer_is_not_held_forever() {
    let mut context = Context::from_waker(Waker::noop());
    let scene = Scene::new().await;
    scene.order_fault(json!({ "kind": "beforeAnswer" })).await;
    scene.receiver.always(ReceiverAct::Hang);
    let session = scene.session(&Call::get(""), json!({})).await;
    let mut answer = scene.world.sandbox.handle(Scene::finalize(&session).request());
    assert!(answer.as_mut().poll(&mut context).is_pending());
    assert_eq!(scene.sent().len(), 1);
    assert!(answer.as_mut().poll(&mut context).is_pending());
    scene.world.clock.wake_all();
    assert!(answer.as_mut().poll(&mut context).is_ready());
    scene.world.leaves_notifications_undelivered();
}

#[tokio::test]
async fn a_fault_strikes_what_it_names_as_many_times_as_it_says() {
    for (fault, expected) in [
        (json!({ "kind": "drop", "times": 2 }), &[0, 0, 1, 1][..]),
        (json!({ "kind": "drop", "times": 9, "objectType": "REFUND" }), &[1, 1]),
        (json!({ "kind": "drop", "times": 9, "objectType": "CHARGE" }), &[0, 0]),
        (json!({ "kind": "drop", "publicKeyId": FOREIGN_KEY_ID }), &[1, 1]),
        (json!({ "kind": "drop", "publicKeyId": KEY_ID }), &[0, 1]),
        (json!({ "kind": "drop", "times": 9, "rate": 0 }), &[1, 1]),
        (json!({ "kind": "drop", "times": 9, "rate": "1" }), &[0, 0]),
    ] {
        let scene = Scene::new().await;
        scene.order_fault(fault.clone()).await;
        for count in expected {
            scene.authorized().await;
            assert_eq!(scene.sent().len(), *count, "{fault}");
        }
    }
}

#[tokio::test]
async fn the_same_seed_strikes_the_same_notifications() {
    let struck = |seed: u64| async move {
        let scene = Scene::new().await;
        let fault = json!({ "kind": "drop", "times": 1_000, "rate": 0.5, "seed": seed });
        scene.order_fault(fault).await;
        let mut struck = Vec::new();
        for _ in 0..24 {
            scene.authorized().await;
            struck.push(scene.sent().is_empty());
        }
        struck
    };
    let first = struck(7).await;
    assert_eq!(struck(7).await, first);
    assert_ne!(struck(8).await, first);
    assert!(first.contains(&true) && first.contains(&false));
}

#[tokio::test]
async fn retries_are_not_struck_again_and_confirmations_never() {
    let scene = Scene::bare(Default::default()).await;
    scene.order_fault(json!({ "kind": "drop", "times": 1 })).await;
    scene.register(json!({ "url": super::scene::URL })).await;
    scene.control(Method::DELETE, "notification-faults", Value::Null).await;
    scene.receiver.always(ReceiverAct::Answer(503));
    scene.authorized().await;
    let first = scene.sent();
    scene.order_fault(json!({ "kind": "drop", "times": 1 })).await;
    scene.receiver.always(ReceiverAct::Answer(200));
    scene.advance("PT1H").await;
    assert_eq!(message_ids(&scene.sent()), message_ids(&first));
}

#[tokio::test]
async fn faults_are_listed_and_removed() {
    let scene = Scene::new().await;
    let kept = scene.order_fault(json!({ "kind": "staleTimestamp", "times": 3, "delay": "P1D" })).await;
    let gone = scene
        .order_fault(json!({
            "kind": "drop", "rate": 0.25, "seed": 9, "objectType": "REFUND", "publicKeyId": KEY_ID,
        }))
        .await;
    let list = scene.control(Method::GET, "notification-faults", Value::Null).await;
    assert_eq!(
        list.json,
        json!({ "faults": [
            { "faultId": kept, "kind": "staleTimestamp", "times": 3, "delay": "PT86400S" },
            {
                "faultId": gone, "kind": "drop", "times": 1, "objectType": "REFUND", "merchantId": "AONE",
                "rate": "0.250000", "seed": 9,
            },
        ] })
    );
    let delete = async |path: &str| scene.control(Method::DELETE, path, Value::Null).await;
    let removed = delete(&format!("notification-faults/{gone}")).await;
    assert_eq!((removed.status, &removed.json), (200, &json!({ "removed": 1 })));
    assert_eq!(delete(&format!("notification-faults/{gone}")).await.refusal(), (404, "ResourceNotFound"));
    assert_eq!(delete("notification-faults").await.json, json!({ "removed": 1 }));
    scene.authorized().await;
    assert_eq!(scene.sent().len(), 1);
}

#[tokio::test]
async fn a_fault_that_is_not_valid_is_refused_and_not_ordered() {
    let scene = Scene::new().await;
    for (body, reason_code, field) in [
        (json!({}), "MissingParameterValue", "[kind]"),
        (json!({ "kind": "explode" }), "InvalidParameterValue", "[kind]"),
        (json!({ "kind": "drop", "times": 0 }), "InvalidParameterValue", "[times]"),
        (json!({ "kind": "drop", "times": -1 }), "InvalidParameterValue", "[times]"),
        (json!({ "kind": "drop", "rate": 1.5 }), "InvalidParameterValue", "[rate]"),
        (json!({ "kind": "drop", "seed": 1 }), "InvalidParameterCombination", "[seed]"),
        (json!({ "kind": "drop", "delay": "PT1S" }), "InvalidParameterCombination", "[delay]"),
        (json!({ "kind": "delay", "delay": "soon" }), "InvalidParameterValue", "[delay]"),
        (json!({ "kind": "drop", "objectType": "CHARGEBACK" }), "InvalidParameterValue", "[objectType]"),
        (json!({ "kind": "drop", "objectType": "charge" }), "InvalidParameterValue", "[objectType]"),
        (
            json!({ "kind": "drop", "publicKeyId": "SANDBOX-NOBODY" }),
            "InvalidParameterValue",
            "[publicKeyId]",
        ),
        (json!({ "kind": "drop", "operation": "getCharge" }), "UnrecognizedField", "[operation]"),
        (json!(["drop"]), "InvalidRequestFormat", ""),
    ] {
        let answer = scene.control(Method::POST, "notification-faults", body.clone()).await;
        assert_eq!(answer.refusal(), (400, reason_code), "{body}");
        assert!(answer.message().contains(field), "{body}: {}", answer.message());
    }
    let list = scene.control(Method::GET, "notification-faults", Value::Null).await;
    assert_eq!(list.json, json!({ "faults": [] }));
    for _ in 0..1_000 {
        scene.order_fault(json!({ "kind": "drop", "objectType": "REFUND" })).await;
    }
    let answer = scene.control(Method::POST, "notification-faults", json!({ "kind": "drop" })).await;
    assert_eq!(answer.refusal(), (400, "InvalidRequest"));
}
