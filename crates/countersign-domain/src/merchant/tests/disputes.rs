//! Disputes: what they hold back until a person has settled them, and what is lost by them.

use super::decide::payments::*;
use super::paid::*;
use super::*;
use crate::ids::DisputeId;
use crate::merchant::after::dispute::{DisputeOutcome, SettledBefore, SettlementRefused, settle_dispute};
use crate::merchant::payment::dispute::DisputeState;
use crate::merchant::payment::send::TOO_MUCH;
use crate::merchant::rules::MAX_DISPUTES;

fn id(n: usize) -> DisputeId {
    DisputeId::parse(&format!("S01-1-B{n}")).unwrap()
}

fn captured() -> Checkout {
    paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))]))
}

/// The order after Amazon has notified of a dispute.
fn disputed(before: &Checkout, n: usize, charge_id: Option<ChargeId>, now: Timestamp) -> CheckoutStep {
    hinted(before, &Hint::Dispute(id(n), charge_id), now, &rules()).unwrap().0
}

fn settled(
    before: &Checkout,
    n: usize,
    outcome: DisputeOutcome,
    now: Timestamp,
) -> Result<CheckoutDecision, SettlementRefused> {
    let mut draft = Draft::new(before.clone(), now, rules());
    settle_dispute(&mut draft, &id(n), outcome, SettledBefore::Counts).map(|()| draft.finish())
}

fn settle(before: &Checkout, n: usize, outcome: DisputeOutcome, now: Timestamp) -> Checkout {
    settled(before, n, outcome, now).unwrap().checkout
}

fn opened(events: &[CheckoutEvent]) -> usize {
    let is_opened =
        |it: &&CheckoutEvent| matches!(it, CheckoutEvent::Payment(PaymentEvent::DisputeOpened(_)));
    events.iter().filter(is_opened).count()
}

fn left(checkout: &Checkout) -> Money {
    let payment = checkout.payment.as_ref().unwrap();
    payment.refundable(&payment.charges[0], RefundCeiling::Captured)
}

fn operations_of(checkout: &Checkout) -> &[Operation] {
    &checkout.payment.as_ref().unwrap().operations
}

// Promise: B19
#[test]
fn each_dispute_is_one_object_however_often_amazon_notifies_of_it() {
    let first = disputed(&captured(), 1, None, sent_at());
    assert_eq!(opened(&first.events), 1);
    let again = hinted(&first.next, &Hint::Dispute(id(1), None), sent_at().plus(DAY), &rules());
    assert_eq!(again.map_or(0, |(step, _)| opened(&step.events)), 0);
    let second = disputed(&first.next, 2, Some(charge()), sent_at());
    assert_eq!(opened(&second.events), 1);
    let disputes = &second.next.payment.as_ref().unwrap().disputes;
    let known: Vec<_> = disputes.iter().map(|it| (it.id.clone(), it.charge_id.clone())).collect();
    assert_eq!(known, [(id(1), None), (id(2), Some(charge()))]);
    // A settled one stays settled, whatever Amazon notifies of.
    let won = settle(&second.next, 1, DisputeOutcome::Won, sent_at());
    let again = hinted(&won, &Hint::Dispute(id(1), None), sent_at(), &rules());
    assert_eq!(again.map_or(0, |(step, _)| opened(&step.events)), 0);
    // The number is limited.
    let mut many = captured();
    for n in 0..MAX_DISPUTES {
        many = disputed(&many, n, None, sent_at()).next;
    }
    let more = hinted(&many, &Hint::Dispute(id(MAX_DISPUTES), None), sent_at(), &rules());
    assert_eq!(more.map_or(0, |(step, _)| opened(&step.events)), 0);
    assert_eq!(many.payment.as_ref().unwrap().disputes.len(), MAX_DISPUTES);
}

// Promise: B09
#[test]
fn nothing_ships_while_a_dispute_is_open_or_for_what_was_lost() {
    let gate = |checkout: &Checkout| {
        let answer = fulfilment(checkout, None, sent_at()).unwrap();
        (answer.may_ship, answer.reason.as_str())
    };
    for state in [ChargeState::Authorized, ChargeState::Captured(hundred())] {
        let before = paid(payment_of(vec![charge_in(state.clone())]));
        let (may_ship, word) = gate(&before);
        assert!(may_ship);
        for charge_id in [None, Some(charge())] {
            let open = disputed(&before, 1, charge_id, sent_at()).next;
            assert_eq!(gate(&open), (false, "Disputed"), "{state:?}");
            let both = disputed(&open, 2, None, sent_at()).next;
            let won = settle(&both, 1, DisputeOutcome::Won, sent_at());
            assert_eq!(gate(&won), (false, "Disputed"), "another one is open");
            assert_eq!(gate(&settle(&won, 2, DisputeOutcome::Won, sent_at())), (true, word));
        }
    }
    let open = disputed(&captured(), 1, None, sent_at()).next;
    for (lost, expected) in [
        (None, (false, "Disputed")),
        (Some(hundred()), (false, "Disputed")),
        (Some(usd(9_999)), (true, "Captured")),
    ] {
        let lost = settle(&open, 1, DisputeOutcome::Lost(lost), sent_at());
        assert_eq!(gate(&lost), expected);
    }
    let part = settle(&open, 1, DisputeOutcome::Lost(Some(usd(3_000))), sent_at());
    let payment = part.payment.as_ref().unwrap();
    assert_eq!(payment.shippable(&payment.charges[0]), usd(7_000));
}

// Promise: B16
#[test]
fn what_is_disputed_or_lost_is_not_refunded() {
    let ask_for = |checkout: &Checkout, amount: Option<Money>| {
        let asked = OperationRequest::Refund { charge_id: None, amount };
        let name = OperationName::Shop("refund".to_string());
        match ask(checkout, name, asked, sent_at(), &rules()) {
            Ok(RecordedOperation::New(_, step)) => Ok(operations_of(&step.next)[0].request.amount().unwrap()),
            Ok(RecordedOperation::Known(_)) => panic!("it was never requested"),
            Err(refused) => Err(refused),
        }
    };
    let open = disputed(&captured(), 1, None, sent_at()).next;
    assert_eq!(left(&open), usd(0));
    assert_eq!(ask_for(&open, None), Err(OperationRefused::Disputed));
    assert_eq!(ask_for(&open, Some(usd(1))), Err(OperationRefused::Disputed));
    let won = settle(&open, 1, DisputeOutcome::Won, sent_at());
    assert_eq!(ask_for(&won, None), Ok(hundred()));
    let lost = settle(&open, 1, DisputeOutcome::Lost(Some(usd(3_000))), sent_at());
    assert_eq!(ask_for(&lost, None), Ok(usd(7_000)));
    assert_eq!(ask_for(&lost, Some(usd(7_001))), Err(OperationRefused::Disputed));
    assert_eq!(left(&settle(&open, 1, DisputeOutcome::Lost(None), sent_at())), usd(0));
    // A dispute of one charge leaves the others alone.
    let other = ChargeId::parse("S01-1-C9").unwrap();
    assert_eq!(ask_for(&disputed(&captured(), 1, Some(other), sent_at()).next, None), Ok(hundred()));
}

// Promise: B34
#[test]
fn a_cancellation_waits_for_a_dispute_and_goes_on_when_it_is_settled() {
    let now = sent_at().plus(DAY);
    let open = disputed(&captured(), 1, None, sent_at()).next;
    let canceled = match request_cancel(&open, "c", None, now, &rules()) {
        Ok(CancelAsked::New(step)) => step.next,
        other => panic!("{other:?}"),
    };
    assert!(operations_of(&canceled).is_empty());
    assert!(matches!(
        canceled.cancellation.as_ref().unwrap().state,
        CancellationState::Requested { is_stuck: false, .. }
    ));
    let mut reminded = Vec::new();
    let mut later = canceled.clone();
    for _ in 0..200 {
        let due_at = later.due_at(&rules()).unwrap();
        let (step, _) = take_up_payment(&later, due_at, &rules()).unwrap();
        reminded.extend(step.events.iter().filter_map(|event| match event {
            CheckoutEvent::Payment(PaymentEvent::CancellationStuck { why }) => Some(why.clone()),
            _ => None,
        }));
        later = step.next;
    }
    assert!(reminded.iter().any(|why| why == "a dispute is open"), "{reminded:?}");
    assert!(operations_of(&later).is_empty(), "a reminder sends nothing");
    let won = settle(&canceled, 1, DisputeOutcome::Won, now);
    assert_eq!(operations_of(&won)[0].request.amount(), Some(hundred()));
    let lost = settle(&canceled, 1, DisputeOutcome::Lost(None), now);
    assert!(matches!(operations_of(&lost)[0].request, PaymentCall::Close { .. }), "nothing is refunded");
    let part = settle(&canceled, 1, DisputeOutcome::Lost(Some(usd(1_000))), now);
    assert_eq!(operations_of(&part)[0].request.amount(), Some(usd(9_000)));
}

// Promise: B16, B34
#[test]
fn what_was_recorded_before_a_dispute_is_not_sent_while_it_is_open() {
    let now = sent_at().plus(10 * SECOND);
    let shown = |mut checkout: Checkout| {
        checkout.payment.as_mut().unwrap().charges[0].sight = LastSeen::At(now);
        checkout
    };
    let with = |state: OperationState| {
        let mut checkout = shown(captured());
        checkout.payment.as_mut().unwrap().operations = vec![operation(1, refund(), state)];
        disputed(&checkout, 1, Some(charge()), now).next
    };
    let waiting = begin_or_look(&with(recorded()), 1, now, &rules());
    assert_eq!(waiting.1, NextStep::Rest);
    let waits_until = operations_of(&waiting.0.next)[0].state.due_at().unwrap();
    assert!(waits_until > now);
    assert_eq!(again_or_look(&with(in_doubt()), 1, now, &rules()).1, NextStep::Rest);
    // Won: it is due now, and is sent. Lost: nothing is left for it.
    let won = settle(&waiting.0.next, 1, DisputeOutcome::Won, now);
    assert_eq!(operations_of(&won)[0].state.due_at(), Some(now));
    assert!(matches!(begin_or_look(&won, 1, now, &rules()).1, NextStep::Send(_)));
    let lost = settle(&waiting.0.next, 1, DisputeOutcome::Lost(None), now);
    let (step, next) = begin_or_look(&lost, 1, now, &rules());
    assert_eq!(next, NextStep::Rest);
    let refused = OperationState::Refused { code: TOO_MUCH.to_string() };
    assert_eq!(operations_of(&step.next)[0].state, refused);
    // A capture of the shop's goes on.
    let mut capturing = paid(payment_of(vec![charge_in(ChargeState::Authorized)]));
    capturing.payment.as_mut().unwrap().operations = vec![operation(1, capture(), recorded())];
    let capturing = disputed(&capturing, 1, None, now).next;
    assert!(matches!(begin_or_look(&capturing, 1, now, &rules()).1, NextStep::Send(_)));
}

#[test]
fn a_person_is_reminded_of_an_open_dispute_until_it_is_settled() {
    let mut checkout = disputed(&captured(), 1, None, sent_at()).next;
    let mut days = Vec::new();
    while days.len() < 5 {
        let due_at = checkout.due_at(&rules()).unwrap();
        let (step, _) = take_up_payment(&checkout, due_at, &rules()).unwrap();
        let is_reminder =
            |it: &CheckoutEvent| matches!(it, CheckoutEvent::Payment(PaymentEvent::DisputeStillOpen { .. }));
        if step.events.iter().any(is_reminder) {
            days.push(due_at.since(sent_at()).as_secs() / 86_400);
        }
        checkout = step.next;
    }
    assert_eq!(days, [1, 7, 25, 55, 85]);
    let over = settle(&checkout, 1, DisputeOutcome::Won, sent_at().plus(90 * DAY));
    assert_eq!(over.payment.as_ref().unwrap().disputes[0].due_at(), None);
}

#[test]
fn a_dispute_is_settled_once() {
    let open = disputed(&captured(), 1, None, sent_at()).next;
    let refused = |checkout: &Checkout, n, outcome| settled(checkout, n, outcome, sent_at()).unwrap_err();
    assert_eq!(refused(&captured(), 1, DisputeOutcome::Won), SettlementRefused::NoSuchDispute);
    assert_eq!(refused(&open, 2, DisputeOutcome::Won), SettlementRefused::NoSuchDispute);
    let yen = Money::from_minor(100, Currency::JPY);
    for amount in [usd(0), usd(10_001), yen] {
        let outcome = DisputeOutcome::Lost(Some(amount));
        assert_eq!(refused(&open, 1, outcome), SettlementRefused::WrongAmount(usd(10_000)));
    }
    let won = settle(&open, 1, DisputeOutcome::Won, sent_at());
    let lost = settle(&open, 1, DisputeOutcome::Lost(Some(usd(5))), sent_at());
    for (settled_as, same, others) in [
        (&won, DisputeOutcome::Won, [DisputeOutcome::Lost(None), DisputeOutcome::Lost(Some(usd(5)))]),
        (
            &lost,
            DisputeOutcome::Lost(Some(usd(5))),
            [DisputeOutcome::Won, DisputeOutcome::Lost(Some(usd(6)))],
        ),
    ] {
        let again = settled(settled_as, 1, same, sent_at().plus(DAY)).unwrap();
        assert!(again.events.is_empty());
        assert_eq!(again.checkout.payment, settled_as.payment);
        for other in others {
            assert_eq!(refused(settled_as, 1, other), SettlementRefused::SettledBefore);
        }
    }
    let state = lost.payment.as_ref().unwrap().disputes[0].state;
    assert_eq!((state, state.name()), (DisputeState::Lost { at: sent_at() }, "Lost"));
}
