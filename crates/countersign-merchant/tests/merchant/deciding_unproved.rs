//! What one person cannot decide alone: payments of which this store proves less than it seems.

use std::time::Duration;

use serde_json::{Value, json};

use super::amazon::Fault;
use super::deciding::{
    ELSEWHERE, ELSEWHERE_CHARGE, asked, completed_elsewhere, decide, decision_of, inquire, names,
    paid_elsewhere, path, verdicts, with,
};
use super::world::{ALICE, BOB, CAROL, ENGINES, SESSION, World, order, usd};

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

// Promise: D03
#[test]
fn nobody_calls_unpaid_what_amazon_shows_to_be_paid_elsewhere() {
    let refused = (409, "AmazonSaysOtherwise".to_owned(), Some("statusDetails.state".to_owned()));
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = completed_elsewhere(&world, "14.00");
        let not_paid = with("notPaid", json!({}));
        for token in [ALICE, BOB] {
            assert_eq!(decide(&world, token, &checkout_id, &not_paid).refusal(), refused);
        }
        assert_eq!(world.checkout(&checkout_id)["state"], "checking");
        // It is judged by what Amazon shows in the act of the second person, too.
        names(&world, "another-order");
        assert_eq!(decide(&world, ALICE, &checkout_id, &not_paid).status, 202);
        names(&world, &checkout_id);
        assert_eq!(decide(&world, BOB, &checkout_id, &not_paid).refusal(), refused);
        world.skip(2 * HOUR);
        assert_eq!(world.attempts(&checkout_id), ["Unresolved"]);
        assert!(!world.facts().iter().any(|it| it["type"] == "payment.contradicted"));
        // Once the money is returned, it is so.
        world.amazon.change_charge(ELSEWHERE_CHARGE, |it| it["refundedAmount"] = usd("14.00"));
        let answer = decide(&world, BOB, &checkout_id, &with("notPaid", json!({ "reference": "back" })));
        assert_eq!(decision_of(&answer), (200, "Made".to_owned()), "{}", answer.text);
        world.let_pass(2 * MINUTE);
    }
}

// Promise: D03
#[test]
fn a_request_says_which_one_it_has_replaced() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = completed_elsewhere(&world, "14.00");
        assert_eq!(decide(&world, ALICE, &checkout_id, &paid_elsewhere()).status, 202);
        let refund = with("refund", json!({ "chargeId": ELSEWHERE_CHARGE, "amount": usd("14.00") }));
        let replacing = decide(&world, BOB, &checkout_id, &refund);
        assert_eq!(decision_of(&replacing), (202, "AwaitsSecond".to_owned()), "{}", replacing.text);
        assert_eq!(replacing.json()["decision"]["replaces"], "case paid");
        world.restart();
        assert_eq!(decide(&world, BOB, &checkout_id, &refund).json()["decision"]["replaces"], "case paid");
        let timeline = world.timeline(&checkout_id);
        let [.., replaced, asked] = &timeline[..] else { panic!("{timeline:?}") };
        assert_eq!((replaced.as_str(), asked.as_str()), ("DecisionReplaced", "DecisionAsked"));
        let explained = world.get(&format!("/v1/checkouts/{checkout_id}/explanation")).text;
        assert!(
            explained.contains(r#"the request \"case paid\" was replaced: paid, by alice"#),
            "{explained}"
        );
        let shown = inquire(&world, &checkout_id);
        let decisions = shown["decisions"].as_array().unwrap();
        let told: Vec<_> =
            decisions.iter().map(|it| (&it["state"], &it["replaces"], &it["replacedBy"])).collect();
        let expected = (
            [(json!("Expired"), Value::Null, json!("case refund"))],
            [(json!("AwaitsSecond"), json!("case paid"), Value::Null)],
        );
        assert_eq!(told[0], (&expected.0[0].0, &expected.0[0].1, &expected.0[0].2));
        assert_eq!(told[1], (&expected.1[0].0, &expected.1[0].1, &expected.1[0].2));
        // What was replaced is over for its author, and the second person's answer says so as well.
        let over = decide(&world, CAROL, &checkout_id, &paid_elsewhere()).refusal();
        assert_eq!(over.1, "DecisionExpired");
        let second = decide(&world, CAROL, &checkout_id, &refund);
        assert_eq!(decision_of(&second), (200, "Made".to_owned()), "{}", second.text);
        assert_eq!(second.json()["decision"]["replaces"], "case paid");
        world.let_pass(2 * MINUTE);
    }
}
