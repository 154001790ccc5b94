//! The outcomes of a payment: intents, product types, pending authorizations, cards, simulations.

use http::Method;
use serde_json::{Value, json};

use crate::world::{Call, HttpAnswer, World, id, right_body};

fn pretty(json: &Value) -> String {
    serde_json::to_string_pretty(json).unwrap()
}

async fn finalized(world: &World, over: Value) -> (String, HttpAnswer) {
    let session = world.placed(over).await;
    let answer = world.call(&Call::finalize(id(&session), right_body(&session))).await;
    (id(&session).to_owned(), answer)
}

async fn charge(world: &World, finalized: &HttpAnswer) -> HttpAnswer {
    world.call(&Call::get(format!("/v2/charges/{}", finalized.text("chargeId")))).await
}

async fn permission(world: &World, finalized: &HttpAnswer) -> HttpAnswer {
    let id = finalized.text("chargePermissionId");
    world.call(&Call::get(format!("/v2/chargePermissions/{id}"))).await
}

// Promise: A03
#[tokio::test]
async fn every_intent_with_each_product_type_and_pending_on_and_off() {
    let world = World::new().await;
    let mut table = String::new();
    for intent in ["Confirm", "Authorize", "AuthorizeWithCapture"] {
        for product_type in ["PayAndShip", "PayOnly"] {
            for (pending, card) in [(false, "1111"), (true, "1111"), (true, "0701"), (false, "0701")] {
                let details = json!({ "paymentIntent": intent, "canHandlePendingAuthorization": pending });
                let over = json!({
                    "productType": product_type, "paymentDetails": details, "card": card, "placed": true,
                });
                let row = format!("{intent:20} {product_type:10} pending={pending:5} card={card}");
                let started = world
                    .control(
                        Method::POST,
                        "checkout-sessions",
                        crate::world::merged(crate::world::usual_checkout(), over),
                    )
                    .await;
                if started.status != 201 {
                    table += &format!("{row} → not started: {:?}\n", started.refusal());
                    continue;
                }
                let session = &started.json;
                let answer = world.call(&Call::finalize(id(session), right_body(session))).await;
                if answer.status >= 400 {
                    table += &format!("{row} → {:?}\n", answer.refusal());
                    continue;
                }
                let permission = permission(&world, &answer).await;
                let charge = match answer.json["chargeId"].as_str() {
                    None => "none".to_owned(),
                    Some(_) => {
                        let charge = charge(&world, &answer).await;
                        format!("{} captured {}", charge.state(), charge.json["captureAmount"]["amount"])
                    }
                };
                let (limit, balance) =
                    (&permission.json["limits"]["amountLimit"], &permission.json["limits"]["amountBalance"]);
                table += &format!(
                    "{row} → {} {}, charge {charge}, permission {} of {}: {} {}\n",
                    answer.status,
                    answer.state(),
                    balance["amount"],
                    limit["amount"],
                    permission.state(),
                    permission.json["statusDetails"]["reasons"][0]["reasonCode"],
                );
            }
        }
    }
    insta::assert_snapshot!(table);
}

// Promise: A04
#[tokio::test]
async fn a_pending_authorization_is_decided_after_thirty_seconds() {
    for (card, state, reason) in
        [("0701", "Authorized", json!(null)), ("4354", "Declined", json!("HardDeclined"))]
    {
        let world = World::new().await;
        world.control(Method::POST, "clock", json!({ "freeze": true })).await;
        let details = json!({ "canHandlePendingAuthorization": true });
        let (session, answer) = finalized(&world, json!({ "card": card, "paymentDetails": details })).await;
        assert_eq!((answer.status, answer.state()), (202, "Completed"));
        world.advance("PT29S").await;
        assert_eq!(charge(&world, &answer).await.state(), "AuthorizationInitiated");
        world.advance("PT1S").await;
        let decided = charge(&world, &answer).await;
        assert_eq!(decided.state(), state);
        assert_eq!(decided.json["statusDetails"]["reasonCode"], reason);
        assert_eq!(decided.json["statusDetails"]["lastUpdatedTimestamp"], "20260901T120030Z");
        assert_eq!(world.get_session(&session).await.state(), "Completed", "the session stays Completed");
        let told = world.events(&session).await.contains(&format!("Charge{state}"));
        assert!(told, "the decision is not in the log");
    }
}

#[tokio::test]
async fn a_failed_payment_cancels_the_session() {
    for (over, simulated, refusal, reason) in [
        (json!({ "card": "3434" }), None, (422, "HardDeclined"), "Declined"),
        (json!({ "card": "3064" }), None, (422, "CheckoutSessionCanceled"), "BuyerCanceled"),
        (json!({}), Some("Declined"), (422, "HardDeclined"), "Declined"),
        (json!({}), Some("BuyerCanceled"), (422, "CheckoutSessionCanceled"), "BuyerCanceled"),
        (
            json!({ "card": "3434" }),
            Some("AmazonCanceled"),
            (422, "CheckoutSessionCanceled"),
            "AmazonCanceled",
        ),
    ] {
        let world = World::new().await;
        let session = world.placed(over).await;
        let mut call = Call::finalize(id(&session), right_body(&session)).idempotent("once");
        if let Some(code) = simulated {
            call = call.simulating(code);
        }
        let answer = world.call(&call).await;
        assert_eq!(answer.refusal(), refusal);
        let shown = world.get_session(id(&session)).await;
        assert_eq!((shown.state(), &shown.json["statusDetails"]["reasonCode"]), ("Canceled", &json!(reason)));
        assert_eq!(world.call(&call).await, answer, "a decline is kept for its key");
        let other = Call::finalize(id(&session), right_body(&session));
        assert_eq!(world.call(&other).await.refusal(), (422, "CheckoutSessionCanceled"));
    }
}

// Promise: A16
#[tokio::test]
async fn simulations_are_for_payments_in_the_sandbox() {
    let world = World::new().await;
    let session = world.placed(json!({})).await;
    let call = Call::finalize(id(&session), right_body(&session));
    for code in ["SoftDeclined", "declined", "ä"] {
        let mut request = call.request();
        request
            .headers_mut()
            .insert("x-amz-pay-simulation-code", http::HeaderValue::from_bytes(code.as_bytes()).unwrap());
        let refused = world.send(request).await;
        assert_eq!(refused.refusal(), (400, "InvalidSandboxSimulationSpecified"), "{code}");
    }
    assert_eq!(world.call(&call).await.status, 200);

    let session = world.placed(json!({ "publicKeyId": crate::world::LIVE_KEY_ID })).await;
    let live = Call::finalize(id(&session), right_body(&session)).key(crate::world::LIVE_KEY_ID);
    assert_eq!(world.call(&live.simulating("Declined")).await.status, 200);
}

// Promise: A16
#[tokio::test]
async fn a_call_that_knows_no_simulation_refuses_every_code_in_the_sandbox_and_ignores_it_live() {
    let world = World::new().await;
    for (key, status) in [(crate::world::KEY_ID, 400), (crate::world::LIVE_KEY_ID, 200)] {
        let session = world.placed(json!({ "publicKeyId": key })).await;
        let finalize = Call::finalize(id(&session), right_body(&session)).key(key);
        let finalized = world.call(&finalize).await;
        let open = world.placed(json!({ "publicKeyId": key })).await;
        let open = format!("/v2/checkoutSessions/{}", id(&open));
        for call in [
            Call::get(open.clone()),
            Call::patch(open, json!({ "supplementaryData": "x" })),
            Call::get(format!("/v2/chargePermissions/{}", finalized.text("chargePermissionId"))),
            Call::get(format!("/v2/charges/{}", finalized.text("chargeId"))),
            Call::post("/v2/checkoutSessions", super::keys::creation()).idempotent("k"),
        ] {
            for code in ["Declined", "SoftDeclined", ""] {
                let answer = world.call(&call.clone().key(key).simulating(code)).await;
                if status == 400 {
                    let refusal = (400, "InvalidSandboxSimulationSpecified");
                    assert_eq!(answer.refusal(), refusal, "{} {} {code}", call.method, call.path);
                } else {
                    assert!(answer.status < 300, "{} {}: {}", call.method, call.path, answer.text);
                }
            }
        }
    }
}

#[tokio::test]
async fn an_authorization_expires_by_the_profile() {
    for (profile, before, lapses) in
        [("sandbox", "P1DT23H59M59S", "PT1S"), ("live", "P29DT23H59M59S", "PT1S")]
    {
        let world = World::with(|settings| {
            settings.profile = countersign_domain::provider::profile::Profile::parse(profile).unwrap();
        })
        .await;
        world.control(Method::POST, "clock", json!({ "freeze": true })).await;
        let (_, answer) = finalized(&world, json!({})).await;
        world.advance(before).await;
        assert_eq!(charge(&world, &answer).await.state(), "Authorized");
        world.advance(lapses).await;
        let lapsed = charge(&world, &answer).await;
        assert_eq!(lapsed.state(), "Canceled");
        assert_eq!(lapsed.json["statusDetails"]["reasonCode"], "ExpiredUnused");
        let permission = permission(&world, &answer).await;
        assert_eq!(
            (permission.state(), &permission.json["limits"]["amountBalance"]["amount"]),
            ("Chargeable", &json!("14.00"))
        );
    }
}

#[tokio::test]
async fn objects_are_answered_with_every_member() {
    let world = World::new().await;
    let over = json!({
        "paymentDetails": { "paymentIntent": "AuthorizeWithCapture", "softDescriptor": "Shop" },
        "merchantMetadata": { "merchantReferenceId": "order-1" },
    });
    let session = world.placed(over).await;
    insta::assert_snapshot!("an_open_session", pretty(&session));
    let answer = world.call(&Call::finalize(id(&session), right_body(&session))).await;
    insta::assert_snapshot!("a_completed_session", pretty(&answer.json));
    assert_eq!(world.get_session(id(&session)).await.json, answer.json);
    insta::assert_snapshot!("a_closed_permission", pretty(&permission(&world, &answer).await.json));
    insta::assert_snapshot!("a_captured_charge", pretty(&charge(&world, &answer).await.json));
    let canceled = world.placed(json!({ "card": "3434" })).await;
    world.call(&Call::finalize(id(&canceled), right_body(&canceled))).await;
    insta::assert_snapshot!("a_canceled_session", pretty(&world.get_session(id(&canceled)).await.json));
}

#[tokio::test]
async fn an_answer_in_full_shows_payment_buyer_and_addresses() {
    let world = World::new().await;
    let session = world.placed(json!({ "responseDetail": "full" })).await;
    let answer = world.call(&Call::finalize(id(&session), right_body(&session))).await;
    for member in ["paymentDetails", "buyer", "shippingAddress", "billingAddress"] {
        assert_eq!(answer.json[member], session[member], "{member}");
    }
    let read = world.get_session(id(&session)).await;
    assert!(read.json["buyer"].is_null() && read.json["paymentDetails"].is_null());
}

#[tokio::test]
async fn the_notes_of_finalize_are_kept() {
    let world = World::new().await;
    let session =
        world.placed(json!({ "merchantMetadata": { "merchantReferenceId": "a", "noteToBuyer": "b" } })).await;
    let mut body = right_body(&session);
    body["merchantMetadata"] = json!({ "noteToBuyer": "thanks", "customInformation": null });
    let answer = world.call(&Call::finalize(id(&session), &body)).await;
    for read in [permission(&world, &answer).await, charge(&world, &answer).await] {
        let notes = &read.json["merchantMetadata"];
        assert_eq!((&notes["merchantReferenceId"], &notes["noteToBuyer"]), (&json!("a"), &json!("thanks")));
    }
}
