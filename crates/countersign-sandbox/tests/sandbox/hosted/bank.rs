//! Other ways for a checkout to continue or end: declined, checked by the bank, canceled, expired.

use serde_json::{Value, json};

use super::scene::{Browser, Scene, attribute, button, cart, digital};

async fn reviewing(scene: &Scene) -> Browser<'_> {
    let mut buyer = scene.visit(&button(&json!({}))).await;
    buyer.begin(&cart(500)).await;
    buyer
}

/// What the shop's page is notified of at the end.
fn told(buyer: &Browser<'_>) -> Value {
    serde_json::from_str(&attribute(&buyer.html, "data-tell").unwrap()).unwrap()
}

// Promise: A18
#[tokio::test]
async fn a_declined_buyer_pays_by_another_card() {
    let scene = Scene::new().await;
    let mut buyer = reviewing(&scene).await;
    buyer.place("decline").await;
    assert_eq!(buyer.title(), "Your bank declined the payment");
    assert_eq!(scene.session_state().await, "Open");
    buyer.send("another-card", &[("card", "4444")]).await;
    assert_eq!(buyer.title(), "Review your order");
    buyer.place("card").await;
    let told = buyer.question().unwrap()["detail"].clone();
    assert_eq!(told["paymentDescriptor"], "Mastercard ****4444 (Amazon Pay)");
    assert_eq!(scene.finalize(&told, &cart(500), &button(&json!({}))).await.0, 200);
    let events = scene.events().await;
    let of_bank = events
        .iter()
        .filter(|event| ["PaymentDeclined", "CardSelected", "OrderPlaced"].contains(&event.as_str()));
    assert_eq!(of_bank.collect::<Vec<_>>(), ["PaymentDeclined", "CardSelected", "OrderPlaced"]);
}

#[tokio::test]
async fn a_card_with_its_own_billing_address_brings_it_if_the_shop_may_see_it() {
    let config = button(&json!({"productType": "PayOnly"}));
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&config).await;
    buyer.begin(&digital()).await;
    for (card, city) in [("0000", "Portland"), ("4444", "Seattle"), ("0000", "Portland")] {
        buyer.place("decline").await;
        buyer.send("another-card", &[("card", card)]).await;
        assert_eq!(scene.session().await["billingAddress"]["city"], city, "{card}");
    }
    assert_eq!(
        buyer.asked[0].1["billingAddress"]["city"], "Seattle",
        "the address that the shop has quoted for"
    );
    buyer.place("card").await;
    let told = buyer.question().unwrap()["detail"].clone();
    assert_eq!(told["billingAddress"]["city"], "Portland");
    let mut stale = told.clone();
    stale["billingAddress"] = buyer.asked[0].1["billingAddress"].clone();
    assert_eq!(scene.finalize(&stale, &digital(), &config).await.0, 400);
    assert_eq!(scene.finalize(&told, &digital(), &config).await.0, 200);

    // The buyer with hardly any data has a single address, which is the billing address of every card.
    let scene = Scene::new().await;
    let mut bare = scene.visit(&config).await;
    bare.send("sign-in", &[("buyer", "3")]).await;
    bare.send("consent", &[]).await;
    bare.answer(&digital()).await;
    bare.send("card", &[("card", "0000")]).await;
    assert_eq!(scene.session().await["billingAddress"]["addressLine1"], "1 Bare Street");

    // Choosing a card does not share a billing address that the shop did not ask for.
    let scene = Scene::new().await;
    let mut shipped = scene.visit(&button(&json!({"checkoutSessionConfig": {"scopes": ["name"]}}))).await;
    shipped.begin(&cart(500)).await;
    shipped.send("card", &[("card", "0000")]).await;
    assert_eq!(scene.session().await["billingAddress"], Value::Null);
}

// Promise: A18
#[tokio::test]
async fn a_declined_buyer_who_gives_up_ends_the_session_as_declined() {
    let scene = Scene::new().await;
    let mut buyer = reviewing(&scene).await;
    buyer.place("decline").await;
    buyer.send("give-up", &[]).await;
    assert_eq!(buyer.title(), "The payment was declined");
    assert_eq!(scene.session_state().await, "Canceled/Declined");
    assert_eq!(told(&buyer)["event"], "onCancel");
    assert_eq!(told(&buyer)["detail"]["reasonCode"], "Declined");
    assert!(!buyer.html.contains(" data-closes"), "the page stays open, so that the buyer can read why");
}

#[tokio::test]
async fn a_card_that_is_declined_at_finalize_places_the_order_first() {
    let scene = Scene::new().await;
    let mut buyer = reviewing(&scene).await;
    buyer.send("card", &[("card", "3434")]).await;
    buyer.place("card").await;
    let told = buyer.question().unwrap()["detail"].clone();
    let (status, body) = scene.finalize(&told, &cart(500), &button(&json!({}))).await;
    assert_eq!((status, body["reasonCode"].as_str()), (422, Some("HardDeclined")));
    buyer.reload().await;
    assert_eq!(buyer.title(), "The payment was declined");
}

// Promise: A18
#[tokio::test]
async fn a_buyer_who_passes_the_banks_check_has_placed_the_order() {
    let scene = Scene::new().await;
    let mut buyer = reviewing(&scene).await;
    buyer.place("mfa").await;
    assert_eq!(buyer.title(), "Your bank asks you to confirm");
    assert!(buyer.shows("26.60 USD"));
    scene.advance("PT9M59S").await;
    buyer.send("pass", &[]).await;
    let told = buyer.question().unwrap()["detail"].clone();
    assert_eq!(scene.finalize(&told, &cart(500), &button(&json!({}))).await.0, 200);
    let events = scene.events().await;
    assert!(events.join(" ").contains("MfaStarted MfaPassed OrderPlaced"), "{events:?}");
}

// Promise: A18
#[tokio::test]
async fn a_buyer_who_fails_the_banks_check_or_leaves_it_for_ten_minutes_is_declined() {
    for leaves in [false, true] {
        let scene = Scene::new().await;
        let mut buyer = reviewing(&scene).await;
        buyer.place("mfa").await;
        if leaves {
            scene.advance("PT10M").await;
            buyer.send("pass", &[]).await;
        } else {
            buyer.send("fail", &[]).await;
        }
        assert_eq!(buyer.title(), "The payment was declined");
        assert_eq!(scene.session_state().await, "Canceled/Declined");
        let events = scene.events().await;
        assert_eq!(events.last().unwrap(), "CheckoutSessionCanceled Declined");
        assert!(!events.contains(&"OrderPlaced".to_owned()));
    }
}

// Promise: A18
#[tokio::test]
async fn a_buyer_cancels_at_every_step() {
    let steps = ["sign-in", "consent", "asked", "review", "asked again", "bank", "declined", "completing"];
    for step in steps {
        let scene = Scene::new().await;
        let mut buyer = scene.visit(&button(&json!({}))).await;
        let reach = steps.iter().position(|known| *known == step).unwrap();
        if reach >= 1 {
            buyer.send("sign-in", &[("buyer", "0")]).await;
        }
        if reach >= 2 {
            buyer.send("consent", &[]).await;
        }
        if reach >= 3 {
            buyer.answer(&cart(500)).await;
        }
        match step {
            "asked again" => buyer.send("address", &[("address", "1")]).await,
            "bank" => buyer.place("mfa").await,
            "declined" => buyer.place("decline").await,
            "completing" => buyer.place("card").await,
            _ => {}
        }
        assert!(buyer.html.contains("/cancel\""), "{step}");
        buyer.send("cancel", &[]).await;
        assert_eq!(buyer.title(), "Checkout canceled", "{step}");
        assert_eq!(told(&buyer)["detail"]["reasonCode"], "BuyerCanceled");
        assert!(buyer.html.contains(" data-closes"));
        assert_eq!(scene.session_state().await, "Canceled/BuyerCanceled", "{step}");
    }
}

// Promise: A18
#[tokio::test]
async fn a_checkout_expires_by_the_clock_whatever_its_step_and_is_gone_with_its_session() {
    for placed in [false, true] {
        let scene = Scene::new().await;
        let mut buyer = reviewing(&scene).await;
        if placed {
            buyer.place("card").await;
        }
        scene.advance("PT23H59M59S").await;
        buyer.reload().await;
        assert_ne!(buyer.title(), "This checkout has expired");
        scene.advance("PT1S").await;
        buyer.send("cancel", &[]).await;
        assert_eq!(buyer.title(), "This checkout has expired");
        assert_eq!(told(&buyer)["detail"]["reasonCode"], "Expired");
        scene.advance("P30D").await;
        let gone = scene.send(http::Method::GET, &buyer.path, &[], "").await;
        assert_eq!(gone.status(), 404);
    }
}

#[tokio::test]
async fn the_shop_hears_of_an_order_placed_by_the_control_api_when_the_buyer_asks_again() {
    let scene = Scene::new().await;
    let mut buyer = reviewing(&scene).await;
    scene.act(&scene.session_id().await, &json!({"action": "placeOrder"})).await;
    buyer.reload().await;
    assert_eq!(buyer.title(), "Completing your order");
    buyer.send("card", &[("card", "4444")]).await;
    buyer.send("retry", &[]).await;
    buyer.answer(&json!({"status": "success"})).await;
    assert_eq!(buyer.title(), "Completing your order");
}
