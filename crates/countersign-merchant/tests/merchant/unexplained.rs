//! Permissions that no order is known to have: those that name an order of ours, and those that name none.

use std::time::Duration;

use countersign_domain::merchant::rules::Integration;
use countersign_store::contract::{Key, Store as _};
use serde_json::{Value, json};

use super::amazon::Fault;
use super::logs::logged;
use super::notifying::{message, signed};
use super::world::{ENGINES, Engine, SESSION, World, order, session_for, usd, waiting_order};

/// What the first Finalize makes.
const FIRST: &str = "S01-5105180-0000001";
/// What another system was paid.
const OTHER: &str = "S01-5105180-7777777";
const OTHERS_CHARGE: &str = "S01-5105180-7777777-C000001";
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

fn state(world: &World, checkout_id: &str) -> (String, Option<String>) {
    let checkout = world.checkout(checkout_id);
    let text = |member: &str| checkout[member].as_str().map(str::to_owned);
    (text("state").unwrap(), text("reason"))
}

fn checking(reason: &str) -> (String, Option<String>) {
    ("checking".to_owned(), Some(reason.to_owned()))
}

fn facts(world: &World, kind: &str) -> Vec<Value> {
    world.facts().into_iter().filter(|fact| fact["type"] == kind).collect()
}

fn errors(lines: &[String]) -> Vec<&String> {
    lines.iter().filter(|line| line.starts_with("ERROR")).collect()
}

fn count(world: &World, checkout_id: &str, kind: &str) -> usize {
    world.timeline(checkout_id).iter().filter(|it| *it == kind).count()
}

fn finalizes(world: &World) -> usize {
    world.amazon.arrived("finalize").len()
}

/// The buyer comes back with a further session.
fn pays_again(world: &World, checkout_id: &str, order: &Value, session: &str) -> (u16, String) {
    world.amazon.open(session, session_for(order, session, checkout_id));
    world.complete(checkout_id, session).verdict()
}

/// An order whose only Finalize was executed, and was answered with this refusal.
fn refused_though_paid(world: &World, order: &Value, status: u16, code: &str) -> String {
    let checkout_id = world.placed(order);
    let body = json!({ "reasonCode": code, "message": "canary" });
    world.amazon.fault("finalize", Fault::AnswerAfter(status, body));
    assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (402, "notPaid".to_owned()));
    checkout_id
}

// Promise: B17, D01
#[test]
fn a_refused_attempt_that_amazon_shows_as_paid_is_contradicted_and_nothing_more_is_sent() {
    let charge = format!("{FIRST}-C000001");
    for engine in ENGINES {
        for (order, status, code) in [
            (order(), 422, "HardDeclined"),
            (order(), 422, "SoftDeclined"),
            (waiting_order(), 422, "CheckoutSessionCanceled"),
            (order(), 409, "AmountMismatch"),
            (waiting_order(), 400, "InvalidParameterValue"),
        ] {
            for (object_type, object) in [("CHARGE", charge.as_str()), ("CHARGE_PERMISSION", FIRST)] {
                let mut world = World::new(engine);
                let checkout_id = refused_though_paid(&world, &order, status, code);
                let lines = logged(|| {
                    for id in ["1", "2"] {
                        world.notified(id, object_type, object);
                        world.let_pass(5 * SECOND);
                    }
                    assert_eq!(state(&world, &checkout_id), checking("Contradicted"), "{code} {object}");
                    world.restart();
                    let second = pays_again(&world, &checkout_id, &order, "s2");
                    assert_eq!(second, (202, "checking".to_owned()));
                    world.skip(2 * DAY);
                });
                assert_eq!(finalizes(&world), 1, "{code}: the buyer would have been charged twice");
                let errors = errors(&lines);
                let told: Vec<_> =
                    errors.iter().filter(|line| line.contains("Amazon contradicts a payment")).collect();
                assert!(
                    matches!(told[..], [line] if line.contains(&checkout_id) && line.contains(&charge)),
                    "{errors:?}"
                );
                let told = facts(&world, "payment.contradicted");
                assert!(matches!(&told[..], [fact] if fact["chargeId"] == charge.as_str()), "{told:?}");
                assert_eq!(count(&world, &checkout_id, "Contradicted"), 1);
                assert_eq!(count(&world, &checkout_id, "NotificationHeard"), 2);
                let figures = world.run(world.request_with("GET", "/metrics", "", None)).text;
                assert!(figures.contains("kind=\"attempt\",state=\"Contradicted\"} 1"), "{figures}");
                // Once Amazon shows that nothing is held, the buyer may pay.
                world.amazon.decide(&charge, "Canceled");
                if object_type == "CHARGE" {
                    world.notified("9", "CHARGE", &charge);
                    world.let_pass(5 * SECOND);
                } else {
                    world.skip(DAY + HOUR);
                }
                assert_eq!(facts(&world, "payment.settled").len(), 1);
                assert_eq!(state(&world, &checkout_id).0, "notPaid");
                assert_eq!(pays_again(&world, &checkout_id, &order, "s3").0, 200);
            }
        }
    }
}

#[test]
fn a_refused_attempt_under_whose_permission_no_money_is_shown_stays_unpaid() {
    for state_at_amazon in ["Declined", "Canceled"] {
        let world = World::in_memory();
        let checkout_id = refused_though_paid(&world, &order(), 422, "HardDeclined");
        world.amazon.decide(&format!("{FIRST}-C000001"), state_at_amazon);
        let lines = logged(|| {
            for id in ["1", "2"] {
                world.notified(id, "CHARGE", &format!("{FIRST}-C000001"));
                world.let_pass(5 * SECOND);
            }
        });
        assert_eq!(errors(&lines), Vec::<&String>::new());
        assert_eq!(state(&world, &checkout_id), ("notPaid".to_owned(), Some("HardDeclined".to_owned())));
        assert!((1..=2).contains(&count(&world, &checkout_id, "PermissionNoted")));
        assert_eq!(pays_again(&world, &checkout_id, &order(), "s2").0, 200);
    }
}

#[test]
fn what_is_heard_of_holds_a_send_back_until_every_session_was_looked_at() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let checkout_id = refused_though_paid(&world, &order(), 422, "HardDeclined");
        world.amazon.hides(SESSION);
        world.notified("1", "CHARGE_PERMISSION", FIRST);
        world.let_pass(2 * SECOND);
        world.restart();
        world.amazon.open("s2", session_for(&order(), "s2", &checkout_id));
        // Only the new session can be read, but the earlier one may have been paid.
        assert_eq!(world.complete(&checkout_id, "s2").status, 202);
        assert_eq!(finalizes(&world), 1);
        world.amazon.comes_back();
        world.let_pass(180 * SECOND);
        assert_eq!(finalizes(&world), 1);
        assert_eq!(state(&world, &checkout_id), checking("Contradicted"));
    }
}

/// An order that is only registered, and whose payment another system took.
fn paid_elsewhere(world: &World, amount: &str, at_amazon: &str) -> String {
    let checkout_id = world.register(&order());
    world.amazon.paid_elsewhere(OTHER, &checkout_id, &usd(amount), at_amazon);
    checkout_id
}

// Promise: B17, D01
#[test]
fn money_that_no_session_of_the_order_explains_is_reported_once_and_holds_the_order() {
    for engine in ENGINES {
        for (amount, object_type, object) in [
            ("14.00", "CHARGE", OTHERS_CHARGE),
            ("14.00", "CHARGE_PERMISSION", OTHER),
            ("1.00", "CHARGE", OTHERS_CHARGE),
        ] {
            let mut world = World::new(engine);
            let checkout_id = paid_elsewhere(&world, amount, "Captured");
            // The permission says only that it is used, unless everything was captured.
            world.amazon.decide_permission("Closed", Some("AmazonClosed"));
            let lines = logged(|| {
                for id in ["1", "2", "3"] {
                    world.notified(id, object_type, object);
                    world.let_pass(5 * SECOND);
                }
                world.restart();
                assert_eq!(state(&world, &checkout_id), checking("Unexplained"));
                assert_eq!(pays_again(&world, &checkout_id, &order(), SESSION), (202, "checking".to_owned()));
                world.skip(3 * DAY);
            });
            assert_eq!(finalizes(&world), 0);
            assert_eq!(state(&world, &checkout_id), checking("Unexplained"), "no buyer is sent to pay");
            assert_eq!(world.fulfilment(&checkout_id), (false, "Unexplained".to_owned()));
            let told: Vec<_> = lines.iter().filter(|line| line.contains("nothing of the order")).collect();
            assert!(
                matches!(told[..], [line] if line.starts_with("ERROR") && line.contains(OTHER)
                    && line.contains(&checkout_id) && line.contains("NoSession")),
                "{lines:?}"
            );
            let told = facts(&world, "payment.unexplained");
            assert!(
                matches!(&told[..], [fact] if fact["chargePermissionId"] == OTHER
                    && fact["amount"] == usd(amount) && fact["reason"] == "NoSession"
                    && fact["checkoutId"] == checkout_id.as_str()),
                "{told:?}"
            );
            assert_eq!(count(&world, &checkout_id, "Unexplained"), 1);
            assert_eq!(world.checkout(&checkout_id)["needsPerson"], json!(["unexplained"]));
            let shown = &world.checkout(&checkout_id)["unexplained"][0];
            assert_eq!((&shown["state"], &shown["reason"]), (&json!("Open"), &json!("NoSession")));
            let mut terms = order();
            terms.as_object_mut().unwrap().retain(|name, _| name != "orderId" && !name.ends_with("Url"));
            terms["termsVersion"] = json!(1);
            let path = format!("/v1/checkouts/{checkout_id}/terms");
            let refused = world.call("PUT", &path, &terms.to_string()).refusal();
            assert_eq!(refused, (409, "Unexplained".to_owned(), Some("termsVersion".to_owned())));
            let figures = world.run(world.request_with("GET", "/metrics", "", None)).text;
            assert!(figures.contains("kind=\"unexplained\",state=\"Open\"} 1"), "{figures}");
        }
    }
}

#[test]
fn an_order_goes_on_once_its_unexplained_money_was_returned() {
    for engine in ENGINES {
        let world = World::new(engine);
        let checkout_id = paid_elsewhere(&world, "14.00", "Captured");
        world.notified("1", "CHARGE", OTHERS_CHARGE);
        world.let_pass(5 * SECOND);
        world.amazon.change_charge(OTHERS_CHARGE, |charge| charge["refundedAmount"] = usd("13.99"));
        world.notified("2", "CHARGE", OTHERS_CHARGE);
        world.let_pass(5 * SECOND);
        assert_eq!(state(&world, &checkout_id), checking("Unexplained"));
        world.amazon.change_charge(OTHERS_CHARGE, |charge| charge["refundedAmount"] = usd("14.00"));
        world.skip(DAY + HOUR);
        assert_eq!(state(&world, &checkout_id).0, "registered");
        assert_eq!(facts(&world, "payment.settled").len(), 1);
        assert_eq!(pays_again(&world, &checkout_id, &order(), SESSION), (200, "paid".to_owned()));
        world.notified("3", "CHARGE", OTHERS_CHARGE);
        world.let_pass(5 * SECOND);
        assert_eq!(facts(&world, "payment.unexplained").len(), 1);
    }
}

// Promise: B17
#[test]
fn money_that_is_held_is_unexplained_after_twenty_five_hours_and_not_before() {
    for engine in ENGINES {
        for end in ["Authorized", "Canceled", "Declined", "Captured"] {
            let mut world = World::new(engine);
            let checkout_id = paid_elsewhere(&world, "14.00", "Authorized");
            world.notified("1", "CHARGE", OTHERS_CHARGE);
            world.let_pass(5 * SECOND);
            world.restart();
            assert_eq!(state(&world, &checkout_id).0, "registered");
            assert_eq!(world.checkout(&checkout_id)["unexplained"][0]["state"], "Watched");
            world.amazon.decide(OTHERS_CHARGE, end);
            world.skip(25 * HOUR - 60 * SECOND);
            assert_eq!(state(&world, &checkout_id).0, "registered", "{end}");
            world.skip(120 * SECOND);
            let is_money = ["Authorized", "Captured"].contains(&end);
            assert_eq!(facts(&world, "payment.unexplained").len(), usize::from(is_money), "{end}");
            let expected = if is_money { "checking" } else { "registered" };
            assert_eq!(state(&world, &checkout_id).0, expected, "{end}");
            assert_eq!(count(&world, &checkout_id, "PermissionNoted"), usize::from(!is_money), "{end}");
        }
    }
}

#[test]
fn what_was_declined_elsewhere_is_noted_once_and_the_order_is_paid() {
    for at_amazon in ["Declined", "Canceled"] {
        let world = World::in_memory();
        let checkout_id = paid_elsewhere(&world, "14.00", at_amazon);
        let lines = logged(|| {
            world.notified("1", "CHARGE", OTHERS_CHARGE);
            world.let_pass(5 * SECOND);
            assert_eq!(pays_again(&world, &checkout_id, &order(), SESSION), (200, "paid".to_owned()));
            world.skip(40 * DAY);
        });
        assert_eq!(errors(&lines), Vec::<&String>::new());
        assert_eq!(count(&world, &checkout_id, "PermissionNoted"), 1);
        assert_eq!(world.fulfilment(&checkout_id), (true, "Captured".to_owned()));
    }
}

// Promise: B17, D01
#[test]
fn a_second_payment_of_a_paid_order_is_reported_within_seconds_and_stops_the_van() {
    for engine in ENGINES {
        for (order, paid) in [(order(), "paid"), (waiting_order(), "authorized")] {
            let world = World::new(engine);
            let checkout_id = world.placed(&order);
            assert_eq!(world.complete(&checkout_id, SESSION).status, 200);
            world.let_pass(5 * SECOND);
            assert!(world.fulfilment(&checkout_id).0);
            world.amazon.paid_elsewhere(OTHER, &checkout_id, &usd("14.00"), "Captured");
            let lines = logged(|| {
                world.notified("1", "CHARGE", OTHERS_CHARGE);
                world.let_pass(5 * SECOND);
            });
            assert_eq!(errors(&lines).len(), 1, "{lines:?}");
            assert_eq!(facts(&world, "payment.unexplained").len(), 1);
            assert_eq!(world.fulfilment(&checkout_id), (false, "Unexplained".to_owned()));
            assert_eq!(state(&world, &checkout_id).0, paid, "it is paid all the same");
            assert_eq!(world.amazon.refund_count(), 0, "nothing that is not ours is touched");
        }
    }
}

// Promise: B17
#[test]
fn a_surplus_session_that_was_paid_too_is_a_second_payment() {
    for engine in ENGINES {
        for at_amazon in ["Captured", "Authorized", "Declined"] {
            let world = World::new(engine);
            let checkout_id = world.placed(&order());
            assert_eq!(world.complete(&checkout_id, SESSION).status, 200);
            assert_eq!(pays_again(&world, &checkout_id, &order(), "s2"), (200, "paid".to_owned()));
            world.amazon.paid_elsewhere(OTHER, &checkout_id, &usd("14.00"), at_amazon);
            world.amazon.complete_elsewhere("s2", OTHER);
            world.notified("1", "CHARGE_PERMISSION", OTHER);
            world.let_pass(5 * SECOND);
            let told = facts(&world, "payment.unexplained");
            if at_amazon == "Declined" {
                assert_eq!(told, Vec::<Value>::new());
                assert_eq!(count(&world, &checkout_id, "PermissionNoted"), 1);
            } else {
                assert!(
                    matches!(&told[..], [fact] if fact["reason"] == "PaidTwice" && fact["attempt"] == 2
                        && fact["chargeId"] == OTHERS_CHARGE),
                    "{told:?}"
                );
            }
        }
    }
}

// Promise: D01
#[test]
fn a_sole_integration_adopts_what_fits_and_nothing_else() {
    for engine in ENGINES {
        for (amount, at_amazon, outcome) in [
            ("14.00", "Captured", "paid"),
            ("14.00", "Authorized", "authorized"),
            ("13.99", "Captured", "checking"),
            ("14.01", "Authorized", "checking"),
            ("14.00", "Canceled", "registered"),
        ] {
            let mut world = World::new(engine);
            world.policy.integration = Integration::Sole;
            world.restart();
            let checkout_id = paid_elsewhere(&world, amount, at_amazon);
            world.notified("1", "CHARGE", OTHERS_CHARGE);
            world.let_pass(5 * SECOND);
            world.skip(26 * HOUR);
            assert_eq!(state(&world, &checkout_id).0, outcome, "{amount} {at_amazon}");
            if outcome == "checking" {
                assert_eq!(facts(&world, "payment.unexplained").len(), 1);
                continue;
            }
            let second = pays_again(&world, &checkout_id, &order(), SESSION);
            let (status, second) = (second.0, second.1);
            let expected = if outcome == "registered" { "paid" } else { outcome };
            assert_eq!((status, second.as_str()), (200, expected));
            assert_eq!(finalizes(&world), usize::from(outcome == "registered"));
            let attempts = &world.checkout(&checkout_id)["attempts"];
            if outcome != "registered" {
                assert_eq!(attempts[0]["amazonCheckoutSessionId"], Value::Null);
                assert_eq!(world.checkout(&checkout_id)["chargePermissionId"], OTHER);
            }
        }
    }
}

fn asked_for(world: &World, permission: &str) -> usize {
    world.amazon.arrived("permission").iter().filter(|it| it.path.contains(permission)).count()
}

fn is_stored(world: &World, collection: &'static str, id: &str) -> bool {
    let key = Key { collection, id: id.to_owned() };
    world.run(world.store.load(&[key])).unwrap().iter().any(Option::is_some)
}

// Promise: B17
#[test]
fn a_foreign_permission_is_asked_for_a_few_times_however_many_notifications_come() {
    let (charge, refund) = (OTHERS_CHARGE, "S01-5105180-7777777-R000001");
    for engine in ENGINES {
        // The permission does not exist, has no reference, or one of another system, or one of no order of ours.
        for (reference, most) in [
            (None, 8),
            (Some(""), 8),
            (Some("order of another system"), 1),
            (Some("00000000000000000000000000000000"), 1),
        ] {
            let mut world = World::new(engine);
            if let Some(reference) = reference {
                world.amazon.permission_elsewhere(OTHER, reference);
            }
            let notify = |world: &World, prefix: &str| {
                for (id, object_type, object) in
                    [("1", "CHARGE", charge), ("2", "CHARGE_PERMISSION", OTHER), ("3", "REFUND", refund)]
                {
                    world.notified(&format!("{prefix}{id}"), object_type, object);
                }
            };
            let lines = logged(|| {
                notify(&world, "a");
                world.let_pass(5 * SECOND);
                assert_eq!(asked_for(&world, OTHER), 1, "{reference:?}");
                world.restart();
                notify(&world, "a");
                notify(&world, "b");
                world.skip(DAY);
                notify(&world, "c");
                world.skip(14 * DAY - HOUR);
            });
            assert_eq!(lines.iter().filter(|line| line.contains("dropped")).count(), 0);
            assert_eq!(errors(&lines), Vec::<&String>::new());
            let lines = logged(|| world.skip(2 * HOUR));
            let dropped: Vec<_> = lines.iter().filter(|line| line.contains("dropped")).collect();
            assert!(
                matches!(dropped[..], [line] if line.starts_with("WARN") && line.contains(OTHER)
                    && line.contains("count=9")),
                "{lines:?}"
            );
            let asked = asked_for(&world, OTHER);
            assert_eq!(asked, most, "{reference:?}");
            assert_eq!(world.amazon.arrived("charge").len() + world.amazon.arrived("refund").len(), 0);
            world.skip(30 * DAY);
            assert_eq!(asked_for(&world, OTHER), asked);
            assert!(!is_stored(&world, "notification", "notification n-a1"));
            assert!(!is_stored(&world, "foreign_permission", OTHER));
        }
    }
}

// Promise: B17
#[test]
fn notifications_that_came_before_their_order_was_known_are_applied_as_soon_as_it_is() {
    for engine in ENGINES {
        for (fault, after) in [(Fault::HangAfter, 40 * SECOND), (Fault::LostAfter, 10 * SECOND)] {
            let mut world = World::new(engine);
            // The session shows no reference, so neither does its permission.
            world.policy.absent_reference = countersign_domain::merchant::rules::AbsentReference::ShopsToken;
            world.restart();
            let checkout_id = world.register(&order());
            let mut session = session_for(&order(), SESSION, &checkout_id);
            session["merchantMetadata"] = json!({});
            world.amazon.open(SESSION, session);
            world.amazon.fault("finalize", fault);
            world.amazon.fault("session", Fault::Nothing);
            world.amazon.goes_down("session");
            world.complete(&checkout_id, SESSION);
            let mut dispute = message("n-9", "CHARGEBACK", "A-DISPUTE");
            dispute["ChargePermissionId"] = json!(FIRST);
            assert_eq!(world.post(&signed("m-9", &dispute, world.time.now(), |_| ())).status, 200);
            world.notified("1", "CHARGE", &format!("{FIRST}-C000001"));
            // Hours later the next look at the foreign permission is far away.
            world.skip(8 * HOUR);
            assert_eq!(count(&world, &checkout_id, "NotificationHeard"), 0);
            assert!(asked_for(&world, FIRST) <= 4);
            world.restart();
            world.amazon.comes_back();
            world.skip(2 * HOUR);
            assert_eq!(world.attempts(&checkout_id), ["Completed"]);
            world.let_pass(after);
            assert_eq!(count(&world, &checkout_id, "NotificationHeard"), 2);
            assert_eq!(facts(&world, "dispute.opened").len(), 1);
        }
    }
}

#[test]
fn a_notification_that_came_before_a_decline_is_applied_once_the_permission_is_known() {
    for end in ["Declined", "Authorized"] {
        let mut world = World::in_memory();
        world.policy.absent_reference = countersign_domain::merchant::rules::AbsentReference::ShopsToken;
        world.restart();
        let checkout_id = world.register(&waiting_order());
        let mut session = session_for(&waiting_order(), SESSION, &checkout_id);
        session["merchantMetadata"] = json!({});
        world.amazon.open(SESSION, session);
        world.amazon.fault("finalize", Fault::LostAfter);
        world.amazon.fault("session", Fault::Nothing);
        world.amazon.goes_down("session");
        assert_eq!(world.complete(&checkout_id, SESSION).status, 202);
        world.notified("1", "CHARGE_PERMISSION", FIRST);
        world.skip(3 * HOUR);
        assert_eq!(count(&world, &checkout_id, "NotificationHeard"), 0);
        world.amazon.decide(&format!("{FIRST}-C000001"), end);
        world.amazon.comes_back();
        world.skip(HOUR + 60 * SECOND);
        let expected = if end == "Declined" { "NotPaid" } else { "Completed" };
        assert_eq!(world.attempts(&checkout_id), [expected]);
        assert_eq!(count(&world, &checkout_id, "NotificationHeard"), 1, "{end}");
    }
}

#[test]
fn a_reference_that_no_checkout_can_have_is_foreign() {
    let world = World::in_memory();
    for (number, reference) in
        ["x".repeat(4_000), "ü/ü".to_owned(), "-".to_owned(), " ".to_owned()].iter().enumerate()
    {
        let permission = format!("S01-5105180-88888{number:02}");
        world.amazon.permission_elsewhere(&permission, reference);
        let lines = logged(|| {
            world.notified(&format!("r{number}"), "CHARGE_PERMISSION", &permission);
            world.skip(2 * DAY);
        });
        assert_eq!(errors(&lines), Vec::<&String>::new(), "{reference}");
        assert_eq!(asked_for(&world, &permission), 1, "{reference}");
    }
}

#[test]
fn a_permission_of_another_order_of_this_store_is_not_unexplained() {
    let world = World::in_memory();
    let named = world.register(&order());
    let mut other = order();
    other["orderId"] = json!("1002");
    let paid = world.register(&other);
    // The buyer of the second order writes the first one's id into his session, after it was compared.
    world.amazon.open(SESSION, session_for(&other, SESSION, &paid));
    world.amazon.fault("finalize", Fault::LostAfter);
    world.amazon.fault("session", Fault::Nothing);
    world.amazon.goes_down("session");
    assert_eq!(world.complete(&paid, SESSION).status, 202);
    world.amazon.change(SESSION, |session| {
        session["wasOpen"]["merchantMetadata"]["merchantReferenceId"] = json!(named);
    });
    world.notified("1", "CHARGE_PERMISSION", FIRST);
    world.let_pass(5 * SECOND);
    assert_eq!(state(&world, &named).0, "registered");
    world.amazon.comes_back();
    world.skip(2 * HOUR);
    assert_eq!(world.attempts(&paid), ["Completed"]);
    world.skip(40 * DAY);
    assert_eq!(state(&world, &named).0, "registered");
    assert_eq!(facts(&world, "payment.unexplained"), Vec::<Value>::new());
    assert_eq!(world.checkout(&named)["unexplained"][0]["end"], "OfAnotherOrder");
}

#[test]
fn an_order_remembers_a_bounded_number_of_permissions_that_name_it() {
    let world = World::new(Engine::Memory);
    let checkout_id = world.register(&order());
    let permission = |number: usize| format!("S01-5105180-{number:07}");
    for number in 0..22 {
        world.amazon.paid_elsewhere(&permission(100 + number), &checkout_id, &usd("1.00"), "Declined");
        world.notified(&format!("d{number}"), "CHARGE", &format!("{}-C000001", permission(100 + number)));
        world.let_pass(3 * SECOND);
    }
    let listed = |world: &World| world.checkout(&checkout_id)["unexplained"].as_array().unwrap().len();
    assert_eq!((listed(&world), state(&world, &checkout_id).0.as_str()), (20, "registered"));
    let lines = logged(|| {
        for number in 0..22 {
            world.amazon.paid_elsewhere(&permission(200 + number), &checkout_id, &usd("1.00"), "Captured");
            world.notified(&format!("c{number}"), "CHARGE", &format!("{}-C000001", permission(200 + number)));
            world.let_pass(3 * SECOND);
        }
    });
    assert_eq!(listed(&world), 20);
    assert_eq!(facts(&world, "payment.unexplained").len(), 20);
    assert!(lines.iter().any(|line| line.starts_with("ERROR") && line.contains("more Charge Permissions")));
    world.skip(16 * DAY);
}
