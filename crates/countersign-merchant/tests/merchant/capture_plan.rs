//! Authorized charges over time: the warnings, the capture at the last safe moment, and the expiry that
//! Amazon shows.

use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_merchant::settings::{CapturePolicy, Policy};
use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{ENGINES, World};

const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);
const CHARGE: &str = "S01-5105180-0000001-C000001";

const POLICIES: [(&str, CapturePolicy); 3] = [
    ("manual", CapturePolicy::Manual),
    ("before the guarantee ends", CapturePolicy::BeforeGuaranteeEnds),
    ("before expiry", CapturePolicy::BeforeExpiry),
];

fn world_with(policy: CapturePolicy, lasts: Duration) -> World {
    let mut world = World::in_memory();
    world.policy = Policy { capture_policy: policy, ..Policy::default() };
    world.restart();
    world.amazon.authorizes_for(lasts);
    world
}

/// The timeline's entries about the charge, each with the time since it was authorized.
fn story(world: &World, id: &str, began_at: Timestamp) -> String {
    let shown = world.checkout(id);
    let told = shown["timeline"].as_array().unwrap().iter().filter_map(|entry| {
        let kind = entry["type"].as_str().unwrap();
        let kept = ["CaptureDue", "OperationRecorded", "ChargeCaptured", "ChargeCanceled"];
        if !kept.contains(&kind) {
            return None;
        }
        let at = Timestamp::parse(entry["at"].as_str().unwrap()).unwrap();
        let hours = at.since(began_at).as_secs() / HOUR.as_secs();
        let detail = entry["detail"].as_str().unwrap_or("").split(" at ").next().unwrap().to_owned();
        Some(format!("{kind} {detail} after {} d {} h", hours / 24, hours % 24))
    });
    told.collect::<Vec<_>>().join("; ")
}

// Promise: B13
#[test]
fn the_clock_warns_before_each_deadline_and_captures_at_the_last_safe_moment() {
    let mut table = String::new();
    for days in [2, 30] {
        for (name, policy) in POLICIES {
            let world = world_with(policy, days * DAY);
            let began_at = world.time.now();
            let id = world.completed("Authorize");
            world.skip(days * DAY - HOUR);
            if policy == CapturePolicy::Manual {
                world.amazon.change_charge(CHARGE, |charge| {
                    charge["statusDetails"] = json!({ "state": "Canceled", "reasonCode": "ExpiredUnused" });
                });
            }
            world.skip(2 * HOUR);
            let story = story(&world, &id, began_at);
            let (money, fulfilment) = (world.amazon.money(), world.fulfilment(&id).1);
            table.push_str(&format!("{days} days, {name}: {story} | {money} | {fulfilment}\n"));
        }
    }
    insta::assert_snapshot!(table);
}

// Promise: B13
#[test]
fn the_shop_is_notified_of_each_warning_once() {
    let world = world_with(CapturePolicy::Manual, 30 * DAY);
    let id = world.completed("Authorize");
    world.skip(29 * DAY + HOUR);
    let due = |fact: &Value| fact["type"] == "capture.due";
    let facts: Vec<_> = world.facts().into_iter().filter(due).collect();
    let told: Vec<_> =
        facts.iter().map(|fact| (fact["reason"].as_str().unwrap(), &fact["chargeId"])).collect();
    let charge = json!(CHARGE);
    assert_eq!(
        told,
        [("guarantee", &charge), ("guarantee", &charge), ("expiry", &charge), ("expiry", &charge)]
    );
    assert_eq!(world.ask(&id, "captures", &json!({ "reference": "c" })).status, 200);
}

// Promise: B13
#[test]
fn a_charge_that_the_shop_has_captured_or_canceled_is_left_alone() {
    for call in ["captures", "cancel"] {
        let world = world_with(CapturePolicy::BeforeGuaranteeEnds, 30 * DAY);
        let id = world.completed("Authorize");
        world.ask(&id, call, &json!({ "reference": "r" }));
        let money = world.amazon.money();
        world.skip(31 * DAY);
        assert!(world.facts().iter().all(|fact| fact["type"] != "capture.due"), "{call}");
        assert_eq!(world.amazon.money(), money, "{call}");
        assert_eq!(world.amazon.arrived("captureCharge").len(), usize::from(call == "captures"), "{call}");
    }
}

// Promise: B13
#[test]
fn a_machine_that_was_off_over_the_moment_captures_when_it_is_back() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        world.policy = Policy { capture_policy: CapturePolicy::BeforeExpiry, ..Policy::default() };
        world.amazon.authorizes_for(30 * DAY);
        world.restart();
        world.completed("Authorize");
        world.let_pass(Duration::from_secs(120));
        world.time.advance(29 * DAY + 20 * HOUR);
        world.restart();
        world.let_pass(Duration::from_secs(5));
        assert_eq!(world.amazon.money(), "held 0, captured 4000, refunded 0");
    }
}

// Promise: B13
#[test]
fn an_own_capture_whose_answer_is_lost_happens_once() {
    for fault in [Fault::LostAfter, Fault::LostBefore, Fault::Pending] {
        let world = world_with(CapturePolicy::BeforeGuaranteeEnds, 30 * DAY);
        let id = world.completed("Authorize");
        world.amazon.fault("captureCharge", fault);
        world.skip(6 * DAY + 19 * HOUR);
        if world.fulfilment(&id).1 == "CaptureInitiated" {
            world.amazon.decide(CHARGE, "Captured");
            world.skip(HOUR);
        }
        assert_eq!(world.amazon.money(), "held 0, captured 4000, refunded 0");
        assert_eq!(world.fulfilment(&id), (true, "Captured".to_owned()));
        let sent = world.amazon.arrived("captureCharge");
        assert!(sent.iter().all(|it| it.key == sent[0].key && it.body == sent[0].body));
    }
}

// Promise: B13
#[test]
fn a_policy_that_is_set_later_applies_to_what_is_authorized_already() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        world.amazon.authorizes_for(30 * DAY);
        let early = world.completed("Authorize");
        world.skip(6 * DAY + HOUR);
        // The last warning was given. Without a capture policy, the next timer is weeks away.
        world.policy.capture_policy = CapturePolicy::BeforeGuaranteeEnds;
        world.restart();
        world.skip(16 * HOUR);
        assert_eq!(world.fulfilment(&early), (true, "Authorized".to_owned()), "not yet");
        world.skip(2 * HOUR);
        assert_eq!(world.fulfilment(&early), (true, "Captured".to_owned()));
    }
}

#[test]
fn the_timers_are_set_again_once_for_a_policy_and_not_at_every_start() {
    let mut world = world_with(CapturePolicy::Manual, 30 * DAY);
    world.completed("Authorize");
    world.let_pass(2 * HOUR);
    let mut commits_of_a_start = |policy: Policy| {
        world.policy = policy;
        // A restart sets the store's counters to zero.
        world.restart();
        world.store.counts().applied
    };
    let policy = |capture_policy| Policy { capture_policy, ..Policy::default() };
    assert_eq!(commits_of_a_start(policy(CapturePolicy::Manual)), 0);
    for payments in [
        policy(CapturePolicy::BeforeExpiry),
        Policy { capture_margin: 7 * HOUR, ..policy(CapturePolicy::BeforeExpiry) },
        policy(CapturePolicy::Manual),
    ] {
        assert_eq!(commits_of_a_start(payments), 2, "the checkout, and the setting: {payments:?}");
        assert_eq!(commits_of_a_start(payments), 0, "{payments:?}");
    }
}

#[test]
fn a_timer_of_another_configuration_is_set_again_when_it_finds_nothing_due() {
    let mut world = world_with(CapturePolicy::BeforeGuaranteeEnds, 30 * DAY);
    let id = world.completed("Authorize");
    world.skip(6 * DAY + HOUR);
    let stored = |world: &World| world.run(world.store.inner().next_due()).unwrap().unwrap();
    let (of_the_policy, now) = (stored(&world), world.time.now());
    assert!(of_the_policy > now && of_the_policy <= now.plus(DAY), "the capture before seven days are over");
    // The policy does not capture any more.
    world.policy.capture_policy = CapturePolicy::Manual;
    world.restart();
    world.skip(2 * DAY);
    assert!(stored(&world) > world.time.now(), "it does not stay due forever");
    assert_eq!(world.fulfilment(&id), (false, "GuaranteeEnded".to_owned()));
}
