//! The orders of one cart: which of them hold the others back, and what an order that waits does.

use super::decide::decided;
use super::paid::*;
use super::*;
use crate::merchant::attempt::sends::{CompletedBy, CompletedSession};
use crate::merchant::attempt::{FailedCharge, RefusalLooks, finalize};
use crate::merchant::checkout::cart::{Cart, CartKey, CartSight};
use crate::merchant::checkout::sharing::{sight_of, wake};
use crate::merchant::checkout::unexplained::{
    Unexplained, UnexplainedEnd, UnexplainedReason, UnexplainedState,
};
use crate::merchant::rules::{CART_LOOK, CART_LOOK_LATER};

fn other() -> CheckoutId {
    CheckoutId::parse("other").unwrap()
}

fn of_cart(state: AttemptState) -> Checkout {
    let cart = Some(Cart { key: CartKey::Named("cart".to_string()), supersedes: None });
    Checkout { cart, ..checkout(PaymentIntent::Authorize, state) }
}

/// Begins with the other orders in sight, or without.
fn begun(before: &Checkout, sight: Option<CartSight>, now: Timestamp) -> (Option<CheckoutStep>, NextStep) {
    let n = before.attempts[0].next_key_ordinal();
    let send = KeyedRequest { n, idempotency_key: key_of(n.get()), body: Arc::from(*b"body") };
    decided(before, now, &rules(), |draft| {
        sight.into_iter().for_each(|sight| draft.see_cart(sight));
        finalize::begin(draft, AttemptNumber::FIRST, send)
    })
}

fn taken(before: &Checkout, sight: Option<CartSight>, now: Timestamp) -> (CheckoutStep, NextStep) {
    let (step, next) = decided(before, now, &rules(), |draft| {
        sight.into_iter().for_each(|sight| draft.see_cart(sight));
        finalize::take_up(draft, AttemptNumber::FIRST)
    });
    (step.unwrap(), next.unwrap())
}

// Promise: B08
#[test]
fn each_order_of_a_cart_holds_the_others_back_so() {
    let canceled = |state: CancellationState, checkout: Checkout| {
        let cancellation = Cancellation {
            reference: "c".to_string(),
            reason: None,
            requested_at: sent_at(),
            extent: Extent::Unshipped,
            state,
        };
        Checkout { cancellation: Some(cancellation), ..checkout }
    };
    let requested = CancellationState::Requested { remind_at: sent_at(), is_stuck: false };
    let stuck = CancellationState::Requested { remind_at: sent_at(), is_stuck: true };
    let done = CancellationState::Done { at: sent_at(), remind_at: None };
    let found_later = CancellationState::Done { at: sent_at(), remind_at: Some(sent_at()) };
    let mut table = String::new();
    for state in states() {
        let of_cart = of_cart(state);
        let mut row = format!("{:<40}", words(&of_cart.attempts[0], sent_at()));
        let mut add = |checkout: Checkout| {
            let word = match sight_of([&checkout], sent_at()) {
                CartSight::Free => "–",
                CartSight::InDoubt(_) => "in doubt",
                CartSight::Paid(_) => "paid",
            };
            row.push_str(&format!(" {word:<10}"));
        };
        add(of_cart.clone());
        for cancellation in [requested, stuck, done, found_later] {
            add(canceled(cancellation, of_cart.clone()));
        }
        table.push_str(row.trim_end());
        table.push('\n');
    }
    insta::assert_snapshot!(format!(
        "{:<40} {:<10} {:<10} {:<10} {:<10} found later\n{table}",
        "the other order", "", "canceling", "stuck", "canceled"
    ));
}

// Promise: B08
#[test]
fn an_order_holds_the_others_back_whatever_made_it_payable_and_as_long_as_it_is() {
    let now = sent_at();
    let done = CancellationState::Done { at: now, remind_at: None };
    let canceled = |checkout: Checkout| Checkout {
        cancellation: Some(Cancellation { state: done, ..cancellation() }),
        ..checkout
    };
    let unsent = || of_cart(AttemptState::Bound { retry_at: now, missing: None });
    let heard_of = |state: UnexplainedState| {
        let heard_of = Unexplained {
            charge_permission_id: permission(),
            charge_ids: Vec::new(),
            attempt: None,
            amount: Some(usd(100)),
            heard_at: now,
            returning: None,
            asked_at: Some(now),
            state,
        };
        Checkout { unexplained: vec![heard_of], ..unsent() }
    };
    let look = LookSchedule { at: now, count: 0 };
    let open = |reason| heard_of(UnexplainedState::Open { reason, since: now, look });
    let over = |end| heard_of(UnexplainedState::Over { end, at: now });
    let refused = |contradicted| {
        let (charge_permission_id, charge_id) = (permission(), charge());
        of_cart(AttemptState::NotPaid {
            reason: NotPaidReason::Declined("HardDeclined".to_string()),
            charge: Some(FailedCharge { charge_permission_id, charge_id, contradicted }),
            at: now,
        })
    };
    let undone_with = |theirs: ChargeState, refunds: Vec<Refund>| {
        let ours = charge_in(ChargeState::Canceled(None));
        let id = ChargeId::parse("S01-1-C2").unwrap();
        let origin = ChargeOrigin::Elsewhere;
        canceled(paid(payment_of(vec![ours, Charge { id, origin, refunds, ..charge_in(theirs) }])))
    };
    let not_looked_at = || {
        let mut checkout = refused(None);
        checkout.attempts[0].refusal = Some(RefusalLooks::default());
        checkout
    };
    let not_approved = |seen_at: Timestamp| of_cart(not_approved(seen_at, None));
    let unresolved = || of_cart(unresolved(UnresolvedReason::CompletedElsewhere));
    for (what, checkout, word) in [
        ("never sent", unsent(), "free"),
        ("completed elsewhere", unresolved(), "in doubt"),
        ("completed elsewhere after it was canceled", canceled(unresolved()), "in doubt"),
        ("paid after it was canceled, and undone", canceled(of_cart(states()[6].clone())), "free"),
        ("heard of", heard_of(UnexplainedState::Heard { look }), "free"),
        ("unexplained", open(UnexplainedReason::NoSession), "in doubt"),
        ("unexplained after it was canceled", canceled(open(UnexplainedReason::NoSession)), "in doubt"),
        ("returned", over(UnexplainedEnd::Returned), "free"),
        ("a person says: not ours", over(UnexplainedEnd::NotOurs), "free"),
        ("refused", refused(None), "free"),
        ("refused, and not looked at since", not_looked_at(), "in doubt"),
        ("refused, not looked at, and canceled", canceled(not_looked_at()), "in doubt"),
        ("not approved, and looked at now", not_approved(now), "free"),
        ("not approved, and looked at just before", not_approved(now.minus(10 * SECOND)), "free"),
        ("not approved, and looked at earlier", not_approved(now.minus(11 * SECOND)), "in doubt"),
        ("not approved, looked at later than now", not_approved(now.plus(SECOND)), "in doubt"),
        ("not approved, and canceled", canceled(not_approved(now.minus(11 * SECOND))), "in doubt"),
        ("refused, and Amazon shows money", refused(Some(look)), "in doubt"),
        ("others have reserved", undone_with(ChargeState::Authorized, Vec::new()), "paid"),
        ("others have captured", undone_with(ChargeState::Captured(hundred()), Vec::new()), "paid"),
        (
            "others have returned what they had captured",
            {
                let refunds = vec![refund_in(10_000, RefundState::Refunded)];
                undone_with(ChargeState::Captured(hundred()), refunds)
            },
            "free",
        ),
        ("what others had reserved has lapsed", undone_with(ChargeState::Canceled(None), Vec::new()), "free"),
    ] {
        let sight = match sight_of([&checkout], now) {
            CartSight::Free => "free",
            CartSight::InDoubt(_) => "in doubt",
            CartSight::Paid(_) => "paid",
        };
        assert_eq!(sight, word, "{what}");
    }
}

// Promise: B08
#[test]
fn nothing_is_sent_for_a_cart_unless_its_other_orders_are_in_sight_and_free() {
    let bound = of_cart(AttemptState::Bound { retry_at: sent_at(), missing: None });
    let unsent = of_cart(approved(None, sent_at()));
    for before in [bound, unsent] {
        for (sight, is_sent) in [
            (None, false),
            (Some(CartSight::InDoubt(other())), false),
            (Some(CartSight::Paid(other())), false),
            (Some(CartSight::Free), true),
        ] {
            let (step, next) = begun(&before, sight.clone(), sent_at());
            assert_eq!(matches!(next, NextStep::Send(_)), is_sent, "{sight:?}");
            let after = step.unwrap().next;
            assert_eq!(after.attempts[0].state.is_live(), is_sent);
            assert!(after.due_at(&rules()).is_some(), "{sight:?}: it has a timer");
        }
    }
    // Without a cart nothing has to be in sight.
    let alone = Checkout { cart: None, ..of_cart(approved(None, sent_at())) };
    assert!(matches!(begun(&alone, None, sent_at()).1, NextStep::Send(_)));
    // What was turned away goes on: while it is live, no other order of the cart is sent.
    let left = of_cart(approved(Some(sent_at()), sent_at()));
    assert!(matches!(begun(&left, Some(CartSight::Paid(other())), sent_at()).1, NextStep::Send(_)));
}

// Promise: B08
#[test]
fn an_order_that_waits_is_not_ended_by_its_buyers_absence_but_once_it_is_free() {
    let bound = of_cart(AttemptState::Bound { retry_at: sent_at(), missing: None });
    let waiting = begun(&bound, Some(CartSight::InDoubt(other())), sent_at()).0.unwrap();
    assert_eq!(happened(&waiting), "waits for other");
    let mut waiting = waiting.next;
    let reason = Verdict::Checking(Some(CheckingReason::PaidUnderAnotherOrder));
    let away = rules().policy.resend_window.saturating_add(SECOND);
    for (after, sight, pause) in [
        (CART_LOOK, Some(CartSight::InDoubt(other())), CART_LOOK),
        (away, Some(CartSight::InDoubt(other())), CART_LOOK_LATER),
        (40 * 24 * CART_LOOK_LATER, Some(CartSight::Paid(other())), CART_LOOK_LATER),
        (41 * 24 * CART_LOOK_LATER, None, CART_LOOK_LATER),
    ] {
        let now = sent_at().plus(after);
        let (step, next) = taken(&waiting, sight.clone(), now);
        assert_eq!((next, happened(&step).as_str()), (NextStep::Rest, ""), "{sight:?}");
        assert_eq!(step.next.verdict(), reason);
        assert_eq!(step.next.attempts[0].state.due_at(), Some(now.plus(pause)), "{sight:?}");
        waiting = step.next;
    }
    // It is free after the buyer has left: now it is known that nothing is paid.
    let (step, _) = taken(&waiting, Some(CartSight::Free), sent_at().plus(42 * 24 * CART_LOOK_LATER));
    assert_eq!(step.next.verdict(), Verdict::NotPaid(&NotPaidReason::Abandoned));
    // It is free while the buyer waits.
    let waiting = begun(&bound, Some(CartSight::InDoubt(other())), sent_at()).0.unwrap().next;
    let now = sent_at().plus(SECOND);
    let woken = decided(&waiting, now, &rules(), |draft| wake(draft, AttemptNumber::FIRST)).0.unwrap().next;
    let (step, next) = taken(&woken, Some(CartSight::Free), now);
    assert!(matches!(next, NextStep::Agree(_)), "{next:?}");
    assert_eq!(step.next.attempts[0].waits_for, None);
}

// Promise: B08
#[test]
fn an_attempt_in_doubt_is_sent_again_only_while_its_cart_is_free_unless_that_proves_its_payment() {
    let doubted = || of_cart(in_doubt_attempt(refused_doubt()));
    let mut completed = doubted();
    completed.attempts[0].sends.completed = Some(Box::new(CompletedSession {
        charge_permission_id: permission(),
        charge_id: Some(charge()),
        silence_count: 0,
        was_asked: false,
        completed_by: CompletedBy::Unknown,
    }));
    let alone = Checkout { cart: None, ..doubted() };
    for (what, before, is_sent) in [
        ("of a cart", doubted(), [false, false, false, true]),
        ("whose session is Completed", completed, [true; 4]),
        ("of no cart", alone, [true; 4]),
    ] {
        let sights =
            [None, Some(CartSight::InDoubt(other())), Some(CartSight::Paid(other())), Some(CartSight::Free)];
        for (sight, is_sent) in sights.into_iter().zip(is_sent) {
            let (step, next) = decided(&before, sent_at(), &rules(), |draft| {
                sight.clone().into_iter().for_each(|sight| draft.see_cart(sight));
                let send = if before.attempts[0].sends.completed.is_some() {
                    finalize::send_to_prove
                } else {
                    finalize::send_again
                };
                send(draft, AttemptNumber::FIRST, &|n| key_of(n.get()))
            });
            assert_eq!(matches!(next, NextStep::Send(_)), is_sent, "{what}, {sight:?}");
            let after = step.map_or(before.clone(), |step| step.next);
            assert!(after.due_at(&rules()).is_some(), "{what}, {sight:?}: it is looked up");
        }
    }
}

// Promise: B08, D04
#[test]
fn an_attempt_that_was_approved_late_is_sent_under_another_key_only_while_its_cart_is_free() {
    let now = sent_at();
    let asked = Doubt { asked_again: Some(now), must_be_compared: true, ..refused_doubt() };
    for state in [not_approved(now, Some(now)), in_doubt_attempt(asked)] {
        let before = of_cart(state);
        for (sight, is_sent) in [
            (None, false),
            (Some(CartSight::InDoubt(other())), false),
            (Some(CartSight::Paid(other())), false),
            (Some(CartSight::Free), true),
        ] {
            let (step, next) = begun(&before, sight.clone(), now);
            assert_eq!(matches!(next, NextStep::Send(_)), is_sent, "{sight:?}");
            let after = step.unwrap().next;
            assert!(after.due_at(&rules()).is_some(), "{sight:?}: it is looked up");
            if !is_sent {
                // It is taken up in its own time, and is not due all the time.
                let at = after.due_at(&rules()).unwrap().max(now.plus(CART_LOOK));
                let mut after = after;
                for _ in 0..2 {
                    let (step, next) = taken(&after, sight.clone(), at);
                    assert!(matches!(next, NextStep::LookAtSession(_) | NextStep::Agree(_)), "{next:?}");
                    after = step.next;
                    if after.due_at(&rules()).unwrap() > at {
                        break;
                    }
                }
                assert!(after.due_at(&rules()).unwrap() > at, "{sight:?}");
            }
        }
    }
}
