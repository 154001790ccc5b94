//! Disputes as Amazon notifies of them: objects of their order, which hold back what could return the money twice.

use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};

use super::logs::logged;
use super::notifying::{message, signed};
use super::world::{ENGINES, SESSION, World, order_of_100, session_for, usd};

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
