//! Permissions that name an order although none of its sessions is known to have made them.

use super::*;
use crate::merchant::after::due::take_up_payment;
use crate::merchant::after::unexplained::{
    AdoptionRefused, Evidence, Hearing, Holder, adopt, decide_not_ours, decide_returned, heard, heard_seen,
    sessions_to_ask,
};
use crate::merchant::attempt::look::session_seen;
use crate::merchant::attempt::{FailedCharge, finalize};
use crate::merchant::checkout::unexplained::{
    Unexplained, UnexplainedEnd, UnexplainedReason, UnexplainedState,
};
use crate::merchant::payment::permission::PermissionMoney;
use crate::merchant::rules::{FinalizeKeys, Integration, MAX_UNEXPLAINED, SENDS_FOR_IDS};

const HOUR: Duration = Duration::from_secs(3_600);

/// The permission that is heard of.
fn other() -> ChargePermissionId {
    ChargePermissionId::parse("S01-2").unwrap()
}

fn others_charge() -> ChargeId {
    ChargeId::parse("S01-2-C1").unwrap()
}

fn usd(minor: u64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

fn known(state: UnexplainedState) -> Unexplained {
    Unexplained {
        charge_permission_id: other(),
        charge_ids: vec![others_charge()],
        attempt: None,
        amount: None,
        heard_at: sent_at(),
        returning: None,
        asked_at: None,
        state,
    }
}

fn look() -> LookSchedule {
    LookSchedule { at: sent_at(), count: 0 }
}

/// Every state, each once.
fn every_state() -> [UnexplainedState; 4] {
    [
        UnexplainedState::Heard { look: look() },
        UnexplainedState::Watched { look: look() },
        UnexplainedState::Open { reason: UnexplainedReason::NoSession, since: sent_at(), look: look() },
        UnexplainedState::Over { end: UnexplainedEnd::NotOurs, at: sent_at() },
    ]
}

fn heard_by(checkout: Checkout) -> Checkout {
    Checkout { unexplained: vec![known(UnexplainedState::Heard { look: look() })], ..checkout }
}

/// The other permission's charge as Amazon shows it, created when it was heard of.
fn others_view(state: AmazonChargeState) -> ChargeView {
    ChargeView {
        id: others_charge(),
        charge_permission_id: Some(other()),
        created_at: Some(sent_at()),
        ..view(state, AmountView::Shown(amount()))
    }
}

fn money(state: PermissionState, limit: u64, balance: u64) -> PermissionMoney {
    PermissionMoney {
        state,
        created_at: Some(sent_at()),
        limit: AmountView::Shown(usd(limit)),
        balance: AmountView::Shown(usd(balance)),
    }
}

/// The session of the first attempt, completed with the other permission.
fn named() -> SessionView {
    SessionView::Completed { charge_permission_id: Some(other()), charge_id: Some(others_charge()) }
}

fn evidence(session: Option<SessionView>, charge: Option<AmazonChargeState>) -> Evidence {
    Evidence {
        sessions: session.into_iter().map(|view| (AttemptNumber::FIRST, view)).collect(),
        charges: charge.into_iter().map(others_view).collect(),
        ..Evidence::default()
    }
}

fn judged(checkout: &Checkout, evidence: &Evidence, now: Timestamp) -> (CheckoutDecision, NextStep) {
    judged_by(checkout, evidence, now, rules())
}

fn judged_by(
    checkout: &Checkout,
    evidence: &Evidence,
    now: Timestamp,
    rules: MerchantRules,
) -> (CheckoutDecision, NextStep) {
    let mut draft = Draft::new(checkout.clone(), now, rules);
    let next = heard_seen(&mut draft, &other(), evidence);
    (draft.finish(), next)
}

/// What is remembered of the permission, in a few words.
fn remembered(checkout: &Checkout) -> String {
    let Some(known) = checkout.heard_of(&other()) else { return "forgotten".to_string() };
    match &known.state {
        UnexplainedState::Open { reason, .. } => format!("Open {reason}"),
        UnexplainedState::Over { end, .. } => format!("Over {end}"),
        UnexplainedState::Heard { .. } | UnexplainedState::Watched { .. } => known.state.name().to_string(),
    }
}

fn told(decision: &CheckoutDecision) -> Vec<&'static str> {
    let word = |event: &CheckoutEvent| match event {
        CheckoutEvent::Payment(PaymentEvent::Unexplained(_)) => "Unexplained",
        CheckoutEvent::Payment(PaymentEvent::UnexplainedSettled(_)) => "UnexplainedSettled",
        CheckoutEvent::Payment(PaymentEvent::PermissionNoted(_)) => "PermissionNoted",
        CheckoutEvent::Attempt { event: AttemptEvent::Contradicted { .. }, .. } => "Contradicted",
        CheckoutEvent::Attempt { event: AttemptEvent::LookedUp { .. }, .. } => "LookedUp",
        CheckoutEvent::Attempt { event: AttemptEvent::Completed, .. } => "Completed",
        other => panic!("not expected: {other:?}"),
    };
    decision.events.iter().map(word).collect()
}

#[test]
fn a_completed_session_that_names_the_permission_leaves_it_to_its_attempt_or_contradicts_it() {
    use AmazonChargeState::{Authorized, Captured, Declined};
    for (state, charge, remembers, events, next) in [
        (AttemptState::Bound { retry_at: sent_at(), missing: None }, Captured, "Watched", vec![], "Rest"),
        (finalizing(sent_at().plus(30 * SECOND)), Captured, "Watched", vec![], "Rest"),
        (approved(Some(sent_at()), sent_at()), Captured, "Watched", vec![], "Rest"),
        (in_doubt_attempt(doubt()), Captured, "Watched", vec!["LookedUp"], "ProveBySending"),
        (unresolved(UnresolvedReason::SessionGone), Captured, "Watched", vec!["LookedUp"], "ProveBySending"),
        (unresolved(UnresolvedReason::CompletedElsewhere), Captured, "Watched", vec!["LookedUp"], "Rest"),
        (refused("HardDeclined"), Captured, "forgotten", vec!["Contradicted"], "Rest"),
        (refused("HardDeclined"), Authorized, "forgotten", vec!["Contradicted"], "Rest"),
        (refused("HardDeclined"), Declined, "Heard", vec![], "Rest"),
        (
            AttemptState::NotPaid { reason: NotPaidReason::Abandoned, charge: None, at: sent_at() },
            Authorized,
            "forgotten",
            vec!["Contradicted"],
            "Rest",
        ),
    ] {
        let before = heard_by(checkout(PaymentIntent::Authorize, state.clone()));
        let mut shown = evidence(Some(named()), Some(charge));
        // Whether there is more under a declined one is not shown.
        if charge != Declined {
            shown.permission = Some(money(PermissionState::Chargeable, 1_400, 0));
        }
        let (decision, step) = judged(&before, &shown, sent_at().plus(60 * SECOND));
        assert_eq!(remembered(&decision.checkout), remembers, "{state:?} {charge:?}");
        assert_eq!(told(&decision), events, "{state:?} {charge:?}");
        assert_eq!(next_word(&step), next, "{state:?} {charge:?}");
        let is_contradicted = decision.checkout.attempts[0].state.is_contradicted();
        assert_eq!(is_contradicted, events.contains(&"Contradicted"));
        if is_contradicted {
            let verdict = decision.checkout.verdict();
            assert_eq!(verdict, Verdict::Checking(Some(CheckingReason::CONTRADICTED)));
            assert!(decision.checkout.live_attempt().is_some(), "no other attempt is sent");
            assert!(decision.checkout.due_at(&rules()).is_some());
        }
    }
}

fn refused(code: &str) -> AttemptState {
    AttemptState::NotPaid { reason: NotPaidReason::Declined(code.to_string()), charge: None, at: sent_at() }
}

// Promise: D01
#[test]
fn money_beside_another_payment_of_the_order_is_paid_twice() {
    let paid = checkout(PaymentIntent::Authorize, completed(Completion::Authorized(charge())));
    for (state, charge, expected) in [
        (AttemptState::Surplus { of: AttemptNumber::FIRST }, AmazonChargeState::Authorized, "Open PaidTwice"),
        (refused("HardDeclined"), AmazonChargeState::Captured, "Open PaidTwice"),
        (AttemptState::Surplus { of: AttemptNumber::FIRST }, AmazonChargeState::Declined, "Over Noted"),
    ] {
        let mut before = heard_by(paid.clone());
        before.payment = Payment::begun_by(&before.terms, &before.attempts[0]);
        let second = AttemptNumber::new(2);
        let session = CheckoutSessionId::parse("session2").unwrap();
        before.attempts.push(Attempt {
            number: second,
            checkout_session_id: session,
            state,
            ..before.attempts[0].clone()
        });
        assert_eq!(sessions_to_ask(&before).len(), 1, "the first attempt's permission is known");
        let mut shown = Evidence { sessions: vec![(second, named())], ..evidence(None, Some(charge)) };
        let balance = if charge == AmazonChargeState::Declined { 1_400 } else { 0 };
        shown.permission = Some(money(PermissionState::Chargeable, 1_400, balance));
        let (decision, _) = judged(&before, &shown, sent_at());
        assert_eq!(remembered(&decision.checkout), expected);
        let is_open = decision.checkout.is_unexplained();
        assert_eq!(is_open, expected.starts_with("Open"));
        assert!(matches!(decision.checkout.verdict(), Verdict::Authorized(_)), "it is paid all the same");
        let gate = fulfilment(&decision.checkout, None, sent_at()).unwrap();
        assert_eq!(gate.reason == fulfilment::Reason::Unexplained, is_open);
        let (again, _) = judged(&decision.checkout, &shown, sent_at().plus(HOUR));
        assert!(told(&again).is_empty(), "it is reported once");
    }
}

// Promise: D01
#[test]
fn what_no_session_names_is_judged_by_its_money_and_its_age() {
    use AmazonChargeState::{
        AuthorizationInitiated, Authorized, Canceled, CaptureInitiated, Captured, Declined,
    };
    let closed = |reason: &str| PermissionState::Closed(reason.to_string());
    let chargeable = || PermissionState::Chargeable;
    let (young, old) = (25 * HOUR - SECOND, 25 * HOUR);
    let spent = PermissionState::NonChargeable("TransactionAmountExceeded".to_string());
    for (permission, charge, age, expected) in [
        (Some(money(chargeable(), 1_400, 0)), Some(Captured), SECOND, "Open NoSession"),
        (None, Some(Captured), SECOND, "Open NoSession"),
        (Some(money(closed("AmazonClosed"), 1_400, 0)), None, SECOND, "Open NoSession"),
        (Some(money(spent, 1_400, 0)), None, SECOND, "Open NoSession"),
        (Some(money(chargeable(), 1_400, 0)), Some(Authorized), young, "Watched"),
        (Some(money(chargeable(), 1_400, 0)), Some(Authorized), old, "Open NoSession"),
        (Some(money(chargeable(), 1_400, 0)), Some(AuthorizationInitiated), young, "Watched"),
        (Some(money(chargeable(), 1_400, 0)), Some(CaptureInitiated), old, "Open NoSession"),
        (Some(money(chargeable(), 1_400, 0)), None, young, "Watched"),
        (Some(money(chargeable(), 1_400, 0)), None, old, "Open NoSession"),
        // One charge is declined; another one, which is not known, holds money.
        (Some(money(chargeable(), 5_000, 3_600)), Some(Declined), old, "Open NoSession"),
        (Some(money(chargeable(), 1_400, 1_400)), Some(Declined), SECOND, "Over Noted"),
        (Some(money(closed("MerchantClosed"), 1_400, 1_400)), Some(Canceled), old, "Over Noted"),
        (Some(money(closed("Expired"), 1_400, 1_400)), None, SECOND, "Over Noted"),
        // What is not shown proves nothing.
        (None, None, old, "Watched"),
        (None, Some(Declined), old, "Watched"),
        (None, None, 40 * 24 * HOUR, "Over Noted"),
    ] {
        let before = heard_by(unpaid(PaymentIntent::AuthorizeWithCapture));
        let shown = Evidence { permission: permission.clone(), ..evidence(None, charge) };
        let now = sent_at().plus(age);
        let (decision, next) = judged(&before, &shown, now);
        assert_eq!(remembered(&decision.checkout), expected, "{permission:?} {charge:?} {age:?}");
        assert_eq!(next, NextStep::Rest);
        let expected_verdict = if expected.starts_with("Open") { "checking" } else { "registered" };
        assert_eq!(decision.checkout.verdict().outcome(), expected_verdict);
        let is_over = expected.starts_with("Over");
        assert_eq!(decision.checkout.due_at(&rules()).is_some(), !is_over, "what is not over has a timer");
        if expected == "Watched" && permission.is_some() {
            assert_eq!(decision.checkout.due_at(&rules()), Some(sent_at().plus(old)));
        }
    }
}

#[test]
fn an_instant_later_than_now_makes_nothing_older() {
    let before = heard_by(unpaid(PaymentIntent::Authorize));
    let mut shown = evidence(None, Some(AmazonChargeState::Authorized));
    shown.charges[0].created_at = Some(sent_at().plus(48 * HOUR));
    for (age, expected) in [(24 * HOUR, "Watched"), (25 * HOUR, "Open NoSession")] {
        assert_eq!(remembered(&judged(&before, &shown, sent_at().plus(age)).0.checkout), expected);
    }
}

#[test]
fn a_clock_in_question_shows_nobody_how_old_it_is() {
    let before = heard_by(unpaid(PaymentIntent::Authorize));
    let shown = evidence(None, Some(AmazonChargeState::Authorized));
    let now = sent_at().plus(400 * 24 * HOUR);
    let in_question = MerchantRules { hold_expiries: true, ..rules() };
    for (rules, expected) in [(in_question, "Watched"), (rules(), "Open NoSession")] {
        let (decision, _) = judged_by(&before, &shown, now, rules);
        assert_eq!(remembered(&decision.checkout), expected);
        assert!(decision.checkout.due_at(&rules).is_some_and(|due_at| due_at > now));
    }
}

#[test]
fn a_clock_in_question_does_not_end_the_wait_for_a_session_that_is_not_shown() {
    for attempt in [in_doubt_attempt(doubt()), refused("HardDeclined")] {
        let before = heard_by(checkout(PaymentIntent::Authorize, attempt));
        let now = sent_at().plus(400 * 24 * HOUR);
        let in_question = MerchantRules { hold_expiries: true, ..rules() };
        for charge in [None, Some(AmazonChargeState::Authorized)] {
            let shown = evidence(None, charge);
            for (rules, expected) in [(in_question, "Heard"), (rules(), "Open NoSession")] {
                let (decision, _) = judged_by(&before, &shown, now, rules);
                assert_eq!(remembered(&decision.checkout), expected, "{charge:?}");
                assert!(decision.checkout.due_at(&rules).is_some());
            }
        }
    }
}

#[test]
fn nothing_is_judged_before_every_session_was_shown() {
    let before = heard_by(checkout(PaymentIntent::Authorize, refused("HardDeclined")));
    let shown = evidence(None, Some(AmazonChargeState::Captured));
    let (decision, _) = judged(&before, &shown, sent_at().plus(SECOND));
    assert_eq!((remembered(&decision.checkout).as_str(), told(&decision)), ("Heard", vec![]));
    assert!(decision.checkout.is_held());
    for view in [open(), SessionView::Canceled { reason: None }, SessionView::NotFound(access())] {
        let shown = evidence(Some(view), Some(AmazonChargeState::Captured));
        let (decision, _) = judged(&before, &shown, sent_at().plus(SECOND));
        assert_eq!(remembered(&decision.checkout), "Open NoSession");
        assert_eq!(
            decision.checkout.verdict(),
            Verdict::Checking(Some(CheckingReason::Unexplained)),
            "it is not called unpaid"
        );
    }
}

#[test]
fn the_permission_of_an_open_session_is_noted_and_so_is_another_orders() {
    let before = heard_by(checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt())));
    let session = OpenSession { charge_permission_id: Some(other()), ..open_session(&before.terms) };
    let shown = evidence(Some(SessionView::Open(Box::new(session))), Some(AmazonChargeState::Authorized));
    let (decision, next) = judged(&before, &shown, sent_at().plus(30 * HOUR));
    assert_eq!(
        (remembered(&decision.checkout).as_str(), told(&decision)),
        ("Over Noted", vec!["PermissionNoted"])
    );
    assert_eq!(next, NextStep::Rest, "nothing is sent because of it");
    for state in every_state() {
        let before = Checkout { unexplained: vec![known(state.clone())], ..unpaid(PaymentIntent::Authorize) };
        let shown = Evidence { holder: Holder::AnotherOrder, ..Evidence::default() };
        let (decision, _) = judged(&before, &shown, sent_at());
        let is_over = matches!(state, UnexplainedState::Over { .. });
        let expected = if is_over { "Over NotOurs" } else { "Over OfAnotherOrder" };
        assert_eq!(remembered(&decision.checkout), expected);
    }
}

#[test]
fn no_finalize_leaves_while_one_is_heard_of_or_open_and_looks_go_on() {
    for known_state in every_state() {
        let holds = known_state.holds();
        assert_eq!(
            holds,
            matches!(known_state, UnexplainedState::Heard { .. } | UnexplainedState::Open { .. })
        );
        for (state, word) in [
            (AttemptState::Bound { retry_at: sent_at(), missing: None }, "first"),
            (approved(None, sent_at()), "approved"),
            (approved(Some(sent_at()), sent_at()), "approved"),
            (in_doubt_attempt(doubt()), "again"),
        ] {
            let held = Checkout {
                unexplained: vec![known(known_state.clone())],
                ..checkout(PaymentIntent::Authorize, state.clone())
            };
            let mut draft = Draft::new(held.clone(), sent_at(), rules());
            let key = |n: KeyOrdinal| key_of(n.get());
            let next = match word {
                "first" => finalize::begin(&mut draft, AttemptNumber::FIRST, send()),
                "approved" => finalize::begin_approved(&mut draft, AttemptNumber::FIRST, &key),
                _ => finalize::send_again(&mut draft, AttemptNumber::FIRST, &key),
            };
            let is_sent = matches!(next, NextStep::Send(_));
            assert_eq!(is_sent, !holds, "{known_state:?} {word}");
            // It is taken up all the same, and is due again.
            let now = sent_at().plus(SECOND);
            let mut draft = Draft::new(held, now, rules());
            let taken = finalize::take_up(&mut draft, AttemptNumber::FIRST);
            let is_look = matches!(state, AttemptState::Finalize(InFlight::InDoubt(_)));
            match taken {
                Some(NextStep::LookAtSession(_)) => assert!(is_look),
                Some(NextStep::Rest) => assert!(holds && !is_look, "{known_state:?} {word}"),
                Some(_) => assert!(!holds),
                None => panic!("it is due: {known_state:?} {word}"),
            }
            let after = draft.finish().checkout;
            assert!(after.attempts[0].state.due_at().is_some_and(|due_at| due_at > now));
        }
    }
}

#[test]
fn a_bound_session_goes_on_as_soon_as_nothing_holds_it_back() {
    let later = sent_at().plus(60 * SECOND);
    let state = AttemptState::Bound { retry_at: later, missing: None };
    let before = heard_by(checkout(PaymentIntent::Authorize, state));
    let shown = Evidence {
        permission: Some(money(PermissionState::Chargeable, 1_400, 1_400)),
        ..evidence(Some(open()), Some(AmazonChargeState::Declined))
    };
    let (decision, _) = judged(&before, &shown, sent_at());
    assert!(!decision.checkout.is_held());
    assert_eq!(decision.checkout.attempts[0].state.due_at(), Some(sent_at()));
}

#[test]
fn hearing_of_it_again_causes_a_look_unless_it_was_asked_for_since() {
    for state in every_state() {
        let later = LookSchedule { at: sent_at().plus(24 * HOUR), count: 7 };
        let mut record = known(state.clone());
        if let Some(look) = record.state.look_mut() {
            *look = later;
        }
        record.asked_at = Some(sent_at());
        for (received_at, charge, is_looked) in [
            (sent_at().minus(SECOND), None, false),
            (sent_at().minus(SECOND), Some(others_charge()), false),
            (sent_at().minus(SECOND), ChargeId::parse("S01-2-C2").ok(), true),
            (sent_at(), None, true),
        ] {
            let before = Checkout { unexplained: vec![record.clone()], ..unpaid(PaymentIntent::Authorize) };
            let now = sent_at().plus(SECOND);
            let mut draft = Draft::new(before, now, rules());
            assert_eq!(heard(&mut draft, &other(), charge.as_ref(), received_at), Hearing::Taken);
            let after = draft.finish().checkout;
            let due_at = after.unexplained[0].state.look().map(|look| look.at);
            let expected = if is_looked { now } else { later.at };
            let is_over = matches!(state, UnexplainedState::Over { .. });
            assert_eq!(due_at, (!is_over).then_some(expected), "{state:?} {received_at}");
        }
    }
}

#[test]
fn what_another_order_held_is_looked_at_again_when_it_is_heard_of_again() {
    let at = sent_at();
    for end in UnexplainedEnd::ALL {
        let mut record = known(UnexplainedState::Over { end: *end, at });
        record.asked_at = Some(at);
        let before = Checkout { unexplained: vec![record], ..unpaid(PaymentIntent::Authorize) };
        let mut draft = Draft::new(before, at.plus(SECOND), rules());
        assert_eq!(heard(&mut draft, &other(), None, at.plus(SECOND)), Hearing::Taken);
        let is_looked = matches!(end, UnexplainedEnd::Noted | UnexplainedEnd::OfAnotherOrder);
        let expected = if is_looked { "Heard".to_string() } else { format!("Over {end}") };
        assert_eq!(remembered(&draft.finish().checkout), expected);
    }
}

#[test]
fn an_order_follows_twenty_permissions_and_makes_room_by_those_that_were_only_noted() {
    let hear = |checkout: Checkout, id: &str| {
        let mut draft = Draft::new(checkout, sent_at(), rules());
        let hearing = heard(&mut draft, &ChargePermissionId::parse(id).unwrap(), None, sent_at());
        (draft.finish().checkout, hearing)
    };
    let mut order = unpaid(PaymentIntent::Authorize);
    for number in 0..MAX_UNEXPLAINED {
        order = hear(order, &format!("S01-{}", 100 + number)).0;
    }
    assert_eq!(hear(order.clone(), "S01-7").1, Hearing::Full);
    order.unexplained[3].state = UnexplainedState::Over { end: UnexplainedEnd::NotOurs, at: sent_at() };
    let (after, hearing) = hear(order.clone(), "S01-7");
    assert_eq!((after.unexplained.len(), hearing), (MAX_UNEXPLAINED + 1, Hearing::Taken));
    assert_eq!(after.unexplained[3], order.unexplained[3], "a person's decision is kept");
    order.unexplained[5].state = UnexplainedState::Over { end: UnexplainedEnd::Noted, at: sent_at() };
    let (after, hearing) = hear(order, "S01-7");
    assert_eq!((after.unexplained.len(), hearing), (MAX_UNEXPLAINED, Hearing::Taken));
    assert!(after.heard_of(&ChargePermissionId::parse("S01-105").unwrap()).is_none());
    // Its own permission is not heard of.
    let paid = checkout(PaymentIntent::Authorize, completed(Completion::Authorized(charge())));
    let mut draft = Draft::new(paid.clone(), sent_at(), rules());
    assert_eq!(heard(&mut draft, &permission(), None, sent_at()), Hearing::Taken);
    assert_eq!(draft.finish().checkout.unexplained, []);
}

#[test]
fn each_look_is_rescheduled_before_it_leaves() {
    for state in every_state() {
        let before = Checkout { unexplained: vec![known(state.clone())], ..unpaid(PaymentIntent::Authorize) };
        let mut draft = Draft::new(before, sent_at(), rules());
        let taken = take_up_payment(&mut draft);
        let is_over = matches!(state, UnexplainedState::Over { .. });
        assert_eq!(taken, (!is_over).then(|| NextStep::LookAtHeard(other())));
        assert_eq!(take_up_payment(&mut draft), None, "it is taken up once");
        let after = draft.finish().checkout;
        assert_eq!(after.due_at(&rules()).is_some_and(|due_at| due_at > sent_at()), !is_over);
    }
}

/// An order that another system was paid for: captured, and unexplained.
fn unexplained(intent: PaymentIntent) -> (Checkout, Evidence) {
    let shown = Evidence {
        permission: Some(money(PermissionState::Chargeable, 1_400, 0)),
        ..evidence(None, Some(AmazonChargeState::Captured))
    };
    (judged(&heard_by(unpaid(intent)), &shown, sent_at()).0.checkout, shown)
}

#[test]
fn a_person_ends_it_as_ours_if_it_fits_as_not_ours_or_as_returned() {
    let (before, shown) = unexplained(PaymentIntent::AuthorizeWithCapture);
    let decide = |decide: &dyn Fn(&mut Draft) -> Result<(), AdoptionRefused>, checkout: &Checkout| {
        let mut draft = Draft::new(checkout.clone(), sent_at().plus(HOUR), rules());
        let outcome = decide(&mut draft);
        (draft.finish(), outcome)
    };
    let (ours, outcome) = decide(&|draft| adopt(draft, &other(), &shown), &before);
    assert_eq!((outcome, told(&ours)), (Ok(()), vec!["Completed", "UnexplainedSettled"]));
    assert!(matches!(ours.checkout.verdict(), Verdict::Paid(_)));
    assert_eq!(remembered(&ours.checkout), "Over Ours");
    assert_eq!(ours.checkout.attempts[0].session(), None, "its session is not known");
    assert_eq!(ours.checkout.payment.as_ref().unwrap().charge_permission_id, other());
    let gate = fulfilment(&ours.checkout, None, sent_at().plus(HOUR)).unwrap();
    assert_ne!(gate.reason, fulfilment::Reason::Unexplained);
    for end in [decide_not_ours as fn(&mut Draft, &ChargePermissionId) -> _, decide_returned] {
        let (ended, outcome) = decide(&|draft| end(draft, &other()), &before);
        assert_eq!((outcome, told(&ended)), (Ok(()), vec!["UnexplainedSettled"]));
        assert_eq!((ended.checkout.verdict(), ended.checkout.is_held()), (Verdict::Registered, false));
        assert_eq!(ended.checkout.due_at(&rules()), None);
        let (_, again) = decide(&|draft| end(draft, &other()), &ended.checkout);
        assert_eq!(again, Err(AdoptionRefused::NotUndecided));
    }
    // Only what is shown and equal is ours.
    let changed = |change: &dyn Fn(&mut ChargeView)| {
        let mut shown = shown.clone();
        change(&mut shown.charges[0]);
        shown
    };
    for (shown, refused) in [
        (Evidence::default(), AdoptionRefused::NotShown("no charge")),
        (
            changed(&|it| it.seen.charge_amount = AmountView::Shown(usd(1_399))),
            AdoptionRefused::Contradicts(Misfit::ChargeAmountDiffers),
        ),
        (
            changed(&|it| it.captured = AmountView::Shown(usd(1_401))),
            AdoptionRefused::Contradicts(Misfit::CaptureAmountDiffers),
        ),
        (
            changed(&|it| it.seen.charge_amount = AmountView::Shown(Money::from_minor(1_400, Currency::EUR))),
            AdoptionRefused::Contradicts(Misfit::CurrencyDiffers),
        ),
        (
            changed(&|it| it.seen.charge_amount = AmountView::Absent),
            AdoptionRefused::NotShown("a charge without its amount"),
        ),
        (
            changed(&|it| it.charge_permission_id = Some(permission())),
            AdoptionRefused::Contradicts(Misfit::ChargePermissionDiffers),
        ),
        (changed(&|it| it.seen.state = AmazonChargeState::Declined), AdoptionRefused::NotShown("no charge")),
    ] {
        let (after, outcome) = decide(&|draft| adopt(draft, &other(), &shown), &before);
        assert_eq!((outcome, &after.checkout), (Err(refused), &before));
    }
    // Nothing is paid twice.
    let mut paid = checkout(PaymentIntent::AuthorizeWithCapture, completed(Completion::Captured(charge())));
    paid.payment = Payment::begun_by(&paid.terms, &paid.attempts[0]);
    paid.unexplained = before.unexplained.clone();
    let in_doubt = Checkout {
        unexplained: before.unexplained.clone(),
        ..checkout(PaymentIntent::AuthorizeWithCapture, in_doubt_attempt(doubt()))
    };
    for order in [paid, in_doubt] {
        let (_, outcome) = decide(&|draft| adopt(draft, &other(), &shown), &order);
        assert_eq!(outcome, Err(AdoptionRefused::AlreadyPaid));
    }
}

// Promise: D01
#[test]
fn a_sole_integration_adopts_what_fits_once_it_would_be_unexplained() {
    let policy = Policy { integration: Integration::Sole, ..Policy::default() };
    let sole = MerchantRules { policy, ..rules() };
    for (intent, charge, age, expected) in [
        (PaymentIntent::AuthorizeWithCapture, Some(AmazonChargeState::Captured), SECOND, "paid"),
        (PaymentIntent::Authorize, Some(AmazonChargeState::Authorized), SECOND, "registered"),
        (PaymentIntent::Authorize, Some(AmazonChargeState::Authorized), 25 * HOUR, "authorized"),
        (PaymentIntent::Authorize, Some(AmazonChargeState::AuthorizationInitiated), 25 * HOUR, "checking"),
        (PaymentIntent::Confirm, None, SECOND, "registered"),
    ] {
        let balance = if charge.is_some() { 0 } else { 1_400 };
        let shown = Evidence {
            permission: Some(money(PermissionState::Chargeable, 1_400, balance)),
            ..evidence(None, charge)
        };
        let (decision, _) = judged_by(&heard_by(unpaid(intent)), &shown, sent_at().plus(age), sole);
        assert_eq!(decision.checkout.verdict().outcome(), expected, "{intent:?} {charge:?}");
        assert_eq!(decision.checkout.attempts.len(), usize::from(["paid", "authorized"].contains(&expected)));
    }
    // A session that was completed before anything was sent.
    let before = heard_by(checkout(
        PaymentIntent::AuthorizeWithCapture,
        unresolved(UnresolvedReason::CompletedElsewhere),
    ));
    let shown = Evidence {
        permission: Some(money(PermissionState::Chargeable, 1_400, 0)),
        ..evidence(Some(named()), Some(AmazonChargeState::Captured))
    };
    for (rules, expected) in [(sole, "paid"), (rules(), "checking")] {
        let (decision, _) = judged_by(&before, &shown, sent_at(), rules);
        assert_eq!(decision.checkout.verdict().outcome(), expected);
    }
}

#[test]
fn terms_rest_while_it_is_open_and_a_doubt_that_is_resolved_explains_it() {
    let (open, _) = unexplained(PaymentIntent::Authorize);
    for (order, refused) in
        [(open.clone(), Err(TermsRefused::Unexplained)), (heard_by(unpaid(PaymentIntent::Authorize)), Ok(()))]
    {
        let mut draft = Draft::new(order.clone(), sent_at(), rules());
        assert_eq!(draft.change_terms(1, order.terms.clone()), refused);
    }
    let mut in_doubt = checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt()));
    in_doubt.unexplained = open.unexplained;
    let mut draft = Draft::new(in_doubt, sent_at(), rules());
    let answer = FinalizeAnswer::Success(FinalizeSuccess {
        pending: false,
        charge_permission_id: other(),
        charge_id: Some(others_charge()),
        charge_amount: AmountView::Absent,
    });
    finalize::answered(&mut draft, AttemptNumber::FIRST, KeyOrdinal::FIRST, &answer);
    let decision = draft.finish();
    assert_eq!(remembered(&decision.checkout), "forgotten");
    let settled = PaymentEvent::UnexplainedSettled(other());
    assert!(decision.events.contains(&settled.into()));
}

#[test]
fn an_unexplained_permission_does_not_hold_the_send_that_proves_the_payment_of_a_completed_session() {
    let (open, _) = unexplained(PaymentIntent::Authorize);
    let mut in_doubt = checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt()));
    in_doubt.unexplained = open.unexplained;
    assert!(in_doubt.is_held());
    let rules = MerchantRules { finalize_keys: FinalizeKeys::Honoured, ..rules() };
    for is_attempts_own_look in [true, false] {
        let mut draft = Draft::new(in_doubt.clone(), sent_at(), rules);
        let next = if is_attempts_own_look {
            session_seen(&mut draft, AttemptNumber::FIRST, &named())
        } else {
            heard_seen(&mut draft, &other(), &evidence(Some(named()), Some(AmazonChargeState::Captured)))
        };
        assert_eq!(next, NextStep::ProveBySending(AttemptNumber::FIRST));
        let decision = draft.finish();
        assert_eq!(remembered(&decision.checkout), "Open NoSession");
        assert_eq!(told(&decision), ["LookedUp"]);
        let mut draft = Draft::new(decision.checkout, sent_at(), rules);
        let sent = finalize::send_to_prove(&mut draft, AttemptNumber::FIRST, &|n| key_of(n.get()));
        assert!(matches!(sent, NextStep::Send(_)), "{sent:?}");
    }
}

#[test]
fn an_unexplained_permission_does_not_hold_the_sends_that_could_name_the_ids_of_a_completed_session() {
    let (open, _) = unexplained(PaymentIntent::Authorize);
    let unnamed = SessionView::Completed { charge_permission_id: None, charge_id: None };
    for intent in PaymentIntent::ALL {
        let mut order = checkout(*intent, in_doubt_attempt(doubt()));
        order.unexplained.clone_from(&open.unexplained);
        for _ in 1..SENDS_FOR_IDS {
            let mut draft = Draft::new(order, sent_at(), rules());
            let next = session_seen(&mut draft, AttemptNumber::FIRST, &unnamed);
            assert_eq!(next, NextStep::ProveBySending(AttemptNumber::FIRST), "{intent:?}");
            let sent = finalize::send_to_prove(&mut draft, AttemptNumber::FIRST, &|n| key_of(n.get()));
            assert!(matches!(sent, NextStep::Send(_)), "{intent:?} {sent:?}");
            order = draft.finish().checkout;
            assert!(order.is_held());
        }
        let mut draft = Draft::new(order, sent_at(), rules());
        assert_eq!(session_seen(&mut draft, AttemptNumber::FIRST, &unnamed), NextStep::Rest, "{intent:?}");
        let state = &draft.finish().checkout.attempts[0].state;
        let is_given_up =
            matches!(state, AttemptState::Unresolved { reason: UnresolvedReason::IdsMissing, .. });
        assert!(is_given_up, "{intent:?} {state:?}");
    }
}

#[test]
fn nothing_is_unexplained_while_a_finalize_that_may_have_made_it_is_on_its_way() {
    let sent = checkout(PaymentIntent::Authorize, finalizing(sent_at().plus(HOUR)));
    let stale = evidence(Some(open()), Some(AmazonChargeState::Captured));
    let (decision, _) = judged(&heard_by(sent), &stale, sent_at());
    assert_eq!((remembered(&decision.checkout).as_str(), told(&decision)), ("Watched", vec![]));
    let resting = heard_by(unpaid(PaymentIntent::Authorize));
    let (decision, _) = judged(&resting, &stale, sent_at());
    assert_eq!(remembered(&decision.checkout), "Open NoSession");
}

fn declined(charge: Option<FailedCharge>) -> AttemptState {
    AttemptState::NotPaid {
        reason: NotPaidReason::Declined("HardDeclined".to_string()),
        charge,
        at: sent_at(),
    }
}

#[test]
fn what_an_older_copy_shows_does_not_end_the_watch_over_captured_money() {
    let mut session = open_session(&unpaid(PaymentIntent::Authorize).terms);
    session.charge_permission_id = Some(other());
    let stale = Some(SessionView::Open(Box::new(session)));
    let order = heard_by(checkout(PaymentIntent::Authorize, declined(None)));
    let (decision, _) = judged(&order, &evidence(stale, Some(AmazonChargeState::Captured)), sent_at());
    assert_eq!(remembered(&decision.checkout), "Heard", "a session with captured money is not open");

    let untouched = Some(money(PermissionState::Chargeable, 1_400, 1_400));
    let shown = Evidence { permission: untouched, ..evidence(Some(open()), None) };
    let (decision, _) = judged(&order, &shown, sent_at());
    assert_eq!(remembered(&decision.checkout), "Watched", "the charge that was named was not shown");
}

#[test]
fn nothing_is_sent_while_another_attempt_is_contradicted_or_in_doubt() {
    let failed = FailedCharge {
        charge_permission_id: other(),
        charge_id: others_charge(),
        contradicted: Some(look()),
    };
    for first in [declined(Some(failed)), in_doubt_attempt(doubt())] {
        let second = |state: AttemptState| {
            let mut order = checkout(PaymentIntent::Authorize, first.clone());
            let [mut second] =
                <[_; 1]>::try_from(checkout(PaymentIntent::Authorize, state).attempts).unwrap();
            second.number = AttemptNumber::new(2);
            order.attempts.push(second);
            order
        };
        let mut draft = Draft::new(second(in_doubt_attempt(doubt())), sent_at(), rules());
        let next = session_seen(&mut draft, AttemptNumber::new(2), &open());
        assert_eq!(next, NextStep::Rest, "{first:?}");
        let turned_away = approved(Some(sent_at()), sent_at());
        let mut draft = Draft::new(second(turned_away), sent_at(), rules());
        let next = finalize::begin_approved(&mut draft, AttemptNumber::new(2), &|n| key_of(n.get()));
        assert_eq!(next, NextStep::Rest, "{first:?}");
    }
}

// Promise: D02
#[test]
fn the_sessions_of_an_order_are_asked_before_another_order_that_has_the_permission_counts() {
    let canceled = || SessionView::Canceled { reason: None };
    let anothers = |session: Option<SessionView>| Evidence {
        holder: Holder::AnotherOrder,
        ..evidence(session, Some(AmazonChargeState::Captured))
    };
    let minute = 60 * SECOND;
    for (what, state, session, after, expected) in [
        ("not shown", in_doubt_attempt(doubt()), None, minute, "Heard"),
        ("not shown for an hour", in_doubt_attempt(doubt()), None, HOUR, "Over OfAnotherOrder"),
        ("over", in_doubt_attempt(doubt()), Some(canceled()), minute, "Over OfAnotherOrder"),
        ("open", in_doubt_attempt(doubt()), Some(open()), minute, "Over OfAnotherOrder"),
    ] {
        let before = heard_by(checkout(PaymentIntent::Authorize, state));
        let (decision, _) = judged(&before, &anothers(session), sent_at().plus(after));
        assert_eq!(remembered(&decision.checkout), expected, "{what}");
    }
    // It names the permission: the answer of the other order was another act's.
    let before = heard_by(checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt())));
    let (decision, next) = judged(&before, &anothers(Some(named())), sent_at().plus(minute));
    assert!(decision.checkout.heard_of(&other()).is_none_or(|it| it.state.look().is_some()));
    assert_ne!(next, NextStep::Rest);
    let before = heard_by(checkout(PaymentIntent::Authorize, declined(None)));
    let (decision, _) = judged(&before, &anothers(Some(named())), sent_at().plus(minute));
    assert!(decision.checkout.attempts[0].state.is_contradicted());
    // While the other order still has it, this one is held, and goes to a person in the end.
    for (after, expected) in [(minute, "Heard"), (HOUR, "Open CompletedElsewhere")] {
        let mut draft = Draft::new(before.clone(), sent_at().plus(after), rules());
        draft.see_taken(vec![crate::merchant::payment::contest::ClaimedId::Permission(other())]);
        heard_seen(&mut draft, &other(), &anothers(Some(named())));
        let after = draft.finish().checkout;
        assert_eq!(remembered(&after), expected);
        assert!(after.is_held() && after.due_at(&rules()).is_some());
    }
}
