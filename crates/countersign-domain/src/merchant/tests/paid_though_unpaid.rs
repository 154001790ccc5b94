//! A success of this store's own Finalize that arrives for an attempt which counts as unpaid: money was taken, so the order
//! is called neither paid nor unpaid, nothing ships and nothing else is sent until that is settled.

use super::decide::attempts::*;
use super::decide::decided;
use super::*;
use crate::address::AddressMember;
use crate::merchant::attempt::prove::permission_seen;
use crate::merchant::attempt::{FailedCharge, RefusalLooks};
use crate::merchant::checkout::standing::{Need, Standing};
use crate::merchant::proof::SessionPermission;

fn ends() -> Vec<NotPaidReason> {
    use NotPaidReason as Reason;
    vec![
        Reason::Declined("HardDeclined".to_string()),
        Reason::SessionCanceled(Some("Expired".to_string())),
        Reason::SessionCanceled(None),
        Reason::Mismatch("chargeAmount".to_string()),
        Reason::AddressDrift(AddressKind::Shipping, AddressMember::City),
        Reason::Misuse("InvalidRequest".to_string()),
        Reason::SessionGone,
        Reason::Abandoned,
        Reason::OrderCanceled,
        Reason::ChargeDeclined(None),
        Reason::ChargeCanceled(None),
        Reason::Decided,
    ]
}

fn not_paid(reason: NotPaidReason, failed: Option<ChargeId>) -> AttemptState {
    let charge = failed.map(|charge_id| FailedCharge {
        charge_permission_id: permission(),
        charge_id,
        contradicted: None,
    });
    AttemptState::NotPaid { reason, charge, at: sent_at() }
}

fn success_of(checkout: &Checkout, pending: bool, charge_amount: AmountView) -> FinalizeAnswer {
    let charge_id = (checkout.terms.payment_intent != PaymentIntent::Confirm).then(charge);
    let charge_permission_id = permission();
    FinalizeAnswer::Success(FinalizeSuccess { pending, charge_permission_id, charge_id, charge_amount })
}

/// The decision about an answer to the first attempt, and the step that follows.
fn answer(
    before: &Checkout,
    answer: &FinalizeAnswer,
    now: Timestamp,
) -> (Checkout, Vec<CheckoutEvent>, NextStep) {
    let decide = |draft: &mut Draft| {
        crate::merchant::attempt::finalize::answered(draft, AttemptNumber::FIRST, KeyOrdinal::FIRST, answer)
    };
    let (step, next) = decided(before, now, &rules(), decide);
    let step = step.unwrap();
    (step.next, step.events, next)
}

#[track_caller]
fn is_contradicted(after: &Checkout, events: &[CheckoutEvent], now: Timestamp, what: &str) {
    let [event] = events else { panic!("{what}: {events:?}") };
    let AttemptEvent::Contradicted { misfit, charge_permission_id, .. } = self::what(event) else {
        panic!("{what}: {event:?}")
    };
    assert_eq!((*misfit, charge_permission_id), (Misfit::StateDiffers, &permission()), "{what}");
    let contradicted = Verdict::Checking(Some(CheckingReason::CONTRADICTED));
    assert_eq!(after.verdict_of(&after.attempts[0]), contradicted, "{what}");
    assert_eq!(after.verdict(), contradicted, "{what}");
    assert_eq!(after.standing(now), Standing::Contradicted, "{what}");
    assert!(!fulfilment(after, None, now).unwrap().may_ship, "{what}");
    assert_eq!(after.needs(), [Need::Contradicted], "{what}");
    assert!(after.due_at(&rules()).is_some_and(|at| at > now), "{what}: looks go on");
    assert_eq!(after.attempts[0].refusal, None, "{what}");
    super::standing::agrees(after, now).unwrap();
    // A session that was bound before is not sent, and one that comes is not bound.
    let key_of = |n| super::key_of(n);
    assert!(
        !matches!(begin(after, 2, Arc::from(*b"body"), &key_of, now, &rules()), BeginResult::Send(..)),
        "{what}"
    );
    let third = CheckoutSessionId::parse("session3").unwrap();
    let Ok(Arrival::New(3, step)) = arrive(after, &third, &GivenAddresses::default(), now, &rules()) else {
        panic!("{what}")
    };
    assert_eq!(step.next.attempts[2].state.name(), "Surplus", "{what}");
    assert!(change_terms_is_refused(after), "{what}");
}

fn change_terms_is_refused(after: &Checkout) -> bool {
    let terms = Terms { charge_amount: Money::from_minor(1, Currency::USD), ..after.terms.clone() };
    let live = after.live_attempt().is_some();
    live && super::decide::change_terms(after, after.terms_version, terms).is_err()
}

/// An order whose first attempt has ended so, and another session of which is bound.
fn ended(intent: PaymentIntent, state: AttemptState) -> Checkout {
    let mut before = checkout(intent, state);
    let bound = Attempt {
        number: AttemptNumber::new(2),
        checkout_session_id: CheckoutSessionId::parse("session2").unwrap(),
        refusal: None,
        state: AttemptState::Bound { retry_at: sent_at().plus(30 * SECOND), missing: None },
        ..before.attempts[0].clone()
    };
    before.attempts.push(bound);
    before
}

// Promise: B06
#[test]
fn a_late_success_contradicts_each_way_in_which_an_attempt_came_to_be_unpaid() {
    let now = sent_at().plus(2 * SECOND);
    for intent in PaymentIntent::ALL.iter().copied() {
        for reason in ends() {
            for refusal in [None, Some(RefusalLooks::default())] {
                for amount in [
                    AmountView::Absent,
                    AmountView::Shown(amount()),
                    AmountView::Shown(Money::from_minor(1, Currency::USD)),
                ] {
                    let what = format!("{intent} {reason:?} {refusal:?} {amount:?}");
                    let mut before = ended(intent, not_paid(reason.clone(), None));
                    before.attempts[0].refusal = refusal;
                    let (after, events, next) = answer(&before, &success_of(&before, false, amount), now);
                    is_contradicted(&after, &events, now, &what);
                    match intent {
                        PaymentIntent::Confirm => assert_eq!(next, NextStep::Rest, "{what}"),
                        PaymentIntent::Authorize | PaymentIntent::AuthorizeWithCapture => {
                            assert!(
                                matches!(next, NextStep::LookAtAttemptsCharge { .. }),
                                "{what}: {next:?}"
                            );
                        }
                    }
                    // The same answer once more is reported, and changes nothing.
                    let (again, _) = decided(&after, now, &rules(), |draft| {
                        crate::merchant::attempt::finalize::answered(
                            draft,
                            AttemptNumber::FIRST,
                            KeyOrdinal::FIRST,
                            &success_of(&before, false, amount),
                        )
                    });
                    assert!(again.is_none_or(|again| again.next == after), "{what}");
                }
            }
        }
    }
}

// Promise: B06
#[test]
fn a_late_success_that_is_pending_contradicts_until_its_charge_has_failed() {
    for intent in [PaymentIntent::Authorize, PaymentIntent::AuthorizeWithCapture] {
        for state in [AmazonChargeState::Declined, AmazonChargeState::Canceled, AmazonChargeState::Authorized]
        {
            let now = sent_at().plus(2 * SECOND);
            let before = ended(intent, not_paid(NotPaidReason::SessionCanceled(None), None));
            let (after, events, _) = answer(&before, &success_of(&before, true, AmountView::Absent), now);
            is_contradicted(&after, &events, now, &format!("{intent} {state:?}"));
            let shown = view(state, AmountView::Shown(amount()));
            let step = charge_seen(&after, 1, &permission(), &shown, now);
            if state == AmazonChargeState::Authorized {
                let step = step.map_or(after, |step| step.next);
                assert_eq!(step.needs(), [Need::Contradicted], "only a person decides");
                continue;
            }
            let step = step.unwrap();
            assert!(matches!(step.events.iter().map(what).collect::<Vec<_>>()[..], [AttemptEvent::Settled]));
            assert_eq!(step.next.needs(), []);
            assert_eq!(step.next.live_attempt(), None, "another session may be sent");
        }
    }
}

// Promise: B06
#[test]
fn a_late_success_of_a_confirm_is_settled_by_its_permission() {
    for (limit, settled) in [(amount(), true), (Money::from_minor(1, Currency::USD), false)] {
        let now = sent_at().plus(2 * SECOND);
        let before = ended(PaymentIntent::Confirm, not_paid(NotPaidReason::Decided, None));
        let (after, ..) = answer(&before, &success_of(&before, false, AmountView::Absent), now);
        let completed = SessionView::Completed { charge_permission_id: Some(permission()), charge_id: None };
        let (step, next) = session_seen(&after, 1, &completed, now, &rules()).unwrap();
        assert!(matches!(next, NextStep::LookAtAttemptsPermission { .. }), "{next:?}");
        let shown = SessionPermission {
            id: permission(),
            state: PermissionState::Chargeable,
            reference: Some("c1".to_string()),
            limit: AmountView::Shown(limit),
        };
        let see = |draft: &mut Draft| permission_seen(draft, AttemptNumber::FIRST, &shown);
        let after = decided(&step.next, now, &rules(), see).0.map_or(step.next, |step| step.next);
        let outcome = if settled { "confirmed" } else { "checking" };
        assert_eq!(after.verdict().outcome(), outcome, "{limit:?}");
        assert_eq!(after.needs().is_empty(), settled, "{limit:?}");
    }
}

// Promise: B06
#[test]
fn a_late_success_that_says_nothing_new_is_only_reported() {
    let now = sent_at().plus(2 * SECOND);
    let declined = || NotPaidReason::ChargeDeclined(None);
    let half = FinalizeAnswer::Success(FinalizeSuccess {
        pending: false,
        charge_permission_id: permission(),
        charge_id: None,
        charge_amount: AmountView::Absent,
    });
    let unpaid = |failed| checkout(PaymentIntent::Authorize, not_paid(declined(), failed));
    // Persons have refunded it.
    let mut refunded = unpaid(None);
    let completed = completed(Completion::Authorized(charge()));
    refunded.payment =
        Payment::begun_by(&refunded.terms, &checkout(PaymentIntent::Authorize, completed).attempts[0]);
    let whole = |before: &Checkout| success_of(before, false, AmountView::Absent);
    let repeats_failed = unpaid(Some(charge()));
    let cases = [
        ("the charge that failed", repeats_failed.clone(), whole(&repeats_failed)),
        ("without a charge", unpaid(None), half),
        ("the order's own payment", refunded.clone(), whole(&refunded)),
    ];
    for (what, before, said) in cases {
        let (after, events, next) = answer(&before, &said, now);
        assert!(matches!(self::what(&events[0]), AttemptEvent::Contradiction { .. }), "{what}: {events:?}");
        assert_eq!((after, events.len(), next), (before, 1, NextStep::Rest), "{what}");
    }
    // Another charge than the one that failed is news.
    let before = ended(PaymentIntent::Authorize, not_paid(declined(), ChargeId::parse("S01-1-C9").ok()));
    let (after, events, _) = answer(&before, &whole(&before), now);
    is_contradicted(&after, &events, now, "another charge");
}

// Promise: B06
#[test]
fn a_late_success_whose_ids_another_order_holds_is_not_believed() {
    let before = checkout(PaymentIntent::Authorize, not_paid(NotPaidReason::Decided, None));
    let now = sent_at().plus(2 * SECOND);
    let mut draft = Draft::new(before.clone(), now, rules());
    draft.see_taken(vec![crate::merchant::payment::contest::ClaimedId::Charge(charge())]);
    let said = success_of(&before, false, AmountView::Absent);
    crate::merchant::attempt::finalize::answered(&mut draft, AttemptNumber::FIRST, KeyOrdinal::FIRST, &said);
    let decision = draft.finish();
    assert_eq!(decision.checkout, before);
    assert!(matches!(what(&decision.events[0]), AttemptEvent::Contradiction { .. }), "it is reported");
}

/// The states of an attempt of which nothing is expected.
fn unsent() -> [AttemptState; 5] {
    [
        AttemptState::Bound { retry_at: sent_at().plus(30 * SECOND), missing: None },
        approved(None, sent_at().plus(30 * SECOND)),
        approved(Some(sent_at()), sent_at().plus(30 * SECOND)),
        AttemptState::Surplus { of: AttemptNumber::new(2) },
        AttemptState::Released { at: sent_at() },
    ]
}

// Promise: B06
#[test]
fn a_late_success_of_an_attempt_that_was_not_to_be_paid_holds_the_order_until_its_charge_is_shown() {
    let now = sent_at().plus(2 * SECOND);
    for intent in PaymentIntent::ALL.iter().copied() {
        for state in unsent() {
            let what = format!("{intent} {state:?}");
            let mut before = ended(intent, state);
            before.attempts[1].state = not_paid(NotPaidReason::SessionCanceled(None), None);
            let (after, events, next) = answer(&before, &success_of(&before, false, AmountView::Absent), now);
            let [event] = &events[..] else { panic!("{what}: {events:?}") };
            assert!(matches!(self::what(event), AttemptEvent::Contradicted { .. }), "{what}: {event:?}");
            assert_eq!(after.verdict(), Verdict::Checking(Some(CheckingReason::CONTRADICTED)), "{what}");
            assert_eq!(after.needs(), [Need::Contradicted], "{what}");
            assert_eq!(after.live_attempt().map(|it| it.number.get()), Some(1), "{what}");
            assert!(after.due_at(&rules()).is_some_and(|at| at > now), "{what}: looks go on");
            super::standing::agrees(&after, now).unwrap();
            if intent == PaymentIntent::Confirm {
                assert_eq!(next, NextStep::Rest, "{what}");
                continue;
            }
            assert!(matches!(next, NextStep::LookAtAttemptsCharge { .. }), "{what}: {next:?}");
            // The money is the order's, and so it is paid.
            for (terms, amount, is_settled) in [
                (after.terms_version, amount(), true),
                (after.terms_version + 1, amount(), false),
                (after.terms_version, Money::from_minor(1, Currency::USD), false),
            ] {
                let after = Checkout { terms_version: terms, ..after.clone() };
                let state = if intent == PaymentIntent::Authorize {
                    AmazonChargeState::Authorized
                } else {
                    AmazonChargeState::Captured
                };
                let mut shown = view(state, AmountView::Shown(amount));
                if state == AmazonChargeState::Captured {
                    shown.captured = AmountView::Shown(amount);
                }
                let step = charge_seen(&after, 1, &permission(), &shown, now);
                let then = step.map_or(after, |step| step.next);
                assert_eq!(then.payment.is_some(), is_settled, "{what}");
                assert_eq!(then.needs().is_empty(), is_settled, "{what}");
            }
        }
    }
}

// Promise: B06, D04
#[test]
fn a_late_success_of_a_surplus_attempt_beside_another_payment_is_paid_twice() {
    let now = sent_at().plus(2 * SECOND);
    for state in unsent() {
        let what = format!("{state:?}");
        let mut before = ended(PaymentIntent::Authorize, state);
        let own = ChargePermissionId::parse("S01-2").unwrap();
        let completion = Completion::Authorized(ChargeId::parse("S01-2-C1").unwrap());
        before.attempts[1].state =
            AttemptState::Completed { completion, charge_permission_id: own, at: sent_at() };
        before.payment = Payment::begun_by(&before.terms, &before.attempts[1]);
        let (after, events, _) = answer(&before, &success_of(&before, false, AmountView::Absent), now);
        let is_told = |it: &CheckoutEvent| matches!(it, CheckoutEvent::Payment(PaymentEvent::Unexplained(id)) if *id == permission());
        assert_eq!(events.iter().filter(|it| is_told(it)).count(), 1, "{what}: {events:?}");
        assert_eq!(after.needs(), [Need::Unexplained], "{what}");
        assert!(!fulfilment(&after, None, now).unwrap().may_ship, "{what}");
        assert_eq!(after.payment, before.payment, "{what}");
        // The same answer once more is reported, and changes nothing.
        let (again, ..) = answer(&after, &success_of(&before, false, AmountView::Absent), now);
        assert_eq!(again, after, "{what}");
    }
}
