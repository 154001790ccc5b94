//! A button's configuration: the error for a mistake names the member that is wrong, and only a shop's page can
//! begin a checkout.

use http::Method;
use serde_json::{Value, json};

use super::scene::{OTHER_KEY, SHOP, Scene, attribute, button, form, merged, text};

/// The largest number of visits that are stored.
const MAX_VISITS: usize = 1_000;

async fn refused(scene: &Scene, configuration: &Value) -> (u16, String) {
    let answer = scene.press(configuration).await;
    let html = text(&answer);
    (answer.status().as_u16(), attribute(&html, "data-error").unwrap_or_else(|| panic!("{html}")))
}

fn session(changes: Value) -> Value {
    json!({"checkoutSessionConfig": changes})
}

fn payment(changes: Value) -> Value {
    session(json!({"paymentDetails": changes}))
}

// Promise: A27
#[tokio::test]
async fn each_mistake_of_a_configuration_is_named() {
    let scene = Scene::new().await;
    let config = |member: &str| format!("[checkoutSessionConfig.{member}]");
    let paid = |member: &str| config(&format!("paymentDetails.{member}"));
    let plain = |member: &str| format!("[{member}]");
    let restrictions = |changes: Value| session(json!({"deliverySpecifications": changes}));
    let cases = [
        (json!({"merchantId": null}), plain("merchantId")),
        (json!({"merchantId": "A9NOBODY", "publicKeyId": null}), plain("merchantId")),
        (json!({"merchantId": "A2EXAMPLE"}), plain("merchantId")),
        (json!({"merchantId": "?"}), plain("merchantId")),
        (json!({"publicKeyId": "SANDBOX-NOBODYS"}), plain("publicKeyId")),
        (json!({"ledgerCurrency": null}), plain("ledgerCurrency")),
        (json!({"ledgerCurrency": "AUD"}), plain("ledgerCurrency")),
        (json!({"placement": null}), plain("placement")),
        (json!({"placement": "Footer"}), plain("placement")),
        (json!({"productType": "SignIn"}), plain("productType")),
        (json!({"checkoutLanguage": "de"}), plain("checkoutLanguage")),
        (json!({"buttonColor": "Green"}), plain("buttonColor")),
        (json!({"sandbox": "maybe"}), plain("sandbox")),
        (json!({"estimatedOrderAmount": {"currencyCode": "JPY"}}), plain("estimatedOrderAmount.amount")),
        (
            json!({"estimatedOrderAmount": {"amount": "20", "currencyCode": "JPY"}}),
            plain("estimatedOrderAmount"),
        ),
        (json!({"display": "tab"}), plain("display")),
        (json!({"handlers": ["onInitCheckout", "onCompleteCheckout"]}), plain("onCancel")),
        (json!({"handlers": ["onCancel", "onCompleteCheckout"]}), plain("onInitCheckout")),
        (json!({"handlers": ["onCancel", "onInitCheckout"]}), plain("onCompleteCheckout")),
        (json!({"handlers": ["onClick"]}), plain("handlers")),
        (json!({"handlers": null}), plain("onInitCheckout")),
        (json!({"colour": "Gold"}), plain("colour")),
        (json!({"checkoutSessionConfig": null}), plain("checkoutSessionConfig")),
        (session(json!({"storeId": null})), config("storeId")),
        (session(json!({"storeId": "a b"})), config("storeId")),
        (session(json!({"scopes": ["name", "shoeSize"]})), config("scopes")),
        (session(json!({"paymentDetails": null})), config("paymentDetails")),
        (session(json!({"recurringMetadata": {}})), config("recurringMetadata")),
        (session(json!({"chargePermissionType": "Recurring"})), config("chargePermissionType")),
        (
            session(json!({"merchantMetadata": {"merchantStoreName": "x".repeat(51)}})),
            config("merchantMetadata.merchantStoreName"),
        ),
        (session(json!({"supplementaryData": "x".repeat(4_097)})), config("supplementaryData")),
        (payment(json!({"paymentIntent": null})), paid("paymentIntent")),
        (payment(json!({"paymentIntent": "Capture"})), paid("paymentIntent")),
        (payment(json!({"chargeAmount": {"amount": "20.000"}})), paid("chargeAmount.amount")),
        (payment(json!({"chargeAmount": {"amount": "0"}})), paid("chargeAmount")),
        (payment(json!({"chargeAmount": {"currencyCode": "EUR"}})), paid("chargeAmount")),
        (
            payment(json!({"totalOrderAmount": {"amount": "1.00", "currencyCode": "USD"}})),
            paid("totalOrderAmount"),
        ),
        (payment(json!({"softDescriptor": "CUPS"})), paid("softDescriptor")),
        (
            payment(json!({"paymentIntent": "AuthorizeWithCapture", "canHandlePendingAuthorization": true})),
            paid("canHandlePendingAuthorization"),
        ),
        (
            restrictions(json!({"specialRestrictions": ["?"]})),
            config("deliverySpecifications.specialRestrictions"),
        ),
        (
            restrictions(json!({"addressRestrictions": {"type": "Some"}})),
            config("deliverySpecifications.addressRestrictions.type"),
        ),
    ];
    for (changes, named) in cases {
        let (status, why) = refused(&scene, &button(&changes)).await;
        assert_eq!(status, 400, "{changes}: {why}");
        assert!(why.contains(&named), "{changes}: {why} does not name {named}");
    }
    assert_eq!(scene.events().await, [""; 0], "no checkout began");
}

#[tokio::test]
async fn a_body_that_is_not_a_configuration_begins_nothing() {
    let scene = Scene::new().await;
    let headers = [("origin", SHOP)];
    for body in
        ["", "configuration=", "configuration=%7B", "configuration=null", "config=1", "configuration=%FF"]
    {
        let answer = scene.send(Method::POST, "/checkout", &headers, body).await;
        assert_eq!(answer.status(), 400, "{body}");
    }
    let long = form(&[("configuration", &"x".repeat(64 * 1024))]);
    assert_eq!(scene.send(Method::POST, "/checkout", &headers, &long).await.status(), 413);
    assert_eq!(scene.send(Method::GET, "/checkout", &[], "").await.status(), 405);
    assert_eq!(scene.events().await, [""; 0]);
}

#[tokio::test]
async fn only_a_page_with_a_web_origin_begins_a_checkout_and_only_it_gets_messages() {
    let scene = Scene::new().await;
    let body = form(&[("configuration", &button(&json!({})).to_string())]);
    for origin in [
        "null",
        "",
        "file://",
        "shop.example",
        "https://",
        "https://a b",
        "https://shop.example/page",
        "https://user@shop.example",
        "https://shop.example; script-src *",
        "https://*",
        "javascript:alert(1)",
        "chrome-extension://abcdef",
    ] {
        let answer = scene.send(Method::POST, "/checkout", &[("origin", origin)], &body).await;
        assert_eq!(answer.status(), 403, "{origin}");
        assert!(text(&answer).contains("Origin header"));
    }
    assert_eq!(scene.send(Method::POST, "/checkout", &[], &body).await.status(), 403);
    for origin in
        ["http://localhost:3000", "https://shop.example", "http://127.0.0.1:8080", "http://[::1]:80"]
    {
        let answer = scene.send(Method::POST, "/checkout", &[("origin", origin)], &body).await;
        assert_eq!(answer.status(), 303, "{origin}");
        let html = scene.page(answer.headers()["location"].to_str().unwrap()).await;
        assert_eq!(attribute(&html, "data-origin").as_deref(), Some(origin));
    }
}

#[tokio::test]
async fn without_a_key_the_checkout_belongs_to_the_merchant_that_is_named() {
    for (changes, environment) in [
        (json!({"publicKeyId": null}), "Sandbox"),
        (json!({"publicKeyId": null, "sandbox": null}), "Sandbox"),
        (json!({"merchantId": "A2EXAMPLE", "publicKeyId": null}), "Sandbox"),
        (json!({"merchantId": "A2EXAMPLE", "publicKeyId": OTHER_KEY, "sandbox": null}), "Live"),
        (json!({"merchantId": "A2EXAMPLE", "publicKeyId": OTHER_KEY, "sandbox": false}), "Live"),
    ] {
        let scene = Scene::new().await;
        scene.visit(&button(&changes)).await;
        let id = scene.session_id().await;
        let acted = scene.act(&id, &json!({"action": "selectCard", "card": "4444"})).await;
        assert_eq!(acted["releaseEnvironment"], environment, "{changes}");
    }
}

#[tokio::test]
async fn the_amount_that_the_browser_sends_is_not_charged() {
    let scene = Scene::new().await;
    let cheap = merged(&button(&json!({})), &payment(json!({"chargeAmount": {"amount": "0.01"}})));
    scene.visit(&cheap).await;
    assert_eq!(scene.session().await["paymentDetails"]["chargeAmount"], Value::Null);
}

#[tokio::test]
async fn a_bounded_number_of_visits_is_kept_and_those_that_are_over_make_room() {
    let scene = Scene::new().await;
    let config = button(&json!({}));
    let mut over = scene.visit(&config).await;
    let open = scene.visit(&config).await;
    for _ in 2..MAX_VISITS {
        assert_eq!(scene.press(&config).await.status(), 303);
    }
    let before = scene.last_event().await;
    let (status, why) = refused(&scene, &config).await;
    assert_eq!(status, 503);
    assert!(why.contains("1000 buyers are on this page"), "{why}");
    assert_eq!(scene.last_event().await, before, "a refusal leaves no Checkout Session behind");

    over.send("cancel", &[]).await;
    assert_eq!(scene.press(&config).await.status(), 303);
    let gone = scene.send(Method::GET, &over.path, &[], "").await;
    assert_eq!(gone.status(), 404, "the visit that was over made room");
    scene.page(&open.path).await;
    assert_eq!(refused(&scene, &config).await.0, 503);

    scene.advance("PT24H").await;
    for _ in 0..3 {
        assert_eq!(scene.press(&config).await.status(), 303);
    }
}
