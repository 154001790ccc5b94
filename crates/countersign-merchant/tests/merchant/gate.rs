//! "May I ship?" over HTTP: how old an answer may be, who looks, and until when an authorization pays.

use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_merchant::settings::{AfterGuarantee, Policy};
use countersign_world::Clock as _;
use futures_util::future::{join, join_all, select};
use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{ENGINES, World, order};

const CHARGE: &str = "S01-5105180-0000001-C000001";
const DAY: Duration = Duration::from_secs(86_400);

fn path(id: &str, query: &str) -> String {
    format!("/v1/checkouts/{id}/fulfilment{query}")
}

fn looks(world: &World) -> usize {
    world.amazon.arrived("charge").len()
}

fn seen_at(answer: &Value) -> Timestamp {
    Timestamp::parse(answer["seenAt"].as_str().unwrap()).unwrap()
}

// Promise: B09
#[test]
fn the_answer_says_when_amazon_last_showed_the_charge_and_the_caller_says_how_old_that_may_be() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = world.completed("Authorize");
        let ask = |query: &str| world.get(&path(&id, query)).json();
        let first = world.time.now();
        assert_eq!(seen_at(&ask("")).as_millis() / 1_000, first.as_millis() / 1_000);
        for (waited, query, is_looked) in [
            (30, "", false),
            (29, "?maxAge=60", false),
            (2, "?maxAge=60", true),
            (61, "", true),
            (10, "?maxAge=9", true),
            (10, "?maxAge=11", false),
            (1, "?maxAge=0", true),
            (299, "?maxAge=300", false),
            (2, "?maxAge=300", true),
        ] {
            world.time.advance(Duration::from_secs(waited));
            let (before, now) = (looks(&world), world.time.now());
            let answer = ask(query);
            assert_eq!(looks(&world) - before, usize::from(is_looked), "{waited} s, {query}");
            assert_eq!(answer["mayShip"], true);
            let second = |at: Timestamp| at.as_millis() / 1_000;
            assert_eq!(second(seen_at(&answer)) == second(now), is_looked, "{waited} s, {query}: {answer}");
        }
    }
}

// Promise: B09
#[test]
fn a_yes_is_not_older_than_asked_for_whatever_amazon_did_meanwhile() {
    for (decided, reason) in [
        ("Canceled", "ChargeCanceled"),
        ("Declined", "ChargeDeclined"),
        ("CaptureInitiated", "CaptureInitiated"),
    ] {
        let world = World::in_memory();
        let id = world.completed("Authorize");
        assert_eq!(world.fulfilment(&id), (true, "Authorized".to_owned()));
        world.time.advance(Duration::from_secs(5));
        world.amazon.decide(CHARGE, decided);
        let ask = |max_age: u32| world.get(&path(&id, &format!("?maxAge={max_age}"))).json();
        assert_eq!(ask(5)["mayShip"], true, "this old it may be");
        let now = ask(4);
        assert_eq!((&now["mayShip"], &now["reason"]), (&json!(false), &json!(reason)));
    }
    // The charge is refunded elsewhere.
    let world = World::in_memory();
    let id = world.completed("AuthorizeWithCapture");
    assert_eq!(world.fulfilment(&id), (true, "Captured".to_owned()));
    world.time.advance(Duration::from_secs(61));
    world.amazon.change_charge(CHARGE, |charge| charge["refundedAmount"] = charge["captureAmount"].clone());
    assert_eq!(world.fulfilment(&id), (false, "Refunded".to_owned()));
}

// Promise: B09
#[test]
fn one_look_at_a_charge_is_shared_by_all_who_ask_at_the_same_time() {
    for (query, most) in [("", 1), ("?maxAge=300", 1), ("?maxAge=0", 2)] {
        let world = World::in_memory();
        let id = world.completed("Authorize");
        world.get(&path(&id, ""));
        world.time.advance(Duration::from_secs(600));
        let before = looks(&world);
        let asked = (0..64).map(|_| world.request("GET", &path(&id, query), ""));
        let answers = world.run(join_all(asked));
        assert!(answers.iter().all(|answer| answer.json()["mayShip"] == true), "{query}");
        assert!((1..=most).contains(&(looks(&world) - before)), "{query}: {}", looks(&world) - before);
    }
    // If Amazon does not answer, that is shared too.
    let world = World::in_memory();
    let id = world.completed("Authorize");
    world.get(&path(&id, ""));
    world.time.advance(Duration::from_secs(600));
    let before = looks(&world);
    world.amazon.fault("charge", Fault::HangBefore);
    let asked = (0..64).map(|_| world.request("GET", &path(&id, ""), ""));
    let answers = world.run(join_all(asked));
    assert!(answers.iter().all(|answer| answer.json()["reason"] == "Checking"));
    assert_eq!(looks(&world) - before, 1);
    // If a caller gives up while it looks, the next caller looks for itself.
    world.amazon.fault("charge", Fault::HangBefore);
    let one = || world.request("GET", &path(&id, ""), "");
    let (gives_up, waits) = (Box::pin(one()), one());
    let second = Box::pin(world.time.sleep(Duration::from_secs(1)));
    let (_, answer) = world.run(join(async { drop(select(gives_up, second).await) }, waits));
    assert_eq!(answer.json()["mayShip"], true, "{}", answer.text);
    assert_eq!(looks(&world) - before, 3);
    world.leaves_calls_unanswered();
}

// Promise: B09
#[test]
fn a_max_age_that_is_none_is_refused_by_its_name() {
    let world = World::in_memory();
    let id = world.completed("Authorize");
    let field = |field: &str| (400, "InvalidValue".to_owned(), Some(field.to_owned()));
    for query in ["-1", "301", "abc", "", "1.5", "%2B5", "+5", "99999999999999999999", "60s"] {
        assert_eq!(world.get(&path(&id, &format!("?maxAge={query}"))).refusal(), field("maxAge"), "{query}");
    }
    assert_eq!(world.get(&path(&id, "?maxAge=1&maxAge=1")).refusal(), field("maxAge"));
    assert_eq!(
        world.get(&path(&id, &format!("?chargeId={CHARGE}&chargeId={CHARGE}"))).refusal(),
        field("chargeId")
    );
    assert_eq!(world.get(&path(&id, "?chargeId=")).refusal(), field("chargeId"), "it is not all charges");
    for query in ["?maxAge=0", "?maxAge=%30", "?maxAge=300", &format!("?maxAge=60&chargeId={CHARGE}")] {
        assert_eq!(world.get(&path(&id, query)).status, 200, "{query}");
    }
}

// Promise: B09
#[test]
fn a_known_charge_says_when_it_was_seen_whatever_the_answer_is() {
    let world = World::in_memory();
    let id = world.completed("AuthorizeWithCapture");
    world.let_pass(Duration::from_secs(120));
    let shown = |query: &str| {
        let answer = world.get(&path(&id, query)).json();
        (answer["reason"].as_str().unwrap().to_owned(), answer["seenAt"].clone())
    };
    let (reason, seen_at) = shown("?maxAge=0");
    assert_eq!(reason, "Captured");
    assert!(seen_at.is_string());
    world.amazon.goes_down("charge");
    let cancel = world.call("POST", &format!("/v1/checkouts/{id}/cancel"), r#"{"reference":"1"}"#);
    assert_eq!(cancel.status, 202, "{}", cancel.text);
    for query in ["", &format!("?chargeId={CHARGE}")] {
        assert_eq!(shown(query), ("CancelRequested".to_owned(), seen_at.clone()), "{query}");
    }
    world.amazon.comes_back();
    world.let_pass(Duration::from_secs(3_600));
    let (reason, seen_later) = shown("");
    assert_eq!(reason, "CancelRequested", "Amazon has not refunded it yet");
    assert!(seen_later.is_string());
    let mut another = order();
    another["orderId"] = json!("1002");
    let unpaid = world.register(&another);
    assert_eq!(world.get(&path(&unpaid, "")).json()["seenAt"], Value::Null, "there is no charge");
}

// Promise: B09, D18
#[test]
fn after_seven_days_an_authorization_pays_for_a_parcel_only_if_the_shop_says_so() {
    // `lastUpdatedTimestamp` is what is left if `creationTimestamp` is not shown.
    let members = ["/creationTimestamp", "/statusDetails/lastUpdatedTimestamp"];
    for (word, member) in AfterGuarantee::ALL.iter().flat_map(|word| members.map(|member| (word, member))) {
        let mut world = World::in_memory();
        world.amazon.authorizes_for(30 * DAY);
        world.policy = Policy { after_guarantee: *word, ..Policy::default() };
        world.restart();
        let id = world.completed("Authorize");
        let made_at = world.time.now();
        // Amazon made the charge a day before the shop learned of it.
        let created_at = made_at.minus(DAY).to_string();
        world.amazon.change_charge(CHARGE, |charge| {
            charge["creationTimestamp"] = json!(null);
            charge["statusDetails"]["lastUpdatedTimestamp"] = json!(null);
            *charge.pointer_mut(member).unwrap() = json!(created_at);
        });
        world.skip(6 * DAY - Duration::from_secs(10));
        assert_eq!(world.fulfilment(&id), (true, "Authorized".to_owned()));
        world.skip(Duration::from_secs(11));
        let (may_ship, reason) = match word {
            AfterGuarantee::No => (false, "GuaranteeEnded"),
            AfterGuarantee::Yes => (true, "Authorized"),
        };
        assert_eq!(world.fulfilment(&id), (may_ship, reason.to_owned()));
        let explained = world.get(&format!("/v1/checkouts/{id}/explanation")).json();
        assert_eq!((&explained["reason"], &explained["mayShip"]), (&json!(reason), &json!(may_ship)));
        assert!(explained["seenAt"].is_string());
        world.skip(3 * DAY);
        assert_eq!(world.fulfilment(&id).1, reason, "day 10");
        // Once the charge is captured, it pays again.
        assert_eq!(world.ask(&id, "captures", &json!({ "reference": "1" })).status, 200);
        assert_eq!(world.fulfilment(&id), (true, "Captured".to_owned()));
    }
}
