//! The operator's figures, and the log lines about open work.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::amazon::Fault;
use super::logs::logged;
use super::shop::{SECRET, Shop, WebhookAnswer};
use super::world::{Engine, SESSION, World, order, session_for, waiting_order};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The samples of a scrape: the name with its labels, and the value.
fn scraped(world: &World) -> BTreeMap<String, String> {
    let answer = world.run(world.request_with("GET", "/metrics", "", None));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
    let lines = answer.text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

#[track_caller]
fn shows(world: &World, expected: &[(&str, &str)]) {
    let scraped = scraped(world);
    for (name, value) in expected {
        assert_eq!(scraped.get(&format!("countersign_{name}")).map(String::as_str), Some(*value), "{name}");
    }
}

// Promise: B39
#[test]
fn a_doubt_is_seen_from_its_beginning_to_its_end() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    world.amazon.fault("finalize", Fault::LostBefore);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    world.complete(&checkout_id, SESSION);
    world.let_pass(2 * MINUTE);
    let doubt = r#"open{kind="attempt",state="InDoubt"}"#;
    let stuck = r#"stuck{kind="attempt",state="InDoubt"}"#;
    shows(&world, &[(doubt, "1"), (stuck, "0"), ("doubts_began_total", "1")]);
    world.let_pass(11 * MINUTE);
    shows(&world, &[(doubt, "1"), (stuck, "1")]);
    world.amazon.comes_back();
    world.amazon.cancel(SESSION, "Expired");
    world.skip(24 * HOUR);
    assert_eq!(world.attempts(&checkout_id), ["NotPaid"]);
    world.let_pass(2 * MINUTE);
    shows(
        &world,
        &[
            (doubt, "0"),
            (stuck, "0"),
            (r#"doubts_resolved_total{outcome="NotPaid"}"#, "1"),
            ("time_to_definitive_seconds_count", "1"),
            (r#"time_to_definitive_seconds_bucket{le="1.0"}"#, "0"),
            (r#"time_to_definitive_seconds_bucket{le="2592000.0"}"#, "1"),
        ],
    );
}

// Promise: B39
#[test]
fn repetitions_are_counted_and_a_quick_payment_is_quick() {
    let world = World::in_memory();
    let checkout_id = world.placed(&order());
    for _ in 0..5 {
        world.complete(&checkout_id, SESSION);
    }
    shows(
        &world,
        &[
            (r#"duplicates_suppressed_total{of="completion"}"#, "4"),
            (r#"time_to_definitive_seconds_bucket{le="0.1"}"#, "1"),
        ],
    );
}

// Promise: B39
#[test]
fn timers_webhooks_and_snapshots_that_wait_are_counted() {
    let mut world = World::new(Engine::Sqlite);
    let shop = Shop::new(&world.time);
    shop.answers_always(WebhookAnswer::Status(500));
    world.webhook = Some(shop.webhook(SECRET));
    world.restart();
    let checkout_id = world.placed(&order());
    world.complete(&checkout_id, SESSION);
    let mut pending = waiting_order();
    pending["orderId"] = json!("2");
    let second = world.register(&pending);
    world.amazon.open("s2", session_for(&pending, "s2", &second));
    world.amazon.fault("finalize", Fault::Pending);
    world.complete(&second, "s2");
    world.amazon.goes_down("permission");
    world.let_pass(2 * MINUTE);
    shows(
        &world,
        &[
            (r#"open{kind="attempt",state="Pending"}"#, "1"),
            ("webhook_backlog", "1"),
            (r#"webhooks_total{outcome="failed"}"#, "2"),
            (r#"snapshots_missing{state="due"}"#, "1"),
            (r#"snapshots_missing{state="missed"}"#, "0"),
            ("timers_overdue", "0"),
        ],
    );
    shop.answers_always(WebhookAnswer::Status(200));
    world.skip(40 * 24 * HOUR);
    world.let_pass(2 * MINUTE);
    shows(
        &world,
        &[
            ("webhook_backlog", "0"),
            (r#"webhooks_total{outcome="delivered"}"#, "1"),
            (r#"snapshots_missing{state="due"}"#, "0"),
            (r#"snapshots_missing{state="missed"}"#, "1"),
        ],
    );
}

// Promise: B39
#[test]
fn no_figure_names_an_order_an_id_or_a_buyer() {
    let mut world = World::in_memory();
    let shop = Shop::new(&world.time);
    world.webhook = Some(shop.webhook(SECRET));
    world.restart();
    let mut order = order();
    order["orderId"] = json!("CANARY-ORDER");
    let checkout_id = world.placed(&order);
    world.amazon.fault("finalize", Fault::refusal(422, "CanaryCode"));
    world.complete(&checkout_id, SESSION);
    world.let_pass(15 * MINUTE);
    let text = world.get("/metrics").text;
    for canary in
        ["CANARY", "Canary", &checkout_id, SESSION, "S01-", "Terry", "14.00", "USD", "shop.example", "whsec"]
    {
        assert!(!text.contains(canary), "{canary}: {text}");
    }
    assert!(text.lines().count() > 30, "there are figures to check");
}

// Promise: B39
#[test]
fn what_is_stuck_is_logged_once_an_hour_and_when_there_is_more() {
    let world = World::in_memory();
    let complete = |number: usize| {
        let mut order = order();
        order["orderId"] = json!(format!("{number}"));
        let checkout_id = world.register(&order);
        let session = format!("s{number}");
        world.amazon.open(&session, session_for(&order, &session, &checkout_id));
        world.amazon.fault("finalize", Fault::LostBefore);
        world.amazon.fault("session", Fault::Nothing);
        world.complete(&checkout_id, &session);
    };
    let told = |work: &dyn Fn()| {
        let lines = logged(work);
        lines.iter().filter(|line| line.contains("open for more than ten minutes")).count()
    };
    let line = logged(|| world.let_pass(2 * HOUR));
    assert_eq!(line, Vec::<String>::new(), "nothing is open, so nothing is logged");
    world.amazon.goes_down("session");
    complete(1);
    assert_eq!(told(&|| world.let_pass(9 * MINUTE)), 0);
    assert_eq!(told(&|| world.let_pass(170 * MINUTE)), 3, "at 10 minutes and each hour after");
}

// Promise: B39
#[test]
fn a_charge_that_must_be_captured_is_counted_and_reported_in_time() {
    let world = World::in_memory();
    let mut order = order();
    order["paymentDetails"]["paymentIntent"] = json!("Authorize");
    let checkout_id = world.placed(&order);
    world.complete(&checkout_id, SESSION);
    let due = |deadline, hours| format!("captures_due{{deadline=\"{deadline}\",hours=\"{hours}\"}}");
    let counted = |within_24: &str, within_72: &str| {
        world.let_pass(2 * MINUTE);
        shows(
            &world,
            &[(&due("expiry", 24), within_24), (&due("expiry", 72), within_72), (&due("guarantee", 72), "0")],
        );
    };
    // Until Amazon shows a different expiry, an authorization expires after two days.
    counted("0", "1");
    let told = |world: &World| {
        let events = world.get("/v1/events").json()["events"].clone();
        let due = |event: &&serde_json::Value| event["type"] == "capture.due";
        events.as_array().unwrap().iter().filter(due).map(|it| it["reason"].clone()).collect::<Vec<_>>()
    };
    assert!(told(&world).is_empty());
    world.skip(25 * HOUR);
    counted("1", "1");
    assert_eq!(told(&world), ["expiry"], "24 hours before it expires, once");
}
