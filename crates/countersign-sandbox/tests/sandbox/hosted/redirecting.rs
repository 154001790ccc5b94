//! The flow whose configuration the merchant's server signs: the buyer chooses and is sent back to the shop.

use serde_json::{Value, json};

use super::scene::{self, KEY, SHOP, Scene, attribute, form, signed, text};

pub(crate) fn payload() -> Value {
    json!({
        "webCheckoutDetails": {"checkoutReviewReturnUrl": "https://shop.example/review?a=1"},
        "storeId": "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef",
        "scopes": ["name", "shippingAddress"],
    })
}

pub(crate) fn button(signed: &Value) -> Value {
    json!({
        "merchantId": "A1EXAMPLE", "publicKeyId": KEY, "ledgerCurrency": "USD", "placement": "Cart",
        "productType": "PayAndShip", "createCheckoutSessionConfig": signed, "display": "window", "handlers": [],
    })
}

// Promise: A29
#[tokio::test]
async fn a_buyer_chooses_and_returns_to_the_review_page_with_the_session() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&signed(&payload()))).await;
    buyer.send("sign-in", &[("buyer", "0")]).await;
    buyer.send("consent", &[]).await;
    assert_eq!((buyer.title().as_str(), buyer.question()), ("Choose address and payment", None));
    buyer.send("address", &[("address", "1")]).await;
    buyer.send("card", &[("card", "4444")]).await;
    buyer.place("card").await;
    let id = scene.session_id().await;
    let back = format!("https://shop.example/review?a=1&amazonCheckoutSessionId={id}");
    assert_eq!(attribute(&buyer.html, "data-follow"), Some(back.clone()));
    assert!(buyer.shows(&format!("href=\"{back}\"")), "without a script there is a link");
    assert_eq!(buyer.title(), "One more step", "nothing is ordered yet");
    let session = scene.session().await;
    assert_eq!(session["shippingAddress"]["city"], "Portland");
    assert_eq!(session["paymentPreferences"][0]["paymentDescriptor"], "Mastercard ****4444 (Amazon Pay)");

    // Back on the shop's page, the buyer wants a different address.
    let change = json!({"amazonCheckoutSessionId": id, "changeAction": "changeAddress", "display": "window", "handlers": []});
    let mut again = scene.visit(&change).await;
    assert_eq!(again.title(), "Choose address and payment");
    let address = [("name", "N"), ("addressLine1", "1 New Street"), ("countryCode", "us")];
    again.send("add-address", &address).await;
    again.place("card").await;
    assert_eq!(attribute(&again.html, "data-follow"), Some(back));
    assert_eq!(scene.session().await["shippingAddress"]["addressLine1"], "1 New Street");
}

#[tokio::test]
async fn with_process_order_the_order_is_placed_on_the_page() {
    let scene = Scene::new().await;
    let mut payload = payload();
    payload["webCheckoutDetails"] = json!({
        "checkoutMode": "ProcessOrder", "checkoutResultReturnUrl": "https://shop.example/result#end",
    });
    payload["paymentDetails"] = json!({
        "paymentIntent": "Authorize", "chargeAmount": {"amount": "14.00", "currencyCode": "USD"},
    });
    let mut buyer = scene.visit(&button(&signed(&payload))).await;
    buyer.send("sign-in", &[("buyer", "0")]).await;
    buyer.send("consent", &[]).await;
    buyer.place("card").await;
    let id = scene.session_id().await;
    let back = format!("https://shop.example/result?amazonCheckoutSessionId={id}#end");
    assert_eq!(attribute(&buyer.html, "data-follow"), Some(back));
    assert_eq!(buyer.title(), "Completing your order");
    let path = format!("/v2/checkoutSessions/{id}/complete");
    let body = json!({"chargeAmount": {"amount": "14.00", "currencyCode": "USD"}});
    assert_eq!(scene.signed(http::Method::POST, &path, &body).await.0, 200);
    buyer.reload().await;
    assert_eq!(buyer.title(), "Your order is complete");
}

// Promise: A29
#[tokio::test]
async fn a_payload_that_was_tampered_with_is_refused_and_named() {
    let scene = Scene::new().await;
    let right = signed(&payload());
    let tampered = |change: &dyn Fn(&mut Value)| {
        let mut wrong = right.clone();
        change(&mut wrong);
        wrong
    };
    let longer = format!("{} ", right["payloadJSON"].as_str().unwrap());
    let cases = [
        (tampered(&|it| it["payloadJSON"] = json!(longer)), "InvalidSignatureError"),
        (tampered(&|it| it["signature"] = json!("AAAA")), "InvalidSignatureError"),
        (tampered(&|it| it["signature"] = json!("?")), "InvalidSignatureError"),
        (tampered(&|it| it["algorithm"] = json!("AMZN-PAY-RSASSA-PSS")), "InvalidSignatureError"),
        (tampered(&|it| it["algorithm"] = json!("none")), "[createCheckoutSessionConfig.algorithm]"),
        (tampered(&|it| it["publicKeyId"] = json!("NOBODYS")), "[createCheckoutSessionConfig.publicKeyId]"),
        (tampered(&|it| it["signature"] = Value::Null), "[createCheckoutSessionConfig.signature]"),
        (signed(&json!({"webCheckoutDetails": {}})), "[createCheckoutSessionConfig.payloadJSON.storeId]"),
        (signed(&json!({"shop": 1})), "[createCheckoutSessionConfig.payloadJSON.shop]"),
    ];
    for (wrong, named) in cases {
        let answer = scene.press(&button(&wrong)).await;
        let html = text(&answer);
        assert_eq!(answer.status(), 400, "{wrong}");
        let why = attribute(&html, "data-error").unwrap();
        assert!(why.contains(named), "{wrong}: {why}");
    }
    assert_eq!(scene.events().await, [""; 0]);
}

#[tokio::test]
async fn a_session_that_does_not_wait_for_its_buyer_is_not_changed_by_a_button() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&signed(&payload()))).await;
    let id = scene.session_id().await;
    let change = |id: &str, action: &str| json!({"amazonCheckoutSessionId": id, "changeAction": action});
    let status = async |change: &Value| scene.press(change).await.status().as_u16();
    assert_eq!(status(&change(&id, "changeAddress")).await, 404, "nobody has signed in");
    buyer.send("sign-in", &[("buyer", "0")]).await;
    assert_eq!(status(&change(&id, "changeAddress")).await, 303);
    assert_eq!(status(&change(&id, "changeEverything")).await, 400);
    assert_eq!(status(&change("00000000-0000-4000-8000-000000000000", "changePayment")).await, 404);
    buyer.send("cancel", &[]).await;
    assert_eq!(status(&change(&id, "changePayment")).await, 404);
}

/// The answer to a page of this origin that wants to change what a session's buyer chose.
async fn refused_to(scene: &Scene, origin: &str, id: &str) -> (u16, Option<String>) {
    let change = json!({"amazonCheckoutSessionId": id, "changeAction": "changeAddress"});
    let body = form(&[("configuration", &change.to_string())]);
    let answer = scene.send(http::Method::POST, "/checkout", &[("origin", origin)], &body).await;
    (answer.status().as_u16(), attribute(&text(&answer), "data-error"))
}

#[tokio::test]
async fn a_session_without_a_review_page_has_nothing_to_change() {
    let mut process_order = payload();
    process_order["webCheckoutDetails"] = json!({
        "checkoutMode": "ProcessOrder", "checkoutResultReturnUrl": "https://shop.example/result",
        "checkoutReviewReturnUrl": "https://shop.example/review",
    });
    process_order["paymentDetails"] = json!({
        "paymentIntent": "Authorize", "chargeAmount": {"amount": "14.00", "currencyCode": "USD"},
    });
    for config in [scene::button(&json!({})), button(&signed(&process_order))] {
        let scene = Scene::new().await;
        let mut buyer = scene.visit(&config).await;
        buyer.send("sign-in", &[("buyer", "0")]).await;
        let (status, why) = refused_to(&scene, SHOP, &scene.session_id().await).await;
        assert_eq!(status, 400);
        assert!(why.unwrap().contains("[amazonCheckoutSessionId] is invalid: its buyer returns to no"));
    }
}

#[tokio::test]
async fn a_page_on_another_origin_than_the_review_page_changes_nothing() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&signed(&payload()))).await;
    buyer.send("sign-in", &[("buyer", "0")]).await;
    let id = scene.session_id().await;
    for origin in ["https://evil.example", "http://shop.example", "https://shop.example:8443"] {
        let (status, why) = refused_to(&scene, origin, &id).await;
        assert_eq!(status, 403, "{origin}");
        assert!(why.unwrap().contains(&format!("is not on {origin}")));
    }
    assert_eq!(refused_to(&scene, "null", &id).await.0, 403);
    assert_eq!(refused_to(&scene, SHOP, &id).await, (303, None));
}
