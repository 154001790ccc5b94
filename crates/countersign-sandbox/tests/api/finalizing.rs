//! Finalize Checkout Session: the good paths.

use crate::world::{Call, World, id, right_body};
use serde_json::json;

#[tokio::test]
async fn a_placed_order_is_finalized() {
    let world = World::new().await;
    let session = world.placed(json!({})).await;
    let answer = world.call(&Call::finalize(id(&session), right_body(&session))).await;
    assert_eq!((answer.status, answer.state()), (200, "Completed"), "{}", answer.text);
    let permission = answer.text("chargePermissionId").to_owned();
    let charge = answer.text("chargeId").to_owned();
    assert!(charge.starts_with(&permission));
    let charge = world.call(&Call::get(format!("/v2/charges/{charge}"))).await;
    assert_eq!((charge.status, charge.state()), (200, "Authorized"));
    let permission = world.call(&Call::get(format!("/v2/chargePermissions/{permission}"))).await;
    assert_eq!((permission.status, permission.state()), (200, "NonChargeable"));
    assert_eq!(permission.json["limits"]["amountBalance"]["amount"], "0.00");
}
