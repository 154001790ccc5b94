//! Moving the clock.

use std::sync::Arc;
use std::time::Duration;

use countersign_sandbox::settings::Settings;
use countersign_store::memory::MemoryStore;
use http::Method;
use serde_json::json;

use super::scene::{NOON, Scene};

async fn clock(scene: &Scene) -> (String, bool) {
    let answer = scene.control(Method::GET, "/_sandbox/clock", "").await;
    assert_eq!(answer.status, 200);
    (answer.text("now").to_owned(), answer.body["frozen"].as_bool().unwrap())
}

// Promise: A21
#[tokio::test]
async fn the_clock_moves_as_ordered() {
    let scene = Scene::new().await;
    for (body, now, frozen) in [
        (r#"{"advance":"PT24H"}"#, "20260902T120000Z", false),
        (r#"{"advance":"P30D"}"#, "20261002T120000Z", false),
        (r#"{"freeze":true}"#, "20261002T120000Z", true),
        (r#"{"advance":"PT0.5S"}"#, "20261002T120000Z", true),
        (r#"{"advance":"PT0.5S"}"#, "20261002T120001Z", true),
        (r#"{"set":"20261231T000000Z"}"#, "20261231T000000Z", true),
        (r#"{"set":"2020-01-01T00:00:00Z"}"#, "20200101T000000Z", true),
        (r#"{"freeze":false}"#, "20200101T000000Z", false),
        (r#"{"set":"20300101T000000Z","freeze":true}"#, "20300101T000000Z", true),
        (r#"{"advance":"P1D","freeze":false}"#, "20300102T000000Z", false),
    ] {
        let moved = scene.control(Method::POST, "/_sandbox/clock", body).await;
        let expected = json!({"now": now, "frozen": frozen, "rate": 1});
        assert_eq!((moved.status, &moved.body), (200, &expected), "{body}");
        assert_eq!(clock(&scene).await, (now.to_owned(), frozen), "{body}");
    }
}

#[tokio::test]
async fn real_time_passes_unless_the_clock_is_frozen() {
    let scene = Scene::new().await;
    scene.clock.advance(Duration::from_secs(10));
    assert_eq!(clock(&scene).await.0, "20260901T120010Z");
    scene.control(Method::POST, "/_sandbox/clock", r#"{"freeze":true}"#).await;
    scene.clock.advance(Duration::from_secs(10));
    assert_eq!(clock(&scene).await.0, "20260901T120010Z");
}

// Promise: A21
#[tokio::test]
async fn a_fast_clock_shows_its_rate_and_keeps_it_while_it_is_frozen_or_moved() {
    let scene = Scene::new().await;
    for (body, rate, after_a_second) in [
        (r#"{"rate":3600}"#, 3_600, "20260901T130000Z"),
        (r#"{"advance":"PT1H"}"#, 3_600, "20260901T150000Z"),
        (r#"{"freeze":true,"rate":60}"#, 60, "20260901T150000Z"),
        (r#"{"freeze":false}"#, 60, "20260901T150100Z"),
        (r#"{"set":"20270101T000000Z","rate":1000000}"#, 1_000_000, "20270112T134640Z"),
        (r#"{"rate":1}"#, 1, "20270112T134641Z"),
    ] {
        let moved = scene.control(Method::POST, "/_sandbox/clock", body).await;
        assert_eq!((moved.status, &moved.body["rate"]), (200, &json!(rate)), "{body}");
        scene.clock.advance(Duration::from_secs(1));
        assert_eq!(clock(&scene).await.0, after_a_second, "{body}");
    }
    scene.control(Method::POST, "/_sandbox/reset", "").await;
    let shown = scene.control(Method::GET, "/_sandbox/clock", "").await;
    assert_eq!(shown.body, json!({"now": "20260901T120006Z", "frozen": false, "rate": 1}));
}

#[tokio::test]
async fn a_move_that_is_not_valid_is_refused_and_moves_nothing() {
    let scene = Scene::new().await;
    for (body, reason_code, field) in [
        (r#"{"advance":"24H"}"#, "InvalidParameterValue", "[advance]"),
        (r#"{"advance":"-PT1H"}"#, "InvalidParameterValue", "[advance]"),
        (r#"{"advance":"P1M"}"#, "InvalidParameterValue", "[advance]"),
        (r#"{"advance":3600}"#, "InvalidParameterValue", "[advance]"),
        (r#"{"set":"tomorrow"}"#, "InvalidParameterValue", "[set]"),
        (r#"{"set":"20261301T000000Z"}"#, "InvalidParameterValue", "[set]"),
        (r#"{"freeze":"yes"}"#, "InvalidParameterValue", "[freeze]"),
        (r#"{"rate":0}"#, "InvalidParameterValue", "[rate]"),
        (r#"{"rate":1000001}"#, "InvalidParameterValue", "[rate]"),
        (r#"{"rate":1.5}"#, "InvalidParameterValue", "[rate]"),
        (r#"{"rate":"fast"}"#, "InvalidParameterValue", "[rate]"),
        (r#"{"rate":0,"advance":"PT1H"}"#, "InvalidParameterValue", "[rate]"),
        (r#"{"advance":"PT1H","set":"20261231T000000Z"}"#, "InvalidParameterCombination", "[set]"),
        (r#"{"advance":null}"#, "MissingParameterValue", "[advance, set, freeze or rate]"),
        (r#"{"advance":"PT1H","back":true}"#, "UnrecognizedField", "[back]"),
    ] {
        let answer = scene.control(Method::POST, "/_sandbox/clock", body).await;
        assert_eq!((answer.status, answer.reason_code()), (400, reason_code), "{body}");
        assert!(answer.message().contains(field), "{body}: {}", answer.message());
        assert_eq!(clock(&scene).await, (NOON.to_owned(), false), "{body}");
    }
}

// Promise: A21
#[tokio::test]
async fn due_timers_have_run_before_the_answer() {
    let scene = Scene::new().await;
    let id = scene.checkout(&json!({})).await;
    let types = |id: String| {
        let scene = &scene;
        async move { scene.event_types(&id).await }
    };
    for (moved, expected) in [
        ("PT23H59M59S", &["CheckoutSessionCreated"][..]),
        ("PT1S", &["CheckoutSessionCreated", "CheckoutSessionCanceled"]),
        ("P28DT23H59M59S", &["CheckoutSessionCreated", "CheckoutSessionCanceled"]),
        ("PT1S", &["CheckoutSessionCreated", "CheckoutSessionCanceled", "CheckoutSessionDeleted"]),
    ] {
        scene.advance(moved).await;
        assert_eq!(types(id.clone()).await, expected, "{moved}");
    }
}

#[tokio::test]
async fn setting_the_clock_back_does_not_undo_what_timers_did() {
    let scene = Scene::new().await;
    let id = scene.checkout(&json!({})).await;
    scene.advance("PT24H").await;
    scene.control(Method::POST, "/_sandbox/clock", &format!(r#"{{"set":"{NOON}"}}"#)).await;
    let read = scene.get_checkout_session(&id).await;
    assert_eq!(read.body["statusDetails"]["state"], "Canceled");
    assert_eq!(read.body["statusDetails"]["reasonCode"], "Expired");
    assert_eq!(read.body["statusDetails"]["lastUpdatedTimestamp"], "20260902T120000Z");
}

#[tokio::test]
async fn a_pending_authorization_is_decided_by_the_virtual_clock() {
    for (card, state) in [("0701", "Authorized"), ("4354", "Declined")] {
        let scene = Scene::new().await;
        let payment = json!({"paymentIntent": "Authorize", "canHandlePendingAuthorization": true});
        let id = scene.checkout(&json!({"card": card, "placed": true, "paymentDetails": payment})).await;
        let finalized = scene.finalize(&id).await;
        assert_eq!(finalized.status, 202);
        let charge_id = finalized.text("chargeId").to_owned();
        for (moved, expected) in [("PT29S", "AuthorizationInitiated"), ("PT1S", state)] {
            scene.advance(moved).await;
            let charge = scene.get_charge(&charge_id).await;
            assert_eq!(charge.body["statusDetails"]["state"], expected, "{card} {moved}");
        }
    }
}

#[tokio::test]
async fn a_restart_continues_from_the_last_decision_or_else_with_the_real_time() {
    for (decides, expected) in [(true, "20261001T120000Z"), (false, NOON)] {
        let store = Arc::new(MemoryStore::default());
        let scene = Scene::on(store.clone(), Settings::default()).await;
        scene.advance("P30D").await;
        if decides {
            scene.checkout(&json!({})).await;
        }
        let restarted = Scene::on(store, Settings::default()).await;
        assert_eq!(clock(&restarted).await, (expected.to_owned(), false));
    }
}
