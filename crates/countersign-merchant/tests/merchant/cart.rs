//! The same cart under two order numbers is paid once: while one order of a cart may be paid, no Finalize of another
//! leaves. An order that takes the place of another waits until that one is canceled and undone.

use std::sync::atomic::Ordering;
use std::time::Duration;

use countersign_merchant::settings::{Integration, Policy};
use futures_util::future::join;
use serde_json::{Value, json};

use super::amazon::Fault;
use super::world::{ALICE, BOB, ENGINES, Engine, OTHER_SESSION, SESSION, World, order, session_for, usd};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// The beginning of every test.
const NOW: &str = "20261123T154700Z";
/// What another client of the account was paid.
const ELSEWHERE: &str = "S01-7777777-0000001";
const ELSEWHERE_CHARGE: &str = "S01-7777777-0000001-C000001";
const THIRD_SESSION: &str = "1e1d3d4e-2222-4222-8333-944455556666";

/// An order of this cart.
fn of_cart(order_id: &str, cart: Option<&str>) -> Value {
    let mut order = order();
    order["orderId"] = json!(order_id);
    if let Some(cart) = cart {
        order["cartId"] = json!(cart);
    }
    order
}

/// Registers an order whose buyer places it with this session.
fn placed(world: &World, order: &Value, session: &str) -> String {
    let checkout_id = world.register(order);
    world.amazon.open(session, session_for(order, session, &checkout_id));
    checkout_id
}

/// Two orders of one cart, each with a session that its buyer placed.
fn two_orders(world: &World) -> (String, String) {
    let first = placed(world, &of_cart("1001", Some("cart 7")), SESSION);
    (first, placed(world, &of_cart("1002", Some("cart 7")), OTHER_SESSION))
}

fn finalized(world: &World, session: &str) -> usize {
    world.amazon.arrived("finalize").iter().filter(|call| call.path.contains(session)).count()
}

#[track_caller]
fn waits(world: &World, checkout_id: &str, session: &str, other: &str) {
    let answer = world.complete(checkout_id, session);
    assert_eq!(answer.verdict(), (202, "checking".to_owned()), "{}", answer.text);
    assert_eq!(answer.json()["reason"], "PaidUnderAnotherOrder");
    let shown = world.checkout(checkout_id);
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("checking"), &json!("PaidUnderAnotherOrder")));
    let attempts = shown["attempts"].as_array().unwrap();
    assert_eq!(attempts.last().unwrap()["waitsFor"], other);
    assert_eq!(finalized(world, session), 0);
    assert_eq!(world.fulfilment(checkout_id), (false, "Checking".to_owned()));
}

/// The refund that undoes an order reaches the buyer.
fn refunded(world: &World, checkout_id: &str) {
    world.let_pass(5 * MINUTE);
    let shown = world.checkout(checkout_id);
    let refund = shown["payment"]["charges"][0]["refunds"][0]["refundId"].as_str().unwrap().to_owned();
    world.amazon.decide_refund(&refund, "Refunded");
}

// Promise: B08, D18
#[test]
fn while_one_order_of_a_cart_is_in_doubt_another_waits_and_goes_on_when_that_is_proved_unpaid() {
    for engine in ENGINES {
        for is_asked_again in [true, false] {
            let world = World::new(engine);
            let (first, second) = two_orders(&world);
            world.amazon.goes_down("finalize");
            assert_eq!(world.complete(&first, SESSION).verdict().1, "checking");
            waits(&world, &second, OTHER_SESSION, &first);
            waits(&world, &second, OTHER_SESSION, &first);
            world.let_pass(2 * MINUTE);
            waits(&world, &second, OTHER_SESSION, &first);
            world.amazon.comes_back();
            world.amazon.cancel(SESSION, "BuyerCanceled");
            assert_eq!(world.complete(&first, SESSION).status, 402);
            if is_asked_again {
                assert_eq!(world.complete(&second, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
            } else {
                world.let_pass(MINUTE);
                assert_eq!(world.checkout(&second)["state"], "paid");
            }
            assert_eq!(world.amazon.charge_count(), 1);
            let told = world.timeline(&second).into_iter().filter(|entry| entry == "WaitsForOrder").count();
            assert_eq!(told, 1, "it is recorded once");
        }
    }
}

// Promise: B08
#[test]
fn while_one_order_of_a_cart_is_paid_another_is_neither_charged_nor_called_unpaid() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let (first, second) = two_orders(&world);
        assert_eq!(world.complete(&first, SESSION).verdict(), (200, "paid".to_owned()));
        waits(&world, &second, OTHER_SESSION, &first);
        // Its buyer leaves, its session ends, and the process is started again.
        world.skip(HOUR);
        world.amazon.cancel(OTHER_SESSION, "Expired");
        world.restart();
        world.skip(3 * DAY);
        waits(&world, &second, OTHER_SESSION, &first);
        // The ways out: the first is canceled and undone, or the second itself is canceled.
        world.ask(&first, "cancel", &json!({ "reference": "twice" }));
        waits(&world, &second, OTHER_SESSION, &first);
        refunded(&world, &first);
        world.skip(2 * HOUR);
        assert_eq!(world.checkout(&first)["state"], "canceled");
        assert_eq!(world.complete(&second, OTHER_SESSION).status, 402);
        assert_eq!(finalized(&world, OTHER_SESSION), 0);
    }
}

#[test]
fn an_order_that_waits_can_be_canceled_and_another_registered_without_the_cart() {
    let world = World::in_memory();
    let (first, second) = two_orders(&world);
    world.complete(&first, SESSION);
    waits(&world, &second, OTHER_SESSION, &first);
    let canceled = world.ask(&second, "cancel", &json!({ "reference": "twice" }));
    assert_eq!(canceled.status, 200, "{}", canceled.text);
    assert_eq!(world.checkout(&second)["state"], "canceled");
    let third = placed(&world, &of_cart("1003", None), THIRD_SESSION);
    assert_eq!(world.complete(&third, THIRD_SESSION).verdict(), (200, "paid".to_owned()));
}

#[test]
fn an_order_of_a_cart_whose_other_order_is_proved_unpaid_does_not_wait() {
    for engine in ENGINES {
        let world = World::new(engine);
        let (first, second) = two_orders(&world);
        world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
        assert_eq!(world.complete(&first, SESSION).status, 402);
        assert_eq!(world.complete(&second, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
        // The first may be tried again, and waits now.
        world.amazon.open(THIRD_SESSION, session_for(&of_cart("1001", None), THIRD_SESSION, &first));
        waits(&world, &first, THIRD_SESSION, &second);
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

#[test]
fn orders_of_different_carts_and_of_none_do_not_wait() {
    for (carts, sessions) in [
        ([Some("a"), Some("b")], [SESSION, OTHER_SESSION]),
        ([None, None], [SESSION, OTHER_SESSION]),
        ([Some("a"), None], [SESSION, OTHER_SESSION]),
        ([Some("A"), Some("a")], [SESSION, OTHER_SESSION]),
    ] {
        let world = World::in_memory();
        for ((cart, session), order_id) in carts.into_iter().zip(sessions).zip(["1001", "1002"]) {
            let checkout_id = placed(&world, &of_cart(order_id, cart), session);
            assert_eq!(
                world.complete(&checkout_id, session).verdict(),
                (200, "paid".to_owned()),
                "{carts:?}"
            );
        }
    }
}

// Promise: B08
#[test]
fn of_two_orders_of_a_cart_that_arrive_at_the_same_time_one_is_sent() {
    for engine in ENGINES {
        for (is_slow, is_claimed) in [(false, false), (true, false), (false, true), (true, true)] {
            for turned in [false, true] {
                let world = World::new(engine);
                let (first, second) = two_orders(&world);
                let mut session = SESSION;
                if is_claimed {
                    // The first was sent before, and is proved unpaid.
                    world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
                    assert_eq!(world.complete(&first, SESSION).status, 402);
                    session = THIRD_SESSION;
                    world.amazon.open(session, session_for(&of_cart("1001", None), session, &first));
                }
                world.store.hook.is_slow.store(is_slow, Ordering::SeqCst);
                let both = (world.completing(&first, session), world.completing(&second, OTHER_SESSION));
                let answers = if turned {
                    let (second, first) = world.run(join(both.1, both.0));
                    [first, second]
                } else {
                    let (first, second) = world.run(join(both.0, both.1));
                    [first, second]
                };
                let mut outcomes = answers.map(|answer| answer.verdict());
                outcomes.sort();
                let expected = [(200, "paid".to_owned()), (202, "checking".to_owned())];
                assert_eq!(outcomes, expected, "{engine:?} {is_slow}");
                assert_eq!(finalized(&world, session) + finalized(&world, OTHER_SESSION), 1);
                world.let_pass(5 * MINUTE);
                assert_eq!(world.amazon.charge_count(), 1);
            }
        }
    }
}

#[test]
fn an_order_that_found_no_connection_lets_another_of_its_cart_go_first() {
    let world = World::in_memory();
    let (first, second) = two_orders(&world);
    world.amazon.fault("finalize", Fault::NotSent);
    assert_eq!(world.complete(&first, SESSION).verdict().1, "checking");
    assert_eq!(world.complete(&second, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
    world.let_pass(5 * MINUTE);
    assert_eq!(world.amazon.charge_count(), 1);
    let shown = world.checkout(&first);
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("checking"), &json!("PaidUnderAnotherOrder")));
}

/// An order that takes the place of another.
fn in_place_of(order_id: &str, other: &str) -> Value {
    let mut order = of_cart(order_id, None);
    order["supersedes"] = json!(other);
    order
}

// Promise: B08
#[test]
fn an_order_that_takes_the_place_of_one_in_doubt_waits_until_that_is_proved_unpaid() {
    for engine in ENGINES {
        let world = World::new(engine);
        let first = placed(&world, &of_cart("1001", None), SESSION);
        world.amazon.goes_down("finalize");
        assert_eq!(world.complete(&first, SESSION).verdict().1, "checking");
        let sent = finalized(&world, SESSION);
        world.amazon.comes_back();
        let second = placed(&world, &in_place_of("1002", &first), OTHER_SESSION);
        let shown = world.checkout(&first);
        assert_eq!(shown["supersededBy"], json!(second));
        waits(&world, &second, OTHER_SESSION, &first);
        world.let_pass(2 * MINUTE);
        waits(&world, &second, OTHER_SESSION, &first);
        assert_eq!(finalized(&world, SESSION), sent, "what is canceled is not sent again");
        world.amazon.cancel(SESSION, "BuyerCanceled");
        world.complete(&first, SESSION);
        world.let_pass(10 * MINUTE);
        assert_eq!(world.complete(&second, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
        assert_eq!(world.amazon.charge_count(), 1);
        // The same registration again changes nothing.
        let again = world.call("POST", "/v1/checkouts", &in_place_of("1002", &first).to_string());
        assert_eq!((again.status, &again.json()["checkoutId"]), (200, &json!(second)));
    }
}

// Promise: B08
#[test]
fn an_order_that_takes_the_place_of_a_paid_one_is_sent_when_that_is_undone() {
    for engine in ENGINES {
        for is_answered in [true, false] {
            let world = World::new(engine);
            let first = placed(&world, &of_cart("1001", Some("cart 7")), SESSION);
            if !is_answered {
                world.amazon.fault("finalize", Fault::LostAfter);
                world.amazon.fault("session", Fault::Nothing);
                world.amazon.fault("session", Fault::refusal(503, "ServiceUnavailable"));
            }
            let answer = world.complete(&first, SESSION);
            assert_eq!(answer.status, if is_answered { 200 } else { 202 }, "{}", answer.text);
            let second = placed(&world, &in_place_of("1002", &first), OTHER_SESSION);
            waits(&world, &second, OTHER_SESSION, &first);
            refunded(&world, &first);
            for _ in 0..9 {
                world.let_pass(MINUTE);
                world.complete(&second, OTHER_SESSION);
            }
            assert_eq!(world.checkout(&first)["state"], "canceled");
            assert_eq!(world.checkout(&second)["state"], "paid");
            assert_eq!(world.amazon.money(), "held 0, captured 2800, refunded 1400");
        }
    }
}

#[test]
fn an_order_that_takes_the_place_of_one_that_was_never_sent_is_sent_at_once() {
    for engine in ENGINES {
        let world = World::new(engine);
        let first = placed(&world, &of_cart("1001", None), SESSION);
        let second = placed(&world, &in_place_of("1002", &first), OTHER_SESSION);
        // A chain: each takes the place of the one before.
        let third = placed(&world, &in_place_of("1003", &second), THIRD_SESSION);
        assert_eq!(world.checkout(&first)["state"], "canceled");
        assert_eq!(world.checkout(&second)["state"], "canceled");
        assert_eq!(world.complete(&third, THIRD_SESSION).verdict(), (200, "paid".to_owned()));
        for (checkout_id, session) in [(&first, SESSION), (&second, OTHER_SESSION)] {
            let refused = world.complete(checkout_id, session);
            assert_eq!(refused.refusal().1, "OrderCanceled", "{}", refused.text);
        }
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

// Promise: B08
#[test]
fn the_last_of_a_chain_waits_for_the_first_that_is_in_doubt() {
    let world = World::new(Engine::Sqlite);
    let first = placed(&world, &of_cart("1001", None), SESSION);
    world.amazon.goes_down("finalize");
    world.complete(&first, SESSION);
    world.amazon.comes_back();
    let second = placed(&world, &in_place_of("1002", &first), OTHER_SESSION);
    let third = placed(&world, &in_place_of("1003", &second), THIRD_SESSION);
    waits(&world, &third, THIRD_SESSION, &first);
    world.amazon.cancel(SESSION, "BuyerCanceled");
    world.let_pass(2 * MINUTE);
    assert_eq!(world.complete(&third, THIRD_SESSION).verdict(), (200, "paid".to_owned()));
    assert_eq!(world.amazon.charge_count(), 1);
}

// Promise: B08, D04
#[test]
fn an_attempt_that_is_doubted_again_is_not_sent_again_beside_another_order_of_its_cart() {
    for engine in ENGINES {
        for is_second_in_doubt in [false, true] {
            let mut world = World::new(engine);
            world.amazon.ignore_keys();
            let (first, second) = two_orders(&world);
            world.amazon.unapprove(SESSION);
            assert_eq!(world.complete(&first, SESSION).verdict().1, "checking");
            world.let_pass(10 * SECOND);
            assert_eq!(world.attempts(&first), ["NotApproved"]);
            if is_second_in_doubt {
                world.amazon.fault("finalize", Fault::LostAfter);
                world.amazon.goes_down("charge");
            }
            let answer = world.complete(&second, OTHER_SESSION).verdict().1;
            assert_eq!(answer, if is_second_in_doubt { "checking" } else { "paid" });
            // The buyer of the first approves it now.
            let sent = finalized(&world, SESSION);
            world.amazon.approve(SESSION);
            world.amazon.change(SESSION, |session| session["chargePermissionId"] = json!(ELSEWHERE));
            world.let_pass(2 * MINUTE);
            assert_eq!(world.attempts(&first), ["InDoubt"]);
            world.complete(&first, SESSION);
            world.restart();
            world.let_pass(2 * MINUTE);
            assert_eq!(finalized(&world, SESSION), sent, "it is looked up, and not sent");
            assert_eq!(world.amazon.charge_count(), 1);
            // Its session ends.
            world.amazon.cancel(SESSION, "Expired");
            world.skip(2 * HOUR);
            assert_eq!(world.attempts(&first), ["NotPaid"]);
        }
    }
}

/// The session of this order is handed over before its buyer has approved it.
fn handed_over(world: &World, checkout_id: &str) {
    world.amazon.unapprove(SESSION);
    assert_eq!(world.complete(checkout_id, SESSION).verdict().1, "checking");
    world.let_pass(10 * SECOND);
    assert_eq!(world.attempts(checkout_id), ["NotApproved"]);
    // The looks at it are some time ago.
    world.let_pass(MINUTE);
}

/// A refusal of a Finalize that was executed even so, of which nothing else is heard.
fn refused_though_executed(world: &World, checkout_id: &str) {
    let refusal = json!({ "reasonCode": "HardDeclined", "message": "canary" });
    world.amazon.fault("finalize", Fault::AnswerAfter(422, refusal));
    assert_eq!(world.complete(checkout_id, SESSION).status, 402);
}

fn executed_late(world: &World, checkout_id: &str) {
    handed_over(world, checkout_id);
    world.amazon.executes_a_copy(SESSION);
}

/// As [`executed_late`], after another order of the cart was sent and declined in between.
fn executed_later(world: &World, checkout_id: &str) {
    handed_over(world, checkout_id);
    world.amazon.fault("finalize", Fault::Declined("HardDeclined"));
    let third = placed(world, &of_cart("1003", Some("cart 7")), THIRD_SESSION);
    assert_eq!(world.complete(&third, THIRD_SESSION).status, 402);
    world.let_pass(MINUTE);
    world.amazon.executes_a_copy(SESSION);
}

// Promise: B08, D04
#[test]
fn the_refused_session_of_an_order_is_looked_at_before_another_of_its_cart_is_sent() {
    for engine in ENGINES {
        for happens in [refused_though_executed, executed_late, executed_later] {
            let mut world = World::new(engine);
            let (first, second) = two_orders(&world);
            happens(&world, &first);
            waits(&world, &second, OTHER_SESSION, &first);
            world.restart();
            world.let_pass(5 * MINUTE);
            waits(&world, &second, OTHER_SESSION, &first);
            assert_eq!(world.amazon.charge_count(), 1);
        }
        // Superseded, it was in no cart before.
        let world = World::new(engine);
        let first = placed(&world, &of_cart("1001", None), SESSION);
        handed_over(&world, &first);
        let second = placed(&world, &in_place_of("1002", &first), OTHER_SESSION);
        world.amazon.executes_a_copy(SESSION);
        waits(&world, &second, OTHER_SESSION, &first);
        assert_eq!(world.amazon.charge_count(), 1);
    }
}

// Promise: B08, D04
#[test]
fn a_refused_session_that_amazon_shows_open_holds_another_order_of_its_cart_back_for_a_minute() {
    for engine in ENGINES {
        let mut world = World::new(engine);
        let (first, second) = two_orders(&world);
        world.amazon.fault("finalize", Fault::refusal(422, "HardDeclined"));
        assert_eq!(world.complete(&first, SESSION).status, 402);
        waits(&world, &second, OTHER_SESSION, &first);
        world.restart();
        world.let_pass(45 * SECOND);
        waits(&world, &second, OTHER_SESSION, &first);
        world.let_pass(2 * MINUTE);
        assert_eq!(world.checkout(&second)["state"], "paid");
        assert_eq!((finalized(&world, SESSION), world.amazon.charge_count()), (1, 1));
        // One that was not approved, and is shown so, holds nothing back.
        let world = World::new(engine);
        let (first, second) = two_orders(&world);
        handed_over(&world, &first);
        assert_eq!(world.complete(&second, OTHER_SESSION).verdict(), (200, "paid".to_owned()));
    }
}

/// Another client of the account completes the session of an order of which this store has sent nothing.
fn completed_elsewhere(world: &World, checkout_id: &str) {
    world.amazon.completed_and_paid_elsewhere(SESSION, ELSEWHERE, NOW, &usd("14.00"));
    let answer = world.complete(checkout_id, SESSION);
    assert_eq!(answer.json()["reason"], "CompletedElsewhere", "{}", answer.text);
}

/// A payment names an order, and none of its sessions explains it.
fn paid_without_a_session(world: &World, checkout_id: &str) {
    world.amazon.paid_elsewhere(ELSEWHERE, checkout_id, &usd("14.00"), "Captured");
    world.notified("1", "CHARGE", ELSEWHERE_CHARGE);
    world.let_pass(5 * SECOND);
    assert_eq!(world.checkout(checkout_id)["needsPerson"], json!(["unexplained"]));
}

/// A refusal of a Finalize that was executed even so.
fn refused_though_paid(world: &World, checkout_id: &str) {
    let refusal = json!({ "reasonCode": "HardDeclined", "message": "canary" });
    world.amazon.fault("finalize", Fault::AnswerAfter(422, refusal));
    assert_eq!(world.complete(checkout_id, SESSION).status, 402);
    world.notified("1", "CHARGE", "S01-5105180-0000001-C000001");
    world.let_pass(5 * SECOND);
    assert_eq!(world.checkout(checkout_id)["needsPerson"], json!(["contradicted"]));
}

// Promise: B08, D18
#[test]
fn an_order_that_may_be_paid_without_a_send_of_ours_holds_the_others_of_its_cart_back() {
    for engine in ENGINES {
        for happens in [completed_elsewhere, paid_without_a_session, refused_though_paid] {
            let mut world = World::new(engine);
            let (first, second) = two_orders(&world);
            happens(&world, &first);
            waits(&world, &second, OTHER_SESSION, &first);
            world.restart();
            world.skip(3 * DAY);
            waits(&world, &second, OTHER_SESSION, &first);
        }
    }
}

// Promise: B08
#[test]
fn an_order_whose_payment_was_adopted_or_decided_holds_the_others_of_its_cart_back() {
    for engine in ENGINES {
        for is_decided in [true, false] {
            let mut world = World::new(engine);
            let (first, second) = two_orders(&world);
            if is_decided {
                completed_elsewhere(&world, &first);
                let body = json!({ "reference": "case 1", "verdict": "paid", "evidence": "Seller Central",
                    "chargePermissionId": ELSEWHERE, "chargeId": ELSEWHERE_CHARGE });
                let path = format!("/v1/checkouts/{first}/attempts/1/decision");
                let statuses = [ALICE, BOB].map(|token| {
                    let bearer = format!("Bearer {token}");
                    world.run(world.request_with("POST", &path, &body.to_string(), Some(&bearer))).status
                });
                assert_eq!(statuses, [202, 200]);
            } else {
                world.policy = Policy { integration: Integration::Sole, ..Policy::default() };
                world.restart();
                world.amazon.is_finalized_elsewhere(SESSION, "AuthorizeWithCapture");
            }
            assert_eq!(world.complete(&first, SESSION).verdict(), (200, "paid".to_owned()));
            waits(&world, &second, OTHER_SESSION, &first);
            world.restart();
            waits(&world, &second, OTHER_SESSION, &first);
        }
    }
}

// Promise: B08
#[test]
fn a_superseded_order_that_turns_out_to_be_paid_holds_back_the_one_that_took_its_place() {
    for engine in ENGINES {
        let cart = || Some("cart 7");
        for (of_first, of_second) in [(None, None), (None, cart()), (cart(), None), (cart(), cart())] {
            let world = World::new(engine);
            let first = world.register(&of_cart("1001", of_first));
            let mut order = of_cart("1002", of_second);
            order["supersedes"] = json!(first);
            let second = placed(&world, &order, OTHER_SESSION);
            assert_eq!(world.checkout(&first)["state"], "canceled");
            paid_without_a_session(&world, &first);
            waits(&world, &second, OTHER_SESSION, &first);
        }
    }
}

// Promise: B08
#[test]
fn of_an_order_that_is_sent_and_one_that_turns_out_to_be_paid_at_the_same_time_one_is_looked_at_again() {
    for engine in ENGINES {
        for is_slow in [false, true] {
            for turned in [false, true] {
                let world = World::new(engine);
                let (first, second) = two_orders(&world);
                world.amazon.completed_and_paid_elsewhere(SESSION, ELSEWHERE, NOW, &usd("14.00"));
                world.store.hook.is_slow.store(is_slow, Ordering::SeqCst);
                let both = (world.completing(&first, SESSION), world.completing(&second, OTHER_SESSION));
                let second_answer = if turned {
                    world.run(join(both.1, both.0)).0
                } else {
                    world.run(join(both.0, both.1)).1
                };
                world.let_pass(MINUTE);
                assert_eq!(world.checkout(&first)["reason"], "CompletedElsewhere");
                if second_answer.status == 200 {
                    // It was sent before the other was known to be paid. Both are named by the claim from then on.
                    let third = placed(&world, &of_cart("1003", Some("cart 7")), THIRD_SESSION);
                    let answer = world.complete(&third, THIRD_SESSION);
                    assert_eq!(answer.json()["reason"], "PaidUnderAnotherOrder", "{}", answer.text);
                } else {
                    waits(&world, &second, OTHER_SESSION, &first);
                }
            }
        }
    }
}

#[test]
fn a_cart_and_an_order_to_take_the_place_of_are_refused_unless_they_can_be_meant() {
    let world = World::in_memory();
    let first = world.register(&of_cart("1001", Some("cart 7")));
    let refused = |order: &Value| {
        let answer = world.call("POST", "/v1/checkouts", &order.to_string());
        assert_eq!(answer.status / 100, 4, "{}", answer.text);
        answer.refusal()
    };
    let is = |status: u16, code: &str, field: &str| (status, code.to_owned(), Some(field.to_owned()));
    for cart in ["", "a\nb", &"x".repeat(129)] {
        assert_eq!(refused(&of_cart("1002", Some(cart))), is(400, "InvalidValue", "cartId"), "{cart:?}");
    }
    for other in ["", "../x", "-"] {
        assert_eq!(refused(&in_place_of("1002", other)), is(400, "InvalidValue", "supersedes"), "{other:?}");
    }
    assert_eq!(refused(&in_place_of("1002", "0123")), is(400, "InvalidValue", "supersedes"));
    assert_eq!(refused(&in_place_of("1001", &first)), is(400, "InvalidValue", "supersedes"));
    let mut in_euros = in_place_of("1002", &first);
    in_euros["paymentDetails"]["chargeAmount"]["currencyCode"] = json!("EUR");
    assert_eq!(refused(&in_euros).0, 400);
    let mut of_another = in_place_of("1002", &first);
    of_another["cartId"] = json!("cart 8");
    assert_eq!(refused(&of_another), is(409, "OtherCart", "cartId"));
    assert_eq!(refused(&of_cart("1001", Some("cart 8"))), is(409, "OrderExists", "cartId"));
    assert_eq!(refused(&of_cart("1001", None)), is(409, "OrderExists", "cartId"));
    // Nothing of this has canceled the first.
    assert_eq!(world.checkout(&first)["state"], "registered");
    let second = world.register(&in_place_of("1002", &first));
    assert_eq!(refused(&in_place_of("1003", &first)), is(409, "SupersededAlready", "supersedes"));
    let again = world.call("POST", "/v1/checkouts", &in_place_of("1002", &first).to_string());
    assert_eq!((again.status, &again.json()["checkoutId"]), (200, &json!(second)));
    assert_eq!(refused(&of_cart("1002", Some("cart 7"))), is(409, "OrderExists", "supersedes"));
    world.ask(&second, "cancel", &json!({ "reference": "c" }));
    assert_eq!(refused(&in_place_of("1004", &second)), is(409, "OrderCanceled", "supersedes"));
    assert_eq!(world.checkout(&second)["cartId"], "cart 7");
    assert_eq!(world.checkout(&second)["supersedes"], json!(first));
}
