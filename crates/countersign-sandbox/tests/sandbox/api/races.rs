//! Calls on a payment that arrive at the same time, or again: a call has one effect and one answer,
//! forever.

use std::sync::Arc;

use countersign_sandbox::settings::Settings;
use countersign_store::contract::Store;
use countersign_store::memory::MemoryStore;
use countersign_store::sqlite::SqliteStore;
use futures_util::future::join_all;
use serde_json::json;

use super::gate::gated_store;
use super::order::{capture, refund, usd};
use crate::world::{Call, FOREIGN_KEY_ID, SECOND_KEY_ID, World};

/// A world in memory and one on disk.
async fn worlds(directory: &std::path::Path) -> [World; 2] {
    let disk = SqliteStore::open(&directory.join("sandbox.db")).unwrap();
    let stores: [Arc<dyn Store>; 2] = [Arc::new(MemoryStore::new()), Arc::new(disk)];
    let [memory, disk] = stores;
    [World::on(memory, Settings::default(), 0).await, World::on(disk, Settings::default(), 0).await]
}

// Promise: A13
#[tokio::test]
async fn one_of_sixty_four_captures_at_once_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    for world in worlds(directory.path()).await {
        let order = world.split_order().await;
        let calls: Vec<Call> = (0..64).map(|_| order.capture(usd("14.00"))).collect();
        let answers = join_all(calls.iter().map(|call| world.call(call))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        let refused = answers.iter().filter(|answer| answer.refusal() == (422, "InvalidChargeStatus"));
        assert_eq!(refused.count(), 63);
        assert_eq!(world.ledger(&order).await["balances"]["captured"], "14.00");

        let order = world.split_order().await;
        let same = order.capture(usd("14.00"));
        let answers = join_all((0..64).map(|_| world.call(&same))).await;
        assert_eq!(answers[0].status, 200);
        assert!(answers.iter().all(|answer| *answer == answers[0]), "the same key has the same answer");
        let events = world.events(&order.session_id).await;
        assert_eq!(events.iter().filter(|event| *event == "ChargeCaptured").count(), 1);
    }
}

// Promise: A13
#[tokio::test]
async fn a_thousand_equal_requests_at_once_make_one_refund_and_one_charge() {
    let world = World::new().await;
    let captured = world.captured_order(usd("14.00")).await;
    let order = world.split_order().await;
    for (call, order, id, event) in [
        (captured.refund(usd("1.00")), &captured, "refundId", "RefundInitiated"),
        (order.create_charge(json!({})), &order, "chargeId", "ChargeAuthorized"),
    ] {
        let before = world.events(&order.session_id).await.len();
        let answers = join_all((0..1_000).map(|_| world.call(&call))).await;
        assert_eq!(answers[0].status, 201);
        assert!(!answers[0].text(id).is_empty());
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(world.events(&order.session_id).await[before..], [event]);
    }
}

#[tokio::test]
async fn a_copy_that_reads_the_state_after_the_first_request_took_effect_gets_its_answer() {
    let gate = gated_store();
    let world = World::on(Arc::clone(&gate) as _, Settings::default(), 0).await;
    let captured = world.captured_order(usd("14.00")).await;
    let split = world.split_order().await;
    for (call, order) in [
        (captured.refund(usd("14.00")), &captured),
        (split.create_charge(json!({ "canHandlePendingAuthorization": true })), &split),
        (split.create_charge(json!({ "chargeAmount": usd("80.00") })), &split),
    ] {
        gate.hook.hold_next_load_of(&order.permission_id);
        let first = async {
            // The copy has looked up its key, and is held up when it reads the state.
            tokio::task::yield_now().await;
            let answer = world.call(&call).await;
            gate.hook.open();
            answer
        };
        let (copy, first) = tokio::join!(world.call(&call), first);
        assert_eq!(copy, first, "{}", call.path);
    }
}

// Promise: A13
#[tokio::test]
async fn one_of_two_that_together_are_too_much_succeeds() {
    let directory = tempfile::tempdir().unwrap();
    for world in worlds(directory.path()).await {
        let captured = world.captured_order(usd("100.00")).await;
        let order = world.split_order().await;
        let charge = || order.create_charge(json!({ "chargeAmount": usd("50.00") }));
        for pair in [[captured.refund(usd("60.00")), captured.refund(usd("60.00"))], [charge(), charge()]] {
            let answers = join_all(pair.iter().map(|call| world.call(call))).await;
            let mut refusals: Vec<_> = answers.iter().map(|answer| answer.refusal()).collect();
            refusals.sort_unstable();
            assert_eq!(refusals, [(201, "none"), (400, "TransactionAmountExceeded")], "{}", pair[0].path);
        }
        let ledger = world.ledger(&order).await;
        assert_eq!(
            (&ledger["balances"]["available"], &ledger["balances"]["held"]),
            (&json!("36.00"), &json!("64.00"))
        );
    }
}

// Promise: A13
#[tokio::test]
async fn a_capture_and_a_cancel_at_once_have_one_winner() {
    let directory = tempfile::tempdir().unwrap();
    for world in worlds(directory.path()).await {
        for _ in 0..16 {
            let order = world.split_order().await;
            let calls = [
                order.capture(usd("14.00")),
                order.cancel(),
                order.close(json!({ "cancelPendingCharges": true })),
            ];
            let answers = join_all(calls.iter().map(|call| world.call(call))).await;
            let state = world.charge(&order.charge_id).await.state().to_owned();
            let captured = world.ledger(&order).await["balances"]["captured"].clone();
            assert_eq!(answers[0].status == 200, state == "Captured", "{state}");
            assert_eq!(answers[0].status == 200, captured == "14.00", "{state}");
            assert_ne!(answers[0].status == 200, state == "Canceled", "{state}");
            assert_eq!(answers[2].status, 200, "{}", answers[2].text);
        }
    }
}

// Promise: A12
#[tokio::test]
async fn a_key_belongs_to_its_merchant_call_and_body() {
    let world = World::new().await;
    let order = world.split_order().await;
    let captured = world.captured_order(usd("14.00")).await;
    let first = refund(&captured.charge_id, usd("1.00"));
    let answer = world.succeeds(&first).await;
    assert_eq!(world.call(&first).await, answer);
    let respelled = Call { path: "/sandbox/v2/refunds/".to_owned(), ..first.clone() }.key(SECOND_KEY_ID);
    assert_eq!(
        world.call(&respelled).await,
        answer,
        "the same call with another spelling and another of the merchant's keys"
    );
    let same_key = |call: Call| Call { headers: first.headers.clone(), ..call };
    for call in [
        same_key(captured.refund(usd("2.00"))),
        same_key(order.capture(usd("14.00"))),
        same_key(order.create_charge(json!({}))),
        same_key(capture("no%20id", usd("14.00"))),
        same_key(refund("S01-0000000-0000000-C000000", usd("1.00"))),
    ] {
        let refused = world.call(&call).await;
        assert_eq!(refused.refusal(), (400, "DuplicateIdempotencyKey"), "{} {}", call.path, call.body);
    }
    assert_eq!(world.call(&first.clone().key(FOREIGN_KEY_ID)).await.refusal(), (404, "ResourceNotFound"));
    // A key has no effect on calls other than POST.
    let cancel = same_key(order.cancel());
    assert_eq!(world.call(&cancel).await.status, 200);
    assert_eq!(world.call(&cancel).await.refusal(), (422, "InvalidChargeStatus"));
}

#[tokio::test]
async fn a_refusal_is_kept_by_flag_only() {
    for (flag, kept) in [("no", false), ("yes", true)] {
        let world = World::with(|settings| settings.flags.choose("save-refusals", flag).unwrap()).await;
        let order = world.split_order().await;
        let call = order.create_charge(json!({ "chargeAmount": usd("90.00") }));
        let refused = world.call(&call).await;
        assert_eq!(refused.refusal(), (400, "TransactionAmountExceeded"));
        world.succeeds(&order.cancel()).await;
        let again = world.call(&call).await;
        if kept {
            assert_eq!(again, refused, "the refusal is repeated, although the charge would fit by now");
        } else {
            assert_eq!(again.status, 201);
        }
    }
}

// Promise: A12
#[tokio::test]
async fn answers_and_payments_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let open = || Arc::new(SqliteStore::open(&directory.path().join("sandbox.db")).unwrap());
    let (calls, answers, order, ledger) = {
        let world = World::on(open(), Settings::default(), 0).await;
        let order = world.split_order().await;
        let mut calls = vec![
            order.create_charge(json!({ "merchantMetadata": { "noteToBuyer": "2" }, "platformId": "P" })),
            order.create_charge(json!({})).simulating("SoftDeclined"),
            order.capture(usd("9.00")),
            order.refund(usd("3.00")),
        ];
        let mut answers = Vec::new();
        for call in &calls {
            answers.push(world.call(call).await);
        }
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [201, 422, 200, 201]);
        let refund = Call::get(format!("/v2/refunds/{}", answers[3].text("refundId")));
        for read in [refund, order.get_charge(), order.get_permission()] {
            answers.push(world.call(&read).await);
            calls.push(read);
        }
        let ledger = world.ledger(&order).await;
        (calls, answers, order, ledger)
    };
    let world = World::on(open(), Settings::default(), 1).await;
    for (call, answer) in calls.iter().zip(&answers) {
        assert_eq!(world.call(call).await, *answer, "{} {}", call.method, call.path);
    }
    assert_eq!(world.ledger(&order).await, ledger);
    world.advance("PT30S").await;
    assert_eq!(world.charge(&order.charge_id).await.json["refundedAmount"], usd("3.00"));
}

#[tokio::test]
async fn a_key_is_answered_after_everything_has_changed() {
    let world = World::new().await;
    let order = world.split_order().await;
    let call = order.capture(usd("14.00"));
    let answer = world.succeeds(&call).await;
    world.succeeds(&order.refund(usd("14.00"))).await;
    world.succeeds(&order.close(json!({}))).await;
    world.advance("P400D").await;
    assert_eq!(world.call(&call).await, answer, "byte for byte, though the session is gone");
}
