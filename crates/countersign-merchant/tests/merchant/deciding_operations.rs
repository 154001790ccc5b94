//! What persons decide about operations in doubt: by what their charge, their permission or their refund shows.

use std::time::Duration;

use serde_json::{Value, json};

use super::amazon::Fault;
use super::deciding::{asked, decide_operation, decision_of, path, verdicts, with};
use super::world::{ALICE, BOB, ENGINES, World, usd};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// An order of 100.00 with a charge of 40.00, whose further charge of 5.00 is in doubt.
fn charge_in_doubt(world: &World, fault: Fault) -> String {
    let checkout_id = world.completed("Authorize");
    world.let_pass(2 * MINUTE);
    world.amazon.fault("createCharge", fault);
    world.amazon.goes_down("createCharge");
    let body = json!({ "reference": "second", "chargeAmount": usd("5.00") });
    assert_eq!(world.ask(&checkout_id, "charges", &body).status, 202);
    checkout_id
}

fn of_operation(verdict: &str, members: Value) -> Value {
    with(verdict, members)
}

// Promise: D03
#[test]
fn a_person_decides_that_an_operation_in_doubt_was_done() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = charge_in_doubt(&world, Fault::LostAfter);
        let (first, made) = ("S01-5105180-0000001-C000001", "S01-5105180-0000001-C000002");
        let done = |charge: &str| of_operation("done", json!({ "chargeId": charge }));
        let refused = decide_operation(&world, &checkout_id, 1, &done(made));
        assert_eq!(refused.refusal().1, "TooEarly", "a copy may be on its way");
        assert!(refused.text.contains("from 20261123T155"), "{}", refused.text);
        let seen = asked(&world, ALICE, "GET", &path(&checkout_id, "operations/1"), &Value::Null).json();
        assert_eq!((&seen["operation"], &seen["state"]), (&json!(1), &json!("InDoubt")));
        assert_eq!(
            (&seen["object"]["call"], &seen["object"]["amount"]),
            (&json!("createCharge"), &usd("5.00"))
        );
        assert_eq!(verdicts(&seen), ["done TooEarly", "noEffect TooEarly", "remind TooEarly"]);
        // The looks send copies again: a person decides five minutes after the last one.
        world.skip(2 * HOUR);
        world.let_pass(6 * MINUTE);
        for (body, code, field) in [
            (of_operation("done", json!({})), "MissingValue", "chargeId"),
            (done(first), "AmazonSaysOtherwise", "chargeId"),
            (done("S01-5105180-0000001-C000009"), "AmazonSaysOtherwise", "chargeId"),
            (
                of_operation("done", json!({ "refundId": "S01-5105180-0000001-R000001" })),
                "InvalidCombination",
                "refundId",
            ),
            (of_operation("noEffect", json!({ "chargeId": made })), "InvalidCombination", "chargeId"),
            (of_operation("paid", json!({})), "InvalidValue", "verdict"),
            (done(made), "AmazonSaysOtherwise", "creationTimestamp"),
        ] {
            let refused = decide_operation(&world, &checkout_id, 1, &body).refusal();
            assert_eq!((refused.1.as_str(), refused.2.as_deref()), (code, Some(field)), "{body}");
        }
        world.amazon.dates_charges("20261122T154700Z");
        let refused = decide_operation(&world, &checkout_id, 1, &done(made)).refusal();
        assert_eq!(refused, (409, "AmazonSaysOtherwise".to_owned(), Some("creationTimestamp".to_owned())));
        world.amazon.dates_charges("20261123T155000Z");
        // What a person names and is not the effect is known from then on as made elsewhere: two must say that it is.
        let answer = decide_operation(&world, &checkout_id, 1, &done(made));
        assert_eq!(decision_of(&answer), (202, "AwaitsSecond".to_owned()), "{}", answer.text);
        let path = path(&checkout_id, "operations/1");
        let answer = asked(&world, BOB, "POST", &path, &done(made));
        assert_eq!(decision_of(&answer), (200, "Made".to_owned()), "{}", answer.text);
        assert_eq!(answer.json()["state"], "Done");
        let again = world.ask(
            &checkout_id,
            "charges",
            &json!({ "reference": "second", "chargeAmount": usd("5.00") }),
        );
        assert_eq!((again.status, &again.json()["chargeId"]), (201, &json!(made)));
        world.amazon.comes_back();
        world.let_pass(2 * MINUTE);
        assert_eq!(world.amazon.charge_count(), 2);
    }
}

// Promise: D03
#[test]
fn an_operation_without_an_effect_needs_amazons_balance_or_31_days_and_two_persons() {
    let permission = "S01-5105180-0000001";
    let no_effect = of_operation("noEffect", json!({}));
    let world = World::in_memory();
    let checkout_id = charge_in_doubt(&world, Fault::LostBefore);
    world.skip(2 * HOUR);
    world.let_pass(6 * MINUTE);
    assert_eq!(decide_operation(&world, &checkout_id, 1, &no_effect).refusal().1, "TooEarly");
    let shows = |left: &str| {
        let limits = json!({ "amountLimit": usd("100.00"), "amountBalance": usd(left) });
        world.amazon.show_of_permission(permission, json!({ "limits": limits }));
    };
    shows("55.00");
    let refused = decide_operation(&world, &checkout_id, 1, &no_effect).refusal();
    assert_eq!(refused, (409, "AmazonSaysOtherwise".to_owned(), Some("limits.amountBalance".to_owned())));
    shows("60.00");
    let answer = decide_operation(&world, &checkout_id, 1, &no_effect);
    assert_eq!(decision_of(&answer), (200, "Made".to_owned()), "{}", answer.text);
    let fact = world.facts().pop().unwrap();
    assert_eq!((&fact["type"], &fact["code"]), (&json!("operation.refused"), &json!("Decided")));
    let again = json!({ "reference": "second", "chargeAmount": usd("5.00") });
    let again = world.ask(&checkout_id, "charges", &again);
    assert_eq!(again.refusal().1, "Decided");
    assert!(again.text.contains("Operators have decided"), "{}", again.text);
    let explained = world.get(&format!("/v1/checkouts/{checkout_id}/explanation")).text;
    assert!(explained.contains("persons have decided it: the reserved amount is free again"), "{explained}");
    let sends = world.amazon.arrived("createCharge").len();
    world.amazon.comes_back();
    world.skip(DAY);
    assert_eq!(world.amazon.arrived("createCharge").len(), sends, "it is not sent again");

    // Without a balance, age and a second person must do.
    let world = World::in_memory();
    let checkout_id = charge_in_doubt(&world, Fault::LostBefore);
    world.skip(31 * DAY + HOUR);
    world.let_pass(6 * MINUTE);
    assert_eq!(decide_operation(&world, &checkout_id, 1, &no_effect).status, 202);
    let second = asked(&world, BOB, "POST", &path(&checkout_id, "operations/1"), &no_effect);
    assert_eq!(decision_of(&second), (200, "Made".to_owned()), "{}", second.text);
    world.amazon.comes_back();
    world.let_pass(MINUTE);
}

// Promise: D03
#[test]
fn a_capture_and_a_refund_in_doubt_are_decided_by_what_their_charge_shows() {
    let charge = "S01-5105180-0000001-C000001";
    let world = World::in_memory();
    let checkout_id = world.completed("Authorize");
    world.let_pass(2 * MINUTE);
    world.amazon.fault("captureCharge", Fault::LostBefore);
    world.amazon.goes_down("captureCharge");
    assert_eq!(world.ask(&checkout_id, "captures", &json!({ "reference": "c" })).status, 202);
    world.skip(2 * HOUR);
    world.let_pass(6 * MINUTE);
    let done = of_operation("done", json!({ "chargeId": charge }));
    let refused = decide_operation(&world, &checkout_id, 1, &done).refusal();
    assert_eq!(refused, (409, "AmazonSaysOtherwise".to_owned(), Some("statusDetails.state".to_owned())));
    let answer = decide_operation(&world, &checkout_id, 1, &of_operation("noEffect", json!({})));
    assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("Refused")), "{}", answer.text);
    world.amazon.comes_back();
    // It can be captured by another request, whose refund is in doubt then.
    assert_eq!(world.ask(&checkout_id, "captures", &json!({ "reference": "d" })).status, 200);
    world.amazon.fault("createRefund", Fault::LostBefore);
    world.amazon.goes_down("createRefund");
    let refund = json!({ "reference": "r", "refundAmount": usd("3.00") });
    assert_eq!(world.ask(&checkout_id, "refunds", &refund).status, 202);
    world.skip(2 * HOUR);
    world.let_pass(6 * MINUTE);
    let number = 3;
    world.amazon.change_charge(charge, |it| it["refundedAmount"] = usd("3.00"));
    let no_effect = |reference: &str| json!({ "reference": reference, "verdict": "noEffect", "evidence": "Seller Central shows none" });
    let refused = decide_operation(&world, &checkout_id, number, &no_effect("1")).refusal();
    assert_eq!(refused, (409, "AmazonSaysOtherwise".to_owned(), Some("refundedAmount".to_owned())));
    world.amazon.change_charge(charge, |it| it["refundedAmount"] = usd("0.00"));
    // Amazon may not have decided it yet.
    let answer = decide_operation(&world, &checkout_id, number, &no_effect("2"));
    assert_eq!(decision_of(&answer), (202, "AwaitsSecond".to_owned()), "{}", answer.text);
    let path = path(&checkout_id, &format!("operations/{number}"));
    let answer = asked(&world, BOB, "POST", &path, &no_effect("2"));
    assert_eq!((answer.status, &answer.json()["state"]), (200, &json!("Refused")), "{}", answer.text);
    world.amazon.comes_back();
    world.let_pass(2 * MINUTE);
}

// Promise: D03
#[test]
fn a_charge_of_others_that_a_person_names_is_counted_and_then_tells_that_a_charge_had_no_effect() {
    let permission = "S01-5105180-0000001";
    let world = World::in_memory();
    let checkout_id = charge_in_doubt(&world, Fault::LostBefore);
    world.skip(2 * HOUR);
    world.let_pass(6 * MINUTE);
    let other = "S01-5105180-0000001-C000007";
    world.amazon.charge_elsewhere(other, &usd("7.00"));
    let limits = json!({ "amountLimit": usd("115.00"), "amountBalance": usd("68.00") });
    world.amazon.show_of_permission(permission, json!({ "limits": limits }));
    let no_effect = of_operation("noEffect", json!({}));
    let refused = decide_operation(&world, &checkout_id, 1, &no_effect).refusal();
    assert_eq!(refused, (409, "AmazonSaysOtherwise".to_owned(), Some("limits.amountBalance".to_owned())));
    let refused =
        decide_operation(&world, &checkout_id, 1, &of_operation("done", json!({ "chargeId": other })));
    assert_eq!(refused.refusal(), (409, "AmazonSaysOtherwise".to_owned(), Some("chargeAmount".to_owned())));
    let answer = decide_operation(&world, &checkout_id, 1, &no_effect);
    assert_eq!(decision_of(&answer), (200, "Made".to_owned()), "{}", answer.text);
    let charges = world.checkout(&checkout_id)["payment"]["charges"].clone();
    assert_eq!((&charges[1]["chargeId"], &charges[1]["madeElsewhere"]), (&json!(other), &json!(true)));
    world.amazon.comes_back();
    world.let_pass(2 * MINUTE);
}
