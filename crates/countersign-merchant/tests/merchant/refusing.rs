//! A refusal names the rule that was broken: to the shop by a documented code and the state that breaks it, to the
//! buyer in words that fit.

use std::time::Duration;

use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{ENGINES, SESSION, World, order, usd};

const MINUTE: Duration = Duration::from_secs(60);
const CHARGE: &str = "S01-5105180-0000001-C000001";

fn plain() -> Value {
    json!({ "reference": "r" })
}

fn message(world: &World, checkout_id: &str, call: &str, body: &Value) -> (String, String) {
    let answer = world.ask(checkout_id, call, body);
    let error = &answer.json()["error"];
    assert_eq!(answer.status, 409, "{}", answer.text);
    (error["code"].as_str().unwrap().to_owned(), error["message"].as_str().unwrap().to_owned())
}

/// Amazon shows the charge in this state.
fn shows(world: &World, state: &str) {
    world.amazon.change_charge(CHARGE, |charge| {
        charge["statusDetails"] = json!({ "state": state });
    });
}

#[test]
fn a_charge_in_another_state_than_the_request_needs_is_refused_naming_that_state() {
    type Prepare = fn(&World, &str);
    let nothing: Prepare = |_, _| ();
    let captured: Prepare = |world, id| {
        assert_eq!(world.ask(id, "captures", &json!({ "reference": "c" })).status, 200);
    };
    let canceled: Prepare = |world, _| {
        shows(world, "Canceled");
        world.skip(Duration::from_secs(2 * 86_400));
    };
    let two: Prepare = |world, id| {
        let more = json!({ "reference": "2", "chargeAmount": usd("10.00") });
        assert_eq!(world.ask(id, "charges", &more).status, 201);
    };
    let named = json!({ "reference": "r", "chargeId": CHARGE });
    for (intent, prepare, call, body, code, says) in [
        (
            "Authorize",
            nothing,
            "refunds",
            plain(),
            "NotCaptured",
            "the charge S01-5105180-0000001-C000001 is Authorized",
        ),
        (
            "Authorize",
            nothing,
            "refunds",
            named.clone(),
            "NotCaptured",
            "the charge S01-5105180-0000001-C000001 is Authorized",
        ),
        (
            "Authorize",
            captured,
            "captures",
            plain(),
            "NotAuthorized",
            "the charge S01-5105180-0000001-C000001 is Captured",
        ),
        (
            "Authorize",
            captured,
            "captures",
            named.clone(),
            "NotAuthorized",
            "the charge S01-5105180-0000001-C000001 is Captured",
        ),
        (
            "Authorize",
            canceled,
            "captures",
            plain(),
            "NotAuthorized",
            "the charge S01-5105180-0000001-C000001 is Canceled",
        ),
        (
            "Authorize",
            canceled,
            "refunds",
            named,
            "NotCaptured",
            "the charge S01-5105180-0000001-C000001 is Canceled",
        ),
        ("Confirm", nothing, "captures", plain(), "NotAuthorized", "no charge of this order is"),
        ("Confirm", nothing, "refunds", plain(), "NotCaptured", "no charge of this order is"),
        ("Authorize", two, "refunds", plain(), "NotCaptured", "no charge of this order is"),
        ("Authorize", two, "captures", plain(), "ChargeNotNamed", "More than one charge"),
    ] {
        let world = World::in_memory();
        let id = world.completed(intent);
        world.let_pass(MINUTE);
        prepare(&world, &id);
        let (told, message) = message(&world, &id, call, &body);
        assert_eq!(told, code, "{intent} {call} {body}");
        assert!(message.contains(says), "{intent} {call} {body}: {message}");
    }
}

#[test]
fn a_capture_that_somebody_else_was_faster_with_is_refused_as_not_authorized() {
    for engine in ENGINES {
        for state in ["Captured", "CaptureInitiated", "Canceled"] {
            let world = World::new(engine);
            let id = world.completed("Authorize");
            world.let_pass(MINUTE);
            world.amazon.goes_down("captureCharge");
            world.amazon.goes_down("charge");
            let part = json!({ "reference": "r", "captureAmount": usd("30.00") });
            assert_eq!(world.ask(&id, "captures", &part).status, 202);
            shows(&world, state);
            if state == "Captured" {
                world.amazon.change_charge(CHARGE, |charge| charge["captureAmount"] = usd("40.00"));
            }
            world.amazon.comes_back();
            world.let_pass(2 * MINUTE);
            let answer = world.ask(&id, "captures", &part);
            if state == "CaptureInitiated" {
                // It may be ours: the amount that it takes is not shown yet.
                assert_eq!((answer.status, &answer.json()["state"]), (202, &json!(state)));
                continue;
            }
            let (code, message) = message(&world, &id, "captures", &part);
            assert_eq!(code, "NotAuthorized", "{state}");
            assert!(message.contains("somebody else"), "{message}");
            let operation = &world.checkout(&id)["payment"]["operations"][0];
            assert_eq!(
                (&operation["state"], &operation["code"]),
                (&json!("Refused"), &json!("NotAuthorized"))
            );
            let refused = world.facts().into_iter().find(|fact| fact["type"] == "operation.refused").unwrap();
            assert_eq!(refused["code"], "NotAuthorized");
        }
    }
}

#[test]
fn a_request_before_the_payment_says_what_is_known_of_it() {
    let refusal = |prepare: fn(&World, &str)| {
        let world = World::in_memory();
        let id = world.placed(&super::world::waiting_order());
        prepare(&world, &id);
        let (code, message) = message(&world, &id, "captures", &plain());
        assert_eq!(code, "NotCompleted", "{message}");
        message
    };
    let registered = refusal(|_, _| ());
    let checking = refusal(|world, id| {
        world.amazon.fault("finalize", Fault::refusal(429, "TooManyRequests"));
        world.complete(id, SESSION);
    });
    let pending = refusal(|world, id| {
        world.amazon.fault("finalize", Fault::Pending);
        world.complete(id, SESSION);
    });
    let declined = refusal(|world, id| {
        world.amazon.fault("finalize", Fault::refusal(422, "HardDeclined"));
        world.complete(id, SESSION);
    });
    assert!(registered.contains("no buyer has come back"), "{registered}");
    assert!(checking.contains("not known yet"), "{checking}");
    assert!(pending.contains("Amazon has not decided"), "{pending}");
    assert!(declined.contains("proved unpaid"), "{declined}");
}

#[test]
fn a_refusal_of_amazons_names_its_code_and_one_of_a_canceled_order_the_cancellation() {
    let world = World::in_memory();
    let id = world.completed("AuthorizeWithCapture");
    world.amazon.fault("createRefund", Fault::refusal(422, "TransactionAmountExceeded"));
    let (code, told) = message(&world, &id, "refunds", &plain());
    assert_eq!(code, "TransactionAmountExceeded");
    assert!(told.contains("TransactionAmountExceeded"), "{told}");

    // A charge that was turned away and then overtaken by the cancellation.
    let world = World::in_memory();
    let id = world.completed("Authorize");
    world.amazon.fault("createCharge", Fault::refusal(429, "TooManyRequests"));
    let charge = json!({ "reference": "r", "chargeAmount": usd("10.00") });
    assert_eq!(world.ask(&id, "charges", &charge).status, 202);
    world.ask(&id, "cancel", &json!({ "reference": "c" }));
    let (code, told) = message(&world, &id, "charges", &charge);
    assert_eq!(code, "OrderCanceled");
    assert!(told.contains("canceled") && !told.contains("Amazon refused"), "{told}");
    world.let_pass(MINUTE);
}

// Promise: B36
#[test]
fn what_another_card_cannot_help_is_said_on_every_way_to_the_buyer() {
    for (locale, nothing) in [
        ("en_US", "Nothing was charged."),
        ("en_GB", "Nothing was charged."),
        ("de_DE", "Es wurde nichts abgebucht."),
        ("fr_FR", "Rien n’a été débité."),
        ("it_IT", "Nulla è stato addebitato."),
        ("es_ES", "No se ha cobrado nada."),
        ("ja_JP", "請求は行われていません。"),
    ] {
        for differs in ["/paymentDetails/chargeAmount/amount", "/shippingAddress/city"] {
            let world = World::in_memory();
            let mut order = order();
            order["checkoutLanguage"] = json!(locale);
            order["shippingAddress"] = super::world::address();
            let registered = world.call("POST", "/v1/checkouts", &order.to_string()).json();
            let id = registered["checkoutId"].as_str().unwrap().to_owned();
            let mut session = super::world::session_for(&order, SESSION, &id);
            *session.pointer_mut(differs).unwrap() = json!("13.00");
            world.amazon.open(SESSION, session);
            let answer = world.complete(&id, SESSION);
            assert_eq!(answer.verdict(), (402, "notPaid".to_owned()), "{}", answer.text);
            let told = answer.json()["message"].as_str().unwrap().to_owned();
            assert!(told.starts_with("Nothing was charged.") && !told.contains("another"), "{told}");
            let token = registered["browserToken"].as_str().unwrap();
            let stands = world.get(&format!("/browser/{token}")).json();
            let told = stands["message"].as_str().unwrap();
            assert!(told.starts_with(nothing), "{locale}: {told}");
            let page = world.get(&world.result_path(&id)).text;
            assert!(page.contains(told), "{page}");
        }
    }
}
