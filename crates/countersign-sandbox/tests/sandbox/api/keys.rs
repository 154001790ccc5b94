//! Idempotency keys: a request has one effect and one answer, forever.

use std::sync::Arc;

use countersign_sandbox::settings::Settings;
use countersign_store::memory::MemoryStore;
use countersign_store::sqlite::SqliteStore;
use futures_util::future::join_all;
use serde_json::json;

use crate::world::{Call, FOREIGN_KEY_ID, SECOND_KEY_ID, World, at, id, merged, right_body};

/// A body that creates a session.
pub(crate) fn creation() -> serde_json::Value {
    json!({
        "webCheckoutDetails": { "checkoutReviewReturnUrl": "https://shop.example/review" },
        "storeId": "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef",
    })
}

fn create(key: &str) -> Call {
    Call::post("/v2/checkoutSessions", creation()).idempotent(key)
}

// Promise: A13
#[tokio::test]
async fn a_thousand_equal_requests_at_once_make_one_session_and_one_answer() {
    let world = World::new().await;
    let request = create("same");
    let answers = join_all((0..1_000).map(|_| world.call(&request))).await;
    assert_eq!(answers[0].status, 201);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(world.events(answers[0].text("checkoutSessionId")).await.len(), 1);
    let other = world.call(&create("other")).await;
    assert_ne!(other.json["checkoutSessionId"], answers[0].json["checkoutSessionId"]);
}

// Promise: A13
#[tokio::test]
async fn sixty_four_finalizes_of_one_session_succeed_once() {
    let directory = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn countersign_store::contract::Store>; 2] = [
        Arc::new(MemoryStore::new()),
        Arc::new(SqliteStore::open(&directory.path().join("sandbox.db")).unwrap()),
    ];
    for store in stores {
        let world = World::on(store, Settings::default(), 0).await;
        let session = world.placed(json!({})).await;
        let call = Call::finalize(id(&session), right_body(&session));
        let answers = join_all((0..64).map(|_| world.call(&call))).await;
        let succeeded: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(succeeded.len(), 1);
        let refused = answers.iter().filter(|it| it.refusal() == (422, "InvalidCheckoutSessionStatus"));
        assert_eq!(refused.count(), 63);
        assert_eq!(world.get_session(id(&session)).await.json["chargeId"], succeeded[0].json["chargeId"]);
        let events = world.events(id(&session)).await;
        assert_eq!(events.iter().filter(|event| *event == "ChargePermissionCreated").count(), 1);
    }
}

// Promise: A13
#[tokio::test]
async fn the_same_key_in_parallel_finalizes_once_and_answers_alike() {
    let world = World::new().await;
    let session = world.placed(json!({})).await;
    let call = Call::finalize(id(&session), right_body(&session)).idempotent("double-click");
    let answers = join_all((0..64).map(|_| world.call(&call))).await;
    assert_eq!(answers[0].status, 200);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

// Promise: A12
#[tokio::test]
async fn a_key_belongs_to_its_merchant_method_path_and_body() {
    let world = World::new().await;
    let first = world.call(&create("k")).await;
    assert_eq!(first.status, 201);
    assert_eq!(world.call(&create("k")).await, first);
    let by_the_other_key = Call { path: "/sandbox/v2/checkoutSessions/".into(), ..create("k") };
    assert_eq!(world.call(&by_the_other_key.key(SECOND_KEY_ID)).await, first, "several keys, one merchant");

    let other_body = merged(creation(), json!({ "supplementaryData": "x" }));
    let other_body = Call::post("/v2/checkoutSessions", other_body).idempotent("k");
    assert_eq!(world.call(&other_body).await.refusal(), (400, "DuplicateIdempotencyKey"));
    let session = world.placed(json!({})).await;
    let other_path = Call::finalize(id(&session), right_body(&session)).idempotent("k");
    assert_eq!(world.call(&other_path).await.refusal(), (400, "DuplicateIdempotencyKey"));
    assert_eq!(world.get_session(id(&session)).await.state(), "Open");

    let foreign = world.call(&create("k").key(FOREIGN_KEY_ID)).await;
    assert_eq!(foreign.status, 201);
    assert_ne!(foreign.json["checkoutSessionId"], first.json["checkoutSessionId"]);
}

#[tokio::test]
async fn a_refused_request_leaves_its_key_free_unless_refusals_are_saved() {
    for (save, retried) in [("no", 200), ("yes", 400)] {
        let world = World::with(|settings| settings.flags.choose("save-refusals", save).unwrap()).await;
        for wrong in [json!({ "chargeAmount": { "amount": "1.00" } }), json!({ "surprise": 1 })] {
            let session = world.placed(json!({})).await;
            let right = right_body(&session);
            let key = id(&session).replace('-', "");
            let call = |body| Call::finalize(id(&session), body).idempotent(&key);
            let refused = world.call(&call(merged(right.clone(), wrong.clone()))).await;
            assert!(refused.status >= 400);
            assert_eq!(world.call(&call(merged(right.clone(), wrong))).await, refused);
            let corrected = world.call(&call(right)).await;
            assert_eq!(corrected.status, retried, "{}", corrected.text);
            let saved = corrected.refusal() == (400, "DuplicateIdempotencyKey");
            assert_eq!(saved, save == "yes");
        }
    }
}

#[tokio::test]
async fn a_used_key_is_answered_for_the_body_first_and_for_the_path_last() {
    for save in ["no", "yes"] {
        let world = World::with(|settings| settings.flags.choose("save-refusals", save).unwrap()).await;
        let session = world.placed(json!({})).await;
        let right = right_body(&session);
        let first = world.call(&Call::finalize(id(&session), &right).idempotent("used")).await;
        assert_eq!(first.status, 200);
        for action in ["finalize", "complete"] {
            for (path_id, body, refusal) in [
                (id(&session), "[]", (400, "InvalidRequestFormat")),
                (id(&session), r#"{"surprise":1}"#, (400, "UnrecognizedField")),
                (id(&session), r#"{"chargeAmount":{"amount":"14.000"}}"#, (400, "InvalidParameterValue")),
                (id(&session), "{}", (400, "DuplicateIdempotencyKey")),
                ("no%20id", "[]", (400, "InvalidRequestFormat")),
                ("no%20id", "{}", (400, "DuplicateIdempotencyKey")),
            ] {
                let path = format!("/v2/checkoutSessions/{path_id}/{action}");
                let answer = world.call(&Call::post(path, body).idempotent("used")).await;
                assert_eq!(answer.refusal(), refusal, "{save}: {action} {path_id} {body}");
            }
            let path = format!("/v2/checkoutSessions/no%20id/{action}");
            let fresh = world.call(&Call::post(path, "{}").idempotent(&format!("fresh-{action}"))).await;
            assert_eq!(fresh.refusal(), (404, "ResourceNotFound"));
        }
        assert_eq!(world.call(&Call::finalize(id(&session), &right).idempotent("used")).await, first);
    }
}

#[tokio::test]
async fn a_repeated_answer_shows_the_buyer_no_longer_than_the_permission_does() {
    let same_answer = |it: &mut Settings| it.flags.choose("finalize-replay", "same-answer").unwrap();
    let world = World::with(same_answer).await;
    let session = world.placed(json!({ "responseDetail": "full" })).await;
    assert_eq!(world.call(&Call::finalize(id(&session), right_body(&session))).await.status, 200);
    let call = Call::finalize(id(&session), right_body(&session)).idempotent("later");
    for (now, shows_buyer) in
        [("20260920T120000Z", true), ("20261001T115959Z", true), ("20261001T120000Z", false)]
    {
        world.clock.set(at(now));
        let answer = world.call(&Call { signed_at: at(now), ..call.clone() }).await;
        assert_eq!((answer.status, !answer.json["buyer"].is_null()), (200, shows_buyer), "{now}");
    }
    world.catch_up().await;
}

#[tokio::test]
async fn a_key_on_finalize_can_be_ignored() {
    let world = World::with(|settings| settings.flags.choose("honour-key-on-finalize", "no").unwrap()).await;
    let session = world.placed(json!({})).await;
    let call = Call::finalize(id(&session), right_body(&session)).idempotent("k");
    assert_eq!(world.call(&call).await.status, 200);
    assert_eq!(world.call(&call).await.refusal(), (422, "InvalidCheckoutSessionStatus"));
}

// Promise: A12
#[tokio::test]
async fn answers_and_objects_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sandbox.db");
    let open = || Arc::new(SqliteStore::open(&path).unwrap());
    let settings = || Settings::default();
    let (call, first, charge, session) = {
        let world = World::on(open(), settings(), 0).await;
        let session = world.placed(json!({ "responseDetail": "full" })).await;
        let call = Call::finalize(id(&session), right_body(&session)).idempotent("k");
        let first = world.call(&call).await;
        assert_eq!(first.status, 200);
        let read = Call::get(format!("/v2/charges/{}", first.text("chargeId")));
        (call, first, (read.clone(), world.call(&read).await), id(&session).to_owned())
    };
    let world = World::on(open(), settings(), 1).await;
    assert_eq!(world.call(&call).await, first, "byte for byte");
    assert_eq!(world.call(&charge.0).await, charge.1);
    assert_eq!(world.get_session(&session).await.state(), "Completed");
    let new = world.placed(json!({})).await;
    assert_eq!(world.call(&Call::finalize(id(&new), right_body(&new))).await.status, 200);
}

#[tokio::test]
async fn a_remembered_answer_forgets_the_buyer_after_thirty_days() {
    for timers_run in [true, false] {
        let world = World::new().await;
        let session = world.placed(json!({ "responseDetail": "full" })).await;
        let call = Call::finalize(id(&session), right_body(&session)).idempotent("k");
        let full = world.call(&call).await;
        assert_eq!(full.json["buyer"], session["buyer"]);
        let (almost, second) = ("20261001T115959Z", "20261001T120000Z");
        for (now, shows_buyer) in [(almost, true), (second, false)] {
            if timers_run {
                world.control(http::Method::POST, "clock", json!({ "set": now })).await;
            } else {
                world.clock.set(at(now));
            }
            let mut again = call.clone();
            again.signed_at = at(now);
            let replayed = world.call(&again).await;
            assert_eq!(replayed.status, 200);
            assert_eq!(replayed.text == full.text, shows_buyer);
            assert_eq!(replayed.json["chargeId"], full.json["chargeId"]);
            assert_eq!(replayed.json["buyer"].is_null(), !shows_buyer);
        }
        world.catch_up().await;
    }
}

#[tokio::test]
async fn an_overlong_key_is_refused_and_a_uuid_passes_by_flag() {
    let uuid = "bd504926-f659-4ad7-a1a9-9a747aaf5275";
    let world = World::new().await;
    assert_eq!(world.call(&create(uuid)).await.refusal(), (400, "InvalidHeaderValue"));
    assert_eq!(world.call(&create("with blank")).await.refusal(), (400, "InvalidHeaderValue"));
    assert_eq!(world.call(&create(&"k".repeat(32))).await.status, 201);
    let world = World::with(|settings| settings.flags.choose("idempotency-key-length", "36").unwrap()).await;
    assert_eq!(world.call(&create(uuid)).await.status, 201);
}

#[tokio::test]
async fn create_requires_a_key() {
    let world = World::new().await;
    let refused = world.call(&Call::post("/v2/checkoutSessions", creation())).await;
    assert_eq!(refused.refusal(), (400, "MissingHeader"));
    assert!(refused.message().contains("x-amz-pay-idempotency-key"));
}
