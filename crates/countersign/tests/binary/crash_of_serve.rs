//! The merchant half under SIGKILL and mixed load: whenever it dies, every id that it has answered
//! is on disk, no order is paid twice, no operation has two effects or is forgotten, every call in
//! doubt has an owner, and in the end its accounts agree with Amazon's ledger.

mod ledgers;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use serde_json::{Value, json};

use self::ledgers::Effects;
use crate::crowd::{CLIENTS, Crowd, Random};
use crate::http::{Api, HttpAnswer, text};
use crate::process::{Server, run};

/// How many times the server is killed.
const KILLS: usize = 200;

/// An operation that was asked for after an order was placed: its reference, and the answer, if one came.
type AskedCall = (&'static str, Option<HttpAnswer>);

/// Everything that the clients remember of an order.
#[derive(Debug, Default, Clone)]
struct RememberedOrder {
    order_id: String,
    sessions: Vec<String>,
    answers: Vec<HttpAnswer>,
    asked: Vec<AskedCall>,
}

/// What the clients remember, by checkout.
type Memory = Mutex<HashMap<String, RememberedOrder>>;

fn merchant(address: SocketAddr) -> Api {
    Api { address, token: Some("open-sesame-open-sesame") }
}

fn usd(amount: &str) -> Value {
    json!({ "amount": amount, "currencyCode": "USD" })
}

fn order(order_id: &str, intent: &str) -> Value {
    json!({
        "orderId": order_id,
        "productType": "PayAndShip",
        "paymentDetails": {
            "paymentIntent": intent,
            "chargeAmount": usd("14.00"),
            "totalOrderAmount": usd("30.00"),
        },
        "startOfCheckoutUrl": "https://shop.example/checkout",
    })
}

fn pay(amazon: Api, checkout_id: &str, payment: &Value, card: &str) -> String {
    let body = json!({
        "productType": "PayAndShip",
        "paymentDetails": payment,
        "merchantMetadata": { "merchantReferenceId": checkout_id },
        "card": card,
        "placed": true,
    });
    let session = amazon.post("/_sandbox/checkout-sessions", &body).unwrap();
    assert_eq!(session.status, 201, "{session:?}");
    session.text("checkoutSessionId")
}

/// Makes a request. Two of three clients repeat it until it is answered; the others give up if the
/// connection breaks.
fn ask(
    crowd: &Crowd,
    random: &mut Random,
    request: impl Fn(SocketAddr) -> std::io::Result<HttpAnswer>,
) -> Option<HttpAnswer> {
    if random.below(3) > 0 { Some(crowd.insist(request)) } else { crowd.attempt(request).ok() }
}

/// A client places one order after another: some cards are declined, and some buyers pay in two
/// tabs. A paid order is captured, refunded, charged once more, closed or canceled.
fn take_orders(client: usize, crowd: &Crowd, amazon: Api, memory: &Memory, mut random: Random) {
    for number in 0.. {
        if crowd.is_ending() {
            return;
        }
        let order_id = format!("{client}-{number}");
        let intent = if random.below(3) == 0 { "AuthorizeWithCapture" } else { "Authorize" };
        let order = order(&order_id, intent);
        let registered = crowd.insist(|address| merchant(address).post("/v1/checkouts", &order));
        assert!(matches!(registered.status, 200 | 201), "{registered:?}");
        let checkout_id = registered.text("checkoutId");
        let remember = |change: &dyn Fn(&mut RememberedOrder)| {
            change(memory.lock().unwrap().entry(checkout_id.clone()).or_default());
        };
        remember(&|it| it.order_id.clone_from(&order_id));
        let tabs = if random.below(4) == 0 { 2 } else { 1 };
        for _ in 0..tabs {
            let card = if random.below(8) == 0 { "3434" } else { "1111" };
            let session = pay(amazon, &checkout_id, &order["paymentDetails"], card);
            remember(&|it| it.sessions.push(session.clone()));
            let answer = ask(crowd, &mut random, |address| {
                let path = format!("/v1/checkouts/{checkout_id}/complete");
                merchant(address).post(&path, &json!({ "amazonCheckoutSessionId": session }))
            });
            if let Some(answer) = answer {
                assert!(matches!(answer.status, 200 | 202 | 402), "{answer:?}");
                remember(&|it| it.answers.push(answer.clone()));
            }
        }
        for PlannedCall { call, reference, body } in wishes(intent, &mut random) {
            let path = format!("/v1/checkouts/{checkout_id}/{call}");
            let answer = ask(crowd, &mut random, |address| merchant(address).post(&path, &body));
            if let Some(answer) = &answer {
                let is_rule = answer.status == 409 && answer.body["error"]["code"] != "ReferenceReused";
                assert!(matches!(answer.status, 200..=202) || is_rule, "{call} {body}: {answer:?}");
            }
            remember(&|it| it.asked.push((reference, answer.clone())));
        }
    }
}

/// An operation that a client asks for after an order was placed.
struct PlannedCall {
    call: &'static str,
    reference: &'static str,
    body: Value,
}

fn wishes(intent: &str, random: &mut Random) -> Vec<PlannedCall> {
    let mut wishes = Vec::new();
    let mut wish = |call, reference: &'static str, mut body: Value| {
        body["reference"] = reference.into();
        wishes.push(PlannedCall { call, reference, body });
    };
    if intent == "Authorize" {
        match random.below(4) {
            0 => {}
            1 => wish("captures", "parcel 1", json!({})),
            _ => wish("captures", "parcel 1", json!({ "captureAmount": usd("9.00") })),
        }
    }
    for reference in ["return 1", "return 2"] {
        if random.below(2) == 0 {
            wish("refunds", reference, json!({ "refundAmount": usd("4.00") }));
        }
    }
    if random.below(4) == 0 {
        wish("charges", "parcel 2", json!({ "chargeAmount": usd("10.00"), "captureNow": true }));
    }
    match random.below(4) {
        0 => wish("cancel", "the buyer has called", json!({})),
        1 => wish("close", "all is sent", json!({})),
        _ => {}
    }
    wishes
}

// Promise: B04
#[test]
fn no_sigkill_makes_serve_forget_an_id_pay_twice_or_leave_a_doubt_without_an_owner() {
    let mut random = Random::from_printed_seed();
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(directory.path(), &["keys"]).code, Some(0));
    std::fs::write(directory.path().join("token"), "open-sesame-open-sesame").unwrap();
    let sandbox = Server::start(
        directory.path(),
        &[
            "sandbox",
            "--listen",
            "127.0.0.1:0",
            "--log",
            "warn",
            "--public-key-id",
            "SANDBOX-SHOP",
            "--public-key",
            "merchant-public.pem",
        ],
    );
    let amazon = Api { address: sandbox.address, token: None };
    // Amazon decides on a refund in half a second instead of 30 seconds, and so before the merchant
    // half first asks.
    assert_eq!(amazon.post("/_sandbox/clock", &json!({ "rate": 60 })).unwrap().status, 200);
    let endpoint = format!("http://{}", sandbox.address);
    let start = || {
        Server::start(
            directory.path(),
            &[
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--log",
                "error",
                "--store",
                "sqlite:shop.db",
                "--amazon-endpoint",
                &endpoint,
                "--amazon-region",
                "na",
                "--amazon-merchant-id",
                "ASHOP",
                "--amazon-store-id",
                "shop",
                "--amazon-public-key-id",
                "SANDBOX-SHOP",
                "--amazon-private-key-file",
                "merchant.pem",
                "--shop-token-file",
                "token",
            ],
        )
    };
    let memory = Memory::default();
    let first = start();
    let crowd = Crowd::new(first.address);
    let last = std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (crowd, memory, random) = (&crowd, &memory, random.for_client(client));
            scope.spawn(move || take_orders(client, crowd, amazon, memory, random));
        }
        crowd.kill_again_and_again(KILLS, first, &mut random, start)
    });

    let orders = memory.into_inner().unwrap();
    let (mut answered, mut effects) = (0, Effects::default());
    for (checkout_id, order) in &orders {
        let checked = check_order(merchant(last.address), amazon, checkout_id, order);
        answered += checked.0;
        effects += checked.1;
    }
    println!("{} orders, {answered} ids answered, {effects:?}", orders.len());
    assert!(answered > 0, "a run in which no id is answered proves nothing");
    let Effects { charges, captures, refunds, cancellations, closures } = effects;
    for count in [charges, captures, refunds, cancellations, closures] {
        assert!(count >= LEAST_OF_EACH, "too few effects of one kind to prove anything: {effects:?}");
    }
}

/// A run with fewer effects of any kind than this proves nothing.
const LEAST_OF_EACH: usize = 20;

/// Checks one order against the disk and against Amazon. Returns how many of its answers had ids, and the effects
/// of its operations.
fn check_order(shop: Api, amazon: Api, checkout_id: &str, order: &RememberedOrder) -> (usize, Effects) {
    let path = format!("/v1/checkouts/{checkout_id}");
    let seen = shop.get(&path).unwrap();
    assert_eq!((seen.status, seen.text("orderId")), (200, order.order_id.clone()));
    for attempt in seen.body["attempts"].as_array().unwrap() {
        let is_open = matches!(
            text(attempt, "state").as_str(),
            "Bound" | "Approved" | "Finalizing" | "InDoubt" | "Pending" | "Unresolved"
        );
        assert!(!is_open || attempt["dueAt"].is_string(), "no timer owns {attempt} of {checkout_id}");
    }
    ledgers::check_timers(&seen.body);

    let settled = settle(shop, amazon, &path, order);
    let payment = &settled["payment"];
    let permission = text(&payment["chargePermission"], "chargePermissionId");
    let charge = text(&payment["charges"][0], "chargeId");
    let with_ids = |answer: &&HttpAnswer| answer.body["chargePermissionId"].is_string();
    let answered: Vec<&HttpAnswer> = order.answers.iter().filter(with_ids).collect();
    for answer in &answered {
        let ids = (answer.text("chargePermissionId"), answer.text("chargeId"));
        assert_eq!(ids, (permission.clone(), charge.clone()), "{checkout_id} {order:?}");
        assert!(matches!(answer.text("outcome").as_str(), "paid" | "authorized"), "{answer:?}");
    }
    let is_paid = !payment.is_null();
    let state = text(&settled, "state");
    let is_said_to_be_paid = matches!(state.as_str(), "paid" | "authorized");
    assert!(is_said_to_be_paid == is_paid || state == "canceled", "{checkout_id} {order:?} {settled}");

    assert_eq!(
        completions(amazon, order),
        usize::from(is_paid),
        "payments at Amazon and here: {order:?} {settled}"
    );
    for (reference, answer) in &order.asked {
        ledgers::check_reference(&settled, reference, answer.as_ref());
    }
    let events = events_of(amazon, order);
    if ledgers::is_open(&settled) && ledgers::waits_for_copies(&settled) {
        // An amount in doubt is still reserved here, but no longer available at Amazon.
        assert!(ledgers::knows_all_of(&settled, &events), "{settled} {events:?}");
        return (answered.len(), Effects::default());
    }
    (answered.len(), ledgers::check_agreement(amazon, &settled, &events))
}

fn events_of(amazon: Api, order: &RememberedOrder) -> Vec<Value> {
    let logs = order.sessions.iter().map(|session| {
        let log = amazon.get(&format!("/_sandbox/events?checkoutSessionId={session}")).unwrap();
        log.body["events"].as_array().unwrap().clone()
    });
    logs.flatten().collect()
}

fn completions(amazon: Api, order: &RememberedOrder) -> usize {
    let events = events_of(amazon, order);
    events.iter().filter(|event| event["type"] == "CheckoutSessionCompleted").count()
}

/// The largest number of looks: more than it takes to resolve a call in doubt whose result can be
/// looked up.
const LOOKS: usize = 200_000;

/// Asks until the timers have done their work, or can do no more before the session expires at Amazon.
fn settle(shop: Api, amazon: Api, path: &str, order: &RememberedOrder) -> Value {
    for _ in 0..LOOKS {
        let seen = shop.get(path).unwrap().body;
        if !ledgers::is_open(&seen)
            || ledgers::waits_for_a_lapse(&seen) && completions(amazon, order) == 0
            || ledgers::waits_for_copies(&seen) && ledgers::knows_all_of(&seen, &events_of(amazon, order))
        {
            return seen;
        }
    }
    panic!("still open: {:?}", shop.get(path));
}
