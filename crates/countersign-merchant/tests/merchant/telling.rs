//! The shop is notified of definitive facts: by webhook, once per id, and by a list that skips nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_store::contract::{Key, Store as _};
use countersign_world::Clock as _;
use futures_util::future::{join, join_all, select};
use serde_json::{Value, json};

use super::amazon::Fault;
use super::logs::logged;
use super::shop::{OLD_SECRET, ReceivedWebhook, SECRET, Shop, WebhookAnswer};
use super::world::{ENGINES, Engine, SESSION, World, failure_of, order, session_for, usd, waiting_order};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn world_of_a_shop(engine: Engine) -> (World, Arc<Shop>) {
    let mut world = World::new(engine);
    let shop = Shop::new(&world.time);
    world.webhook = Some(shop.webhook(SECRET));
    world.restart();
    (world, shop)
}

/// Registers and completes an order, and returns its checkout's id.
fn complete(world: &World, number: usize) -> String {
    let mut order = order();
    order["orderId"] = json!(format!("{number}"));
    let checkout_id = world.register(&order);
    let session = format!("s{number}");
    world.amazon.open(&session, session_for(&order, &session, &checkout_id));
    world.complete(&checkout_id, &session);
    checkout_id
}

fn events(world: &World, query: &str) -> Vec<Value> {
    let answer = world.get(&format!("/v1/events?{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["events"].as_array().unwrap().clone()
}

fn kinds(arrived: &[ReceivedWebhook]) -> Vec<String> {
    arrived.iter().map(ReceivedWebhook::kind).collect()
}

// Promise: B31
#[test]
fn each_definitive_outcome_is_one_fact_and_nothing_else_is() {
    let with = |intent: &str| {
        let mut order = order();
        order["paymentDetails"]["paymentIntent"] = json!(intent);
        order
    };
    for (order, faults, expected) in [
        (with("AuthorizeWithCapture"), vec![], vec!["checkout.paid"]),
        (with("Authorize"), vec![], vec!["checkout.authorized"]),
        (with("Confirm"), vec![], vec!["checkout.confirmed"]),
        (with("Authorize"), vec![("finalize", Fault::LostAfter)], vec!["checkout.authorized"]),
        (with("Authorize"), vec![("finalize", Fault::refusal(422, "HardDeclined"))], vec!["attempt.notPaid"]),
        (waiting_order(), vec![("finalize", Fault::Pending)], vec![]),
    ] {
        let (world, shop) = world_of_a_shop(Engine::Memory);
        let checkout_id = world.placed(&order);
        for (operation, fault) in faults {
            world.amazon.fault(operation, fault);
        }
        // Completing again, even twice, does not make a second fact.
        world.complete(&checkout_id, SESSION);
        world.complete(&checkout_id, SESSION);
        world.let_pass(MINUTE);
        assert_eq!(kinds(&shop.arrived()), expected, "{order}");
        let listed = events(&world, "");
        let told: Vec<_> = shop.arrived().iter().map(ReceivedWebhook::json).collect();
        assert_eq!(listed, told, "the list and the webhooks have the same bodies");
    }
}

#[test]
fn what_was_answered_with_202_and_is_refused_in_the_end_is_a_fact_once() {
    let (world, shop) = world_of_a_shop(Engine::Memory);
    let checkout_id = world.completed("Authorize");
    world.let_pass(SECOND);
    world.amazon.fault("createCharge", Fault::refusal(429, "TooManyRequests"));
    world.amazon.fault("createCharge", Fault::refusal(422, "SoftDeclined"));
    let charge = json!({ "reference": "parcel 2", "chargeAmount": usd("10.00") });
    assert_eq!(world.ask(&checkout_id, "charges", &charge).status, 202);
    world.let_pass(MINUTE);
    assert_eq!(world.ask(&checkout_id, "charges", &charge).status, 402);
    world.let_pass(MINUTE);
    let told: Vec<_> = shop.arrived().iter().map(ReceivedWebhook::json).collect();
    assert_eq!(told, events(&world, ""));
    let [_, refused] = told.try_into().unwrap();
    let of = |member: &str| refused[member].clone();
    assert_eq!(
        ["type", "reference", "call", "code", "amount"].map(of),
        [
            json!("operation.refused"),
            json!("parcel 2"),
            json!("createCharge"),
            json!("SoftDeclined"),
            usd("10.00")
        ]
    );
}

#[test]
fn a_fact_names_ids_amount_and_reason_and_nothing_of_the_buyer() {
    let (world, _) = world_of_a_shop(Engine::Memory);
    world.amazon.fault("finalize", Fault::refusal(422, "HardDeclined"));
    complete(&world, 1);
    complete(&world, 2);
    let told = serde_json::to_string_pretty(&events(&world, "")).unwrap();
    for canary in ["Work", "Terry", "98121", "canary"] {
        assert!(!told.contains(canary), "{told}");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn the_longest_fact_is_far_below_twenty_kilobytes() {
    let (world, shop) = world_of_a_shop(Engine::Memory);
    let mut order = order();
    order["orderId"] = json!("\"".repeat(128));
    let checkout_id = world.placed(&order);
    world.amazon.fault("finalize", Fault::refusal(422, "HardDeclined"));
    world.complete(&checkout_id, SESSION);
    world.let_pass(MINUTE);
    let length = shop.arrived()[0].body.len();
    assert!((256..2_000).contains(&length), "{length}");
}

/// The bytes of the shop's secret.
pub(crate) const SECRET_BYTES: [u8; 24] = [
    0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a, 0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f, 0x08, 0x2c, 0xf6,
    0x48, 0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0,
];

/// HMAC-SHA256 by its definition, independent of the signing code.
pub(crate) fn hmac_sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    let hash = |parts: &[&[u8]]| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &parts.concat());
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = hash(&[&block.map(|byte| byte ^ 0x36), text]);
    hash(&[&block.map(|byte| byte ^ 0x5c), inner.as_ref()]).as_ref().to_vec()
}

/// Base64 by its definition.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| bits << 8 | u32::from(*three.get(at).unwrap_or(&0)));
        for place in 0..4 {
            let is_filler = place > three.len();
            text.push(if is_filler {
                '='
            } else {
                char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63])
            });
        }
    }
    text
}

// Promise: B31
#[test]
fn a_receiver_with_its_own_crypto_accepts_each_secrets_signature() {
    let mut world = World::in_memory();
    let shop = Shop::new(&world.time);
    world.webhook = Some(shop.webhook(&format!("{SECRET}\n{OLD_SECRET}\n")));
    world.restart();
    complete(&world, 1);
    world.let_pass(MINUTE);
    let [arrived] = shop.arrived().try_into().unwrap();
    assert_eq!(arrived.uri, "https://shop.example/hooks?from=countersign");
    assert_eq!(arrived.header("content-type"), "application/json");
    assert_eq!(arrived.json()["id"], arrived.id());
    let timestamp = arrived.header("webhook-timestamp");
    assert_eq!(timestamp.parse::<i64>().unwrap(), arrived.at.as_millis() / 1_000);
    let signed = [arrived.id().as_bytes(), b".", timestamp.as_bytes(), b".", &arrived.body].concat();
    let old: Vec<u8> = (0..32).collect();
    let new = SECRET_BYTES;
    let expected = [&new[..], &old].map(|key| format!("v1,{}", base64(&hmac_sha256(key, &signed))));
    assert_eq!(arrived.header("webhook-signature"), expected.join(" "));
}

// Promise: B31
#[test]
fn what_is_not_taken_is_sent_eight_times_on_schedule_and_then_given_up() {
    let (world, shop) = world_of_a_shop(Engine::Memory);
    shop.answers_always(WebhookAnswer::Status(500));
    let lines = logged(|| {
        complete(&world, 1);
        world.let_pass(40 * HOUR);
    });
    let arrived = shop.arrived();
    let pauses: Vec<_> = arrived.windows(2).map(|two| two[1].at.since(two[0].at).as_secs()).collect();
    let expected = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
    assert_eq!(pauses.len(), expected.len(), "{pauses:?}");
    for (pause, expected) in pauses.iter().zip(expected) {
        assert!((expected * 9 / 10..=expected * 11 / 10 + 2).contains(pause), "{pauses:?}");
    }
    assert!(arrived.iter().all(|it| it.id() == arrived[0].id() && it.body == arrived[0].body));
    assert_ne!(arrived[0].header("webhook-timestamp"), arrived[1].header("webhook-timestamp"));
    assert_eq!(lines.iter().filter(|line| line.contains("a webhook was abandoned")).count(), 1);
    assert_eq!(events(&world, "").len(), 1, "it is still in the list");
    assert!(lines.iter().all(|line| !line.contains("canary")), "the shop's answer is not logged");
}

#[test]
fn only_a_2xx_is_success() {
    for (answer, sends) in [
        (WebhookAnswer::Status(200), 1),
        (WebhookAnswer::Status(299), 1),
        (WebhookAnswer::Status(302), 2),
        (WebhookAnswer::Status(400), 2),
        (WebhookAnswer::Status(503), 2),
        (WebhookAnswer::Refused, 2),
        (WebhookAnswer::Hangs, 2),
    ] {
        let (world, shop) = world_of_a_shop(Engine::Memory);
        shop.answers([answer]);
        complete(&world, 1);
        world.let_pass(MINUTE);
        assert_eq!(shop.arrived().len(), sends, "{answer:?}");
        if let WebhookAnswer::Hangs = answer {
            let waited = shop.arrived()[1].at.since(shop.arrived()[0].at).as_secs();
            assert!((19..=22).contains(&waited), "15 s for the request and then the pause: {waited}");
        }
    }
}

#[test]
fn the_shop_can_ask_for_time() {
    for (after, expected) in [
        ("Mon, 23 Nov 2026 16:47:00 GMT", 3_600),
        ("Mon, 23 Nov 2026 14:47:00 GMT", 5),
        ("60", 60),
        ("1", 5),
        ("36000", 36_000),
        ("999999", 36_000),
        ("soon", 5),
    ] {
        let (world, shop) = world_of_a_shop(Engine::Memory);
        shop.answers([WebhookAnswer::Later(429, after)]);
        complete(&world, 1);
        world.let_pass(11 * HOUR);
        let [first, second] = shop.arrived().try_into().unwrap();
        let pause = second.at.since(first.at).as_secs();
        assert!((expected * 9 / 10..=expected * 11 / 10 + 2).contains(&pause), "{after}: {pause}");
    }
}

#[test]
fn a_shop_that_is_gone_is_left_alone_until_a_restart() {
    let (mut world, shop) = world_of_a_shop(Engine::Memory);
    shop.answers_always(WebhookAnswer::Status(410));
    let lines = logged(|| {
        for number in 0..20 {
            complete(&world, number);
        }
        world.let_pass(24 * HOUR);
    });
    let before = shop.arrived().len();
    assert!((1..=8).contains(&before), "no more than were on their way: {before}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("ERROR") && line.contains("410")).count(), 1);
    shop.answers_always(WebhookAnswer::Status(200));
    world.restart();
    world.let_pass(MINUTE);
    assert_eq!(shop.arrived().len(), before + 20, "all are sent after the restart");
}

// Promise: B31
#[test]
fn a_crash_between_commit_and_send_sends_after_the_restart() {
    for engine in ENGINES {
        let (mut world, shop) = world_of_a_shop(engine);
        complete(&world, 1);
        assert!(shop.arrived().is_empty(), "nothing was sent yet");
        world.restart();
        world.let_pass(MINUTE);
        assert_eq!(kinds(&shop.arrived()), ["checkout.paid"]);
        world.restart();
        world.let_pass(HOUR);
        assert_eq!(shop.arrived().len(), 1, "what was delivered is not sent again");
    }
}

// Promise: B31
#[test]
fn a_crash_between_send_and_its_answer_sends_again_under_the_same_id() {
    for engine in ENGINES {
        let (mut world, shop) = world_of_a_shop(engine);
        complete(&world, 1);
        shop.answers([WebhookAnswer::Hangs]);
        world.let_pass(Duration::from_secs(5));
        assert_eq!(shop.arrived().len(), 1);
        world.restart();
        world.let_pass(MINUTE);
        let [first, second] = shop.arrived().try_into().unwrap();
        assert_eq!((first.id(), first.body.clone()), (second.id(), second.body.clone()));
    }
}

#[test]
fn a_store_that_does_not_keep_a_delivery_causes_a_repetition_and_no_loss() {
    let (world, shop) = world_of_a_shop(Engine::Memory);
    complete(&world, 1);
    world.store.hook.loses_releases.store(true, std::sync::atomic::Ordering::SeqCst);
    world.let_pass(Duration::from_secs(5));
    assert_eq!(shop.arrived().len(), 1);
    world.store.hook.loses_releases.store(false, std::sync::atomic::Ordering::SeqCst);
    world.let_pass(HOUR);
    let [first, second] = shop.arrived().try_into().unwrap();
    assert_eq!(first.id(), second.id());
}

#[test]
fn facts_of_one_checkout_leave_in_their_order() {
    let (world, shop) = world_of_a_shop(Engine::Memory);
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
    world.complete(&checkout_id, SESSION);
    shop.answers([WebhookAnswer::Later(503, "3600")]);
    world.amazon.open("s2", session_for(&order(), "s2", &checkout_id));
    world.complete(&checkout_id, "s2");
    let other = complete(&world, 3);
    world.let_pass(2 * HOUR);
    let arrived: Vec<_> =
        shop.arrived().iter().map(|it| (it.json()["checkoutId"] == other, it.kind())).collect();
    let of = |is_other, kind: &str| (is_other, kind.to_owned());
    assert_eq!(
        arrived,
        [
            of(false, "attempt.notPaid"),
            of(true, "checkout.paid"),
            of(false, "attempt.notPaid"),
            of(false, "checkout.paid"),
        ],
        "another order's facts do not wait"
    );
}

#[test]
fn a_fact_that_waits_for_its_turn_is_not_overtaken_by_one_that_comes_later() {
    let (world, shop) = world_of_a_shop(Engine::Memory);
    let checkout_id = world.completed("Authorize");
    world.ask(&checkout_id, "captures", &json!({ "reference": "1" }));
    // The first is sent and the second is held until the first is over; then the third is added.
    let closing = async {
        world.time.sleep(Duration::from_millis(20)).await;
        world.asking(&checkout_id, "close", &json!({ "reference": "2" })).await
    };
    let timers = std::pin::pin!(world.merchant().timers());
    world.run(join(closing, select(world.time.sleep(MINUTE), timers)));
    assert_eq!(kinds(&shop.arrived()), ["checkout.authorized", "charge.captured", "chargePermission.closed"]);
}

#[test]
fn a_fact_that_only_waited_for_its_turn_has_all_its_sends() {
    let (world, shop) = world_of_a_shop(Engine::Memory);
    shop.answers_always(WebhookAnswer::Status(500));
    declined_and_then_paid(&world);
    world.let_pass(80 * HOUR);
    let count = |kind: &str| kinds(&shop.arrived()).iter().filter(|it| *it == kind).count();
    assert_eq!((count("attempt.notPaid"), count("checkout.paid")), (8, 8));
}

/// An order whose first attempt is declined and whose second is paid: two facts of one checkout.
fn declined_and_then_paid(world: &World) {
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
    world.complete(&checkout_id, SESSION);
    world.amazon.open("s2", session_for(&order(), "s2", &checkout_id));
    world.complete(&checkout_id, "s2");
}

#[test]
fn a_fact_that_had_only_waited_for_its_turn_when_the_process_ended_has_all_its_sends() {
    let (mut world, shop) = world_of_a_shop(Engine::Memory);
    shop.answers_always(WebhookAnswer::Hangs);
    declined_and_then_paid(&world);
    let count = |kind: &str| kinds(&shop.arrived()).iter().filter(|it| *it == kind).count();
    world.let_pass(Duration::from_secs(14));
    assert_eq!((count("attempt.notPaid"), count("checkout.paid")), (1, 0), "one waits for the other");
    world.restart();
    world.let_pass(80 * HOUR);
    // The result of the send during which the process ended is not known, so it was not counted.
    assert_eq!((count("attempt.notPaid"), count("checkout.paid")), (9, 8));
}

#[test]
fn sends_are_counted_across_restarts() {
    let (mut world, shop) = world_of_a_shop(Engine::Memory);
    shop.answers_always(WebhookAnswer::Status(500));
    complete(&world, 1);
    for _ in 0..10 {
        world.let_pass(4 * HOUR);
        world.restart();
    }
    assert_eq!(shop.arrived().len(), 8);
    assert_eq!(world.run(world.store.backlog("fact", 1)).unwrap().count, 0);
    assert!(
        !has_failures(&world, shop.arrived()[0].id()),
        "the failures of a webhook that was given up are forgotten"
    );
}

fn has_failures(world: &World, event_id: &str) -> bool {
    let key = Key { collection: "webhook", id: event_id.to_owned() };
    world.run(world.store.load(&[key])).unwrap()[0].is_some()
}

#[test]
fn failures_are_counted_until_the_fact_is_delivered_and_no_longer() {
    for engine in ENGINES {
        let (world, shop) = world_of_a_shop(engine);
        shop.answers([WebhookAnswer::Status(500)]);
        complete(&world, 1);
        world.let_pass(2 * SECOND);
        assert!(has_failures(&world, shop.arrived()[0].id()));
        world.let_pass(MINUTE);
        assert_eq!(shop.arrived().len(), 2);
        assert!(!has_failures(&world, shop.arrived()[0].id()));
    }
}

#[test]
fn a_shop_that_hangs_holds_up_no_completion_and_no_more_than_eight_requests_wait() {
    let (world, shop) = world_of_a_shop(Engine::Memory);
    shop.answers_always(WebhookAnswer::Hangs);
    for number in 0..50 {
        complete(&world, number);
    }
    world.let_pass(Duration::from_secs(10));
    assert_eq!(shop.arrived().len(), 8);
    let checkout_id = complete(&world, 50);
    assert_eq!(world.attempts(&checkout_id), ["Completed"]);
    shop.answers_always(WebhookAnswer::Status(200));
    world.let_pass(HOUR);
    let told: BTreeSet<_> = shop.arrived().iter().map(|it| it.id().to_owned()).collect();
    assert_eq!(told.len(), 51);
    assert_eq!(world.run(world.store.backlog("fact", 1)).unwrap().count, 0);
}

#[test]
fn without_an_endpoint_no_fact_waits_to_be_sent() {
    let world = World::in_memory();
    complete(&world, 1);
    world.let_pass(MINUTE);
    assert_eq!(world.run(world.store.backlog("fact", 1)).unwrap().count, 0);
    assert_eq!(events(&world, "").len(), 1);
}

// Promise: B31
#[test]
fn events_are_read_page_by_page_without_gap_or_repetition_while_others_write() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (mut seen, mut after) = (Vec::new(), String::new());
        for round in 0..12 {
            let orders: Vec<_> = (0..9).map(|at| round * 9 + at).collect();
            let completions = orders.iter().map(|number| {
                let mut order = order();
                order["orderId"] = json!(format!("{number}"));
                let checkout_id = world.register(&order);
                let session = format!("s{number}");
                world.amazon.open(&session, session_for(&order, &session, &checkout_id));
                world.completing(&checkout_id, &session)
            });
            let query = format!("/v1/events?limit=5&after={after}");
            let reading = world.request("GET", &query, "");
            let (_, page) =
                world.run(futures_util::future::join(join_all(completions.collect::<Vec<_>>()), reading));
            for event in page.json()["events"].as_array().unwrap() {
                after = event["id"].as_str().unwrap().to_owned();
                seen.push(event["orderId"].as_str().unwrap().to_owned());
            }
        }
        loop {
            let page = events(&world, &format!("limit=1000&after={after}"));
            let Some(last) = page.last() else { break };
            after = last["id"].as_str().unwrap().to_owned();
            seen.extend(page.iter().map(|event| event["orderId"].as_str().unwrap().to_owned()));
        }
        let distinct: BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (108, 108));
        let all: Vec<_> = events(&world, "limit=1000").iter().map(|it| it["orderId"].clone()).collect();
        assert_eq!(all, seen, "in the same order for every reader");
        assert_eq!(events(&world, "").len(), 100, "a page has a hundred events by default");
    }
}

#[test]
fn a_query_of_events_that_cannot_be_read_is_refused_naming_the_field() {
    let world = World::in_memory();
    complete(&world, 1);
    let id = events(&world, "")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(events(&world, &format!("after={id}")), Vec::<Value>::new());
    let number: u64 = id.strip_prefix("evt_").unwrap().parse().unwrap();
    for (query, field) in [
        ("limit=0".to_owned(), "limit"),
        ("limit=1001".to_owned(), "limit"),
        ("limit=-1".to_owned(), "limit"),
        ("limit=ten".to_owned(), "limit"),
        ("limit=".to_owned(), "limit"),
        (format!("after={number}"), "after"),
        (format!("after=evt_0{number}"), "after"),
        ("after=evt_".to_owned(), "after"),
        ("after=evt_999999".to_owned(), "after"),
        (format!("after=evt_{}", number - 1), "after"),
        ("after=evt_0".to_owned(), "after"),
        (format!("after={id}&after={id}"), "after"),
        ("limit=1&limit=1".to_owned(), "limit"),
        ("limit=%2B1".to_owned(), "limit"),
    ] {
        let refused = world.get(&format!("/v1/events?{query}"));
        assert_eq!(refused.refusal(), (400, "InvalidValue".to_owned(), Some(field.to_owned())), "{query}");
    }
}

#[test]
fn a_world_that_ends_with_an_unsent_fact_fails_its_test() {
    let failure = failure_of(|| {
        let (mut world, _) = world_of_a_shop(Engine::Memory);
        complete(&world, 1);
        world.reopen();
    });
    let expected = "messages of fact are not delivered";
    assert!(failure.as_deref().is_some_and(|why| why.contains(expected)), "{failure:?}");
}
