//! No answer of the shop's page is trusted: each is read, checked, and accepted at most once.

use serde_json::{Value, json};

use super::scene::{Browser, Scene, button, cart, digital, merged};

/// Goes as far as the first question.
async fn asked<'a>(scene: &'a Scene, config: &Value) -> Browser<'a> {
    let mut buyer = scene.visit(config).await;
    buyer.send("sign-in", &[("buyer", "0")]).await;
    buyer.send("consent", &[]).await;
    buyer
}

fn usd(amount: &str) -> Value {
    json!({"amount": amount, "currencyCode": "USD"})
}

// Promise: A27
#[tokio::test]
async fn a_cart_that_breaks_a_rule_is_refused_by_member_and_charges_nothing() {
    let option =
        |changes: Value| json!({"deliveryOptions": [merged(&cart(500)["deliveryOptions"][0], &changes)]});
    let line = |changes: Value| json!({"lineItems": [merged(&cart(500)["lineItems"][0], &changes)]});
    let cases = [
        (json!({"totalChargeAmount": usd("26.61")}), "[totalChargeAmount]"),
        (json!({"totalChargeAmount": usd("2.66")}), "[totalChargeAmount]"),
        (json!({"totalChargeAmount": null}), "[totalChargeAmount] is absent"),
        (json!({"totalBaseAmount": null}), "[totalBaseAmount] is absent"),
        (json!({"totalTaxAmount": null}), "[totalTaxAmount] is absent"),
        (json!({"totalShippingAmount": null}), "[totalShippingAmount] is absent"),
        (json!({"totalTaxAmount": {"currencyCode": "EUR"}}), "[totalTaxAmount]"),
        (json!({"totalTaxAmount": {"amount": "1.600"}}), "[totalTaxAmount.amount]"),
        (json!({"totalTaxAmount": {"amount": "-1.60"}}), "[totalTaxAmount.amount]"),
        (json!({"totalDiscountAmount": usd("1.00")}), "[totalChargeAmount]"),
        (json!({"totalOrderAmount": usd("26.59")}), "[totalOrderAmount]"),
        (json!({"deliveryOptions": null}), "[deliveryOptions]"),
        (json!({"deliveryOptions": []}), "[deliveryOptions]"),
        (option(json!({"isDefault": false})), "[deliveryOptions.isDefault]"),
        (option(json!({"id": null})), "[deliveryOptions.id] is absent"),
        (option(json!({"price": {"currencyCode": "EUR"}})), "[deliveryOptions.price]"),
        (line(json!({"quantity": "0"})), "[lineItems.quantity]"),
        (line(json!({"totalListPrice": usd("19.99")})), "[lineItems.totalListPrice]"),
        (json!({"totalAmount": usd("1.00")}), "[totalAmount]"),
    ];
    for (changes, named) in cases {
        let scene = Scene::new().await;
        let mut buyer = asked(&scene, &button(&json!({}))).await;
        buyer.answer(&merged(&cart(500), &changes)).await;
        assert!(buyer.shows("answer cannot be used") && buyer.shows(named), "{changes}: {}", buyer.html);
        assert_eq!(scene.session().await["paymentDetails"]["chargeAmount"], Value::Null, "{changes}");
        assert_eq!(scene.events().await.last().unwrap(), "HandlerFailed InvalidAnswer");
        assert!(!buyer.html.contains("/place-order"), "{changes}");

        buyer.send("retry", &[]).await;
        buyer.answer(&cart(500)).await;
        assert_eq!(scene.session().await["paymentDetails"]["chargeAmount"]["amount"], "26.60");
    }
}

#[tokio::test]
async fn what_ships_nothing_has_no_delivery_options() {
    let scene = Scene::new().await;
    let mut buyer = asked(&scene, &button(&json!({"productType": "PayOnly"}))).await;
    buyer.answer(&cart(500)).await;
    assert!(buyer.shows("[deliveryOptions]"));
    buyer.send("retry", &[]).await;
    buyer.answer(&digital()).await;
    assert!(!buyer.shows("Delivery address"));
}

#[tokio::test]
async fn an_answer_that_is_not_a_json_object_is_refused() {
    for nonsense in ["", "null", "[]", "7", "\"ok\"", "{", "{\"a\":", "<script>"] {
        let scene = Scene::new().await;
        let mut buyer = asked(&scene, &button(&json!({}))).await;
        buyer.answer_text(nonsense).await;
        assert!(buyer.shows("answer cannot be used"), "{nonsense}: {}", buyer.html);
    }
}

#[tokio::test]
async fn a_code_of_the_shop_is_explained_to_the_buyer_and_leaves_the_earlier_cart() {
    for (code, words) in [
        ("shippingAddressInvalid", "cannot deliver to this address"),
        ("deliveryOptionUnavailable", "no longer available"),
        ("cartChanged", "cart has changed"),
        ("couponInvalid", "coupon cannot be used"),
        ("unknownError", "reports an error"),
    ] {
        let scene = Scene::new().await;
        let mut buyer = scene.visit(&button(&json!({}))).await;
        buyer.begin(&cart(500)).await;
        buyer.send("address", &[("address", "1")]).await;
        buyer.answer(&json!({"status": "error", "reasonCode": code})).await;
        assert!(buyer.shows(words) && buyer.shows(code), "{}", buyer.html);
        assert_eq!(scene.events().await.last().unwrap(), "HandlerFailed ErrorReported");
        buyer.place("card").await;
        let told = buyer.question().unwrap()["detail"].clone();
        assert_eq!(told["shippingAddress"]["city"], "Seattle");
        assert_eq!(scene.finalize(&told, &cart(500), &button(&json!({}))).await.0, 200);
    }
}

#[tokio::test]
async fn a_handler_that_throws_or_hangs_is_asked_again_before_anything_is_placed() {
    for (failure, event) in [("NoAnswer", "HandlerFailed NoAnswer"), ("TimedOut", "HandlerFailed TimedOut")] {
        let scene = Scene::new().await;
        let mut buyer = scene.visit(&button(&json!({}))).await;
        buyer.begin(&cart(500)).await;
        buyer.send("delivery-option", &[("option", "express")]).await;
        let id = buyer.question().unwrap()["id"].as_str().unwrap().to_owned();
        let failed = [("id", id.as_str()), ("failure", failure), ("message", "it <broke>")];
        buyer.send("answer", &failed).await;
        assert!(buyer.shows("The shop does not answer."));
        assert_eq!(buyer.shows("it <broke>"), failure == "NoAnswer");
        assert_eq!(scene.events().await.last().unwrap(), event);
        // The shop may have computed a different total meanwhile.
        buyer.place("card").await;
        assert_eq!(buyer.title(), "Review your order");
        buyer.send("answer", &[("id", &id), ("answer", &cart(1_500).to_string())]).await;
        assert_eq!(scene.session().await["paymentDetails"]["chargeAmount"]["amount"], "26.60", "too late");

        buyer.send("retry", &[]).await;
        assert_ne!(buyer.question().unwrap()["id"], id.as_str());
        buyer.answer(&cart(1_500)).await;
        assert_eq!(scene.session().await["paymentDetails"]["chargeAmount"]["amount"], "36.60");
    }
}

// Promise: A27
#[tokio::test]
async fn a_copy_of_an_answer_and_one_to_another_question_change_nothing() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    buyer.begin(&cart(500)).await;
    let (first, events) = (buyer.html.clone(), scene.events().await);
    for id in ["1", "0", "2", "-1", "", "x", "4294967296"] {
        buyer.send("answer", &[("id", id), ("answer", &cart(0).to_string())]).await;
        assert_eq!(buyer.html, first, "{id}");
    }
    assert_eq!(scene.events().await, events);
}

#[tokio::test]
async fn acts_that_do_not_fit_the_step_change_nothing_and_show_the_current_state() {
    let acts: [(&str, &[(&str, &str)]); 14] = [
        ("sign-in", &[("buyer", "1")]),
        ("consent", &[]),
        ("address", &[("address", "1")]),
        ("delivery-option", &[("option", "express")]),
        ("coupon", &[("code", "SPRING")]),
        ("remove-coupon", &[("code", "SPRING")]),
        ("card", &[("card", "4444")]),
        ("place-order", &[("cart", "1"), ("bank", "card")]),
        ("pass", &[]),
        ("fail", &[]),
        ("another-card", &[("card", "4444")]),
        ("give-up", &[]),
        ("retry", &[]),
        ("answer", &[("id", "1"), ("answer", "{}")]),
    ];
    let all = |but: &[&str]| acts.iter().filter(|(act, _)| !but.contains(act)).copied().collect::<Vec<_>>();
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    let review = ["address", "delivery-option", "coupon", "card", "place-order"];
    let fitting: [(&str, &[&str]); 6] = [
        ("sign-in", &["sign-in"]),
        ("consent", &["consent"]),
        ("", &["retry", "answer"]),
        ("place-order", &review),
        ("", &["retry", "answer"]),
        ("end", &[]),
    ];
    for (goes_on, fits) in fitting {
        let (before, events) = (buyer.html.clone(), scene.events().await);
        for (act, fields) in all(fits) {
            buyer.send(act, fields).await;
            assert_eq!(buyer.html, before, "{act} changed the page");
        }
        assert_eq!(scene.events().await, events, "{goes_on}");
        match goes_on {
            "sign-in" => buyer.send("sign-in", &[("buyer", "0")]).await,
            "consent" => buyer.send("consent", &[]).await,
            "place-order" => buyer.place("card").await,
            "" if buyer.title() == "Completing your order" => {
                buyer.answer(&json!({"status": "success"})).await
            }
            "" => buyer.answer(&cart(500)).await,
            _ => {}
        }
    }
    buyer.send("cancel", &[]).await;
    assert_eq!(buyer.title(), "Completing your order", "a visit that is over cannot be canceled");
}

#[tokio::test]
async fn fields_that_no_form_of_the_page_has_change_nothing() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    buyer.begin(&cart(500)).await;
    let (before, events) = (buyer.html.clone(), scene.events().await);
    let long = "x".repeat(65);
    let acts: [(&str, &[(&str, &str)]); 12] = [
        ("address", &[("address", "99")]),
        ("address", &[("address", "-1")]),
        ("address", &[]),
        ("delivery-option", &[("option", "teleport")]),
        ("coupon", &[("code", "  ")]),
        ("coupon", &[("code", &long)]),
        ("card", &[("card", "9999")]),
        ("place-order", &[]),
        ("place-order", &[("cart", "0"), ("bank", "card")]),
        ("place-order", &[("cart", "2"), ("bank", "card")]),
        ("place-order", &[("cart", "1"), ("bank", "free")]),
        ("answer", &[("id", "1"), ("failure", "Whatever")]),
    ];
    for (act, fields) in acts {
        buyer.send(act, fields).await;
        assert_eq!(buyer.html, before, "{act} {fields:?}");
    }
    assert_eq!(scene.events().await, events);
}

#[tokio::test]
async fn an_order_is_placed_for_the_total_that_was_shown_and_for_no_other() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    buyer.begin(&cart(500)).await;
    let shown = buyer.cart_number();
    buyer.send("delivery-option", &[("option", "express")]).await;
    buyer.answer(&cart(1_500)).await;
    // A second tab still shows the first total.
    buyer.send("place-order", &[("cart", &shown), ("bank", "card")]).await;
    assert_eq!(buyer.title(), "Review your order");
    assert!(!scene.events().await.contains(&"OrderPlaced".to_owned()));
    buyer.place("card").await;
    assert_eq!(buyer.title(), "Completing your order");
}

#[tokio::test]
async fn after_the_order_is_placed_no_cart_is_accepted() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    buyer.begin(&cart(500)).await;
    buyer.place("card").await;
    buyer.answer(&cart(0)).await;
    assert!(buyer.shows("answer cannot be used"));
    assert_eq!(scene.session().await["paymentDetails"]["chargeAmount"]["amount"], "26.60");
    assert_eq!(buyer.title(), "Completing your order");
}

#[tokio::test]
async fn the_shop_ends_the_checkout_with_an_error_or_a_redirect() {
    let error = json!({"status": "error", "reasonCode": "cartChanged"});
    let elsewhere = json!({"status": "redirectRequired", "redirectUrl": "https://pay.example/3ds?a=1&b=2"});
    for (answer, title, shown, event) in [
        (error, "The shop could not complete the order", "cartChanged", "HandlerFailed ErrorReported"),
        (elsewhere, "One more step", r#"href="https://pay.example/3ds?a=1&b=2""#, "CheckoutConfirmed"),
    ] {
        let scene = Scene::new().await;
        let mut buyer = scene.visit(&button(&json!({}))).await;
        buyer.begin(&cart(500)).await;
        buyer.place("card").await;
        buyer.answer(&answer).await;
        assert_eq!(buyer.title(), title);
        assert!(buyer.shows(shown), "{}", buyer.html);
        assert_eq!(scene.events().await.last().unwrap(), event);
        assert!(!buyer.html.contains("/cancel"));
    }
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    buyer.begin(&cart(500)).await;
    buyer.place("card").await;
    buyer.answer(&json!({"status": "redirectRequired", "redirectUrl": "javascript:alert(1)"})).await;
    assert!(buyer.shows("[redirectUrl]") && !buyer.html.contains("href=\"javascript"));
}

#[tokio::test]
async fn a_payment_that_is_made_is_shown_as_made_though_the_shops_answer_was_lost() {
    let scene = Scene::new().await;
    let config = button(&json!({}));
    let mut buyer = scene.visit(&config).await;
    buyer.begin(&cart(500)).await;
    buyer.place("card").await;
    let question = buyer.question().unwrap();
    assert_eq!(scene.finalize(&question["detail"], &cart(500), &config).await.0, 200);
    let id = question["id"].as_str().unwrap();
    buyer.send("answer", &[("id", id), ("failure", "TimedOut")]).await;
    assert_eq!(buyer.title(), "Your order is complete");
    assert!(buyer.shows("The shop does not answer.") && !buyer.html.contains("/cancel\""));
    buyer.send("retry", &[]).await;
    buyer.answer(&json!({"status": "success"})).await;
    assert_eq!(scene.events().await.last().unwrap(), "CheckoutConfirmed");
}

#[tokio::test]
async fn the_last_page_shows_the_true_state_of_the_payment_whatever_the_shop_says() {
    let error = |code: &str| json!({"status": "error", "reasonCode": code});
    for (answer, before, after) in [
        (json!({"status": "success"}), "Completing your order", "Your order is complete"),
        (error("unknownError"), "The shop could not complete the order", "Your order is complete"),
        (error("timeout"), "It is not known yet whether your order was paid", "Your order is complete"),
    ] {
        let scene = Scene::new().await;
        let config = button(&json!({}));
        let mut buyer = scene.visit(&config).await;
        buyer.begin(&cart(500)).await;
        buyer.place("card").await;
        let told = buyer.question().unwrap()["detail"].clone();
        buyer.answer(&answer).await;
        assert_eq!(buyer.title(), before, "{answer}");
        assert_eq!(scene.finalize(&told, &cart(500), &config).await.0, 200);
        buyer.reload().await;
        assert_eq!(buyer.title(), after, "{answer}");
        assert!(!buyer.shows("could not complete"), "{}", buyer.html);
    }
}

#[tokio::test]
async fn while_the_shop_does_not_know_the_outcome_the_page_says_so_in_every_language() {
    for (language, title, words) in [
        ("en_US", "It is not known yet whether your order was paid", "The shop will tell you."),
        ("de_DE", "Ob Ihre Bestellung bezahlt wurde, steht noch nicht fest", "Der Shop teilt es Ihnen mit."),
        ("fr_FR", "On ne sait pas encore si votre commande a été payée", "La boutique vous le dira."),
        ("it_IT", "Non si sa ancora se l’ordine è stato pagato", "Il negozio te lo comunicherà."),
        ("es_ES", "Aún no se sabe si tu pedido se ha pagado", "La tienda te lo comunicará."),
        ("ja_JP", "お支払いが完了したかどうかは、まだ確認できていません", "ショップからお知らせします。"),
    ] {
        let scene = Scene::new().await;
        let mut buyer = asked(&scene, &button(&json!({"checkoutLanguage": language}))).await;
        buyer.answer(&cart(500)).await;
        buyer.place("card").await;
        buyer.answer(&json!({"status": "error", "reasonCode": "timeout"})).await;
        assert_eq!(buyer.title(), title);
        assert!(buyer.shows(words) && buyer.shows("timeout"), "{}", buyer.html);
        assert!(!buyer.html.contains("/cancel\"") && !buyer.html.contains("/retry\""), "{}", buyer.html);
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_known_once_the_session_is_canceled() {
    let scene = Scene::new().await;
    let mut buyer = scene.visit(&button(&json!({}))).await;
    buyer.begin(&cart(500)).await;
    buyer.place("card").await;
    buyer.answer(&json!({"status": "error", "reasonCode": "timeout"})).await;
    scene.act(&scene.session_id().await, &json!({"action": "cancel"})).await;
    buyer.reload().await;
    assert_eq!(buyer.title(), "Checkout canceled");
    assert!(buyer.shows("Nothing was charged."));
}
