//! An order that was paid twice: a second payment is reported once and stops the van, and two persons return it by its
//! id while the order keeps its own.

use std::time::Duration;

use serde_json::{Value, json};

use super::amazon::Fault;
use super::logs::logged;
use super::world::{
    ALICE, BOB, CAROL, ENGINES, HttpAnswer, OTHER_SESSION, SESSION, World, order, session_for, usd,
    waiting_order,
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// What another system was paid.
const ELSEWHERE: &str = "S01-7777777-0000001";

/// An order that is paid, and whose first session is paid too, because a copy of its Finalize was executed late.
fn paid_twice(world: &World, order: &Value) -> String {
    let checkout_id = world.placed(order);
    world.amazon.unapprove(SESSION);
    assert_eq!(world.complete(&checkout_id, SESSION).status, 202);
    world.let_pass(10 * SECOND);
    assert_eq!(world.attempts(&checkout_id), ["NotApproved"]);
    world.amazon.open(OTHER_SESSION, session_for(order, OTHER_SESSION, &checkout_id));
    assert_eq!(world.complete(&checkout_id, OTHER_SESSION).status, 200);
    world.amazon.executes_a_copy(SESSION);
    world.skip(HOUR);
    assert_eq!(world.attempts(&checkout_id), ["Surplus", "Completed"]);
    checkout_id
}

fn facts(world: &World, kind: &str) -> Vec<Value> {
    world.facts().into_iter().filter(|fact| fact["type"] == kind).collect()
}

fn decide(world: &World, token: &str, checkout_id: &str, permission: &str, body: &Value) -> HttpAnswer {
    let path = format!("/v1/checkouts/{checkout_id}/unexplained/{permission}/decision");
    world.run(world.request_with("POST", &path, &body.to_string(), Some(&format!("Bearer {token}"))))
}

fn refund(reference: &str, amount: &str) -> Value {
    json!({ "reference": reference, "verdict": "refund", "amount": usd(amount),
        "evidence": "Seller Central shows both" })
}

fn is_second_payment(world: &World, checkout_id: &str, outcome: &str) -> Value {
    let shown = world.checkout(checkout_id);
    assert_eq!(shown["state"], outcome, "it is paid all the same");
    // While its money is on its way back, it needs nobody.
    let is_returning = ["Recorded", "Sent", "Accepted"]
        .iter()
        .any(|it| shown["unexplained"][0]["returning"]["state"] == *it);
    assert_eq!(shown["needsPerson"], if is_returning { json!([]) } else { json!(["unexplained"]) });
    assert_eq!(world.fulfilment(checkout_id), (false, "Unexplained".to_owned()));
    let told = facts(world, "payment.unexplained");
    assert!(matches!(&told[..], [fact] if fact["reason"] == "PaidTwice"), "{told:?}");
    assert_eq!(facts(world, "payment.contradicted"), Vec::<Value>::new());
    let known = shown["unexplained"][0].clone();
    assert_ne!(known["chargePermissionId"], shown["chargePermissionId"]);
    assert_eq!((&known["state"], &known["reason"]), (&json!("Open"), &json!("PaidTwice")));
    known
}

// Promise: B06
#[test]
fn two_persons_return_a_second_payment_by_its_id_and_the_order_keeps_its_own() {
    for engine in ENGINES {
        for (order, outcome, call) in
            [(order(), "paid", "createRefund"), (waiting_order(), "authorized", "cancelCharge")]
        {
            let mut world = World::with_keys(engine, Some("Honoured"));
            let checkout_id = paid_twice(&world, &order);
            let known = is_second_payment(&world, &checkout_id, outcome);
            let permission = known["chargePermissionId"].as_str().unwrap();
            let charge = known["chargeId"].as_str().unwrap();
            let decide =
                |world: &World, token, body: &Value| decide(world, token, &checkout_id, permission, body);
            assert_eq!(decide(&world, ALICE, &refund("w", "13.99")).refusal().1, "InvalidValue");
            assert_eq!(decide(&world, ALICE, &refund("a", "14.00")).status, 202);
            world.let_pass(MINUTE);
            assert!(world.amazon.arrived(call).is_empty(), "one person is not enough");
            // The answer is lost: the same call is repeated under the same key, and has one effect.
            world.amazon.fault(call, Fault::LostAfter);
            assert_eq!(decide(&world, BOB, &refund("b", "14.00")).status, 200);
            world.let_pass(20 * SECOND);
            world.restart();
            world.let_pass(2 * MINUTE);
            let sent = world.amazon.arrived(call);
            assert!(!sent.is_empty() && sent.iter().all(|it| it.key == sent[0].key), "{sent:?}");
            let body = |it: &super::amazon::ReceivedCall| {
                serde_json::from_slice::<Value>(&it.body).unwrap_or_default()
            };
            let named =
                |it: &super::amazon::ReceivedCall| it.path.contains(charge) || body(it)["chargeId"] == charge;
            assert!(sent.iter().all(named), "only that charge: {sent:?}");
            if call == "createRefund" {
                assert_eq!(world.amazon.refund_count(), 1);
                assert_eq!(world.amazon.money(), "held 0, captured 2800, refunded 1400");
                is_second_payment(&world, &checkout_id, outcome);
                assert_eq!(world.checkout(&checkout_id)["unexplained"][0]["returning"]["state"], "Accepted");
                let again = decide(&world, CAROL, &refund("c", "14.00")).refusal();
                assert_eq!(again.1, "NotUndecided", "it is returned once");
                world.amazon.change_charge(charge, |charge| charge["refundedAmount"] = usd("14.00"));
            } else {
                assert_eq!(world.amazon.money(), "held 1400, captured 0, refunded 0");
            }
            world.skip(HOUR);
            let shown = world.checkout(&checkout_id);
            let known = &shown["unexplained"][0];
            assert_eq!((&known["state"], &known["end"]), (&json!("Over"), &json!("Returned")));
            assert_eq!((&shown["state"], &shown["needsPerson"]), (&json!(outcome), &json!([])));
            assert_eq!(shown["cancellation"], Value::Null);
            assert!(world.fulfilment(&checkout_id).0, "the order goes on");
            assert_eq!(facts(&world, "payment.settled").len(), 1);
            assert_eq!(facts(&world, "payment.unexplained").len(), 1);
            let calls = world.amazon.arrived(call).len();
            world.skip(3 * DAY);
            assert_eq!(world.amazon.arrived(call).len(), calls, "nothing more is sent");
        }
    }
}

#[test]
fn a_return_that_amazon_refuses_is_decided_again_under_another_key() {
    let world = World::with_keys(ENGINES[0], Some("Honoured"));
    let checkout_id = paid_twice(&world, &order());
    let known = is_second_payment(&world, &checkout_id, "paid");
    let permission = known["chargePermissionId"].as_str().unwrap();
    world.amazon.fault("createRefund", Fault::refusal(422, "InvalidChargeStatus"));
    for (token, reference) in [(ALICE, "a"), (BOB, "b")] {
        decide(&world, token, &checkout_id, permission, &refund(reference, "14.00"));
    }
    let lines = logged(|| world.let_pass(MINUTE));
    let told = lines.iter().filter(|line| line.starts_with("ERROR") && line.contains("decide again"));
    assert_eq!(told.count(), 1, "{lines:?}");
    let known = is_second_payment(&world, &checkout_id, "paid");
    assert_eq!(
        (&known["returning"]["state"], &known["returning"]["code"]),
        (&json!("Refused"), &json!("InvalidChargeStatus"))
    );
    world.skip(DAY);
    assert_eq!(world.amazon.arrived("createRefund").len(), 1, "persons decide again");
    for (token, reference) in [(ALICE, "c"), (BOB, "d")] {
        let answer = decide(&world, token, &checkout_id, permission, &refund(reference, "14.00"));
        assert!([200, 202].contains(&answer.status), "{}", answer.text);
    }
    world.let_pass(MINUTE);
    let sent = world.amazon.arrived("createRefund");
    assert!(matches!(&sent[..], [first, second] if first.key != second.key), "{sent:?}");
    assert_eq!(world.amazon.refund_count(), 1);
}

// Promise: B06
#[test]
fn a_session_that_somebody_completed_beside_the_payment_is_a_second_payment() {
    for engine in ENGINES {
        for is_refused_before in [false, true] {
            let mut world = World::with_keys(engine, Some("Honoured"));
            let checkout_id = world.placed(&order());
            // Its session was not approved when it was sent.
            world.amazon.unapprove(SESSION);
            assert_eq!(world.complete(&checkout_id, SESSION).status, 202);
            world.let_pass(10 * SECOND);
            world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
            let now = "20261123T154700Z";
            if is_refused_before {
                assert_eq!(world.complete(&checkout_id, OTHER_SESSION).status, 200);
                world.amazon.completed_and_paid_elsewhere(SESSION, ELSEWHERE, now, &usd("14.00"));
            } else {
                // The next session waits to be compared while a copy pays the first one.
                world.amazon.hides(OTHER_SESSION);
                assert_eq!(world.complete(&checkout_id, OTHER_SESSION).status, 202);
                world.amazon.executes_a_copy(SESSION);
                let paid = world.amazon.session(SESSION)["chargePermissionId"].clone();
                world.notified("1", "CHARGE_PERMISSION", paid.as_str().unwrap());
                world.let_pass(10 * SECOND);
                assert_eq!(world.attempts(&checkout_id), ["Completed", "Bound"]);
                world.amazon.completed_and_paid_elsewhere(OTHER_SESSION, ELSEWHERE, now, &usd("14.00"));
                world.amazon.comes_back();
                world.let_pass(10 * SECOND);
                assert_eq!(world.attempts(&checkout_id), ["Completed", "Surplus"]);
                assert_eq!(world.fulfilment(&checkout_id), (false, "Unexplained".to_owned()));
            }
            world.restart();
            world.skip(2 * HOUR);
            let known = is_second_payment(&world, &checkout_id, "paid");
            assert_eq!(known["chargePermissionId"], ELSEWHERE);
            assert_eq!(world.amazon.refund_count(), 0, "nothing that is not ours is touched");
            world.skip(3 * DAY);
            is_second_payment(&world, &checkout_id, "paid");
        }
    }
}

// Promise: B06
#[test]
fn a_cancellation_says_that_it_leaves_a_second_payment() {
    for engine in ENGINES {
        let world = World::with_keys(engine, Some("Honoured"));
        let checkout_id = paid_twice(&world, &order());
        let known = is_second_payment(&world, &checkout_id, "paid");
        let permission = known["chargePermissionId"].as_str().unwrap();
        let own = world.checkout(&checkout_id)["chargeId"].clone();
        world.ask(&checkout_id, "cancel", &json!({ "reference": "c" }));
        world.let_pass(MINUTE);
        let leaves = || world.checkout(&checkout_id)["cancellation"]["leaves"].clone();
        let expected = json!([{ "chargePermissionId": permission, "chargeId": known["chargeId"],
            "amount": usd("14.00"), "unexplained": "PaidTwice" }]);
        assert_eq!(leaves(), expected);
        let sent = world.amazon.arrived("createRefund");
        let of_own = |it: &super::amazon::ReceivedCall| {
            serde_json::from_slice::<Value>(&it.body).unwrap()["chargeId"] == own
        };
        assert!(sent.len() == 1 && sent.iter().all(of_own), "only the order's own is undone: {sent:?}");
        for (token, reference) in [(ALICE, "a"), (BOB, "b")] {
            let answer = decide(&world, token, &checkout_id, permission, &refund(reference, "14.00"));
            assert!([200, 202].contains(&answer.status), "{}", answer.text);
        }
        world.let_pass(MINUTE);
        assert_eq!(world.amazon.money(), "held 0, captured 2800, refunded 2800");
        let charge = known["chargeId"].as_str().unwrap();
        world.amazon.change_charge(charge, |charge| charge["refundedAmount"] = usd("14.00"));
        for charge in world.checkout(&checkout_id)["payment"]["charges"].as_array().unwrap() {
            for refund in charge["refunds"].as_array().into_iter().flatten() {
                world.amazon.decide_refund(refund["refundId"].as_str().unwrap(), "Refunded");
            }
        }
        world.skip(2 * HOUR);
        assert_eq!(leaves(), Value::Null);
        let shown = world.checkout(&checkout_id);
        assert_eq!((&shown["state"], &shown["needsPerson"]), (&json!("canceled"), &json!([])));
    }
}
