//! The money of a second payment is returned because persons have decided it: one call by the charge's id, never
//! without a look, and the order's own payment stays as it is.

use super::decide::decided;
use super::*;
use crate::merchant::after::due::take_up_payment;
use crate::merchant::after::fulfilment::Reason;
use crate::merchant::after::returning::{begin_return, decide_to_return, return_answered};
use crate::merchant::after::unexplained::{Evidence, heard_seen};
use crate::merchant::checkout::standing::Need;
use crate::merchant::checkout::unexplained::{ReturnState, Unexplained, UnexplainedReason, UnexplainedState};
use crate::merchant::decision::evidence::Evidence as Why;
use crate::merchant::decision::judge::DecisionRefused;
use crate::merchant::decision::make::{Before, DecisionRequest, make};
use crate::merchant::decision::shown::AmazonShows;
use crate::merchant::decision::{Asked, DecisionState, Subject};
use crate::merchant::payment::permission::PermissionMoney;

const MINUTE: Duration = Duration::from_secs(60);

fn second() -> ChargePermissionId {
    ChargePermissionId::parse("S01-2").unwrap()
}

fn seconds_charge() -> ChargeId {
    ChargeId::parse("S01-2-C1").unwrap()
}

/// An order that is paid, and was paid a second time.
fn paid_twice() -> Checkout {
    let mut checkout =
        checkout(PaymentIntent::AuthorizeWithCapture, completed(Completion::Captured(charge())));
    checkout.payment = Payment::begun_by(&checkout.terms, &checkout.attempts[0]);
    checkout.attempts.push(Attempt {
        number: AttemptNumber::new(2),
        checkout_session_id: CheckoutSessionId::parse("session2").unwrap(),
        state: AttemptState::Surplus { of: AttemptNumber::FIRST },
        ..checkout.attempts[0].clone()
    });
    let (reason, look) = (UnexplainedReason::PaidTwice, LookSchedule { at: sent_at(), count: 0 });
    checkout.unexplained.push(Unexplained {
        charge_permission_id: second(),
        charge_ids: vec![seconds_charge()],
        attempt: Some(AttemptNumber::new(2)),
        amount: Some(amount()),
        heard_at: sent_at(),
        asked_at: None,
        returning: None,
        state: UnexplainedState::Open { reason, since: sent_at(), look },
    });
    checkout
}

fn seen_as(state: AmazonChargeState, refunded: u64) -> ChargeView {
    ChargeView {
        id: seconds_charge(),
        charge_permission_id: Some(second()),
        refunded: AmountView::Shown(Money::from_minor(refunded, Currency::USD)),
        ..view(state, AmountView::Shown(amount()))
    }
}

fn evidence(charge: Option<ChargeView>) -> Evidence {
    let completed =
        SessionView::Completed { charge_permission_id: Some(second()), charge_id: Some(seconds_charge()) };
    Evidence {
        sessions: vec![(AttemptNumber::new(2), completed)],
        permission: Some(PermissionMoney {
            state: PermissionState::NonChargeable("TransactionAmountExceeded".to_string()),
            created_at: Some(sent_at()),
            limit: AmountView::Shown(amount()),
            balance: AmountView::Shown(Money::zero(Currency::USD)),
        }),
        charges: charge.into_iter().collect(),
        ..Evidence::default()
    }
}

fn decided_to_return(state: AmazonChargeState) -> Checkout {
    let shown = seen_as(state, 0);
    decided(&paid_twice(), sent_at(), &rules(), |draft| {
        decide_to_return(draft, &second(), &shown, amount());
    })
    .0
    .unwrap()
    .next
}

fn looked(before: &Checkout, charge: Option<ChargeView>, now: Timestamp) -> (Checkout, NextStep) {
    let shown = evidence(charge);
    let (step, next) = decided(before, now, &rules(), |draft| heard_seen(draft, &second(), &shown));
    (step.map_or_else(|| before.clone(), |step| step.next), next)
}

fn begun(before: &Checkout, key: u32, now: Timestamp) -> (Checkout, Option<(PaymentCall, KeyedRequest)>) {
    let first = KeyedRequest { idempotency_key: key_of(key), ..send() };
    let (step, next) = decided(before, now, &rules(), |draft| begin_return(draft, &second(), first.clone()));
    let sent = match next {
        NextStep::Send(OutgoingCall::Return { charge_permission_id, request, send }) => {
            assert_eq!(charge_permission_id, second());
            Some((request, send))
        }
        _ => None,
    };
    (step.map_or_else(|| before.clone(), |step| step.next), sent)
}

fn answered(before: &Checkout, answer: &OperationAnswer, now: Timestamp) -> (Checkout, Vec<CheckoutEvent>) {
    let step = decided(before, now, &rules(), |draft| return_answered(draft, &second(), answer)).0;
    step.map_or_else(|| (before.clone(), Vec::new()), |step| (step.next, step.events))
}

fn state_of(checkout: &Checkout) -> String {
    let known = checkout.heard_of(&second()).unwrap();
    let returning = known.returning.as_ref();
    let call = returning.map_or("none", |it| match &it.state {
        ReturnState::Recorded => "Recorded",
        ReturnState::Sent { .. } => "Sent",
        ReturnState::Accepted { .. } => "Accepted",
        ReturnState::Refused { code } => code,
    });
    format!("{} {call}", known.state.name())
}

fn refund_view(state: RefundState) -> RefundView {
    RefundView {
        id: RefundId::parse("S01-2-R1").unwrap(),
        charge_id: seconds_charge(),
        amount: amount(),
        state,
    }
}

// Promise: B06
#[test]
fn what_persons_return_is_looked_at_first_and_leaves_once_under_one_key() {
    let refund = PaymentCall::Refund { charge_id: seconds_charge(), amount: amount() };
    let cancel = PaymentCall::CancelCharge { charge_id: seconds_charge() };
    for (state, call) in [(AmazonChargeState::Captured, refund), (AmazonChargeState::Authorized, cancel)] {
        let before = decided_to_return(state);
        assert_eq!(before.due_at(&rules()), Some(sent_at()), "{state:?}");
        let own = before.payment.clone();
        // Nothing leaves before Amazon has shown the money.
        let (before, next) = looked(&before, None, sent_at());
        assert_eq!(next, NextStep::Rest);
        let (before, next) = looked(&before, Some(seen_as(state, 0)), sent_at());
        assert_eq!(next, NextStep::BeginReturn(second()), "{state:?}");
        let (before, sent) = begun(&before, 1, sent_at());
        assert_eq!(sent, Some((call.clone(), KeyedRequest { idempotency_key: key_of(1), ..send() })));
        // The answer is lost: the same bytes leave again under the same key, after another look.
        let lost = OperationAnswer::Unclear { cause: "lost".to_string(), kind: UnclearKind::Unknown };
        let (before, _) = answered(&before, &lost, sent_at());
        assert_eq!(state_of(&before), "Open Sent");
        let later = sent_at().plus(MINUTE);
        let (before, next) = looked(&before, Some(seen_as(state, 0)), later);
        assert_eq!(next, NextStep::BeginReturn(second()));
        let (before, sent) = begun(&before, 2, later);
        assert_eq!(sent.unwrap().1.idempotency_key, key_of(1));
        let success = match state {
            AmazonChargeState::Captured => ObjectView::Refund(refund_view(RefundState::RefundInitiated)),
            _ => ObjectView::Charge(seen_as(AmazonChargeState::Canceled, 0)),
        };
        let (before, _) = answered(&before, &OperationAnswer::Success(success), later);
        assert_eq!(state_of(&before), "Open Accepted", "{state:?}");
        let (before, next) = looked(&before, Some(seen_as(state, 0)), later.plus(MINUTE));
        assert_eq!(next, NextStep::Rest, "it does not leave again");
        assert!(!fulfilment(&before, None, later.plus(MINUTE)).unwrap().may_ship);
        assert_eq!(before.payment, own, "the order's own payment is not touched");
        let end = match state {
            AmazonChargeState::Captured => seen_as(AmazonChargeState::Captured, 1_400),
            _ => seen_as(AmazonChargeState::Canceled, 0),
        };
        let returned = Evidence {
            permission: Some(PermissionMoney {
                state: PermissionState::Closed("MerchantClosed".to_string()),
                ..evidence(None).permission.unwrap()
            }),
            ..evidence(Some(end))
        };
        let balance = if state == AmazonChargeState::Captured { 0 } else { 1_400 };
        let returned = Evidence {
            permission: returned.permission.map(|it| PermissionMoney {
                balance: AmountView::Shown(Money::from_minor(balance, Currency::USD)),
                ..it
            }),
            ..returned
        };
        let now = later.plus(2 * MINUTE);
        let see = |draft: &mut Draft| heard_seen(draft, &second(), &returned);
        let step = decided(&before, now, &rules(), see).0.unwrap();
        assert_eq!(state_of(&step.next), "Over Accepted", "{state:?}");
        assert!(
            step.events.contains(&CheckoutEvent::Payment(PaymentEvent::UnexplainedSettled(second()))),
            "{:?}",
            step.events
        );
        assert!(!step.next.is_unexplained() && !step.next.may_be_paid_twice());
    }
}

#[test]
fn what_cannot_be_returned_any_more_is_not_sent_and_persons_decide_again() {
    use AmazonChargeState::{Authorized, Canceled, CaptureInitiated, Captured, Declined};
    for (decided_for, then, refunded, expected) in [
        // Somebody else has refunded a part meanwhile, or captured what was to be canceled.
        (Captured, Captured, 400, "ExceedsRefundable"),
        (Captured, Captured, 1, "ExceedsRefundable"),
        (Authorized, Captured, 0, "NotAuthorized"),
        (Authorized, CaptureInitiated, 0, "NotAuthorized"),
        (Authorized, Declined, 0, "Recorded"),
        (Authorized, Canceled, 0, "Recorded"),
    ] {
        let before = decided_to_return(decided_for);
        let (after, next) = looked(&before, Some(seen_as(then, refunded)), sent_at());
        assert_eq!(next, NextStep::Rest, "{decided_for:?} {then:?}");
        assert_eq!(state_of(&after).split_once(' ').unwrap().1, expected, "{decided_for:?} {then:?}");
    }
    let sent = |state| {
        let (before, _) = looked(&decided_to_return(state), Some(seen_as(state, 0)), sent_at());
        begun(&before, 1, sent_at()).0
    };
    let refused = OperationAnswer::Refused("InvalidChargeStatus".to_string());
    let (after, events) = answered(&sent(Captured), &refused, sent_at());
    assert_eq!(state_of(&after), "Open InvalidChargeStatus");
    let is_told =
        |it: &&CheckoutEvent| matches!(it, CheckoutEvent::Payment(PaymentEvent::ReturnRefused { .. }));
    assert_eq!(events.iter().filter(is_told).count(), 1);
    // The refusal of a second copy says nothing of the first, until that has arrived for certain.
    for (pause, expected) in [(MINUTE, "Sent"), (5 * MINUTE, "InvalidChargeStatus")] {
        let later = sent_at().plus(pause);
        let (before, _) = looked(&sent(Captured), Some(seen_as(Captured, 0)), later);
        let (before, _) = begun(&before, 1, later);
        assert_eq!(state_of(&answered(&before, &refused, later).0), format!("Open {expected}"), "{pause:?}");
    }
    // An answer about other money proves nothing.
    for view in [
        ObjectView::Refund(RefundView { charge_id: charge(), ..refund_view(RefundState::RefundInitiated) }),
        ObjectView::Refund(RefundView {
            amount: Money::from_minor(1, Currency::USD),
            ..refund_view(RefundState::RefundInitiated)
        }),
        ObjectView::OnlyId(OperationEffect::Refund(RefundId::parse("S01-2-R1").unwrap())),
    ] {
        let (after, _) = answered(&sent(Captured), &OperationAnswer::Success(view), sent_at());
        assert_eq!(state_of(&after), "Open Sent");
    }
    // A refund that Amazon declines in the end has returned nothing.
    let success = OperationAnswer::Success(ObjectView::Refund(refund_view(RefundState::RefundInitiated)));
    let (before, _) = answered(&sent(Captured), &success, sent_at());
    let declined = Evidence {
        refund: Some(refund_view(RefundState::Declined(Some("ProcessingFailure".to_string())))),
        ..evidence(Some(seen_as(Captured, 0)))
    };
    let see = |draft: &mut Draft| heard_seen(draft, &second(), &declined);
    let after = decided(&before, sent_at().plus(MINUTE), &rules(), see).0.unwrap().next;
    assert_eq!(state_of(&after), "Open ProcessingFailure");
    let (again, _) = looked(&after, Some(seen_as(Captured, 0)), sent_at().plus(2 * MINUTE));
    assert_eq!(again.heard_of(&second()).unwrap().returning.as_ref().unwrap().try_number, 1);
    // A new decision has a key of its own.
    let shown = seen_as(Captured, 0);
    let decide = |draft: &mut Draft| decide_to_return(draft, &second(), &shown, amount());
    let again = decided(&again, sent_at().plus(2 * MINUTE), &rules(), decide).0.unwrap().next;
    assert_eq!(again.heard_of(&second()).unwrap().returning.as_ref().unwrap().try_number, 2);
}

// Promise: D03
#[test]
fn two_persons_return_a_second_payment_and_the_order_keeps_its_own() {
    let subject = Subject::Unexplained(second());
    let why = Why::parse("Seller Central shows both").unwrap();
    let refund = |minor| Asked::RefundUnexplained { amount: Money::from_minor(minor, Currency::USD) };
    let by = |before: &Checkout, actor: &str, asked: &Asked, shown: Evidence, now: Timestamp| {
        let shows = AmazonShows { heard: shown, ..AmazonShows::default() };
        let reference = format!("{actor} {}", before.decisions.made.len());
        let request =
            DecisionRequest { subject: &subject, asked, reference: &reference, actor, evidence: &why };
        let (step, made) =
            decided(before, now, &rules(), |draft| make(draft, &request, &shows, Before::Undecided));
        (step.map_or_else(|| before.clone(), |step| step.next), made)
    };
    let captured = || evidence(Some(seen_as(AmazonChargeState::Captured, 0)));
    let before = paid_twice();
    let (_, refused) = by(&before, "alice", &refund(1_399), captured(), sent_at());
    assert_eq!(refused, Err(DecisionRefused::NotWhatIsLeft(amount())));
    let (_, refused) = by(&before, "alice", &Asked::Ours, captured(), sent_at());
    assert_eq!(refused, Err(DecisionRefused::AnotherPayment));
    // A session of the order has paid it: one person alone cannot say that it is not the order's.
    let (_, made) = by(&before, "alice", &Asked::NotOurs, captured(), sent_at());
    assert!(matches!(made.unwrap().state, DecisionState::AwaitsSecond { .. }));
    let (first, made) = by(&before, "alice", &refund(1_400), captured(), sent_at());
    assert!(matches!(made.unwrap().state, DecisionState::AwaitsSecond { .. }));
    assert_eq!(state_of(&first), "Open none");
    let (after, made) = by(&first, "bob", &refund(1_400), captured(), sent_at());
    assert!(matches!(made.unwrap().state, DecisionState::Made { .. }));
    assert_eq!(state_of(&after), "Open Recorded");
    assert_eq!(after.payment, before.payment);
    assert_eq!(after.cancellation, None, "the order keeps its own payment");
    let mut draft = Draft::new(after.clone(), sent_at(), rules());
    assert_eq!(take_up_payment(&mut draft), Some(NextStep::LookAtHeard(second())));
    // It needs nobody while its money is on its way back, and does again if it does not arrive; no parcel leaves.
    assert_eq!((before.needs(), after.needs()), (vec![Need::Unexplained], vec![]));
    assert_eq!(first.needs(), [Need::Unexplained], "it waits for the second person");
    assert_eq!(fulfilment(&after, None, sent_at()).unwrap().reason, Reason::Unexplained);
    let with = |asked_at: Timestamp, state: ReturnState| {
        let mut order = after.clone();
        let known = order.unexplained.iter_mut().find(|it| it.charge_permission_id == second()).unwrap();
        known.asked_at = Some(asked_at);
        known.returning.as_mut().unwrap().state = state;
        order.needs()
    };
    let days = |days: u32| sent_at().plus(24 * 60 * MINUTE * days);
    let accepted = || ReturnState::Accepted { refund_id: None };
    assert_eq!(with(days(24), accepted()), []);
    for needed in [
        with(days(25), accepted()),
        with(days(25), ReturnState::Recorded),
        with(days(0), ReturnState::Refused { code: "InvalidChargeStatus".to_string() }),
    ] {
        assert_eq!(needed, [Need::Unexplained]);
    }
    // While it is being returned, nobody decides it again.
    let (_, refused) = by(&after, "carol", &refund(1_400), captured(), sent_at());
    assert_eq!(refused, Err(DecisionRefused::NotUndecided));
    // Beside an attempt in doubt it is returned too, and the order goes on.
    let mut in_doubt = paid_twice();
    in_doubt.payment = None;
    in_doubt.attempts[0].state = in_doubt_attempt(doubt());
    let (first, _) = by(&in_doubt, "alice", &refund(1_400), captured(), sent_at());
    let (after, made) = by(&first, "bob", &refund(1_400), captured(), sent_at());
    assert!(made.is_ok(), "{made:?}");
    assert_eq!((state_of(&after).as_str(), after.payment), ("Open Recorded", None));
}
