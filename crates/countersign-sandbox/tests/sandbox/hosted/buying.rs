//! The whole way from the button to a finalized session, and the questions to the shop's page.

use serde_json::{Value, json};

use super::scene::{Scene, attribute, button, cart, digital, merged};

// Promise: A27
#[tokio::test]
async fn every_product_type_with_every_intent_is_bought_on_the_page_and_finalized() {
    for (product_type, quoted) in [("PayAndShip", cart(500)), ("PayOnly", digital())] {
        for (intent, state) in
            [("Confirm", None), ("Authorize", Some("Authorized")), ("AuthorizeWithCapture", Some("Captured"))]
        {
            let scene = Scene::new().await;
            let config = button(&json!({
                "productType": product_type,
                "checkoutSessionConfig": {
                    "paymentDetails": {"paymentIntent": intent}, "supplementaryData": "{\"seat\":1}",
                },
            }));
            let mut buyer = scene.visit(&config).await;
            buyer.begin(&quoted).await;
            buyer.place("card").await;
            let told = buyer.question().unwrap()["detail"].clone();
            assert_eq!(told["paymentDescriptor"], "Visa ****1111 (Amazon Pay)");
            let (status, finalized) = scene.finalize(&told, &quoted, &config).await;
            assert_eq!(status, 200, "{product_type} {intent}: {finalized}");
            if let Some(state) = state {
                let charge = finalized["chargeId"].as_str().unwrap();
                let path = format!("/v2/charges/{charge}");
                let (_, charge) = scene.signed(http::Method::GET, &path, &Value::Null).await;
                assert_eq!(charge["statusDetails"]["state"], state, "{product_type}");
                assert_eq!(charge["chargeAmount"], quoted["totalChargeAmount"]);
            }
            buyer.answer(&json!({"status": "success"})).await;
            assert_eq!(buyer.title(), "Your order is complete");
            assert!(buyer.html.contains(" data-closes"));
            assert_eq!(buyer.asked_names(), ["onInitCheckout", "onCompleteCheckout"]);
            assert_eq!(scene.session_state().await, "Completed");
        }
    }
}

// Promise: A27
#[tokio::test]
async fn the_events_are_in_the_order_in_which_the_buyer_and_the_shop_acted() {
    let scene = Scene::new().await;
    let config = button(&json!({}));
    let mut buyer = scene.visit(&config).await;
    buyer.begin(&cart(500)).await;
    buyer.send("address", &[("address", "1")]).await;
    buyer.answer(&cart(700)).await;
    buyer.send("delivery-option", &[("option", "express")]).await;
    let express = merged(&cart(1_500), &json!({"deliveryOptions": null}));
    buyer.answer(&express).await;
    buyer.send("card", &[("card", "4444")]).await;
    buyer.place("card").await;
    let told = buyer.question().unwrap()["detail"].clone();
    assert_eq!(scene.finalize(&told, &express, &config).await.0, 200);
    buyer.answer(&json!({"status": "success"})).await;
    assert_eq!(
        scene.events().await,
        [
            "CheckoutSessionCreated",
            "SignedIn",
            "ConsentGiven",
            "CheckoutSessionUpdated",
            "CartShown",
            "AddressSelected",
            "CheckoutSessionUpdated",
            "CartShown",
            "DeliveryOptionSelected",
            "CheckoutSessionUpdated",
            "CartShown",
            "CardSelected",
            "OrderPlaced",
            "CheckoutSessionCompleted",
            "ChargePermissionCreated",
            "ChargeAuthorized",
            "ChargePermissionNonChargeable ChargeInProgress",
            "CheckoutConfirmed",
        ]
    );
}

// Promise: A27
#[tokio::test]
async fn the_shop_is_asked_with_the_events_of_amazons_handlers() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({"checkoutLanguage": "en_US"}))).await;
    buyer.begin(&cart(500)).await;
    buyer.send("address", &[("address", "2")]).await;
    buyer.answer(&cart(900)).await;
    buyer.send("delivery-option", &[("option", "express")]).await;
    buyer.answer(&cart(1_500)).await;
    buyer.send("coupon", &[("code", " SPRING ")]).await;
    let with_coupon =
        merged(&cart(1_500), &json!({"couponCodes": [{"code": "SPRING", "status": "applied"}]}));
    buyer.answer(&with_coupon).await;
    assert!(buyer.shows("SPRING") && buyer.shows("applied"));
    buyer.send("remove-coupon", &[("code", "SPRING")]).await;
    buyer.answer(&cart(1_500)).await;
    buyer.place("card").await;
    buyer.answer(&json!({"status": "success"})).await;

    let asked: Vec<&str> = buyer.asked_names();
    let option = "onDeliveryOptionSelection";
    let order =
        ["onInitCheckout", "onShippingAddressSelection", option, option, option, "onCompleteCheckout"];
    assert_eq!(asked, order);
    let detail = |place: usize| &buyer.asked[place].1;
    let home = &detail(0)["shippingAddress"];
    assert_eq!(home["addressLine1"], "12 Sample Street");
    assert_eq!(home["addressLine3"], Value::Null, "absent members are null");
    assert_eq!(detail(0)["billingAddress"], *home);
    assert_eq!(
        detail(0)["buyer"],
        json!({"buyerId": "amzn1.account.TESTBUYERNA", "name": "Robin Tester",
            "email": "buyer.na@example.com", "phoneNumber": "2065550100"})
    );
    assert_eq!(detail(0)["scopes"].as_array().unwrap().len(), 5);
    assert_eq!(detail(0)["checkoutLanguage"], "en_US");
    assert_eq!(detail(1)["shippingAddress"]["city"], "Berlin");
    assert_eq!(detail(1)["couponCodes"], json!([]));
    let express = json!({"id": "express", "displayName": "Express", "amount": {"amount": "15.00", "currencyCode": "USD"}});
    assert_eq!(*detail(2), json!({"deliveryOptions": express, "couponCodes": []}));
    assert_eq!(*detail(3), json!({"deliveryOptions": express, "couponCodes": ["SPRING"]}));
    assert_eq!(detail(4)["couponCodes"], json!([]));
    assert_eq!(detail(5)["shippingAddress"]["city"], "Berlin");
    assert_eq!(detail(5)["amazonCheckoutSessionId"], scene.session_id().await.as_str());
}

#[tokio::test]
async fn what_is_selected_when_the_order_is_placed_is_chosen_first() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    buyer.begin(&cart(500)).await;
    let placing = |cart: &str, option: &str, address: &str| {
        let fields =
            [("cart", cart), ("bank", "card"), ("card", "4444"), ("option", option), ("address", address)];
        fields.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    for (option, address, asked, quoted) in [
        ("standard", "1", "onShippingAddressSelection", cart(600)),
        ("express", "1", "onDeliveryOptionSelection", cart(1_500)),
    ] {
        let fields = placing(&buyer.cart_number(), option, address);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        buyer.send("place-order", &fields).await;
        assert_eq!(buyer.question().unwrap()["event"], asked, "the shop first says what that costs");
        buyer.answer(&quoted).await;
    }
    assert!(!scene.events().await.contains(&"OrderPlaced".to_owned()));
    let fields = placing(&buyer.cart_number(), "express", "1");
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    buyer.send("place-order", &fields).await;
    let told = buyer.question().unwrap()["detail"].clone();
    assert_eq!(told["paymentDescriptor"], "Mastercard ****4444 (Amazon Pay)");
    assert_eq!(told["shippingAddress"]["city"], "Portland");
    assert_eq!(scene.finalize(&told, &cart(1_500), &button(&json!({}))).await.0, 200);
}

#[tokio::test]
async fn if_nothing_is_shipped_a_coupon_is_asked_about_as_at_the_start() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({"productType": "PayOnly"}))).await;
    buyer.begin(&digital()).await;
    buyer.send("coupon", &[("code", "SPRING")]).await;
    let question = buyer.question().unwrap();
    assert_eq!(question["event"], "onInitCheckout");
    assert_eq!(question["detail"]["couponCodes"], json!(["SPRING"]));
    buyer.answer(&json!({"status": "error", "reasonCode": "couponInvalid"})).await;
    assert!(buyer.shows("This coupon cannot be used.") && !buyer.shows("Remove SPRING"));
    buyer.place("card").await;
    assert_eq!(buyer.title(), "Completing your order");
    assert_eq!(buyer.asked[0].1["couponCodes"], Value::Null);
}

#[tokio::test]
async fn what_the_buyer_does_not_agree_to_share_is_not_shared() {
    let scene = Scene::new().await;
    let config = button(&json!({"checkoutSessionConfig": {"scopes": ["postalCode"]}}));
    let mut buyer = scene.visit(&config).await;
    buyer.send("sign-in", &[("buyer", "0")]).await;
    assert!(buyer.shows("Postal code") && !buyer.shows("E-mail address"));
    buyer.send("consent", &[]).await;
    let detail = buyer.question().unwrap()["detail"].clone();
    for member in ["name", "email", "phoneNumber"] {
        assert_eq!(detail["buyer"][member], Value::Null, "{member}");
    }
    assert_eq!(detail["billingAddress"], Value::Null);
    let session = scene.session().await;
    assert!(session["buyer"]["buyerId"].is_string());
    for member in ["name", "email", "phoneNumber"] {
        assert_eq!(session["buyer"][member], Value::Null, "nor does the API show it: {member}");
    }
    assert_eq!(detail["shippingAddress"]["postalCode"], "98101", "a parcel's address is payment-critical");
    buyer.answer(&cart(500)).await;
    buyer.place("card").await;
    let told = buyer.question().unwrap()["detail"].clone();
    assert_eq!(scene.finalize(&told, &cart(500), &config).await.0, 200);
}

#[tokio::test]
async fn the_order_is_charged_as_last_quoted_for_the_address_that_was_chosen_then() {
    let scene = Scene::new().await;
    let config = button(&json!({}));
    let mut buyer = scene.visit(&config).await;
    buyer.begin(&cart(500)).await;
    let before = scene.session().await;
    assert_eq!(before["paymentDetails"]["chargeAmount"]["amount"], "26.60");
    buyer.send("address", &[("address", "1")]).await;
    assert_eq!(scene.session().await, before, "nothing is chosen before the shop has answered");
    let split = merged(&cart(700), &json!({"totalOrderAmount": {"amount": "99.00", "currencyCode": "USD"}}));
    buyer.answer(&split).await;
    assert!(buyer.shows("99.00 USD") && buyer.shows("28.60 USD"));
    buyer.send("address", &[("address", "0")]).await;
    buyer.answer(&cart(600)).await;
    let after = scene.session().await;
    assert_eq!(after["paymentDetails"]["chargeAmount"]["amount"], "27.60");
    assert_eq!(after["paymentDetails"]["totalOrderAmount"], Value::Null, "the last answer counts");
    buyer.place("card").await;
    let told = buyer.question().unwrap()["detail"].clone();
    assert_eq!(scene.finalize(&told, &cart(500), &config).await.0, 409, "an earlier quote");
    let elsewhere = merged(&told, &json!({"shippingAddress": {"city": "Portland"}}));
    assert_eq!(scene.finalize(&elsewhere, &cart(600), &config).await.0, 400, "another address");
    assert_eq!(scene.finalize(&told, &cart(600), &config).await.0, 200);
}

#[tokio::test]
async fn a_handler_that_the_shop_does_not_have_is_not_asked() {
    let scene = Scene::new().await;
    let config = button(&json!({"handlers": ["onInitCheckout", "onCompleteCheckout", "onCancel"]}));
    let mut buyer = scene.visit(&config).await;
    buyer.begin(&cart(500)).await;
    assert!(!buyer.shows("Coupon code"), "no handler could be asked about a code");
    buyer.send("address", &[("address", "1")]).await;
    buyer.send("delivery-option", &[("option", "express")]).await;
    assert_eq!(buyer.question(), None);
    buyer.place("card").await;
    let told = buyer.question().unwrap()["detail"].clone();
    assert_eq!(told["shippingAddress"]["city"], "Portland");
    assert_eq!(scene.finalize(&told, &cart(500), &config).await.0, 200);
}

// Promise: A30
#[tokio::test]
async fn every_test_buyer_of_every_region_is_finalized_with_the_address_that_the_shop_got() {
    for (currency, language) in [("USD", "en_US"), ("EUR", "de_DE"), ("JPY", "ja_JP")] {
        for place in ["0", "1", "2", "3"] {
            let scene = Scene::new().await;
            let amount = |text: &str| json!({"amount": text, "currencyCode": currency});
            let quoted = json!({
                "totalBaseAmount": amount("1000"), "totalShippingAmount": amount("0"),
                "totalTaxAmount": amount("0"), "totalChargeAmount": amount("1000"),
                "deliveryOptions": [{"id": "s", "price": amount("0"), "isDefault": true,
                    "shippingMethod": {"shippingMethodName": "S"}}],
            });
            let config = button(&json!({
                "ledgerCurrency": currency, "checkoutLanguage": language, "estimatedOrderAmount": null,
                "checkoutSessionConfig": {"paymentDetails": {"chargeAmount": amount("1000")}},
            }));
            let mut buyer = scene.visit(&config).await;
            buyer.send("sign-in", &[("buyer", place)]).await;
            buyer.send("consent", &[]).await;
            buyer.answer(&quoted).await;
            buyer.place("card").await;
            let told = buyer.question().unwrap()["detail"].clone();
            assert!(told["shippingAddress"]["addressLine1"].is_string(), "{told}");
            let (status, body) = scene.finalize(&told, &quoted, &config).await;
            assert_eq!(status, 200, "{currency} {place}: {body}");
        }
    }
}

#[tokio::test]
async fn a_page_that_is_loaded_again_asks_the_same_question() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    buyer.begin(&cart(500)).await;
    buyer.place("card").await;
    let question = buyer.question().unwrap();
    buyer.reload().await;
    assert_eq!(buyer.question().unwrap(), question);
    assert_eq!(attribute(&buyer.html, "data-limit").as_deref(), Some("60"));
    assert_eq!(attribute(&buyer.html, "data-reference").as_deref(), Some("order-1"));
}

#[tokio::test]
async fn gift_details_add_ons_and_points_are_shown_and_not_interpreted() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    let gifts =
        json!({"giftDetails": {"wrap": "<red>"}, "addOnFeatures": ["GIFT"], "merchantPoints": {"used": 3}});
    buyer.begin(&merged(&cart(500), &gifts)).await;
    assert!(buyer.shows(r#"{"wrap":"<red>"}"#) && buyer.shows(r#"["GIFT"]"#) && buyer.shows(r#"{"used":3}"#));
    assert!(buyer.shows("1 day – 3 days"), "the estimate");
}
