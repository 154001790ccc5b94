//! What each deadline changes: a millisecond before it, at it, a millisecond after it.

use super::super::attempt::RefusalLooks;
use super::decide::attempts::*;
use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);

/// The instants around a deadline.
fn around(at: Timestamp) -> [(&'static str, Timestamp); 3] {
    [("before", at.minus(MILLISECOND)), ("at", at), ("after", at.plus(MILLISECOND))]
}

fn row(before: &Checkout, taken: Option<(CheckoutStep, NextStep)>, now: Timestamp) -> String {
    let (step, next) = taken.unzip();
    let next = next.map_or(String::new(), |next| format!(" → {}", next_word(&next)));
    format!("{}{next}", outcome(before, step.as_ref(), now))
}

#[test]
fn each_state_is_taken_up_when_it_is_due_and_not_before() {
    let mut table = String::new();
    for state in states() {
        let before = checkout(PaymentIntent::Authorize, state);
        let state = &before.attempts[0].state;
        let Some(due_at) = state.due_at() else {
            assert!(state.is_final(), "{state:?} has no timer");
            table.push_str(&format!("{}: final\n", state.name()));
            continue;
        };
        assert!(!state.is_final());
        for (place, now) in around(due_at) {
            let taken = take_up(&before, 1, now, &rules());
            table.push_str(&format!(
                "{:<32} {place:<7} {}\n",
                words(&before.attempts[0], sent_at()),
                row(&before, taken, now)
            ));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_buyers_window_ends_what_was_never_sent_unless_the_clock_is_in_question() {
    let at = sent_at();
    let mut table = String::new();
    for state in
        [AttemptState::Bound { retry_at: at, missing: None }, approved(None, at), approved(Some(at), at)]
    {
        for hold_expiries in [false, true] {
            let rules = MerchantRules { hold_expiries, ..rules() };
            let before = checkout(PaymentIntent::Authorize, state.clone());
            for (place, now) in around(at.plus(rules.policy.resend_window)) {
                let taken = row(&before, take_up(&before, 1, now, &rules), now);
                let begun = match begin(&before, 1, Arc::from(*b"new"), &key_of, now, &rules) {
                    BeginResult::Send(_, step) | BeginResult::Ends(step) => {
                        outcome(&before, Some(&step), now)
                    }
                    BeginResult::NotReady => "–".to_string(),
                };
                let clock = if hold_expiries { "in question" } else { "sure" };
                table.push_str(&format!(
                    "{:<9} clock {clock:<12} {place:<7} {taken:<44} {begun}\n",
                    state.name()
                ));
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_doubt_is_looked_at_less_and_less_often_and_rings_five_times() {
    let mut checkout = checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt()));
    let mut table = String::new();
    let mut looks = 0;
    loop {
        let now = checkout.attempts[0].state.due_at().unwrap();
        if now.since(sent_at()) > Duration::from_secs(32 * 86_400) {
            break;
        }
        let (step, act) = take_up(&checkout, 1, now, &rules()).unwrap();
        assert_eq!(next_word(&act), "LookUp");
        looks += 1;
        if looks <= 14 || !step.events.is_empty() {
            let passed = now.since(sent_at()).as_secs();
            table.push_str(&format!(
                "look {looks:>3} at {passed:>8}s {}\n",
                outcome(&checkout, Some(&step), now)
            ));
        }
        checkout = step.next;
    }
    assert_eq!(table.matches("DoubtAlarm").count(), ALARMS.len());
    insta::assert_snapshot!(table);
}

#[test]
fn a_request_that_nobody_evaluated_backs_off_up_to_five_minutes_under_new_keys() {
    let mut checkout = checkout(PaymentIntent::Authorize, approved(None, sent_at()));
    let mut delays = Vec::new();
    for n in 1..=11 {
        let now = sent_at();
        let BeginResult::Send(send, step) = begin(&checkout, 1, Arc::from(*b"body"), &key_of, now, &rules())
        else {
            panic!("expected a send")
        };
        assert_eq!((send.n.get(), send.idempotency_key.clone()), (n, key_of(n)));
        let answer = FinalizeAnswer::NotEvaluated { code: "TooManyRequests".to_string() };
        checkout = answered(&step.next, 1, n, &answer, now).unwrap().next;
        delays.push(checkout.attempts[0].state.due_at().unwrap().since(now).as_secs());
    }
    assert_eq!(delays, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
}

#[test]
fn what_found_no_connection_was_never_sent_and_spends_no_key() {
    let approved = approved(None, sent_at());
    let mut checkout = checkout(PaymentIntent::Authorize, approved);
    let (mut now, mut delays) = (sent_at(), Vec::new());
    for _ in 0..8 {
        let BeginResult::Send(send, step) = begin(&checkout, 1, Arc::from(*b"body"), &key_of, now, &rules())
        else {
            panic!("expected a send")
        };
        assert_eq!(send.n, KeyOrdinal::FIRST);
        checkout = answered(&step.next, 1, 1, &FinalizeAnswer::NotSent, now).unwrap().next;
        assert_eq!((checkout.attempts[0].spent_keys, checkout.live_attempt()), (0, None));
        let due_at = checkout.attempts[0].state.due_at().unwrap();
        delays.push(due_at.since(now).as_secs());
        now = due_at;
    }
    assert_eq!(delays, [2, 2, 4, 8, 16, 32, 60, 60]);
}

#[test]
fn a_key_rises_in_doubt_only_after_three_replays_of_one_stored_error() {
    let replay =
        |cause: &str| FinalizeAnswer::Unclear { cause: cause.to_string(), kind: UnclearKind::ServerError };
    let mut checkout = checkout(PaymentIntent::Authorize, finalizing(sent_at()));
    let mut sent = vec![1];
    for cause in ["500", "500", "500", "503", "503", "503", "503", "500"] {
        let n = *sent.last().unwrap();
        if let Some(step) = answered(&checkout, 1, n, &replay(cause), sent_at()) {
            checkout = step.next;
        }
        let (send, step) = send_again(&checkout, 1, &key_of).unwrap();
        assert_eq!(send.idempotency_key, key_of(send.n.get()));
        assert_eq!(&*send.body, b"body");
        sent.push(send.n.get());
        checkout = step.next;
    }
    // After two replays of the 500, another error starts to count; after its three replays, key 2.
    assert_eq!(sent, [1, 1, 1, 1, 1, 1, 1, 2, 2]);
    assert_eq!(checkout.attempts[0].spent_keys, 1);
}

#[test]
fn nothing_is_sent_again_an_hour_after_its_session_was_bound_however_often_somebody_asks() {
    let limit = rules().resend_limit;
    for (after, expected) in [(limit, true), (limit + MILLISECOND, false)] {
        let now = sent_at().plus(after);
        for state in [in_doubt_attempt(doubt()), approved(Some(sent_at()), sent_at())] {
            let mut before = checkout(PaymentIntent::Authorize, state);
            before.attempts[0].buyer_seen_at = now;
            let sends = match &before.attempts[0].state {
                AttemptState::Finalize(InFlight::InDoubt(_)) => {
                    let (_, next) = session_seen(&before, 1, &open(), now, &rules()).unwrap();
                    next == NextStep::SendAgain(CallId::Finalize(AttemptNumber::FIRST))
                }
                _ => {
                    let (_, next) = take_up(&before, 1, now, &rules()).unwrap();
                    next == NextStep::Begin(CallId::Finalize(AttemptNumber::FIRST))
                }
            };
            assert_eq!(sends, expected, "{:?} {after:?}", before.attempts[0].state);
        }
    }
}

#[test]
fn a_waiting_buyers_looks_make_the_others_no_rarer_and_ring_no_alarm_twice() {
    let day = Duration::from_secs(86_400);
    for state in states() {
        let is_looked_at =
            matches!(state, AttemptState::Finalize(InFlight::InDoubt(_)) | AttemptState::Pending { .. });
        let mut checkout = checkout(PaymentIntent::Authorize, state);
        if !is_looked_at {
            continue;
        }
        let look_count = |checkout: &Checkout| match &checkout.attempts[0].state {
            AttemptState::Finalize(InFlight::InDoubt(Doubt { look, .. }))
            | AttemptState::Pending { look, .. } => look.count,
            other => panic!("{other:?}"),
        };
        let mut alarms = 0;
        let mut now = sent_at();
        while now.since(sent_at()) < day {
            now = checkout.attempts[0].state.due_at().unwrap();
            let (step, _) = take_up(&checkout, 1, now, &rules()).unwrap();
            alarms += happened(&step).matches("DoubtAlarm").count();
            checkout = step.next;
        }
        let before = look_count(&checkout);
        for _ in 0..20 {
            now = now.plus(60 * SECOND);
            checkout.attempts[0].buyer_seen_at = now.minus(60 * SECOND);
            checkout = buyer_seen(&checkout, 1, now, &rules()).unwrap();
            let (step, _) = take_up(&checkout, 1, now, &rules()).unwrap();
            assert_eq!(happened(&step), "");
            checkout = step.next;
        }
        assert_eq!(look_count(&checkout), before);
        assert!(alarms > 0);
    }
}

#[test]
fn the_buyers_presence_is_noted_by_the_minute_within_the_window() {
    let window = rules().policy.resend_window;
    for (away, noted) in
        [(59 * SECOND, false), (60 * SECOND, true), (window, true), (window + MILLISECOND, false)]
    {
        for state in states() {
            let before = checkout(PaymentIntent::Authorize, state);
            let now = sent_at().plus(away);
            let seen = buyer_seen(&before, 1, now, &rules());
            let expected = noted && !before.attempts[0].state.is_final();
            assert_eq!(seen.is_some(), expected, "{:?} {away:?}", before.attempts[0].state);
            if let Some(after) = seen {
                assert_eq!(after.attempts[0].buyer_seen_at, now);
            }
        }
    }
}

#[test]
fn how_long_a_charge_has_been_pending_is_counted_from_amazons_own_time() {
    let now = sent_at().plus(SECOND);
    let hours = |count: u32| count * 3_600 * SECOND;
    let pending = AttemptState::Pending {
        charge_permission_id: permission(),
        charge_id: charge(),
        since: sent_at(),
        look: LookSchedule { at: sent_at(), count: 0 },
        alarm_count: 0,
    };
    for before in [
        checkout(PaymentIntent::Authorize, pending),
        proved_ours(checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt()))),
    ] {
        let known_since = match &before.attempts[0].state {
            AttemptState::Pending { since, .. } => *since,
            _ => now,
        };
        for (created_at, expected) in [
            (None, known_since),
            (Some(sent_at().minus(hours(20))), sent_at().minus(hours(20))),
            // What is later than now proves nothing.
            (Some(now.plus(SECOND)), known_since),
            (Some(now.plus(hours(400 * 24))), known_since),
        ] {
            let shown = ChargeView {
                asked_at: now,
                created_at,
                ..view(
                    AmazonChargeState::AuthorizationInitiated,
                    AmountView::Shown(before.terms.charge_amount),
                )
            };
            let after =
                charge_seen(&before, 1, &permission(), &shown, now).map_or(before.clone(), |step| step.next);
            let AttemptState::Pending { since, .. } = after.attempts[0].state else { panic!("not pending") };
            assert_eq!(since, expected, "{created_at:?}");
        }
    }
}

#[test]
fn a_buyer_who_was_seen_later_than_now_is_not_here() {
    let now = sent_at().plus(60 * SECOND);
    let later = [MILLISECOND, SECOND, 60 * SECOND, 2 * 24 * 3_600 * SECOND, 400 * 24 * 3_600 * SECOND];
    for seen_at in core::iter::once(now).chain(later.map(|long| now.plus(long))) {
        let is_here = seen_at == now;
        let with = |state: AttemptState| {
            let mut before = checkout(PaymentIntent::Authorize, state);
            before.attempts[0].buyer_seen_at = seen_at;
            before
        };
        // What is to be sent for the first time is given up, and what has left is looked up.
        for (state, given_up) in [
            (AttemptState::Bound { retry_at: now, missing: None }, "NotPaid"),
            (approved(None, now), "NotPaid"),
            (approved(Some(sent_at()), now), "InDoubt"),
        ] {
            let before = with(state);
            let (step, next) = take_up(&before, 1, now, &rules()).unwrap();
            let name = step.next.attempts[0].state.name();
            assert_eq!(next == NextStep::Rest, !is_here, "{name} {seen_at}");
            assert!(is_here || name == given_up, "{name} {seen_at}");
            // While the clock is in question, nothing is given up and nothing sent.
            let held = MerchantRules { hold_expiries: true, ..rules() };
            let (step, next) = take_up(&before, 1, now, &held).unwrap();
            assert_eq!(step.next.attempts[0].state.name(), before.attempts[0].state.name());
            let may_send = matches!(next, NextStep::Begin(_));
            assert!(is_here || !may_send, "{next:?} {seen_at}");
            let begun = begin(&before, 1, Arc::from(*b"body"), &key_of, now, &rules());
            assert_eq!(matches!(begun, BeginResult::Send(..)), is_here, "{name} {seen_at}");
        }
        let doubted = with(in_doubt_attempt(doubt()));
        let (_, next) = session_seen(&doubted, 1, &open(), now, &rules()).unwrap();
        assert_eq!(matches!(next, NextStep::SendAgain(_)), is_here, "{seen_at}");
        // A call that comes now does not show that the buyer has waited since.
        assert_eq!(buyer_seen(&doubted, 1, now, &rules()), None, "{seen_at}");
    }
}

#[test]
fn what_was_bound_later_than_now_is_not_sent_again() {
    let now = sent_at().plus(60 * SECOND);
    for (bound_at, may) in [
        (now, true),
        (now.minus(3_600 * SECOND), true),
        (now.minus(3_601 * SECOND), false),
        (now.plus(MILLISECOND), false),
        (now.plus(3_600 * SECOND), false),
        (now.plus(400 * 24 * 3_600 * SECOND), false),
    ] {
        let with = |state: AttemptState| {
            let mut before = checkout(PaymentIntent::Authorize, state);
            before.attempts[0].buyer_seen_at = now;
            before.attempts[0].bound_at = bound_at;
            before
        };
        let (_, next) = session_seen(&with(in_doubt_attempt(doubt())), 1, &open(), now, &rules()).unwrap();
        assert_eq!(matches!(next, NextStep::SendAgain(_)), may, "{bound_at}");
        let (_, next) = take_up(&with(approved(Some(sent_at()), now)), 1, now, &rules()).unwrap();
        assert_eq!(matches!(next, NextStep::Begin(_)), may, "{bound_at}");
        // A first send does not depend on it.
        let (_, next) = take_up(&with(approved(None, now)), 1, now, &rules()).unwrap();
        assert!(matches!(next, NextStep::Begin(_)), "{bound_at}");
    }
}

#[test]
fn looks_that_were_later_than_now_are_not_counted() {
    let later = [MILLISECOND, 60 * SECOND, 2 * 24 * 3_600 * SECOND, 400 * 24 * 3_600 * SECOND];
    let look = |before: Checkout, seen: &SessionView, second: u64| {
        let now = sent_at().plus(Duration::from_secs(second));
        session_seen(&before, 1, seen, now, &rules()).map_or(before, |(step, _)| step.next)
    };
    for long in later {
        let at = sent_at().plus(70 * SECOND).plus(long);
        // Refused each time, and seen open before the clock was set back.
        let refusals = StatusRefusals { count: 1, open_count: 2, ..StatusRefusals::default() };
        for refusals in [
            StatusRefusals { open_since: Some(at), ..refusals },
            StatusRefusals { open_before: Some(at), open_since: Some(sent_at()), ..refusals },
        ] {
            let mut before =
                checkout(PaymentIntent::Authorize, in_doubt_attempt(Doubt { refusals, ..doubt() }));
            for (second, expected) in
                [(70, "InDoubt"), (100, "InDoubt"), (129, "InDoubt"), (131, "NotApproved")]
            {
                before = look(before, &open(), second);
                assert_eq!(before.attempts[0].state.name(), expected, "{long:?} {second}");
            }
        }
        // Declined, and seen open since.
        let declined = AttemptState::NotPaid {
            reason: NotPaidReason::Declined("HardDeclined".to_string()),
            charge: None,
            at: sent_at(),
        };
        let mut before = checkout(PaymentIntent::Authorize, declined);
        before.attempts[0].refusal = Some(RefusalLooks { open_since: Some(at), open_count: 2 });
        for (second, is_believed) in [(70, false), (100, false), (129, false), (131, true)] {
            before = look(before, &open(), second);
            assert_eq!(before.attempts[0].refusal.is_none(), is_believed, "{long:?} {second}");
        }
        // Not found.
        let missing = Some(absence(2, at, Some(at)));
        let mut before = checkout(PaymentIntent::Authorize, in_doubt_attempt(Doubt { missing, ..doubt() }));
        let gone = SessionView::NotFound(access());
        for second in [70, 400, 700] {
            before = look(before, &gone, second);
            assert_eq!(before.attempts[0].state.name(), "InDoubt", "{long:?} {second}");
        }
        let missing = before.attempts[0].state.doubt().unwrap().missing.clone().unwrap();
        assert_eq!((missing.count, missing.reach_proved_at), (3, None), "{long:?}");
    }
}
