//! A clock that runs fast, is moved and is frozen while merchants read: each reader sees the state
//! that belongs to the instant that the clock shows.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::json;

use super::scene::Scene;

/// A charge whose authorization is pending until this instant.
struct PendingCharge {
    charge_id: String,
    decided_at: String,
}

async fn pending(scene: &Scene) -> PendingCharge {
    let payment = json!({ "paymentIntent": "Authorize", "canHandlePendingAuthorization": true });
    let id = scene.checkout(&json!({ "card": "0701", "placed": true, "paymentDetails": payment })).await;
    let finalized = scene.finalize(&id).await;
    assert_eq!(finalized.status, 202);
    let charge_id = finalized.text("chargeId").to_owned();
    let charge = scene.get_charge(&charge_id).await;
    let began_at = charge.text("creationTimestamp").to_owned();
    let began_at = countersign_domain::time::Timestamp::parse(&began_at).unwrap();
    let decided_at = began_at.plus(Duration::from_secs(30)).to_string();
    PendingCharge { charge_id, decided_at }
}

async fn now(scene: &Scene) -> String {
    scene.control(Method::GET, "/_sandbox/clock", "").await.text("now").to_owned()
}

/// Reads the clock, a charge, and the clock again, and returns the charge's state.
async fn read(scene: &Scene, pending: &PendingCharge) -> String {
    let before = now(scene).await;
    tokio::task::yield_now().await;
    let charge = scene.get_charge(&pending.charge_id).await;
    tokio::task::yield_now().await;
    let after = now(scene).await;
    let state = charge.body["statusDetails"]["state"].as_str().unwrap().to_owned();
    // Instants of this form sort as texts.
    if after < pending.decided_at {
        assert_eq!(state, "AuthorizationInitiated", "{before} {after} {}", pending.decided_at);
    }
    if before >= pending.decided_at {
        assert_eq!(state, "Authorized", "{before} {after} {}", pending.decided_at);
        assert_eq!(charge.body["statusDetails"]["lastUpdatedTimestamp"], pending.decided_at.as_str());
    }
    state
}

// Promise: A21
#[tokio::test]
async fn a_reader_sees_what_a_real_clock_would_have_shown() {
    let scene = Arc::new(Scene::new().await);
    let mut charges = Vec::new();
    for _ in 0..20 {
        charges.push(pending(&scene).await);
        scene.advance("PT1S").await;
    }
    let charges = Arc::new(charges);
    let loops = tokio::spawn(scene.sandbox.timers());
    let mut readers = Vec::new();
    for first in 0..8 {
        let (scene, charges) = (scene.clone(), charges.clone());
        readers.push(tokio::spawn(async move {
            let mut states = Vec::new();
            for step in 0..60 {
                states.push(read(&scene, &charges[(first * 7 + step * 3) % charges.len()]).await);
            }
            states
        }));
    }
    let moves = [
        r#"{"rate":2}"#,
        r#"{"advance":"PT1S"}"#,
        r#"{"freeze":true}"#,
        r#"{"freeze":false,"rate":3}"#,
        r#"{"advance":"PT0.5S","rate":1}"#,
    ];
    for step in 0..20 {
        scene.control(Method::POST, "/_sandbox/clock", moves[step % moves.len()]).await;
        tokio::task::yield_now().await;
        scene.clock.advance(Duration::from_secs(1));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    let mut states = Vec::new();
    for reader in readers {
        states.extend(reader.await.unwrap());
    }
    for state in ["AuthorizationInitiated", "Authorized"] {
        assert!(states.iter().any(|seen| seen == state), "no reader saw {state}");
    }
    scene.advance("PT1M").await;
    loops.abort();

    let log = scene.control(Method::GET, "/_sandbox/events", "").await;
    let decided = log.body["events"].as_array().unwrap().iter();
    let decided: Vec<&str> = decided
        .filter(|event| event["type"] == "ChargeAuthorized")
        .map(|event| event["at"].as_str().unwrap())
        .collect();
    let expected: Vec<&str> = charges.iter().map(|charge| charge.decided_at.as_str()).collect();
    assert_eq!(decided, expected, "each at its own instant, in due order");
}
