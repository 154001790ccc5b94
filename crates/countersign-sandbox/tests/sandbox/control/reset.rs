//! Starting from scratch: a reset, and a seed.

use http::Method;
use serde_json::{Value, json};

use super::scene::{NOON, Scene, SceneAnswer};

async fn reset(scene: &Scene) -> SceneAnswer {
    scene.control(Method::POST, "/_sandbox/reset", "").await
}

/// Finalizes one checkout of each intent, and orders a fault. Returns every id that was drawn, with
/// the requests' ids in a list of their own.
async fn play(scene: &Scene) -> (Vec<Value>, Vec<Option<String>>) {
    let (mut ids, mut request_ids) = (Vec::new(), Vec::new());
    for intent in ["Confirm", "Authorize", "AuthorizeWithCapture"] {
        let payment = json!({"paymentIntent": intent});
        let id = scene.checkout(&json!({"placed": true, "paymentDetails": payment})).await;
        let finalized = scene.finalize(&id).await;
        assert_eq!(finalized.status, 200, "{}", finalized.body);
        ids.extend(
            ["checkoutSessionId", "chargePermissionId", "chargeId"].map(|id| finalized.body[id].clone()),
        );
        request_ids.push(finalized.request_id);
    }
    let fault = r#"{"operation":"getCharge","point":"before","kind":"reset"}"#;
    let fault = scene.control(Method::POST, "/_sandbox/faults", fault).await;
    ids.push(fault.body["faultId"].clone());
    (ids, request_ids)
}

// Promise: A33
#[tokio::test]
async fn a_seed_fixes_every_id() {
    let first = play(&Scene::seeded(7).await).await;
    let again = play(&Scene::seeded(7).await).await;
    let other = play(&Scene::seeded(8).await).await;
    assert_eq!(first, again);
    for (one, another) in first.0.iter().zip(&other.0) {
        assert!(one != another || one.is_null(), "{one}");
    }
    for (one, another) in first.1.iter().zip(&other.1) {
        assert!(one != another && one.is_some(), "{one:?}");
    }
}

#[tokio::test]
async fn a_reset_forgets_everything_but_the_merchants_and_restarts_the_ids() {
    let scene = Scene::seeded(7).await;
    let (first, first_requests) = play(&scene).await;
    scene.advance("P3D").await;
    scene.control(Method::POST, "/_sandbox/clock", r#"{"freeze":true}"#).await;
    let answer = reset(&scene).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({})));

    let clock = scene.control(Method::GET, "/_sandbox/clock", "").await;
    assert_eq!(clock.body, json!({"now": NOON, "frozen": false, "rate": 1}));
    let events = scene.control(Method::GET, "/_sandbox/events", "").await;
    assert_eq!(events.body, json!({"events": []}));
    let faults = scene.control(Method::GET, "/_sandbox/faults", "").await;
    assert_eq!(faults.body, json!({"faults": []}));
    let gone = scene.get_checkout_session(first[0].as_str().unwrap()).await;
    assert_eq!((gone.status, gone.reason_code()), (404, "ResourceNotFound"));
    reset(&scene).await;
    let (again, requests) = play(&scene).await;
    assert_eq!(again, first);
    for request in requests {
        assert!(!first_requests.contains(&request), "two requests have the same id");
    }
}

#[tokio::test]
async fn a_reset_accepts_only_an_empty_object() {
    let scene = Scene::new().await;
    let id = scene.checkout(&json!({})).await;
    for (body, reason_code) in [
        (r#"{"faults":true}"#, "UnrecognizedField"),
        (r#"{"surprise":null}"#, "UnrecognizedField"),
        ("[]", "InvalidRequestFormat"),
        ("{", "InvalidRequestFormat"),
    ] {
        let answer = scene.control(Method::POST, "/_sandbox/reset", body).await;
        assert_eq!((answer.status, answer.reason_code()), (400, reason_code), "{body}");
        assert_eq!(scene.get_checkout_session(&id).await.status, 200, "{body} changed something");
    }
    for body in ["", "{}", " { } "] {
        assert_eq!(scene.control(Method::POST, "/_sandbox/reset", body).await.status, 200, "{body:?}");
    }
}

#[tokio::test]
async fn a_parameter_that_a_call_does_not_take_is_refused_by_name() {
    let scene = Scene::new().await;
    let id = scene.checkout(&json!({})).await;
    for (method, path, body) in [
        (Method::POST, "/_sandbox/checkout-sessions", "{}"),
        (Method::POST, &*format!("/_sandbox/checkout-sessions/{id}/buyer"), r#"{"action":"placeOrder"}"#),
        (Method::GET, "/_sandbox/clock", ""),
        (Method::POST, "/_sandbox/clock", r#"{"advance":"P30D"}"#),
        (Method::GET, "/_sandbox/events", ""),
        (Method::GET, "/_sandbox/faults", ""),
        (Method::POST, "/_sandbox/faults", "{}"),
        (Method::DELETE, "/_sandbox/faults", ""),
        (Method::POST, "/_sandbox/reset", ""),
        (Method::GET, "/_sandbox/health", ""),
    ] {
        let answer = scene.control(method, &format!("{path}?force=1"), body).await;
        assert_eq!((answer.status, answer.reason_code()), (400, "UnrecognizedField"), "{path}");
        assert!(answer.message().contains("[force]"), "{path}: {}", answer.message());
    }
    assert_eq!(scene.get_checkout_session(&id).await.text("creationTimestamp"), NOON);
    assert_eq!(scene.event_types(&id).await, ["CheckoutSessionCreated"]);
}

#[tokio::test]
async fn an_idempotency_key_is_free_again_after_a_reset() {
    let scene = Scene::new().await;
    let finalize = |id: String| {
        let scene = &scene;
        async move { scene.finalize_with_key(&id, "key-1").await }
    };
    let placed = json!({"placed": true});
    let id = scene.checkout(&placed).await;
    let first = finalize(id.clone()).await;
    assert_eq!((first.status, finalize(id).await.body), (200, first.body.clone()));
    let id = scene.checkout(&placed).await;
    assert_eq!(finalize(id).await.reason_code(), "DuplicateIdempotencyKey");
    reset(&scene).await;
    let id = scene.checkout(&placed).await;
    assert_eq!(finalize(id).await.status, 200);
}
