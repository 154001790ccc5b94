//! Paths, methods, environments, and the answers to incomplete requests.

use countersign_http::{Handler as _, IncompleteRequest};
use http::Method;
use proptest::prelude::*;
use serde_json::json;

use super::order::usd;
use crate::world::{Call, FOREIGN_KEY_ID, KEY_ID, LIVE_KEY_ID, SECOND_KEY_ID, World, id, right_body};

// Promise: A11
#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_answered_in_the_envelope() {
    let world = World::new().await;
    let session = "/v2/checkoutSessions/bd504926-f659-4ad7-a1a9-9a747aaf5275";
    for path in [
        "/",
        "/v2",
        "/v2/",
        "/v1/checkoutSessions",
        "/v2/refunds/x/y",
        "/v2/checkoutSessions//finalize",
        "/v2/checkoutSessions/x/pay",
        "/v2/checkoutsessions",
        "/sandbox",
        "/sandboxv2/charges/x",
        "/test/v2/charges/x",
        "/v2/chargePermissions",
        "/v2/chargePermissions/x/closes",
        "/v2/charges/x/refund",
        "/_sandboxes",
        &format!("/v2/{}", "x".repeat(600)),
    ] {
        let answer = world.call(&Call::get(path)).await;
        assert_eq!(answer.refusal(), (404, "ResourceNotFound"), "{path}");
    }
    for (method, path) in [
        (Method::GET, "/v2/checkoutSessions".to_owned()),
        (Method::DELETE, session.to_owned()),
        (Method::PUT, session.to_owned()),
        (Method::GET, format!("{session}/finalize")),
        (Method::PATCH, format!("{session}/complete")),
        (Method::POST, "/v2/charges/S01-5105180-3221187-C056351".to_owned()),
        (Method::POST, "/v2/chargePermissions/S01-5105180-3221187".to_owned()),
        (Method::POST, "/v2/chargePermissions/S01-5105180-3221187/close".to_owned()),
        (Method::GET, "/v2/charges".to_owned()),
        (Method::GET, "/v2/charges/S01-5105180-3221187-C056351/capture".to_owned()),
        (Method::POST, "/v2/charges/S01-5105180-3221187-C056351/cancel".to_owned()),
        (Method::GET, "/v2/refunds/".to_owned()),
        (Method::DELETE, "/v2/refunds/S01-5105180-3221187-R056351".to_owned()),
        (Method::OPTIONS, "/sandbox/v2/checkoutSessions/".to_owned()),
    ] {
        let answer = world.call(&Call::new(method.clone(), &path, "")).await;
        assert_eq!(answer.refusal(), (405, "RequestNotSupported"), "{method} {path}");
    }
}

// Promise: A11
#[tokio::test]
async fn incomplete_requests_are_answered_in_the_envelope() {
    let world = World::new().await;
    let (head, ()) = http::Request::builder().uri("/v2/checkoutSessions").body(()).unwrap().into_parts();
    for (unreadable, status, reason_code) in [
        (IncompleteRequest::BodyTooLarge, 413, "InvalidRequest"),
        (IncompleteRequest::HeadTooLarge, 431, "InvalidRequest"),
        (IncompleteRequest::BodyTimedOut, 408, "RequestTimeout"),
        (IncompleteRequest::BodyTruncated, 400, "InvalidRequestFormat"),
    ] {
        let answer = crate::world::HttpAnswer::from_response(&world.sandbox.refuse(&head, unreadable));
        assert_eq!(answer.refusal(), (status, reason_code));
    }
}

// Promise: A11
#[tokio::test]
async fn an_ordered_status_has_a_request_id_too() {
    let world = World::new().await;
    for status in [408, 425, 429, 500, 503] {
        let fault =
            json!({ "operation": "getCharge", "point": "before", "kind": "status", "status": status });
        assert_eq!(world.control(Method::POST, "faults", fault).await.status, 201);
        assert_eq!(world.call(&Call::get("/v2/charges/S01-5105180-3221187-C056351")).await.status, status);
    }
}

#[tokio::test]
async fn key_and_path_name_one_environment() {
    let world = World::new().await;
    let session = world.placed(json!({})).await;
    let live = world.placed(json!({ "publicKeyId": LIVE_KEY_ID })).await;
    for (key_id, prefix, session, expected) in [
        (KEY_ID, "", &session, (200, "none")),
        (KEY_ID, "/sandbox", &session, (200, "none")),
        (KEY_ID, "/live", &session, (400, "InvalidRequest")),
        (LIVE_KEY_ID, "", &live, (200, "none")),
        (LIVE_KEY_ID, "/live", &live, (200, "none")),
        (LIVE_KEY_ID, "/sandbox", &live, (400, "InvalidRequest")),
        (LIVE_KEY_ID, "", &session, (404, "ResourceNotFound")),
        (SECOND_KEY_ID, "/sandbox", &session, (200, "none")),
        (SECOND_KEY_ID, "/live", &session, (404, "ResourceNotFound")),
        (SECOND_KEY_ID, "/live", &live, (200, "none")),
        (SECOND_KEY_ID, "", &session, (400, "InvalidRequest")),
        (FOREIGN_KEY_ID, "", &session, (404, "ResourceNotFound")),
    ] {
        let call = Call::get(format!("{prefix}/v2/checkoutSessions/{}", id(session))).key(key_id);
        assert_eq!(world.call(&call).await.refusal(), expected, "{key_id} {prefix}");
    }
    assert_eq!(live["releaseEnvironment"], "Live");
    let call = Call::finalize(id(&live), right_body(&live)).key(LIVE_KEY_ID);
    assert!(world.call(&call).await.text("chargeId").starts_with("P01-"));
}

#[tokio::test]
async fn a_merchants_keys_share_its_objects_and_no_other_merchants_key_finds_them() {
    let world = World::new().await;
    let session = world.placed(json!({})).await;
    let answer = world.call(&Call::finalize(id(&session), right_body(&session))).await;
    for path in [
        format!("checkoutSessions/{}", id(&session)),
        format!("chargePermissions/{}", answer.text("chargePermissionId")),
        format!("charges/{}", answer.text("chargeId")),
    ] {
        let own = world.call(&Call::get(format!("/v2/{path}"))).await;
        assert_eq!(own.status, 200);
        let shared = world.call(&Call::get(format!("/sandbox/v2/{path}")).key(SECOND_KEY_ID)).await;
        assert_eq!(shared, own);
        let foreign = world.call(&Call::get(format!("/v2/{path}")).key(FOREIGN_KEY_ID)).await;
        let (collection, _) = path.split_once('/').unwrap();
        let absent = world.call(&Call::get(format!("/v2/{collection}/nowhere"))).await;
        assert_eq!(foreign, absent, "no answer shows that it exists");
        assert_eq!(foreign.refusal(), (404, "ResourceNotFound"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every spelling of a path has the same answer.
    // Promise: A07
    #[test]
    fn every_spelling_of_a_path_is_the_same_call(
        prefixed in any::<bool>(), slash in any::<bool>(), which in 0_usize..12,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let session = world.placed(json!({})).await;
            let order = world.split_order().await;
            let plain = [
                Call::get(format!("/v2/checkoutSessions/{}", id(&session))),
                Call::finalize(id(&session), "{}"),
                Call::patch(format!("/v2/checkoutSessions/{}", id(&session)), "{\"platformId\":\"p\"}"),
                Call::get("/v2/charges/none"),
                order.get_permission(),
                order.get_charge(),
                order.create_charge(json!({})),
                order.capture(usd("1.00")),
                order.update(json!({})),
                order.cancel(),
                order.close(json!({})),
                order.refund(usd("1.00")),
            ][which].clone();
            let prefix = if prefixed { "" } else { "/sandbox" };
            let key_id = if prefixed { KEY_ID } else { SECOND_KEY_ID };
            let path = format!("{prefix}{}{}", plain.path, if slash { "/" } else { "" });
            let respelled = world.call(&Call { path, ..plain.clone() }.key(key_id)).await;
            let again = world.call(&plain).await;
            // The call cannot be made again, except with the same idempotency key.
            if plain.method == Method::DELETE {
                assert_eq!((respelled.status, again.status), (200, 422));
            } else {
                assert_eq!(respelled, again);
            }
        });
    }
}
