//! An answer of Amazon's that names another object than was asked for shows nothing of it, and contradicts.

use std::time::Duration;

use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{ENGINES, World, usd};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const CHARGE: &str = "S01-5105180-0000001-C000001";
const PERMISSION: &str = "S01-5105180-0000001";

fn facts(world: &World, kind: &str) -> Vec<Value> {
    world.facts().into_iter().filter(|fact| fact["type"] == kind).collect()
}

fn is_contradicted_and_settled(world: &World, checkout_id: &str) {
    let told = facts(world, "payment.contradicted");
    assert!(
        matches!(&told[..], [fact] if fact["reason"] == "IdsDiffer" && fact["chargeId"] == CHARGE),
        "{told:?}"
    );
    assert_eq!(world.checkout(checkout_id)["needsPerson"], json!(["contradicted"]));
    world.let_pass(MINUTE);
    assert_eq!(facts(world, "payment.settled").len(), 1, "Amazon shows what fits again");
    assert_eq!(world.checkout(checkout_id)["needsPerson"], json!([]));
}

// Promise: B06
#[test]
fn a_refund_of_another_id_shows_nothing_and_contradicts() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = world.completed("AuthorizeWithCapture");
        world.let_pass(2 * MINUTE);
        let asked = json!({ "reference": "r", "refundAmount": usd("3.00") });
        assert_eq!(world.ask(&checkout_id, "refunds", &asked).status, 202);
        let refund_id =
            world.checkout(&checkout_id)["payment"]["charges"][0]["refunds"][0]["refundId"].clone();
        let other = json!({ "refundId": "S01-5105180-0000009-R000009", "chargeId": CHARGE,
            "refundAmount": usd("3.00"), "statusDetails": { "state": "Refunded" } });
        world.amazon.fault("refund", Fault::Answer(200, other));
        world.notified("1", "REFUND", refund_id.as_str().unwrap());
        world.let_pass(2 * SECOND);
        let shown = world.checkout(&checkout_id)["payment"]["charges"][0]["refunds"].clone();
        assert_eq!((shown.as_array().unwrap().len(), &shown[0]["state"]), (1, &json!("RefundInitiated")));
        assert_eq!(facts(&world, "refund.refunded"), Vec::<Value>::new());
        world.restart();
        is_contradicted_and_settled(&world, &checkout_id);
    }
}

// Promise: B06
#[test]
fn a_permission_of_another_id_shows_nothing_and_contradicts() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = world.completed("AuthorizeWithCapture");
        world.let_pass(2 * MINUTE);
        let other = json!({ "chargePermissionId": "S01-5105180-0000009",
            "statusDetails": { "state": "Closed", "reasons": [{ "reasonCode": "AmazonClosed" }] } });
        world.amazon.fault("permission", Fault::Answer(200, other));
        world.notified("1", "CHARGE_PERMISSION", PERMISSION);
        world.let_pass(2 * SECOND);
        let shown = world.checkout(&checkout_id)["payment"]["chargePermission"]["state"].clone();
        assert_eq!(shown, "Chargeable");
        is_contradicted_and_settled(&world, &checkout_id);
    }
}
