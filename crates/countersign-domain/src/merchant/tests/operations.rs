//! What may be requested, and every state of each operation × every class of answer.

use super::decide::payments::*;
use super::paid::*;
use super::*;

type Call = (PaymentCall, Checkout, OperationEffect, Vec<(&'static str, OperationAnswer)>);

/// The calls, each with a payment that it fits, its effect, and the answers that are specific to it.
fn calls() -> Vec<Call> {
    let with = |state| paid(payment_of(vec![charge_in(state)]));
    let of_charge = |state| charge_answer(charge_shown_as(state));
    let other_amount = |mut answer: OperationAnswer| {
        if let OperationAnswer::Success(ObjectView::Charge(shown)) = &mut answer {
            shown.captured = AmountView::Shown(usd(9_999));
        }
        answer
    };
    let new = ChargeId::parse("S01-1-C2").unwrap();
    let other = ChargeId::parse("S01-1-C3").unwrap();
    let mut other_charge = new_charge_shown(AmazonChargeState::Authorized);
    other_charge.id = other;
    vec![
        (
            create(),
            with(ChargeState::Authorized),
            OperationEffect::Charge(new),
            vec![
                ("201 pending", charge_answer(new_charge_shown(AmazonChargeState::AuthorizationInitiated))),
                ("201", charge_answer(new_charge_shown(AmazonChargeState::Authorized))),
                ("201 another", charge_answer(other_charge)),
                ("no", refused("HardDeclined")),
            ],
        ),
        (
            capture(),
            with(ChargeState::Authorized),
            OperationEffect::Charge(charge()),
            vec![
                ("200", of_charge(AmazonChargeState::Captured)),
                ("200 CaptureInitiated", of_charge(AmazonChargeState::CaptureInitiated)),
                ("200 Authorized", of_charge(AmazonChargeState::Authorized)),
                ("200 other amount", other_amount(of_charge(AmazonChargeState::Captured))),
                ("no", refused("TransactionAmountExceeded")),
            ],
        ),
        (
            refund(),
            with(ChargeState::Captured(hundred())),
            OperationEffect::Refund(refund_id()),
            vec![
                ("201", refund_answer(refund_shown_as(RefundState::RefundInitiated))),
                ("no", refused("TransactionAmountExceeded")),
            ],
        ),
        (
            cancel(),
            with(ChargeState::Authorized),
            OperationEffect::Charge(charge()),
            vec![
                ("200", of_charge(AmazonChargeState::Canceled)),
                ("200 Captured", of_charge(AmazonChargeState::Captured)),
                ("no", refused("InvalidRequest")),
            ],
        ),
        (
            close(),
            with(ChargeState::Captured(hundred())),
            OperationEffect::Closed,
            vec![
                ("200", permission_answer(permission_shown_as(closed()))),
                ("200 Chargeable", permission_answer(permission_shown_as(PermissionState::Chargeable))),
                ("no", refused("InvalidRequest")),
            ],
        ),
    ]
}

fn with_operation(mut before: Checkout, request: &PaymentCall, state: OperationState) -> Checkout {
    let payment = before.payment.as_mut().unwrap();
    payment.operations.push(operation(1, request.clone(), state));
    before
}

fn first(checkout: &Checkout) -> &Operation {
    &checkout.payment.as_ref().unwrap().operations[0]
}

#[test]
fn each_operation_takes_each_answer_so() {
    let now = sent_at().plus(2 * SECOND);
    let tables = calls().into_iter().map(|(request, before, effect, answers)| {
        let others = [
            ("429", OperationAnswer::NotEvaluated { code: "TooManyRequests".to_string() }),
            ("no connection", OperationAnswer::NotSent),
            ("500", unclear()),
        ];
        let answers: Vec<_> = answers.into_iter().chain(others).collect();
        let states: Vec<Checkout> = operation_states(effect)
            .into_iter()
            .map(|state| with_operation(before.clone(), &request, state))
            .collect();
        let conditions = [
            Condition::any("call", [request.call()]),
            Condition::any("state", states.iter().map(|before| operation_words(first(before), now))),
            Condition::any("answer", answers.iter().map(|(name, _)| name)),
        ];
        folded(&conditions, |[_, state, answer]| {
            let before = &states[state];
            let Some(step) = answered(before, 1, &answers[answer].1, now, &rules()) else {
                return "does not count".to_string();
            };
            if first(before).state.is_final() {
                assert_eq!(first(before), first(&step.next), "a final state changed");
            }
            format!("{} ({})", operation_words(first(&step.next), now), happened_to_payment(&step))
        })
    });
    let table = tables.collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(table);
}

#[test]
fn an_operation_is_taken_up_when_it_is_due_and_not_before() {
    let mut table = String::new();
    for (request, before, effect, _) in calls() {
        for state in operation_states(effect) {
            let before = with_operation(before.clone(), &request, state);
            let (call, words) = (request.call(), operation_words(first(&before), sent_at()));
            let Some(due_at) = first(&before).state.due_at() else {
                assert!(first(&before).state.is_final(), "{call} {words} has no timer");
                continue;
            };
            assert!(!first(&before).state.is_final());
            let early = take_up_payment(&before, due_at.minus(Duration::from_millis(1)), &rules());
            assert!(early.is_none(), "{call} {words}");
            let (step, act) = take_up_payment(&before, due_at, &rules()).unwrap();
            let is = operation_words(first(&step.next), due_at);
            let (told, act) = (happened_to_payment(&step), next_words(&act));
            table.push_str(&format!("{call:<21} {words:<34} {is} ({told}) → {act}\n"));
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_bytes_and_the_key_of_the_first_send_are_those_of_every_later_one() {
    for (request, before, ..) in calls() {
        let before = with_operation(before, &request, recorded());
        let now = sent_at();
        let first_body: Arc<[u8]> = Arc::from(*b"first");
        let (sent, step) = begin(&before, 1, first_body.clone(), key_of(1), now, &rules()).unwrap();
        assert_eq!((&sent.body, &sent.idempotency_key), (&first_body, &key_of(1)));
        // After it was turned away, it is sent again unchanged, whatever its caller would write now.
        let turned = OperationAnswer::NotEvaluated { code: "TooManyRequests".to_string() };
        let step = answered(&step.next, 1, &turned, now, &rules()).unwrap();
        let (again, step) = begin(&step.next, 1, Arc::from(*b"other"), key_of(9), now, &rules()).unwrap();
        assert_eq!(again, sent);
        assert_eq!(begin(&step.next, 1, first_body, key_of(1), now, &rules()), None, "it is on its way");
        let step = orphaned(&step.next, now, &rules()).unwrap();
        assert_eq!(orphaned(&step.next, now, &rules()), None);
        let (again, _) = send_again(&step.next, 1, now, &rules()).unwrap();
        assert_eq!(again, sent);
    }
}

#[test]
fn what_nobody_evaluates_backs_off_to_five_minutes() {
    let mut checkout = with_operation(paid(payment_of(vec![])), &create(), recorded());
    let mut delays = Vec::new();
    for _ in 0..10 {
        let begun = begin(&checkout, 1, Arc::from(*b"body"), key_of(1), sent_at(), &rules()).unwrap().1;
        checkout = answered(&begun.next, 1, &OperationAnswer::NotSent, sent_at(), &rules()).unwrap().next;
        delays.push(first(&checkout).state.due_at().unwrap().since(sent_at()).as_secs());
    }
    assert_eq!(delays, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
}

#[test]
fn a_doubt_that_lasts_is_looked_at_less_and_less_and_rings_monthly_in_the_end() {
    let mut checkout = with_operation(paid(payment_of(vec![])), &create(), in_doubt());
    let (mut looks, mut rang) = (0, Vec::new());
    loop {
        let now = checkout.due_at(&rules()).unwrap();
        if now.since(sent_at()) > 120 * DAY {
            break;
        }
        let (step, act) = take_up_payment(&checkout, now, &rules()).unwrap();
        assert_eq!(act, NextStep::SendAgain(CallId::Operation(OperationNumber::FIRST)));
        looks += 1;
        if !step.events.is_empty() {
            rang.push(now.since(sent_at()));
        }
        checkout = step.next;
    }
    assert!(looks < 210, "{looks} looks in 120 days");
    let monthly = [55 * DAY, 85 * DAY, 115 * DAY];
    assert_eq!(rang.len(), ALARMS.len() + monthly.len());
    for (rang, alarm) in rang.iter().zip(ALARMS.into_iter().chain(monthly)) {
        assert!(*rang >= alarm && *rang <= alarm + DAY, "{rang:?} for {alarm:?}");
    }
}

#[test]
fn a_refusal_of_a_copy_ends_a_doubt_only_when_no_other_copy_is_under_way() {
    let mut checkout = with_operation(paid(payment_of(vec![])), &create(), in_doubt());
    let refused_at = |checkout: &Checkout, code: &str, now| {
        let step = answered(checkout, 1, &refused(code), now, &rules());
        step.is_some_and(|step| first(&step.next).state == OperationState::Refused { code: code.to_string() })
    };
    let mut sent_at_last = sent_at();
    let mut ended_after = None;
    for _ in 0..20 {
        let now = checkout.due_at(&rules()).unwrap();
        checkout = take_up_payment(&checkout, now, &rules()).unwrap().0.next;
        assert!(refused_at(&checkout, "HardDeclined", now), "a decline is every copy's");
        let ends = refused_at(&checkout, "InvalidChargePermissionStatus", now);
        assert!(ended_after.is_none() || ends);
        if ends && ended_after.is_none() {
            assert!(now.since(sent_at_last) > 300 * SECOND, "{:?}", now.since(sent_at_last));
            ended_after = Some(now.since(sent_at()));
        }
        sent_at_last = now;
    }
    assert!(ended_after.is_some_and(|after| after < 1_800 * SECOND), "{ended_after:?}");
}

#[test]
fn what_amazon_refuses_to_change_is_looked_at() {
    for (request, act) in [
        (capture(), NextStep::LookAtCharge(charge())),
        (cancel(), NextStep::LookAtCharge(charge())),
        (close(), NextStep::LookAtPermission(permission())),
    ] {
        let before = paid(payment_of(vec![charge_in(ChargeState::Authorized)]));
        let before = with_operation(before, &request, sending());
        let step = answered(&before, 1, &refused("InvalidStatus"), sent_at(), &rules()).unwrap();
        let (_, taken) = take_up_payment(&step.next, sent_at(), &rules()).unwrap();
        assert_eq!(taken, act);
    }
}

#[test]
fn a_look_settles_each_doubt_about_a_charge_so() {
    let now = sent_at().plus(2 * SECOND);
    let mut table = String::new();
    for (request, canceled) in [(capture(), false), (cancel(), false), (capture(), true)] {
        for seen in CHARGES_SEEN {
            let payment = payment_of(vec![charge_in(ChargeState::Authorized)]);
            let mut before = with_operation(paid(payment), &request, in_doubt());
            before.cancellation = canceled.then(cancellation);
            let (step, act) = charge_shown(&before, &charge_shown_as(seen), now, &rules()).unwrap();
            let order = if canceled { "canceled" } else { "" };
            let (is, act) = (operation_words(first(&step.next), now), next_words(&act));
            let (call, told) = (request.call(), happened_to_payment(&step));
            table.push_str(&format!(
                "{call:<14} {order:<9} {:<23} {is} ({told}) → {act}\n",
                format!("{seen:?}")
            ));
        }
    }
    let partly = {
        let mut shown = charge_shown_as(AmazonChargeState::Captured);
        shown.captured = AmountView::Shown(usd(1));
        let payment = payment_of(vec![charge_in(ChargeState::Authorized)]);
        let before = with_operation(paid(payment), &capture(), in_doubt());
        charge_shown(&before, &shown, now, &rules()).unwrap().0
    };
    let (is, told) = (operation_words(first(&partly.next), now), happened_to_payment(&partly));
    table.push_str(&format!("captureCharge            Captured 0.01           {is} ({told})\n"));
    insta::assert_snapshot!(table);
}

#[test]
fn a_look_at_the_permission_settles_a_doubt_about_closing_it() {
    let now = sent_at().plus(2 * SECOND);
    let states = [
        (
            PermissionState::Chargeable,
            NextStep::SendAgain(CallId::Operation(OperationNumber::FIRST)),
            "InDoubt",
        ),
        (
            PermissionState::NonChargeable("ChargeInProgress".to_string()),
            NextStep::SendAgain(CallId::Operation(OperationNumber::FIRST)),
            "InDoubt",
        ),
        (closed(), NextStep::Rest, "Done"),
    ];
    for (state, expected, name) in states {
        let before = with_operation(paid(payment_of(vec![])), &close(), in_doubt());
        let (step, act) = permission_shown(&before, &permission_shown_as(state), now, &rules()).unwrap();
        assert_eq!((act, first(&step.next).state.name()), (expected, name));
    }
}

#[test]
fn a_close_waits_for_what_was_asked_for_before_it_and_goes_as_soon_as_that_is_over() {
    let mut payment = payment_of(vec![]);
    payment.operations = vec![operation(1, create(), sending()), operation(2, close(), recorded())];
    let (step, act) = take_up_payment(&paid(payment), sent_at(), &rules()).unwrap();
    assert_eq!(act, NextStep::Rest);
    let state = |checkout: &Checkout| checkout.payment.as_ref().unwrap().operations[1].state.clone();
    assert!(state(&step.next).due_at().unwrap() > sent_at());
    let now = sent_at().plus(3 * SECOND);
    let step = answered(&step.next, 1, &refused("HardDeclined"), now, &rules()).unwrap();
    assert_eq!(state(&step.next).due_at(), Some(now));
}

fn asked(amount: Money) -> OperationRequest {
    OperationRequest::Charge { amount, capture_now: false, can_handle_pending_authorization: false }
}

fn captured(amount: Money) -> OperationRequest {
    OperationRequest::Capture { charge_id: Some(charge()), amount: Some(amount) }
}

fn refunded(amount: Money) -> OperationRequest {
    OperationRequest::Refund { charge_id: Some(charge()), amount: Some(amount) }
}

fn shop(reference: &str) -> OperationName {
    OperationName::Shop(reference.to_string())
}

fn asked_of(checkout: &Checkout, asked: &OperationRequest) -> Result<RecordedOperation, OperationRefused> {
    ask(checkout, shop("new"), asked.clone(), sent_at(), &rules())
}

fn with_permission(state: PermissionState) -> Checkout {
    let mut payment = payment_of(vec![]);
    payment.permission.state = state;
    paid(payment)
}

fn many(charges: usize, state: &ChargeState) -> Vec<Charge> {
    let id = |index: usize| ChargeId::parse(&format!("S01-1-C{index}")).unwrap();
    let each = |index| Charge { id: id(index), amount: usd(1), ..charge_in(state.clone()) };
    (1..=charges).map(each).collect()
}

fn captured_with(refunds: Vec<Refund>) -> Checkout {
    paid(payment_of(vec![Charge { refunds, ..charge_in(ChargeState::Captured(hundred())) }]))
}

fn ten_refunds() -> Vec<Refund> {
    let id = |index: usize| RefundId::parse(&format!("S01-1-R{index}")).unwrap();
    (0..10).map(|index| Refund { id: id(index), ..refund_in(1, RefundState::Refunded) }).collect()
}

// Promise: B15
#[test]
fn each_rule_of_asking_is_reached_and_changes_nothing() {
    use OperationRefused as Refused;
    let authorized = || paid(payment_of(vec![charge_in(ChargeState::Authorized)]));
    let yen = Money::from_minor(1, Currency::JPY);
    let too_much = usd(15_000_001);
    let busy = with_operation(authorized(), &capture(), in_doubt());
    let full = {
        let mut checkout = authorized();
        let operations = (1..=MAX_OPERATIONS).map(|number| {
            let refused = OperationState::Refused { code: "X".to_string() };
            operation(u32::try_from(number).unwrap(), close(), refused)
        });
        checkout.payment.as_mut().unwrap().operations = operations.collect();
        checkout
    };
    let two = paid(payment_of(many(2, &ChargeState::Authorized)));
    let pending_capture = OperationRequest::Charge {
        amount: usd(1),
        capture_now: true,
        can_handle_pending_authorization: true,
    };
    let any = |charge_id| OperationRequest::Capture { charge_id, amount: None };
    let unknown = ChargeId::parse("S01-9-C9").ok();
    let canceled = Checkout { cancellation: Some(cancellation()), ..authorized() };
    let unfinished = checkout(PaymentIntent::Authorize, in_doubt_attempt(doubt()));
    let invalid = PermissionState::NonChargeable("PaymentMethodInvalid".to_string());
    let spent = PermissionState::NonChargeable("TransactionAmountExceeded".to_string());
    let rows: Vec<(Checkout, OperationRequest, Refused, Option<&str>)> = vec![
        (unfinished, asked(usd(1)), Refused::NotCompleted, None),
        (canceled, asked(usd(1)), Refused::OrderCanceled, None),
        (full, asked(usd(1)), Refused::TooManyOperations, None),
        (authorized(), pending_capture, Refused::PendingWithCapture, Some("canHandlePendingAuthorization")),
        (authorized(), asked(usd(0)), Refused::Nothing("chargeAmount"), Some("chargeAmount")),
        (authorized(), captured(usd(0)), Refused::Nothing("captureAmount"), Some("captureAmount")),
        (captured_with(vec![]), refunded(usd(0)), Refused::Nothing("refundAmount"), Some("refundAmount")),
        (authorized(), asked(yen), Refused::OtherCurrency("chargeAmount"), Some("chargeAmount")),
        (authorized(), captured(yen), Refused::OtherCurrency("captureAmount"), Some("captureAmount")),
        (captured_with(vec![]), refunded(yen), Refused::OtherCurrency("refundAmount"), Some("refundAmount")),
        (authorized(), asked(too_much), Refused::AboveMaximum("chargeAmount"), Some("chargeAmount")),
        (with_permission(closed()), asked(usd(1)), Refused::PermissionClosed, None),
        (
            with_permission(closed()),
            OperationRequest::Close { reason: None },
            Refused::PermissionClosed,
            None,
        ),
        (with_permission(invalid), asked(usd(1)), Refused::PermissionNonChargeable, None),
        (with_permission(spent), asked(usd(1)), Refused::PermissionClosed, None),
        (paid(payment_of(many(25, &ChargeState::Authorized))), asked(usd(1)), Refused::TooManyCharges, None),
        (authorized(), asked(usd(15_001)), Refused::ExceedsLimit(usd(15_000)), Some("chargeAmount")),
        (authorized(), any(unknown), Refused::NoSuchCharge, Some("chargeId")),
        (two, any(None), Refused::ChargeNotNamed, Some("chargeId")),
        (captured_with(vec![]), captured(usd(1)), Refused::NotAuthorized(Some("Captured")), Some("chargeId")),
        (busy, captured(usd(1)), Refused::ChargeBusy, Some("chargeId")),
        (authorized(), captured(usd(10_001)), Refused::ExceedsCharge(hundred()), Some("captureAmount")),
        (authorized(), refunded(usd(1)), Refused::NotCaptured(Some("Authorized")), Some("chargeId")),
        (
            captured_with(vec![refund_in(4_000, RefundState::Refunded)]),
            refunded(usd(6_001)),
            Refused::ExceedsRefundable(usd(6_000)),
            Some("refundAmount"),
        ),
        (captured_with(ten_refunds()), refunded(usd(1)), Refused::TooManyRefunds, Some("chargeId")),
    ];
    let word = |refused: &Refused| {
        let text = format!("{refused:?}");
        text.split('(').next().unwrap().to_string()
    };
    let mut reached = alloc::collections::BTreeSet::new();
    for (before, asked, expected, field) in &rows {
        assert_eq!(asked_of(before, asked).as_ref(), Err(expected), "{asked:?}");
        assert_eq!(expected.field(), *field, "{expected:?}");
        reached.insert(word(expected));
    }
    let known = with_operation(captured_with(vec![]), &close(), in_doubt());
    let reused = ask(&known, shop("ref1"), refunded(usd(1)), sent_at(), &rules());
    assert_eq!(reused, Err(Refused::ReferenceReused));
    assert_eq!(Refused::ReferenceReused.field(), Some("reference"));
    reached.insert(word(&Refused::ReferenceReused));
    // One row per rule: the number of the enum's variants.
    assert_eq!(reached.len(), 20, "{reached:?}");
}

#[test]
fn exactly_what_is_left_may_be_asked_for() {
    let authorized = paid(payment_of(vec![charge_in(ChargeState::Authorized)]));
    let after_declines = {
        let declined = many(25, &ChargeState::Declined(None));
        paid(payment_of(declined))
    };
    let declined = captured_with(vec![refund_in(10_000, RefundState::Declined(None))]);
    for (before, asked) in [
        (&authorized, asked(usd(15_000))),
        (&authorized, captured(hundred())),
        (&captured_with(vec![refund_in(4_000, RefundState::RefundInitiated)]), refunded(usd(6_000))),
        (&after_declines, asked(usd(25_000))),
        (&declined, refunded(hundred())),
    ] {
        assert!(matches!(asked_of(before, &asked), Ok(RecordedOperation::New(1, _))), "{asked:?}");
    }
}

#[test]
fn what_was_left_out_is_filled_in_and_a_repetition_leaves_it_out_again() {
    let refunds = vec![refund_in(4_000, RefundState::Refunded)];
    let cases = [
        (
            paid(payment_of(vec![charge_in(ChargeState::Authorized)])),
            OperationRequest::Capture { charge_id: None, amount: None },
            capture(),
        ),
        (
            captured_with(refunds),
            OperationRequest::Refund { charge_id: None, amount: None },
            PaymentCall::Refund { charge_id: charge(), amount: usd(6_000) },
        ),
    ];
    for (before, asked, request) in cases {
        let Ok(RecordedOperation::New(1, step)) = asked_of(&before, &asked) else { panic!("{asked:?}") };
        assert_eq!(first(&step.next).request, request);
        assert_eq!(asked_of(&step.next, &asked), Ok(RecordedOperation::Known(1)), "the same again");
        let done = OperationState::Done(OperationEffect::Charge(charge()));
        let mut later = step.next.clone();
        later.payment.as_mut().unwrap().operations[0].state = done;
        later.cancellation = Some(cancellation());
        assert_eq!(asked_of(&later, &asked), Ok(RecordedOperation::Known(1)), "and after everything else");
        let named = OperationRequest::Capture { charge_id: Some(charge()), amount: None };
        assert_eq!(asked_of(&later, &named), Err(OperationRefused::ReferenceReused));
    }
}

// Promise: B16
#[test]
fn one_of_two_refunds_of_sixty_on_a_hundred_is_recorded_whatever_state_the_first_is_in() {
    for state in [recorded(), sending(), in_doubt()] {
        let first = PaymentCall::Refund { charge_id: charge(), amount: usd(6_000) };
        let before = with_operation(captured_with(vec![]), &first, state);
        let refused = asked_of(&before, &refunded(usd(6_000)));
        assert_eq!(refused, Err(OperationRefused::ExceedsRefundable(usd(4_000))));
        assert!(asked_of(&before, &refunded(usd(4_000))).is_ok());
    }
    let given_back = with_operation(
        captured_with(vec![]),
        &PaymentCall::Refund { charge_id: charge(), amount: usd(6_000) },
        OperationState::Refused { code: "X".to_string() },
    );
    assert!(asked_of(&given_back, &refunded(hundred())).is_ok(), "a refused one returns its budget");
}

#[test]
fn amazons_ceiling_is_the_lesser_of_15_percent_and_75_more() {
    let ceiling = |payment: &Payment, ceiling| payment.refundable(&payment.charges[0], ceiling);
    for (captured, plain, more) in [
        (usd(10_000), usd(10_000), usd(11_500)),
        (usd(100_000), usd(100_000), usd(107_500)),
        (
            Money::from_minor(100_000, Currency::JPY),
            Money::from_minor(100_000, Currency::JPY),
            Money::from_minor(108_400, Currency::JPY),
        ),
    ] {
        let charge = Charge { amount: captured, ..charge_in(ChargeState::Captured(captured)) };
        let payment = Payment { limit: captured, ..payment_of(vec![charge]) };
        assert_eq!(ceiling(&payment, RefundCeiling::Captured), plain);
        assert_eq!(ceiling(&payment, RefundCeiling::Amazon), more);
        let rules = MerchantRules {
            policy: Policy { refund_ceiling: RefundCeiling::Amazon, ..Policy::default() },
            ..rules()
        };
        let over = more.checked_add(Money::from_minor(1, more.currency())).unwrap();
        let before = paid(payment);
        assert!(ask(&before, shop("a"), refunded(more), sent_at(), &rules).is_ok());
        let refused = ask(&before, shop("a"), refunded(over), sent_at(), &rules);
        assert_eq!(refused, Err(OperationRefused::ExceedsRefundable(more)));
    }
}

#[test]
fn a_spent_permission_waits_for_nobody_and_can_still_be_closed() {
    let spent = || PermissionState::NonChargeable("TransactionAmountExceeded".to_string());
    // This is so even if the permission was taken for one that waits for its buyer, and was looked at each
    // day.
    for (known, look) in [
        (PermissionState::Chargeable, None),
        (PermissionState::Chargeable, Some(LookSchedule { at: sent_at(), count: 0 })),
        (
            PermissionState::NonChargeable("PaymentMethodInvalid".to_string()),
            Some(LookSchedule { at: sent_at(), count: 30 }),
        ),
        (spent(), Some(LookSchedule { at: sent_at(), count: 60 })),
    ] {
        let mut payment = payment_of(vec![]);
        payment.permission = Permission { state: known, look };
        let shown = permission_shown_as(spent());
        let (step, _) = permission_shown(&paid(payment), &shown, sent_at(), &rules()).unwrap();
        let permission = &step.next.payment.as_ref().unwrap().permission;
        assert_eq!((permission.state.clone(), permission.look), (spent(), None));
        let close = OperationRequest::Close { reason: None };
        assert!(asked_of(&step.next, &close).is_ok());
    }
}

#[test]
fn a_declined_charge_is_followed_by_a_look_at_the_permission_and_the_buyer_can_mend_it() {
    let before = with_operation(paid(payment_of(vec![])), &create(), sending());
    let now = sent_at().plus(SECOND);
    let step = answered(&before, 1, &refused("HardDeclined"), now, &rules()).unwrap();
    let (step, act) = take_up_payment(&step.next, now, &rules()).unwrap();
    assert_eq!(act, NextStep::LookAtPermission(permission()));
    let invalid = PermissionState::NonChargeable("PaymentMethodInvalid".to_string());
    let (step, _) = permission_shown(&step.next, &permission_shown_as(invalid), now, &rules()).unwrap();
    assert_eq!(asked_of(&step.next, &asked(usd(1))), Err(OperationRefused::PermissionNonChargeable));
    // The notification that the buyer has fixed it may be lost, so Amazon is asked.
    let due_at = step.next.due_at(&rules()).unwrap();
    assert!(due_at.since(now) <= DAY);
    let (step, act) = take_up_payment(&step.next, due_at, &rules()).unwrap();
    assert_eq!(act, NextStep::LookAtPermission(permission()));
    let mended = permission_shown_as(PermissionState::Chargeable);
    let (step, _) = permission_shown(&step.next, &mended, due_at, &rules()).unwrap();
    assert!(asked_of(&step.next, &asked(usd(1))).is_ok());
    assert_eq!(step.next.due_at(&rules()), None, "nobody is waited for any more");
}
