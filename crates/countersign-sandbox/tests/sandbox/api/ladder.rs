//! The thirteen checks of Finalize, in their order: each one broken alone, and every pair broken
//! together.

use serde_json::{Value, json};

use crate::world::{Call, FOREIGN_KEY_ID, HttpAnswer, World, id, merged, right_body};

/// A request that can be broken in many ways at once.
#[derive(Clone)]
struct Attempt {
    /// The checkout as it is started.
    checkout: Value,
    buyer_cancels: bool,
    call: Call,
    body: Value,
    tampered: bool,
}

/// One way to break one check.
struct Breach {
    check: u8,
    what: &'static str,
    status: u16,
    reason_code: &'static str,
    /// The word that the message must contain.
    names: &'static str,
    /// The functions that break the check: `checkout` is applied before the checkout is started,
    /// and `request` after that.
    checkout: fn(&mut Attempt),
    request: fn(&mut Attempt),
    /// Whether a correct request can finalize the session afterwards.
    finalizable: bool,
}

fn nothing(_: &mut Attempt) {}

/// A session with everything that can be compared.
fn rich_checkout() -> Value {
    json!({
        "placed": true,
        "paymentDetails": { "totalOrderAmount": { "amount": "20.00", "currencyCode": "USD" } },
        "supplementaryData": "{\"airline\":1}",
    })
}

fn breach(
    check: u8,
    what: &'static str,
    (status, reason_code, names): (u16, &'static str, &'static str),
    request: fn(&mut Attempt),
) -> Breach {
    Breach { check, what, status, reason_code, names, checkout: nothing, request, finalizable: true }
}

/// The breaches in the order of the checks, and within a check in the order of its parts.
fn breaches() -> Vec<Breach> {
    vec![
        breach(
            1,
            "a body other than the signed one",
            (403, "InvalidRequestSignature", "signing String"),
            |it| {
                it.tampered = true;
            },
        ),
        breach(2, "a body that is not an object", (400, "InvalidRequestFormat", "JSON object"), |it| {
            it.body = json!([1]);
        }),
        breach(2, "an unknown member", (400, "UnrecognizedField", "[surprise]"), |it| {
            if it.body.is_object() {
                it.body["surprise"] = json!(1);
            }
        }),
        breach(
            2,
            "a text that is too long",
            (400, "InvalidParameterValue", "merchantMetadata.noteToBuyer"),
            |it| {
                if it.body.is_object() {
                    it.body["merchantMetadata"] = json!({ "noteToBuyer": "x".repeat(256) });
                }
            },
        ),
        breach(3, "a key of another request", (400, "DuplicateIdempotencyKey", "idempotency-key"), |it| {
            it.call = it.call.clone().idempotent("taken");
        }),
        breach(4, "another merchant's session", (404, "ResourceNotFound", ""), |it| {
            it.call = it.call.clone().key(FOREIGN_KEY_ID);
        }),
        Breach {
            checkout: |it| it.buyer_cancels = true,
            finalizable: false,
            ..breach(5, "a canceled session", (422, "CheckoutSessionCanceled", "canceled"), nothing)
        },
        Breach {
            checkout: |it| it.checkout["placed"] = json!(false),
            finalizable: false,
            ..breach(6, "an order not placed", (422, "InvalidCheckoutSessionStatus", "placed"), nothing)
        },
        breach(7, "no chargeAmount", (400, "MissingParameterValue", "[chargeAmount]"), |it| {
            take(it, "chargeAmount");
        }),
        breach(7, "no shippingAddress", (400, "MissingParameterValue", "[shippingAddress]"), |it| {
            take(it, "shippingAddress");
        }),
        breach(7, "no totalOrderAmount", (400, "MissingParameterValue", "[totalOrderAmount]"), |it| {
            take(it, "totalOrderAmount");
        }),
        breach(7, "no supplementaryData", (400, "MissingParameterValue", "[supplementaryData]"), |it| {
            take(it, "supplementaryData");
        }),
        breach(8, "pending with capture", (400, "InvalidParameterCombination", "[paymentIntent]"), |it| {
            set(it, "paymentIntent", json!("AuthorizeWithCapture"));
            set(it, "canHandlePendingAuthorization", json!(true));
        }),
        breach(8, "another intent", (400, "InvalidParameterValue", "[paymentIntent]"), |it| {
            set(it, "paymentIntent", json!("Confirm"));
        }),
        breach(
            8,
            "another pending flag",
            (400, "InvalidParameterValue", "[canHandlePendingAuthorization]"),
            |it| set(it, "canHandlePendingAuthorization", json!(true)),
        ),
        breach(9, "another currency", (400, "CurrencyMismatch", "[chargeAmount]"), |it| {
            set(it, "chargeAmount", json!({ "amount": "14.00", "currencyCode": "EUR" }));
        }),
        breach(10, "another charge amount", (409, "AmountMismatch", "[chargeAmount]"), |it| {
            set_amount(it, "chargeAmount", "14.01");
        }),
        breach(10, "another total", (409, "AmountMismatch", "[totalOrderAmount]"), |it| {
            set_amount(it, "totalOrderAmount", "19.99");
        }),
        breach(11, "other data", (400, "InvalidParameterValue", "[supplementaryData]"), |it| {
            set(it, "supplementaryData", json!("{\"airline\": 1}"));
        }),
        breach(12, "another address", (400, "InvalidParameterValue", "[shippingAddress.city]"), |it| {
            if it.body.is_object() && it.body["shippingAddress"].is_object() {
                it.body["shippingAddress"]["city"] = json!("Springfield");
            }
        }),
        breach(13, "a simulation that does not fit", (400, "InvalidSandboxSimulationSpecified", ""), |it| {
            it.call = it.call.clone().simulating("AuthorizationInitiated");
        }),
    ]
}

fn take(it: &mut Attempt, member: &str) {
    if let Some(body) = it.body.as_object_mut() {
        body.remove(member);
    }
}

/// Sets a member, unless another breach has removed it.
fn set(it: &mut Attempt, member: &str, value: Value) {
    if it.body.is_object() && it.body.get(member).is_some() {
        it.body[member] = value;
    }
}

fn set_amount(it: &mut Attempt, member: &str, amount: &str) {
    if it.body.is_object() && it.body[member].is_object() {
        it.body[member]["amount"] = json!(amount);
    }
}

/// Sends a request with these breaches, and returns the answer and the session before and after.
async fn attempt(world: &World, breaches: &[&Breach]) -> (HttpAnswer, Value, Value) {
    let blank = Call::finalize("", "");
    let mut attempt = Attempt {
        checkout: rich_checkout(),
        buyer_cancels: false,
        call: blank,
        body: Value::Null,
        tampered: false,
    };
    for breach in breaches {
        (breach.checkout)(&mut attempt);
    }
    let session = world.placed(attempt.checkout.clone()).await;
    attempt.body = right_body(&session);
    if attempt.buyer_cancels {
        let path = format!("checkout-sessions/{}/buyer", id(&session));
        world.control(http::Method::POST, &path, json!({ "action": "cancel" })).await;
    }
    // The key `taken` was used for another session.
    attempt.call.path = format!("/v2/checkoutSessions/{}/finalize", id(&session));
    for breach in breaches {
        (breach.request)(&mut attempt);
    }
    let before = world.get_session(id(&session)).await.json;
    attempt.call.body = attempt.body.to_string();
    let mut request = attempt.call.request();
    if attempt.tampered {
        *request.body_mut() = [request.body(), &b" "[..]].concat().into();
    }
    let answer = world.send(request).await;
    let after = world.get_session(id(&session)).await.json;
    (answer, before, after)
}

async fn world_with_a_taken_key() -> World {
    let world = World::new().await;
    for key_id in [crate::world::KEY_ID, FOREIGN_KEY_ID] {
        let session = world.placed(json!({ "publicKeyId": key_id })).await;
        let taken = Call::finalize(id(&session), right_body(&session)).key(key_id).idempotent("taken");
        assert_eq!(world.call(&taken).await.status, 200);
    }
    world
}

// Promise: A02
#[tokio::test]
async fn each_check_broken_alone_is_answered_as_documented_and_changes_nothing() {
    let world = world_with_a_taken_key().await;
    for breach in breaches() {
        let (answer, before, after) = attempt(&world, &[&breach]).await;
        let what = format!("{}: {} gave {}", breach.check, breach.what, answer.text);
        assert_eq!(answer.refusal(), (breach.status, breach.reason_code), "{what}");
        assert!(answer.message().contains(breach.names), "{what}");
        assert!(!answer.text.contains("Springfield") && !answer.text.contains("Seattle"), "{what}");
        assert_eq!(before, after, "{what}");
        let right = world.call(&Call::finalize(id(&after), right_body(&after))).await;
        assert_eq!(right.status == 200, breach.finalizable, "{what}, then {}", right.text);
    }
}

// Promise: A02
#[tokio::test]
async fn the_first_of_two_broken_rules_is_answered() {
    let world = world_with_a_taken_key().await;
    let breaches = breaches();
    let mut pairs = 0;
    for (position, first) in breaches.iter().enumerate() {
        for second in &breaches[position + 1..] {
            // Both write the same member, or one needs what the other removes.
            let exclusive = [first.what, second.what] == ["pending with capture", "another intent"]
                || [first.what, second.what] == ["pending with capture", "another pending flag"]
                || [first.what, second.what] == ["another currency", "another charge amount"]
                || [first.what, second.what] == ["a canceled session", "an order not placed"];
            if exclusive {
                continue;
            }
            let (answer, before, after) = attempt(&world, &[first, second]).await;
            let what = format!("{} and {} gave {}", first.what, second.what, answer.text);
            assert_eq!(answer.refusal(), (first.status, first.reason_code), "{what}");
            assert_eq!(before, after, "{what}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 21 * 20 / 2 - 4);
}

#[tokio::test]
async fn a_second_finalize_is_refused_and_the_ids_stay() {
    let world = World::new().await;
    let session = world.placed(json!({})).await;
    let call = Call::finalize(id(&session), right_body(&session));
    let first = world.call(&call).await;
    assert_eq!(world.call(&call).await.refusal(), (422, "InvalidCheckoutSessionStatus"));
    let shown = world.get_session(id(&session)).await;
    for member in ["chargePermissionId", "chargeId"] {
        assert_eq!(shown.json[member], first.json[member]);
    }
}

#[tokio::test]
async fn each_flag_changes_the_rule_that_it_names() {
    let canceled = |world: World| async move {
        let session = world.placed(json!({})).await;
        let path = format!("checkout-sessions/{}/buyer", id(&session));
        world.control(http::Method::POST, &path, json!({ "action": "cancel" })).await;
        world.call(&Call::finalize(id(&session), right_body(&session))).await.status
    };
    assert_eq!(canceled(World::with(|s| s.flags.choose("canceled-status", "400").unwrap()).await).await, 400);

    let world = World::with(|s| s.flags.choose("finalize-replay", "same-answer").unwrap()).await;
    let session = world.placed(json!({})).await;
    let call = Call::finalize(id(&session), right_body(&session));
    let first = world.call(&call).await;
    assert_eq!(world.call(&call).await, first);

    let world = World::with(|s| s.flags.choose("unshared-address", "refused").unwrap()).await;
    let session = world.placed(json!({ "productType": "PayOnly" })).await;
    let body = merged(right_body(&session), json!({ "shippingAddress": { "city": "Seattle" } }));
    let refused = world.call(&Call::finalize(id(&session), &body)).await;
    assert_eq!(refused.refusal(), (400, "InvalidParameterValue"));
    assert!(refused.message().contains("[shippingAddress]"));
    let world = World::new().await;
    let session = world.placed(json!({ "productType": "PayOnly" })).await;
    assert_eq!(world.call(&Call::finalize(id(&session), &body)).await.status, 200, "ignored by default");

    let spaced = |world: World| async move {
        let session = world.placed(json!({})).await;
        let body = merged(right_body(&session), json!({ "shippingAddress": { "city": " Seattle" } }));
        world.call(&Call::finalize(id(&session), &body)).await.status
    };
    assert_eq!(spaced(World::new().await).await, 200);
    assert_eq!(spaced(World::with(|s| s.flags.choose("address-match", "exact").unwrap()).await).await, 400);

    let order = |world: World| async move {
        let session = world.placed(json!({ "placed": false })).await;
        let body = merged(right_body(&session), json!({ "chargeAmount": { "amount": "1.00" } }));
        world.call(&Call::finalize(id(&session), &body)).await.status
    };
    assert_eq!(order(World::new().await).await, 422);
    let first = World::with(|s| s.flags.choose("check-order", "attributes-first").unwrap()).await;
    assert_eq!(order(first).await, 409);
}
