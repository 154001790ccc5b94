//! Disputes as Amazon notifies of them: objects of their order, which hold back what could return the money twice.

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};

use super::logs::logged;
use super::notifying::{message, signed};
use super::world::{
    ALICE, BOB, ENGINES, HttpAnswer, SESSION, SHOP_TOKEN, World, order_of_100, session_for, usd,
};

const PERMISSION: &str = "S01-5105180-0000001";
const CHARGE: &str = "S01-5105180-0000001-C000001";
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);

/// A notification of a dispute, with or without its permission.
fn about(notification: &str, dispute: &str, permission: Option<&str>) -> Value {
    let mut about = message(notification, "CHARGEBACK", dispute);
    about["ChargePermissionId"] = json!(permission);
    about
}

impl World {
    fn hears_of(&self, notification: &str, dispute: &str, permission: Option<&str>) {
        let body = about(notification, dispute, permission);
        let message_id = format!("m-{notification}");
        assert_eq!(self.post(&signed(&message_id, &body, self.time.now(), |_| ())).status, 200);
        self.let_pass(2 * SECOND);
    }

    /// The ids in the facts of this type.
    fn dispute_facts(&self, kind: &str) -> Vec<Value> {
        self.facts().into_iter().filter(|fact| fact["type"] == kind).collect()
    }

    fn reason(&self, id: &str) -> String {
        let (may_ship, reason) = self.fulfilment(id);
        assert!(!may_ship);
        reason
    }
}

// Promise: B19
#[test]
fn each_dispute_is_a_fact_with_its_id_once() {
    for engine in ENGINES {
        let world = World::new(engine);
        let id = world.completed("AuthorizeWithCapture");
        let lines = logged(|| {
            for _ in 0..3 {
                world.hears_of("n-1", "S01-5105180-0000001-B000001", Some(PERMISSION));
            }
            // Another notification of the same, and one of another dispute.
            world.hears_of("n-2", "S01-5105180-0000001-B000001", Some(PERMISSION));
            world.hears_of("n-3", "A-DISPUTE", Some(PERMISSION));
        });
        let told =
            lines.iter().filter(|line| line.starts_with("ERROR") && line.contains("disputed a payment"));
        assert_eq!(told.count(), 2, "{lines:?}");
        let facts = world.dispute_facts("dispute.opened");
        let members = |fact: &Value| {
            [&fact["checkoutId"], &fact["chargePermissionId"], &fact["disputeId"]].map(Value::clone)
        };
        let expected = |dispute: &str| [json!(id), json!(PERMISSION), json!(dispute)];
        let facts: Vec<_> = facts.iter().map(members).collect();
        assert_eq!(facts, [expected("S01-5105180-0000001-B000001"), expected("A-DISPUTE")]);
        assert!(world.dispute_facts("chargeback.notified").is_empty());
        let shown = world.checkout(&id);
        let disputes = shown["payment"]["disputes"].as_array().unwrap();
        let states: Vec<_> = disputes.iter().map(|it| it["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["Open", "Open"]);
        assert_eq!(shown["needsPerson"], json!(["disputed"]));
        assert_eq!(shown["standing"], "disputed");
        let listed = world.get("/v1/checkouts?needsPerson=true").json();
        assert_eq!(listed["checkouts"][0]["checkoutId"], json!(id));
    }
}

#[test]
fn two_topics_that_report_a_dispute_at_the_same_time_make_it_one() {
    for engine in ENGINES {
        let world = World::new(engine);
        world.completed("AuthorizeWithCapture");
        let of = |id| about(id, "A-DISPUTE", Some(PERMISSION));
        let [one, other] = ["n-1", "n-2"].map(|id| signed(id, &of(id), world.time.now(), |_| ()));
        let (one, other) = world.run(join(world.posting(&one), world.posting(&other)));
        assert_eq!((one.status, other.status), (200, 200));
        world.let_pass(2 * SECOND);
        assert_eq!(world.dispute_facts("dispute.opened").len(), 1);
    }
}

// Promise: B19
#[test]
fn a_dispute_without_its_permission_is_found_by_its_id() {
    for (dispute, charge_id) in
        [("S01-5105180-0000001-B000007", Value::Null), (CHARGE, json!(CHARGE)), ("A-DISPUTE", Value::Null)]
    {
        let world = World::in_memory();
        world.completed("AuthorizeWithCapture");
        let lines = logged(|| world.hears_of("n-1", dispute, None));
        let facts = world.dispute_facts("dispute.opened");
        if dispute == "A-DISPUTE" {
            assert!(facts.is_empty());
            assert!(
                lines.iter().any(|line| line.starts_with("ERROR") && line.contains(dispute)),
                "{lines:?}"
            );
        } else {
            assert_eq!((&facts[0]["disputeId"], &facts[0]["chargeId"]), (&json!(dispute), &charge_id));
        }
    }
}

// Promise: B09, B16, B34, D18
#[test]
fn nothing_ships_and_nothing_is_returned_while_a_dispute_is_open() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let id = world.completed("AuthorizeWithCapture");
        world.let_pass(60 * SECOND);
        assert!(world.fulfilment(&id).0);
        world.hears_of("n-1", "A-DISPUTE", Some(PERMISSION));
        assert_eq!(world.reason(&id), "Disputed");
        let ship = world.ask(&id, "shipments", &json!({ "reference": "parcel" })).json();
        assert_eq!((&ship["mayShip"], &ship["reason"]), (&json!(false), &json!("Disputed")));
        let refund = world.ask(&id, "refunds", &json!({ "reference": "r", "refundAmount": usd("1.00") }));
        assert_eq!(refund.refusal().1, "Disputed");
        let canceled = world.ask(&id, "cancel", &json!({ "reference": "stop" }));
        assert_eq!((canceled.status, &canceled.json()["state"]), (202, &json!("CancelRequested")));
        assert_eq!(canceled.json()["waitsFor"], json!([{ "disputeId": "A-DISPUTE" }]));
        world.restart();
        let lines = logged(|| world.skip(2 * DAY));
        for word in ["a dispute is still open", "not fully undone"] {
            assert!(lines.iter().any(|line| line.starts_with("ERROR") && line.contains(word)), "{word}");
        }
        for call in ["createRefund", "cancelCharge", "close"] {
            assert!(world.amazon.arrived(call).is_empty(), "{call}");
        }
        let explained = world.get(&format!("/v1/checkouts/{id}/explanation")).json();
        assert_eq!(explained["needsPerson"], json!(["disputed"]));
        assert!(explained["awaited"].to_string().contains("dispute A-DISPUTE"));
    }
}

#[test]
fn a_dispute_waits_until_its_payment_is_known() {
    let world = World::in_memory();
    let order = order_of_100("AuthorizeWithCapture");
    let id = world.register(&order);
    world.hears_of("n-1", "A-DISPUTE", Some(PERMISSION));
    assert!(world.dispute_facts("dispute.opened").is_empty());
    world.amazon.open(SESSION, session_for(&order, SESSION, &id));
    world.complete(&id, SESSION);
    world.skip(Duration::from_secs(60));
    let facts = world.dispute_facts("dispute.opened");
    assert_eq!((facts.len(), &facts[0]["checkoutId"]), (1, &json!(id)));
    assert_eq!(world.reason(&id), "Disputed");
}

fn decide(world: &World, token: &str, checkout_id: &str, dispute: &str, body: &Value) -> HttpAnswer {
    let path = format!("/v1/checkouts/{checkout_id}/disputes/{dispute}/decision");
    world.run(world.request_with("POST", &path, &body.to_string(), Some(&format!("Bearer {token}"))))
}

fn verdict(reference: &str, verdict: &str, members: &Value) -> Value {
    let mut body =
        json!({ "reference": reference, "verdict": verdict, "evidence": "Seller Central shows it" });
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    body
}

// Promise: B19, D03
#[test]
fn a_person_says_how_a_dispute_ended_and_what_waited_for_it_goes_on() {
    let dispute = "S01-5105180-0000001-B000001";
    for engine in ENGINES {
        for (word, members, refunded) in [
            ("won", json!({}), "100.00"),
            ("lost", json!({ "amount": usd("40.00") }), "60.00"),
            ("lost", json!({}), "0.00"),
        ] {
            let mut world = World::new(engine);
            let id = world.completed("AuthorizeWithCapture");
            world.let_pass(2 * SECOND);
            world.hears_of("n-1", dispute, Some(PERMISSION));
            assert_eq!(world.ask(&id, "cancel", &json!({ "reference": "c" })).status, 202);
            world.skip(DAY);
            assert_eq!(world.amazon.refund_count(), 0);
            assert_eq!(world.checkout(&id)["needsPerson"], json!(["disputed"]));
            let body = verdict("case-1", word, &members);
            assert_eq!(decide(&world, SHOP_TOKEN, &id, dispute, &body).refusal().1, "NotPermitted");
            let answer = decide(&world, ALICE, &id, dispute, &body);
            assert_eq!(answer.status, 200, "{}", answer.text);
            let shown = answer.json();
            let state = if word == "won" { "Won" } else { "Lost" };
            assert_eq!((&shown["disputeId"], &shown["state"]), (&json!(dispute), &json!(state)));
            assert_eq!(shown["decision"]["state"], "Made");
            world.restart();
            assert_eq!(decide(&world, ALICE, &id, dispute, &body).status, 200, "the same answer again");
            let other = verdict("case-1", "remind", &json!({}));
            assert_eq!(decide(&world, ALICE, &id, dispute, &other).refusal().1, "ReferenceReused");
            let again = verdict("case-2", word, &members);
            assert_eq!(decide(&world, BOB, &id, dispute, &again).refusal().1, "NotUndecided");
            world.let_pass(5 * SECOND);
            let facts = world.dispute_facts(&format!("dispute.{word}"));
            assert!(matches!(&facts[..], [fact] if fact["disputeId"] == dispute), "{facts:?}");
            let timeline = world.timeline(&id);
            for kind in ["DecisionMade", if word == "won" { "DisputeWon" } else { "DisputeLost" }] {
                assert_eq!(timeline.iter().filter(|it| *it == kind).count(), 1, "{kind}: {timeline:?}");
            }
            let sent = world.amazon.arrived("createRefund");
            let amounts: Vec<Value> = sent
                .iter()
                .map(|it| {
                    serde_json::from_slice::<Value>(&it.body).unwrap()["refundAmount"]["amount"].clone()
                })
                .collect();
            let expected = if refunded == "0.00" { Vec::new() } else { vec![json!(refunded)] };
            assert_eq!(amounts, expected, "{word} {members}");
            assert_eq!(world.checkout(&id)["needsPerson"], json!([]));
            let charge = world.checkout(&id)["payment"]["charges"][0].clone();
            for refund in charge["refunds"].as_array().into_iter().flatten() {
                world.amazon.decide_refund(refund["refundId"].as_str().unwrap(), "Refunded");
            }
            world.skip(2 * DAY);
            assert_eq!(world.checkout(&id)["state"], "canceled", "{word} {members}");
        }
    }
}

// Promise: D03
#[test]
fn a_decision_about_a_dispute_names_what_is_wrong_with_it() {
    let dispute = "S01-5105180-0000001-B000001";
    let world = World::in_memory();
    let id = world.completed("AuthorizeWithCapture");
    world.hears_of("n-1", dispute, Some(PERMISSION));
    let lost = |amount: &str| verdict("r", "lost", &json!({ "amount": usd(amount) }));
    for (named, body, status, code, field) in [
        (dispute, json!({ "verdict": "won", "evidence": "x" }), 400, "MissingValue", Some("reference")),
        (dispute, json!({ "reference": "r", "evidence": "x" }), 400, "MissingValue", Some("verdict")),
        (dispute, json!({ "reference": "r", "verdict": "won" }), 400, "MissingValue", Some("evidence")),
        (dispute, verdict("r", "paid", &json!({})), 400, "InvalidValue", Some("verdict")),
        (
            dispute,
            verdict("r", "won", &json!({ "amount": usd("1.00") })),
            400,
            "InvalidCombination",
            Some("amount"),
        ),
        (
            dispute,
            verdict("r", "won", &json!({ "chargeId": CHARGE })),
            400,
            "UnrecognizedField",
            Some("chargeId"),
        ),
        (dispute, lost("0.00"), 400, "InvalidValue", Some("amount")),
        (dispute, lost("100.01"), 400, "InvalidValue", Some("amount")),
        ("S01-5105180-0000001-B000009", verdict("r", "won", &json!({})), 404, "NoSuchDispute", None),
    ] {
        let refused = decide(&world, ALICE, &id, named, &body).refusal();
        assert_eq!((refused.0, refused.1.as_str(), refused.2.as_deref()), (status, code, field), "{body}");
    }
    let told = decide(&world, ALICE, &id, dispute, &lost("100.01")).text;
    assert!(told.contains("at most 100.00 USD") && !told.contains("Amazon"), "{told}");
    assert_eq!(world.checkout(&id)["needsPerson"], json!(["disputed"]));
    assert_eq!(decide(&world, ALICE, &id, dispute, &verdict("m", "remind", &json!({}))).status, 200);
    let lines = logged(|| world.skip(DAY + 2 * SECOND));
    assert!(lines.iter().any(|line| line.starts_with("ERROR") && line.contains(dispute)), "{lines:?}");
}

// Promise: D03
#[test]
fn a_second_person_sees_the_whole_request_about_a_dispute_and_what_to_do_about_it() {
    let dispute = "S01-5105180-0000001-B000001";
    for engine in ENGINES {
        let mut world = World::new(engine);
        let id = world.completed("AuthorizeWithCapture");
        world.hears_of("n-1", dispute, Some(PERMISSION));
        let explained = |world: &World| world.get(&format!("/v1/checkouts/{id}/explanation")).json();
        let command = format!("countersign decide 1001 --dispute {dispute}");
        assert!(explained(&world)["needsInWords"][0].as_str().unwrap().ends_with(&command));
        assert_eq!(decide(&world, ALICE, &id, dispute, &verdict("1", "won", &json!({}))).status, 200);
        let timeline = explained(&world)["timeline"].to_string();
        assert!(timeline.contains("Amazon cannot be asked how a dispute ended"), "{timeline}");
        assert!(!timeline.contains("asked in the same act"), "{timeline}");
        // One person says otherwise: that needs a second one, and is about the dispute, not about the payment.
        let lost = verdict("2", "lost", &json!({ "amount": usd("40.00") }));
        assert_eq!(decide(&world, BOB, &id, dispute, &lost).status, 202);
        world.restart();
        let shown = world.checkout(&id);
        assert_eq!(shown["needsPerson"], json!(["disputed"]));
        let explained = explained(&world);
        let told = explained["needsInWords"][0].as_str().unwrap();
        assert_eq!(
            told,
            format!("one person disputes what was decided: a second one must agree with either: {command}")
        );
        let awaited = explained["awaited"].to_string();
        assert!(awaited.contains("bob has decided under \\\"2\\\" (lost, 40.00 USD)"), "{awaited}");
        let path = format!("/v1/checkouts/{id}/disputes/{dispute}/decision");
        let seen =
            |token: &str| world.run(world.request_with("GET", &path, "", Some(&format!("Bearer {token}"))));
        assert_eq!(seen(SHOP_TOKEN).refusal().1, "NotPermitted");
        let seen = seen(ALICE).json();
        assert_eq!((&seen["disputeId"], &seen["state"]), (&json!(dispute), &json!("Won")));
        let verdicts: Vec<_> =
            seen["verdicts"].as_array().unwrap().iter().map(|it| it["verdict"].clone()).collect();
        assert_eq!(verdicts, [json!("won"), json!("lost"), json!("remind")]);
        assert_eq!(seen["verdicts"][1]["personsNeeded"], 2);
        assert_eq!(
            seen["object"],
            json!({ "at": "20261123T154700Z" }),
            "neither its charge nor its amount is known"
        );
        assert_eq!(seen["amazon"]["charge"]["captureAmount"], usd("100.00"));
        let request = &seen["decisions"][1];
        assert_eq!((&request["verdict"], &request["amount"]), (&json!("lost"), &usd("40.00")));
        let person = &request["persons"][0];
        assert_eq!(
            (&person["actor"], &person["evidence"]),
            (&json!("bob"), &json!("Seller Central shows it"))
        );
        assert_eq!(decide(&world, ALICE, &id, dispute, &lost).status, 200);
        assert_eq!(world.checkout(&id)["needsPerson"], json!([]));
    }
}
