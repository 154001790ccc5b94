//! Check 1: who signed, what, and when.

use std::time::Duration;

use countersign_protocol::signing::Algorithm;
use http::{HeaderName, Method};
use serde_json::json;

use crate::world::{Call, START, World, at, id, right_body};

#[tokio::test]
async fn both_algorithms_are_verified() {
    let world = World::new().await;
    for algorithm in [Algorithm::Pss, Algorithm::PssV2] {
        let session = world.placed(json!({})).await;
        let call = Call { algorithm, ..Call::finalize(id(&session), right_body(&session)) };
        assert_eq!(world.call(&call).await.status, 200);
        let mut other = call.request();
        let text = other.headers()["authorization"].to_str().unwrap();
        let text = match algorithm {
            Algorithm::Pss => text.replacen("PSS ", "PSS-V2 ", 1),
            Algorithm::PssV2 => text.replacen("PSS-V2 ", "PSS ", 1),
        };
        other.headers_mut().insert("authorization", text.parse().unwrap());
        assert_eq!(world.send(other).await.refusal(), (403, "InvalidRequestSignature"));
    }
}

#[tokio::test]
async fn what_is_signed_can_be_neither_changed_nor_left_out() {
    let world = World::new().await;
    let session = world.placed(json!({})).await;
    let right = Call::finalize(id(&session), right_body(&session)).idempotent("k");
    let signed = ["accept", "content-type", "x-amz-pay-date", "x-amz-pay-host", "x-amz-pay-region"];
    for header in signed {
        let mut request = right.request();
        request.headers_mut().remove(header);
        let refused = world.send(request).await;
        assert_eq!(refused.refusal(), (400, "MissingHeader"), "{header}");
        assert!(refused.message().contains(header));
    }
    let other = [
        ("accept", "*/*"),
        ("x-amz-pay-date", "20260901T120001Z"),
        ("x-amz-pay-region", "eu"),
        ("x-amz-pay-idempotency-key", "other"),
    ];
    for (header, value) in other {
        let mut request = right.request();
        request.headers_mut().insert(HeaderName::from_static(header), value.parse().unwrap());
        assert_eq!(world.send(request).await.refusal(), (403, "InvalidRequestSignature"), "{header}");
    }
    let mut method = right.request();
    *method.uri_mut() = format!("/v2/checkoutSessions/{}/complete", id(&session)).parse().unwrap();
    assert_eq!(world.send(method).await.refusal(), (403, "InvalidRequestSignature"));
    let mut unsigned = Call::finalize(id(&session), right_body(&session)).request();
    unsigned.headers_mut().insert("x-amz-pay-idempotency-key", "k".parse().unwrap());
    assert_eq!(world.send(unsigned).await.refusal(), (403, "InvalidRequestSignature"));
    for (authorization, reason_code) in [("Bearer x", "InvalidHeaderValue"), ("", "MissingHeaderValue")] {
        let mut request = right.request();
        request.headers_mut().insert("authorization", authorization.parse().unwrap());
        assert_eq!(world.send(request).await.refusal(), (400, reason_code));
    }
    let mut request = right.request();
    request.headers_mut().remove("authorization");
    assert_eq!(world.send(request).await.refusal(), (400, "MissingHeader"));
    assert_eq!(world.get_session(id(&session)).await.json, session);
}

#[tokio::test]
async fn an_unknown_key_is_refused() {
    let world = World::new().await;
    let refused = world.call(&Call::get("/v2/charges/x").key("SANDBOX-NOBODYS")).await;
    assert_eq!(refused.refusal(), (403, "InvalidAuthentication"));
}

// Promise: A10
#[tokio::test]
async fn a_date_is_judged_at_the_windows_edges() {
    let world = World::new().await;
    for (signed_at, accepted) in [
        (at(START).plus(Duration::from_secs(60)), true),
        (at(START).plus(Duration::from_secs(61)), false),
        (at(START).minus(Duration::from_secs(900)), true),
        (at(START).minus(Duration::from_secs(901)), false),
    ] {
        let call = Call { signed_at, ..Call::get("/v2/checkoutSessions/none") };
        let expected = if accepted { (404, "ResourceNotFound") } else { (400, "InvalidHeaderValue") };
        let answer = world.call(&call).await;
        assert_eq!(answer.refusal(), expected, "{signed_at}");
        assert!(accepted || answer.message().contains("x-amz-pay-date"));
    }
}

// Promise: A10
#[tokio::test]
async fn which_clock_judges_a_date_is_a_flag() {
    let moved = at("20270101T000000Z");
    for (flag, by_wall, by_virtual, by_none) in
        [("either", 404, 404, 400), ("virtual", 400, 404, 400), ("off", 404, 404, 404)]
    {
        let world = World::with(|settings| settings.flags.choose("date-check", flag).unwrap()).await;
        world.control(Method::POST, "clock", json!({ "set": "20270101T000000Z" })).await;
        for (signed_at, status) in
            [(at(START), by_wall), (moved, by_virtual), (at("20261101T000000Z"), by_none)]
        {
            let call = Call { signed_at, ..Call::get("/v2/checkoutSessions/none") };
            assert_eq!(world.call(&call).await.status, status, "{flag} {signed_at}");
        }
    }
}
