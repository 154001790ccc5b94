//! Ids are unique: an id that Amazon answers for two orders is paid for, shipped, captured and refunded by one of
//! them at most, and by none until Amazon has said whose it is.

use std::time::Duration;

use bytes::Bytes;
use countersign_store::contract::{ChangeId, ChangeSet, Content, Expect, IndexEntry, Key, Version, Write};
use futures_util::future::join;
use serde_json::{Value, json};

use super::amazon::Fault;
use super::logs::logged;
use super::proving::facts_of_type;
use super::time_machine::run;
use super::world::{
    ALICE, ENGINES, Engine, OTHER_SESSION, SESSION, World, order, order_of_100, session_for, usd,
};

const FIRST: (&str, &str) = ("S01-5105180-0000001", "S01-5105180-0000001-C000001");
const SECOND: (&str, &str) = ("S01-5105180-0000002", "S01-5105180-0000002-C000002");
const DAY: Duration = Duration::from_secs(86_400);
const MINUTE: Duration = Duration::from_secs(60);

/// Another order, which its buyer has placed.
fn second_order(world: &World, order: &Value) -> String {
    let mut second = order.clone();
    second["orderId"] = json!("1002");
    let id = world.register(&second);
    world.amazon.open(OTHER_SESSION, session_for(&second, OTHER_SESSION, &id));
    id
}

/// A success of Finalize with these ids.
fn success(session: &str, (permission, charge): (&str, &str)) -> Value {
    json!({ "checkoutSessionId": session, "statusDetails": { "state": "Completed" },
        "chargePermissionId": permission, "chargeId": charge })
}

/// An order whose authorization Amazon may decide later.
fn may_be_pending() -> Value {
    let mut order = order();
    order["paymentDetails"]["paymentIntent"] = json!("Authorize");
    order["paymentDetails"]["canHandlePendingAuthorization"] = json!(true);
    order
}

/// Places an order that Amazon authorizes later, and then declines.
fn declined(world: &World) -> String {
    let id = world.placed(&may_be_pending());
    world.amazon.fault("finalize", Fault::Pending);
    assert_eq!(world.complete(&id, SESSION).verdict(), (202, "pending".to_owned()));
    world.amazon.decide(FIRST.1, "Declined");
    world.skip(DAY);
    assert_eq!(world.complete(&id, SESSION).verdict(), (402, "notPaid".to_owned()));
    id
}

/// The next Finalize is executed, and is answered with the ids of another payment. Until Amazon comes back, it shows
/// no session after the one that Finalize needs.
fn answers_with(world: &World, session: &str, ids: (&str, &str)) {
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    world.amazon.fault("finalize", Fault::AnswerAfter(200, success(session, ids)));
}

fn is_contested(world: &World, id: &str, session: &str) {
    let answer = world.complete(id, session);
    assert_eq!(answer.verdict(), (202, "checking".to_owned()), "{}", answer.text);
    assert_eq!(answer.json()["reason"], "Contradicted", "{}", answer.text);
    assert_eq!(world.fulfilment(id), (false, "Contradicted".to_owned()));
    let checkout = world.checkout(id);
    assert_eq!(checkout["standing"], "contradicted", "{checkout}");
    assert!(checkout["needsPerson"].to_string().contains("contradicted"), "{checkout}");
}

fn is_paid_by(world: &World, id: &str, session: &str, charge: &str) {
    let answer = world.complete(id, session);
    assert_eq!(answer.verdict(), (200, "paid".to_owned()), "{}", answer.text);
    assert_eq!(answer.json()["chargeId"], charge, "{}", answer.text);
    assert_eq!(world.fulfilment(id), (true, "Captured".to_owned()));
}

/// The calls that move money after a Finalize.
fn moved(world: &World) -> usize {
    let calls = ["createCharge", "captureCharge", "cancelCharge", "createRefund", "close"];
    calls.iter().map(|call| world.amazon.arrived(call).len()).sum()
}

// Promise: B09, D02
#[test]
fn a_finalize_that_answers_another_orders_payment_stops_both_until_their_sessions_say_whose_it_is() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let first = world.placed(&order());
        assert_eq!(world.complete(&first, SESSION).verdict(), (200, "paid".to_owned()));
        world.let_pass(MINUTE);
        assert_eq!(world.fulfilment(&first), (true, "Captured".to_owned()));
        let second = second_order(&world, &order());
        answers_with(&world, OTHER_SESSION, FIRST);
        let lines = logged(|| {
            is_contested(&world, &second, OTHER_SESSION);
            is_contested(&world, &first, SESSION);
            world.restart();
            world.let_pass(MINUTE);
        });
        for id in [&first, &second] {
            let errors = lines.iter().filter(|line| line.starts_with("ERROR") && line.contains(id.as_str()));
            assert_eq!(errors.filter(|line| line.contains("OfAnotherAct")).count(), 1, "{lines:?}");
        }
        is_contested(&world, &first, SESSION);
        is_contested(&world, &second, OTHER_SESSION);
        let refused = world.ask(&first, "refunds", &json!({ "reference": "r" })).refusal();
        assert_eq!(refused, (409, "Contradicted".to_owned(), None));
        assert_eq!(moved(&world), 0);
        let told = facts_of_type(&world, "payment.contradicted");
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|fact| fact["reason"] == "OfAnotherAct"), "{told:?}");
        // The sessions say whose the payments are.
        world.amazon.comes_back();
        world.skip(2 * DAY);
        is_paid_by(&world, &first, SESSION, FIRST.1);
        is_paid_by(&world, &second, OTHER_SESSION, SECOND.1);
        assert_eq!(facts_of_type(&world, "payment.settled").len(), 2);
        assert_eq!(facts_of_type(&world, "checkout.paid").len(), 2);
        assert_eq!(world.ask(&first, "refunds", &json!({ "reference": "r2" })).status, 202);
        world.let_pass(MINUTE);
    }
}

// Promise: B09
#[test]
fn if_both_sessions_name_one_payment_only_the_order_that_holds_it_ships() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let first = world.placed(&order());
        assert_eq!(world.complete(&first, SESSION).verdict(), (200, "paid".to_owned()));
        world.let_pass(MINUTE);
        let second = second_order(&world, &order());
        answers_with(&world, OTHER_SESSION, FIRST);
        is_contested(&world, &second, OTHER_SESSION);
        world.amazon.change(OTHER_SESSION, |session| {
            session["chargePermissionId"] = json!(FIRST.0);
            session["chargeId"] = json!(FIRST.1);
        });
        world.amazon.comes_back();
        for _ in 0..2 {
            world.skip(3 * DAY);
            world.restart();
            is_paid_by(&world, &first, SESSION, FIRST.1);
            is_contested(&world, &second, OTHER_SESSION);
        }
        assert_eq!(facts_of_type(&world, "payment.contradicted").len(), 2, "each is told once");
        assert_eq!(facts_of_type(&world, "payment.settled").len(), 1);
        assert_eq!(facts_of_type(&world, "checkout.paid").len(), 1);
    }
}

// Promise: B09
#[test]
fn the_order_that_was_answered_wrongly_first_gives_the_payment_to_its_owner() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let first = world.placed(&order());
        // These are the ids that the second order's payment will have.
        world.amazon.fault("finalize", Fault::AnswerAfter(200, success(SESSION, SECOND)));
        assert_eq!(world.complete(&first, SESSION).verdict(), (200, "paid".to_owned()));
        let second = second_order(&world, &order());
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.goes_down("session");
        is_contested(&world, &second, OTHER_SESSION);
        is_contested(&world, &first, SESSION);
        world.restart();
        world.amazon.comes_back();
        world.skip(3 * DAY);
        is_paid_by(&world, &first, SESSION, FIRST.1);
        is_paid_by(&world, &second, OTHER_SESSION, SECOND.1);
    }
}

// Promise: B08, D02
#[test]
fn the_ids_of_a_declined_payment_pay_for_no_other_order() {
    for engine in ENGINES {
        let world = World::new(engine);
        let first = declined(&world);
        let second = second_order(&world, &order());
        answers_with(&world, OTHER_SESSION, FIRST);
        is_contested(&world, &second, OTHER_SESSION);
        assert_eq!(world.complete(&first, SESSION).verdict(), (402, "notPaid".to_owned()));
        world.amazon.comes_back();
        world.skip(2 * DAY);
        is_paid_by(&world, &second, OTHER_SESSION, SECOND.1);
    }
}

/// Two orders of which 40.00 of 100.00 is authorized.
fn two_orders(world: &World) -> (String, String) {
    let first = world.completed("Authorize");
    let second = second_order(world, &order_of_100("Authorize"));
    assert_eq!(world.complete(&second, OTHER_SESSION).status, 200);
    world.let_pass(MINUTE);
    (first, second)
}

// Promise: B09, D02
#[test]
fn create_charge_that_answers_another_orders_charge_makes_no_charge_here() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (first, second) = two_orders(&world);
        let body = json!({ "reference": "parcel 2", "chargeAmount": usd("20.00") });
        let made = world.ask(&first, "charges", &body).json();
        let made = made["chargeId"].as_str().unwrap().to_owned();
        // Amazon answers with that charge, and as if it were under the second order's permission.
        let answer = json!({ "chargeId": made, "chargePermissionId": SECOND.0, "chargeAmount": usd("20.00"),
            "statusDetails": { "state": "Authorized" } });
        world.amazon.fault("createCharge", Fault::AnswerAfter(201, answer));
        let asked = world.ask(&second, "charges", &body).json();
        assert_ne!(asked["chargeId"], json!(made), "{asked}");
        let gate = world.get(&format!("/v1/checkouts/{first}/fulfilment?chargeId={made}")).json();
        assert_eq!((&gate["mayShip"], &gate["reason"]), (&json!(false), &json!("Contradicted")));
        let gate = world.get(&format!("/v1/checkouts/{second}/fulfilment?chargeId={made}"));
        assert_eq!(gate.status, 404, "the second order has no such charge: {}", gate.text);
        // The charge says by its permission whose it is; the key answers what the second order's call has made.
        world.skip(DAY);
        let gate = world.get(&format!("/v1/checkouts/{first}/fulfilment?chargeId={made}")).json();
        assert_eq!(gate["mayShip"], true, "{gate}");
        assert_eq!(facts_of_type(&world, "payment.settled").len(), 1);
        let charges = world.checkout(&second)["payment"]["charges"].clone();
        assert!(!charges.to_string().contains(&made), "{charges}");
    }
}

// Promise: B15, D02
#[test]
fn a_refund_that_answers_another_orders_refund_is_not_done_here() {
    for engine in ENGINES {
        let world = World::new(engine);
        let first = world.placed(&order());
        assert_eq!(world.complete(&first, SESSION).status, 200);
        let second = second_order(&world, &order());
        assert_eq!(world.complete(&second, OTHER_SESSION).status, 200);
        world.let_pass(MINUTE);
        let body = json!({ "reference": "return", "refundAmount": usd("5.00") });
        let refunded = world.ask(&first, "refunds", &body).json();
        let refund = refunded["refundId"].as_str().unwrap().to_owned();
        let answer = json!({ "refundId": refund, "chargeId": SECOND.1, "refundAmount": usd("5.00"),
            "statusDetails": { "state": "RefundInitiated" } });
        world.amazon.fault("createRefund", Fault::AnswerAfter(201, answer));
        let asked = world.ask(&second, "refunds", &body).json();
        assert_ne!(asked["refundId"], json!(refund), "{asked}");
        assert_eq!(world.fulfilment(&first), (false, "Contradicted".to_owned()));
        let refunds = world.checkout(&second)["payment"]["charges"].to_string();
        assert!(!refunds.contains(&refund), "{refunds}");
        world.skip(DAY);
        assert_eq!(facts_of_type(&world, "payment.settled").len(), 1);
        let refunds = world.checkout(&first)["payment"]["charges"].to_string();
        assert!(refunds.contains(&refund), "{refunds}");
    }
}

#[test]
fn an_orders_own_ids_stay_its_own_however_often_they_are_shown() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let id = world.placed(&order());
        world.amazon.fault("finalize", Fault::LostAfter);
        world.complete(&id, SESSION);
        world.let_pass(MINUTE);
        world.restart();
        world.skip(2 * DAY);
        is_paid_by(&world, &id, SESSION, FIRST.1);
        assert!(facts_of_type(&world, "payment.contradicted").is_empty());
    }
}

fn key(collection: &'static str, id: &str) -> Key {
    Key { collection, id: id.to_owned() }
}

/// A store as an earlier version has left it: without claims, and with the ids of the first order's payment in the
/// second order's document, too.
fn of_an_earlier_version(world: &World, second: &str) {
    let marker = key("id_claims", "checkout");
    let claims = [FIRST, SECOND].into_iter().flat_map(|(permission, charge)| {
        [format!("M1 S permission {permission}"), format!("M1 S charge {charge}")]
    });
    let keys: Vec<Key> = claims.map(|id| key("id_claim", &id)).chain([marker]).collect();
    let found = run(&world.time, || true, world.store.inner().load(&keys)).unwrap();
    let versions: Vec<Version> = found.iter().map(|it| it.as_ref().unwrap().version).collect();
    let mut write: Vec<Write> = keys
        .into_iter()
        .zip(versions)
        .map(|(key, version)| Write { key, expect: Expect::Version(version), content: None })
        .collect();
    let checkout = key("checkout", second);
    let loading = world.store.inner().load(std::slice::from_ref(&checkout));
    let document = run(&world.time, || true, loading).unwrap().remove(0).unwrap();
    let text = String::from_utf8(document.bytes.to_vec()).unwrap();
    let text = text.replace(SECOND.1, FIRST.1).replace(SECOND.0, FIRST.0);
    let index = vec![IndexEntry { index: "checkout_by_state", value: "paid".to_owned() }];
    let content = Content { format: document.format, bytes: Bytes::from(text), due_at: None, index };
    let expect = Expect::Version(document.version);
    write.push(Write { key: checkout, expect, content: Some(content) });
    let (id, at) = (ChangeId([7; 16]), countersign_world::Clock::now(&world.time));
    let change = ChangeSet { id, at, require: Vec::new(), write, append: Vec::new() };
    run(&world.time, || true, world.store.inner().commit(change)).unwrap();
}

// Promise: B09, D02
#[test]
fn the_first_start_claims_the_ids_of_all_stored_orders_before_anything_is_sent() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let first = world.placed(&order());
        assert_eq!(world.complete(&first, SESSION).status, 200);
        let second = second_order(&world, &order());
        assert_eq!(world.complete(&second, OTHER_SESSION).status, 200);
        world.let_pass(MINUTE);
        of_an_earlier_version(&world, &second);
        let sent = world.amazon.arrived("session").len();
        world.amazon.goes_down("session");
        world.restart();
        assert_eq!(world.amazon.arrived("session").len(), sent, "both are stopped before anything is sent");
        is_contested(&world, &first, SESSION);
        is_contested(&world, &second, OTHER_SESSION);
        // A second start finds everything claimed.
        world.restart();
        world.amazon.comes_back();
        world.skip(3 * DAY);
        is_paid_by(&world, &first, SESSION, FIRST.1);
        is_paid_by(&world, &second, OTHER_SESSION, SECOND.1);
    }
}

// Promise: B08, D02
#[test]
fn a_crash_at_any_commit_of_a_contested_answer_leaves_no_order_paid_by_anothers_payment() {
    for is_applied in [false, true] {
        for n in 1..6 {
            let mut world = World::new(Engine::Memory);
            let first = world.placed(&order());
            assert_eq!(world.complete(&first, SESSION).status, 200);
            world.let_pass(MINUTE);
            let second = second_order(&world, &order());
            world.amazon.fault("session", Fault::Nothing);
            world.amazon.fault("finalize", Fault::AnswerAfter(200, success(OTHER_SESSION, FIRST)));
            world.store.hook.dies_at(n, is_applied);
            let completing = world.completing(&second, OTHER_SESSION);
            let _ = world.run_until_it_stops(completing);
            world.store.hook.lives_on();
            world.amazon.forget_faults();
            world.restart();
            world.skip(3 * DAY);
            is_paid_by(&world, &first, SESSION, FIRST.1);
            let shown = world.checkout(&second).to_string();
            assert!(
                !shown.contains(&format!("\"{}\"", FIRST.1)) || shown.contains("Contradicted"),
                "{n}: {shown}"
            );
            let paid = facts_of_type(&world, "checkout.paid");
            assert!(paid.iter().filter(|fact| fact["chargeId"] == FIRST.1).count() <= 1, "{n}: {paid:?}");
        }
    }
}

// Promise: B08, B09, D02
#[test]
fn of_two_orders_that_are_answered_one_payment_at_the_same_time_one_at_most_is_paid_by_it() {
    for engine in ENGINES {
        for (first_answer, second_answer) in [(FIRST, FIRST), (SECOND, SECOND), (SECOND, FIRST)] {
            let mut world = World::new(engine);
            let first = world.placed(&order());
            let second = second_order(&world, &order());
            world.amazon.fault("finalize", Fault::AnswerAfter(200, success(SESSION, first_answer)));
            world.amazon.fault("finalize", Fault::AnswerAfter(200, success(OTHER_SESSION, second_answer)));
            let both = join(world.completing(&first, SESSION), world.completing(&second, OTHER_SESSION));
            let (one, other) = world.run(both);
            assert!(one.status < 300 && other.status < 300, "{} {}", one.text, other.text);
            for charge in [FIRST.1, SECOND.1] {
                let told = facts_of_type(&world, "checkout.paid");
                let by_it = told.iter().filter(|fact| fact["chargeId"] == charge).count();
                assert!(by_it <= 1, "{told:?}");
                let ships = |id: &String| {
                    let gate = world.get(&format!("/v1/checkouts/{id}/fulfilment?chargeId={charge}"));
                    gate.status == 200 && gate.json()["mayShip"] == true
                };
                assert!(!(ships(&first) && ships(&second)), "{charge}");
            }
            world.restart();
            world.skip(5 * DAY);
            if first_answer == second_answer {
                // Either of the two may have reached Amazon first.
                for (id, session) in [(&first, SESSION), (&second, OTHER_SESSION)] {
                    let shown = world.amazon.session(session);
                    is_paid_by(&world, id, session, shown["chargeId"].as_str().unwrap());
                }
            }
        }
    }
}

// Promise: B09
#[test]
fn the_ids_of_a_contradicted_payment_pay_for_no_other_order() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let first = world.placed(&order());
        world.amazon.fault("finalize", Fault::LostAfter);
        let wrong = json!({ "chargeId": FIRST.1, "chargePermissionId": FIRST.0, "chargeAmount": usd("1.00"),
            "captureAmount": usd("1.00"), "statusDetails": { "state": "Captured" } });
        world.amazon.fault("charge", Fault::Answer(200, wrong));
        world.complete(&first, SESSION);
        world.let_pass(MINUTE);
        let answer = world.complete(&first, SESSION);
        assert_eq!(answer.json()["reason"], "Contradicted", "{}", answer.text);
        world.restart();
        let second = second_order(&world, &order());
        answers_with(&world, OTHER_SESSION, FIRST);
        is_contested(&world, &second, OTHER_SESSION);
        assert_eq!(world.fulfilment(&first), (false, "Contradicted".to_owned()));
        world.amazon.comes_back();
        world.skip(5 * DAY);
        is_paid_by(&world, &first, SESSION, FIRST.1);
        is_paid_by(&world, &second, OTHER_SESSION, SECOND.1);
    }
}

// Promise: B09
#[test]
fn an_order_whose_data_are_erased_keeps_its_claims_and_is_contested_only_by_another_order() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let first = world.placed(&order());
        assert_eq!(world.complete(&first, SESSION).verdict(), (200, "paid".to_owned()));
        world.let_pass(MINUTE);
        assert_eq!(world.call("DELETE", &format!("/v1/checkouts/{first}/snapshot"), "").status, 200);
        world.skip(400 * DAY);
        world.restart();
        is_paid_by(&world, &first, SESSION, FIRST.1);
        assert!(facts_of_type(&world, "payment.contradicted").is_empty());
        let second = second_order(&world, &order());
        answers_with(&world, OTHER_SESSION, FIRST);
        is_contested(&world, &second, OTHER_SESSION);
        is_contested(&world, &first, SESSION);
        world.amazon.comes_back();
        world.skip(5 * DAY);
        is_paid_by(&world, &first, SESSION, FIRST.1);
        is_paid_by(&world, &second, OTHER_SESSION, SECOND.1);
    }
}

// Promise: B09
#[test]
fn a_second_session_of_an_order_is_not_paid_by_the_charge_that_was_declined_for_the_first() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = declined(&world);
        world.amazon.open(OTHER_SESSION, session_for(&may_be_pending(), OTHER_SESSION, &id));
        world.amazon.fault("finalize", Fault::AnswerAfter(200, success(OTHER_SESSION, FIRST)));
        let answer = world.complete(&id, OTHER_SESSION);
        assert_ne!(answer.json()["chargeId"], FIRST.1, "{}", answer.text);
        assert_ne!(world.fulfilment(&id), (true, "Authorized".to_owned()));
        world.skip(5 * DAY);
        let answer = world.complete(&id, OTHER_SESSION);
        assert_eq!(answer.verdict(), (200, "authorized".to_owned()), "{}", answer.text);
        assert_eq!(answer.json()["chargeId"], SECOND.1);
    }
}

// Promise: D03
#[test]
fn a_person_is_told_which_order_holds_a_payment_and_ends_the_contest_by_deciding_that_one() {
    for engine in ENGINES {
        let world = World::new(engine);
        let first = world.placed(&order());
        let shown = json!({ "creationTimestamp": "20261123T154700Z", "limits": { "amountLimit": usd("14.00") },
            "merchantMetadata": { "merchantReferenceId": first } });
        assert_eq!(world.complete(&first, SESSION).verdict(), (200, "paid".to_owned()));
        world.let_pass(MINUTE);
        let second = second_order(&world, &order());
        answers_with(&world, OTHER_SESSION, FIRST);
        is_contested(&world, &second, OTHER_SESSION);
        world.amazon.dates_charges("20261123T154700Z");
        world.amazon.show_of_permission(FIRST.0, shown);
        let body = json!({ "reference": "case 1", "verdict": "paid", "chargePermissionId": FIRST.0,
            "chargeId": FIRST.1, "evidence": "Seller Central shows it" });
        let decide = |id: &str| {
            let path = format!("/v1/checkouts/{id}/attempts/1/decision");
            let alice = format!("Bearer {ALICE}");
            world.run(world.request_with("POST", &path, &body.to_string(), Some(&alice)))
        };
        let answer = decide(&second);
        let expected = (409, "PaymentOfAnotherOrder".to_owned(), Some("chargePermissionId".to_owned()));
        assert_eq!(answer.refusal(), expected);
        assert!(answer.text.contains(&first), "{}", answer.text);
        // Without its session nobody decides the order that holds it, either.
        assert_eq!(decide(&first).refusal().1, "AmazonSilent");
        world.amazon.comes_back();
        let answer = decide(&first);
        assert_eq!(answer.status, 200, "{}", answer.text);
        is_paid_by(&world, &first, SESSION, FIRST.1);
        world.skip(5 * DAY);
        is_paid_by(&world, &second, OTHER_SESSION, SECOND.1);
    }
}

// Promise: B09, D02
#[test]
fn a_session_that_was_refused_and_names_what_another_order_holds_stops_the_next_one() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let first = world.placed(&order());
        let false_word = Fault::AnswerAfter(422, json!({ "reasonCode": "HardDeclined" }));
        world.amazon.fault("finalize", false_word);
        assert_eq!(world.complete(&first, SESSION).verdict(), (402, "notPaid".to_owned()));
        let second = second_order(&world, &order());
        answers_with(&world, OTHER_SESSION, FIRST);
        assert_eq!(world.complete(&second, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
        world.amazon.comes_back();
        let next = "session-3";
        world.amazon.open(next, session_for(&order(), next, &first));
        let answer = world.complete(&first, next);
        assert_eq!(answer.verdict(), (202, "checking".to_owned()), "{}", answer.text);
        assert!(!world.fulfilment(&second).0, "both orders may have it");
        world.restart();
        world.let_pass(600 * MINUTE);
        world.skip(2 * DAY);
        assert_eq!(world.attempts(&first)[0], "Unresolved");
        assert_eq!(world.amazon.arrived("finalize").len(), 2, "the buyer pays once");
        // The session of the other order names its own payment.
        is_paid_by(&world, &second, OTHER_SESSION, SECOND.1);
    }
}

// Promise: B09, D02
#[test]
fn an_order_asks_its_own_session_before_the_claim_of_another_order_counts() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let first = world.placed(&order());
        let false_word = Fault::AnswerAfter(422, json!({ "reasonCode": "HardDeclined" }));
        world.amazon.fault("finalize", false_word);
        assert_eq!(world.complete(&first, SESSION).verdict(), (402, "notPaid".to_owned()));
        // The notification of its payment is heard, and its session cannot be asked yet.
        world.amazon.goes_down("session");
        world.notified("1", "CHARGE_PERMISSION", FIRST.0);
        world.let_pass(Duration::from_secs(5));
        let second = second_order(&world, &order());
        answers_with(&world, OTHER_SESSION, FIRST);
        assert_eq!(world.complete(&second, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
        world.let_pass(MINUTE);
        world.amazon.comes_back();
        world.restart();
        world.let_pass(60 * MINUTE);
        world.skip(DAY);
        let checkout = world.checkout(&first);
        assert_eq!(checkout["standing"], "contradicted", "{checkout}");
        assert_eq!(world.complete(&first, SESSION).verdict(), (202, "checking".to_owned()));
        is_paid_by(&world, &second, OTHER_SESSION, SECOND.1);
    }
}
