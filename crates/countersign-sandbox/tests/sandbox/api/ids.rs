//! Ids: Amazon's shapes, the same from the same seed, and many buyers at the same time.

use std::collections::HashSet;
use std::sync::Arc;

use countersign_sandbox::settings::Settings;
use countersign_store::memory::MemoryStore;
use futures_util::future::join_all;
use serde_json::json;

use crate::world::{Call, World, id, right_body};

/// Whether a text has a shape: `9` is a digit, `x` a lower-case hexadecimal digit, and any other character
/// itself.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.chars().zip(shape.chars()).all(|(c, expected)| match expected {
            '9' => c.is_ascii_digit(),
            'x' => matches!(c, '0'..='9' | 'a'..='f'),
            other => c == other,
        })
}

async fn some_ids(seed: u64) -> Vec<String> {
    let world = World::seeded(seed, Arc::new(MemoryStore::new()), Settings::default(), 0).await;
    let mut ids = Vec::new();
    for (currency, amount) in [("USD", "14.00"), ("EUR", "14.00"), ("GBP", "14.00"), ("JPY", "1400")] {
        let details = json!({ "chargeAmount": { "amount": amount, "currencyCode": currency } });
        let session = world.placed(json!({ "paymentDetails": details })).await;
        let answer = world.call(&Call::finalize(id(&session), right_body(&session))).await;
        for member in ["checkoutSessionId", "chargePermissionId", "chargeId"] {
            ids.push(answer.text(member).to_owned());
        }
    }
    ids
}

// Promise: A33
#[tokio::test]
async fn ids_have_amazons_shapes_and_follow_from_the_seed() {
    let ids = some_ids(7).await;
    for (position, region) in ["01", "02", "02", "03"].into_iter().enumerate() {
        let [session, permission, charge] = &ids[position * 3..position * 3 + 3] else { panic!("three ids") };
        assert!(has_shape(session, "xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx"), "{session}");
        assert!(has_shape(
            permission,
            &format!("S{}-9999999-9999999", region.replace(char::is_numeric, "9"))
        ));
        assert!(permission.starts_with(&format!("S{region}-")), "{permission}");
        assert!(has_shape(charge, "S99-9999999-9999999-C999999"), "{charge}");
        assert!(charge.starts_with(permission.as_str()));
    }
    assert_eq!(some_ids(7).await, ids);
    assert_ne!(some_ids(8).await, ids);
}

// Promise: A28
#[tokio::test]
async fn a_thousand_buyers_pay_at_once() {
    let world = World::new().await;
    let buyers = (0..1_000).map(|_| async {
        let session = world.placed(json!({ "placed": false })).await;
        let path = format!("checkout-sessions/{}/buyer", id(&session));
        for act in [json!({ "action": "selectCard", "card": "0005" }), json!({ "action": "placeOrder" })] {
            assert_eq!(world.control(http::Method::POST, &path, act).await.status, 200);
        }
        session
    });
    let sessions = join_all(buyers).await;
    let distinct: HashSet<&str> = sessions.iter().map(id).collect();
    assert_eq!(distinct.len(), 1_000);
    // Signing would take most of the test's time: one in fifty is finalized.
    for session in sessions.iter().step_by(50) {
        let answer = world.call(&Call::finalize(id(session), right_body(session))).await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn an_id_that_is_taken_is_drawn_again() {
    let store = Arc::new(MemoryStore::new());
    let mut seen = HashSet::new();
    for _ in 0..2 {
        // The same seed and start number, with a store that already holds the ids drawn from them.
        let world = World::seeded(7, store.clone(), Settings::default(), 0).await;
        for _ in 0..3 {
            let session = world.placed(json!({})).await;
            let answer = world.call(&Call::finalize(id(&session), right_body(&session))).await;
            assert_eq!(answer.status, 200);
            for member in ["checkoutSessionId", "chargePermissionId", "chargeId"] {
                assert!(seen.insert(answer.text(member).to_owned()), "{member} was drawn twice");
            }
        }
    }
}
