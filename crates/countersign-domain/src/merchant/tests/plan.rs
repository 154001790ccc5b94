//! The capture plan at each of its deadlines, and whether a parcel may leave.

use super::decide::payments::*;
use super::paid::*;
use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);

fn authorized(life: Duration) -> Checkout {
    let charge = Charge { expires_at: sent_at().plus(life), ..charge_in(ChargeState::Authorized) };
    paid(payment_of(vec![charge]))
}

fn policy(capture_policy: CapturePolicy) -> MerchantRules {
    MerchantRules { policy: Policy { capture_policy, ..Policy::default() }, ..rules() }
}

fn offset(at: Timestamp) -> String {
    let seconds = at.since(sent_at()).as_secs();
    format!("{:>2}d {:02}h", seconds / 86_400, seconds % 86_400 / 3_600)
}

fn row(step: &CheckoutStep, act: &NextStep) -> String {
    let events = step.events.iter().map(|event| match event {
        CheckoutEvent::Payment(PaymentEvent::CaptureDue { deadline, at, .. }) => {
            format!("warned of {} at {}", deadline.as_str(), offset(*at).trim_start())
        }
        CheckoutEvent::Payment(PaymentEvent::OperationRecorded(number)) => {
            format!("capture {number} recorded")
        }
        other => format!("{other:?}"),
    });
    let told: Vec<_> = events.collect();
    match act {
        NextStep::Rest => told.join(", "),
        act => next_words(act),
    }
}

// Promise: B13
#[test]
fn each_policy_warns_captures_and_asks_at_its_deadlines() {
    let mut table = String::new();
    for (kind, life) in [("sandbox, 2 days", 2 * DAY), ("live, 30 days", 30 * DAY)] {
        for capture_policy in
            [CapturePolicy::Manual, CapturePolicy::BeforeGuaranteeEnds, CapturePolicy::BeforeExpiry]
        {
            let rules = policy(capture_policy);
            let mut checkout = authorized(life);
            table.push_str(&format!("{kind}, {capture_policy:?}\n"));
            while let Some(due_at) = checkout.due_at(&rules).filter(|at| at.since(sent_at()) <= life) {
                assert_eq!(take_up_payment(&checkout, due_at.minus(MILLISECOND), &rules), None);
                let (step, act) = take_up_payment(&checkout, due_at, &rules).unwrap();
                let after = take_up_payment(&checkout, due_at.plus(MILLISECOND), &rules).unwrap();
                assert_eq!(row(&after.0, &after.1), row(&step, &act), "a little late is as good");
                table.push_str(&format!("  {} {}\n", offset(due_at), row(&step, &act)));
                checkout = step.next;
                if act == NextStep::Begin(CallId::Operation(OperationNumber::FIRST)) {
                    break;
                }
            }
        }
    }
    insta::assert_snapshot!(table);
}

// Promise: B13
#[test]
fn a_clock_that_jumps_over_everything_loses_no_warning_and_no_capture() {
    let rules = policy(CapturePolicy::BeforeExpiry);
    let now = sent_at().plus(29 * DAY + 23 * Duration::from_secs(3_600));
    for hold_expiries in [false, true] {
        let rules = MerchantRules { hold_expiries, ..rules };
        let (mut checkout, mut told) = (authorized(30 * DAY), Vec::new());
        while let Some((step, act)) = take_up_payment(&checkout, now, &rules) {
            told.push(row(&step, &act));
            checkout = step.next;
            assert!(told.len() < 20, "{told:?}");
        }
        insta::allow_duplicates! { insta::assert_snapshot!(told.join("\n")); }
    }
}

#[test]
fn an_authorization_that_should_have_lapsed_is_asked_for_until_it_is_seen_to_have() {
    let mut checkout = authorized(2 * DAY);
    let mut asked = Vec::new();
    while asked.len() < 6 {
        let now = checkout.due_at(&rules()).unwrap();
        let (step, act) = take_up_payment(&checkout, now, &rules()).unwrap();
        checkout = step.next;
        if let NextStep::LookAtCharge(_) = act {
            asked.push(now);
            let mut shown = charge_shown_as(AmazonChargeState::Authorized);
            shown.expires_at = Some(sent_at().plus(2 * DAY));
            if let Some((step, _)) = charge_shown(&checkout, &shown, now, &rules()) {
                checkout = step.next;
            }
        }
    }
    assert_eq!(asked[0], sent_at().plus(2 * DAY), "at the very instant");
    assert!(asked.windows(2).all(|pair| pair[0] < pair[1]), "{asked:?}");
    let lapsed = charge_shown_as(AmazonChargeState::Canceled);
    let now = checkout.due_at(&rules()).unwrap();
    let (step, _) = charge_shown(&checkout, &lapsed, now, &rules()).unwrap();
    assert_eq!(step.next.payment.as_ref().unwrap().charges[0].due_at(&rules()), None);
}

#[test]
fn an_expiry_that_amazon_tells_late_moves_what_is_still_to_come() {
    let rules = policy(CapturePolicy::BeforeExpiry);
    let before = authorized(2 * DAY);
    let capture_at = sent_at().plus(2 * DAY - rules.policy.capture_margin);
    let (step, _) =
        charge_shown(&before, &charge_shown_as(AmazonChargeState::Authorized), sent_at(), &rules).unwrap();
    let (step, act) = take_up_payment(&step.next, capture_at, &rules).unwrap();
    assert_eq!(act, NextStep::LookAtCharge(charge()), "as on every day");
    assert_eq!(take_up_payment(&step.next, capture_at, &rules), None);
    let shown = charge_shown_as(AmazonChargeState::Authorized);
    let third_day = sent_at().plus(3 * DAY + SECOND);
    let (step, _) = charge_shown(&step.next, &shown, third_day, &rules).unwrap();
    assert_eq!(step.next.due_at(&rules), Some(sent_at().plus(4 * DAY)), "72 hours before the seven days end");
}

#[test]
fn a_capture_that_failed_while_the_last_moment_passed_is_made_all_the_same() {
    let rules = policy(CapturePolicy::BeforeExpiry);
    let mut before = authorized(30 * DAY);
    let payment = before.payment.as_mut().unwrap();
    payment.charges[0].planned_until = sent_at().plus(29 * DAY);
    payment.operations.push(operation(1, capture(), recorded()));
    let moment = sent_at().plus(30 * DAY - rules.policy.capture_margin);
    let begun = begin(&before, 1, Arc::from(*b"body"), key_of(1), moment, &rules).unwrap().1;
    let (step, act) = take_up_payment(&begun.next, moment, &rules).unwrap();
    assert_eq!((act, step.next.payment.as_ref().unwrap().operations.len()), (NextStep::Rest, 1), "busy");
    let no = refused("TransactionAmountExceeded");
    let step = answered(&step.next, 1, &no, moment.plus(SECOND), &rules).unwrap();
    let operations = &step.next.payment.as_ref().unwrap().operations;
    assert_eq!(operations.len(), 2);
    assert_eq!(operations[1].request, capture());
    // The policy's own capture is tried once: if Amazon refuses it, the operator has to decide.
    let mut tried = step.next.clone();
    tried.payment.as_mut().unwrap().operations[1].state = OperationState::Refused { code: "X".to_string() };
    let (step, act) = take_up_payment(&tried, moment.plus(2 * SECOND), &rules)
        .unwrap_or_else(|| (CheckoutStep { next: tried.clone(), events: Vec::new() }, NextStep::Rest));
    assert_eq!(act, NextStep::LookAtCharge(charge()), "what was refused is looked at");
    assert_eq!(step.next.payment.as_ref().unwrap().operations.len(), 2);
}

#[test]
fn nothing_is_captured_for_an_order_that_is_being_canceled() {
    let rules = policy(CapturePolicy::BeforeExpiry);
    let mut checkout = authorized(30 * DAY);
    checkout.cancellation = Some(cancellation());
    let now = sent_at().plus(30 * DAY);
    for _ in 0..40 {
        let Some((step, _)) = take_up_payment(&checkout, now, &rules) else { break };
        checkout = step.next;
    }
    let operations = &checkout.payment.as_ref().unwrap().operations;
    assert!(operations.iter().all(|operation| operation.request != capture()), "{operations:?}");
}

// Promise: B09
#[test]
fn a_parcel_may_leave_for_each_state_so() {
    let mut table = String::new();
    let now = sent_at().plus(DAY);
    let mut add = |name: &str, checkout: &Checkout, now: Timestamp| {
        // A charge that was ever seen was seen just now, unless the row says otherwise.
        let mut checkout = checkout.clone();
        let charges = checkout.payment.iter_mut().flat_map(|payment| &mut payment.charges);
        charges.filter(|it| it.sight == LastSeen::At(sent_at())).for_each(|it| it.sight = LastSeen::At(now));
        let fulfilment = fulfilment(&checkout, None, now).unwrap();
        let ships = if fulfilment.may_ship { "ships" } else { "stays" };
        table.push_str(&format!("{name:<34} {ships} {}\n", fulfilment.reason));
    };
    add("registered", &unpaid(PaymentIntent::Authorize), now);
    for state in states() {
        let before = checkout(PaymentIntent::Authorize, state);
        if !matches!(before.attempts[0].state, AttemptState::Completed { .. }) {
            add(&format!("attempt {}", words(&before.attempts[0], now)), &before, now);
        }
    }
    add("confirmed", &paid(payment_of(vec![])), now);
    for state in charge_states() {
        let charge = charge_in(state);
        add(&charge_words(&charge), &paid(payment_of(vec![charge.clone()])), now);
    }
    let expires_at = sent_at().plus(30 * DAY);
    for (place, now) in [
        ("before", expires_at.minus(MILLISECOND)),
        ("at", expires_at),
        ("after", expires_at.plus(MILLISECOND)),
    ] {
        add(&format!("Authorized {place} its expiry"), &authorized(30 * DAY), now);
    }
    for (amount, state) in [
        (9_999, RefundState::Refunded),
        (10_000, RefundState::Refunded),
        (10_000, RefundState::RefundInitiated),
        (10_000, RefundState::Declined(None)),
    ] {
        let refunds = vec![refund_in(amount, state)];
        let charge = Charge { refunds, ..charge_in(ChargeState::Captured(hundred())) };
        add(&charge_words(&charge), &paid(payment_of(vec![charge.clone()])), now);
    }
    let elsewhere = Charge { refunded_shown: Some(hundred()), ..charge_in(ChargeState::Captured(hundred())) };
    add("Captured, refunded elsewhere", &paid(payment_of(vec![elsewhere])), now);
    let mut refunding = payment_of(vec![charge_in(ChargeState::Captured(hundred()))]);
    let whole = PaymentCall::Refund { charge_id: charge(), amount: hundred() };
    refunding.operations = vec![operation(1, whole, in_doubt())];
    add("Captured, its refund in doubt", &paid(refunding), now);
    for (name, state) in [
        ("asked for", recorded()),
        ("in doubt", in_doubt()),
        ("refused", OperationState::Refused { code: "X".to_string() }),
    ] {
        let mut further = payment_of(vec![charge_in(ChargeState::Captured(hundred()))]);
        further.operations = vec![operation(1, create(), state)];
        add(&format!("Captured, a further charge {name}"), &paid(further), now);
    }
    for (name, sight) in [
        ("never looked at", LastSeen::Never),
        ("doubted", LastSeen::Doubted),
        ("contradicted", LastSeen::Contradicted(Misfit::StateDiffers)),
        ("seen a minute ago", LastSeen::At(now.minus(60 * SECOND))),
        ("seen longer ago", LastSeen::At(now.minus(60 * SECOND).minus(MILLISECOND))),
        ("seen later than now", LastSeen::At(now.plus(MILLISECOND))),
    ] {
        for state in [ChargeState::Authorized, ChargeState::Captured(hundred())] {
            let word = state.name();
            let charge = Charge { sight, ..charge_in(state) };
            add(&format!("{word}, {name}"), &paid(payment_of(vec![charge])), now);
        }
    }
    let cancel = PaymentCall::CancelCharge { charge_id: charge() };
    for (name, request, state) in [
        ("capture recorded", capture(), recorded()),
        ("capture in doubt", capture(), in_doubt()),
        ("capture refused", capture(), OperationState::Refused { code: "X".to_string() }),
        ("cancel in doubt", cancel, in_doubt()),
    ] {
        let mut changing = payment_of(vec![charge_in(ChargeState::Authorized)]);
        changing.operations = vec![operation(1, request, state)];
        add(&format!("Authorized, its {name}"), &paid(changing), now);
    }
    for state in [
        CancellationState::Requested { remind_at: now, is_stuck: false },
        CancellationState::Done { at: now, remind_at: None },
    ] {
        let mut canceled = paid(payment_of(vec![charge_in(ChargeState::Captured(hundred()))]));
        canceled.cancellation = Some(Cancellation { state, ..cancellation() });
        add(if canceled.is_canceled() { "canceled" } else { "being canceled" }, &canceled, now);
    }
    let abandoned = AttemptState::NotPaid { reason: NotPaidReason::OrderCanceled, charge: None, at: now };
    add("canceled before it was sent", &checkout(PaymentIntent::Authorize, abandoned), now);
    insta::assert_snapshot!(table);
}

#[test]
fn the_named_charge_answers_for_its_parcel_and_the_one_that_was_last_asked_for_for_none() {
    let id = |text: &str| ChargeId::parse(text).unwrap();
    let asked_for = Charge { id: id("S01-1-C2"), ..charge_in(ChargeState::AuthorizationInitiated) };
    let made_elsewhere = Charge { id: id("S01-1-C3"), ..charge_in(ChargeState::Declined(None)) };
    let mut payment =
        payment_of(vec![charge_in(ChargeState::Captured(hundred())), asked_for, made_elsewhere]);
    let reason = |payment: &Payment, named: Option<&ChargeId>| {
        fulfilment(&paid(payment.clone()), named, sent_at()).map(|it| it.reason.as_str())
    };
    assert_eq!(reason(&payment, Some(&charge())), Some("Captured"));
    assert_eq!(reason(&payment, Some(&id("S01-1-C3"))), Some("ChargeDeclined"));
    assert_eq!(reason(&payment, Some(&id("S01-1-C9"))), None);
    assert_eq!(reason(&payment, None), Some("Captured"), "Finalize's own");
    // An earlier one whose answer was lost may become known later: it is not the one that was requested last.
    payment.operations = vec![
        operation(1, create(), OperationState::Done(OperationEffect::Charge(id("S01-1-C3")))),
        operation(2, create(), OperationState::Done(OperationEffect::Charge(id("S01-1-C2")))),
    ];
    assert_eq!(reason(&payment, None), Some("AuthorizationInitiated"));
}
