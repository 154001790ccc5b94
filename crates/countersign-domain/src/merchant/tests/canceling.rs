//! An order is canceled, at any point of its life.

use super::decide::attempts::{answered as finalize_answered, arrive, session_seen, take_up};
use super::decide::change_terms;
use super::decide::payments::*;
use super::paid::*;
use super::*;

fn canceled(checkout: &Checkout) -> CheckoutStep {
    match request_cancel(checkout, "cancel1", Some("the buyer called"), sent_at(), &rules()) {
        Ok(CancelAsked::New(step)) => step,
        other => panic!("{other:?}"),
    }
}

fn asked_for(checkout: &Checkout) -> String {
    let operations = checkout.payment.iter().flat_map(|payment| &payment.operations);
    let words = operations.map(|operation| {
        let call = operation.request.call();
        let amount = match &operation.request {
            PaymentCall::Refund { amount, .. } => format!(" {}", amount.amount()),
            _ => String::new(),
        };
        format!("{call}{amount} {}", operation_words(operation, sent_at()))
    });
    words.collect::<Vec<_>>().join("; ")
}

fn progress(checkout: &Checkout) -> &'static str {
    match checkout.cancellation.as_ref().map(|cancellation| cancellation.state) {
        None => "not canceled",
        Some(CancellationState::Requested { is_stuck: true, .. }) => "stuck",
        Some(CancellationState::Requested { .. }) => "under way",
        Some(CancellationState::Done { .. }) => "done",
    }
}

#[test]
fn each_attempt_is_canceled_so() {
    let mut table = String::new();
    let registered = unpaid(PaymentIntent::Authorize);
    let step = canceled(&registered);
    table.push_str(&format!(
        "{:<42} {} ({})\n",
        "registered",
        progress(&step.next),
        happened_to_payment(&step)
    ));
    for intent in [PaymentIntent::Authorize, PaymentIntent::Confirm] {
        for state in states() {
            let completion = match intent {
                PaymentIntent::Confirm => Completion::Confirmed,
                _ => Completion::Authorized(charge()),
            };
            let before = checkout(intent, with_completion(state, completion));
            let before = with_payment(before);
            let was = words(&before.attempts[0], sent_at());
            let step = canceled(&before);
            let (is, done) = (words(&step.next.attempts[0], sent_at()), progress(&step.next));
            let (asked, intent) = (asked_for(&step.next), intent.as_str());
            table.push_str(&format!("{intent:<9} {was:<38} {is:<38} {done:<9} {asked}\n"));
            let is_owned = step.next.due_at(&rules()).is_some();
            // A canceled order is still looked at where a copy of a refused request could be executed.
            let was_refused = matches!(step.next.attempts[0].state, AttemptState::NotApproved(_));
            assert_eq!(is_owned, !step.next.is_canceled() || was_refused, "{was}: the timer");
        }
    }
    insta::assert_snapshot!(table);
}

/// The state; if it is Completed, completed as the intent says.
fn with_completion(state: AttemptState, completion: Completion) -> AttemptState {
    match state {
        AttemptState::Completed { .. } => completed(completion),
        other => other,
    }
}

/// The payment that the checkout's success started.
fn with_payment(mut checkout: Checkout) -> Checkout {
    checkout.payment = Payment::begun_by(&checkout.terms, &checkout.attempts[0]);
    checkout
}

#[test]
fn each_charge_is_undone_so() {
    let mut table = String::new();
    let mut rows: Vec<Charge> = charge_states().into_iter().map(charge_in).collect();
    for (amount, state) in [
        (4_000, RefundState::Refunded),
        (4_000, RefundState::RefundInitiated),
        (10_000, RefundState::Refunded),
        (10_000, RefundState::Declined(None)),
    ] {
        let refunds = vec![refund_in(amount, state)];
        rows.push(Charge { refunds, ..charge_in(ChargeState::Captured(hundred())) });
    }
    for charge in rows {
        let step = canceled(&paid(payment_of(vec![charge.clone()])));
        let (was, done, asked) = (charge_words(&charge), progress(&step.next), asked_for(&step.next));
        table.push_str(&format!("{was:<40} {done:<9} {asked}\n"));
    }
    for (name, request, state) in [
        ("a charge recorded", create(), recorded()),
        ("a charge turned away", create(), turned_away(sent_at())),
        ("a charge in doubt", create(), in_doubt()),
        ("a capture recorded", capture(), recorded()),
        ("a capture turned away", capture(), turned_away(sent_at())),
        ("a capture on its way", capture(), sending()),
        ("a capture in doubt", capture(), in_doubt()),
    ] {
        let mut payment = payment_of(vec![charge_in(ChargeState::Authorized)]);
        payment.operations = vec![operation(1, request, state)];
        let step = canceled(&paid(payment));
        table.push_str(&format!("{name:<40} {:<9} {}\n", progress(&step.next), asked_for(&step.next)));
    }
    insta::assert_snapshot!(table);
}

/// Executes whatever the cancellation requests, with the given answers of Amazon.
fn undo(
    mut checkout: Checkout,
    now: Timestamp,
    answer: impl Fn(&PaymentCall) -> OperationAnswer,
) -> (Checkout, Vec<PaymentEvent>) {
    let mut told = Vec::new();
    for _ in 0..40 {
        let Some((step, act)) = take_up_payment(&checkout, now, &rules()) else { break };
        let mut events = step.events;
        checkout = step.next;
        if let NextStep::Begin(CallId::Operation(number)) = act {
            let begun =
                begin(&checkout, number.get(), Arc::from(*b"body"), key_of(number.get()), now, &rules())
                    .unwrap()
                    .1;
            let request = begun.next.payment.as_ref().unwrap().operation(number).unwrap().request.clone();
            let step = answered(&begun.next, number.get(), &answer(&request), now, &rules()).unwrap();
            events.extend(step.events);
            checkout = step.next;
        }
        // A capture that is looked at is shown as it is known.
        let captured = checkout.payment.iter().flat_map(|payment| &payment.charges);
        let is_captured = captured.map(|it| &it.state).any(|it| matches!(it, ChargeState::Captured(_)));
        if matches!(act, NextStep::LookAtCharge(_)) && is_captured {
            let shown = charge_shown_as(AmazonChargeState::Captured);
            let (step, _) = charge_shown(&checkout, &shown, now, &rules()).unwrap();
            events.extend(step.events);
            checkout = step.next;
        }
        told.extend(events.into_iter().filter_map(|event| match event {
            CheckoutEvent::Payment(event) => Some(event),
            CheckoutEvent::Attempt { .. } | CheckoutEvent::Decision { .. } => None,
        }));
    }
    (checkout, told)
}

fn obliging(request: &PaymentCall) -> OperationAnswer {
    match request {
        PaymentCall::CancelCharge { .. } => charge_answer(charge_shown_as(AmazonChargeState::Canceled)),
        PaymentCall::Refund { amount, .. } => {
            let mut shown = refund_shown_as(RefundState::Refunded);
            shown.amount = *amount;
            refund_answer(shown)
        }
        PaymentCall::Close { .. } => permission_answer(permission_shown_as(closed())),
        PaymentCall::CreateCharge { .. } | PaymentCall::Capture { .. } => {
            panic!("an order is undone, not charged")
        }
    }
}

// Promise: B34
#[test]
fn an_order_is_undone_to_its_end_and_told_once() {
    for state in [ChargeState::Authorized, ChargeState::Captured(hundred())] {
        let step = canceled(&paid(payment_of(vec![charge_in(state)])));
        let (after, told) = undo(step.next, sent_at(), obliging);
        assert_eq!(progress(&after), "done");
        assert_eq!(after.verdict(), Verdict::Canceled);
        assert_eq!(told.iter().filter(|event| **event == PaymentEvent::CheckoutCanceled).count(), 1);
        let payment = after.payment.as_ref().unwrap();
        assert_eq!(payment.permission.state, closed());
        for charge in &payment.charges {
            let kept = charge.captured().checked_sub(charge.refunded()).unwrap();
            assert!(kept.is_zero() && charge.state.is_final(), "{charge:?}");
        }
    }
}

#[test]
fn amazon_captured_what_was_to_be_canceled_and_it_is_refunded() {
    let step = canceled(&paid(payment_of(vec![charge_in(ChargeState::Authorized)])));
    let unanswered = |request: &PaymentCall| match request {
        PaymentCall::CancelCharge { .. } => unclear(),
        other => obliging(other),
    };
    let (in_doubt, _) = undo(step.next, sent_at(), unanswered);
    let captured = charge_shown_as(AmazonChargeState::Captured);
    let (step, _) = charge_shown(&in_doubt, &captured, sent_at(), &rules()).unwrap();
    assert!(asked_for(&step.next).contains("createRefund 100.00"), "{}", asked_for(&step.next));
    assert_eq!(progress(&undo(step.next, sent_at(), obliging).0), "done");
}

#[test]
fn a_refund_that_amazon_declines_is_tried_three_times_and_told_to_the_operator() {
    let step = canceled(&paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))])));
    let refusing = |request: &PaymentCall| match request {
        PaymentCall::Refund { .. } => refused("AmazonRejected"),
        other => obliging(other),
    };
    let (after, told) = undo(step.next, sent_at(), refusing);
    assert_eq!(progress(&after), "stuck");
    let tries = told.iter().filter(|event| matches!(event, PaymentEvent::OperationRefused { .. })).count();
    let stuck = told.iter().filter(|event| matches!(event, PaymentEvent::CancellationStuck { .. })).count();
    assert_eq!((tries, stuck), (3, 1));
    let tomorrow = after.due_at(&rules()).unwrap();
    assert_eq!(tomorrow, sent_at().plus(DAY));
    let (step, _) = take_up_payment(&after, tomorrow, &rules()).unwrap();
    let [CheckoutEvent::Payment(again), CheckoutEvent::Payment(reminded)] = &step.events[..] else {
        panic!("{:?}", step.events);
    };
    assert!(matches!(reminded, PaymentEvent::CancellationStuck { .. }), "{reminded:?}");
    let PaymentEvent::OperationRecorded(number) = *again else { panic!("{again:?}") };
    // Before the fourth try leaves, Amazon is asked what is left.
    let (before, act) = begin_or_look(&step.next, number.get(), tomorrow, &rules());
    assert_eq!(act, NextStep::LookBefore { charge_id: charge(), number });
    let captured = charge_shown_as(AmazonChargeState::Captured);
    let (step, may_send) = charge_shown_before(&before.next, number.get(), &captured, tomorrow, &rules());
    assert!(may_send);
    assert_eq!(progress(&undo(step.next, tomorrow, obliging).0), "done");
    // Somebody has given the money back by hand, and Amazon says so.
    let by_hand = ChargeView { refunded: AmountView::Shown(hundred()), ..captured };
    let (step, _) = charge_shown_before(&before.next, number.get(), &by_hand, tomorrow, &rules());
    let (step, act) = begin_or_look(&step.next, number.get(), tomorrow, &rules());
    assert_eq!(act, NextStep::Rest, "nothing is left to return");
    let refusing = |request: &PaymentCall| match request {
        PaymentCall::Refund { .. } => panic!("it is returned already"),
        other => obliging(other),
    };
    assert_eq!(progress(&undo(step.next, tomorrow, refusing).0), "done");
}

/// The order once the charge that turned up proves to be the effect of an operation of ours.
fn made_by_us(mut found: Checkout) -> Checkout {
    found.payment.as_mut().unwrap().charges[0].origin = ChargeOrigin::Operation;
    Draft::new(found, sent_at(), rules()).finish().checkout
}

#[test]
fn a_charge_that_turns_up_after_the_end_is_undone_too_and_nothing_is_told_again() {
    let step = canceled(&paid(payment_of(vec![])));
    let (done, _) = undo(step.next, sent_at(), obliging);
    assert_eq!(progress(&done), "done");
    let stray = charge_shown_as(AmazonChargeState::Authorized);
    let (step, _) = charge_shown(&done, &stray, sent_at(), &rules()).unwrap();
    let (after, told) = undo(made_by_us(step.next), sent_at(), obliging);
    assert_eq!(after.payment.as_ref().unwrap().charges[0].state.name(), "Canceled");
    assert!(!told.contains(&PaymentEvent::CheckoutCanceled));
}

#[test]
fn what_turns_up_after_the_end_and_cannot_be_undone_is_told_to_the_operator() {
    let step = canceled(&paid(payment_of(vec![])));
    let (done, _) = undo(step.next, sent_at(), obliging);
    let stray = charge_shown_as(AmazonChargeState::Captured);
    let (step, _) = charge_shown(&done, &stray, sent_at(), &rules()).unwrap();
    let refusing = |request: &PaymentCall| match request {
        PaymentCall::Refund { .. } => refused("AmazonRejected"),
        other => obliging(other),
    };
    let (after, told) = undo(made_by_us(step.next), sent_at(), refusing);
    assert!(!told.contains(&PaymentEvent::CheckoutCanceled));
    let tomorrow = after.due_at(&rules()).unwrap();
    assert!(tomorrow <= sent_at().plus(DAY));
    let (step, _) = take_up_payment(&after, tomorrow, &rules()).unwrap();
    let [again, CheckoutEvent::Payment(PaymentEvent::CancellationStuck { .. })] = &step.events[..] else {
        panic!("{:?}", step.events);
    };
    let CheckoutEvent::Payment(PaymentEvent::OperationRecorded(number)) = again else { panic!("{again:?}") };
    // Somebody has given the money back by hand.
    let captured = charge_shown_as(AmazonChargeState::Captured);
    let by_hand = ChargeView { refunded: AmountView::Shown(hundred()), ..captured };
    let (step, _) = charge_shown_before(&step.next, number.get(), &by_hand, tomorrow, &rules());
    let (step, act) = begin_or_look(&step.next, number.get(), tomorrow, &rules());
    assert_eq!(act, NextStep::Rest, "nothing is left to return");
    let (after, told) = undo(step.next, tomorrow, |_| panic!("it is returned already"));
    assert!(!told.contains(&PaymentEvent::CheckoutCanceled), "told once");
    assert_eq!(after.due_at(&rules()), None);
}

#[test]
fn an_overtaken_capture_that_takes_the_money_all_the_same_is_refunded() {
    let mut payment = payment_of(vec![charge_in(ChargeState::Authorized)]);
    payment.operations = vec![operation(1, capture(), in_doubt())];
    let step = canceled(&paid(payment));
    let held = charge_shown_as(AmazonChargeState::Authorized);
    let (step, _) = charge_shown(&step.next, &held, sent_at(), &rules()).unwrap();
    // The capture arrives before the cancel.
    let refusing = |request: &PaymentCall| match request {
        PaymentCall::CancelCharge { .. } => refused("InvalidChargeStatus"),
        other => obliging(other),
    };
    let (waiting, told) = undo(step.next, sent_at(), refusing);
    let cancels = told.iter().filter(|event| matches!(event, PaymentEvent::OperationRefused { .. })).count();
    assert_eq!(
        (progress(&waiting), cancels),
        ("under way", 1),
        "none is tried before the charge was looked at"
    );
    let captured = charge_shown_as(AmazonChargeState::Captured);
    let (step, _) = charge_shown(&waiting, &captured, sent_at(), &rules()).unwrap();
    assert_eq!(progress(&undo(step.next, sent_at(), obliging).0), "done");
}

#[test]
fn a_capture_that_a_cancellation_overtakes_is_looked_up_and_not_sent_again() {
    let mut payment = payment_of(vec![charge_in(ChargeState::Authorized)]);
    payment.operations = vec![operation(1, capture(), in_doubt())];
    let step = canceled(&paid(payment));
    let held = charge_shown_as(AmazonChargeState::Authorized);
    let (step, act) = charge_shown(&step.next, &held, sent_at(), &rules()).unwrap();
    assert_eq!(act, NextStep::Rest);
    let operations = &step.next.payment.as_ref().unwrap().operations;
    assert_eq!(operations[0].state, OperationState::Refused { code: OVERTAKEN.to_string() });
    assert_eq!(operations[1].request, cancel());
}

#[test]
fn a_success_that_comes_after_the_cancel_is_undone_in_the_same_step() {
    let on_its_way = finalizing(sent_at().plus(30 * SECOND));
    let terms = |mut checkout: Checkout| {
        checkout.terms.can_handle_pending_authorization = false;
        checkout
    };
    let step = canceled(&terms(checkout(PaymentIntent::Authorize, on_its_way)));
    assert_eq!(progress(&step.next), "under way");
    let paid = FinalizeAnswer::Success(FinalizeSuccess {
        pending: false,
        charge_permission_id: permission(),
        charge_id: Some(charge()),
        charge_amount: AmountView::Absent,
    });
    let step = finalize_answered(&step.next, 1, 1, &paid, sent_at()).unwrap();
    assert_eq!(step.next.payment.as_ref().unwrap().operations[0].request, cancel());
    let refused = FinalizeAnswer::Refused(NotPaidReason::Declined("HardDeclined".to_string()));
    let unpaid = finalizing(sent_at());
    let step = canceled(&checkout(PaymentIntent::Authorize, unpaid));
    let step = finalize_answered(&step.next, 1, 1, &refused, sent_at()).unwrap();
    assert_eq!(progress(&step.next), "done");
}

#[test]
fn what_was_sent_is_looked_up_and_not_sent_again() {
    let step = canceled(&checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt())));
    let (_, act) = session_seen(&step.next, 1, &open(), sent_at(), &rules()).unwrap();
    assert_eq!(act, NextStep::Rest);
    let was_turned_away = approved(Some(sent_at()), sent_at());
    let step = canceled(&checkout(PaymentIntent::Authorize, was_turned_away));
    assert_eq!(step.next.attempts[0].state.name(), "InDoubt");
    // No connection, after the cancel: it never left, and never will.
    let on_its_way = finalizing(sent_at().plus(SECOND));
    let step = canceled(&checkout(PaymentIntent::Authorize, on_its_way));
    let step = finalize_answered(&step.next, 1, 1, &FinalizeAnswer::NotSent, sent_at()).unwrap();
    let now = step.next.attempts[0].state.due_at().unwrap();
    let (step, act) = take_up(&step.next, 1, now, &rules()).unwrap();
    assert_eq!(act, NextStep::Rest);
    assert_eq!(step.next.attempts[0].state.name(), "NotPaid");
}

#[test]
fn after_a_cancel_nothing_new_begins_and_its_name_is_its_own() {
    let step = canceled(&unpaid(PaymentIntent::Authorize));
    let session = CheckoutSessionId::parse("session9").unwrap();
    let arrived = arrive(&step.next, &session, &GivenAddresses::default(), sent_at(), &rules());
    assert_eq!(arrived, Err(ArrivalRefused::OrderCanceled));
    let terms = step.next.terms.clone();
    assert_eq!(change_terms(&step.next, 1, terms), Err(TermsRefused::OrderCanceled));
    let again = |reference: &str, reason: Option<&str>| {
        request_cancel(&step.next, reference, reason, sent_at(), &rules())
    };
    assert_eq!(again("cancel1", Some("the buyer called")), Ok(CancelAsked::Known));
    assert_eq!(again("cancel1", None), Err(OperationRefused::ReferenceReused));
    assert_eq!(again("cancel2", Some("the buyer called")), Err(OperationRefused::OrderCanceled));
    let mut taken = paid(payment_of(vec![]));
    taken.payment.as_mut().unwrap().operations =
        vec![operation(1, close(), OperationState::Done(OperationEffect::Closed))];
    let reused = request_cancel(&taken, "ref1", None, sent_at(), &rules());
    assert_eq!(reused, Err(OperationRefused::ReferenceReused));
}

#[test]
fn a_permission_that_somebody_else_closed_leaves_nothing_to_close() {
    let mut payment = payment_of(vec![charge_in(ChargeState::Canceled(None))]);
    payment.permission.state = PermissionState::Closed("BuyerClosed".to_string());
    let step = canceled(&paid(payment));
    assert_eq!((progress(&step.next), asked_for(&step.next)), ("done", String::new()));
}

#[test]
fn a_charge_in_doubt_of_a_canceled_order_is_sent_again_only_under_a_closed_permission() {
    let mut payment = payment_of(vec![charge_in(ChargeState::Authorized)]);
    let waiting = OperationState::InFlight(InFlight::recorded(sent_at().plus(DAY)));
    payment.operations = vec![operation(1, create(), in_doubt()), operation(2, close(), waiting)];
    let step = canceled(&paid(payment));
    assert_eq!(send_again(&step.next, 1, sent_at(), &rules()), None);
    let due_at = step
        .next
        .payment
        .as_ref()
        .unwrap()
        .operation(OperationNumber::FIRST)
        .unwrap()
        .state
        .due_at()
        .unwrap();
    let (step, act) = take_up_payment(&step.next, due_at, &rules()).unwrap();
    assert_eq!(act, NextStep::Rest);
    // What is known is undone and the permission closed, although the doubt remains.
    let (closed, told) = undo(step.next, due_at, obliging);
    let states: Vec<_> = closed.payment.as_ref().unwrap().operations.iter().map(|it| &it.state).collect();
    assert!(states[0].is_in_doubt(), "{states:?}");
    assert_eq!(states[1], &OperationState::Done(OperationEffect::Closed));
    assert_eq!(progress(&closed), "under way");
    assert!(!told.contains(&PaymentEvent::CheckoutCanceled));
    // Now the same bytes under the same key show its result.
    let (sent, step) = send_again(&closed, 1, due_at, &rules()).unwrap();
    assert_eq!(sent, send());
    let made = ChargeView {
        id: ChargeId::parse("S01-1-C9").unwrap(),
        ..new_charge_shown(AmazonChargeState::Captured)
    };
    let step = answered(&step.next, 1, &charge_answer(made), due_at, &rules()).unwrap();
    assert_eq!(asked_for(&step.next).matches("createRefund").count(), 1, "{}", asked_for(&step.next));
}

#[test]
fn a_charge_in_doubt_that_never_arrived_ends_with_the_closed_permission() {
    let mut payment = payment_of(vec![]);
    payment.operations = vec![operation(1, create(), in_doubt())];
    let (closed, _) = undo(canceled(&paid(payment)).next, sent_at(), obliging);
    let mut now = sent_at();
    let mut after = closed;
    for _ in 0..20 {
        now = after.due_at(&rules()).map_or(now, |due_at| due_at.max(now));
        let Some((step, act)) = take_up_payment(&after, now, &rules()) else { break };
        after = step.next;
        if let NextStep::SendAgain(CallId::Operation(number)) = act {
            let (_, sent) = send_again(&after, number.get(), now, &rules()).unwrap();
            let refused = refused("InvalidChargePermissionStatus");
            after =
                answered(&sent.next, number.get(), &refused, now, &rules()).map_or(sent.next, |it| it.next);
        }
    }
    assert_eq!(progress(&after), "done");
    assert!(now.since(sent_at()) < Duration::from_secs(3_600), "{now}");
}

#[test]
fn a_close_that_amazon_refuses_is_tried_again_with_each_reminder() {
    let mut payment = payment_of(vec![charge_in(ChargeState::Canceled(None))]);
    payment.operations = vec![operation(1, create(), in_doubt())];
    let refusing = |request: &PaymentCall| match request {
        PaymentCall::Close { .. } => refused("InvalidRequest"),
        other => obliging(other),
    };
    let (stuck, _) = undo(canceled(&paid(payment)).next, sent_at(), refusing);
    assert_eq!((progress(&stuck), asked_for(&stuck).matches("closeChargePermission").count()), ("stuck", 3));
    let tomorrow = sent_at().plus(DAY);
    let (again, _) = undo(stuck, tomorrow, refusing);
    assert_eq!((progress(&again), asked_for(&again).matches("closeChargePermission").count()), ("stuck", 4));
    // The cause is fixed, so what is in doubt is asked for immediately.
    let (closed, _) = undo(again, tomorrow.plus(DAY), obliging);
    assert_eq!(progress(&closed), "under way");
    let due_at =
        closed.payment.as_ref().unwrap().operation(OperationNumber::FIRST).unwrap().state.due_at().unwrap();
    assert!(due_at <= tomorrow.plus(2 * DAY));
    let (_, act) = take_up_payment(&closed, due_at, &rules()).unwrap();
    assert_eq!(act, NextStep::SendAgain(CallId::Operation(OperationNumber::FIRST)));
}

#[test]
fn a_refund_that_a_lagging_replica_refuses_is_looked_after_and_asked_for_again() {
    let step = canceled(&paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))])));
    let begun = begin(&step.next, 1, Arc::from(*b"body"), key_of(1), sent_at(), &rules()).unwrap().1;
    let step = answered(&begun.next, 1, &refused("InvalidChargeStatus"), sent_at(), &rules()).unwrap();
    let stale = charge_shown_as(AmazonChargeState::Authorized);
    let (step, _) = charge_shown(&step.next, &stale, sent_at(), &rules()).unwrap();
    let due_at = step.next.due_at(&rules()).unwrap();
    assert!(due_at <= sent_at().plus(60 * SECOND), "{due_at}");
    let (step, act) = take_up_payment(&step.next, due_at, &rules()).unwrap();
    assert_eq!(act, NextStep::LookAtCharge(charge()));
    let captured = charge_shown_as(AmazonChargeState::Captured);
    let (step, _) = charge_shown(&step.next, &captured, due_at, &rules()).unwrap();
    assert_eq!(progress(&undo(step.next, due_at, obliging).0), "done");
}

#[test]
fn a_charge_that_nobody_has_looked_at_is_looked_at_before_it_is_refunded() {
    let unseen = Charge { sight: LastSeen::Never, ..charge_in(ChargeState::Captured(hundred())) };
    let step = canceled(&paid(payment_of(vec![unseen])));
    let (before, act) = begin_or_look(&step.next, 1, sent_at(), &rules());
    assert_eq!(act, NextStep::LookBefore { charge_id: charge(), number: OperationNumber::FIRST });
    assert_eq!(before.next, step.next);
    let captured = charge_shown_as(AmazonChargeState::Captured);
    let (step, may_send) = charge_shown_before(&before.next, 1, &captured, sent_at(), &rules());
    assert!(may_send);
    assert_eq!(progress(&undo(step.next, sent_at(), obliging).0), "done");
}

#[test]
fn a_hold_that_amazon_refuses_to_release_is_tried_again_with_each_reminder() {
    let refusing = |_: &PaymentCall| refused("InvalidRequest");
    let looked = |checkout: Checkout, now: Timestamp| {
        let held = charge_shown_as(AmazonChargeState::Authorized);
        charge_shown(&checkout, &held, now, &rules()).unwrap().0.next
    };
    let mut checkout = canceled(&paid(payment_of(vec![charge_in(ChargeState::Authorized)]))).next;
    for _ in 0..4 {
        checkout = looked(undo(checkout, sent_at(), refusing).0, sent_at());
    }
    assert_eq!(progress(&checkout), "stuck", "{}", asked_for(&checkout));
    let (released, _) = undo(checkout, sent_at().plus(DAY), obliging);
    assert_eq!(progress(&released), "done", "{}", asked_for(&released));
}
