//! Get, update and close a Charge Permission. Only the merchant that owns a checkout can make calls on its
//! objects, and only in the objects' environment.

use http::Method;
use serde_json::{Value, json};

use super::order::{cancel, capture, price, refund, usd};
use crate::world::{Call, FOREIGN_KEY_ID, LIVE_KEY_ID, SECOND_KEY_ID, World, merged};

fn pretty(json: &Value) -> String {
    serde_json::to_string_pretty(json).unwrap()
}

#[tokio::test]
async fn an_update_replaces_the_notes_that_it_names() {
    let world = World::new().await;
    let order = world
        .ordered(json!({
            "paymentDetails": { "totalOrderAmount": usd("100.00") },
            "merchantMetadata": { "merchantReferenceId": "order-1", "noteToBuyer": "thanks" },
        }))
        .await;
    let notes = json!({ "noteToBuyer": "on its way", "customInformation": "x", "merchantReferenceId": null });
    let updated = world.call(&order.update(json!({ "merchantMetadata": notes }))).await;
    assert_eq!(updated.status, 200);
    insta::assert_snapshot!("an_updated_permission", pretty(&updated.json));
    assert_eq!(world.permission(&order).await.text, updated.text);
    assert_eq!(world.events(&order.session_id).await.last().unwrap(), "ChargePermissionUpdated");
}

#[tokio::test]
async fn each_broken_rule_of_update_and_close_is_answered_and_changes_nothing() {
    let world = World::new().await;
    let order = world.split_order().await;
    let before = world.everything(&order).await;
    let notes = |name: &str, length: usize| json!({ "merchantMetadata": { name: "x".repeat(length) } });
    let frequency = json!({ "frequency": { "unit": "Month", "value": "1" } });
    for (call, reason_code, names) in [
        (order.update(notes("merchantReferenceId", 257)), "InvalidParameterValue", "merchantReferenceId"),
        (order.update(notes("merchantStoreName", 51)), "InvalidParameterValue", "merchantStoreName"),
        (order.update(notes("noteToBuyer", 256)), "InvalidParameterValue", "noteToBuyer"),
        (order.update(notes("customInformation", 4_097)), "InvalidParameterValue", "customInformation"),
        (order.update(notes("note", 1)), "UnrecognizedField", "[merchantMetadata.note]"),
        (
            order.update(json!({ "recurringMetadata": frequency })),
            "InvalidParameterValue",
            "[recurringMetadata]",
        ),
        (order.update(json!({ "limits": {} })), "UnrecognizedField", "[limits]"),
        (order.update(json!([])), "InvalidRequestFormat", ""),
        (
            order.close(json!({ "closureReason": "x".repeat(256) })),
            "InvalidParameterValue",
            "[closureReason]",
        ),
        (
            order.close(json!({ "cancelPendingCharges": "no" })),
            "InvalidParameterValue",
            "[cancelPendingCharges]",
        ),
        (order.close(json!({ "reason": "x" })), "UnrecognizedField", "[reason]"),
    ] {
        let answer = world.call(&call).await;
        assert_eq!(answer.refusal(), (400, reason_code), "{}: {}", call.body, answer.text);
        assert!(answer.message().contains(names), "{}: {}", call.body, answer.text);
    }
    assert_eq!(world.everything(&order).await, before);
}

#[tokio::test]
async fn closing_keeps_open_charges_or_cancels_them() {
    for (body, code, reason, charge, left) in [
        (json!({ "closureReason": "no more parcels" }), None, "MerchantClosed", "Authorized", "86.00"),
        (json!({ "cancelPendingCharges": false }), None, "MerchantClosed", "Authorized", "86.00"),
        (json!({ "cancelPendingCharges": true }), None, "MerchantClosed", "Canceled", "100.00"),
        (json!({}), Some("AmazonClosed"), "AmazonClosed", "Authorized", "86.00"),
        (Value::Null, None, "MerchantClosed", "Authorized", "86.00"),
    ] {
        let world = World::new().await;
        let order = world.split_order().await;
        let mut call = order.close(body.clone());
        if body.is_null() {
            call.body = String::new();
        }
        if let Some(code) = code {
            call = call.simulating(code);
        }
        let closed = world.call(&call).await;
        assert_eq!((closed.status, closed.state()), (200, "Closed"), "{body}");
        assert_eq!(world.standing(&order).await, ("Closed".into(), reason.into(), left.into()), "{body}");
        let shown = world.charge(&order.charge_id).await;
        assert_eq!(shown.state(), charge, "{body}");
        if charge == "Canceled" {
            assert_eq!(shown.json["statusDetails"]["reasonCode"], "ChargePermissionCanceled");
            let events = world.events(&order.session_id).await;
            assert_eq!(events[events.len() - 2..], ["ChargePermissionClosed", "ChargeCanceled"]);
        } else {
            assert_eq!(world.succeeds(&order.capture(usd("14.00"))).await.state(), "Captured", "{body}");
            assert_eq!(world.call(&order.refund(usd("14.00"))).await.status, 201, "{body}");
        }
        let before = world.everything(&order).await;
        for (call, reason_code) in [
            (order.close(json!({})), "InvalidChargePermissionStatus"),
            (order.update(json!({ "merchantMetadata": {} })), "ChargePermissionNotModifiable"),
            (order.create_charge(json!({})), "InvalidChargePermissionStatus"),
        ] {
            assert_eq!(world.call(&call).await.refusal(), (422, reason_code), "{} {body}", call.path);
        }
        assert_eq!(world.everything(&order).await, before, "{body}");
    }
}

#[tokio::test]
async fn another_merchants_objects_are_not_found() {
    let world = World::new().await;
    let order = world.split_order().await;
    let captured = world.captured_order(usd("14.00")).await;
    let made = world.succeeds(&captured.refund(usd("1.00"))).await;
    let refund_id = made.text("refundId");
    let before = (world.everything(&order).await, world.everything(&captured).await);
    let absent = "S01-0000000-0000000";
    let update = json!({ "statusDetails": { "state": "Canceled" } });
    let charges = |id: &str| Call::patch(format!("/v2/charges/{id}"), &update);
    let nobodys = || super::order::Order {
        session_id: String::new(),
        permission_id: absent.to_owned(),
        charge_id: format!("{absent}-C000000"),
    };
    let calls = [
        (order.get_permission(), nobodys().get_permission()),
        (order.get_charge(), nobodys().get_charge()),
        (Call::get(format!("/v2/refunds/{refund_id}")), Call::get(format!("/v2/refunds/{absent}-R000000"))),
        (order.create_charge(json!({})), nobodys().create_charge(json!({}))),
        (order.capture(usd("14.00")), nobodys().capture(usd("14.00"))),
        (order.cancel(), nobodys().cancel()),
        (charges(&order.charge_id), charges(&nobodys().charge_id)),
        (order.update(json!({})), nobodys().update(json!({}))),
        (order.close(json!({})), nobodys().close(json!({}))),
        (captured.refund(usd("1.00")), nobodys().refund(usd("1.00"))),
    ];
    for (call, of_nothing) in &calls {
        let nothing = world.call(of_nothing).await;
        assert_eq!(nothing.refusal(), (404, "ResourceNotFound"), "{} {}", call.method, of_nothing.path);
        for key in [FOREIGN_KEY_ID, LIVE_KEY_ID] {
            let answer = world.call(&call.clone().key(key)).await;
            assert_eq!(answer, nothing, "{key}: no answer shows that {} exists", call.path);
        }
    }
    assert_eq!((world.everything(&order).await, world.everything(&captured).await), before);
    for (call, _) in &calls[..3] {
        let path = format!("/sandbox{}", call.path);
        let shared = world.call(&Call { path, ..call.clone() }.key(SECOND_KEY_ID)).await;
        assert_eq!(shared, world.call(call).await, "a merchant's keys share its objects");
    }
}

// Promise: A11
#[tokio::test]
async fn every_call_has_a_request_id_and_says_what_is_wrong_with_a_request() {
    let world = World::new().await;
    let order = world.split_order().await;
    let captured = world.captured_order(usd("14.00")).await;
    let refund_id = world.succeeds(&captured.refund(usd("1.00"))).await.text("refundId").to_owned();
    let update = json!({ "statusDetails": { "state": "Canceled" } });
    for (call, status) in [
        (order.get_permission(), 200),
        (order.get_charge(), 200),
        (Call::get(format!("/v2/refunds/{refund_id}")), 200),
        (order.create_charge(json!({})), 201),
        (order.update(json!({ "merchantMetadata": {} })), 200),
        (Call::patch(format!("/v2/charges/{}", order.charge_id), update), 405),
        (order.capture(usd("1.00")), 200),
        (order.cancel(), 422),
        (captured.refund(usd("1.00")), 201),
        (order.close(json!({})), 200),
    ] {
        // Reading any answer asserts that it has a request id, a date and JSON.
        let forged = Call { key_id: "SANDBOX-ANOBODY", ..call.clone() };
        assert_eq!(world.call(&forged).await.refusal(), (403, "InvalidAuthentication"), "{}", call.path);
        let mut unsigned = call.request();
        unsigned.headers_mut().remove("authorization");
        assert_eq!(world.send(unsigned).await.refusal(), (400, "MissingHeader"), "{}", call.path);
        let mut altered = call.request();
        *altered.body_mut() = bytes::Bytes::from_static(b"{\"a\":1}");
        assert_eq!(world.send(altered).await.refusal(), (403, "InvalidRequestSignature"), "{}", call.path);
        if call.method != Method::GET {
            let malformed = Call { body: "[".to_owned(), ..call.clone() };
            let answer = world.call(&malformed).await;
            assert_eq!(answer.refusal(), (400, "InvalidRequestFormat"), "{}", call.path);
        }
        assert_eq!(world.call(&call).await.status, status, "{} {}", call.method, call.path);
    }
}

#[tokio::test]
async fn a_permission_shows_what_is_left_of_its_limit() {
    let world = World::new().await;
    for (total, first, currency) in
        [("100.00", "14.00", "USD"), ("100.00", "14.00", "EUR"), ("100", "14", "JPY")]
    {
        let details = json!({
            "totalOrderAmount": price(total, currency), "chargeAmount": price(first, currency),
        });
        let order = world.ordered(json!({ "paymentDetails": details })).await;
        let permission = world.permission(&order).await.json;
        let left = if currency == "JPY" { "86" } else { "86.00" };
        let limits = json!({ "amountLimit": price(total, currency), "amountBalance": price(left, currency) });
        assert_eq!(permission["limits"], limits);
        assert_eq!(permission["presentmentCurrency"], currency);
    }
}

#[tokio::test]
async fn the_ledger_replays_to_the_balances() {
    let world = World::new().await;
    let details = json!({ "totalOrderAmount": usd("100.00"), "allowOvercharge": true });
    let order = world.ordered(json!({ "paymentDetails": details })).await;
    world.succeeds(&order.capture(usd("16.10"))).await;
    let partly = world.succeeds(&order.create_charge(json!({ "chargeAmount": usd("40.00") }))).await;
    world.succeeds(&capture(partly.text("chargeId"), usd("30.00"))).await;
    let dropped = world.succeeds(&order.create_charge(json!({ "chargeAmount": usd("5.00") }))).await;
    world.succeeds(&cancel(dropped.text("chargeId"))).await;
    world.succeeds(&refund(partly.text("chargeId"), usd("33.00"))).await;
    world.succeeds(&order.refund(usd("1.00")).simulating("RefundDeclined")).await;
    world.succeeds(&order.create_charge(json!({ "chargeAmount": usd("7.00") }))).await;
    world.advance("PT30S").await;
    let ledger = world.ledger(&order).await;
    insta::assert_snapshot!(pretty(&ledger["balances"]));
    let cents = |amount: &Value| amount.as_str().unwrap().replace('.', "").parse::<i64>().unwrap();
    let mut accounts = json!({ "Available": cents(&ledger["limit"]) });
    for posting in ledger["postings"].as_array().unwrap() {
        for (account, sign) in [(&posting["from"], -1), (&posting["to"], 1)] {
            let account = account.as_str().unwrap();
            let before = accounts[account].as_i64().unwrap_or_default();
            accounts[account] = json!(before + sign * cents(&posting["amount"]));
        }
    }
    for (account, balance) in ledger["balances"].as_object().unwrap() {
        let mut name = account.clone();
        name[..1].make_ascii_uppercase();
        // The balances of the two source accounts are the amounts that were drawn from them.
        let sign = if matches!(&*name, "Overcharge" | "Goodwill") { -1 } else { 1 };
        assert_eq!(accounts[&name].as_i64().unwrap_or_default() * sign, cents(balance), "{account}");
    }
    let empty = merged(json!({}), json!({}));
    assert_eq!(world.call(&order.update(empty)).await.status, 200, "an update without members is valid");
}
