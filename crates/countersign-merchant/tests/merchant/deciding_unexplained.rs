//! What persons decide about a payment that nothing of the order explains: whose it is.

use std::time::Duration;

use serde_json::{Value, json};

use super::amazon::Fault;
use super::deciding::{
    ELSEWHERE, ELSEWHERE_CHARGE, asked, completed_elsewhere, decide, decision_of, path, with,
};
use super::world::{
    ALICE, BOB, CAROL, ENGINES, HttpAnswer, SESSION, SHOP_TOKEN, World, order, session_for, usd,
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// An order that is only registered, and whose payment of this amount another system took.
fn unexplained(world: &World, amount: &str) -> String {
    let checkout_id = world.register(&order());
    world.amazon.paid_elsewhere(ELSEWHERE, &checkout_id, &usd(amount), "Captured");
    world.notified("1", "CHARGE", ELSEWHERE_CHARGE);
    world.let_pass(MINUTE);
    assert_eq!(world.checkout(&checkout_id)["reason"], "Unexplained");
    checkout_id
}

fn decide_unexplained(world: &World, token: &str, checkout_id: &str, body: &Value) -> HttpAnswer {
    asked(world, token, "POST", &path(checkout_id, &format!("unexplained/{ELSEWHERE}")), body)
}

// Promise: D03
#[test]
fn persons_say_whose_a_payment_is_that_nothing_explains() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = unexplained(&world, "14.00");
        let ours = with("ours", json!({}));
        let first = decide_unexplained(&world, ALICE, &checkout_id, &ours);
        assert_eq!(decision_of(&first), (202, "AwaitsSecond".to_owned()), "{}", first.text);
        world.restart();
        assert_eq!(decide_unexplained(&world, ALICE, &checkout_id, &ours).status, 202);
        assert_eq!(world.checkout(&checkout_id)["reason"], "Unexplained");
        let second = decide_unexplained(&world, BOB, &checkout_id, &ours);
        assert_eq!(decision_of(&second), (200, "Made".to_owned()), "{}", second.text);
        assert_eq!(second.json()["outcome"], "paid");
        world.let_pass(2 * MINUTE);
        let refused = decide_unexplained(
            &world,
            CAROL,
            &checkout_id,
            &json!({ "reference": "again",
            "verdict": "ours", "evidence": "x" }),
        );
        assert_eq!(refused.refusal().1, "NotUndecided");
        // It was decided wrongly: nothing ships from the first one's word on, and two end it.
        assert!(world.fulfilment(&checkout_id).0);
        let not_ours = with("notOurs", json!({}));
        let disputed = decide_unexplained(&world, CAROL, &checkout_id, &not_ours);
        assert_eq!(decision_of(&disputed), (202, "AwaitsSecond".to_owned()), "{}", disputed.text);
        assert_eq!(world.fulfilment(&checkout_id), (false, "DecisionDisputed".to_owned()));
        world.restart();
        let superseded = decide_unexplained(&world, ALICE, &checkout_id, &not_ours);
        assert_eq!(decision_of(&superseded), (200, "Made".to_owned()), "{}", superseded.text);
        assert_eq!(superseded.json()["outcome"], "notPaid");
        world.let_pass(2 * MINUTE);
        assert!(world.amazon.arrived("createRefund").is_empty(), "what is not ours is left as it is");

        let world = World::new(engine);
        let checkout_id = unexplained(&world, "14.00");
        world.amazon.goes_down("permission");
        let silent = decide_unexplained(&world, ALICE, &checkout_id, &with("notOurs", json!({})));
        assert_eq!(silent.refusal().1, "AmazonSilent");
        world.amazon.comes_back();
        let answer = decide_unexplained(&world, ALICE, &checkout_id, &with("notOurs", json!({})));
        assert_eq!(decision_of(&answer), (200, "Made".to_owned()), "{}", answer.text);
        world.amazon.open(SESSION, session_for(&order(), SESSION, &checkout_id));
        assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
        world.let_pass(2 * MINUTE);
        assert!(world.amazon.arrived("createRefund").is_empty(), "what is not ours is left as it is");
    }
}

// Promise: D03
#[test]
fn a_payment_that_does_not_fit_is_not_ours_whatever_persons_say() {
    let world = World::in_memory();
    let checkout_id = unexplained(&world, "15.00");
    for person in [ALICE, BOB] {
        let refused = decide_unexplained(&world, person, &checkout_id, &with("ours", json!({}))).refusal();
        assert_eq!(refused, (409, "AmazonSaysOtherwise".to_owned(), Some("limits.amountLimit".to_owned())));
    }
    for (body, status, code, field) in [
        (with("refund", json!({})), 400, "MissingValue", Some("amount")),
        (with("ours", json!({ "amount": usd("14.00") })), 400, "InvalidCombination", Some("amount")),
        (with("paid", json!({})), 400, "InvalidValue", Some("verdict")),
        (with("ours", json!({ "chargeId": ELSEWHERE_CHARGE })), 400, "UnrecognizedField", Some("chargeId")),
        (with("refund", json!({ "amount": usd("14.00") })), 400, "InvalidValue", Some("amount")),
    ] {
        let refused = decide_unexplained(&world, ALICE, &checkout_id, &body).refusal();
        assert_eq!((refused.0, refused.1.as_str(), refused.2.as_deref()), (status, code, field), "{body}");
    }
    let other =
        asked(&world, ALICE, "POST", &path(&checkout_id, "unexplained/S01-1-9"), &with("ours", json!({})));
    assert_eq!(other.refusal().1, "NoSuchPermission");
    let by_shop = decide_unexplained(&world, SHOP_TOKEN, &checkout_id, &with("notOurs", json!({})));
    assert_eq!(by_shop.refusal().1, "NotPermitted");
    world.amazon.goes_down("permission");
    let silent = decide_unexplained(&world, ALICE, &checkout_id, &with("ours", json!({})));
    assert_eq!(silent.refusal().1, "AmazonSilent");
    world.amazon.comes_back();
    // Its money goes back if two persons name the amount, and the order is canceled.
    let refund = with("refund", json!({ "amount": usd("15.00") }));
    assert_eq!(decide_unexplained(&world, ALICE, &checkout_id, &refund).status, 202);
    let second = decide_unexplained(&world, BOB, &checkout_id, &refund);
    assert_eq!(decision_of(&second), (200, "Made".to_owned()), "{}", second.text);
    world.let_pass(2 * MINUTE);
    assert_eq!(world.amazon.money(), "held 0, captured 1500, refunded 1500");
    assert!(!world.facts().iter().any(|it| it["type"] == "checkout.paid"));
    world.amazon.decide_refund("S01-7777777-0000001-R000001", "Refunded");
    world.skip(DAY);
    assert_eq!(world.checkout(&checkout_id)["state"], "canceled");
}

// Promise: D03
#[test]
fn the_payment_of_another_order_is_booked_by_nobody_while_amazon_does_not_show_the_session() {
    for engine in ENGINES {
        let world = World::new(engine);
        world.knows_a_charge();
        let checkout_id = completed_elsewhere(&world, "14.00");
        // The buyer has written this order's id into a button of another shop of the account.
        let (permission, charge) = ("S01-8888888-0000001", "S01-8888888-0000001-C000001");
        world.amazon.paid_elsewhere(permission, &checkout_id, &usd("14.00"), "Captured");
        world.amazon.change_charge(charge, |it| it["creationTimestamp"] = json!("20261123T154700Z"));
        let paid = with("paid", json!({ "chargePermissionId": permission, "chargeId": charge }));
        let refund = with("refund", json!({ "chargeId": charge, "amount": usd("14.00") }));
        let refused = |code: &str, field: Option<&str>| {
            for body in [&paid, &refund] {
                let refused = decide(&world, ALICE, &checkout_id, body).refusal();
                assert_eq!((refused.1.as_str(), refused.2.as_deref()), (code, field), "{body}");
            }
        };
        refused("AmazonSaysOtherwise", Some("chargePermissionId"));
        for fault in [Fault::refusal(503, "ServiceUnavailable"), Fault::LostBefore, Fault::Stray(404, "none")]
        {
            for _ in 0..8 {
                world.amazon.fault("session", fault.clone());
            }
            refused("AmazonSilent", None);
            world.amazon.forget_faults();
        }
        for _ in 0..2 {
            world.amazon.fault("session", Fault::refusal(404, "ResourceNotFound"));
        }
        refused("TooEarly", None);
        world.amazon.forget_faults();
        assert_eq!(world.attempts(&checkout_id), ["Unresolved"]);
        assert!(world.amazon.arrived("createRefund").is_empty());
        assert!(!world.fulfilment(&checkout_id).0);
    }
}
