//! Decisions about decisions: what is repeated, disputed, superseded, forgotten or not confirmed.

use super::decide::attempts::send_again;
use super::decide::decided as step;
use super::deciding::*;
use super::paid::{DAY, usd};
use super::*;
use crate::merchant::after::unexplained::Evidence as Heard;
use crate::merchant::attempt::finalize;
use crate::merchant::checkout::cart::CartSight;
use crate::merchant::checkout::sharing::sight_of;
use crate::merchant::checkout::unexplained::{
    Unexplained, UnexplainedEnd, UnexplainedReason, UnexplainedState,
};
use crate::merchant::decision::evidence::Evidence;
use crate::merchant::decision::judge::DecisionRefused;
use crate::merchant::decision::make::{Before, DecisionRequest, make};
use crate::merchant::decision::shown::{AmazonShows, Shown};
use crate::merchant::decision::{
    Asked, Decision, DecisionState, MAX_DECISIONS, Precedence, SECOND_WITHIN, Statement, Subject,
};
use crate::merchant::payment::permission::PermissionMoney;

fn now() -> Timestamp {
    sent_at().plus(2 * DAY)
}

/// An order of 14.00 whose attempt two persons have called paid, without a send of this store.
fn decided_paid() -> Checkout {
    let (first, ..) = by(&never_sent(), "alice", &paid(), &all_shown(), now());
    by(&first, "bob", &paid(), &all_shown(), now()).0
}

// Promise: D03
#[test]
fn two_affirm_a_payment_whatever_was_captured_or_refunded_of_it_since() {
    let decided = decided_paid();
    let part = ChargeView { captured: AmountView::Shown(usd(800)), ..captured() };
    let back = ChargeView { refunded: AmountView::Shown(amount()), ..captured() };
    let lapsed = view(AmazonChargeState::Canceled, AmountView::Shown(amount()));
    for (name, shown) in
        [("as it was", captured()), ("captured in part", part), ("refunded", back), ("lapsed", lapsed)]
    {
        let shows = AmazonShows { charge: Shown::It(shown), ..all_shown() };
        let (disputed, made, _) = by(&decided, "carol", &refund(amount()), &all_shown(), now());
        assert_eq!(told(&disputed, &made), "AwaitsSecond, Completed", "{name}");
        assert!(disputed.decisions.is_disputed());
        let (first, made, _) = by(&disputed, "alice", &paid(), &shows, now());
        assert_eq!(told(&first, &made), "AwaitsSecond, Completed", "{name}");
        let (affirmed, made, events) = by(&first, "bob", &paid(), &shows, now());
        assert_eq!(told(&affirmed, &made), "Made, Completed", "{name}");
        assert!(!affirmed.decisions.is_disputed(), "{name}");
        assert_eq!((&affirmed.attempts, &affirmed.payment), (&decided.attempts, &decided.payment), "{name}");
        let completed =
            |it: &&CheckoutEvent| matches!(it, CheckoutEvent::Attempt { event: AttemptEvent::Completed, .. });
        assert_eq!(events.iter().filter(completed).count(), 0, "{name}: it is not told again");
    }
    let silent = AmazonShows { charge: Shown::Silent, ..all_shown() };
    let (disputed, ..) = by(&decided, "carol", &refund(amount()), &all_shown(), now());
    let (_, made, _) = by(&disputed, "alice", &paid(), &silent, now());
    assert_eq!(made.unwrap_err(), DecisionRefused::AmazonSilent);
    let other =
        Asked::Paid { charge_permission_id: None, charge_id: ChargeId::parse("S01-1-C9").ok(), amount: None };
    let (_, made, _) = by(&disputed, "alice", &other, &all_shown(), now());
    assert_eq!(made.unwrap_err(), DecisionRefused::AmazonSaysOtherwise("chargeId"));
}

// Promise: D03
#[test]
fn two_affirm_that_an_attempt_was_not_paid() {
    let (first, ..) = by(&never_sent(), "alice", &Asked::NotPaid, &anothers_shown(), now());
    let (decided, made, _) = by(&first, "bob", &Asked::NotPaid, &anothers_shown(), now());
    assert_eq!(told(&decided, &made), "Made, NotPaid Decided");
    let (disputed, made, _) = by(&decided, "carol", &paid(), &all_shown(), now());
    assert_eq!(told(&disputed, &made), "AwaitsSecond, NotPaid Decided");
    let (_, made, _) = by(&disputed, "alice", &Asked::NotPaid, &all_shown(), now());
    let refused = DecisionRefused::AmazonSaysOtherwise("statusDetails.state");
    assert_eq!(made, Err(refused), "by now its money names this order");
    let (first, ..) = by(&disputed, "alice", &Asked::NotPaid, &anothers_shown(), now());
    let (affirmed, made, _) = by(&first, "bob", &Asked::NotPaid, &anothers_shown(), now());
    assert_eq!(told(&affirmed, &made), "Made, NotPaid Decided");
    assert!(!affirmed.decisions.is_disputed());
}

// Promise: D03
#[test]
fn what_two_had_to_decide_is_not_decided_again_by_one() {
    // A first request of one person's was replaced, and then two decided: that request is not what holds.
    let (first, ..) = by(&never_sent(), "alice", &paid(), &all_shown(), now());
    let (replaced, ..) = by(&first, "alice", &Asked::NotPaid, &anothers_shown(), now());
    assert_eq!(replaced.decisions.made[0].state.name(), "Expired");
    let (first, ..) = by(&replaced, "alice", &paid(), &all_shown(), now());
    let (decided, made, _) = by(&first, "bob", &paid(), &all_shown(), now());
    assert_eq!(told(&decided, &made), "Made, Completed");
    let mut contradicted = decided;
    contradicted.payment.as_mut().unwrap().charges[0].sight =
        LastSeen::Contradicted(Misfit::CaptureAmountDiffers);
    let (_, made, _) = by(&contradicted, "alice", &paid(), &all_shown(), now());
    assert_eq!(made.unwrap().state, DecisionState::AwaitsSecond { until: now().plus(SECOND_WITHIN) });
}

// Promise: D03
#[test]
fn a_request_that_was_not_confirmed_is_not_answered_as_a_decision() {
    let (first, ..) = as_request(&never_sent(), "case 1", "alice", &paid(), &all_shown(), now());
    let late = now().plus(SECOND_WITHIN);
    for actor in ["alice", "bob"] {
        let (after, made, _) = as_request(&first, "case 1", actor, &paid(), &all_shown(), late);
        assert_eq!(made, Err(DecisionRefused::RequestExpired), "{actor}, before its timer");
        assert_eq!(after, first);
    }
    let mut draft = Draft::new(first, late, rules());
    assert!(crate::merchant::decision::due::take_up(&mut draft));
    let expired = draft.finish().checkout;
    for actor in ["alice", "bob"] {
        let (after, made, _) = as_request(&expired, "case 1", actor, &paid(), &all_shown(), late);
        assert_eq!(made, Err(DecisionRefused::RequestExpired), "{actor}");
        assert_eq!(after, expired);
    }
    let (_, made, _) = as_request(&expired, "case 1", "alice", &Asked::NotPaid, &all_shown(), late);
    assert_eq!(made, Err(DecisionRefused::ReferenceReused));
    let (_, made, _) = as_request(&expired, "case 2", "alice", &paid(), &all_shown(), late);
    assert!(made.is_ok(), "{made:?}");
    // A request that another one has replaced is over as well.
    let (first, ..) = as_request(&never_sent(), "case 1", "alice", &paid(), &all_shown(), now());
    let (replaced, ..) = as_request(&first, "case 2", "bob", &Asked::NotPaid, &anothers_shown(), now());
    let (_, made, _) = as_request(&replaced, "case 1", "carol", &paid(), &all_shown(), now());
    assert_eq!(made, Err(DecisionRefused::RequestExpired));
}

// Promise: D03
#[test]
fn reminders_and_requests_that_nobody_confirmed_make_room() {
    let remind = |n: usize| Asked::Remind { at: Some(now().plus(SECOND * u32::try_from(n + 1).unwrap())) };
    let mut order = never_sent();
    for n in 0..MAX_DECISIONS + 20 {
        let reference = format!("reminder {n}");
        let (after, made, _) = as_request(&order, &reference, "alice", &remind(n), &all_shown(), now());
        assert!(made.is_ok(), "{n}: {made:?}");
        order = after;
    }
    assert_eq!(order.decisions.made.len(), MAX_DECISIONS);
    let (first, made, _) = by(&order, "bob", &paid(), &all_shown(), now());
    assert_eq!(told(&first, &made), "AwaitsSecond, Unresolved CompletedElsewhere");
    let (made_at_last, made, _) = as_request(&first, "c", "carol", &paid(), &all_shown(), now());
    assert_eq!(told(&made_at_last, &made), "Made, Completed");
    assert!(made_at_last.decisions.made.len() <= MAX_DECISIONS);
    // Requests that nobody confirmed make room, too; disputes stay.
    let mut order = never_sent();
    for n in 0..MAX_DECISIONS + 20 {
        let (asked, shows) =
            if n.is_multiple_of(2) { (paid(), all_shown()) } else { (Asked::NotPaid, anothers_shown()) };
        let (after, made, _) = as_request(&order, &format!("case {n}"), "alice", &asked, &shows, now());
        assert!(made.is_ok(), "{n}: {made:?}");
        order = after;
    }
    let mut disputed = decided_paid();
    for n in 0.. {
        let asked = if n % 2 == 0 { Asked::NotPaid } else { refund(amount()) };
        let (after, made, _) =
            as_request(&disputed, &format!("case {n}"), "carol", &asked, &all_shown(), now());
        if made == Err(DecisionRefused::TooManyDecisions) {
            break;
        }
        disputed = after;
    }
    assert!(disputed.decisions.is_disputed());
    assert_eq!(disputed.decisions.made.len(), MAX_DECISIONS);
}

/// An order whose permission nothing explains.
fn unexplained() -> Checkout {
    let look = LookSchedule { at: now(), count: 0 };
    let known = Unexplained {
        charge_permission_id: permission(),
        charge_ids: vec![charge()],
        attempt: None,
        amount: Some(amount()),
        heard_at: sent_at(),
        returning: None,
        asked_at: None,
        state: UnexplainedState::Open { reason: UnexplainedReason::NoSession, since: sent_at(), look },
    };
    Checkout { unexplained: vec![known], ..super::unpaid(PaymentIntent::AuthorizeWithCapture) }
}

fn heard() -> AmazonShows {
    let money = PermissionMoney {
        state: PermissionState::Chargeable,
        created_at: Some(sent_at()),
        limit: AmountView::Shown(amount()),
        balance: AmountView::Shown(usd(0)),
    };
    let heard = Heard { permission: Some(money), charges: vec![captured()], ..Heard::default() };
    AmazonShows { heard, ..AmazonShows::default() }
}

fn whose(
    checkout: &Checkout,
    actor: &str,
    asked: &Asked,
    shows: &AmazonShows,
) -> (Checkout, Result<Decision, DecisionRefused>) {
    let evidence = Evidence::parse("Seller Central shows it").unwrap();
    let subject = Subject::Unexplained(permission());
    let reference = format!("{actor} {}", checkout.decisions.made.len());
    let request =
        DecisionRequest { subject: &subject, asked, reference: &reference, actor, evidence: &evidence };
    let mut draft = Draft::new(checkout.clone(), now(), rules());
    let made = make(&mut draft, &request, shows, Before::Undecided);
    (draft.finish().checkout, made)
}

fn end_of(checkout: &Checkout) -> Option<UnexplainedEnd> {
    match checkout.heard_of(&permission())?.state {
        UnexplainedState::Over { end, .. } => Some(end),
        UnexplainedState::Heard { .. } | UnexplainedState::Watched { .. } | UnexplainedState::Open { .. } => {
            None
        }
    }
}

fn made(made: Result<Decision, DecisionRefused>) -> String {
    made.map_or_else(|refused| format!("{refused:?}"), |made| made.state.name().to_string())
}

// Promise: D03
#[test]
fn whose_a_permission_is_can_be_decided_again_by_two() {
    let silent = AmazonShows::default();
    assert_eq!(made(whose(&unexplained(), "alice", &Asked::NotOurs, &silent).1), "AmazonSilent");
    let (not_ours, decided) = whose(&unexplained(), "alice", &Asked::NotOurs, &heard());
    assert_eq!((made(decided), end_of(&not_ours)), ("Made".to_string(), Some(UnexplainedEnd::NotOurs)));
    assert_eq!(made(whose(&not_ours, "bob", &Asked::NotOurs, &heard()).1), "NotUndecided");
    assert_eq!(made(whose(&not_ours, "bob", &Asked::Remind { at: None }, &heard()).1), "NotUndecided");
    let refund = Asked::RefundUnexplained { amount: amount() };
    assert_eq!(made(whose(&not_ours, "bob", &refund, &heard()).1), "NotUndecided");
    // It is ours after all.
    let (disputed, decided) = whose(&not_ours, "bob", &Asked::Ours, &heard());
    assert_eq!((made(decided), disputed.decisions.is_disputed()), ("AwaitsSecond".to_string(), true));
    let (ours, decided) = whose(&disputed, "carol", &Asked::Ours, &heard());
    assert_eq!((made(decided), end_of(&ours)), ("Made".to_string(), Some(UnexplainedEnd::Ours)));
    assert!(ours.payment.is_some() && !ours.decisions.is_disputed());
    assert_eq!(ours.attempts.len(), 1);
    // Or two repeat that it is not.
    let (first, _) = whose(&disputed, "carol", &Asked::NotOurs, &heard());
    let (affirmed, decided) = whose(&first, "alice", &Asked::NotOurs, &heard());
    assert_eq!((made(decided), affirmed.decisions.is_disputed()), ("Made".to_string(), false));
    // It is not ours after all: the order is unpaid, as long as nothing has happened to the payment.
    assert_eq!(made(whose(&ours, "alice", &Asked::Ours, &heard()).1), "NotUndecided");
    let (first, decided) = whose(&ours, "alice", &Asked::NotOurs, &heard());
    assert_eq!((made(decided), first.decisions.is_disputed()), ("AwaitsSecond".to_string(), true));
    assert!(!fulfilment(&first, None, now()).unwrap().may_ship);
    let (back, decided) = whose(&first, "bob", &Asked::NotOurs, &heard());
    assert_eq!((made(decided), end_of(&back)), ("Made".to_string(), Some(UnexplainedEnd::NotOurs)));
    assert_eq!((back.payment.clone(), back.live_attempt()), (None, None));
    assert_eq!(words_of(&back), "NotPaid Decided");
    let mut used = ours;
    let request = OperationRequest::Refund { charge_id: None, amount: Some(usd(100)) };
    let mut draft = Draft::new(used, now(), rules());
    super::super::payment::ask::ask(&mut draft, OperationName::Shop("1".to_string()), request).unwrap();
    used = draft.finish().checkout;
    assert_eq!(made(whose(&used, "alice", &Asked::NotOurs, &heard()).1), "PaymentInUse");
}

/// The order, whose buyer is there with a second session in this state.
fn with_second(order: &Checkout, state: AttemptState) -> Checkout {
    let mut order = order.clone();
    let number = AttemptNumber::new(2);
    let second =
        Attempt { number, state, bound_at: now(), buyer_seen_at: now(), ..order.attempts[0].clone() };
    order.attempts.push(second);
    order
}

// Promise: B08, D03
#[test]
fn while_persons_disagree_about_a_payment_no_session_of_the_order_is_sent() {
    let (first, ..) = by(&never_sent(), "alice", &Asked::NotPaid, &anothers_shown(), now());
    let (decided, ..) = by(&first, "bob", &Asked::NotPaid, &anothers_shown(), now());
    let (disputed, made, _) = by(&decided, "carol", &paid(), &all_shown(), now());
    assert_eq!(told(&disputed, &made), "AwaitsSecond, NotPaid Decided");
    let mut expired = disputed.clone();
    expired.decisions.made.last_mut().unwrap().state = DecisionState::Expired { at: now() };
    let (one_affirms, ..) = by(&disputed, "alice", &Asked::NotPaid, &anothers_shown(), now());
    let (affirmed, ..) = by(&one_affirms, "bob", &Asked::NotPaid, &anothers_shown(), now());
    let about = |subject: Subject| {
        let mut order = disputed.clone();
        order.decisions.made.iter_mut().for_each(|it| it.subject = subject.clone());
        order
    };
    let of_permission = about(Subject::Unexplained(permission()));
    let of_operation = about(Subject::Operation(OperationNumber::FIRST));
    for (name, order, is_held) in [
        ("decided", &decided, false),
        ("disputed", &disputed, true),
        ("nobody has confirmed the dispute", &expired, true),
        ("one affirms", &one_affirms, true),
        ("two affirm", &affirmed, false),
        ("about a permission", &of_permission, true),
        ("about an operation", &of_operation, false),
    ] {
        assert_eq!(order.is_held(), is_held, "{name}");
        let in_question = Verdict::Checking(Some(CheckingReason::DecisionDisputed));
        assert_eq!(order.verdict() == in_question, is_held, "{name}");
        assert_eq!(sight_of([order], now()) != CartSight::Free, is_held, "{name}");
        for state in [
            AttemptState::Bound { retry_at: now(), missing: None },
            approved(None, now()),
            approved(Some(now()), now()),
            not_approved(now(), Some(now())),
        ] {
            let before = with_second(order, state.clone());
            let n = before.attempts[1].next_key_ordinal();
            let send = KeyedRequest { n, idempotency_key: key_of(n.get()), body: Arc::from(*b"body") };
            let begin = |draft: &mut Draft| finalize::begin(draft, AttemptNumber::new(2), send);
            let (_, next) = step(&before, now(), &rules(), begin);
            assert_eq!(matches!(next, NextStep::Send(_)), !is_held, "{name}: {state:?}");
            assert!(before.due_at(&rules()).is_some(), "{name}: it has a timer");
        }
        let doubt = Doubt { since: now(), ..refused_doubt() };
        let in_doubt = with_second(order, in_doubt_attempt(doubt));
        assert_eq!(send_again(&in_doubt, 2, &key_of).is_some(), !is_held, "{name}");
    }
}

// Promise: D03
#[test]
fn one_person_says_not_ours_only_if_every_session_that_may_have_paid_is_shown() {
    let open = SessionView::Open(Box::default());
    let canceled = SessionView::Canceled { reason: None };
    let declined = AttemptState::NotPaid {
        reason: NotPaidReason::Declined("HardDeclined".to_string()),
        charge: None,
        at: sent_at(),
    };
    let bound = AttemptState::Bound { retry_at: now(), missing: None };
    for state in [declined, bound, not_approved(sent_at(), None)] {
        for (sessions, alone) in [
            (vec![open.clone(), open.clone()], true),
            (vec![open.clone(), canceled.clone()], true),
            (vec![], false),
            (vec![open.clone()], false),
            (vec![open.clone(), SessionView::NotFound(access())], false),
        ] {
            let of_attempt = checkout(PaymentIntent::AuthorizeWithCapture, state.clone()).attempts;
            let second = Attempt { number: AttemptNumber::new(2), ..of_attempt[0].clone() };
            let order = Checkout { attempts: vec![of_attempt[0].clone(), second], ..unexplained() };
            let numbers = order.attempts.iter().map(|it| it.number);
            let mut shows = heard();
            shows.heard.sessions = numbers.zip(sessions.clone()).collect();
            let (first, decided) = whose(&order, "alice", &Asked::NotOurs, &shows);
            let expected = if alone { "Made" } else { "AwaitsSecond" };
            assert_eq!(made(decided), expected, "{state:?} {sessions:?}");
            assert_eq!(first.is_held(), !alone, "{state:?} {sessions:?}: no other Finalize leaves");
            if !alone {
                let (second, decided) = whose(&first, "bob", &Asked::NotOurs, &shows);
                assert_eq!((made(decided), second.is_held()), ("Made".to_string(), false));
            }
        }
    }
}

fn decision_about(subject: Subject, asked: Asked, supersedes: Precedence, state: DecisionState) -> Decision {
    let first = Statement {
        reference: format!("{asked:?} {}", state.name()),
        actor: "carol".to_string(),
        evidence: Evidence::parse("x").unwrap(),
        at: sent_at(),
    };
    Decision { subject, asked, first, second: None, supersedes, replaces: None, state }
}

// Promise: D03
#[test]
fn what_was_decided_about_a_payment_ends_when_the_payment_is_dropped() {
    use crate::merchant::payment::contest::{ClaimedId, Holder};
    let at = sent_at();
    let operation = || Subject::Operation(OperationNumber::FIRST);
    let dispute = || Subject::Dispute(crate::ids::DisputeId::parse("D1").unwrap());
    let done = || Asked::Done { charge_id: None, refund_id: None };
    let states = || [DecisionState::AwaitsSecond { until: at.plus(DAY) }, DecisionState::Expired { at }];
    for (subject, holds, disputes) in
        [(operation(), Asked::NoEffect, done()), (dispute(), Asked::Won, Asked::Lost { amount: None })]
    {
        for state in states() {
            let made = DecisionState::Made { at };
            let told = [
                decision_about(subject.clone(), holds.clone(), Precedence::First, made),
                decision_about(subject.clone(), disputes.clone(), Precedence::Disputes, state),
            ];
            // Persons had taken it for the order's, and say that it is not.
            let first = whose(&unexplained(), "alice", &Asked::Ours, &heard()).0;
            let mut adopted = whose(&first, "bob", &Asked::Ours, &heard()).0;
            adopted.decisions.made.extend(told.clone());
            assert!(adopted.decisions.is_disputed());
            let first = whose(&adopted, "alice", &Asked::NotOurs, &heard()).0;
            let dropped = whose(&first, "bob", &Asked::NotOurs, &heard()).0;
            // Another order had it.
            let mut order = contested(ClaimedId::Permission(permission()), Holder::ThisOrder);
            order.decisions.made.extend(told);
            let session = Shown::It(SessionView::Completed {
                charge_permission_id: ChargePermissionId::parse("S01-9").ok(),
                charge_id: ChargeId::parse("S01-9-C9").ok(),
            });
            let shows = AmazonShows { session, ..all_shown() };
            let first = by(&order, "alice", &Asked::NotPaid, &shows, now()).0;
            let given_up = by(&first, "bob", &Asked::NotPaid, &shows, now()).0;
            for after in [dropped, given_up] {
                assert!(after.payment.is_none() && !after.decisions.is_disputed(), "{subject:?} {state:?}");
                assert_eq!(after.decisions.of(&subject), None, "{subject:?}: the next payment has its own");
                assert_eq!(after.decisions.awaited(&subject), None);
                assert_eq!(after.decisions.due_at(), None);
            }
        }
    }
}
