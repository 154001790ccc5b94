//! A surplus session: when it is taken up, and when it is not.

use super::super::attempt::surplus::ask_for_surplus;
use super::decide::attempts::*;
use super::decide::decided;
use super::decide::payments::{CancelAsked, request_cancel};
use super::*;

/// A first attempt in this state, and this many sessions that are surplus to it.
fn with_surplus(first: AttemptState, count: u32) -> Checkout {
    let mut before = checkout(PaymentIntent::Authorize, first);
    for number in 2..2 + count {
        before.attempts.push(Attempt {
            number: AttemptNumber::new(number),
            checkout_session_id: CheckoutSessionId::parse(&format!("session{number}")).unwrap(),
            state: AttemptState::Surplus { of: AttemptNumber::FIRST },
            spent_keys: 0,
            refused_keys: 0,
            ..before.attempts[0].clone()
        });
    }
    before
}

fn declined() -> AttemptState {
    let reason = NotPaidReason::Declined("HardDeclined".to_string());
    AttemptState::NotPaid { reason, charge: None, at: sent_at() }
}

/// The checkout after a call that names this attempt's session, and whether it was taken up.
fn asked(before: &Checkout, number: u32, now: Timestamp) -> (Checkout, bool) {
    let given = GivenAddresses { shipping: Some(address()), billing: None };
    let ask = |draft: &mut Draft| ask_for_surplus(draft, AttemptNumber::new(number), &given, Bearer::Browser);
    let (step, is_taken_up) = decided(before, now, &rules(), ask);
    (step.map_or_else(|| before.clone(), |step| step.next), is_taken_up)
}

// Promise: D04
#[test]
fn a_surplus_session_is_taken_up_once_the_first_is_proved_unpaid_or_not_approved() {
    for state in states() {
        let is_let_go = matches!(state, AttemptState::NotPaid { .. } | AttemptState::NotApproved(_));
        if let AttemptState::Surplus { .. } = state {
            continue;
        }
        let before = with_surplus(state, 1);
        let (after, is_taken_up) = asked(&before, 2, sent_at().plus(SECOND));
        assert_eq!(is_taken_up, is_let_go, "{:?}", before.attempts[0].state);
        if is_taken_up {
            let second = &after.attempts[1];
            assert_eq!(words(second, sent_at().plus(SECOND)), "Bound again +30s");
            assert_eq!((second.bearer, second.given.shipping.is_some()), (Bearer::Browser, true));
            assert_eq!(after.attempts[0], before.attempts[0]);
        }
    }
}

#[test]
fn a_pause_of_more_than_the_window_ends_it_and_asking_within_it_does_not() {
    let minutes = |minutes: u32| sent_at().plus(minutes * 60 * SECOND);
    for (asks, is_taken_up) in [
        (&[15][..], true),
        (&[16][..], false),
        (&[14, 28, 42][..], true),
        (&[14, 30][..], false),
        (&[14, 30, 31][..], false),
    ] {
        let (last, earlier) = asks.split_last().unwrap();
        let mut checkout = with_surplus(in_doubt_attempt(doubt()), 1);
        for ask in earlier {
            checkout = asked(&checkout, 2, minutes(*ask)).0;
        }
        checkout.attempts[0].state = declined();
        assert_eq!(asked(&checkout, 2, minutes(*last)).1, is_taken_up, "{asks:?}");
    }
    let mut later = with_surplus(declined(), 1);
    later.attempts[1].buyer_seen_at = minutes(5);
    assert!(!asked(&later, 2, minutes(4)).1, "an instant later than now proves nothing");
}

// Promise: D04
#[test]
fn of_several_the_newest_goes_first_and_the_others_share_its_outcome() {
    let before = with_surplus(declined(), 3);
    let now = sent_at().plus(SECOND);
    assert!(!asked(&before, 2, now).1 && !asked(&before, 3, now).1);
    let (after, is_taken_up) = asked(&before, 4, now);
    assert!(is_taken_up);
    for number in [2, 3] {
        assert_eq!(after.deciding_attempt(AttemptNumber::new(number)).unwrap().number.get(), 4);
        assert!(!asked(&after, number, now).1);
    }
    // The buyer of the newest has left.
    let mut left = before.clone();
    left.attempts[3].buyer_seen_at = sent_at();
    for attempt in &mut left.attempts[1..3] {
        attempt.buyer_seen_at = sent_at().plus(10 * 60 * SECOND);
    }
    assert!(asked(&left, 3, sent_at().plus(20 * 60 * SECOND)).1);
}

#[test]
fn nothing_is_taken_up_for_a_canceled_order_or_beside_a_live_attempt() {
    let now = sent_at().plus(SECOND);
    let Ok(CancelAsked::New(step)) = request_cancel(&with_surplus(declined(), 1), "c", None, now, &rules())
    else {
        panic!("expected a cancellation")
    };
    assert!(!asked(&step.next, 2, now).1);
    let mut live = with_surplus(declined(), 2);
    live.attempts[2].state = in_doubt_attempt(doubt());
    assert!(!asked(&live, 2, now).1);
}

#[test]
fn it_is_compared_with_todays_terms_and_still_only_one_is_sent() {
    let now = sent_at().plus(SECOND);
    let (after, _) = asked(&with_surplus(declined(), 1), 2, now);
    let other = Money::from_minor(1, Currency::USD);
    let session = OpenSession { charge_amount: Some(other), ..open_session(&after.terms) };
    let differs = agree(&after, 2, &SessionView::Open(Box::new(session)), Environment::Sandbox, now);
    let Agreement::Ends(step) = differs else { panic!("expected a disagreement") };
    assert_eq!(step.next.attempts[1].state.name(), "NotPaid");
    // A session that arrives now, and is sent first, makes it surplus again.
    let third = CheckoutSessionId::parse("third").unwrap();
    let Ok(Arrival::New(3, step)) = arrive(&after, &third, &GivenAddresses::default(), now, &rules()) else {
        panic!("expected a new session")
    };
    let BeginResult::Send(_, step) = begin(&step.next, 3, Arc::from(*b"{}"), &key_of, now, &rules()) else {
        panic!("expected a send")
    };
    assert_eq!(step.next.attempts[1].state, AttemptState::Surplus { of: AttemptNumber::new(3) });
    assert!(!asked(&step.next, 2, now).1);
}
