//! What a person's refund touches: only the charge that it names.

use std::time::Duration;

use serde_json::{Value, json};

use super::deciding::{
    ELSEWHERE, ELSEWHERE_CHARGE, completed_elsewhere, decide, decision_of, inquire, verdicts, with,
};
use super::world::{ALICE, BOB, ENGINES, World, usd};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3_600);

// Promise: D03
#[test]
fn money_that_is_not_proved_ours_is_given_back_by_two_who_name_the_amount() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = completed_elsewhere(&world, "15.00");
        // The other system goes on with its permission.
        let its_own = format!("{ELSEWHERE}-C000009");
        world.amazon.charge_elsewhere(&its_own, &usd("1.00"));
        let refund =
            |amount: &str| with("refund", json!({ "chargeId": ELSEWHERE_CHARGE, "amount": usd(amount) }));
        let refused = decide(&world, ALICE, &checkout_id, &refund("14.00")).refusal();
        assert_eq!(refused, (400, "InvalidValue".to_owned(), Some("amount".to_owned())));
        assert_eq!(decide(&world, ALICE, &checkout_id, &refund("15.00")).status, 202);
        assert_eq!(world.amazon.money(), "held 100, captured 1500, refunded 0");
        let second = decide(&world, BOB, &checkout_id, &refund("15.00"));
        assert_eq!(decision_of(&second), (200, "Made".to_owned()), "{}", second.text);
        assert_eq!(second.json()["outcome"], "checking");
        world.restart();
        world.let_pass(MINUTE);
        assert_eq!(world.amazon.money(), "held 100, captured 1500, refunded 1500");
        world.amazon.decide_refund("S01-7777777-0000001-R000001", "Refunded");
        world.skip(3 * DAY);
        assert_eq!(world.amazon.money(), "held 100, captured 1500, refunded 1500");
        assert!(world.amazon.arrived("close").is_empty(), "the permission is the other system's");
        let checkout = world.checkout(&checkout_id);
        assert_eq!(checkout["state"], "canceled", "{checkout}");
        assert_eq!(world.attempts(&checkout_id), ["NotPaid"]);
        let types: Vec<_> = world.facts().iter().map(|it| it["type"].as_str().unwrap().to_owned()).collect();
        assert!(types.contains(&"checkout.canceled".to_owned()), "{types:?}");
        assert!(!types.iter().any(|it| it == "checkout.paid"), "it was never called paid: {types:?}");
    }
}

/// An order of 100.00 whose charge Amazon shows captured with another amount than was asked for.
fn captured_differently(world: &World) -> (String, &'static str) {
    let charge = "S01-5105180-0000001-C000001";
    let checkout_id = world.completed("AuthorizeWithCapture");
    world.let_pass(2 * MINUTE);
    world.amazon.dates_charges("20261123T154800Z");
    world.amazon.change_charge(charge, |it| it["captureAmount"] = usd("90.00"));
    world.notified("1", "CHARGE", charge);
    world.let_pass(MINUTE);
    assert_eq!(world.checkout(&checkout_id)["standing"], "contradicted");
    (checkout_id, charge)
}

// Promise: D03
#[test]
fn a_refund_of_one_charge_cancels_nothing_that_it_does_not_name() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (checkout_id, charge) = captured_differently(&world);
        let refund = with("refund", json!({ "chargeId": charge, "amount": usd("90.00") }));
        // Others have a charge under the permission.
        let other = "S01-5105180-0000001-C000008";
        world.amazon.charge_elsewhere(other, &usd("1.00"));
        world.notified("2", "CHARGE", other);
        world.let_pass(MINUTE);
        let refused = decide(&world, ALICE, &checkout_id, &refund).refusal();
        assert_eq!(refused, (409, "PaymentInUse".to_owned(), None));
        world.let_pass(MINUTE);
        assert_eq!(world.amazon.money(), "held 100, captured 9000, refunded 0");
        assert_eq!(world.checkout(&checkout_id)["cancellation"], Value::Null);
        // The shop cancels the order: then the decision says what is so, and the cancellation does the rest.
        assert_eq!(world.ask(&checkout_id, "cancel", &json!({ "reference": "stop" })).status, 202);
        let answer = decide(&world, ALICE, &checkout_id, &refund);
        assert_eq!(decision_of(&answer), (200, "Made".to_owned()), "{}", answer.text);
        world.let_pass(2 * MINUTE);
        assert_eq!(world.amazon.money(), "held 100, captured 9000, refunded 9000");
        assert!(world.facts().iter().any(|it| it["type"] == "payment.settled"));
    }
}

// Promise: D03
#[test]
fn a_further_charge_that_amazon_contradicts_has_a_way_out() {
    for (verdict, left) in
        [("paid", "held 4000, captured 600, refunded 0"), ("refund", "held 4000, captured 600, refunded 600")]
    {
        for engine in ENGINES {
            let mut world = World::new(engine);
            let checkout_id = world.completed("Authorize");
            world.let_pass(2 * MINUTE);
            let body = json!({ "reference": "second", "chargeAmount": usd("5.00"), "captureNow": true });
            let further =
                world.ask(&checkout_id, "charges", &body).json()["chargeId"].as_str().unwrap().to_owned();
            world.let_pass(2 * MINUTE);
            world.amazon.change_charge(&further, |it| {
                it["chargeAmount"] = usd("6.00");
                it["captureAmount"] = usd("6.00");
            });
            world.notified("1", "CHARGE", &further);
            world.let_pass(MINUTE);
            assert_eq!(world.checkout(&checkout_id)["needsPerson"], json!(["contradicted"]));
            let shown = inquire(&world, &checkout_id);
            assert_eq!(shown["amazon"]["charge"]["chargeId"], json!(further));
            assert_eq!(verdicts(&shown), ["paid 1", "notPaid NotUndecided", "refund 1", "remind 1"]);
            let mut body = with(verdict, json!({ "chargeId": further }));
            if verdict == "refund" {
                body["amount"] = usd("6.00");
            }
            let answer = decide(&world, ALICE, &checkout_id, &body);
            assert_eq!(decision_of(&answer), (200, "Made".to_owned()), "{}", answer.text);
            world.restart();
            world.let_pass(2 * MINUTE);
            let checkout = world.checkout(&checkout_id);
            assert_eq!((&checkout["needsPerson"], &checkout["cancellation"]), (&json!([]), &Value::Null));
            assert_eq!(world.amazon.money(), left, "{verdict}");
            let settled = world.facts().iter().filter(|it| it["type"] == "payment.settled").count();
            assert_eq!(settled, 1);
            // The same again is the same answer, and nothing is refunded twice.
            assert_eq!(decision_of(&decide(&world, ALICE, &checkout_id, &body)), (200, "Made".to_owned()));
            world.let_pass(MINUTE);
            assert_eq!(world.amazon.money(), left, "{verdict}");
        }
    }
}
