//! The page at `amazonPayRedirectUrl`: the buyer pays for what they chose and the shop has priced, and
//! returns to the result page, where the shop completes.

use http::Method;
use serde_json::{Value, json};

use super::redirecting::{button, payload};
use super::scene::{self, Browser, OWN, Scene, attribute, signed};

/// How the shop's server updates the session before it sends the buyer to pay.
fn priced() -> Value {
    json!({
        "webCheckoutDetails": {
            "checkoutResultReturnUrl": "https://shop.example/result?a=1", "checkoutCancelUrl": "https://shop.example/cart",
        },
        "paymentDetails": {
            "paymentIntent": "Authorize", "chargeAmount": {"amount": "14.00", "currencyCode": "USD"},
        },
        "merchantMetadata": {"merchantStoreName": "Cups & more"},
    })
}

async fn update(scene: &Scene, id: &str) -> Value {
    let path = format!("/v2/checkoutSessions/{id}");
    let (status, body) = scene.signed(Method::PATCH, &path, &priced()).await;
    assert_eq!(status, 200, "{body}");
    body["webCheckoutDetails"]["amazonPayRedirectUrl"].clone()
}

async fn complete(scene: &Scene, id: &str) -> (u16, Value) {
    let body = json!({"chargeAmount": {"amount": "14.00", "currencyCode": "USD"}});
    scene.signed(Method::POST, &format!("/v2/checkoutSessions/{id}/complete"), &body).await
}

fn result(id: &str) -> Option<String> {
    Some(format!("https://shop.example/result?a=1&amazonCheckoutSessionId={id}"))
}

/// A buyer who has chosen, and whom the shop sends to pay; with the session's id.
async fn sent_to_pay(scene: &Scene) -> (Browser<'_>, String) {
    let mut chooser = scene.visit(&button(&signed(&payload()))).await;
    chooser.send("sign-in", &[("buyer", "0")]).await;
    chooser.send("consent", &[]).await;
    chooser.place("card").await;
    let id = scene.session_id().await;
    let url = update(scene, &id).await;
    let path = url.as_str().unwrap().strip_prefix(OWN).unwrap_or_else(|| panic!("{url}")).to_owned();
    assert_eq!(path, format!("/checkout/processing?amazonCheckoutSessionId={id}"));
    (scene.sent_to(&path).await, id)
}

#[tokio::test]
async fn a_buyer_who_has_chosen_pays_and_returns_to_the_result_page_where_the_shop_completes() {
    let scene = Scene::new().await;
    let (mut buyer, id) = sent_to_pay(&scene).await;
    assert_eq!((buyer.title().as_str(), buyer.question()), ("Payment", None));
    assert!(buyer.shows("Cups & more") && buyer.shows("Place order – 14.00 USD"));
    for personal in ["Seattle", "98101", "Sample Street", "example.com"] {
        assert!(!buyer.shows(personal), "anyone who knows the id can see this page: {personal}");
    }
    assert_eq!(complete(&scene, &id).await.1["reasonCode"], "InvalidCheckoutSessionStatus", "not yet");
    buyer.place("card").await;
    assert_eq!(buyer.title(), "Completing your order");
    assert_eq!(attribute(&buyer.html, "data-follow"), result(&id));
    assert_eq!(complete(&scene, &id).await.0, 200);
    assert_eq!(scene.session_state().await, "Completed");
}

#[tokio::test]
async fn the_bank_may_decline_or_ask_here_too() {
    let scene = Scene::new().await;
    let (mut buyer, id) = sent_to_pay(&scene).await;
    buyer.place("decline").await;
    assert_eq!(buyer.title(), "Your bank declined the payment");
    buyer.send("another-card", &[("card", "4444")]).await;
    buyer.place("mfa").await;
    assert_eq!(buyer.title(), "Your bank asks you to confirm");
    assert!(buyer.shows("14.00 USD"));
    buyer.send("pass", &[]).await;
    assert_eq!(attribute(&buyer.html, "data-follow"), result(&id));
    assert_eq!(complete(&scene, &id).await.0, 200);
}

#[tokio::test]
async fn a_canceled_or_declined_session_leads_back_and_is_not_completed() {
    let cancel = |id: &str| Some(format!("https://shop.example/cart?amazonCheckoutSessionId={id}"));
    for (bank, act, state, back) in [
        (None, "cancel", "Canceled/BuyerCanceled", &cancel as &dyn Fn(&str) -> Option<String>),
        (Some("mfa"), "fail", "Canceled/Declined", &result),
        (Some("decline"), "give-up", "Canceled/Declined", &result),
    ] {
        let scene = Scene::new().await;
        let (mut buyer, id) = sent_to_pay(&scene).await;
        if let Some(bank) = bank {
            buyer.place(bank).await;
        }
        buyer.send(act, &[]).await;
        assert_eq!(scene.session_state().await, state);
        assert_eq!(attribute(&buyer.html, "data-follow"), back(&id), "{act}");
        assert!(buyer.shows("Back to the shop"), "without a script there is a link");
        let (status, body) = complete(&scene, &id).await;
        assert_eq!((status, body["reasonCode"].as_str().unwrap()), (422, "CheckoutSessionCanceled"), "{act}");
        let again = format!("/checkout/processing?amazonCheckoutSessionId={id}");
        let answer = scene.send(Method::GET, &again, &[], "").await;
        assert_eq!(answer.headers()["location"].to_str().unwrap(), back(&id).unwrap());
    }
}

#[tokio::test]
async fn a_card_that_is_declined_is_declined_when_the_shop_completes() {
    let scene = Scene::new().await;
    let (mut buyer, id) = sent_to_pay(&scene).await;
    scene.act(&id, &json!({"action": "selectCard", "card": "3434"})).await;
    buyer.place("card").await;
    assert_eq!(attribute(&buyer.html, "data-follow"), result(&id));
    assert_eq!(complete(&scene, &id).await.1["reasonCode"], "HardDeclined");
    assert_eq!(scene.session_state().await, "Canceled/Declined");
    buyer.reload().await;
    assert_eq!(buyer.title(), "The payment was declined");
    assert_eq!(attribute(&buyer.html, "data-follow"), result(&id));
}

#[tokio::test]
async fn a_session_that_the_shops_server_has_created_is_signed_in_to_and_paid() {
    let scene = Scene::new().await;
    let (status, created) = scene.signed(Method::POST, "/v2/checkoutSessions", &payload()).await;
    assert_eq!(status, 201, "{created}");
    let id = created["checkoutSessionId"].as_str().unwrap().to_owned();
    let path = format!("/checkout/processing?amazonCheckoutSessionId={id}");
    let refused = scene.send(Method::GET, &path, &[], "").await;
    assert_eq!(refused.status(), 422);
    assert!(scene::text(&refused).contains("chargeAmount is not set."));
    assert_eq!(update(&scene, &id).await, Value::Null, "nobody has signed in");
    let mut buyer = scene.sent_to(&path).await;
    buyer.send("sign-in", &[("buyer", "0")]).await;
    buyer.send("consent", &[]).await;
    assert_eq!(buyer.title(), "Payment");
    buyer.place("card").await;
    assert_eq!(attribute(&buyer.html, "data-follow"), result(&id));
    assert_eq!(complete(&scene, &id).await.0, 200);
}

#[tokio::test]
async fn what_was_chosen_is_paid_for_and_nothing_else() {
    let scene = Scene::new().await;
    let (mut buyer, id) = sent_to_pay(&scene).await;
    let (before, session) = (buyer.html.clone(), scene.session().await);
    let address = [("name", "N"), ("addressLine1", "1 New Street"), ("countryCode", "US")];
    let acts: [(&str, &[(&str, &str)]); 6] = [
        ("address", &[("address", "0")]),
        ("add-address", &address),
        ("card", &[("card", "3434")]),
        ("coupon", &[("code", "SPRING")]),
        ("retry", &[]),
        ("answer", &[("id", "1"), ("answer", "{}")]),
    ];
    for (act, fields) in acts {
        buyer.send(act, fields).await;
        assert_eq!(buyer.html, before, "{act}");
    }
    assert_eq!(scene.session().await, session);
    buyer.place("card").await;
    // Follows the link again, before the shop has completed and after that.
    for _ in 0..2 {
        let again = format!("/checkout/processing?amazonCheckoutSessionId={id}");
        let answer = scene.send(Method::GET, &again, &[], "").await;
        assert_eq!(answer.headers()["location"].to_str().ok().map(str::to_owned), result(&id));
        complete(&scene, &id).await;
    }
}

#[tokio::test]
async fn a_session_that_does_not_wait_to_be_paid_has_no_such_page() {
    let scene = Scene::new().await;
    scene.visit(&scene::button(&json!({}))).await;
    let buy_now = format!("?amazonCheckoutSessionId={}", scene.session_id().await);
    for (query, status) in [
        ("", 400),
        ("?amazonCheckoutSessionId", 404),
        ("?amazonCheckoutSessionId=1", 404),
        ("?amazonCheckoutSessionId=00000000-0000-4000-8000-000000000000", 404),
        ("?amazonCheckoutSessionId=%FF", 400),
        (buy_now.as_str(), 404),
    ] {
        let answer = scene.send(Method::GET, &format!("/checkout/processing{query}"), &[], "").await;
        assert_eq!(answer.status(), status, "{query}");
    }
    assert_eq!(scene.events().await, ["CheckoutSessionCreated"]);
}
