//! The merchant half under SIGKILL: whatever moment it dies at, an id that it has told of is on disk,
//! no order is paid twice, and every doubt has an owner.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::crowd::{CLIENTS, Crowd, Random};
use crate::http::{Answer, Api, text};
use crate::process::{Server, run};

/// All that the clients remember of an order.
#[derive(Debug, Default, Clone)]
struct Remembered {
    order_id: String,
    sessions: Vec<String>,
    answers: Vec<Answer>,
}

/// What was told, by checkout.
type Memory = Mutex<HashMap<String, Remembered>>;

fn merchant(address: SocketAddr) -> Api {
    Api { address, token: Some("open-sesame") }
}

fn order(order_id: &str) -> Value {
    json!({
        "orderId": order_id,
        "productType": "PayAndShip",
        "paymentDetails": {
            "paymentIntent": "AuthorizeWithCapture",
            "chargeAmount": { "amount": "14.00", "currencyCode": "USD" },
        },
        "startOfCheckoutUrl": "https://shop.example/checkout",
    })
}

fn pay(amazon: Api, checkout_id: &str, card: &str) -> String {
    let body = json!({
        "productType": "PayAndShip",
        "paymentDetails": order("")["paymentDetails"],
        "merchantMetadata": { "merchantReferenceId": checkout_id },
        "card": card,
        "placed": true,
    });
    let session = amazon.post("/_sandbox/checkout-sessions", &body).unwrap();
    assert_eq!(session.status, 201, "{session:?}");
    session.text("checkoutSessionId")
}

/// A client takes order after order: some cards are declined, some buyers pay in two tabs, and some
/// never come back when the connection breaks.
fn take_orders(client: usize, crowd: &Crowd, amazon: Api, memory: &Memory, mut random: Random) {
    for number in 0.. {
        if crowd.is_ending() {
            return;
        }
        let order_id = format!("{client}-{number}");
        let registered = crowd.insist(|address| merchant(address).post("/v1/checkouts", &order(&order_id)));
        assert!(matches!(registered.status, 200 | 201), "{registered:?}");
        let checkout_id = registered.text("checkoutId");
        memory.lock().unwrap().entry(checkout_id.clone()).or_default().order_id = order_id;
        let tabs = if random.below(4) == 0 { 2 } else { 1 };
        for _ in 0..tabs {
            let card = if random.below(8) == 0 { "3434" } else { "1111" };
            let session = pay(amazon, &checkout_id, card);
            let remember = |change: &dyn Fn(&mut Remembered)| {
                change(memory.lock().unwrap().entry(checkout_id.clone()).or_default());
            };
            remember(&|order| order.sessions.push(session.clone()));
            let complete = |address| {
                let path = format!("/v1/checkouts/{checkout_id}/complete");
                merchant(address).post(&path, &json!({ "amazonCheckoutSessionId": session }))
            };
            let is_patient = random.below(3) > 0;
            let answer = if is_patient { Some(crowd.insist(complete)) } else { crowd.attempt(complete).ok() };
            if let Some(answer) = answer {
                assert!(matches!(answer.status, 200 | 202 | 402), "{answer:?}");
                remember(&|order| order.answers.push(answer.clone()));
            }
        }
    }
}

#[test]
fn no_sigkill_makes_serve_forget_an_id_pay_twice_or_leave_a_doubt_without_an_owner() {
    let mut random = Random::from_printed_seed();
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(directory.path(), &["keys"]).code, Some(0));
    std::fs::write(directory.path().join("token"), "open-sesame").unwrap();
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
            let (crowd, memory, random) = (&crowd, &memory, random.of_client(client));
            scope.spawn(move || take_orders(client, crowd, amazon, memory, random));
        }
        crowd.kill_again_and_again(first, &mut random, start)
    });

    let orders = memory.into_inner().unwrap();
    let mut told = 0;
    for (checkout_id, order) in &orders {
        told += check_order(merchant(last.address), amazon, checkout_id, order);
    }
    println!("{} orders, {told} ids told", orders.len());
    assert!(told > 0, "a test that tells of no id proves nothing");
}

/// Checks one order against the disk and against Amazon; gives back how many ids were told of it.
fn check_order(shop: Api, amazon: Api, checkout_id: &str, order: &Remembered) -> usize {
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

    let settled = settle(shop, &path);
    let (permission, charge) = (settled.text("chargePermissionId"), settled.text("chargeId"));
    let with_ids = |answer: &&Answer| answer.body["chargePermissionId"].is_string();
    let told: Vec<&Answer> = order.answers.iter().filter(with_ids).collect();
    for answer in &told {
        let ids = (answer.text("chargePermissionId"), answer.text("chargeId"));
        assert_eq!(ids, (permission.clone(), charge.clone()), "{checkout_id} {order:?}");
        assert_eq!((answer.text("outcome"), settled.text("state")), ("paid".to_owned(), "paid".to_owned()));
    }

    let completed: usize = order.sessions.iter().map(|session| completions(amazon, session)).sum();
    let paid = usize::from(settled.text("state") == "paid");
    assert_eq!(completed, paid, "payments at Amazon and here: {checkout_id} {order:?} {settled:?}");
    told.len()
}

fn completions(amazon: Api, session: &str) -> usize {
    let log = amazon.get(&format!("/_sandbox/events?checkoutSessionId={session}")).unwrap();
    let events = log.body["events"].as_array().unwrap();
    events.iter().filter(|event| text(event, "type") == "CheckoutSessionCompleted").count()
}

/// More looks than a doubt takes whose answer can be looked up.
const LOOKS: usize = 200_000;

/// Asks until the timers have done their work.
fn settle(shop: Api, path: &str) -> Answer {
    for _ in 0..LOOKS {
        let seen = shop.get(path).unwrap();
        if !matches!(seen.text("state").as_str(), "checking" | "pending") {
            return seen;
        }
    }
    panic!("still open: {:?}", shop.get(path));
}
