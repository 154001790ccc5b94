//! Sending an operation and finding out what became of it: its answers, its doubts, and what a look at a
//! charge or at the permission proves of it. What may be asked for at all is [`super::operation`]'s.
//!
//! The bytes and their key are durable before they leave, and no other bytes ever leave under that key.
//! A crash between the answer and its write leaves the lease; then the look-up, or the same bytes again,
//! has the answer again.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::attempt::Send;
use super::checkout::Checkout;
use super::completion::{CheckoutStep, CompletionRules, not_evaluated_delay};
use super::doubt::{ALARMS, REMINDED_AFTER, doubt_delay};
use super::operation::{Effect, Operation, OperationState, Request};
use super::payment::{
    ChargeShown, ChargeState, Look, Payment, PaymentAct, PaymentEvent, PermissionShown, PermissionState,
    RefundShown, Sight, stepped, take_charge, take_permission, take_refund,
};
use crate::ids::{ChargeId, IdempotencyKey};
use crate::reason_code::{ReasonClass, ReasonCode};
use crate::time::Timestamp;

/// Makes an operation's first send, or its next after it was turned away, durable before it leaves. `body`
/// and `key` are taken for the first; `None` when it is not to be sent.
#[must_use]
pub fn begin(
    checkout: &Checkout,
    number: u32,
    body: Arc<[u8]>,
    key: IdempotencyKey,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<(Send, CheckoutStep)> {
    let mut payment = checkout.payment.clone()?;
    let operation = payment.operation_mut(number)?;
    let OperationState::Recorded { send, .. } = &operation.state else { return None };
    let send = send.clone().unwrap_or(Send { n: 1, idempotency_key: key, body });
    operation.state =
        OperationState::Sending { send: send.clone(), sent_at: now, lease_until: now.plus(rules.lease) };
    let sent = PaymentEvent::OperationSent { number, send_count: 1 };
    Some((send, stepped(checkout, (payment, alloc::vec![sent]), now, rules)?))
}

/// What came back for an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperationAnswer {
    /// A success with the charge that it is about.
    Charge(ChargeShown),
    /// A success with the refund that it made.
    Refund(RefundShown),
    /// A success with the permission.
    Permission(PermissionShown),
    /// A documented refusal of this call: it has had no effect, and the same again gets the same.
    Refused {
        /// Amazon's code.
        code: String,
    },
    /// No connection: the client is certain that nothing left.
    NotSent,
    /// Throttled, or turned away for its date, key or account: nobody looked at it.
    NotEvaluated {
        /// Amazon's code.
        code: String,
    },
    /// Anything else, no answer included.
    Unclear {
        /// What came instead of an answer.
        cause: String,
    },
}

/// Whether a success is one of this request: it names the right object, in a state that is the effect.
fn effect(request: &Request, answer: &OperationAnswer) -> Option<Effect> {
    let has = |shown: &ChargeShown, states: &[&str]| states.contains(&shown_word(shown));
    match (request, answer) {
        (Request::CreateCharge { .. }, OperationAnswer::Charge(shown)) => {
            Some(Effect::Charge(shown.id.clone()))
        }
        (Request::Capture { charge_id, .. }, OperationAnswer::Charge(shown))
            if shown.id == *charge_id && has(shown, &["CaptureInitiated", "Captured"]) =>
        {
            Some(Effect::Charge(shown.id.clone()))
        }
        (Request::CancelCharge { charge_id }, OperationAnswer::Charge(shown))
            if shown.id == *charge_id && has(shown, &["Canceled"]) =>
        {
            Some(Effect::Charge(shown.id.clone()))
        }
        (Request::Refund { charge_id, amount }, OperationAnswer::Refund(shown))
            if shown.charge_id == *charge_id && shown.amount == *amount =>
        {
            Some(Effect::Refund(shown.id.clone()))
        }
        (Request::Close { .. }, OperationAnswer::Permission(shown))
            if matches!(shown.state, PermissionState::Closed(_)) =>
        {
            Some(Effect::Closed)
        }
        (
            Request::CreateCharge { .. }
            | Request::Capture { .. }
            | Request::CancelCharge { .. }
            | Request::Refund { .. }
            | Request::Close { .. },
            OperationAnswer::Charge(_)
            | OperationAnswer::Refund(_)
            | OperationAnswer::Permission(_)
            | OperationAnswer::Refused { .. }
            | OperationAnswer::NotSent
            | OperationAnswer::NotEvaluated { .. }
            | OperationAnswer::Unclear { .. },
        ) => None,
    }
}

const fn shown_word(shown: &ChargeShown) -> &'static str {
    use super::doubt::ChargeStateSeen as Seen;
    match shown.seen.state {
        Seen::AuthorizationInitiated => "AuthorizationInitiated",
        Seen::Authorized => "Authorized",
        Seen::CaptureInitiated => "CaptureInitiated",
        Seen::Captured => "Captured",
        Seen::Declined => "Declined",
        Seen::Canceled => "Canceled",
    }
}

/// Takes in an answer to an operation. `None`: it changes nothing.
///
/// A success counts whenever it comes: what it shows is taken in, also where the operation has ended; if
/// it ended otherwise, the operator is told. A refusal of the sole send counts; of a later one only where
/// it speaks for the copies before. Anything else leaves the operation in doubt.
#[must_use]
pub fn answered(
    checkout: &Checkout,
    number: u32,
    answer: &OperationAnswer,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<CheckoutStep> {
    let mut payment = checkout.payment.clone()?;
    let operation = payment.operation_mut(number)?;
    let mut events = Vec::new();
    let (send, is_sole) = match &operation.state {
        OperationState::Sending { send, .. } => (send.clone(), true),
        OperationState::InDoubt { send, .. } => (send.clone(), false),
        OperationState::Recorded { send: Some(send), .. } => (send.clone(), false),
        OperationState::Recorded { send: None, .. } => return None,
        OperationState::Done(_) | OperationState::Refused { .. } => {
            return late(checkout, payment, number, answer, now, rules);
        }
    };
    if let Some(effect) = effect(&operation.request, answer) {
        operation.state = OperationState::Done(effect);
        events.push(PaymentEvent::OperationDone(number));
        let taken = match answer {
            OperationAnswer::Charge(shown) => take_charge(payment, shown, true, now),
            OperationAnswer::Refund(shown) => take_refund(payment, shown, now),
            OperationAnswer::Permission(shown) => take_permission(payment, shown, now),
            OperationAnswer::Refused { .. }
            | OperationAnswer::NotSent
            | OperationAnswer::NotEvaluated { .. }
            | OperationAnswer::Unclear { .. } => (payment, Vec::new()),
        };
        events.extend(taken.1);
        return stepped(checkout, (taken.0, events), now, rules);
    }
    match answer {
        OperationAnswer::Refused { code } if is_sole || ends_doubt(operation, code) => {
            operation.state = OperationState::Refused { code: code.clone() };
            events.push(PaymentEvent::OperationRefused { number, code: code.clone() });
            let request = operation.request.clone();
            look_after_refusal(&mut payment, &request, now);
        }
        OperationAnswer::NotSent | OperationAnswer::NotEvaluated { .. } if is_sole => {
            operation.turned_away = operation.turned_away.saturating_add(1);
            let retry_at = now.plus(not_evaluated_delay(operation.turned_away));
            operation.state = OperationState::Recorded { send: Some(send), retry_at };
            events.push(match answer {
                OperationAnswer::NotEvaluated { code } => {
                    PaymentEvent::OperationNotEvaluated { number, code: code.clone() }
                }
                OperationAnswer::NotSent
                | OperationAnswer::Charge(_)
                | OperationAnswer::Refund(_)
                | OperationAnswer::Permission(_)
                | OperationAnswer::Refused { .. }
                | OperationAnswer::Unclear { .. } => PaymentEvent::OperationNotSent(number),
            });
        }
        OperationAnswer::Charge(_)
        | OperationAnswer::Refund(_)
        | OperationAnswer::Permission(_)
        | OperationAnswer::Refused { .. }
        | OperationAnswer::NotSent
        | OperationAnswer::NotEvaluated { .. }
        | OperationAnswer::Unclear { .. } => {
            if !is_sole {
                return None;
            }
            let cause = match answer {
                OperationAnswer::Unclear { cause } => cause.as_str(),
                OperationAnswer::Refused { code } => code.as_str(),
                OperationAnswer::Charge(_)
                | OperationAnswer::Refund(_)
                | OperationAnswer::Permission(_)
                | OperationAnswer::NotSent
                | OperationAnswer::NotEvaluated { .. } => "a success of something else",
            };
            doubt(operation, send, cause, now.plus(doubt_delay(0)), &mut events, now);
        }
    }
    stepped(checkout, (payment, events), now, rules)
}

/// Whether a refusal of a copy speaks for every copy: a decline, which the key remembers; anything else only
/// when the copy before has long arrived, or never will. Of what changes a charge, the charge tells.
fn ends_doubt(operation: &Operation, code: &str) -> bool {
    let OperationState::InDoubt { look, .. } = &operation.state else { return false };
    match operation.request {
        Request::CreateCharge { .. } | Request::Refund { .. } => {
            // The take-up that sends a copy has counted already, and has drawn the pause behind it.
            let pause_before = doubt_delay(look.count.saturating_sub(2));
            is_decline(code) || pause_before > COPY_LIFETIME
        }
        Request::Capture { .. } | Request::CancelCharge { .. } | Request::Close { .. } => false,
    }
}

/// For how long a request may be under way after nobody waits for its answer any more.
const COPY_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Whether Amazon or the bank has decided against the payment itself.
fn is_decline(code: &str) -> bool {
    ReasonCode::parse(code)
        .is_some_and(|code| code.class() == ReasonClass::Decline || code == ReasonCode::ProcessingFailure)
}

/// Has looked at whatever a refusal says to be otherwise than it is known here.
fn look_after_refusal(payment: &mut Payment, request: &Request, now: Timestamp) {
    let look = Some(Look { at: now, count: 0 });
    match request {
        Request::CreateCharge { .. } | Request::Close { .. } => payment.permission.look = look,
        Request::Capture { charge_id, .. }
        | Request::CancelCharge { charge_id }
        | Request::Refund { charge_id, .. } => {
            if let Some(charge) = payment.charge_mut(charge_id) {
                charge.look = look;
                if let Sight::At(_) = charge.sight {
                    charge.sight = Sight::Doubted;
                }
            }
        }
    }
}

/// An answer to an operation that has ended. A success that says otherwise than the end that is known is
/// told to the operator; what it shows counts all the same, since it is there at Amazon.
fn late(
    checkout: &Checkout,
    payment: Payment,
    number: u32,
    answer: &OperationAnswer,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<CheckoutStep> {
    let operation = payment.operation(number)?;
    let late = effect(&operation.request, answer)?;
    let differs = match &operation.state {
        OperationState::Done(known) => *known != late,
        OperationState::Refused { .. } => true,
        OperationState::Recorded { .. } | OperationState::Sending { .. } | OperationState::InDoubt { .. } => {
            false
        }
    };
    let (payment, mut events) = match answer {
        OperationAnswer::Charge(shown) => take_charge(payment, shown, true, now),
        OperationAnswer::Refund(shown) => take_refund(payment, shown, now),
        OperationAnswer::Permission(shown) => take_permission(payment, shown, now),
        OperationAnswer::Refused { .. }
        | OperationAnswer::NotSent
        | OperationAnswer::NotEvaluated { .. }
        | OperationAnswer::Unclear { .. } => return None,
    };
    // A capture that was accepted and then declined has come to nothing, as is known.
    let came_to_nothing = match (&late, answer) {
        (Effect::Charge(id), OperationAnswer::Charge(_)) => {
            payment.charge(id).is_some_and(|charge| matches!(charge.state, ChargeState::Declined(_)))
        }
        _ => false,
    };
    if differs && !came_to_nothing {
        events.push(contradiction(&late, "a late success"));
    }
    stepped(checkout, (payment, events), now, rules)
}

fn contradiction(effect: &Effect, found: &'static str) -> PaymentEvent {
    let id = match effect {
        Effect::Charge(id) => id.to_string(),
        Effect::Refund(id) => id.to_string(),
        Effect::Closed => "the permission".to_string(),
    };
    PaymentEvent::Contradiction { id, found }
}

fn doubt(
    operation: &mut Operation,
    send: Send,
    cause: &str,
    look_at: Timestamp,
    events: &mut Vec<PaymentEvent>,
    now: Timestamp,
) {
    operation.state = OperationState::InDoubt {
        send,
        send_count: 1,
        since: now,
        look: Look { at: look_at, count: 0 },
        alarm_count: 0,
    };
    let number = operation.number;
    events.push(PaymentEvent::OperationDoubtBegan { number, cause: cause.to_string() });
}

/// The owner of every send is gone: its process has ended. `None` when nothing was on its way.
#[must_use]
pub fn orphaned(checkout: &Checkout, now: Timestamp, rules: &CompletionRules) -> Option<CheckoutStep> {
    let mut payment = checkout.payment.clone()?;
    let mut events = Vec::new();
    for operation in &mut payment.operations {
        if let OperationState::Sending { send, .. } = &operation.state {
            let send = send.clone();
            doubt(operation, send, "its sender is gone", now, &mut events, now);
        }
    }
    if events.is_empty() {
        return None;
    }
    stepped(checkout, (payment, events), now, rules)
}

/// Takes up an operation that is due.
pub(super) fn take_up(
    payment: &mut Payment,
    number: u32,
    is_canceled: bool,
    events: &mut Vec<PaymentEvent>,
    now: Timestamp,
    rules: &CompletionRules,
) -> PaymentAct {
    let others_in_flight = waits_for_others(payment, is_canceled, number);
    let is_held_back = payment.operation(number).is_some_and(|it| is_held_back(payment, it, is_canceled));
    let permission_id = payment.charge_permission_id.clone();
    let Some(operation) = payment.operation_mut(number) else { return PaymentAct::Rest };
    match &mut operation.state {
        OperationState::Recorded { retry_at, .. } => {
            if others_in_flight {
                *retry_at = now.plus(CLOSE_WAITS);
                return PaymentAct::Rest;
            }
            *retry_at = now.plus(rules.lease);
            PaymentAct::Send(number)
        }
        OperationState::Sending { send, .. } => {
            let send = send.clone();
            doubt(operation, send, "its sender is gone", now, events, now);
            PaymentAct::Rest
        }
        OperationState::InDoubt { since, look, alarm_count, .. } => {
            let lasting = now.since(*since);
            let rung = ALARMS.iter().filter(|alarm| lasting >= **alarm).count();
            // Behind the last alarm it rings as an attempt does that nobody can resolve.
            let behind = lasting.saturating_sub(ALARMS.last().copied().unwrap_or_default());
            let reminders = behind.as_secs().checked_div(REMINDED_AFTER.as_secs()).unwrap_or_default();
            let reminders = u32::try_from(reminders).unwrap_or(u32::MAX);
            let due = u32::try_from(rung).unwrap_or(u32::MAX).saturating_add(reminders);
            if due > *alarm_count {
                *alarm_count = due;
                events.push(PaymentEvent::OperationAlarm { number, lasting });
            }
            *look = Look { at: now.plus(doubt_delay(look.count)), count: look.count.saturating_add(1) };
            match &operation.request {
                // Whoever sees the permission Closed has it taken up again.
                Request::CreateCharge { .. } if is_held_back => PaymentAct::Rest,
                Request::CreateCharge { .. } | Request::Refund { .. } => PaymentAct::Resend(number),
                Request::Capture { charge_id, .. } | Request::CancelCharge { charge_id } => {
                    PaymentAct::LookUpCharge(charge_id.clone())
                }
                Request::Close { .. } => PaymentAct::LookUpPermission(permission_id),
            }
        }
        OperationState::Done(_) | OperationState::Refused { .. } => PaymentAct::Rest,
    }
}

/// How long a Close waits for what was asked for before it, unless that ends sooner.
const CLOSE_WAITS: Duration = Duration::from_secs(3_600);

/// A permission is closed when what was asked for before is over; for a canceled order it is closed first.
fn waits_for_others(payment: &Payment, is_canceled: bool, number: u32) -> bool {
    let is_close = |operation: &Operation| matches!(operation.request, Request::Close { .. });
    payment.operation(number).is_some_and(is_close)
        && payment
            .in_flight()
            .any(|it| it.number < number && !is_close(it) && !(is_canceled && waits_for_close(it)))
}

/// Whether an operation is not to be sent again before the permission of its canceled order is closed. Sent
/// again before, it could charge the buyer; under a closed permission what was carried out is answered by its
/// key, and what was not never will be.
#[must_use]
pub fn is_held_back(payment: &Payment, operation: &Operation, is_canceled: bool) -> bool {
    let is_closed = matches!(payment.permission.state, PermissionState::Closed(_));
    is_canceled && !is_closed && waits_for_close(operation)
}

/// Whether a canceled order's permission is closed before this is over, and not after.
pub(super) fn waits_for_close(operation: &Operation) -> bool {
    matches!(
        (&operation.request, &operation.state),
        (Request::CreateCharge { .. }, OperationState::InDoubt { .. })
    )
}

/// Lets a Close that has waited for others go, now that they are over. One that somebody is about to send
/// is due within the lease, and left alone.
pub(super) fn wake_closes(payment: &mut Payment, is_canceled: bool, now: Timestamp, rules: &CompletionRules) {
    let waiting = payment.in_flight().filter(|it| matches!(it.request, Request::Close { .. }));
    let waiting: Vec<u32> = waiting.map(|it| it.number).collect();
    for number in waiting {
        if waits_for_others(payment, is_canceled, number) {
            continue;
        }
        if let Some(Operation {
            state: OperationState::Recorded { send: None, retry_at },
            turned_away: 0,
            ..
        }) = payment.operation_mut(number)
            && *retry_at > now.plus(rules.lease)
        {
            *retry_at = now;
        }
    }
}

/// Makes a re-send durable before it leaves: the same bytes under the same key. `None` when the operation
/// is no longer in doubt, or must wait until its canceled order's permission is closed.
#[must_use]
pub fn resend(
    checkout: &Checkout,
    number: u32,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<(Send, CheckoutStep)> {
    let mut payment = checkout.payment.clone()?;
    if is_held_back(&payment, payment.operation(number)?, checkout.cancellation.is_some()) {
        return None;
    }
    let operation = payment.operation_mut(number)?;
    let OperationState::InDoubt { send, send_count, .. } = &mut operation.state else { return None };
    *send_count = send_count.saturating_add(1);
    let (send, send_count) = (send.clone(), *send_count);
    let sent = PaymentEvent::OperationSent { number, send_count };
    Some((send, stepped(checkout, (payment, alloc::vec![sent]), now, rules)?))
}

/// The code of an operation that a cancellation overtook before it had an effect.
pub const OVERTAKEN: &str = "OrderCanceled";

/// Ends the operations that wait for a charge, by what it was seen to be; says which is to be sent again.
/// A capture that shows no effect is not sent again for an order that is being canceled: whatever copy of
/// it may still arrive, the charge itself is looked at until it is undone.
pub(super) fn resolve_by_charge(
    payment: &mut Payment,
    id: &ChargeId,
    is_canceled: bool,
    events: &mut Vec<PaymentEvent>,
) -> PaymentAct {
    let Some(state) = payment.charge(id).map(|charge| charge.state.clone()) else { return PaymentAct::Rest };
    let mut act = PaymentAct::Rest;
    for operation in &mut payment.operations {
        let OperationState::InDoubt { .. } = operation.state else { continue };
        let asked = match &operation.request {
            Request::Capture { charge_id, amount } if charge_id == id => Some(*amount),
            Request::CancelCharge { charge_id } if charge_id == id => None,
            Request::Capture { .. }
            | Request::CancelCharge { .. }
            | Request::CreateCharge { .. }
            | Request::Refund { .. }
            | Request::Close { .. } => continue,
        };
        let number = operation.number;
        let mut end = |operation: &mut Operation, ended: Result<(), &str>| {
            (operation.state, act) = match ended {
                Ok(()) => {
                    events.push(PaymentEvent::OperationDone(number));
                    (OperationState::Done(Effect::Charge(id.clone())), act.clone())
                }
                Err(code) => {
                    events.push(PaymentEvent::OperationRefused { number, code: code.to_string() });
                    (OperationState::Refused { code: code.to_string() }, act.clone())
                }
            };
        };
        match (&state, asked) {
            // Somebody else captured it: what was asked for here can have no effect any more.
            (ChargeState::Captured(captured), Some(asked)) if *captured != asked => {
                let found = "a capture of another amount";
                end(operation, Err(state.name()));
                events.push(PaymentEvent::Contradiction { id: id.to_string(), found });
            }
            (ChargeState::Captured(_) | ChargeState::CaptureInitiated, Some(_))
            | (ChargeState::Canceled(_), None) => end(operation, Ok(())),
            (ChargeState::Canceled(_) | ChargeState::Declined(_), Some(_))
            | (ChargeState::Captured(_) | ChargeState::CaptureInitiated | ChargeState::Declined(_), None) => {
                end(operation, Err(state.name()));
            }
            (ChargeState::AuthorizationInitiated | ChargeState::Authorized, Some(_)) if is_canceled => {
                end(operation, Err(OVERTAKEN));
            }
            // Proof of nothing: the call may still be on its way. Sent again it has its effect once.
            (ChargeState::AuthorizationInitiated | ChargeState::Authorized, _) => {
                act = PaymentAct::Resend(number);
            }
        }
    }
    act
}

/// Ends the Close that waits for the permission, by what that was seen to be.
pub(super) fn resolve_by_permission(
    payment: &mut Payment,
    shown: &PermissionShown,
    events: &mut Vec<PaymentEvent>,
) -> PaymentAct {
    let mut act = PaymentAct::Rest;
    for operation in &mut payment.operations {
        let (OperationState::InDoubt { .. }, Request::Close { .. }) = (&operation.state, &operation.request)
        else {
            continue;
        };
        match shown.state {
            PermissionState::Closed(_) => {
                operation.state = OperationState::Done(Effect::Closed);
                events.push(PaymentEvent::OperationDone(operation.number));
            }
            PermissionState::Chargeable | PermissionState::NonChargeable(_) => {
                act = PaymentAct::Resend(operation.number);
            }
        }
    }
    act
}
