//! Create Refund: outcomes, refusals one by one, amounts at the limit, declines.

use serde_json::{Value, json};

use super::order::{once, price, usd};
use crate::world::{Call, World};

fn pretty(json: &Value) -> String {
    serde_json::to_string_pretty(json).unwrap()
}

#[tokio::test]
async fn a_refund_is_answered_with_every_member_and_decided_by_the_clock() {
    let world = World::new().await;
    let order = world.captured_order(usd("14.00")).await;
    let body = json!({
        "chargeId": order.charge_id, "refundAmount": usd("4.00"), "softDescriptor": "Sorry",
    });
    let created = world.call(&once("/v2/refunds", body)).await;
    assert_eq!(created.status, 201);
    insta::assert_snapshot!("a_created_refund", pretty(&created.json));
    let read = Call::get(format!("/v2/refunds/{}", created.text("refundId")));
    assert_eq!(world.succeeds(&read).await.text, created.text, "Get shows the same");
    assert_eq!(world.charge(&order.charge_id).await.json["refundedAmount"], usd("0.00"));
    world.advance("PT29S").await;
    assert_eq!(world.succeeds(&read).await.state(), "RefundInitiated");
    world.advance("PT1S").await;
    let refunded = world.succeeds(&read).await;
    assert_eq!(refunded.state(), "Refunded");
    assert_eq!(refunded.json["statusDetails"]["lastUpdatedTimestamp"], "20260901T120030Z");
    assert_eq!(world.charge(&order.charge_id).await.json["refundedAmount"], usd("4.00"));
    // A refunded amount cannot be charged again.
    assert_eq!(world.standing(&order).await, ("Closed".into(), "AmazonClosed".into(), "0.00".into()));
}

#[tokio::test]
async fn each_broken_rule_of_create_refund_is_answered_and_changes_nothing() {
    let world = World::new().await;
    let order = world.captured_order(usd("14.00")).await;
    let before = world.everything(&order).await;
    let with = |over: Value| {
        let body = json!({ "chargeId": order.charge_id, "refundAmount": usd("14.00") });
        once("/v2/refunds", crate::world::merged(body, over))
    };
    for (call, status, reason_code, names) in [
        (with(json!({ "chargeId": null })), 400, "MissingParameterValue", "[chargeId]"),
        (with(json!({ "chargeId": "no id" })), 400, "InvalidParameterValue", "[chargeId]"),
        (with(json!({ "chargeId": "S01-0000000-0000000-C000000" })), 404, "ResourceNotFound", ""),
        (with(json!({ "refundAmount": null })), 400, "MissingParameterValue", "[refundAmount]"),
        (order.refund(usd("0.00")), 400, "InvalidParameterValue", "[refundAmount]"),
        (order.refund(usd("-1.00")), 400, "InvalidParameterValue", "refundAmount"),
        (order.refund(usd("1.001")), 400, "InvalidParameterValue", "refundAmount"),
        (order.refund(price("1.00", "EUR")), 400, "CurrencyMismatch", "[refundAmount]"),
        (order.refund(usd("16.11")), 400, "TransactionAmountExceeded", "[refundAmount]"),
        (order.refund(usd("150000.01")), 400, "TransactionAmountExceeded", "[refundAmount]"),
        (with(json!({ "softDescriptor": "x".repeat(17) })), 400, "InvalidParameterValue", "[softDescriptor]"),
        (with(json!({ "reason": "x" })), 400, "UnrecognizedField", "[reason]"),
        (Call { body: String::new(), ..with(json!({})) }, 400, "InvalidRequestFormat", ""),
        (Call { headers: Vec::new(), ..with(json!({})) }, 400, "MissingHeader", "idempotency"),
    ] {
        let answer = world.call(&call).await;
        assert_eq!(answer.refusal(), (status, reason_code), "{}: {}", call.body, answer.text);
        assert!(answer.message().contains(names), "{}: {}", call.body, answer.text);
    }
    assert_eq!(world.everything(&order).await, before);
    assert_eq!(world.call(&with(json!({}))).await.status, 201);
}

// Promise: A15
#[tokio::test]
async fn refunds_keep_within_captured_and_the_lesser_of_15_percent_and_75() {
    // The captured amount, what was refunded before, the largest amount that can still be refunded,
    // and one minor unit more.
    for (captured, first, most, over) in [
        (usd("14.00"), None, "16.10", "16.11"),
        (usd("14.00"), Some("10.00"), "6.10", "6.11"),
        (usd("0.06"), None, "0.06", "0.07"),
        (usd("0.07"), None, "0.08", "0.09"),
        (usd("500.00"), None, "575.00", "575.01"),
        (usd("500.01"), None, "575.01", "575.02"),
        (usd("1000.00"), Some("1000.00"), "75.00", "75.01"),
        (usd("150000.00"), None, "150000.00", "150000.01"),
        (usd("150000.00"), Some("150000.00"), "75.00", "75.01"),
        (price("1000.00", "EUR"), None, "1075.00", "1075.01"),
        (price("1000.00", "GBP"), Some("500.00"), "575.00", "575.01"),
        (price("1000", "JPY"), None, "1150", "1151"),
        (price("56000", "JPY"), None, "64400", "64401"),
        (price("56010", "JPY"), None, "64410", "64411"),
        (price("100000", "JPY"), Some("100000"), "8400", "8401"),
    ] {
        let world = World::new().await;
        let currency = captured["currencyCode"].as_str().unwrap().to_owned();
        let order = world.captured_order(captured.clone()).await;
        let refund = |amount: &str| order.refund(price(amount, &currency));
        if let Some(first) = first {
            world.succeeds(&refund(first)).await;
            world.advance("PT30S").await;
        }
        let row = format!("{captured} after {first:?}");
        let refused = world.call(&refund(over)).await;
        assert_eq!(refused.refusal(), (400, "TransactionAmountExceeded"), "{row}");
        assert_eq!(world.call(&refund(most)).await.status, 201, "{row}");
        let smallest = if currency == "JPY" { "1" } else { "0.01" };
        let answer = world.call(&refund(smallest)).await;
        // A single refund has its own maximum, so something is left for a second one.
        if most == "150000.00" {
            assert_eq!(answer.status, 201, "{row}");
        } else {
            assert_eq!(answer.refusal(), (400, "TransactionAmountExceeded"), "{row}");
        }
    }
}

#[tokio::test]
async fn a_charge_has_ten_refunds_and_a_declined_one_frees_its_place_and_its_amount() {
    let world = World::new().await;
    let order = world.captured_order(usd("100.00")).await;
    let declined = world.succeeds(&order.refund(usd("115.00")).simulating("RefundDeclined")).await;
    assert_eq!((declined.status, declined.state()), (201, "RefundInitiated"));
    let refused = world.call(&order.refund(usd("0.01"))).await;
    assert_eq!(refused.refusal(), (400, "TransactionAmountExceeded"), "an open refund reserves its amount");
    world.advance("PT30S").await;
    let read = world.succeeds(&Call::get(format!("/v2/refunds/{}", declined.text("refundId")))).await;
    assert_eq!(
        (read.state(), &read.json["statusDetails"]["reasonCode"]),
        ("Declined", &json!("AmazonRejected"))
    );
    assert_eq!(world.charge(&order.charge_id).await.json["refundedAmount"], usd("0.00"));
    for number in 1..=10 {
        let answer = world.call(&order.refund(usd("1.00"))).await;
        assert_eq!(answer.status, 201, "refund {number}: {}", answer.text);
    }
    let before = world.everything(&order).await;
    let eleventh = world.call(&order.refund(usd("1.00"))).await;
    assert_eq!(eleventh.refusal(), (422, "TransactionCountExceeded"));
    assert_eq!(world.everything(&order).await, before);
}

#[tokio::test]
async fn a_closed_permission_and_an_old_charge_can_be_refunded() {
    let world = World::new().await;
    let order = world.captured_order(usd("14.00")).await;
    assert_eq!(world.standing(&order).await.0, "Closed");
    world.advance("P400D").await;
    let refund = world.succeeds(&order.refund(usd("14.00"))).await;
    world.advance("PT30S").await;
    let read = world.succeeds(&Call::get(format!("/v2/refunds/{}", refund.text("refundId")))).await;
    assert_eq!(read.state(), "Refunded");
}

#[tokio::test]
async fn after_a_partial_capture_only_that_part_can_be_refunded() {
    let world = World::new().await;
    let order = world.split_order().await;
    world.succeeds(&order.capture(usd("10.00"))).await;
    assert_eq!(world.call(&order.refund(usd("11.51"))).await.refusal(), (400, "TransactionAmountExceeded"));
    assert_eq!(world.call(&order.refund(usd("11.50"))).await.status, 201);
}
