//! A paid checkout in any state that the tables need, and the text of its parts in a row.

use super::*;

pub(super) const DAY: Duration = Duration::from_secs(86_400);

pub(super) fn usd(minor: u64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

/// The amount of the tables' charge.
pub(super) fn hundred() -> Money {
    usd(10_000)
}

pub(super) fn refund_id() -> RefundId {
    RefundId::parse("S01-1-R1").unwrap()
}

pub(super) fn charge_in(state: ChargeState) -> Charge {
    let is_awaited = matches!(state, ChargeState::AuthorizationInitiated | ChargeState::CaptureInitiated);
    Charge {
        id: charge(),
        origin: ChargeOrigin::Finalize,
        amount: hundred(),
        authorized_at: sent_at(),
        expires_at: sent_at().plus(30 * DAY),
        planned_until: sent_at(),
        state,
        sight: LastSeen::At(sent_at()),
        look: is_awaited.then(|| LookSchedule { at: sent_at().plus(5 * SECOND), count: 0 }),
        refunds: Vec::new(),
        refunded_shown: None,
        refunded_elsewhere: None,
        unreadable_count: 0,
        shipments: Vec::new(),
    }
}

pub(super) fn charge_states() -> Vec<ChargeState> {
    vec![
        ChargeState::AuthorizationInitiated,
        ChargeState::Authorized,
        ChargeState::CaptureInitiated,
        ChargeState::Captured(hundred()),
        ChargeState::Canceled(Some("ExpiredUnused".to_string())),
        ChargeState::Declined(Some("HardDeclined".to_string())),
    ]
}

/// A refund of the tables' charge.
pub(super) fn refund_in(amount: u64, state: RefundState) -> Refund {
    let look = (state == RefundState::RefundInitiated)
        .then(|| LookSchedule { at: sent_at().plus(5 * SECOND), count: 0 });
    Refund { id: refund_id(), amount: usd(amount), state, look, decided_at: None, known_at: None }
}

pub(super) fn payment_of(charges: Vec<Charge>) -> Payment {
    Payment {
        charge_permission_id: permission(),
        limit: usd(25_000),
        began_at: sent_at(),
        permission: Permission { state: PermissionState::Chargeable, look: None },
        charges,
        operations: Vec::new(),
        disputes: Vec::new(),
        contests: Vec::new(),
    }
}

pub(super) fn paid(payment: Payment) -> Checkout {
    let completion = Completion::Authorized(charge());
    Checkout { payment: Some(payment), ..checkout(PaymentIntent::Authorize, completed(completion)) }
}

pub(super) fn operation(number: u32, request: PaymentCall, state: OperationState) -> Operation {
    let asked = match &request {
        PaymentCall::CreateCharge { amount, capture_now, can_handle_pending_authorization } => {
            OperationRequest::Charge {
                amount: *amount,
                capture_now: *capture_now,
                can_handle_pending_authorization: *can_handle_pending_authorization,
            }
        }
        PaymentCall::Capture { charge_id, amount } => {
            OperationRequest::Capture { charge_id: Some(charge_id.clone()), amount: Some(*amount) }
        }
        PaymentCall::Refund { charge_id, amount } => {
            OperationRequest::Refund { charge_id: Some(charge_id.clone()), amount: Some(*amount) }
        }
        PaymentCall::CancelCharge { charge_id } => OperationRequest::CancelCharge(charge_id.clone()),
        PaymentCall::Close { reason } => OperationRequest::Close { reason: reason.clone() },
    };
    let name = OperationName::Shop(format!("ref{number}"));
    let number = OperationNumber::new(number);
    let last_sent_at = match state {
        OperationState::InFlight(InFlight::Recorded { .. }) => None,
        OperationState::InFlight(InFlight::Sent { .. } | InFlight::InDoubt(_))
        | OperationState::Done(_)
        | OperationState::Refused { .. } => Some(sent_at()),
    };
    Operation {
        number,
        name,
        asked,
        request,
        requested_at: sent_at(),
        last_sent_at,
        turned_away: 0,
        alarm_count: 0,
        contradicted_count: 0,
        lead: None,
        state,
    }
}

pub(super) fn create() -> PaymentCall {
    PaymentCall::CreateCharge {
        amount: usd(5_000),
        capture_now: false,
        can_handle_pending_authorization: true,
    }
}

pub(super) fn capture() -> PaymentCall {
    PaymentCall::Capture { charge_id: charge(), amount: hundred() }
}

pub(super) fn refund() -> PaymentCall {
    PaymentCall::Refund { charge_id: charge(), amount: usd(4_000) }
}

pub(super) fn cancel() -> PaymentCall {
    PaymentCall::CancelCharge { charge_id: charge() }
}

pub(super) fn close() -> PaymentCall {
    PaymentCall::Close { reason: None }
}

pub(super) fn recorded() -> OperationState {
    OperationState::InFlight(InFlight::recorded(sent_at()))
}

pub(super) fn sending() -> OperationState {
    let lease_until = sent_at().plus(30 * SECOND);
    OperationState::InFlight(InFlight::Sent { send: send(), sent_at: sent_at(), lease_until })
}

pub(super) fn in_doubt() -> OperationState {
    OperationState::InFlight(InFlight::InDoubt(doubt()))
}

/// An operation that is to be sent again, after it was turned away.
pub(super) fn turned_away(retry_at: Timestamp) -> OperationState {
    OperationState::InFlight(InFlight::Recorded { earlier: Some(send()), left_at: None, retry_at })
}

/// Every state of an operation with this effect.
pub(super) fn operation_states(effect: OperationEffect) -> Vec<OperationState> {
    vec![
        recorded(),
        turned_away(sent_at().plus(2 * SECOND)),
        sending(),
        in_doubt(),
        OperationState::Done(effect),
        OperationState::Refused { code: "TransactionAmountExceeded".to_string() },
    ]
}

pub(super) fn charge_shown_as(state: AmazonChargeState) -> ChargeView {
    let captured = matches!(state, AmazonChargeState::Captured | AmazonChargeState::CaptureInitiated);
    ChargeView {
        id: charge(),
        asked_at: sent_at(),
        created_at: None,
        charge_permission_id: Some(permission()),
        seen: ChargeStatus { state, reason: None, charge_amount: AmountView::Shown(hundred()) },
        captured: captured.then(hundred).into(),
        refunded: AmountView::Absent,
        expires_at: Some(sent_at().plus(30 * DAY)),
    }
}

/// A charge that is not known yet.
pub(super) fn new_charge_shown(state: AmazonChargeState) -> ChargeView {
    ChargeView {
        id: ChargeId::parse("S01-1-C2").unwrap(),
        asked_at: sent_at(),
        created_at: None,
        charge_permission_id: Some(permission()),
        seen: ChargeStatus { state, reason: None, charge_amount: AmountView::Shown(usd(5_000)) },
        captured: (state == AmazonChargeState::Captured).then(|| usd(5_000)).into(),
        refunded: AmountView::Absent,
        expires_at: Some(sent_at().plus(30 * DAY)),
    }
}

pub(super) fn refund_shown_as(state: RefundState) -> RefundView {
    RefundView { id: refund_id(), charge_id: charge(), amount: usd(4_000), state }
}

pub(super) fn closed() -> PermissionState {
    PermissionState::Closed("MerchantClosed".to_string())
}

pub(super) fn permission_shown_as(state: PermissionState) -> PermissionView {
    PermissionView { state }
}

pub(super) const CHARGES_SEEN: [AmazonChargeState; 6] = [
    AmazonChargeState::AuthorizationInitiated,
    AmazonChargeState::Authorized,
    AmazonChargeState::CaptureInitiated,
    AmazonChargeState::Captured,
    AmazonChargeState::Canceled,
    AmazonChargeState::Declined,
];

pub(super) fn charge_answer(shown: ChargeView) -> OperationAnswer {
    OperationAnswer::Success(ObjectView::Charge(shown))
}

pub(super) fn refund_answer(shown: RefundView) -> OperationAnswer {
    OperationAnswer::Success(ObjectView::Refund(shown))
}

pub(super) fn permission_answer(shown: PermissionView) -> OperationAnswer {
    OperationAnswer::Success(ObjectView::Permission(shown))
}

pub(super) fn refused(code: &str) -> OperationAnswer {
    OperationAnswer::Refused(code.to_string())
}

pub(super) fn unclear() -> OperationAnswer {
    OperationAnswer::Unclear { cause: "500 InternalServerError".to_string(), kind: UnclearKind::ServerError }
}

pub(super) fn cancellation() -> Cancellation {
    Cancellation {
        reference: "cancel1".to_string(),
        reason: None,
        requested_at: sent_at(),
        extent: Extent::Unshipped,
        state: CancellationState::Requested { remind_at: sent_at().plus(DAY), is_stuck: false },
    }
}

/// An operation's state in a few words, its times relative to now.
pub(super) fn operation_words(operation: &Operation, now: Timestamp) -> String {
    let name = operation.state.name();
    match &operation.state {
        OperationState::InFlight(InFlight::Recorded { earlier: None, retry_at, .. }) => {
            format!("{name} due {}", after(now, *retry_at))
        }
        OperationState::InFlight(InFlight::Recorded { earlier: Some(_), retry_at, .. }) => {
            format!("{name} again {}", after(now, *retry_at))
        }
        OperationState::InFlight(InFlight::Sent { .. }) => name.to_string(),
        OperationState::InFlight(InFlight::InDoubt(doubt)) => {
            format!("{name} sent {} look {}", doubt.send_count, after(now, doubt.look.at))
        }
        OperationState::Done(OperationEffect::Charge(id)) => format!("{name} {id}"),
        OperationState::Done(OperationEffect::Refund(id)) => format!("{name} {id}"),
        OperationState::Done(OperationEffect::Closed) => format!("{name} closed"),
        OperationState::Refused { code } => format!("{name} {code}"),
    }
}

/// A charge with its refunds in a few words.
pub(super) fn charge_words(charge: &Charge) -> String {
    let mut text = match &charge.state {
        ChargeState::Captured(amount) => format!("Captured {}", amount.amount()),
        ChargeState::Canceled(Some(reason)) | ChargeState::Declined(Some(reason)) => {
            format!("{} {reason}", charge.state.name())
        }
        other => other.name().to_string(),
    };
    for refund in &charge.refunds {
        text.push_str(&format!(", {} {}", refund.amount.amount(), refund.state.name()));
    }
    text
}

pub(super) fn happened_to_payment(step: &CheckoutStep) -> String {
    let events = step.events.iter().map(|event| match event {
        CheckoutEvent::Payment(PaymentEvent::Contradiction { found, .. }) => {
            format!("Contradiction: {found}")
        }
        CheckoutEvent::Payment(PaymentEvent::OperationCall { number, event }) => match event {
            CallEvent::Sent { send_count, .. } => {
                format!("OperationSent {{ number: {number}, send_count: {send_count} }}")
            }
            CallEvent::NotSent => format!("OperationNotSent({number})"),
            CallEvent::NotEvaluated { .. } => "NotEvaluated".to_string(),
            CallEvent::DoubtBegan { .. } => "DoubtBegan".to_string(),
            CallEvent::Alarm { lasting } => {
                format!("OperationAlarm {{ number: {number}, lasting: {lasting:?} }}")
            }
        },
        CheckoutEvent::Payment(PaymentEvent::Contradicted { misfit, .. }) => {
            format!("Contradicted: {misfit}")
        }
        CheckoutEvent::Payment(event) => format!("{event:?}"),
        CheckoutEvent::Attempt { event, .. } => format!("{event:?}"),
        CheckoutEvent::Decision { event, verdict, .. } => format!("{event:?} {verdict}"),
    });
    events.collect::<Vec<_>>().join(", ")
}

/// What comes next for a payment, in a few words.
pub(super) fn next_words(next: &NextStep) -> String {
    match next {
        NextStep::Begin(CallId::Operation(number)) => format!("Send {number}"),
        NextStep::SendAgain(CallId::Operation(number)) => format!("Resend {number}"),
        NextStep::LookAtCharge(id) => format!("LookUpCharge {id}"),
        NextStep::LookAtRefund(id) => format!("LookUpRefund {id}"),
        NextStep::LookAtPermission(_) => "LookUpPermission".to_string(),
        NextStep::Rest => "Rest".to_string(),
        other => panic!("expected a step of a payment: {other:?}"),
    }
}
