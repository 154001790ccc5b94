//! Registering, confirming and removing endpoints; certificates and their rotation; what remains after a
//! reset.

use countersign_http::{Handler as _, Reply};
use countersign_protocol::notification::SignatureVersion;
use countersign_sandbox::ids::Ids;
use countersign_sandbox::notify::{EndpointUrl, FixedEndpoint, Notifications};
use countersign_sandbox::{Parts, Sandbox};
use countersign_store::memory::MemoryStore;
use countersign_world::SystemEntropy;
use http::Method;
use serde_json::{Value, json};
use std::sync::Arc;

use super::receiver::Post;
use super::scene::{ORIGIN, Scene, URL};
use crate::world::{KEY_ID, START, at};

/// Follows a URL of an envelope to the sandbox.
async fn follow(scene: &Scene, url: &str) -> (u16, Value) {
    let path = url.strip_prefix(ORIGIN).unwrap();
    let request = http::Request::get(path).body(bytes::Bytes::new()).unwrap();
    let Reply::Answer(answer) = scene.world.sandbox.handle(request).await else { panic!("{url} was reset") };
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
}

async fn endpoints(scene: &Scene) -> Value {
    scene.control(Method::GET, "notification-endpoints", Value::Null).await.json["endpoints"].clone()
}

// Promise: A23
#[tokio::test]
async fn an_endpoint_is_asked_to_confirm_and_is_notified_of_everything_meanwhile() {
    let scene = Scene::bare(Default::default()).await;
    let registered = scene.control(Method::POST, "notification-endpoints", json!({ "url": URL })).await;
    assert_eq!(registered.status, 201);
    let [post] = &scene.sent()[..] else { panic!("one is sent") };
    assert_eq!(
        scene.verified(&post.body, at(START)).await,
        Ok(None),
        "the confirmation is signed, and has no message"
    );
    let confirmation = post.json();
    assert_eq!(confirmation["Type"], "SubscriptionConfirmation");
    let text = |member: &str| confirmation[member].as_str().unwrap();
    assert!(text("SubscribeURL").contains(text("Token")));

    scene.authorized().await;
    assert_eq!(scene.sent().len(), 1, "the endpoint is notified of everything, confirmed or not");

    let wrong = text("SubscribeURL").replace(text("Token"), "00000000");
    assert_eq!(follow(&scene, &wrong).await.0, 404);
    assert_eq!(endpoints(&scene).await[0]["confirmed"], false);
    let (status, confirmed) = follow(&scene, text("SubscribeURL")).await;
    let arn = format!("{}:{}", text("TopicArn"), text("Token"));
    assert_eq!((status, confirmed), (200, json!({ "subscriptionArn": arn })));
    assert_eq!(
        endpoints(&scene).await,
        json!([{
            "endpointId": registered.text("endpointId"), "url": URL, "signatureVersion": "1",
            "confirmed": true, "fixed": false,
        }])
    );
    assert!(scene.sent().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_is_removed_is_not_notified_again() {
    let scene = Scene::new().await;
    scene.receiver.always(super::receiver::ReceiverAct::Answer(503));
    scene.authorized().await;
    let [post] = &scene.sent()[..] else { panic!("one is sent") };
    let unsubscribe = post.json()["UnsubscribeURL"].as_str().unwrap().to_owned();
    assert_eq!(follow(&scene, &unsubscribe).await.0, 200);
    assert_eq!(endpoints(&scene).await, json!([]));
    assert_eq!(follow(&scene, &unsubscribe).await.0, 404);
    scene.advance("PT1H").await;
    scene.authorized().await;
    assert!(scene.sent().is_empty(), "not even what was to be sent again");

    let id = scene.register(json!({ "url": URL })).await;
    scene.register(json!({ "url": URL })).await;
    let delete = async |path: &str| scene.control(Method::DELETE, path, Value::Null).await;
    assert_eq!(delete(&format!("notification-endpoints/{id}")).await.json, json!({ "removed": 1 }));
    let again = delete(&format!("notification-endpoints/{id}")).await;
    assert_eq!(again.refusal(), (404, "ResourceNotFound"));
    assert_eq!(delete("notification-endpoints").await.json, json!({ "removed": 1 }));
    assert_eq!(delete("notification-endpoints").await.json, json!({ "removed": 0 }));
    scene.advance("PT1H").await;
    assert!(scene.sent().is_empty(), "nor are their refused confirmations sent again");
}

fn fixed(url: &str) -> FixedEndpoint {
    FixedEndpoint { url: EndpointUrl::parse(url).unwrap(), signature_version: SignatureVersion::V1 }
}

#[tokio::test]
async fn the_page_removes_endpoints_only_by_their_subscription_and_never_the_operators() {
    let endpoints_of_the_operator = vec![fixed("http://127.0.0.1:9000/fixed")];
    let notifications = Notifications { endpoints: endpoints_of_the_operator, ..Default::default() };
    let scene = Scene::on(Arc::new(MemoryStore::new()), Default::default(), 0, notifications).await;
    let registered = scene.register(json!({ "url": URL })).await;
    scene.authorized().await;
    for post in scene.sent() {
        let url = post.json()["UnsubscribeURL"].as_str().unwrap().to_owned();
        if post.url == URL {
            let by_id = format!("{}:{registered}", url.rsplit_once(':').unwrap().0);
            assert_eq!(follow(&scene, &by_id).await.0, 404, "an endpoint's id is not a secret");
            assert_eq!(follow(&scene, &url).await.0, 200);
        } else {
            let (status, refused) = follow(&scene, &url).await;
            assert_eq!((status, &refused["reasonCode"]), (405, &json!("UnsupportedOperation")));
            assert!(refused["message"].as_str().unwrap().contains("the operator's"), "{refused}");
        }
    }
    let left = endpoints(&scene).await;
    assert_eq!((left.as_array().unwrap().len(), &left[0]["fixed"]), (1, &json!(true)));
}

#[tokio::test]
async fn a_sandbox_with_more_endpoints_than_it_notifies_does_not_start() {
    let store: Arc<MemoryStore> = Arc::new(MemoryStore::new());
    let scene = Scene::on(store.clone(), Default::default(), 0, Notifications::default()).await;
    scene.register(json!({ "url": URL })).await;
    // The loops of the sandboxes that start here are never run.
    scene.world.leaves_notifications_undelivered();
    for (count, starts) in [(15, true), (16, false)] {
        let endpoints = (0..count).map(|number| fixed(&format!("http://127.0.0.1:9000/{number}")));
        let parts = Parts {
            store: store.clone(),
            clock: Arc::new(scene.world.clock.clone()),
            ids: Ids::new(&SystemEntropy, Some(1), 1),
            merchants: crate::world::merchants(),
            settings: Default::default(),
            notifications: Notifications { endpoints: endpoints.collect(), ..Default::default() },
        };
        match Sandbox::start(parts).await {
            Ok(_) => assert!(starts, "{count}"),
            Err(failed) => {
                let expected = "at most 16 endpoints can be notified: 16 were given, and 1 were already \
                                registered through the control API";
                assert!(!starts && failed.to_string().contains(expected), "{failed}");
            }
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_valid_is_refused_and_not_registered() {
    let scene = Scene::bare(Default::default()).await;
    for (body, reason_code, field) in [
        (json!({}), "MissingParameterValue", "[url]"),
        (json!({ "url": "" }), "InvalidParameterValue", "[url]"),
        (json!({ "url": "shop.example/ipn" }), "InvalidParameterValue", "[url]"),
        (json!({ "url": "ftp://shop.example/ipn" }), "InvalidParameterValue", "[url]"),
        (json!({ "url": "https://user:word@shop.example" }), "InvalidParameterValue", "[url]"),
        (json!({ "url": "https://shop.example/#top" }), "InvalidParameterValue", "[url]"),
        (json!({ "url": format!("{URL}{}", "a".repeat(2_048)) }), "InvalidParameterValue", "[url]"),
        (json!({ "url": 7 }), "InvalidParameterValue", "[url]"),
        (json!({ "url": URL, "signatureVersion": 3 }), "InvalidParameterValue", "[signatureVersion]"),
        (json!({ "url": URL, "publicKeyId": "SANDBOX-NOBODY" }), "InvalidParameterValue", "[publicKeyId]"),
        (json!({ "url": URL, "merchantId": "ANOBODY" }), "InvalidParameterValue", "[merchantId]"),
        (
            json!({ "url": URL, "merchantId": "AONE", "publicKeyId": KEY_ID }),
            "InvalidParameterCombination",
            "[merchantId]",
        ),
        (json!({ "url": URL, "secret": "x" }), "UnrecognizedField", "[secret]"),
        (json!("http://shop.example"), "InvalidRequestFormat", ""),
    ] {
        let answer = scene.control(Method::POST, "notification-endpoints", body.clone()).await;
        assert_eq!(answer.refusal(), (400, reason_code), "{body}");
        assert!(answer.message().contains(field), "{body}: {}", answer.message());
        assert!(!answer.message().contains("word"), "a URL may contain a secret: {}", answer.message());
    }
    assert_eq!(endpoints(&scene).await, json!([]));
    assert!(scene.sent().is_empty());
    for _ in 0..16 {
        scene.register(json!({ "url": URL })).await;
    }
    let answer = scene.control(Method::POST, "notification-endpoints", json!({ "url": URL })).await;
    assert_eq!(answer.refusal(), (400, "InvalidRequest"));
    assert!(answer.message().contains("16 endpoints"), "{}", answer.message());
}

#[tokio::test]
async fn each_call_accepts_only_its_methods_and_no_parameters() {
    let scene = Scene::new().await;
    for (method, path, refusal) in [
        (Method::PUT, "notifications", (405, "RequestNotSupported")),
        (Method::DELETE, "notifications", (405, "RequestNotSupported")),
        (Method::PATCH, "notification-endpoints", (405, "RequestNotSupported")),
        (Method::GET, "notification-endpoints/x", (405, "RequestNotSupported")),
        (Method::PUT, "notification-faults", (405, "RequestNotSupported")),
        (Method::GET, "notification-certificates", (405, "RequestNotSupported")),
        (Method::GET, "notifications?after=1", (400, "UnrecognizedField")),
        (Method::GET, "notifications/x", (404, "ResourceNotFound")),
    ] {
        let answer = scene.control(method.clone(), path, Value::Null).await;
        assert_eq!(answer.refusal(), refusal, "{method} {path}");
    }
    for path in ["/", "/?Action=ConfirmSubscription", "/?Action=Publish&Token=x", "/other.pem"] {
        assert_eq!(follow(&scene, &format!("{ORIGIN}{path}")).await.0, 404, "{path}");
    }
    let (status, _) = follow(&scene, &format!("{ORIGIN}/SimpleNotificationService-00.pem")).await;
    assert_eq!(status, 404);
}

// Promise: A23
#[tokio::test]
async fn a_new_certificate_signs_from_then_on_and_the_old_one_can_still_be_fetched() {
    let scene = Scene::new().await;
    scene.authorized().await;
    let before = scene.sent();
    let renewed = scene.control(Method::POST, "notification-certificates", Value::Null).await;
    assert_eq!(renewed.status, 201, "{}", renewed.text);
    scene.authorized().await;
    let after = scene.sent();
    let url = |post: &Post| post.json()["SigningCertURL"].as_str().unwrap().to_owned();
    assert_eq!(url(&after[0]), renewed.text("signingCertUrl"));
    assert_ne!(url(&before[0]), url(&after[0]));
    for post in before.iter().chain(&after) {
        scene.message(post).await;
    }
    let told = json!({ "why": "because" });
    let refused = scene.control(Method::POST, "notification-certificates", told).await;
    assert_eq!(refused.refusal(), (400, "UnrecognizedField"));
}

#[tokio::test]
async fn the_operators_endpoints_are_notified_for_every_merchant_and_are_there_after_a_reset() {
    let fixed = |url: &str, signature_version| FixedEndpoint {
        url: EndpointUrl::parse(url).unwrap(),
        signature_version,
    };
    let other = "http://127.0.0.1:9000/other";
    let notifications = Notifications {
        endpoints: vec![fixed(URL, SignatureVersion::V1), fixed(other, SignatureVersion::V2)],
        ..Notifications::default()
    };
    let scene = Scene::on(Arc::new(MemoryStore::new()), Default::default(), 0, notifications).await;
    let types = |sent: &[Post]| -> Vec<String> {
        let shown = |post: &Post| {
            let json = post.json();
            format!("{} {} {}", post.url, json["Type"].as_str().unwrap(), json["SignatureVersion"])
        };
        let mut types: Vec<String> = sent.iter().map(shown).collect();
        types.sort_unstable();
        types
    };
    let both = |kind: &str| vec![format!(r#"{URL} {kind} "1""#), format!(r#"{other} {kind} "2""#)];
    assert_eq!(types(&scene.sent()), both("SubscriptionConfirmation"));
    scene.authorized().await;
    assert_eq!(types(&scene.sent()), both("Notification"));
    let third = scene.register(json!({ "url": "http://127.0.0.1:9000/third" })).await;
    scene.order_fault(json!({ "kind": "drop" })).await;
    scene
        .control(
            Method::DELETE,
            &format!("notification-endpoints/{}", endpoints(&scene).await[0]["endpointId"].as_str().unwrap()),
            Value::Null,
        )
        .await;
    scene.authorized().await;

    assert_eq!(scene.control(Method::POST, "reset", Value::Null).await.status, 200);
    assert_eq!(types(&scene.sent()), both("SubscriptionConfirmation"));
    let shown = endpoints(&scene).await;
    assert_eq!(shown.as_array().unwrap().len(), 2);
    assert!(!shown.to_string().contains(&third));
    assert_eq!(shown[0]["fixed"], true);
    assert_eq!(scene.listed(&["type"]).await.len(), 2, "the list is empty after a reset");
    scene.authorized().await;
    assert_eq!(types(&scene.sent()), both("Notification"), "the fault is gone");
}
