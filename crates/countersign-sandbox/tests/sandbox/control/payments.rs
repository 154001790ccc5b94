//! What happens to a Charge Permission on Amazon's side, and its accounts.

use http::Method;
use serde_json::{Value, json};

use super::scene::{Scene, SceneAnswer};

/// An order of 100.00 USD, of which 14.00 are authorized: its session, permission and charge.
async fn split_order(scene: &Scene) -> (String, String, String) {
    let total = json!({"totalOrderAmount": {"amount": "100.00", "currencyCode": "USD"}});
    let id = scene.checkout(&json!({"placed": true, "paymentDetails": total})).await;
    let finalized = scene.finalize(&id).await;
    let [permission, charge] = ["chargePermissionId", "chargeId"].map(|id| finalized.text(id).to_owned());
    (id, permission, charge)
}

async fn buyer(scene: &Scene, permission: &str, body: &str) -> SceneAnswer {
    scene.control(Method::POST, &format!("/_sandbox/charge-permissions/{permission}/buyer"), body).await
}

async fn ledger(scene: &Scene, query: &str) -> SceneAnswer {
    scene.control(Method::GET, &format!("/_sandbox/ledger{query}"), "").await
}

fn charge_of(permission: &str) -> String {
    json!({
        "chargePermissionId": permission,
        "chargeAmount": {"amount": "10.00", "currencyCode": "USD"},
    })
    .to_string()
}

#[tokio::test]
async fn a_buyer_closes_a_permission_and_its_open_charges_stay() {
    let scene = Scene::new().await;
    let (session, permission, charge) = split_order(&scene).await;
    let closed = buyer(&scene, &permission, r#"{"action":"close"}"#).await;
    assert_eq!(closed.status, 200);
    assert_eq!(closed.body["statusDetails"]["state"], "Closed");
    assert_eq!(closed.body["statusDetails"]["reasons"][0]["reasonCode"], "BuyerClosed");
    assert_eq!(scene.get_charge(&charge).await.body["statusDetails"]["state"], "Authorized");
    assert_eq!(scene.event_types(&session).await.last().unwrap(), "ChargePermissionClosed");
    for action in ["close", "updatePaymentMethod"] {
        let again = buyer(&scene, &permission, &json!({"action": action}).to_string()).await;
        assert_eq!((again.status, again.reason_code()), (422, "InvalidChargePermissionStatus"), "{action}");
    }
}

#[tokio::test]
async fn a_declined_permission_is_chargeable_again_once_its_buyer_names_another_payment_method() {
    let scene = Scene::new().await;
    // The pending authorization of this card is hard-declined.
    let over = json!({"placed": true, "card": "4354", "paymentDetails": {
        "canHandlePendingAuthorization": true,
        "totalOrderAmount": {"amount": "100.00", "currencyCode": "USD"},
    }});
    let id = scene.checkout(&over).await;
    let permission = scene.finalize(&id).await.text("chargePermissionId").to_owned();
    let state = |answer: &SceneAnswer| answer.body["statusDetails"]["state"].as_str().unwrap().to_owned();
    let update = r#"{"action":"updatePaymentMethod"}"#;
    scene.advance("PT30S").await;
    let charge = charge_of(&permission);
    let may_pend = charge.replacen('{', r#"{"canHandlePendingAuthorization":true,"#, 1);
    let refused = scene.signed_with_key(Method::POST, "/v2/charges", &charge, "1").await.unwrap();
    assert_eq!((refused.status, refused.reason_code()), (422, "InvalidChargePermissionStatus"));
    assert!(refused.message().contains("PaymentMethodInvalid"), "{}", refused.message());
    // The same card is declined again.
    let same = buyer(&scene, &permission, r#"{"action":"updatePaymentMethod","card":"4354"}"#).await;
    assert_eq!((same.status, state(&same)), (200, "Chargeable".to_owned()));
    let pending = scene.signed_with_key(Method::POST, "/v2/charges", &may_pend, "2").await.unwrap();
    assert_eq!((pending.status, state(&pending)), (201, "AuthorizationInitiated".to_owned()));
    scene.advance("PT30S").await;
    let updated = buyer(&scene, &permission, update).await;
    assert_eq!((updated.status, state(&updated)), (200, "Chargeable".to_owned()));
    let charged = scene.signed_with_key(Method::POST, "/v2/charges", &may_pend, "1").await.unwrap();
    assert_eq!(
        (charged.status, state(&charged)),
        (201, "Authorized".to_owned()),
        "the permission has another card now"
    );
    let told = scene.event_types(&id).await;
    assert_eq!(told[told.len() - 2..], ["ChargePermissionChargeable", "ChargeAuthorized"]);
    for (body, reason_code) in [
        (r#"{"action":"updatePaymentMethod","card":"1234"}"#, "InvalidParameterValue"),
        (r#"{"action":"close","card":"1111"}"#, "InvalidParameterCombination"),
    ] {
        let answer = buyer(&scene, &permission, body).await;
        assert_eq!((answer.status, answer.reason_code()), (400, reason_code), "{body}");
        assert!(answer.message().contains("[card]"), "{body}: {}", answer.message());
    }
}

#[tokio::test]
async fn buyer_and_amazon_cancel_a_charge_and_amazon_a_permission() {
    for (party, reason) in [("buyer", "BuyerCanceled"), ("amazon", "AmazonCanceled")] {
        let scene = Scene::new().await;
        let (session, permission, charge) = split_order(&scene).await;
        let path = format!("/_sandbox/charges/{charge}/{party}");
        let canceled = scene.control(Method::POST, &path, r#"{"action":"cancel"}"#).await;
        assert_eq!(canceled.status, 200, "{}", canceled.body);
        assert_eq!(canceled.body, scene.get_charge(&charge).await.body);
        assert_eq!(canceled.body["statusDetails"]["state"], "Canceled");
        assert_eq!(canceled.body["statusDetails"]["reasonCode"], reason);
        let balances = ledger(&scene, &format!("?chargePermissionId={permission}")).await;
        assert_eq!(balances.body["balances"]["available"], "100.00", "its amount is available again");
        assert_eq!(scene.event_types(&session).await.last().unwrap(), "ChargeCanceled");
        let again = scene.control(Method::POST, &path, r#"{"action":"cancel"}"#).await;
        assert_eq!((again.status, again.reason_code()), (422, "InvalidChargeStatus"));
    }
    let scene = Scene::new().await;
    let (_, permission, charge) = split_order(&scene).await;
    let path = format!("/_sandbox/charge-permissions/{permission}/amazon");
    let canceled = scene.control(Method::POST, &path, r#"{"action":"cancel"}"#).await;
    assert_eq!(canceled.body["statusDetails"]["state"], "Closed");
    assert_eq!(canceled.body["statusDetails"]["reasons"][0]["reasonCode"], "AmazonCanceled");
    assert_eq!(scene.get_charge(&charge).await.body["statusDetails"]["state"], "Authorized");
}

#[tokio::test]
async fn acts_that_a_charge_or_permission_does_not_have_are_refused_by_name() {
    let scene = Scene::new().await;
    let (_, permission, charge) = split_order(&scene).await;
    let none = "S01-0000000-0000000";
    for (path, action, status, reason_code, named) in [
        (
            format!("charge-permissions/{permission}/amazon"),
            "close",
            400,
            "InvalidParameterValue",
            "[action]",
        ),
        (format!("charges/{charge}/buyer"), "close", 400, "InvalidParameterValue", "[action]"),
        (format!("charges/{charge}/amazon"), "decline", 400, "InvalidParameterValue", "[action]"),
        (format!("charges/{none}-C000000/amazon"), "cancel", 404, "ResourceNotFound", "Charge"),
        ("charges/no%20id/buyer".to_owned(), "cancel", 404, "ResourceNotFound", "Charge"),
        (format!("charge-permissions/{none}/amazon"), "cancel", 404, "ResourceNotFound", "Charge Permission"),
        (format!("charges/{charge}/merchant"), "cancel", 404, "ResourceNotFound", ""),
        (format!("charge-permissions/{permission}/merchant"), "cancel", 404, "ResourceNotFound", ""),
    ] {
        let body = json!({"action": action}).to_string();
        let answer = scene.control(Method::POST, &format!("/_sandbox/{path}"), &body).await;
        assert_eq!((answer.status, answer.reason_code()), (status, reason_code), "{path} {action}");
        assert!(answer.message().contains(named), "{path} {action}: {}", answer.message());
    }
    assert_eq!(scene.get_charge(&charge).await.body["statusDetails"]["state"], "Authorized");
}

#[tokio::test]
async fn acts_that_the_buyer_does_not_have_are_refused_by_name() {
    let scene = Scene::new().await;
    let (_, permission, _) = split_order(&scene).await;
    for (permission, body, status, reason_code, named) in [
        (&*permission, r#"{"action":"pay"}"#, 400, "InvalidParameterValue", "[action]"),
        (&permission, r#"{"action":1}"#, 400, "InvalidParameterValue", "[action]"),
        (&permission, "{}", 400, "MissingParameterValue", "[action]"),
        (&permission, r#"{"action":"close","why":"x"}"#, 400, "UnrecognizedField", "[why]"),
        ("S01-0000000-0000000", r#"{"action":"close"}"#, 404, "ResourceNotFound", "Charge Permission"),
        ("no%20id", r#"{"action":"close"}"#, 404, "ResourceNotFound", "Charge Permission"),
    ] {
        let answer = buyer(&scene, permission, body).await;
        assert_eq!((answer.status, answer.reason_code()), (status, reason_code), "{permission} {body}");
        assert!(answer.message().contains(named), "{permission} {body}: {}", answer.message());
    }
    let path = format!("/v2/chargePermissions/{permission}");
    let shown = scene.signed(Method::GET, &path, "").await.unwrap();
    assert_eq!(shown.body["statusDetails"]["state"], "Chargeable");
}

#[tokio::test]
async fn the_ledger_shows_every_posting_and_every_balance() {
    let scene = Scene::new().await;
    let (_, permission, charge) = split_order(&scene).await;
    let capture = json!({"captureAmount": {"amount": "4.00", "currencyCode": "USD"}}).to_string();
    let path = format!("/v2/charges/{charge}/capture");
    assert_eq!(scene.signed_with_key(Method::POST, &path, &capture, "1").await.unwrap().status, 200);
    let shown = ledger(&scene, &format!("?chargePermissionId={permission}")).await;
    assert_eq!(shown.status, 200);
    let posting = |by: &str, from: &str, to: &str, amount: &str| -> Value {
        json!({"at": "20260901T120000Z", "by": by, "of": charge, "from": from, "to": to, "amount": amount})
    };
    let expected = json!({
        "chargePermissionId": permission,
        "currency": "USD",
        "limit": "100.00",
        "balances": {
            "available": "96.00", "held": "0.00", "captured": "4.00",
            "refunded": "0.00", "overcharge": "0.00", "goodwill": "0.00",
        },
        "postings": [
            posting("ChargeAuthorized", "Available", "Held", "14.00"),
            posting("ChargeCaptured", "Held", "Captured", "4.00"),
            posting("ChargeCaptured", "Held", "Available", "10.00"),
        ],
    });
    assert_eq!(shown.body, expected);
}

#[tokio::test]
async fn a_ledger_is_asked_for_by_its_permission() {
    let scene = Scene::new().await;
    for (query, status, reason_code, named) in [
        ("", 400, "MissingParameterValue", "[chargePermissionId]"),
        ("?chargeId=x", 400, "UnrecognizedField", "[chargeId]"),
        ("?chargePermissionId=S01-0000000-0000000", 404, "ResourceNotFound", "Charge Permission"),
        ("?chargePermissionId=", 404, "ResourceNotFound", "Charge Permission"),
        ("?chargePermissionId=a&b=c", 404, "ResourceNotFound", "Charge Permission"),
    ] {
        let answer = ledger(&scene, query).await;
        assert_eq!((answer.status, answer.reason_code()), (status, reason_code), "{query}");
        assert!(answer.message().contains(named), "{query}: {}", answer.message());
    }
}
