//! What others made under our permission: it counts, and no rule, policy or cancellation touches it.

use super::decide::payments::*;
use super::paid::*;
use super::*;

fn theirs_id() -> ChargeId {
    ChargeId::parse("S01-1-C2").unwrap()
}

fn theirs(state: ChargeState) -> Charge {
    Charge { id: theirs_id(), origin: ChargeOrigin::Elsewhere, amount: usd(5_000), ..charge_in(state) }
}

/// An order with our captured charge and one of others.
fn with_theirs(state: ChargeState) -> Checkout {
    paid(payment_of(vec![charge_in(ChargeState::Captured(hundred())), theirs(state)]))
}

fn their_states() -> Vec<ChargeState> {
    let states = charge_states().into_iter().filter(ChargeState::holds_money);
    states
        .map(|state| {
            if state == ChargeState::Captured(hundred()) { ChargeState::Captured(usd(5_000)) } else { state }
        })
        .collect()
}

fn requests(checkout: &Checkout) -> Vec<PaymentCall> {
    checkout.payment.as_ref().unwrap().operations.iter().map(|it| it.request.clone()).collect()
}

// Promise: B34, D18
#[test]
fn a_cancellation_leaves_what_others_made_in_whatever_state_it_is() {
    for state in their_states() {
        let before = with_theirs(state.clone());
        let step = match request_cancel(&before, "c", None, sent_at(), &rules()) {
            Ok(CancelAsked::New(step)) => step,
            other => panic!("{other:?}"),
        };
        let refund = PaymentCall::Refund { charge_id: charge(), amount: hundred() };
        assert_eq!(requests(&step.next), [refund], "{state:?}");
        let left: Vec<_> = step.next.left_to_others().map(|charge| charge.id.clone()).collect();
        assert_eq!(left, [theirs_id()], "{state:?}");
        // Ours is refunded: the permission is closed, and nothing waits for theirs.
        let mut undone = step.next.clone();
        let payment = undone.payment.as_mut().unwrap();
        payment.operations[0].state = OperationState::Done(OperationEffect::Refund(refund_id()));
        payment.charges[0].refunds = vec![refund_in(10_000, RefundState::Refunded)];
        let closing = Draft::new(undone, sent_at(), rules()).finish().checkout;
        assert!(matches!(requests(&closing)[1], PaymentCall::Close { .. }), "{state:?}");
        let mut closed_now = closing;
        let payment = closed_now.payment.as_mut().unwrap();
        payment.operations[1].state = OperationState::Done(OperationEffect::Closed);
        payment.permission.state = closed();
        let done = Draft::new(closed_now, sent_at(), rules()).finish().checkout;
        assert!(
            matches!(done.cancellation.as_ref().unwrap().state, CancellationState::Done { .. }),
            "{state:?}"
        );
        assert_eq!(done.left_to_others().count(), 1);
        // A reminder touches nothing of theirs, either.
        let mut reminded = done;
        reminded.cancellation.as_mut().unwrap().state =
            CancellationState::Requested { remind_at: sent_at(), is_stuck: true };
        for _ in 0..20 {
            let Some((step, _)) = take_up_payment(&reminded, sent_at(), &rules()) else { break };
            reminded = step.next;
        }
        assert!(requests(&reminded).iter().all(|it| it.charge_id() != Some(&theirs_id())), "{state:?}");
    }
}

// Promise: B15, D18
#[test]
fn no_policy_captures_what_others_made_and_nobody_is_warned_of_it() {
    for policy in [CapturePolicy::BeforeExpiry, CapturePolicy::BeforeGuaranteeEnds, CapturePolicy::Manual] {
        let policy = Policy { capture_policy: policy, ..Policy::default() };
        let rules = MerchantRules { policy, ..rules() };
        let mut checkout = paid(payment_of(vec![theirs(ChargeState::Authorized)]));
        let mut events = Vec::new();
        for _ in 0..200 {
            let Some(due_at) = checkout.due_at(&rules).filter(|at| *at < sent_at().plus(31 * DAY)) else {
                break;
            };
            let (step, _) = take_up_payment(&checkout, due_at, &rules).unwrap();
            events.extend(step.events);
            checkout = step.next;
        }
        assert!(requests(&checkout).is_empty());
        let warned =
            |it: &CheckoutEvent| matches!(it, CheckoutEvent::Payment(PaymentEvent::CaptureDue { .. }));
        assert!(!events.iter().any(warned));
    }
    let own = paid(payment_of(vec![charge_in(ChargeState::Authorized)]));
    assert!(own.due_at(&rules()).unwrap() < sent_at().plus(30 * DAY), "ours is warned of");
}

// Promise: B15, B16
#[test]
fn a_request_means_what_others_made_only_if_it_names_it_with_the_amount() {
    let capture = |charge_id, amount| OperationRequest::Capture { charge_id, amount };
    let refund = |charge_id, amount| OperationRequest::Refund { charge_id, amount };
    let authorized = paid(payment_of(vec![theirs(ChargeState::Authorized)]));
    let captured = paid(payment_of(vec![theirs(ChargeState::Captured(usd(5_000)))]));
    let both = with_theirs(ChargeState::Captured(usd(5_000)));
    let named = Some(theirs_id());
    let is_meant = |checkout: &Checkout, asked: OperationRequest| {
        let name = OperationName::Shop("r".to_string());
        match ask(checkout, name, asked, sent_at(), &rules()) {
            Ok(RecordedOperation::New(_, step)) => Ok(requests(&step.next)[0].charge_id().cloned().unwrap()),
            Ok(RecordedOperation::Known(_)) => panic!("it was never requested"),
            Err(refused) => Err(refused),
        }
    };
    assert!(matches!(is_meant(&authorized, capture(None, None)), Err(OperationRefused::NotAuthorized(_))));
    assert!(matches!(is_meant(&captured, refund(None, None)), Err(OperationRefused::NotCaptured(_))));
    assert!(matches!(is_meant(&captured, refund(None, Some(usd(1)))), Err(OperationRefused::NotCaptured(_))));
    assert_eq!(is_meant(&both, refund(None, None)), Ok(charge()));
    let refused = is_meant(&authorized, capture(named.clone(), None)).unwrap_err();
    assert_eq!(
        (refused, refused.field()),
        (OperationRefused::AmountNotNamed("captureAmount"), Some("captureAmount"))
    );
    let refused = is_meant(&both, refund(named.clone(), None)).unwrap_err();
    assert_eq!(
        (refused, refused.field()),
        (OperationRefused::AmountNotNamed("refundAmount"), Some("refundAmount"))
    );
    assert_eq!(is_meant(&authorized, capture(named.clone(), Some(usd(5_000)))), Ok(theirs_id()));
    assert_eq!(is_meant(&both, refund(named.clone(), Some(usd(5_000)))), Ok(theirs_id()));
    // After the order was canceled, it may still be refunded, and nothing else.
    let canceled = match request_cancel(&both, "c", None, sent_at(), &rules()) {
        Ok(CancelAsked::New(step)) => step.next,
        other => panic!("{other:?}"),
    };
    let after = |asked| ask(&canceled, OperationName::Shop("r".to_string()), asked, sent_at(), &rules());
    assert!(after(refund(named.clone(), Some(usd(5_000)))).is_ok());
    assert_eq!(after(refund(named, None)).unwrap_err(), OperationRefused::AmountNotNamed("refundAmount"));
    let ours = Some(charge());
    assert_eq!(after(refund(ours, Some(usd(1)))).unwrap_err(), OperationRefused::OrderCanceled);
}

// Promise: B09
#[test]
fn what_was_captured_for_less_than_was_asked_for_pays_for_no_parcel() {
    let gate = |captured: u64, asked: Option<OperationState>| {
        let mut checkout = paid(payment_of(vec![charge_in(ChargeState::Captured(usd(captured)))]));
        let request = PaymentCall::Capture { charge_id: charge(), amount: usd(4_000) };
        checkout.payment.as_mut().unwrap().operations =
            asked.into_iter().map(|state| operation(1, request.clone(), state)).collect();
        let answer = fulfilment(&checkout, None, sent_at()).unwrap();
        (answer.may_ship, answer.reason.as_str())
    };
    let done = OperationState::Done(OperationEffect::Charge(charge()));
    let refused = OperationState::Refused { code: "NotAuthorized".to_string() };
    assert_eq!(gate(10_000, None), (true, "Captured"));
    assert_eq!(gate(9_999, None), (false, "PartlyCaptured"), "others captured it");
    assert_eq!(gate(4_000, Some(done.clone())), (true, "Captured"), "the shop asked for a part");
    assert_eq!(gate(3_999, Some(done)), (false, "PartlyCaptured"));
    assert_eq!(gate(4_000, Some(refused)), (false, "PartlyCaptured"), "others were faster");
}
