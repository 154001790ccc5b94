//! A session that was refused each time, and that its buyer has approved since: it is asked for again, compared and
//! sent under another key, because Amazon may keep the refusal under the old one.

use super::super::attempt::not_approved::ask_for_again;
use super::decide::attempts::*;
use super::decide::payments::{CancelAsked, request_cancel};
use super::decide::{change_terms, decided};
use super::not_approved::{Then, after_steps, answer, asked_again, refused, seen_as};
use super::*;

fn open_with_permission() -> SessionView {
    seen_as(Then::OpenWithPermission).unwrap()
}

/// In doubt, refused twice under one key, with the session shown Open with a permission before and since.
fn approved_since() -> Checkout {
    use Then::{OpenWithPermission, Resend, WrongStatus};
    after_steps(&[
        (1, WrongStatus),
        (1, OpenWithPermission),
        (2, Resend),
        (2, WrongStatus),
        (6, OpenWithPermission),
    ])
}

fn at(second: u64) -> Timestamp {
    sent_at().plus(Duration::from_secs(second))
}

fn keys_of(checkout: &Checkout) -> (u32, u32) {
    (checkout.attempts[0].spent_keys, checkout.attempts[0].refused_keys)
}

// Promise: B08
#[test]
fn one_in_doubt_is_sent_under_another_key_only_if_each_send_was_refused_and_looks_have_lasted() {
    use Then::{
        Declined, DuplicateKey, NoAnswer, NotEvaluated, NotFound, Open, OpenWithPermission as Named,
        Orphaned, Resend, WrongStatus,
    };
    type Case = (&'static str, &'static [(u64, Then)], u64, bool);
    let cases: [Case; 20] = [
        ("no look", &[(1, WrongStatus)], 3_600, false),
        ("one look", &[(1, WrongStatus), (1, Named)], 3_600, false),
        ("again, 4 s", &[(1, WrongStatus), (1, Named), (2, Resend), (2, WrongStatus), (5, Named)], 5, false),
        ("again, 5 s", &[(1, WrongStatus), (1, Named), (2, Resend), (2, WrongStatus), (6, Named)], 6, true),
        ("no look since", &[(1, WrongStatus), (1, Named), (2, Resend), (9, WrongStatus)], 90, false),
        ("three looks, 59 s", &[(1, WrongStatus), (1, Named), (30, Named), (60, Named)], 60, false),
        ("three looks, 60 s", &[(1, WrongStatus), (1, Named), (30, Named), (61, Named)], 61, true),
        ("two looks, an hour", &[(1, WrongStatus), (1, Named), (3_601, Named)], 3_601, false),
        ("approved in between", &[(1, WrongStatus), (1, Open), (30, Named), (61, Named)], 61, true),
        (
            "approved after the second refusal",
            &[(1, WrongStatus), (1, Open), (2, Resend), (2, WrongStatus), (6, Named)],
            6,
            true,
        ),
        ("the permission is gone", &[(1, WrongStatus), (1, Named), (30, Named), (61, Open)], 61, false),
        (
            "not found in between",
            &[(1, WrongStatus), (1, Named), (30, NotFound), (61, Named), (70, Named)],
            70,
            false,
        ),
        ("the second is on its way", &[(1, WrongStatus), (1, Named), (2, Resend), (90, Named)], 90, false),
        (
            "the second is lost",
            &[(1, WrongStatus), (1, Named), (2, Resend), (2, NoAnswer), (9, Named), (99, Named)],
            99,
            false,
        ),
        (
            "the second is declined",
            &[(1, WrongStatus), (1, Named), (2, Resend), (2, Declined), (9, Named), (99, Named)],
            99,
            false,
        ),
        (
            "the key was used before",
            &[(1, WrongStatus), (1, Named), (2, Resend), (2, DuplicateKey), (9, Named), (99, Named)],
            99,
            false,
        ),
        (
            "the second is turned away",
            &[(1, WrongStatus), (1, Named), (2, Resend), (2, NotEvaluated), (9, Named), (99, Named)],
            99,
            false,
        ),
        ("the first is lost", &[(1, NoAnswer), (1, Named), (30, Named), (90, Named)], 90, false),
        (
            "the first is lost, the second refused",
            &[(1, NoAnswer), (1, Named), (2, Resend), (2, WrongStatus), (9, Named), (30, Named), (90, Named)],
            90,
            false,
        ),
        (
            "the first is orphaned, the second refused",
            &[(1, Orphaned), (1, Named), (2, Resend), (2, WrongStatus), (9, Named), (30, Named), (90, Named)],
            90,
            false,
        ),
    ];
    for (name, steps, second, may) in cases {
        let before = after_steps(steps);
        assert_eq!(before.attempts[0].state.name(), "InDoubt", "{name}");
        assert_eq!(asked_again(&before, at(second)).is_some(), may, "{name}");
    }
}

#[test]
fn it_is_compared_and_sent_with_new_bytes_under_a_new_key() {
    let now = at(3_700);
    let before = approved_since();
    assert_eq!(keys_of(&before), (0, 0));
    let asked = asked_again(&before, now).unwrap();
    assert_eq!(asked_again(&asked, now.plus(SECOND)), None, "another caller compares it already");
    assert_eq!(asked.live_attempt().unwrap().number, AttemptNumber::FIRST, "it blocks as before");
    for seen in [open(), open_with_permission()] {
        assert!(matches!(agree(&asked, 1, &seen, Environment::Sandbox, now), Agreement::Agreed(..)));
    }
    // The limit of an hour is for bytes that are sent again without being compared.
    let BeginResult::Send(send, step) = begin(&asked, 1, Arc::from(*b"new"), &key_of, now, &rules()) else {
        panic!("expected a send")
    };
    assert_eq!((send.n, happened(&step)), (KeyOrdinal::new(2), "Approved, FinalizeSent 2.1".to_string()));
    assert_eq!(keys_of(&step.next), (1, 1));
    assert_eq!(step.next.attempts[0].turned_away.as_ref().unwrap().n, KeyOrdinal::FIRST);
}

#[test]
fn while_it_is_compared_nothing_is_sent_again_and_it_does_not_count_as_not_approved() {
    let now = at(20);
    let asked = asked_again(&approved_since(), now).unwrap();
    assert_eq!(send_again(&asked, 1, &key_of), None);
    for seen in [open(), open_with_permission()] {
        let mut looked = asked.clone();
        for second in [21, 50, 120] {
            let (step, next) = session_seen(&looked, 1, &seen, at(second), &rules()).unwrap();
            assert_eq!(next, NextStep::Rest);
            looked = step.next;
        }
        assert_eq!(looked.attempts[0].state.name(), "InDoubt");
    }
    // Once its caller is gone, the timer compares it.
    let (step, next) = take_up(&asked, 1, now.plus(31 * SECOND), &rules()).unwrap();
    assert!(matches!(next, NextStep::Agree(_)));
    assert!(step.next.attempts[0].state.asked_again().unwrap() > now.plus(31 * SECOND));
}

#[test]
fn what_ends_the_comparison_leaves_it_in_doubt_and_only_canceled_ends_it() {
    let now = at(20);
    let asked = asked_again(&approved_since(), now).unwrap();
    let left = |after: &Checkout, name: &str| {
        assert_eq!(after.attempts[0].state.name(), "InDoubt", "{name}");
        assert_eq!(after.attempts[0].state.asked_again(), None, "{name}");
        assert_eq!(keys_of(after), (0, 0), "{name}");
    };
    let ids = SessionView::Completed { charge_permission_id: Some(permission()), charge_id: Some(charge()) };
    let other_amount = OpenSession {
        charge_amount: Some(Money::from_minor(1, Currency::USD)),
        ..open_session(&asked.terms)
    };
    let other_amount = SessionView::Open(Box::new(other_amount));
    for (name, seen) in
        [("Completed", &ids), ("404", &SessionView::NotFound(access())), ("other terms", &other_amount)]
    {
        let Agreement::Ends(step) = agree(&asked, 1, seen, Environment::Sandbox, now) else {
            panic!("{name}")
        };
        left(&step.next, name);
    }
    let gone = SessionView::NotFound(access());
    left(&session_seen(&asked, 1, &gone, now, &rules()).unwrap().0.next, "a look: 404");
    let looked = session_seen(&asked, 1, &ids, now, &rules()).unwrap().0.next;
    assert_eq!(looked.attempts[0].state.name(), "Unresolved", "completed by somebody else");
    // Its buyer leaves.
    let (step, _) = take_up(&asked, 1, now.plus(16 * 60 * SECOND), &rules()).unwrap();
    left(&step.next, "gone");
    let gone = begin(&asked, 1, Arc::from(*b"new"), &key_of, now.plus(16 * 60 * SECOND), &rules());
    let BeginResult::Ends(step) = gone else { panic!("sent for nobody") };
    left(&step.next, "gone when it is sent");
    // The shop cancels the order.
    let Ok(CancelAsked::New(step)) = request_cancel(&asked, "c", None, now, &rules()) else {
        panic!("expected a cancellation")
    };
    left(&step.next, "canceled by the shop");
    assert_eq!(asked_again(&step.next, now), None);
    let canceled = SessionView::Canceled { reason: None };
    let Agreement::Ends(step) = agree(&asked, 1, &canceled, Environment::Sandbox, now) else {
        panic!("expected an end")
    };
    assert_eq!(step.next.attempts[0].state.name(), "NotPaid");
}

#[test]
fn it_is_not_asked_for_while_another_attempt_is_live_or_contradicted() {
    for state in states() {
        let mut before = approved_since();
        let (number, is_live) = (AttemptNumber::new(2), state.is_live());
        before.attempts.push(Attempt { number, state, ..before.attempts[0].clone() });
        let name = before.attempts[1].state.name();
        assert_eq!(asked_again(&before, at(20)).is_none(), is_live, "{name}");
    }
}

// Promise: B08
#[test]
fn a_refusal_under_a_later_key_is_believed_if_each_earlier_one_was_refused() {
    let reasons = [
        NotPaidReason::Declined("HardDeclined".to_string()),
        NotPaidReason::Declined("AmazonRejected".to_string()),
        NotPaidReason::Mismatch("AmountMismatch".to_string()),
        NotPaidReason::Misuse("InvalidParameterValue".to_string()),
    ];
    for reason in reasons {
        let refusal = FinalizeAnswer::Refused(reason.clone());
        // Keys spent and refused; whether the refusal of the next one ends the attempt.
        for (spent, refused, ends) in
            [(0, 0, true), (1, 1, true), (2, 2, true), (1, 0, false), (2, 1, false), (2, 0, false)]
        {
            let mut before = checkout(PaymentIntent::Authorize, finalizing(at(30)));
            let n = spent + 1;
            before.attempts[0].spent_keys = spent;
            before.attempts[0].refused_keys = refused;
            if let AttemptState::Finalize(InFlight::Sent { send, .. }) = &mut before.attempts[0].state {
                send.n = KeyOrdinal::new(n);
            }
            let after = answered(&before, 1, n, &refusal, at(1)).unwrap().next;
            let expected = if ends { "NotPaid" } else { "InDoubt" };
            assert_eq!(after.attempts[0].state.name(), expected, "{reason:?} {spent} {refused}");
            // Its session is looked at before another one is sent.
            assert_eq!(after.attempts[0].refusal.is_some(), ends, "{reason:?} {spent} {refused}");
        }
    }
}

/// NotApproved, asked for again, and sent under key 2, which could not connect.
fn second_key_not_sent(before: &Checkout, now: Timestamp) -> Checkout {
    let asked = asked_again(before, now).unwrap();
    let BeginResult::Send(send, step) = begin(&asked, 1, Arc::from(*b"new"), &key_of, now, &rules()) else {
        panic!("expected a send")
    };
    assert_eq!(send.n, KeyOrdinal::new(2));
    answered(&step.next, 1, 2, &FinalizeAnswer::NotSent, now).unwrap().next
}

#[test]
fn a_second_key_that_never_left_is_not_in_doubt_and_the_first_is_shown_not_approved_again() {
    let now = at(60);
    let gone = now.plus(16 * 60 * SECOND);
    let is_about_the_first = |given_up: Checkout, name: &str| {
        let doubt = given_up.attempts[0].state.doubt().unwrap_or_else(|| panic!("{name}"));
        assert_eq!((doubt.send.n, doubt.send.body.as_ref()), (KeyOrdinal::FIRST, b"body".as_ref()), "{name}");
        assert_eq!(keys_of(&given_up), (0, 0), "{name}");
        let mut looked = given_up;
        for seconds in [1, 30, 61] {
            let now = gone.plus(Duration::from_secs(seconds));
            looked = session_seen(&looked, 1, &open(), now, &rules()).unwrap().0.next;
        }
        assert_eq!(looked.attempts[0].state.name(), "NotApproved", "{name}");
        // Key 2 carried nothing, and may be used.
        assert_eq!(looked.attempts[0].next_key_ordinal(), KeyOrdinal::new(2), "{name}");
    };
    for (name, before) in [("not approved", refused(sent_at())), ("approved since", approved_since())] {
        let unsent = second_key_not_sent(&before, now);
        is_about_the_first(take_up(&unsent, 1, gone, &rules()).unwrap().0.next, name);
        // It is tried once more, in vain.
        let BeginResult::Send(_, step) = begin(&unsent, 1, Arc::from(*b"new"), &key_of, now, &rules()) else {
            panic!("{name}")
        };
        let unsent = answered(&step.next, 1, 2, &FinalizeAnswer::NotSent, now).unwrap().next;
        is_about_the_first(take_up(&unsent, 1, gone, &rules()).unwrap().0.next, name);
        // The shop cancels the order.
        let Ok(CancelAsked::New(step)) = request_cancel(&unsent, "c", None, now, &rules()) else {
            panic!("{name}")
        };
        is_about_the_first(step.next, name);
    }
    // One that was turned away has left: a copy of it may still arrive.
    let asked = asked_again(&refused(sent_at()), now).unwrap();
    let BeginResult::Send(_, step) = begin(&asked, 1, Arc::from(*b"new"), &key_of, now, &rules()) else {
        panic!("expected a send")
    };
    let away = answered(&step.next, 1, 2, &answer(Then::NotEvaluated), now).unwrap().next;
    let given_up = take_up(&away, 1, gone, &rules()).unwrap().0.next;
    assert_eq!(given_up.attempts[0].state.doubt().unwrap().send.n, KeyOrdinal::new(2));
}

#[test]
fn given_up_under_a_second_key_that_never_left_it_has_the_terms_that_the_first_carried() {
    let now = at(60);
    let before = refused(sent_at());
    let moved_terms =
        Terms { charge_amount: Money::from_minor(1_500, Currency::USD), ..before.terms.clone() };
    let same = before.clone();
    let moved = change_terms(&before, 1, moved_terms).unwrap().next;
    for (moved, expected) in [(same, "PendingBegan"), (moved, "Contradicted: TermsMoved")] {
        let unsent = second_key_not_sent(&moved, now);
        assert_eq!(unsent.attempts[0].terms_version, moved.terms_version);
        let gone = now.plus(16 * 60 * SECOND);
        let given_up = take_up(&unsent, 1, gone, &rules()).unwrap().0.next;
        assert_eq!(given_up.attempts[0].terms_version, 1);
        let success = FinalizeAnswer::Success(FinalizeSuccess {
            pending: false,
            charge_permission_id: permission(),
            charge_id: Some(charge()),
            charge_amount: AmountView::Absent,
        });
        let step = answered(&given_up, 1, 1, &success, gone).unwrap();
        assert_eq!(happened(&step), expected);
        let mut looked = given_up;
        for second in [1, 30, 61] {
            let (step, next) =
                session_seen(&looked, 1, &open(), gone.plus(Duration::from_secs(second)), &rules()).unwrap();
            assert_eq!(next, NextStep::Rest, "the old bytes are not sent");
            looked = step.next;
        }
        assert_eq!(looked.attempts[0].state.name(), "NotApproved");
    }
}

#[test]
fn after_the_terms_have_moved_it_is_compared_with_todays() {
    let now = at(60);
    let terms = |before: &Checkout| Terms {
        charge_amount: Money::from_minor(1_500, Currency::USD),
        ..before.terms.clone()
    };
    // While it is in doubt the terms are those that were sent.
    assert!(change_terms(&approved_since(), 1, terms(&approved_since())).is_err());
    // It was not approved, the terms were changed, and now it is in doubt again.
    let before = refused(sent_at());
    let moved = change_terms(&before, 1, terms(&before)).unwrap().next;
    let named = open_with_permission();
    let mut doubted = session_seen(&moved, 1, &named, now, &rules()).unwrap().0.next;
    for second in [61, 90, 130] {
        let (step, next) = session_seen(&doubted, 1, &named, at(second), &rules()).unwrap();
        assert_eq!(next, NextStep::Rest, "the old bytes are not sent");
        doubted = step.next;
    }
    let asked = asked_again(&doubted, at(130)).unwrap();
    let Agreement::Ends(_) = agree(&asked, 1, &open(), Environment::Sandbox, at(130)) else {
        panic!("it has the old amount")
    };
    let agrees = SessionView::Open(Box::new(open_session(&moved.terms)));
    assert!(matches!(agree(&asked, 1, &agrees, Environment::Sandbox, at(130)), Agreement::Agreed(..)));
    let BeginResult::Send(_, step) = begin(&asked, 1, Arc::from(*b"new"), &key_of, at(130), &rules()) else {
        panic!("expected a send")
    };
    assert_eq!(step.next.attempts[0].terms_version, moved.terms_version);
}

#[test]
fn the_addresses_of_the_call_that_asks_are_compared() {
    let given = GivenAddresses { shipping: Some(address()), billing: None };
    let ask = |draft: &mut Draft| ask_for_again(draft, AttemptNumber::FIRST, &given, Bearer::Shop);
    let mut before = approved_since();
    before.attempts[0].bearer = Bearer::Browser;
    let (step, is_mine) = decided(&before, at(20), &rules(), ask);
    let after = &step.unwrap().next.attempts[0];
    assert!(is_mine);
    assert_eq!((&after.given, after.bearer, after.buyer_seen_at), (&given, Bearer::Shop, at(20)));
}
