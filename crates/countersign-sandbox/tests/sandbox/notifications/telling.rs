//! Which changes are notified, to whom and in what form; and that a receiver can detect a forgery.

use countersign_protocol::notification::{
    EnvelopeRefused, NotificationType, NotifiedObject, SignatureRefused,
};
use http::Method;
use serde_json::{Value, json};

use super::scene::{ORIGIN, Order, ReceiverRefused, Scene, URL};
use crate::world::{Call, FOREIGN_KEY_ID, KEY_ID, START, at};

// Promise: A23
#[tokio::test]
async fn a_notification_says_which_object_changed_and_not_how() {
    for version in ["1", "2"] {
        let scene = Scene::bare(Default::default()).await;
        scene.register(json!({ "url": URL, "signatureVersion": version })).await;
        let order = scene.authorized().await;
        let sent = scene.sent();
        let [post] = sent.as_slice() else { panic!("{sent:?}") };
        assert_eq!((&post.method, post.url.as_str()), (&Method::POST, URL));
        assert_eq!(post.header("content-type"), "text/plain; charset=UTF-8");
        assert_eq!(post.header("x-amz-sns-message-type"), "Notification");
        assert_eq!(post.header("x-amz-sns-message-id"), post.message_id());
        let envelope = post.json();
        assert_eq!(envelope["SignatureVersion"], version);
        assert_eq!(envelope["Timestamp"], "2026-09-01T12:00:00.000Z");
        let url = envelope["SigningCertURL"].as_str().unwrap();
        assert!(url.starts_with(&format!("{ORIGIN}/SimpleNotificationService-")), "{url}");

        let message = scene.message(post).await;
        assert_eq!(message.merchant_id.as_str(), "AONE");
        assert!(matches!(&message.object, NotifiedObject::Charge(id) if id.as_str() == order.charge_id));
        assert_eq!(message.charge_permission_id.unwrap().as_str(), order.permission_id);
        assert_eq!(message.notification_type, Some(NotificationType::StateChange.into()));
        assert_eq!(message.notification_version.as_deref(), Some("V2"));
        let text = envelope["Message"].as_str().unwrap();
        assert!(text.starts_with(r#"{"MerchantID":"AONE","ObjectType":"CHARGE","ObjectId":"#), "{text}");
        assert!(!text.contains("Authorized") && !text.contains("14.00"), "{text}");
    }
}

// Promise: A23
#[tokio::test]
async fn an_envelope_with_any_change_is_refused() {
    for version in [1, 2] {
        let scene = Scene::bare(Default::default()).await;
        scene.register(json!({ "url": URL, "signatureVersion": version })).await;
        scene.authorized().await;
        let [post] = &scene.sent()[..] else { panic!("one is sent") };
        let now = at(START);
        assert!(scene.verified(&post.body, now).await.is_ok());
        let signature = post.json()["Signature"].as_str().unwrap().to_owned();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        for (member, value) in [
            ("Message", post.json()["Message"].as_str().unwrap().replace("CHARGE", "REFUND")),
            ("MessageId", "another".to_owned()),
            ("Subject", "added".to_owned()),
            ("Timestamp", "2026-09-01T12:00:01.000Z".to_owned()),
            ("TopicArn", "arn:aws:sns:us-east-1:000000000000:another".to_owned()),
            ("SignatureVersion", (3 - version).to_string()),
            ("Signature", format!("{other}{}", &signature[1..])),
        ] {
            let mut envelope = post.json();
            envelope[member] = value.into();
            let refused = scene.verified(envelope.to_string().as_bytes(), now).await;
            assert_eq!(
                refused,
                Err(ReceiverRefused::Signature(SignatureRefused::WrongSignature)),
                "{member}"
            );
        }
        let mut envelope = post.json();
        envelope.as_object_mut().unwrap().remove("Signature");
        let refused = scene.verified(envelope.to_string().as_bytes(), now).await;
        assert_eq!(refused, Err(ReceiverRefused::Envelope(EnvelopeRefused::Missing { member: "Signature" })));
    }
}

/// A merchant's call on an order.
type OrderAct = (&'static str, fn(&Order) -> Call);

#[tokio::test]
async fn every_change_is_notified_and_each_object_once() {
    let capture = |order: &Order| {
        let amount = json!({ "captureAmount": { "amount": "14.00", "currencyCode": "USD" } });
        Call::post(format!("/v2/charges/{}/capture", order.charge_id), amount).idempotent("capture")
    };
    let cancel = |order: &Order| {
        let path = format!("/v2/charges/{}/cancel", order.charge_id);
        Call::new(Method::DELETE, path, json!({ "cancellationReason": "sold out" }))
    };
    let close = |order: &Order| {
        let path = format!("/v2/chargePermissions/{}/close", order.permission_id);
        Call::new(Method::DELETE, path, json!({ "closureReason": "done", "cancelPendingCharges": true }))
    };
    let update = |order: &Order| {
        let notes = json!({ "merchantMetadata": { "noteToBuyer": "thanks" } });
        Call::patch(format!("/v2/chargePermissions/{}", order.permission_id), notes)
    };
    let refund = |order: &Order| {
        let amount = json!({ "amount": "5.00", "currencyCode": "USD" });
        let body = json!({ "chargeId": order.charge_id, "refundAmount": amount });
        Call::post("/v2/refunds", body).idempotent("refund")
    };
    let charge = |order: &Order| {
        let amount = json!({ "amount": "26.00", "currencyCode": "USD" });
        let body = json!({ "chargePermissionId": order.permission_id, "chargeAmount": amount });
        Call::post("/v2/charges", body).idempotent("charge")
    };
    let doings: [(&[OrderAct], &str, &[&str]); 8] = [
        (&[("update", update)], "PT0S", &[]),
        (&[("capture", capture)], "PT0S", &["CHARGE"]),
        (&[("cancel", cancel)], "PT0S", &["CHARGE"]),
        // This charge holds the rest of the limit: nothing more can be charged.
        (&[("charge", charge)], "PT0S", &["CHARGE", "CHARGE_PERMISSION"]),
        (&[("close", close)], "PT0S", &["CHARGE", "CHARGE_PERMISSION"]),
        (&[("capture", capture), ("refund", refund)], "P1D", &["CHARGE", "REFUND"]),
        // The authorization expires.
        (&[], "P2D", &["CHARGE"]),
        (&[], "P180D", &["CHARGE", "CHARGE_PERMISSION"]),
    ];
    for (calls, later, expected) in doings {
        let scene = Scene::new().await;
        let order = scene.authorized().await;
        assert_eq!(scene.told(), [format!("CHARGE {}", order.charge_id)]);
        for (_, call) in calls {
            scene.call(call(&order)).await;
        }
        scene.advance(later).await;
        let told = scene.told();
        let mut types: Vec<&str> = told.iter().map(|told| told.split(' ').next().unwrap()).collect();
        types.sort_unstable();
        let names: Vec<&str> = calls.iter().map(|(name, _)| *name).collect();
        assert_eq!(types, expected, "{names:?} {later}: {told:?}");
    }
}

#[tokio::test]
async fn a_pending_authorization_is_notified_when_it_is_decided() {
    let pending = |card| json!({ "card": card, "paymentDetails": { "canHandlePendingAuthorization": true } });
    for (card, expected) in [("0701", &["CHARGE"][..]), ("4354", &["CHARGE", "CHARGE_PERMISSION"])] {
        let scene = Scene::new().await;
        scene.finalized(&Call::get(""), pending(card)).await;
        assert!(scene.told().is_empty(), "nothing has changed yet");
        scene.advance("PT29S").await;
        assert!(scene.told().is_empty());
        scene.advance("PT1S").await;
        let told = scene.told();
        let types: Vec<&str> = told.iter().map(|told| told.split(' ').next().unwrap()).collect();
        assert_eq!(types, expected, "{card}");
    }
}

#[tokio::test]
async fn an_endpoint_is_notified_for_its_own_merchant_or_for_all() {
    let scene = Scene::bare(Default::default()).await;
    for (path, member, value) in [
        ("one", "publicKeyId", KEY_ID),
        ("other", "merchantId", "AOTHER"),
        ("second-key", "publicKeyId", "ASECOND"),
    ] {
        scene.register(json!({ "url": format!("http://127.0.0.1:9000/{path}"), member: value })).await;
    }
    scene.register(json!({ "url": "http://127.0.0.1:9000/all" })).await;
    for (key_id, expected) in
        [(KEY_ID, &["all", "one", "second-key"][..]), (FOREIGN_KEY_ID, &["all", "other"])]
    {
        scene.finalized(&Call::get("").key(key_id), json!({})).await;
        let sent = scene.sent();
        let mut paths: Vec<&str> = sent.iter().map(|post| post.url.rsplit('/').next().unwrap()).collect();
        paths.sort_unstable();
        assert_eq!(paths, expected, "{key_id}");
        let ids: Vec<String> = sent.iter().map(|post| post.message_id()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "one message has one id: {ids:?}");
    }
}

#[tokio::test]
async fn notifications_are_sent_in_the_order_of_the_changes() {
    let scene = Scene::new().await;
    let mut expected = Vec::new();
    for _ in 0..40 {
        expected.push(format!("CHARGE {}", scene.authorized().await.charge_id));
    }
    assert_eq!(scene.told(), expected);
}

#[tokio::test]
async fn a_decline_without_a_charge_is_notified_for_the_permission() {
    let scene = Scene::new().await;
    let order =
        scene.finalized(&Call::get(""), json!({ "paymentDetails": { "paymentIntent": "Confirm" } })).await;
    assert!(scene.told().is_empty());
    let amount = json!({ "amount": "5.00", "currencyCode": "USD" });
    let body = json!({ "chargePermissionId": order.permission_id, "chargeAmount": amount });
    let call = Call::post("/v2/charges", body).idempotent("charge").simulating("HardDeclined");
    assert_eq!(scene.world.call(&call).await.refusal(), (422, "HardDeclined"));
    let permission = format!("CHARGE_PERMISSION {}", order.permission_id);
    assert_eq!(scene.told(), std::slice::from_ref(&permission));
    assert_eq!(scene.world.call(&call).await.refusal(), (422, "HardDeclined"), "the remembered answer");
    assert!(scene.told().is_empty(), "a replay changes nothing");
    let act = json!({ "action": "updatePaymentMethod" });
    scene.control(Method::POST, &format!("charge-permissions/{}/buyer", order.permission_id), act).await;
    assert_eq!(scene.told(), [permission]);
}

#[tokio::test]
async fn a_refused_call_is_not_notified() {
    let scene = Scene::new().await;
    let session = scene.session(&Call::get(""), json!({})).await;
    let mut finalize = Scene::finalize(&session);
    let mut body: Value = serde_json::from_str(&finalize.body).unwrap();
    body["chargeAmount"]["amount"] = "13.99".into();
    finalize.body = body.to_string();
    assert_eq!(scene.world.call(&finalize).await.refusal(), (409, "AmountMismatch"));
    assert!(scene.told().is_empty());
}

/// A change set appends at most 256 messages. Here one step decides 20 refunds at one frozen
/// instant, and each of them is notified to 16 endpoints.
#[tokio::test]
async fn a_step_that_changes_more_than_one_change_set_can_append_is_notified_completely() {
    let scene = Scene::bare(Default::default()).await;
    scene.control(Method::POST, "clock", json!({ "freeze": true })).await;
    let payment = json!({
        "paymentIntent": "AuthorizeWithCapture",
        "chargeAmount": { "amount": "10.00", "currencyCode": "USD" },
    });
    let order = scene.finalized(&Call::get(""), json!({ "paymentDetails": payment })).await;
    let amount = |amount: &str| json!({ "amount": amount, "currencyCode": "USD" });
    let mut charges = vec![order.charge_id.clone()];
    for number in 0..1 {
        let body = json!({
            "chargePermissionId": order.permission_id, "chargeAmount": amount("5.00"), "captureNow": true,
        });
        let call = Call::post("/v2/charges", body).idempotent(&format!("charge{number}"));
        charges.push(scene.call(call).await.text("chargeId").to_owned());
    }
    let mut expected = Vec::new();
    for (number, charge_id) in charges.iter().enumerate() {
        for part in 0..10 {
            let body = json!({ "chargeId": charge_id, "refundAmount": amount("0.50") });
            let call = Call::post("/v2/refunds", body).idempotent(&format!("refund{number}x{part}"));
            expected.push(format!("REFUND {}", scene.call(call).await.text("refundId")));
        }
    }
    for number in 0..16 {
        scene.register(json!({ "url": format!("http://127.0.0.1:9000/{number}") })).await;
    }
    scene.advance("P2D").await;
    let mut told = Vec::new();
    for _ in 0..200 {
        told.extend(scene.told().into_iter().filter(|told| told.starts_with("REFUND")));
    }
    assert_eq!(told.len(), expected.len() * 16);
    told.sort_unstable();
    told.dedup();
    expected.sort_unstable();
    assert_eq!(told, expected);
}
