//! What deadlines do to a session: exactly at the deadline and one second before it, whether or not
//! timers have run.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use countersign_domain::provider::profile::Profile;
use countersign_sandbox::settings::Settings;
use countersign_store::contract::{ChangeId, ChangeSet, Content, Expect, Key, Store as _, Write};
use countersign_store::memory::MemoryStore;
use futures_util::FutureExt as _;
use http::Method;
use serde_json::json;

use crate::world::{Call, HttpAnswer, START, World, at, id, right_body};

/// Reads at an instant, with a signature of that instant. To get there it moves the virtual clock,
/// which runs timers, or the wall clock below it, which does not.
async fn read_at(world: &World, timers_run: bool, now: &str, path: &str) -> HttpAnswer {
    if timers_run {
        world.control(Method::POST, "clock", json!({ "set": now })).await;
    } else {
        world.clock.set(at(now));
    }
    world.call(&Call { signed_at: at(now), ..Call::get(path) }).await
}

#[tokio::test]
async fn a_session_expires_after_a_day_and_is_gone_after_thirty() {
    for timers_run in [true, false] {
        let world = World::new().await;
        let session = world.placed(json!({})).await;
        let path = format!("/v2/checkoutSessions/{}", id(&session));
        for (now, expected) in [
            ("20260902T115959Z", "Open"),
            ("20260902T120000Z", "Canceled"),
            ("20261001T115959Z", "Canceled"),
            ("20261001T120000Z", "none"),
        ] {
            let answer = read_at(&world, timers_run, now, &path).await;
            assert_eq!(answer.state(), expected, "{now}");
            if expected == "Canceled" {
                let details = &answer.json["statusDetails"];
                assert_eq!(details["reasonCode"], "Expired");
                assert_eq!(details["lastUpdatedTimestamp"], "20260902T120000Z");
            }
            if expected == "none" {
                assert_eq!(answer.refusal(), (404, "ResourceNotFound"));
            }
        }
        world.catch_up().await;
    }
}

#[tokio::test]
async fn an_expired_session_is_not_finalized_and_a_deleted_one_not_found() {
    for (now, refusal) in [
        ("20260902T115959Z", (200, "none")),
        ("20260902T120000Z", (422, "CheckoutSessionCanceled")),
        ("20261001T120000Z", (404, "ResourceNotFound")),
    ] {
        let world = World::new().await;
        let session = world.placed(json!({})).await;
        world.clock.set(at(now));
        let call = Call { signed_at: at(now), ..Call::finalize(id(&session), right_body(&session)) };
        assert_eq!(world.call(&call).await.refusal(), refusal, "{now}");
        world.catch_up().await;
    }
}

// Promise: A12
#[tokio::test]
async fn a_key_is_answered_after_its_session_is_gone() {
    let world = World::new().await;
    let session = world.placed(json!({})).await;
    let call = Call::finalize(id(&session), right_body(&session)).idempotent("k");
    let first = world.call(&call).await;
    world.advance("P60D").await;
    assert_eq!(world.get_session(id(&session)).await.status, 404);
    assert_eq!(world.call(&call).await, first);
}

#[tokio::test]
async fn a_permission_shows_its_buyer_for_thirty_days_and_closes_after_180_or_13_months() {
    for (timers_run, extended, before, closed) in [
        (true, false, "20270228T115959Z", "20270228T120000Z"),
        (false, false, "20270228T115959Z", "20270228T120000Z"),
        (true, true, "20271001T115959Z", "20271001T120000Z"),
        (false, true, "20271001T115959Z", "20271001T120000Z"),
    ] {
        let world = World::new().await;
        let details = json!({ "paymentIntent": "Confirm", "extendExpiration": extended });
        let session = world.placed(json!({ "paymentDetails": details })).await;
        let answer = world.call(&Call::finalize(id(&session), right_body(&session))).await;
        let path = format!("/v2/chargePermissions/{}", answer.text("chargePermissionId"));
        for (now, shows_buyer, state) in [
            ("20261001T115959Z", true, "Chargeable"),
            ("20261001T120000Z", false, "Chargeable"),
            (before, false, "Chargeable"),
            (closed, false, "Closed"),
        ] {
            let permission = read_at(&world, timers_run, now, &path).await;
            assert_eq!(permission.state(), state, "{now}");
            for member in ["buyer", "shippingAddress", "billingAddress"] {
                assert_eq!(!permission.json[member].is_null(), shows_buyer, "{now} {member}");
            }
        }
        let reasons = &read_at(&world, timers_run, closed, &path).await.json["statusDetails"]["reasons"];
        assert_eq!(reasons[0]["reasonCode"], "Expired");
        world.catch_up().await;
    }
}

#[tokio::test]
async fn an_authorizations_expiry_stays_what_it_was_when_it_was_given() {
    let store = Arc::new(MemoryStore::new());
    let world = World::on(store.clone(), Settings::default(), 0).await;
    let pending = json!({ "card": "0701", "paymentDetails": { "canHandlePendingAuthorization": true } });
    let session = world.placed(pending).await;
    let answer = world.call(&Call::finalize(id(&session), right_body(&session))).await;
    let path = format!("/v2/charges/{}", answer.text("chargeId"));
    for (now, state, expires) in [
        (START, "AuthorizationInitiated", "20260903T120000Z"),
        ("20260901T120030Z", "Authorized", "20260903T120030Z"),
        ("20260903T120029Z", "Authorized", "20260903T120030Z"),
        ("20260903T120030Z", "Canceled", "20260903T120030Z"),
        ("20260904T120000Z", "Canceled", "20260903T120030Z"),
    ] {
        for timers_run in [false, true] {
            let charge = read_at(&world, timers_run, now, &path).await;
            assert_eq!((charge.state(), charge.text("expirationTimestamp")), (state, expires), "{now}");
        }
        let settings = Settings { profile: Profile::Live, ..Settings::default() };
        let live = World::on(store.clone(), settings, 0).await;
        live.leaves_timers_to_another();
        let charge = read_at(&live, false, now, &path).await;
        assert_eq!(charge.text("expirationTimestamp"), expires, "{now}, after a restart as live");
    }
}

// Promise: A21
#[tokio::test]
async fn a_jump_over_months_applies_everything_in_due_order() {
    let world = World::new().await;
    let pending = json!({ "card": "0701", "paymentDetails": { "canHandlePendingAuthorization": true } });
    let first = world.placed(pending).await;
    assert_eq!(world.call(&Call::finalize(id(&first), right_body(&first))).await.status, 202);
    let second = world.placed(json!({})).await;
    let third = world.placed(json!({})).await;
    assert_eq!(world.call(&Call::finalize(id(&third), right_body(&third))).await.status, 200);
    world.advance("P400D").await;
    let answer = world.control(Method::GET, "events", "").await;
    let events = answer.json["events"].as_array().unwrap();
    let name = |event: &serde_json::Value| {
        let of = [&first, &second, &third]
            .iter()
            .position(|it| it["checkoutSessionId"] == event["checkoutSessionId"]);
        format!("{} {} {}", event["at"].as_str().unwrap(), of.unwrap(), event["type"].as_str().unwrap())
    };
    let applied: Vec<String> =
        events.iter().map(name).filter(|line| !line.starts_with("20260901T120000Z")).collect();
    insta::assert_snapshot!(applied.join("\n"));
    let mut sorted = applied.clone();
    sorted.sort_by_key(|line| line.split(' ').next().unwrap().to_owned());
    assert_eq!(applied, sorted, "in due order over all objects");
}

#[tokio::test]
async fn the_timers_loop_applies_what_is_due_and_is_woken_by_an_earlier_timer() {
    let store = Arc::new(MemoryStore::new());
    let world = World::on(store, Settings::default(), 0).await;
    let mut timers = Box::pin(world.sandbox.timers());
    let mut context = Context::from_waker(Waker::noop());
    let session = world
        .placed(json!({
            "card": "0701", "paymentDetails": { "canHandlePendingAuthorization": true },
        }))
        .await;
    assert_eq!(timers.poll_unpin(&mut context), Poll::Pending);
    world.call(&Call::finalize(id(&session), right_body(&session))).await;
    assert_eq!(timers.poll_unpin(&mut context), Poll::Pending, "the loop waits for the earlier timer now");
    world.clock.set(at("20260901T120030Z"));
    world.clock.wake_all();
    assert_eq!(timers.poll_unpin(&mut context), Poll::Pending);
    assert_eq!(world.events(id(&session)).await.last().unwrap(), "ChargeAuthorized");
}

#[tokio::test]
async fn a_document_that_cannot_be_read_holds_up_nothing_else() {
    let store = Arc::new(MemoryStore::new());
    let content = Content {
        format: 1,
        bytes: bytes::Bytes::from_static(b"nonsense"),
        due_at: Some(at(START)),
        index: Vec::new(),
    };
    let key = Key { collection: "checkout_session", id: "damaged".to_owned() };
    let write = vec![Write { key, expect: Expect::Absent, content: Some(content) }];
    let change =
        ChangeSet { id: ChangeId([7; 16]), at: at(START), require: Vec::new(), write, append: Vec::new() };
    store.commit(change).await.unwrap();
    let world = World::on(store, Settings::default(), 0).await;
    world.leaves_unreadable_documents();
    let session = world.placed(json!({})).await;
    world.advance("P1D").await;
    assert_eq!(world.events(id(&session)).await.last().unwrap(), "CheckoutSessionCanceled");
    assert_eq!(world.get_session("damaged").await.refusal(), (500, "InternalServerError"));
    let mut timers = Box::pin(world.sandbox.timers());
    let mut context = Context::from_waker(Waker::noop());
    assert_eq!(
        timers.poll_unpin(&mut context),
        Poll::Pending,
        "the loop leaves the damaged document alone for a while"
    );
}
