//! Gifts and the shop's own points: the two handlers that a shop may have besides the usual ones.

use serde_json::{Value, json};

use super::scene::{Browser, Scene, button, cart, digital, merged};

/// A button whose shop wraps gifts and has points.
fn with_both(changes: &Value) -> Value {
    let handlers = json!({"handlers": ["onInitCheckout", "onShippingAddressSelection", "onDeliveryOptionSelection",
        "onGiftWrapOptionSelection", "onMerchantManagedPaymentMethodSelection", "onCompleteCheckout", "onCancel"]});
    merged(&button(&handlers), changes)
}

async fn reviewing<'a>(scene: &'a Scene, config: &Value, quoted: &Value) -> Browser<'a> {
    let mut buyer = scene.visit(config).await;
    buyer.begin(quoted).await;
    buyer
}

fn event(buyer: &Browser<'_>) -> (String, Value) {
    let question = buyer.question().unwrap_or_else(|| panic!("nothing is asked: {}", buyer.html));
    (question["event"].as_str().unwrap().to_owned(), question["detail"].clone())
}

// Promise: A27
#[tokio::test]
async fn a_gift_is_wrapped_by_the_shops_handler_and_charged_as_it_answers() {
    for (product_type, quoted) in [("PayAndShip", cart(500)), ("PayOnly", digital())] {
        let scene = Scene::new().await;
        let config = with_both(&json!({"productType": product_type}));
        let mut buyer = reviewing(&scene, &config, &quoted).await;
        buyer.send("gift", &[("wrap", "yes"), ("message", " Alles Gute, <Zoë>! ")]).await;
        let asked = event(&buyer);
        assert_eq!(asked.0, "onGiftWrapOptionSelection");
        let gift = json!({"giftWrap": true, "giftMessage": "Alles Gute, <Zoë>!"});
        assert_eq!(asked.1, json!({"giftDetails": gift, "couponCodes": []}));
        let wrapped = merged(
            &quoted,
            &json!({
                "totalBaseAmount": {"amount": "23.00", "currencyCode": "USD"},
                "totalChargeAmount": {"amount": if product_type == "PayOnly" { "24.60" } else { "29.60" }},
                "giftDetails": {"paper": "red"}, "addOnFeatures": ["GIFT"],
            }),
        );
        buyer.answer(&wrapped).await;
        assert!(buyer.html.contains(r#"value="yes" checked"#) && buyer.shows("value=\"Alles Gute, <Zoë>!\""));
        assert!(buyer.shows(r#"{"paper":"red"}"#), "the gift details of the shop's answer are shown");
        let session = scene.session().await;
        assert_eq!(
            session["paymentDetails"]["chargeAmount"]["amount"],
            wrapped["totalChargeAmount"]["amount"]
        );
        buyer.place("card").await;
        let told = buyer.question().unwrap()["detail"].clone();
        assert_eq!(scene.finalize(&told, &wrapped, &config).await.0, 200);
    }
}

// Promise: A27
#[tokio::test]
async fn points_are_redeemed_as_the_shop_says_and_taken_back() {
    let scene = Scene::new().await;
    let config = with_both(&json!({}));
    let mut buyer = reviewing(&scene, &config, &cart(500)).await;
    buyer.send("coupon", &[("code", "SPRING")]).await;
    buyer.answer(&cart(500)).await;
    buyer.send("points", &[("points", "300")]).await;
    let asked = event(&buyer);
    assert_eq!(asked.0, "onMerchantManagedPaymentMethodSelection");
    assert_eq!(asked.1, json!({"merchantPoints": {"points": "300"}, "couponCodes": ["SPRING"]}));
    let redeemed = json!({
        "totalDiscountAmount": {"amount": "3.00", "currencyCode": "USD"},
        "totalChargeAmount": {"amount": "23.60"}, "merchantPoints": {"left": 12},
    });
    buyer.answer(&merged(&cart(500), &redeemed)).await;
    assert!(buyer.shows("23.60 USD") && buyer.shows(r#"name="points" value="300""#));
    assert!(buyer.shows(r#"{"left":12}"#));
    buyer.send("points", &[("points", "0")]).await;
    assert_eq!(event(&buyer).1["merchantPoints"]["points"], "0");
    buyer.answer(&cart(500)).await;
    assert!(buyer.shows("26.60 USD") && buyer.shows(r#"name="points" value="0""#));
}

#[tokio::test]
async fn what_the_shop_refuses_is_not_chosen_and_the_earlier_cart_stays() {
    for (act, fields, entered) in [
        ("gift", [("wrap", "yes"), ("message", "M")], r#"name="message" value="M""#),
        ("points", [("points", "300"), ("", "")], r#"name="points" value="300""#),
    ] {
        let scene = Scene::new().await;
        let mut buyer = reviewing(&scene, &with_both(&json!({})), &cart(500)).await;
        buyer.send(act, &fields).await;
        buyer.answer(&json!({"status": "error", "reasonCode": "unknownError"})).await;
        assert!(buyer.shows("The shop reports an error.") && !buyer.shows(entered), "{act}");
        assert!(!buyer.html.contains("/retry\""), "{act}");
        assert_eq!(scene.session().await["paymentDetails"]["chargeAmount"]["amount"], "26.60");
        buyer.send(act, &fields).await;
        buyer.answer(&json!({"giftDetails": 1})).await;
        assert!(buyer.shows("answer cannot be used") && buyer.shows("[totalBaseAmount] is absent"), "{act}");
        buyer.send("retry", &[]).await;
        buyer.answer(&cart(500)).await;
        assert!(buyer.shows(entered), "{act}");
        buyer.place("card").await;
        assert_eq!(buyer.title(), "Completing your order");
    }
}

#[tokio::test]
async fn a_delivery_that_was_chosen_stays_chosen() {
    let scene = Scene::new().await;
    let mut buyer = reviewing(&scene, &with_both(&json!({})), &cart(500)).await;
    buyer.send("delivery-option", &[("option", "express")]).await;
    buyer.answer(&cart(1_500)).await;
    for (act, field) in [("gift", ("message", "M")), ("points", ("points", "1"))] {
        buyer.send(act, &[field]).await;
        buyer.answer(&cart(1_500)).await;
        assert!(buyer.html.contains(r#"value="express" checked"#), "{act}: {}", buyer.html);
    }
}

#[tokio::test]
async fn what_is_entered_when_the_order_is_placed_is_asked_about_first() {
    let scene = Scene::new().await;
    let mut buyer = reviewing(&scene, &with_both(&json!({})), &cart(500)).await;
    for asked in
        ["onGiftWrapOptionSelection", "onMerchantManagedPaymentMethodSelection", "onCompleteCheckout"]
    {
        let cart_number = buyer.cart_number();
        let placing = [
            ("cart", cart_number.as_str()),
            ("bank", "card"),
            ("wrap", "yes"),
            ("message", ""),
            ("points", "5"),
        ];
        buyer.send("place-order", &placing).await;
        assert_eq!(event(&buyer).0, asked);
        if asked != "onCompleteCheckout" {
            buyer.answer(&cart(500)).await;
        }
    }
}

#[tokio::test]
async fn a_shop_without_the_handlers_is_not_asked_and_invalid_fields_change_nothing() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    buyer.begin(&cart(500)).await;
    assert!(!buyer.shows("Gift options") && !buyer.shows("Points of the shop"));
    for (act, field) in [("gift", ("message", "M")), ("points", ("points", "1"))] {
        buyer.send(act, &[field]).await;
        assert_eq!(buyer.question(), None, "{act}");
    }
    let mut buyer = reviewing(&scene, &with_both(&json!({})), &cart(500)).await;
    let (before, events) = (buyer.html.clone(), scene.events().await);
    let long = "x".repeat(241);
    for (act, field) in [
        ("gift", ("message", long.as_str())),
        ("gift", ("wrap", "yes")),
        ("points", ("points", "-1")),
        ("points", ("points", "1.5")),
        ("points", ("points", "")),
        ("points", ("points", "1000000000")),
        ("points", ("points", "99999999999999999999")),
    ] {
        buyer.send(act, &[field]).await;
        assert_eq!(buyer.html, before, "{act} {field:?}");
    }
    assert_eq!(scene.events().await, events);
}
