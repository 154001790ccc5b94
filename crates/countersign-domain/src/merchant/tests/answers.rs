//! Every state × every class of answer, look-up and charge.

use super::decide::attempts::*;
use super::*;

fn success(pending: bool, charge_id: Option<ChargeId>) -> FinalizeAnswer {
    FinalizeAnswer::Success(FinalizeSuccess {
        pending,
        charge_permission_id: permission(),
        charge_id,
        charge_amount: AmountView::Absent,
    })
}

fn wrong_status() -> FinalizeAnswer {
    FinalizeAnswer::WrongStatus { cause: "422 InvalidCheckoutSessionStatus".to_string() }
}

/// The states in words, their times relative to when they were sent.
fn named(states: &[AttemptState]) -> Vec<String> {
    let named = |state: &AttemptState| {
        let checkout = checkout(PaymentIntent::Authorize, state.clone());
        words(&checkout.attempts[0], sent_at())
    };
    states.iter().map(named).collect()
}

fn unclear(cause: &str, kind: UnclearKind) -> FinalizeAnswer {
    FinalizeAnswer::Unclear { cause: cause.to_string(), kind }
}

#[test]
fn each_state_takes_each_answer_so() {
    let answers = [
        ("200", success(false, Some(charge()))),
        ("202", success(true, Some(charge()))),
        ("200 without charge", success(false, None)),
        ("200 with other charge", success(false, Some(ChargeId::parse("S01-1-C2").unwrap()))),
        ("422 HardDeclined", FinalizeAnswer::Refused(NotPaidReason::Declined("HardDeclined".to_string()))),
        ("409 AmountMismatch", FinalizeAnswer::Refused(NotPaidReason::Mismatch("chargeAmount".to_string()))),
        ("400 InvalidRequest", FinalizeAnswer::Refused(NotPaidReason::Misuse("InvalidRequest".to_string()))),
        ("429", FinalizeAnswer::NotEvaluated { code: "TooManyRequests".to_string() }),
        ("no connection", FinalizeAnswer::NotSent),
        ("500", unclear("500 InternalServerError", UnclearKind::ServerError)),
        ("422 InvalidCheckoutSessionStatus", wrong_status()),
        ("no answer", unclear("no answer", UnclearKind::Unknown)),
        ("404 of Amazon's", unclear("404 ResourceNotFound", UnclearKind::Refusal)),
    ];
    let now = sent_at().plus(2 * SECOND);
    let states = states();
    let conditions = [
        Condition::any("state", named(&states)),
        Condition::any("intent", PaymentIntent::ALL.iter().map(|intent| intent.as_str())),
        Condition::any("answer", answers.iter().map(|(name, _)| name)),
    ];
    let table = folded(&conditions, |[state, intent, answer]| {
        let before = checkout(PaymentIntent::ALL[intent], states[state].clone());
        match answered(&before, 1, 1, &answers[answer].1, now) {
            Some(step) => outcome(&before, Some(&step), now),
            None => "does not count".to_string(),
        }
    });
    insta::assert_snapshot!(table);
}

#[test]
fn an_answer_to_another_key_proves_nothing_but_a_success() {
    let now = sent_at().plus(2 * SECOND);
    for state in states() {
        let before = checkout(PaymentIntent::Authorize, state);
        for answer in [
            FinalizeAnswer::Refused(NotPaidReason::Declined("HardDeclined".to_string())),
            FinalizeAnswer::NotEvaluated { code: "TooManyRequests".to_string() },
            unclear("500", UnclearKind::ServerError),
            wrong_status(),
        ] {
            assert_eq!(answered(&before, 1, 7, &answer, now), None, "{:?}", before.attempts[0].state);
        }
    }
}

#[test]
fn a_contradiction_names_what_amazon_says_was_paid() {
    let other = ChargeId::parse("S01-1-C2").unwrap();
    let before = checkout(PaymentIntent::Authorize, completed(Completion::Authorized(charge())));
    let late = answered(&before, 1, 1, &success(false, Some(other.clone())), sent_at()).unwrap();
    let AttemptEvent::Contradiction { charge_permission_id, charge_id, .. } = what(&late.events[0]) else {
        panic!("{:?}", late.events)
    };
    assert_eq!((charge_permission_id, charge_id), (&Some(permission()), &Some(other)));
}

// Promise: B08
#[test]
fn each_state_takes_each_look_at_the_session_so() {
    let ids = |permission: Option<_>, charge: Option<_>| SessionView::Completed {
        charge_permission_id: permission,
        charge_id: charge,
    };
    let looks = [
        ("Open", open()),
        ("Completed", ids(Some(permission()), Some(charge()))),
        ("Completed without charge", ids(Some(permission()), None)),
        ("Completed without ids", ids(None, None)),
        ("Canceled", SessionView::Canceled { reason: Some("Expired".to_string()) }),
        ("404", SessionView::NotFound(access())),
    ];
    let mut states = states();
    let missing = Some(absence(2, sent_at(), Some(sent_at())));
    states.push(in_doubt_attempt(Doubt { missing, ..doubt() }));
    states.push(in_doubt_attempt(Doubt { send_count: 5, ..doubt() }));
    states.push(in_doubt_attempt(Doubt {
        stored_error: Some(StoredError { cause: "500".to_string(), replay_count: 3 }),
        ..doubt()
    }));
    let buyers =
        [("buyer waits", sent_at().plus(11 * 60 * SECOND)), ("buyer gone", sent_at().plus(16 * 60 * SECOND))];
    let intents = [PaymentIntent::Confirm, PaymentIntent::Authorize];
    let conditions = [
        Condition::any("state", named(&states)),
        Condition::any("intent", intents.map(PaymentIntent::as_str)),
        Condition::any("buyer", buyers.map(|(name, _)| name)),
        Condition::any("look", looks.iter().map(|(name, _)| name)),
    ];
    let table = folded(&conditions, |[state, intent, buyer, look]| {
        let before = checkout(intents[intent], states[state].clone());
        let now = buyers[buyer].1;
        match session_seen(&before, 1, &looks[look].1, now, &rules()) {
            Some((step, next)) => {
                format!("{} → {}", outcome(&before, Some(&step), now), next_word(&next))
            }
            None => "does not count".to_string(),
        }
    });
    insta::assert_snapshot!(table);
}

#[test]
fn each_state_takes_each_look_at_the_charge_so() {
    let other_amount = Money::from_minor(1_401, Currency::USD);
    let other_currency = Money::from_minor(1_400, Currency::EUR);
    let charge_states = [
        AmazonChargeState::AuthorizationInitiated,
        AmazonChargeState::Authorized,
        AmazonChargeState::CaptureInitiated,
        AmazonChargeState::Captured,
        AmazonChargeState::Declined,
        AmazonChargeState::Canceled,
    ];
    let amounts = [
        ("ours", AmountView::Shown(amount())),
        ("other amount", AmountView::Shown(other_amount)),
        ("other currency", AmountView::Shown(other_currency)),
        ("unreadable", AmountView::Unreadable),
        ("no amount", AmountView::Absent),
    ];
    let now = sent_at().plus(60 * SECOND);
    let states = states();
    let conditions = [
        Condition::any("state", named(&states)),
        Condition::any("charge", charge_states.map(|state| format!("{state:?}"))),
        Condition::any("amount", amounts.map(|(name, _)| name)),
    ];
    let table = folded(&conditions, |[state, charge_state, of_amount]| {
        let before = proved_ours(checkout(PaymentIntent::Authorize, states[state].clone()));
        let shown = view(charge_states[charge_state], amounts[of_amount].1);
        match charge_seen(&before, 1, &permission(), &shown, now) {
            Some(step) => outcome(&before, Some(&step), now),
            None => "does not count".to_string(),
        }
    });
    insta::assert_snapshot!(table);
}

#[test]
fn a_capture_that_was_to_be_made_at_once_is_paid_only_when_it_is_made() {
    let now = sent_at().plus(60 * SECOND);
    let seen = |state| view(state, AmountView::Shown(amount()));
    let look = |before: &Checkout, state| {
        charge_seen(before, 1, &permission(), &seen(state), now).map(|step| step.next)
    };
    let in_doubt = proved_ours(checkout(PaymentIntent::AuthorizeWithCapture, in_doubt_attempt(doubt())));
    let under_way = look(&in_doubt, AmazonChargeState::CaptureInitiated).unwrap();
    assert_eq!(under_way.verdict().outcome(), "pending");
    assert!(under_way.payment.is_none() && under_way.due_at(&rules()).is_some());
    assert_eq!(look(&under_way, AmazonChargeState::CaptureInitiated), None);
    assert_eq!(look(&under_way, AmazonChargeState::Captured).unwrap().verdict().outcome(), "paid");
    assert_eq!(look(&under_way, AmazonChargeState::Declined).unwrap().verdict().outcome(), "notPaid");
    // Only an authorization was asked for, and it was granted: who captures the charge does not matter.
    let in_doubt = proved_ours(checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt())));
    let reserved = look(&in_doubt, AmazonChargeState::CaptureInitiated).unwrap();
    assert_eq!(reserved.verdict().outcome(), "authorized");
}

#[test]
fn only_a_bound_attempt_is_compared_and_only_an_unsent_one_is_sent() {
    let mut table = String::new();
    for state in states() {
        let before = checkout(PaymentIntent::Authorize, state);
        let agreed = match agree(&before, 1, &open(), Environment::Sandbox, sent_at()) {
            Agreement::Agreed(kind, _) => format!("Agreed {}", kind.as_str()),
            Agreement::Ends(step) => outcome(&before, Some(&step), sent_at()),
            Agreement::NotReady => "–".to_string(),
        };
        let begun = match begin(&before, 1, Arc::from(*b"new"), &key_of, sent_at(), &rules()) {
            BeginResult::Send(_, step) | BeginResult::Ends(step) => outcome(&before, Some(&step), sent_at()),
            BeginResult::NotReady => "–".to_string(),
        };
        table.push_str(&format!("{:<40} {agreed:<24} {begun}\n", words(&before.attempts[0], sent_at())));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn nothing_is_begun_under_another_key_than_the_next() {
    for state in states() {
        let before = checkout(PaymentIntent::Authorize, state);
        let next = before.attempts[0].next_key_ordinal();
        for n in (1..=4).map(KeyOrdinal::new).filter(|n| *n != next) {
            let send = KeyedRequest { n, idempotency_key: key_of(n.get()), body: Arc::from(*b"new") };
            let begin = |draft: &mut Draft| {
                crate::merchant::attempt::finalize::begin(draft, AttemptNumber::FIRST, send)
            };
            let (step, _) = super::decide::decided(&before, sent_at(), &rules(), begin);
            assert_eq!(step, None, "{n} is not {next}");
        }
    }
}

#[test]
fn a_session_that_is_over_ends_what_was_never_sent_whatever_the_clock_says() {
    let over = [
        ("Canceled", SessionView::Canceled { reason: None }),
        ("NotFound", SessionView::NotFound(access())),
        ("Completed", SessionView::Completed { charge_permission_id: None, charge_id: None }),
    ];
    let mut table = String::new();
    for state in states() {
        let before = checkout(PaymentIntent::Authorize, state);
        for (name, seen) in &over {
            let Agreement::Ends(step) = agree(&before, 1, seen, Environment::Sandbox, sent_at()) else {
                continue;
            };
            let (was, is) = (words(&before.attempts[0], sent_at()), outcome(&before, Some(&step), sent_at()));
            table.push_str(&format!("{was:<40} {name:<10} {is}\n"));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_second_session_waits_for_the_outcome_of_each_first_so() {
    let mut table = String::new();
    for state in states() {
        if let AttemptState::Surplus { .. } = state {
            continue;
        }
        let before = checkout(PaymentIntent::Authorize, state);
        let session = CheckoutSessionId::parse("session2").unwrap();
        let given = GivenAddresses::default();
        let Ok(Arrival::New(2, bound)) = arrive(&before, &session, &given, sent_at(), &rules()) else {
            panic!("expected a new session to be bound")
        };
        let second = words(&bound.next.attempts[1], sent_at());
        let sent = match begin(&bound.next, 2, Arc::from(*b"new"), &key_of, sent_at(), &rules()) {
            BeginResult::Send(_, step) => {
                let states = step.next.attempts.iter().map(|attempt| words(attempt, sent_at()));
                states.collect::<Vec<_>>().join(" | ")
            }
            BeginResult::Ends(step) => happened(&step),
            BeginResult::NotReady => "–".to_string(),
        };
        table.push_str(&format!("{:<40} {second:<16} {sent}\n", words(&before.attempts[0], sent_at())));
    }
    insta::assert_snapshot!(table);
}
