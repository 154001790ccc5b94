//! What one person cannot decide alone: payments of which this store proves less than it seems.

use std::time::Duration;

use serde_json::json;

use super::amazon::Fault;
use super::deciding::{
    ELSEWHERE, ELSEWHERE_CHARGE, asked, decide, decision_of, inquire, path, verdicts, with,
};
use super::world::{ALICE, BOB, ENGINES, SESSION, World, order, usd};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const NOW: &str = "20261123T154700Z";

// Promise: D03
#[test]
fn two_persons_book_what_another_client_completed_after_the_attempt_had_ended_unsent() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = world.placed(&order());
        world.amazon.change(SESSION, |session| session["paymentDetails"]["chargeAmount"] = usd("14.01"));
        let answer = world.complete(&checkout_id, SESSION);
        assert_eq!(answer.verdict(), (402, "notPaid".to_owned()), "{}", answer.text);
        world.amazon.completed_and_paid_elsewhere(SESSION, ELSEWHERE, NOW, &usd("14.00"));
        world.amazon.show_of_permission(
            ELSEWHERE,
            json!({ "creationTimestamp": NOW, "limits": { "amountLimit": usd("14.00") },
                "merchantMetadata": { "merchantReferenceId": checkout_id } }),
        );
        world.notified("1", "CHARGE", ELSEWHERE_CHARGE);
        world.let_pass(2 * MINUTE);
        world.restart();
        assert_eq!(verdicts(&inquire(&world, &checkout_id))[0], "paid 2");
        let paid = with("paid", json!({ "chargePermissionId": ELSEWHERE, "chargeId": ELSEWHERE_CHARGE }));
        let first = decide(&world, ALICE, &checkout_id, &paid);
        assert_eq!(decision_of(&first), (202, "AwaitsSecond".to_owned()), "{}", first.text);
        assert!(!world.fulfilment(&checkout_id).0);
        let second = decide(&world, BOB, &checkout_id, &paid);
        assert_eq!(decision_of(&second), (200, "Made".to_owned()), "{}", second.text);
        assert!(world.amazon.arrived("finalize").is_empty());
    }
}

// Promise: D03
#[test]
fn two_persons_say_not_ours_while_a_session_that_was_refused_is_not_shown() {
    for (is_shown, persons) in [(true, (200, "Made")), (false, (202, "AwaitsSecond"))] {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (402, "notPaid".to_owned()));
        world.amazon.paid_elsewhere(ELSEWHERE, &checkout_id, &usd("14.00"), "Captured");
        world.amazon.goes_down("session");
        world.notified("1", "CHARGE", ELSEWHERE_CHARGE);
        world.skip(2 * HOUR);
        assert_eq!(world.checkout(&checkout_id)["unexplained"][0]["state"], "Open");
        if is_shown {
            world.amazon.comes_back();
        }
        let unexplained = path(&checkout_id, &format!("unexplained/{ELSEWHERE}"));
        let not_ours = with("notOurs", json!({}));
        let answer = asked(&world, ALICE, "POST", &unexplained, &not_ours);
        let expected = (persons.0, persons.1.to_owned());
        assert_eq!(decision_of(&answer), expected, "{is_shown}: {}", answer.text);
        let answer = asked(&world, BOB, "POST", &unexplained, &not_ours);
        if !is_shown {
            assert_eq!(decision_of(&answer), (200, "Made".to_owned()), "{}", answer.text);
        }
    }
}
