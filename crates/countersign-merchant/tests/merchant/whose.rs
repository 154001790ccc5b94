//! Whose session it is: nothing is bound before Amazon has shown that, and a session of another order is
//! released.

use std::time::Duration;

use countersign_domain::ids::Region;
use countersign_domain::merchant::rules::{AbsentReference, Policy};
use countersign_merchant::settings::Integration;
use futures_util::future::join;
use serde_json::{Value, json};

use super::amazon::Fault;
use super::browser::{Page, completed};
use super::deciding::{decide, inquire};
use super::world::{ALICE, ENGINES, OTHER_SESSION, SESSION, World, order, session_for, usd, waiting_order};

const MINUTE: Duration = Duration::from_secs(60);

/// An order C, placed by its buyer with the session, and an order D.
fn two_orders(world: &World) -> (String, String) {
    let placed = world.placed(&order());
    let mut other = order();
    other["orderId"] = json!("1002");
    (placed, world.register(&other))
}

fn allowing(world: &mut World) {
    world.policy = Policy { absent_reference: AbsentReference::ShopsToken, ..Policy::default() };
    world.restart();
}

fn of_another_order() -> (u16, String, Option<String>) {
    (409, "SessionOfAnotherOrder".to_owned(), Some("amazonCheckoutSessionId".to_owned()))
}

/// The buyer's page completes the order.
fn by_browser(world: &World, checkout_id: &str, session: &str) -> (u16, String) {
    let page = Page::open(world, &order());
    assert_eq!(page.checkout_id, checkout_id);
    page.ask("complete", &completed(session)).verdict()
}

// Promise: B06
#[test]
fn a_session_whose_reference_names_another_order_is_released_and_its_own_order_is_paid_with_it() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (own, wrong) = two_orders(&world);
        for _ in 0..2 {
            assert_eq!(world.complete(&wrong, SESSION).refusal(), of_another_order());
        }
        assert_eq!(world.checkout(&wrong)["state"], "registered");
        assert_eq!(world.attempts(&wrong), ["Released"]);
        assert_eq!(world.complete(&own, SESSION).verdict(), (200, "paid".to_owned()));
        // The order that it was not for is paid with its own session.
        world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &wrong));
        assert_eq!(world.complete(&wrong, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
        assert_eq!(world.attempts(&wrong), ["Released", "Completed"]);
        assert_eq!(world.amazon.charge_count(), 2);
    }
}

// Promise: D04
#[test]
fn both_orders_come_with_one_session_and_only_its_own_is_paid() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (own, wrong) = two_orders(&world);
        let (refused, paid) =
            world.run(join(world.completing(&wrong, SESSION), world.completing(&own, SESSION)));
        assert_eq!(refused.refusal(), of_another_order());
        assert_eq!(paid.verdict(), (200, "paid".to_owned()));
    }
}

#[test]
fn while_amazon_does_not_answer_nothing_is_bound_and_the_own_order_is_paid_first() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let (own, wrong) = two_orders(&world);
        world.amazon.goes_down("session");
        assert_eq!(world.complete(&wrong, SESSION).verdict(), (202, "checking".to_owned()));
        world.restart();
        world.let_pass(MINUTE);
        assert_eq!(world.attempts(&wrong), ["Bound"]);
        world.amazon.comes_back();
        assert_eq!(world.complete(&own, SESSION).verdict(), (200, "paid".to_owned()));
        world.let_pass(MINUTE);
        assert_eq!(world.attempts(&wrong), ["Released"]);
        assert_eq!(world.complete(&wrong, SESSION).refusal(), of_another_order());
    }
}

#[test]
fn a_process_that_dies_while_it_asks_leaves_nothing_bound() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let (own, wrong) = two_orders(&world);
        world.amazon.fault("session", Fault::HangBefore);
        world.complete_and_crash(&wrong, SESSION);
        world.restart();
        assert_eq!(world.complete(&own, SESSION).verdict(), (200, "paid".to_owned()));
        world.let_pass(MINUTE);
        assert_eq!(world.attempts(&wrong), ["Released"]);
    }
}

#[test]
fn a_canceled_session_of_another_order_is_released_too() {
    let world = World::in_memory();
    let (own, wrong) = two_orders(&world);
    world.amazon.cancel(SESSION, "BuyerCanceled");
    world.amazon.change(SESSION, |session| {
        session["merchantMetadata"] = json!({ "merchantReferenceId": own });
    });
    assert_eq!(world.complete(&wrong, SESSION).refusal(), of_another_order());
    assert_eq!(world.complete(&own, SESSION).verdict(), (402, "notPaid".to_owned()));
}

#[test]
fn a_session_that_disagreed_with_one_order_can_still_pay_the_one_that_it_agrees_with() {
    let mut world = World::in_memory();
    allowing(&mut world);
    let (own, _) = two_orders(&world);
    let mut dearer = order();
    dearer["orderId"] = json!("1003");
    dearer["paymentDetails"]["chargeAmount"]["amount"] = json!("15.00");
    let dearer = world.register(&dearer);
    world.amazon.change(SESSION, |session| session["merchantMetadata"] = Value::Null);
    let differs = world.complete(&dearer, SESSION);
    assert_eq!(differs.verdict(), (402, "notPaid".to_owned()));
    assert_eq!(differs.json()["reason"], "TermsMismatch");
    assert_eq!(world.complete(&own, SESSION).verdict(), (200, "paid".to_owned()));
}

#[test]
fn a_session_that_its_own_order_has_paid_is_released_although_amazon_no_longer_shows_the_reference() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (own, wrong) = two_orders(&world);
        world.amazon.goes_down("session");
        assert_eq!(world.complete(&wrong, SESSION).verdict(), (202, "checking".to_owned()));
        world.amazon.comes_back();
        assert_eq!(world.complete(&own, SESSION).verdict(), (200, "paid".to_owned()));
        assert!(world.amazon.session(SESSION)["merchantMetadata"].is_null());
        world.let_pass(MINUTE);
        assert_eq!(world.attempts(&wrong), ["Released"]);
        assert_eq!(world.checkout(&wrong)["state"], "registered");
    }
}

#[test]
fn an_attempt_is_asked_for_and_sent_again_only_where_it_was_sent() {
    for engine in ENGINES {
        for at_first in [Fault::LostAfter, Fault::LostBefore, Fault::refusal(429, "TooManyRequests")] {
            let mut world = World::new(engine);
            let checkout_id = world.placed(&order());
            world.amazon.fault("finalize", at_first);
            world.amazon.fault("session", Fault::Nothing);
            world.amazon.goes_down("session");
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
            world.amazon.comes_back();
            world.region = Region::Europe;
            world.restart();
            let asked = |world: &World| {
                (world.amazon.arrived("session").len(), world.amazon.arrived("finalize").len())
            };
            let before = asked(&world);
            world.let_pass(MINUTE);
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
            assert_eq!(asked(&world), before);
            world.region = Region::NorthAmerica;
            world.restart();
            world.let_pass(MINUTE);
            assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (200, "paid".to_owned()));
            assert_eq!(world.amazon.charge_count(), 1);
        }
    }
}

// Promise: B08
#[test]
fn one_that_was_refused_is_asked_for_only_where_it_was_sent_and_another_session_waits_meanwhile() {
    for engine in ENGINES {
        for (at_first, first) in [
            (Fault::refusal(422, "InvalidCheckoutSessionStatus"), "NotApproved"),
            (Fault::refusal(422, "HardDeclined"), "NotPaid"),
            (Fault::Declined("SoftDeclined"), "NotPaid"),
        ] {
            let mut world = World::new(engine);
            let checkout_id = world.placed(&order());
            if first == "NotApproved" {
                world.amazon.unapprove(SESSION);
            }
            world.amazon.fault("finalize", at_first);
            world.complete(&checkout_id, SESSION);
            world.let_pass(MINUTE);
            assert_eq!(world.attempts(&checkout_id), [first]);
            world.region = Region::Europe;
            world.restart();
            let asked = |world: &World| {
                let sessions = world.amazon.arrived("session");
                let asked = sessions.iter().filter(|it| it.path.contains(SESSION)).count();
                (asked, world.amazon.arrived("finalize").len())
            };
            let before = asked(&world);
            world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
            assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict().1, "checking", "{first}");
            world.complete(&checkout_id, SESSION);
            world.let_pass(5 * MINUTE);
            assert_eq!(asked(&world), before, "{first}");
            assert_eq!(world.attempts(&checkout_id)[0], first);
            world.region = Region::NorthAmerica;
            world.restart();
            for _ in 0..4 {
                world.complete(&checkout_id, OTHER_SESSION);
                world.let_pass(MINUTE);
            }
            assert_eq!(
                world.complete(&checkout_id, OTHER_SESSION).verdict(),
                (200, "paid".to_owned()),
                "{first}"
            );
            assert_eq!(world.amazon.charge_count(), 1);
        }
    }
}

#[test]
fn a_person_is_shown_nothing_of_an_attempt_by_an_account_to_which_it_was_not_sent() {
    for (at_first, first) in [
        (Fault::LostAfter, "InDoubt"),
        (Fault::refusal(422, "InvalidCheckoutSessionStatus"), "NotApproved"),
        (Fault::refusal(422, "HardDeclined"), "NotPaid"),
    ] {
        let mut world = World::in_memory();
        let checkout_id = world.placed(&order());
        if first == "NotApproved" {
            world.amazon.unapprove(SESSION);
        }
        world.amazon.fault("finalize", at_first);
        if first == "InDoubt" {
            world.amazon.fault("session", Fault::Nothing);
            world.amazon.goes_down("session");
        }
        world.complete(&checkout_id, SESSION);
        world.let_pass(MINUTE);
        assert_eq!(world.attempts(&checkout_id), [first]);
        world.amazon.comes_back();
        world.region = Region::Europe;
        world.restart();
        let before = looks(&world);
        inquire(&world, &checkout_id);
        let body = json!({ "reference": "case 1", "verdict": "paid", "evidence": "seen",
            "chargePermissionId": "S01-5105180-0000001", "chargeId": "S01-5105180-0000001-C000001" });
        let decided = decide(&world, ALICE, &checkout_id, &body);
        assert!(decided.status >= 400, "{first}: {}", decided.text);
        assert_eq!(looks(&world), before, "{first}");
        assert_eq!(world.attempts(&checkout_id), [first]);
    }
}

/// How many looks at each kind of object Amazon has got.
fn looks(world: &World) -> [usize; 3] {
    ["session", "charge", "permission"].map(|operation| world.amazon.arrived(operation).len())
}

#[test]
fn a_person_is_shown_nothing_of_a_known_payment_by_an_account_to_which_it_was_not_sent() {
    let mut world = World::in_memory();
    let checkout_id = world.placed(&waiting_order());
    world.amazon.fault("finalize", Fault::Pending);
    world.complete(&checkout_id, SESSION);
    assert_eq!(world.attempts(&checkout_id), ["Pending"]);
    world.region = Region::Europe;
    world.restart();
    let before = looks(&world);
    let shown = inquire(&world, &checkout_id);
    for object in ["session", "chargePermission", "charge"] {
        assert_eq!(shown["amazon"][object]["state"], "NoAnswer", "{object}: {shown}");
    }
    assert_eq!(looks(&world), before);
}

#[test]
fn a_session_that_was_completed_for_something_else_ends_unpaid_and_the_order_is_paid_with_its_own() {
    for engine in ENGINES {
        for integration in [Integration::OneOfSeveral, Integration::Sole] {
            for (reference, frees) in [
                (json!("S2-1001"), true),
                (json!("cart 7"), true),
                (json!("c0000000-of-another-store"), true),
                (Value::Null, false),
                // It may be one of this shop's from before a store was lost.
                (json!("019aaa8c3a7f00112233445566778899"), false),
            ] {
                if integration == Integration::Sole && !frees {
                    // Nobody else can have completed it.
                    continue;
                }
                let mut world = World::new(engine);
                world.policy = Policy { integration, ..Policy::default() };
                world.restart();
                let checkout_id = world.placed(&order());
                world.amazon.paid_elsewhere("S01-2", "S2-1001", &usd("14.00"), "Captured");
                world.amazon.complete_elsewhere(SESSION, "S01-2");
                world.amazon.change(SESSION, |session| {
                    session["merchantMetadata"] = json!({ "merchantReferenceId": reference });
                });
                let answer = world.complete(&checkout_id, SESSION);
                if frees {
                    assert_eq!(answer.verdict(), (402, "notPaid".to_owned()), "{reference}");
                    assert_eq!(answer.json()["reason"], "TermsMismatch");
                    let shown = &world.checkout(&checkout_id)["attempts"][0];
                    assert_eq!(shown["field"], "merchantMetadata.merchantReferenceId");
                } else {
                    assert_eq!(answer.verdict().1, "checking", "{reference}");
                }
                world.amazon.open(OTHER_SESSION, session_for(&order(), OTHER_SESSION, &checkout_id));
                let expected = if frees { "paid" } else { "checking" };
                assert_eq!(world.complete(&checkout_id, OTHER_SESSION).verdict().1, expected, "{reference}");
            }
        }
    }
}

// Promise: B10, D18
#[test]
fn a_session_without_a_reference_is_paid_only_by_the_shops_token_and_with_the_operators_leave() {
    for (allowed, token, expected) in [
        (false, "shop", (402, "notPaid")),
        (false, "browser", (402, "notPaid")),
        (true, "shop", (200, "paid")),
        (true, "browser", (402, "notPaid")),
    ] {
        let mut world = World::in_memory();
        if allowed {
            allowing(&mut world);
        }
        let checkout_id = world.placed(&order());
        world.amazon.change(SESSION, |session| session["merchantMetadata"] = Value::Null);
        let (status, outcome) = match token {
            "shop" => world.complete(&checkout_id, SESSION).verdict(),
            _ => by_browser(&world, &checkout_id, SESSION),
        };
        assert_eq!((status, outcome.as_str()), expected, "allowed {allowed}, {token}");
        let sent = world.amazon.arrived("finalize").len();
        assert_eq!(sent, usize::from(outcome == "paid"));
    }
}

#[test]
fn whose_token_it_was_survives_a_restart_and_the_shops_counts_although_it_came_second() {
    for engine in ENGINES {
        for (shop_comes_too, expected) in [(true, "Completed"), (false, "NotPaid")] {
            let mut world = World::new(engine);
            allowing(&mut world);
            let checkout_id = world.placed(&order());
            world.amazon.change(SESSION, |session| session["merchantMetadata"] = Value::Null);
            world.amazon.goes_down("session");
            assert_eq!(by_browser(&world, &checkout_id, SESSION), (202, "checking".to_owned()));
            if shop_comes_too {
                assert_eq!(world.complete(&checkout_id, SESSION).verdict(), (202, "checking".to_owned()));
            }
            world.restart();
            world.amazon.comes_back();
            world.let_pass(MINUTE);
            assert_eq!(world.attempts(&checkout_id), [expected]);
        }
    }
}

#[test]
fn a_session_of_another_store_id_is_never_finalized() {
    for (store_id, expected) in [
        ("amzn1.application-oa2-client.1", (200, "paid")),
        ("amzn1.application-oa2-client.2", (402, "notPaid")),
    ] {
        let world = World::in_memory();
        let checkout_id = world.placed(&order());
        world.amazon.change(SESSION, |session| session["storeId"] = json!(store_id));
        let answer = world.complete(&checkout_id, SESSION);
        let (status, outcome) = answer.verdict();
        assert_eq!((status, outcome.as_str()), expected);
        if outcome == "notPaid" {
            assert_eq!(world.checkout(&checkout_id)["attempts"][0]["field"], "storeId");
        }
    }
}
