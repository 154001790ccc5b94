//! The event log.

use http::Method;
use serde_json::{Value, json};

use super::scene::Scene;

async fn read(scene: &Scene, query: &str) -> Vec<Value> {
    let answer = scene.control(Method::GET, &format!("/_sandbox/events{query}"), "").await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer.body["events"].as_array().unwrap().clone()
}

fn sequences(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_checkouts_events_are_in_causal_order_with_the_instants_of_what_happened() {
    let scene = Scene::new().await;
    let payment = json!({"paymentIntent": "Authorize", "canHandlePendingAuthorization": true});
    let id = scene.checkout(&json!({"card": "0701", "paymentDetails": payment})).await;
    let other = scene.checkout(&json!({})).await;
    scene.act(&id, &json!({"action": "placeOrder"})).await;
    let finalized = scene.finalize(&id).await;
    scene.advance("P3D").await;

    let events = read(&scene, &format!("?checkoutSessionId={id}")).await;
    let shown: Vec<(&str, &str)> =
        events.iter().map(|event| (event["type"].as_str().unwrap(), event["at"].as_str().unwrap())).collect();
    assert_eq!(
        shown,
        [
            ("CheckoutSessionCreated", "20260901T120000Z"),
            ("OrderPlaced", "20260901T120000Z"),
            ("CheckoutSessionCompleted", "20260901T120000Z"),
            ("ChargePermissionCreated", "20260901T120000Z"),
            ("ChargeAuthorizationInitiated", "20260901T120000Z"),
            ("ChargePermissionNonChargeable", "20260901T120000Z"),
            ("ChargeAuthorized", "20260901T120030Z"),
            ("ChargeCanceled", "20260903T120030Z"),
            ("ChargePermissionChargeable", "20260903T120030Z"),
        ]
    );
    let sequences = sequences(&events);
    assert!(sequences.is_sorted_by(|one, next| one < next), "{sequences:?}");
    let charge_id = finalized.text("chargeId");
    for event in &events {
        assert_eq!(event["checkoutSessionId"], *id);
        let of_charge = event["type"].as_str().unwrap().starts_with("ChargeA");
        assert_eq!(
            event.get("chargeId").is_some_and(|id| id == charge_id),
            of_charge || event["type"] == "ChargeCanceled"
        );
    }
    let canceled = events.iter().find(|event| event["type"] == "ChargeCanceled").unwrap();
    assert_eq!(canceled["reasonCode"], "ExpiredUnused");

    let all = read(&scene, "").await;
    assert!(all.iter().any(|event| event["checkoutSessionId"] == *other), "without an id all are shown");
}

#[tokio::test]
async fn the_log_is_read_page_by_page_without_loss() {
    let scene = Scene::new().await;
    for _ in 0..5 {
        scene.checkout(&json!({"placed": true})).await;
    }
    let all = read(&scene, "").await;
    assert_eq!(all.len(), 10);
    for limit in [1, 2, 3, 7, 10, 11] {
        let (mut pages, mut after) = (Vec::new(), 0);
        loop {
            let page = read(&scene, &format!("?after={after}&limit={limit}")).await;
            assert_eq!(page.len(), limit.min(all.len() - pages.len()), "a page is full while more follow");
            let Some(last) = page.last() else { break };
            after = last["sequence"].as_u64().unwrap();
            pages.extend(page);
        }
        assert_eq!(pages, all, "pages of {limit}");
    }
}

#[tokio::test]
async fn the_largest_page_is_full_while_more_follow() {
    let scene = Scene::new().await;
    for _ in 0..1_002 {
        scene.checkout(&json!({})).await;
    }
    let first = read(&scene, "?limit=1").await;
    let after = first[0]["sequence"].as_u64().unwrap();
    assert_eq!(read(&scene, &format!("?after={after}")).await.len(), 1_000);
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused_by_name() {
    let scene = Scene::new().await;
    for (query, reason_code, field) in [
        ("?checkoutSessionId=", "InvalidParameterValue", "[checkoutSessionId]"),
        ("?checkoutSessionId=a%20b", "InvalidParameterValue", "[checkoutSessionId]"),
        ("?after=-1", "InvalidParameterValue", "[after]"),
        ("?after=soon", "InvalidParameterValue", "[after]"),
        ("?limit=0", "InvalidParameterValue", "[limit]"),
        ("?limit=1001", "InvalidParameterValue", "[limit]"),
        ("?since=1", "UnrecognizedField", "[since]"),
    ] {
        let answer = scene.control(Method::GET, &format!("/_sandbox/events{query}"), "").await;
        assert_eq!((answer.status, answer.reason_code()), (400, reason_code), "{query}");
        assert!(answer.message().contains(field), "{query}: {}", answer.message());
    }
    let nobody = "?checkoutSessionId=00000000-0000-4000-8000-000000000000";
    assert_eq!(read(&scene, nobody).await, Vec::<Value>::new());
}
