//! Amazon says that it has no such session: when that is believed, and when not.

use std::time::Duration;

use countersign_domain::merchant::rules::Policy;
use serde_json::json;

use super::amazon::Fault;
use super::world::{ENGINES, SESSION, World, order};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

fn not_found(message: &str) -> Fault {
    Fault::Answer(404, json!({ "reasonCode": "ResourceNotFound", "message": message }))
}

/// Answers with 404, none of which alone ends an attempt.
fn singles() -> Vec<(&'static str, Fault)> {
    vec![
        ("Amazon's own", not_found("canary")),
        ("a proxy's page", Fault::Stray(404, "<html>Not Found</html>")),
        ("a proxy's JSON", Fault::Stray(404, r#"{"reasonCode":"ResourceNotFound","message":"no"}"#)),
        ("without a code", Fault::Answer(404, json!({ "message": "Not Found" }))),
        ("with another code", Fault::refusal(404, "InvalidRequest")),
        ("about another path", not_found("There is no resource at /live/v3/checkoutSessions.")),
    ]
}

/// The buyer's page asks once a minute, for this number of minutes.
fn asks_for(world: &World, checkout_id: &str, minutes: u32) {
    for _ in 0..minutes {
        world.complete(checkout_id, SESSION);
        world.let_pass(MINUTE);
    }
}

// Promise: B08, D18
#[test]
fn one_404_ends_no_attempt_and_the_buyer_can_pay() {
    for engine in ENGINES {
        for (name, answer) in singles() {
            let world = World::new(engine);
            world.knows_a_charge();
            let checkout_id = world.placed(&order());
            world.amazon.fault("session", answer);
            let paid = world.complete(&checkout_id, SESSION);
            assert_eq!(paid.verdict(), (200, "paid".to_owned()), "{name}");
        }
    }
}

#[test]
fn a_404_of_another_machine_counts_for_nothing_however_often_it_comes() {
    for (name, answer) in singles().into_iter().skip(1) {
        let world = World::in_memory();
        world.knows_a_charge();
        let checkout_id = world.placed(&order());
        let asked = world.amazon.arrived("charge").len();
        for _ in 0..1_000 {
            world.amazon.fault("session", answer.clone());
        }
        asks_for(&world, &checkout_id, 12);
        assert_eq!(world.attempts(&checkout_id), ["Bound"], "{name}");
        assert_eq!(world.amazon.arrived("charge").len(), asked, "{name}: no charge is asked for");
        world.amazon.forget_faults();
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()), "{name}");
    }
}

// Promise: B08
#[test]
fn a_session_that_stays_away_for_ten_minutes_is_gone_if_a_known_charge_is_shown() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        world.knows_a_charge();
        let checkout_id = world.placed(&order());
        world.amazon.delete(SESSION);
        asks_for(&world, &checkout_id, 4);
        assert_eq!(world.attempts(&checkout_id), ["Bound"]);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
        assert!(world.timeline(&checkout_id).contains(&"ReachProved".to_owned()));
        world.restart();
        asks_for(&world, &checkout_id, 12);
        let gone = world.complete(&checkout_id, SESSION);
        assert_eq!(gone.verdict(), (402, "notPaid".to_owned()));
        assert_eq!(gone.json()["reason"], "SessionGone");
        assert_eq!(world.amazon.arrived("finalize").len(), 1, "that of the other order");
    }
}

#[test]
fn no_session_is_gone_while_even_a_known_charge_is_not_shown() {
    for answer in [
        Fault::refusal(404, "ResourceNotFound"),
        Fault::refusal(403, "InvalidAuthentication"),
        Fault::refusal(503, "ServiceUnavailable"),
    ] {
        let world = World::in_memory();
        world.knows_a_charge();
        let checkout_id = world.placed(&order());
        for _ in 0..100 {
            world.amazon.fault("session", Fault::refusal(404, "ResourceNotFound"));
            world.amazon.fault("charge", answer.clone());
        }
        asks_for(&world, &checkout_id, 20);
        assert_eq!(world.attempts(&checkout_id), ["Bound"], "{answer:?}");
        world.amazon.forget_faults();
        world.skip(11 * MINUTE);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()), "{answer:?}");
    }
}

#[test]
fn where_no_charge_is_known_a_session_is_gone_after_its_24_hours() {
    let mut world = World::in_memory();
    world.policy = Policy { resend_window: 2 * HOUR, ..Policy::default() };
    world.restart();
    let checkout_id = world.placed(&order());
    world.amazon.delete(SESSION);
    for hour in 0..24 {
        assert_eq!(world.complete(&checkout_id, SESSION).status, 202, "hour {hour}");
        world.skip(HOUR);
    }
    assert!(world.amazon.arrived("charge").is_empty());
    world.skip(HOUR);
    let gone = world.complete(&checkout_id, SESSION);
    assert_eq!(gone.json()["reason"], "SessionGone");
    assert_eq!(gone.verdict(), (402, "notPaid".to_owned()));
}

#[test]
fn what_was_sent_is_not_ended_by_a_session_that_is_gone() {
    for known in [false, true] {
        let world = World::in_memory();
        if known {
            world.knows_a_charge();
        }
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::LostBefore);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.fault("session", Fault::refusal(404, "ResourceNotFound"));
        world.complete(&checkout_id, SESSION);
        world.amazon.delete(SESSION);
        world.skip(3 * HOUR);
        let expected = if known { "Unresolved" } else { "InDoubt" };
        assert_eq!(world.attempts(&checkout_id), [expected]);
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
        world.skip(40 * 24 * HOUR);
        assert_eq!(world.attempts(&checkout_id), ["Unresolved"], "a person decides");
    }
}
