//! A session that was handed over before its buyer had approved it: when that is proved, what it blocks, and
//! how it ends.

use super::super::attempt::RefusalLooks;
use super::super::attempt::not_approved::{ask_for_again, to_look_at_before};
use super::super::checkout::cancellation::CancellationState;
use super::decide::attempts::*;
use super::decide::payments::{CancelAsked, request_cancel};
use super::decide::{change_terms, decided};
use super::*;
use alloc::vec;

/// What happens next to an attempt that was sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    /// The latest send is answered 422 InvalidCheckoutSessionStatus.
    WrongStatus,
    Declined,
    DuplicateKey,
    NotEvaluated,
    NoAnswer,
    /// Its process ends.
    Orphaned,
    Resend,
    Open,
    OpenWithPermission,
    NotFound,
}

pub(super) fn seen_as(then: Then) -> Option<SessionView> {
    match then {
        Then::Open => Some(open()),
        Then::OpenWithPermission => {
            let session = OpenSession {
                charge_permission_id: Some(permission()),
                ..open_session(&unpaid(PaymentIntent::Authorize).terms)
            };
            Some(SessionView::Open(Box::new(session)))
        }
        Then::NotFound => Some(SessionView::NotFound(access())),
        Then::WrongStatus
        | Then::Declined
        | Then::DuplicateKey
        | Then::NotEvaluated
        | Then::NoAnswer
        | Then::Orphaned
        | Then::Resend => None,
    }
}

pub(super) fn answer(then: Then) -> FinalizeAnswer {
    let unclear =
        |cause: &str| FinalizeAnswer::Unclear { cause: cause.to_string(), kind: UnclearKind::Unknown };
    match then {
        Then::WrongStatus => FinalizeAnswer::WrongStatus { cause: "422".to_string() },
        Then::Declined => FinalizeAnswer::Refused(NotPaidReason::Declined("HardDeclined".to_string())),
        Then::DuplicateKey => unclear("400 DuplicateIdempotencyKey"),
        Then::NotEvaluated => FinalizeAnswer::NotEvaluated { code: "TooManyRequests".to_string() },
        _ => unclear("no answer"),
    }
}

/// The checkout after these steps, each at its second after the first send.
pub(super) fn after_steps(steps: &[(u64, Then)]) -> Checkout {
    let mut checkout = checkout(PaymentIntent::Authorize, finalizing(sent_at().plus(30 * SECOND)));
    for (second, then) in steps {
        let now = sent_at().plus(Duration::from_secs(*second));
        let next = match then {
            Then::Resend => send_again(&checkout, 1, &key_of).map(|(_, step)| step.next),
            Then::Orphaned => orphaned(&checkout, 1, now).map(|step| step.next),
            looked => match seen_as(*looked) {
                Some(seen) => session_seen(&checkout, 1, &seen, now, &rules()).map(|(step, _)| step.next),
                None => {
                    let n = checkout.attempts[0].state.doubt().map_or(1, |doubt| doubt.send.n.get());
                    answered(&checkout, 1, n, &answer(*looked), now).map(|step| step.next)
                }
            },
        };
        checkout = next.unwrap_or(checkout);
    }
    checkout
}

// Promise: B08
#[test]
fn not_approved_is_proved_by_whole_refusals_alone_and_by_looks_that_last() {
    use Then::{
        Declined, DuplicateKey, NoAnswer, NotEvaluated, NotFound, Open, OpenWithPermission, Resend,
        WrongStatus,
    };
    let refused = [(1, WrongStatus), (1, Open)];
    type Case = (&'static str, &'static [(u64, Then)], &'static str);
    let cases: [Case; 17] = [
        ("one refusal and one look", &[], "InDoubt"),
        ("sent once more, 4 s", &[(2, Resend), (2, WrongStatus), (5, Open)], "InDoubt"),
        ("sent once more, 5 s", &[(2, Resend), (2, WrongStatus), (6, Open)], "NotApproved"),
        ("sent once more, no look since", &[(2, Resend), (9, WrongStatus)], "InDoubt"),
        ("nothing sent in between, 5 s", &[(6, Open)], "InDoubt"),
        ("three looks over 59 s", &[(30, Open), (60, Open)], "InDoubt"),
        ("three looks over 60 s", &[(30, Open), (61, Open)], "NotApproved"),
        ("two looks over an hour", &[(3_601, Open)], "InDoubt"),
        ("the second send has no answer", &[(2, Resend), (9, Open), (70, Open), (140, Open)], "InDoubt"),
        (
            "the second send is lost",
            &[(2, Resend), (2, NoAnswer), (9, Open), (70, Open), (140, Open)],
            "InDoubt",
        ),
        (
            "the second send is declined",
            &[(2, Resend), (2, Declined), (9, Open), (70, Open), (140, Open)],
            "InDoubt",
        ),
        (
            "the key was used for something else",
            &[(2, Resend), (2, DuplicateKey), (9, Open), (70, Open), (140, Open)],
            "InDoubt",
        ),
        (
            "turned away in between",
            &[(2, Resend), (2, NotEvaluated), (9, Open), (70, Open), (140, Open)],
            "InDoubt",
        ),
        ("an authorization exists", &[(30, Open), (61, OpenWithPermission)], "InDoubt"),
        (
            "an authorization existed in between",
            &[(2, OpenWithPermission), (3, Resend), (3, WrongStatus), (6, Open)],
            "InDoubt",
        ),
        ("not found in between", &[(30, NotFound), (61, Open), (70, Open)], "InDoubt"),
        (
            "not found in between, and looked at for long",
            &[(30, NotFound), (61, Open), (90, Open), (121, Open)],
            "NotApproved",
        ),
    ];
    for (name, steps, expected) in cases {
        let steps: Vec<_> = refused.iter().chain(steps).copied().collect();
        assert_eq!(after_steps(&steps).attempts[0].state.name(), expected, "{name}");
    }
}

#[test]
fn an_orphaned_send_is_never_taken_for_a_refusal() {
    use Then::{Open, Orphaned, Resend, WrongStatus};
    let steps = [
        (30, Orphaned),
        (31, Open),
        (31, Resend),
        (31, WrongStatus),
        (31, Open),
        (60, Open),
        (120, Open),
        (600, Open),
    ];
    assert_eq!(after_steps(&steps).attempts[0].state.name(), "InDoubt");
}

#[test]
fn a_key_that_was_turned_away_before_is_not_a_refusal() {
    let mut before = after_steps(&[(1, Then::WrongStatus), (1, Then::Open), (30, Then::Open)]);
    let look = |before: &Checkout| {
        let (step, _) = session_seen(before, 1, &open(), sent_at().plus(61 * SECOND), &rules()).unwrap();
        step.next.attempts[0].state.name()
    };
    assert_eq!(look(&before), "NotApproved");
    // The refusals were under the second key, and the first was turned away: a copy may still arrive.
    before.attempts[0].spent_keys = 1;
    assert_eq!(look(&before), "InDoubt");
}

pub(super) fn refused(seen_at: Timestamp) -> Checkout {
    checkout(PaymentIntent::Authorize, not_approved(seen_at, None))
}

// Promise: D04
#[test]
fn one_that_is_not_approved_blocks_nothing_and_is_never_called_unpaid() {
    let before = refused(sent_at());
    assert_eq!(before.verdict(), Verdict::Checking(Some(CheckingReason::NotApproved)));
    assert_eq!(before.live_attempt(), None);
    assert!(before.due_at(&rules()).is_some());
    let terms = Terms { charge_amount: Money::from_minor(2, Currency::USD), ..before.terms.clone() };
    assert!(change_terms(&before, 1, terms).is_ok());
    for asked_again in [None, Some(sent_at())] {
        let before = checkout(PaymentIntent::Authorize, not_approved(sent_at(), asked_again));
        let Ok(CancelAsked::New(step)) = request_cancel(&before, "c", None, sent_at(), &rules()) else {
            panic!("expected a cancellation")
        };
        let cancellation = step.next.cancellation.as_ref().unwrap();
        assert!(matches!(cancellation.state, CancellationState::Done { .. }));
        // It is still looked at, and compared no more.
        assert_eq!(words(&step.next.attempts[0], sent_at()), "NotApproved look +1s");
        let (step, _) = session_seen(
            &step.next,
            1,
            &SessionView::Canceled { reason: None },
            sent_at().plus(SECOND),
            &rules(),
        )
        .unwrap();
        assert_eq!(step.next.attempts[0].state.name(), "NotPaid");
    }
    // Another attempt that is proved unpaid does not make the order unpaid.
    let mut two = refused(sent_at());
    let declined = Attempt {
        number: AttemptNumber::new(2),
        state: AttemptState::NotPaid { reason: NotPaidReason::SessionGone, charge: None, at: sent_at() },
        ..two.attempts[0].clone()
    };
    two.attempts.push(declined);
    assert_eq!(two.verdict(), Verdict::Checking(Some(CheckingReason::NotApproved)));
}

/// The checkout after its session was asked for again at this instant.
pub(super) fn asked_again(before: &Checkout, now: Timestamp) -> Option<Checkout> {
    let given = GivenAddresses::default();
    let ask = |draft: &mut Draft| ask_for_again(draft, AttemptNumber::FIRST, &given, Bearer::Browser);
    let (step, is_mine) = decided(before, now, &rules(), ask);
    assert_eq!(step.is_some(), is_mine);
    step.map(|step| step.next)
}

#[test]
fn asked_for_again_it_is_compared_with_todays_terms_and_sent_under_a_new_key() {
    let now = sent_at().plus(3_600 * SECOND);
    let asked = asked_again(&refused(sent_at()), now).unwrap();
    assert_eq!(asked.due_at(&rules()).unwrap(), sent_at().plus(SECOND));
    assert_eq!(asked_again(&asked, now.plus(SECOND)), None, "another caller compares it already");
    assert!(matches!(agree(&asked, 1, &open(), Environment::Sandbox, now), Agreement::Agreed(..)));
    let BeginResult::Send(send, step) = begin(&asked, 1, Arc::from(*b"new"), &key_of, now, &rules()) else {
        panic!("expected a send")
    };
    assert_eq!((send.n, happened(&step)), (KeyOrdinal::new(2), "Approved, FinalizeSent 2.1".to_string()));

    // It was sent, so terms with which it disagrees do not end it.
    let terms = Terms { charge_amount: Money::from_minor(2, Currency::USD), ..asked.terms.clone() };
    let moved = change_terms(&asked, 1, terms).unwrap().next;
    let Agreement::Ends(step) = agree(&moved, 1, &open(), Environment::Sandbox, now) else {
        panic!("expected a disagreement")
    };
    assert_eq!(words(&step.next.attempts[0], sent_at()), "NotApproved look +1s");
}

#[test]
fn asked_for_again_it_is_not_compared_while_another_attempt_is_live_or_the_order_is_canceled() {
    let now = sent_at().plus(60 * SECOND);
    for state in states() {
        let mut before = refused(sent_at());
        let (number, is_live) = (AttemptNumber::new(2), state.is_live());
        before.attempts.push(Attempt { number, state, ..before.attempts[0].clone() });
        assert_eq!(asked_again(&before, now).is_none(), is_live, "{:?}", before.attempts[1].state);
    }
    let canceled = request_cancel(&refused(sent_at()), "c", None, sent_at(), &rules());
    let Ok(CancelAsked::New(step)) = canceled else { panic!("expected a cancellation") };
    assert_eq!(asked_again(&step.next, now), None);
}

#[test]
fn before_another_session_is_sent_it_must_have_been_seen_open_just_now() {
    let now = sent_at().plus(3_600 * SECOND);
    let second = |seen_at| {
        let mut before = refused(seen_at);
        let (number, state) = (AttemptNumber::new(2), AttemptState::Bound { retry_at: now, missing: None });
        let first = before.attempts[0].clone();
        before.attempts.push(Attempt { number, state, spent_keys: 0, buyer_seen_at: now, ..first });
        before
    };
    for (ago, is_sent) in [(0_i64, true), (10, true), (11, false), (3_600, false), (-1, false)] {
        let before = second(Timestamp::from_millis(now.as_millis() - ago * 1_000));
        let looks = to_look_at_before(&before, AttemptNumber::new(2), now.minus(10 * SECOND), now);
        assert_eq!(looks.is_empty(), is_sent, "seen {ago} s ago");
        let begun = begin(&before, 2, Arc::from(*b"new"), &key_of, now, &rules());
        assert_eq!(matches!(begun, BeginResult::Send(..)), is_sent, "seen {ago} s ago");
        if let BeginResult::Ends(step) = begun {
            assert_eq!(words(&step.next.attempts[1], now), "Bound again +5s");
        }
    }
    let ids =
        |permission: Option<_>| SessionView::Completed { charge_permission_id: permission, charge_id: None };
    for (name, seen, first, second_begins) in [
        ("Open", open(), "NotApproved", true),
        ("Canceled", SessionView::Canceled { reason: None }, "NotPaid", true),
        ("Completed", ids(Some(permission())), "InDoubt", false),
        ("Completed without ids", ids(None), "InDoubt", false),
        ("404", SessionView::NotFound(access()), "InDoubt", false),
        ("Open with a permission", seen_as(Then::OpenWithPermission).unwrap(), "InDoubt", false),
    ] {
        let (step, _) = session_seen(&second(sent_at()), 1, &seen, now, &rules()).unwrap();
        assert_eq!(step.next.attempts[0].state.name(), first, "{name}");
        match begin(&step.next, 2, Arc::from(*b"new"), &key_of, now, &rules()) {
            BeginResult::Send(..) => assert!(second_begins, "{name}"),
            BeginResult::Ends(step) => {
                assert!(!second_begins, "{name}");
                assert_eq!(step.next.attempts[1].state.name(), "Surplus");
            }
            BeginResult::NotReady => panic!("{name}"),
        }
    }
}

/// An order whose first session was refused, and whose second is to be sent.
fn declined_and_next(intent: PaymentIntent, now: Timestamp) -> Checkout {
    let reason = NotPaidReason::Declined("HardDeclined".to_string());
    let mut before = checkout(intent, AttemptState::NotPaid { reason, charge: None, at: sent_at() });
    let first = before.attempts[0].clone();
    before.attempts[0].refusal = Some(RefusalLooks::default());
    let (number, state) = (AttemptNumber::new(2), AttemptState::Bound { retry_at: now, missing: None });
    before.attempts.push(Attempt {
        number,
        state,
        spent_keys: 0,
        refused_keys: 0,
        buyer_seen_at: now,
        ..first
    });
    before
}

// Promise: D04
#[test]
fn before_another_session_is_sent_a_refusal_must_be_shown_to_be_true() {
    let ids =
        |permission, charge| SessionView::Completed { charge_permission_id: permission, charge_id: charge };
    let open_with_permission = || seen_as(Then::OpenWithPermission).unwrap();
    let gone = || SessionView::NotFound(access());
    let canceled = || SessionView::Canceled { reason: None };
    let day = 86_400;
    // What looks show, each at its second after the refusal; whether the next is sent then; the first's name.
    type Case = (&'static str, Vec<(u64, SessionView)>, &'static str, &'static str);
    let cases: Vec<Case> = vec![
        ("no look", vec![], "waits", "NotPaid"),
        ("Canceled", vec![(1, canceled())], "sent", "NotPaid"),
        ("Open", vec![(1, open())], "waits", "NotPaid"),
        ("Open, 5 s", vec![(1, open()), (6, open())], "waits", "NotPaid"),
        ("Open twice, an hour", vec![(1, open()), (3_601, open())], "waits", "NotPaid"),
        ("Open, 59 s", vec![(1, open()), (30, open()), (60, open())], "waits", "NotPaid"),
        ("Open, 60 s", vec![(1, open()), (30, open()), (61, open())], "sent", "NotPaid"),
        ("Open, then Canceled", vec![(1, open()), (6, canceled())], "sent", "NotPaid"),
        ("404", vec![(1, gone()), (30, gone()), (day, gone())], "waits", "NotPaid"),
        ("404 after it is forgotten", vec![(32 * day, gone())], "sent", "NotPaid"),
        ("404 in between", vec![(1, open()), (30, gone()), (61, open()), (62, open())], "waits", "NotPaid"),
        (
            "a permission in between",
            vec![(1, open()), (30, open_with_permission()), (61, open()), (62, open())],
            "waits",
            "NotPaid",
        ),
        ("Completed", vec![(1, ids(Some(permission()), Some(charge())))], "surplus", "NotPaid"),
        ("Completed, no charge", vec![(1, ids(Some(permission()), None))], "surplus", "Unresolved"),
        ("Completed, no permission", vec![(1, ids(None, Some(charge())))], "surplus", "Unresolved"),
        ("Completed, no ids", vec![(1, ids(None, None))], "surplus", "Unresolved"),
        ("Open, then Completed", vec![(1, open()), (6, ids(None, None))], "surplus", "Unresolved"),
    ];
    for intent in [PaymentIntent::Confirm, PaymentIntent::Authorize, PaymentIntent::AuthorizeWithCapture] {
        for (name, looks, second, first) in &cases {
            let mut now = sent_at();
            let mut before = declined_and_next(intent, now);
            for (at, seen) in looks {
                now = sent_at().plus(Duration::from_secs(*at));
                before.attempts[1].buyer_seen_at = now;
                before.attempts[1].bound_at = now;
                if let Some((step, _)) = session_seen(&before, 1, seen, now, &rules()) {
                    before = step.next;
                }
            }
            let is_confirmed = intent == PaymentIntent::Confirm && *name == "Completed";
            let first = if is_confirmed { "Unresolved" } else { first };
            assert_eq!(before.attempts[0].state.name(), first, "{intent:?} {name}");
            let is_live = before.live_attempt().is_some();
            assert_eq!(is_live, *second == "surplus", "{intent:?} {name}");
            assert_eq!(before.attempts[0].state.due_at().is_some(), is_live, "{intent:?} {name}");
            let came = match begin(&before, 2, Arc::from(*b"new"), &key_of, now, &rules()) {
                BeginResult::Send(..) => "sent",
                BeginResult::Ends(step) if step.next.attempts[1].state.name() == "Surplus" => "surplus",
                BeginResult::Ends(_) => "waits",
                BeginResult::NotReady => "not ready",
            };
            assert_eq!(came, *second, "{intent:?} {name}");
        }
    }
}

#[test]
fn nothing_is_sent_again_while_another_session_that_was_refused_is_not_shown() {
    let mut both = declined_and_next(PaymentIntent::Authorize, sent_at());
    both.attempts[1].state = in_doubt_attempt(doubt());
    let next = |both: &Checkout| session_seen(both, 2, &open(), sent_at(), &rules()).unwrap().1;
    assert_eq!(next(&both), NextStep::Rest);
    both.attempts[0].refusal = None;
    assert!(matches!(next(&both), NextStep::SendAgain(_)));
}

#[test]
fn a_late_success_is_paid_alone_and_contradicted_with_the_ids_of_another_attempt_or_under_other_terms() {
    let success = FinalizeAnswer::Success(FinalizeSuccess {
        pending: false,
        charge_permission_id: permission(),
        charge_id: Some(charge()),
        charge_amount: AmountView::Absent,
    });
    let now = sent_at().plus(60 * SECOND);
    let alone = refused(sent_at());
    let step = answered(&alone, 1, 1, &success, now).unwrap();
    assert_eq!(happened(&step), "DoubtBegan, PendingBegan");

    // Another attempt has the same payment: both cannot be.
    let mut beside = refused(sent_at());
    let other = Attempt {
        number: AttemptNumber::new(2),
        state: completed(Completion::Authorized(charge())),
        ..beside.attempts[0].clone()
    };
    beside.attempts.push(other);
    let step = answered(&beside, 1, 1, &success, now).unwrap();
    assert_eq!(happened(&step), "DoubtBegan, Contradicted: OfAnotherAct");
    assert_eq!(step.next.verdict().outcome(), "checking");
    // A look shows the same.
    let ids = SessionView::Completed { charge_permission_id: Some(permission()), charge_id: Some(charge()) };
    let (step, _) = session_seen(&beside, 1, &ids, now, &rules()).unwrap();
    let shown = view(AmazonChargeState::Authorized, AmountView::Shown(amount()));
    let step = charge_seen(&proved_ours(step.next), 1, &permission(), &shown, now).unwrap();
    assert_eq!(happened(&step), "Contradicted: OfAnotherAct");

    let terms = Terms { charge_amount: Money::from_minor(2, Currency::USD), ..alone.terms.clone() };
    let moved = change_terms(&alone, 1, terms).unwrap().next;
    let step = answered(&moved, 1, 1, &success, now).unwrap();
    assert_eq!(happened(&step), "DoubtBegan, Contradicted: TermsMoved");
}

#[test]
fn nothing_is_sent_again_while_another_attempt_may_have_been_paid() {
    let mut both = checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt()));
    let next = |both: &Checkout| session_seen(both, 1, &open(), sent_at(), &rules()).unwrap().1;
    assert!(matches!(next(&both), NextStep::SendAgain(_)));
    let (number, state) = (AttemptNumber::new(2), in_doubt_attempt(doubt()));
    both.attempts.push(Attempt { number, state, ..both.attempts[0].clone() });
    assert_eq!(next(&both), NextStep::Rest);
}

#[test]
fn given_up_under_a_new_key_that_did_not_leave_it_is_shown_not_approved_by_looks_alone() {
    let mut before = checkout(PaymentIntent::Authorize, approved(Some(sent_at()), sent_at()));
    before.attempts[0].refused_keys = 1;
    let gone = sent_at().plus(16 * 60 * SECOND);
    let (step, _) = take_up(&before, 1, gone, &rules()).unwrap();
    let mut checkout = step.next;
    assert_eq!(checkout.attempts[0].state.name(), "InDoubt");
    for seconds in [1, 30, 61] {
        let now = gone.plus(Duration::from_secs(seconds));
        checkout = session_seen(&checkout, 1, &open(), now, &rules()).unwrap().0.next;
    }
    assert_eq!(checkout.attempts[0].state.name(), "NotApproved");
}
