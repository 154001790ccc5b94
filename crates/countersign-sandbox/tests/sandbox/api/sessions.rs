//! Create, Get, Update and Complete Checkout Session.

use countersign_domain::ids::Region;
use http::Method;
use serde_json::{Value, json};

use super::keys::creation;
use crate::world::{Call, World, id, merged};

async fn create(world: &World, over: Value) -> crate::world::HttpAnswer {
    let body = merged(creation(), over);
    // One key per body: no body is sent twice here.
    let key = format!(
        "{:x}",
        body.to_string().bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    );
    world.call(&Call::post("/v2/checkoutSessions", body).idempotent(&key)).await
}

async fn update(world: &World, id: &str, body: Value) -> crate::world::HttpAnswer {
    world.call(&Call::patch(format!("/v2/checkoutSessions/{id}"), body)).await
}

async fn buyer(world: &World, id: &str, act: Value) -> crate::world::HttpAnswer {
    world.control(Method::POST, &format!("checkout-sessions/{id}/buyer"), act).await
}

fn constraints(session: &Value) -> Vec<&str> {
    let constraints = session["constraints"].as_array().unwrap();
    constraints.iter().map(|constraint| constraint["constraintId"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_redirecting_flow_goes_from_create_to_complete() {
    let world = World::new().await;
    let created = create(&world, json!({ "platformId": "APLATFORM" })).await;
    assert_eq!(created.status, 201);
    let session = id(&created.json).to_owned();
    assert_eq!(world.get_session(&session).await.json, created.json);
    assert_eq!(
        constraints(&created.json),
        ["BuyerNotAssociated", "ChargeAmountNotSet", "CheckoutResultReturnUrlNotSet", "PaymentIntentNotSet"]
    );
    assert_eq!(created.json["paymentPreferences"], json!([null]));

    let complete = Call::post(
        format!("/v2/checkoutSessions/{session}/complete"),
        json!({ "chargeAmount": { "amount": "14.00", "currencyCode": "USD" } }),
    );
    assert_eq!(world.call(&complete).await.refusal(), (422, "InvalidCheckoutSessionStatus"));
    let updated = update(
        &world,
        &session,
        json!({
            "webCheckoutDetails": { "checkoutResultReturnUrl": "http://localhost:8080/result" },
            "paymentDetails": {
                "paymentIntent": "Authorize",
                "chargeAmount": { "amount": 14, "currencyCode": "USD" },
            },
            "merchantMetadata": { "merchantReferenceId": "order-1" },
            "providerMetadata": { "providerReferenceId": "psp-1" },
        }),
    )
    .await;
    assert_eq!((updated.status, constraints(&updated.json)), (200, vec!["BuyerNotAssociated"]));
    let details = &updated.json["webCheckoutDetails"];
    assert_eq!(
        details["checkoutReviewReturnUrl"], "https://shop.example/review",
        "a member that the update does not have stays"
    );
    assert_eq!(details["amazonPayRedirectUrl"], json!(null));
    assert_eq!(updated.json["paymentDetails"]["chargeAmount"]["amount"], "14.00");

    let placed = buyer(&world, &session, json!({ "action": "placeOrder" })).await;
    assert_eq!(placed.status, 200, "{}", placed.text);
    assert_eq!(
        placed.json["webCheckoutDetails"]["amazonPayRedirectUrl"],
        format!("https://payments.amazon.com/checkout/processing?amazonCheckoutSessionId={session}")
    );
    let wrong = Call { body: complete.body.replace("14.00", "14.01"), ..complete.clone() };
    assert_eq!(world.call(&wrong).await.refusal(), (409, "AmountMismatch"));
    let completed = world.call(&complete).await;
    assert_eq!((completed.status, completed.state()), (200, "Completed"));
    let permission = completed.text("chargePermissionId");
    let permission = world.call(&Call::get(format!("/v2/chargePermissions/{permission}"))).await;
    assert_eq!(permission.text("platformId"), "APLATFORM", "the permission names the session's platform");
    assert_eq!(update(&world, &session, json!({})).await.refusal(), (422, "InvalidCheckoutSessionStatus"));
}

#[tokio::test]
async fn a_new_session_without_a_required_member_or_with_an_invalid_one_is_refused() {
    let world = World::new().await;
    let urls = |member: &str, url: &str| json!({ "webCheckoutDetails": { member: url } });
    let usd = |amount: &str| json!({ "amount": amount, "currencyCode": "USD" });
    for (over, refusal, names) in [
        (json!({ "storeId": null }), (400, "MissingParameterValue"), "[storeId]"),
        (
            json!({ "webCheckoutDetails": null }),
            (400, "MissingParameterValue"),
            "[webCheckoutDetails.checkoutReviewReturnUrl]",
        ),
        (
            urls("checkoutReviewReturnUrl", "http://shop.example/"),
            (400, "InvalidParameterValue"),
            "[webCheckoutDetails.checkoutReviewReturnUrl]",
        ),
        (
            urls("checkoutResultReturnUrl", "/result"),
            (400, "InvalidParameterValue"),
            "checkoutResultReturnUrl",
        ),
        (
            urls("checkoutCancelUrl", "javascript:alert(1)"),
            (400, "InvalidParameterValue"),
            "checkoutCancelUrl",
        ),
        (urls("checkoutCancelUrl", "https://"), (400, "InvalidParameterValue"), "checkoutCancelUrl"),
        (urls("checkoutMode", "Other"), (400, "InvalidParameterValue"), "checkoutMode"),
        (
            json!({ "webCheckoutDetails": { "checkoutMode": "ProcessOrder" } }),
            (400, "MissingParameterValue"),
            "[paymentDetails]",
        ),
        (
            json!({ "chargePermissionType": "Recurring" }),
            (400, "InvalidParameterValue"),
            "[chargePermissionType]",
        ),
        (
            json!({ "chargePermissionType": "PaymentMethodOnFile" }),
            (400, "InvalidParameterValue"),
            "[chargePermissionType]",
        ),
        (json!({ "addressDetails": { "city": "x" } }), (400, "InvalidParameterValue"), "[addressDetails]"),
        (
            json!({ "paymentDetails": { "chargeAmount": usd("0.00") } }),
            (400, "InvalidParameterValue"),
            "[paymentDetails.chargeAmount]",
        ),
        (
            json!({ "paymentDetails": { "chargeAmount": usd("150000.01") } }),
            (400, "InvalidParameterValue"),
            "[paymentDetails.chargeAmount]",
        ),
        (
            json!({ "paymentDetails": { "chargeAmount": usd("2.00"), "totalOrderAmount": usd("1.00") } }),
            (400, "InvalidParameterValue"),
            "[paymentDetails.totalOrderAmount]",
        ),
        (
            json!({ "paymentDetails": { "paymentIntent": "AuthorizeWithCapture", "canHandlePendingAuthorization": true } }),
            (400, "InvalidParameterCombination"),
            "canHandlePendingAuthorization",
        ),
        (
            json!({ "paymentDetails": { "paymentIntent": "Confirm", "softDescriptor": "x" } }),
            (400, "InvalidParameterCombination"),
            "softDescriptor",
        ),
        (json!({ "productType": "PayOnly" }), (400, "UnrecognizedField"), "[productType]"),
    ] {
        let answer = create(&world, over.clone()).await;
        assert_eq!(answer.refusal(), refusal, "{over}: {}", answer.text);
        assert!(answer.message().contains(names), "{over}: {}", answer.text);
    }
    let live = merged(creation(), urls("checkoutResultReturnUrl", "http://localhost/r"));
    let live = Call::post("/v2/checkoutSessions", live).idempotent("live").key(crate::world::LIVE_KEY_ID);
    assert_eq!(world.call(&live).await.refusal(), (400, "InvalidParameterValue"));
}

#[tokio::test]
async fn an_order_processed_on_amazons_page_needs_no_review() {
    let world = World::new().await;
    let address = json!({ "name": "A. Buyer", "city": "Portland", "districtOrCounty": "Multnomah", "countryCode": "US" });
    let over = json!({
        "webCheckoutDetails": {
            "checkoutReviewReturnUrl": null, "checkoutMode": "ProcessOrder",
            "checkoutResultReturnUrl": "https://shop.example/result",
        },
        "paymentDetails": { "paymentIntent": "Confirm", "chargeAmount": { "amount": "5", "currencyCode": "USD" } },
        "addressDetails": address,
    });
    let created = create(&world, over.clone()).await;
    assert_eq!(
        (created.status, &created.json["productType"]),
        (201, &json!("PayAndShip")),
        "{}",
        created.text
    );
    let placed = buyer(&world, id(&created.json), json!({ "action": "placeOrder" })).await;
    assert_eq!(placed.json["shippingAddress"]["city"], "Portland");
    assert_eq!(placed.json["shippingAddress"]["county"], "Multnomah");
    let digital = create(&world, merged(over, json!({ "addressDetails": null }))).await;
    assert_eq!(digital.json["productType"], "PayOnly");
}

#[tokio::test]
async fn what_create_sends_is_shown() {
    let world = World::new().await;
    let over = json!({
        "deliverySpecifications": {
            "specialRestrictions": ["RestrictPOBoxes"],
            "addressRestrictions": { "type": "Allowed", "restrictions": { "US": { "zipCodes": ["60*"] } } },
        },
        "checkoutButtonText": "Continue",
        "multiAddressesCheckoutMetadata": [{ "addressId": "a", "price": { "amount": "1", "currencyCode": "USD" } }],
        "supplementaryData": "data",
        "platformId": "PLATFORM",
        "scopes": ["name", "email"],
        "providerMetadata": { "providerReferenceId": "psp" },
    });
    let created = create(&world, over.clone()).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let shown = world.get_session(id(&created.json)).await;
    for member in [
        "deliverySpecifications",
        "checkoutButtonText",
        "multiAddressesCheckoutMetadata",
        "supplementaryData",
        "platformId",
        "providerMetadata",
    ] {
        assert_eq!(shown.json[member], over[member], "{member}");
    }
}

#[tokio::test]
async fn a_presentment_currency_follows_the_charge_and_is_not_updated_itself() {
    let world = World::new().await;
    let in_currency = |code: &str| json!({ "chargeAmount": { "amount": "5", "currencyCode": code } });
    // Accounts in this region have several currencies.
    let create = async |key: &str, details: Value| {
        let body = merged(creation(), json!({ "paymentDetails": details }));
        let call = Call::post("/v2/checkoutSessions", body).idempotent(key);
        world.call(&Call { region: Region::Europe, ..call }).await
    };
    let single = create("single", in_currency("EUR")).await;
    let multi = create("multi", json!({ "presentmentCurrency": "EUR" })).await;
    for (session, before, after) in
        [(&single, json!(null), json!(null)), (&multi, json!("EUR"), json!("GBP"))]
    {
        let presented =
            |answer: &crate::world::HttpAnswer| answer.json["paymentDetails"]["presentmentCurrency"].clone();
        assert_eq!(presented(session), before);
        let session = id(&session.json);
        let refused =
            update(&world, session, json!({ "paymentDetails": { "presentmentCurrency": "GBP" } })).await;
        assert_eq!(refused.refusal(), (400, "InvalidParameterValue"));
        assert!(refused.message().contains("[paymentDetails.presentmentCurrency]"), "{}", refused.text);
        assert_eq!(presented(&world.get_session(session).await), before);
        let updated = update(&world, session, json!({ "paymentDetails": in_currency("GBP") })).await;
        assert_eq!(presented(&updated), after, "{}", updated.text);
    }
}

#[tokio::test]
async fn an_update_is_applied_whole_or_not_at_all() {
    let world = World::new().await;
    let created = create(&world, json!({})).await;
    let session = id(&created.json);
    for body in [
        json!({ "merchantMetadata": { "noteToBuyer": "hello" }, "paymentDetails": { "chargeAmount": { "amount": "0", "currencyCode": "USD" } } }),
        json!({ "supplementaryData": "x", "webCheckoutDetails": { "checkoutResultReturnUrl": "ftp://x" } }),
        json!({ "supplementaryData": "x", "chargePermissionType": "Recurring" }),
        json!({ "supplementaryData": "x", "storeId": "y" }),
    ] {
        assert_eq!(update(&world, session, body.clone()).await.status, 400, "{body}");
        assert_eq!(world.get_session(session).await.json, created.json);
    }
    assert_eq!(update(&world, "nowhere", json!({})).await.refusal(), (404, "ResourceNotFound"));
}
