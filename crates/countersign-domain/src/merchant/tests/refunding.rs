//! Before money is returned Amazon is asked what was returned already.

use super::decide::payments::*;
use super::paid::*;
use super::*;
use crate::merchant::rules::COPY_LIFETIME;

fn captured_at(sight: LastSeen) -> Checkout {
    paid(payment_of(vec![Charge { sight, ..charge_in(ChargeState::Captured(hundred())) }]))
}

/// The order with a refund of this amount recorded.
fn refunding(sight: LastSeen, minor: u64) -> Checkout {
    let mut checkout = captured_at(sight);
    let request = PaymentCall::Refund { charge_id: charge(), amount: usd(minor) };
    checkout.payment.as_mut().unwrap().operations = vec![operation(1, request, recorded())];
    checkout
}

/// What Get Charge shows when others have refunded this much.
fn refunded_elsewhere(minor: u64) -> ChargeView {
    ChargeView { refunded: AmountView::Shown(usd(minor)), ..charge_shown_as(AmazonChargeState::Captured) }
}

fn first(checkout: &Checkout) -> &OperationState {
    &checkout.payment.as_ref().unwrap().operations[0].state
}

// Promise: B16, D18
#[test]
fn no_refund_leaves_unless_amazon_has_shown_its_charge_within_a_minute() {
    let now = sent_at().plus(DAY);
    for (sight, looks) in [
        (LastSeen::At(now), false),
        (LastSeen::At(now.minus(60 * SECOND)), false),
        (LastSeen::At(now.minus(60 * SECOND).minus(Duration::from_millis(1))), true),
        (LastSeen::At(now.plus(SECOND)), true),
        (LastSeen::Never, true),
        (LastSeen::Doubted, true),
    ] {
        let before = refunding(sight, 100);
        let (step, next) = begin_or_look(&before, 1, now, &rules());
        let expected = NextStep::LookBefore { charge_id: charge(), number: OperationNumber::FIRST };
        assert_eq!(next == expected, looks, "{sight:?}");
        assert_eq!(matches!(next, NextStep::Send(_)), !looks, "{sight:?}");
        assert_eq!(step.next == before, looks, "nothing is kept of it: {sight:?}");
        // The shop's request asks first, too, unless it is known.
        let draft = Draft::new(captured_at(sight), now, rules());
        let asked = OperationRequest::Refund { charge_id: None, amount: None };
        let name = OperationName::Shop("ref1".to_string());
        assert_eq!(ask::unseen_charge(&draft, &name, &asked).is_some(), looks, "{sight:?}");
        let known = Draft::new(before.clone(), now, rules());
        let name = before.payment.as_ref().unwrap().operations[0].name.clone();
        assert_eq!(ask::unseen_charge(&known, &name, &asked), None);
        for other in [
            OperationRequest::Capture { charge_id: None, amount: None },
            OperationRequest::Close { reason: None },
        ] {
            assert_eq!(ask::unseen_charge(&draft, &name, &other), None);
        }
    }
    // One that was turned away is looked at again before it leaves again.
    let mut turned = refunding(LastSeen::At(sent_at()), 100);
    turned.payment.as_mut().unwrap().operations[0].state = turned_away(now);
    assert!(matches!(begin_or_look(&turned, 1, now, &rules()).1, NextStep::LookBefore { .. }));
}

// Promise: B16
#[test]
fn what_others_have_refunded_is_not_refunded_again() {
    let now = sent_at().plus(DAY);
    for (elsewhere, minor, leaves) in [
        (0, 10_000, true),
        (1_000, 9_000, true),
        (1_000, 9_001, false),
        (1_000, 10_000, false),
        (10_000, 1, false),
    ] {
        let before = refunding(LastSeen::At(sent_at()), minor);
        let (step, may_send) = charge_shown_before(&before, 1, &refunded_elsewhere(elsewhere), now, &rules());
        assert!(may_send);
        let (step, next) = begin_or_look(&step.next, 1, now, &rules());
        assert_eq!(matches!(next, NextStep::Send(_)), leaves, "{elsewhere}, {minor}");
        let refused = OperationState::Refused { code: "ExceedsRefundable".to_string() };
        assert_eq!(*first(&step.next) == refused, !leaves, "{elsewhere}, {minor}");
        // "All that is left" means what is left according to Amazon.
        let (step, _) =
            charge_shown(&captured_at(LastSeen::Never), &refunded_elsewhere(elsewhere), now, &rules())
                .unwrap();
        let charge = &step.next.payment.as_ref().unwrap().charges[0];
        let left = step.next.payment.as_ref().unwrap().refundable(charge, RefundCeiling::Captured);
        assert_eq!(left, usd(10_000 - elsewhere));
    }
    // Two on their way count each other.
    let mut two = refunding(LastSeen::At(now), 6_000);
    let request = PaymentCall::Refund { charge_id: charge(), amount: usd(4_001) };
    two.payment.as_mut().unwrap().operations.push(operation(2, request, in_doubt()));
    assert_eq!(begin_or_look(&two, 1, now, &rules()).1, NextStep::Rest);
}

// Promise: B16, B34
#[test]
fn a_cancellation_refunds_what_others_have_left() {
    let now = sent_at().plus(DAY);
    let request = |draft: &Checkout| match request_cancel(draft, "c", None, now, &rules()) {
        Ok(CancelAsked::New(step)) => step.next,
        other => panic!("{other:?}"),
    };
    let before = request(&captured_at(LastSeen::At(sent_at())));
    let amounts = |checkout: &Checkout| {
        let operations = &checkout.payment.as_ref().unwrap().operations;
        let words = operations.iter().map(|it| {
            let amount = it.request.amount().map_or("-".to_string(), |amount| amount.amount());
            format!("{amount} {}", it.state.name())
        });
        words.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(amounts(&before), "100.00 Recorded");
    let (_, next) = begin_or_look(&before, 1, now, &rules());
    assert!(matches!(next, NextStep::LookBefore { .. }));
    let (step, _) = charge_shown_before(&before, 1, &refunded_elsewhere(1_000), now, &rules());
    let (step, _) = begin_or_look(&step.next, 1, now, &rules());
    assert_eq!(amounts(&step.next), "100.00 Refused, 90.00 Recorded");
    assert!(matches!(begin_or_look(&step.next, 2, now, &rules()).1, NextStep::Send(_)));
    // All of it was refunded elsewhere: nothing is.
    let (step, _) = charge_shown_before(&before, 1, &refunded_elsewhere(10_000), now, &rules());
    let (step, _) = begin_or_look(&step.next, 1, now, &rules());
    assert_eq!(amounts(&step.next), "100.00 Refused, - Recorded", "the permission is closed");
}

/// The charge of the tables with these refunds, each with its amount and state, and what others have refunded.
fn with_refunds(refunds: &[(u64, RefundState)], elsewhere: u64) -> Checkout {
    let known = (1..).zip(refunds).map(|(n, (amount, state))| Refund {
        id: RefundId::parse(&format!("S01-1-R{n}")).unwrap(),
        decided_at: (*state == RefundState::Refunded).then(sent_at),
        ..refund_in(*amount, state.clone())
    });
    let charge = Charge {
        refunds: known.collect(),
        refunded_elsewhere: (elsewhere > 0).then(|| usd(elsewhere)),
        ..charge_in(ChargeState::Captured(hundred()))
    };
    paid(payment_of(vec![charge]))
}

// Promise: B16, B34
#[test]
fn a_cancellation_waits_for_the_look_that_recounts_what_others_have_refunded() {
    let recounted_at = sent_at().plus(COPY_LIFETIME);
    for overdue in [Duration::ZERO, 60 * SECOND, 40 * DAY] {
        let now = recounted_at.plus(overdue);
        let mut before = with_refunds(&[(9_000, RefundState::Refunded)], 1_000);
        let charge = &mut before.payment.as_mut().unwrap().charges[0];
        charge.sight = LastSeen::At(sent_at());
        charge.look = Some(LookSchedule { at: recounted_at, count: 0 });
        let Ok(CancelAsked::New(step)) = request_cancel(&before, "c", None, now, &rules()) else {
            panic!("the cancellation is not new");
        };
        assert_eq!(requests(&step.next), [], "what was counted may be our own refund: {overdue:?}");
        assert!(!step.next.is_canceled());
        for (shown, expected) in [
            (9_000, PaymentCall::Refund { charge_id: super::charge(), amount: usd(1_000) }),
            (10_000, PaymentCall::Close { reason: Some("the order was canceled".to_string()) }),
        ] {
            let shown = ChargeView { asked_at: now, ..refunded_elsewhere(shown) };
            let (step, _) = charge_shown(&step.next, &shown, now, &rules()).unwrap();
            assert_eq!(requests(&step.next), [expected], "{overdue:?}");
        }
    }
}

fn requests(checkout: &Checkout) -> Vec<PaymentCall> {
    checkout.payment.as_ref().unwrap().operations.iter().map(|it| it.request.clone()).collect()
}

// Promise: B16
#[test]
fn of_two_answers_to_requests_of_the_same_instant_the_one_that_shows_more_counts() {
    let (asked_at, later) = (sent_at().plus(DAY), Duration::from_millis(1));
    for (first, second, pause, refunded) in [
        (1_000, 0, Duration::ZERO, 1_000),
        (0, 1_000, Duration::ZERO, 1_000),
        (2_500, 1_000, Duration::ZERO, 2_500),
        (1_000, 0, later, 0),
        (1_000, 2_500, later, 2_500),
    ] {
        let mut checkout = captured_at(LastSeen::Never);
        for (refunded, asked_at) in [(first, asked_at), (second, asked_at.plus(pause))] {
            let shown = ChargeView { asked_at, ..refunded_elsewhere(refunded) };
            let now = asked_at.plus(SECOND);
            checkout = charge_shown(&checkout, &shown, now, &rules()).map_or(checkout, |(step, _)| step.next);
        }
        let shown = checkout.payment.as_ref().unwrap().charges[0].refunded();
        assert_eq!(shown, usd(refunded), "{first}, then {second} after {pause:?}");
    }
}

// Promise: B16
#[test]
fn a_later_refund_of_ours_hides_none_of_others() {
    use RefundState::{Declined, RefundInitiated, Refunded};
    let minute = 60 * SECOND;
    for (name, refunds, elsewhere, shown, after, refunded) in [
        ("nothing", vec![], 0, 0, minute, 0),
        ("of others", vec![], 0, 1_000, minute, 1_000),
        ("ours is not counted yet", vec![(9_000, RefundInitiated)], 1_000, 1_000, minute, 10_000),
        ("ours is counted", vec![(9_000, RefundInitiated)], 1_000, 10_000, minute, 10_000),
        (
            "ours is made, and a slow replica shows it not",
            vec![(2_000, Refunded)],
            1_000,
            1_000,
            minute,
            3_000,
        ),
        ("ours is made and counted", vec![(2_000, Refunded)], 1_000, 3_000, minute, 3_000),
        ("ours is made long since", vec![(2_000, Refunded)], 1_000, 3_000, 10 * minute, 3_000),
        ("others refund more", vec![(2_000, Refunded)], 1_000, 3_500, 10 * minute, 3_500),
        ("others refund while ours is counted", vec![(2_000, RefundInitiated)], 0, 3_500, minute, 5_500),
        ("and not any more once it is made", vec![(2_000, Refunded)], 3_500, 3_500, 10 * minute, 3_500),
        ("others refund while ours is not counted", vec![(2_000, RefundInitiated)], 0, 1_500, minute, 3_500),
        ("one of two is made", vec![(2_000, RefundInitiated), (500, RefundInitiated)], 0, 500, minute, 2_500),
        ("a declined one counts no more", vec![(2_000, Declined(None))], 0, 0, minute, 0),
        ("a declined one hides nothing", vec![(2_000, Declined(None))], 0, 1_000, minute, 1_000),
        ("a replica of before", vec![(2_000, Refunded)], 1_000, 500, 10 * minute, 3_000),
    ] {
        let now = sent_at().plus(after);
        let before = with_refunds(&refunds, elsewhere);
        let shown = ChargeView { asked_at: now, ..refunded_elsewhere(shown) };
        let (step, _) = charge_shown(&before, &shown, now, &rules()).unwrap();
        let payment = step.next.payment.as_ref().unwrap();
        assert_eq!(payment.charges[0].refunded(), usd(refunded), "{name}");
        let left = payment.refundable(&payment.charges[0], RefundCeiling::Captured);
        assert_eq!(left, usd(10_000 - refunded), "{name}");
    }
}

// Promise: B16
#[test]
fn a_refund_that_waits_for_its_charge_has_a_timer_and_raises_alarms() {
    let mut before = refunding(LastSeen::At(sent_at().minus(DAY)), 100);
    let mut now = sent_at();
    let mut alarms = Vec::new();
    while now.since(sent_at()) < 2 * DAY {
        let (step, act) = take_up_payment(&before, now, &rules()).unwrap();
        assert_eq!(act, NextStep::Begin(CallId::Operation(OperationNumber::FIRST)));
        assert!(matches!(begin_or_look(&step.next, 1, now, &rules()).1, NextStep::LookBefore { .. }));
        let step = nothing_shown_before(&step.next, 1, now, &rules());
        alarms.extend(step.events.iter().map(|_| now.since(sent_at()).as_secs()));
        before = step.next;
        let due_at = first(&before).due_at().unwrap();
        assert!((2..=3_600).contains(&due_at.since(now).as_secs()), "{:?}", due_at.since(now));
        now = due_at;
    }
    assert_eq!(alarms.len(), 3, "after five minutes, an hour and a day: {alarms:?}");
    let (step, may_send) = charge_shown_before(&before, 1, &refunded_elsewhere(0), now, &rules());
    assert!(may_send);
    assert!(matches!(begin_or_look(&step.next, 1, now, &rules()).1, NextStep::Send(_)));
}

// Promise: B16
#[test]
fn a_refund_in_doubt_is_looked_for_before_it_is_sent_again() {
    let doubtful = |elsewhere: u64| {
        let mut checkout = with_refunds(&[], elsewhere);
        let request = PaymentCall::Refund { charge_id: charge(), amount: usd(9_500) };
        checkout.payment.as_mut().unwrap().operations = vec![operation(1, request, in_doubt())];
        checkout
    };
    let look = NextStep::LookAtCharge(charge());
    let again = NextStep::SendAgain(CallId::Operation(OperationNumber::FIRST));
    for (after, expected) in [(4 * 60, &again), (5 * 60, &look), (31 * 86_400, &look)] {
        let now = sent_at().plus(after * SECOND);
        assert_eq!(take_up_payment(&doubtful(0), now, &rules()).unwrap().1, *expected, "{after} s");
    }
    // What Amazon shows in the end, and what follows: others may have refunded in the meantime.
    let month = 31 * 86_400;
    for (shown, after, state, is_sent) in [
        (0, 300, "InDoubt", true),
        (9_500, 300, "InDoubt", true),
        (500, 300, "InDoubt", true),
        (501, 300, "InDoubt", false),
        (0, month - 1, "InDoubt", true),
        (0, month, "Refused", false),
        (9_499, month, "Refused", false),
        (9_500, month, "InDoubt", true),
        (10_000, month, "InDoubt", false),
    ] {
        let now = sent_at().plus(after * SECOND);
        let shown = ChargeView { asked_at: now, ..refunded_elsewhere(shown) };
        let (step, next) = charge_shown(&doubtful(0), &shown, now, &rules()).unwrap();
        assert_eq!(first(&step.next).name(), state, "{shown:?} after {after} s");
        assert_eq!(next == again, state == "InDoubt", "{shown:?} after {after} s");
        let (_, next) = again_or_look(&step.next, 1, now, &rules());
        assert_eq!(matches!(next, NextStep::Send(_)), is_sent, "{shown:?} after {after} s");
    }
    // A copy is not sent unless its charge was shown within the minute.
    let now = sent_at().plus(61 * SECOND);
    let expected = NextStep::LookBefore { charge_id: charge(), number: OperationNumber::FIRST };
    assert_eq!(again_or_look(&doubtful(0), 1, now, &rules()).1, expected);
}

// Promise: B16
#[test]
fn a_refund_in_doubt_has_made_the_only_one_that_became_known_since_and_that_leaves_nothing() {
    use RefundState::{Declined, RefundInitiated, Refunded};
    let (earlier, later) = (sent_at().minus(SECOND), sent_at().plus(30 * SECOND));
    type Known = (u64, Option<Timestamp>, RefundState);
    let cases: Vec<(&str, Vec<Known>, u64, u32, &str)> = vec![
        ("all of it, by its notification", vec![(9_500, Some(later), Refunded)], 9_500, 300, "Done"),
        ("not final yet", vec![(9_500, Some(later), RefundInitiated)], 0, 300, "Done"),
        ("a copy may be on its way", vec![(9_500, Some(later), Refunded)], 9_500, 299, "InDoubt"),
        ("another amount", vec![(9_499, Some(later), Refunded)], 9_499, 300, "InDoubt"),
        ("known before it was asked for", vec![(9_500, Some(earlier), Refunded)], 9_500, 300, "InDoubt"),
        ("known since an earlier version", vec![(9_500, None, Refunded)], 9_500, 300, "InDoubt"),
        ("declined", vec![(9_500, Some(later), Declined(None))], 9_500, 300, "InDoubt"),
        (
            "one of two, and nobody can tell which",
            vec![(9_500, Some(later), Refunded), (9_500, Some(later), Refunded)],
            10_000,
            300,
            "InDoubt",
        ),
    ];
    for (name, known, shown, after, state) in cases {
        let refunds: Vec<_> = known.iter().map(|(amount, _, state)| (*amount, state.clone())).collect();
        let mut before = with_refunds(&refunds, 0);
        let request = PaymentCall::Refund { charge_id: charge(), amount: usd(9_500) };
        let payment = before.payment.as_mut().unwrap();
        payment.operations = vec![operation(1, request, in_doubt())];
        for (refund, (_, known_at, _)) in payment.charges[0].refunds.iter_mut().zip(&known) {
            refund.known_at = *known_at;
        }
        let now = sent_at().plus(after * SECOND);
        let shown = ChargeView { asked_at: now, ..refunded_elsewhere(shown) };
        let (step, _) = charge_shown(&before, &shown, now, &rules()).unwrap();
        assert_eq!(first(&step.next).name(), state, "{name}");
    }
    // What leaves something is sent again, and the key decides.
    let mut part = with_refunds(&[(1_000, Refunded)], 0);
    let request = PaymentCall::Refund { charge_id: charge(), amount: usd(1_000) };
    part.payment.as_mut().unwrap().operations = vec![operation(1, request, in_doubt())];
    part.payment.as_mut().unwrap().charges[0].refunds[0].known_at = Some(later);
    let now = sent_at().plus(300 * SECOND);
    let shown = ChargeView { asked_at: now, ..refunded_elsewhere(1_000) };
    let (step, next) = charge_shown(&part, &shown, now, &rules()).unwrap();
    assert_eq!(first(&step.next).name(), "InDoubt");
    assert_eq!(next, NextStep::SendAgain(CallId::Operation(OperationNumber::FIRST)));
}

// Promise: B16
#[test]
fn what_cannot_be_read_of_a_charge_lets_no_refund_leave() {
    let now = sent_at().plus(DAY);
    let before = refunding(LastSeen::At(sent_at()), 100);
    let unreadable = ChargeView { refunded: AmountView::Unreadable, ..refunded_elsewhere(0) };
    let (step, may_send) = charge_shown_before(&before, 1, &unreadable, now, &rules());
    assert!(!may_send);
    assert!(matches!(first(&step.next), OperationState::InFlight(InFlight::Recorded { .. })));
}
