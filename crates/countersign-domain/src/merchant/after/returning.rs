//! Returns the money under a permission that is not the order's payment, because persons have decided it. The
//! order's own payment is not touched: one call goes out, for the charge that they named.
//!
//! ```text
//! decided ─▶ Recorded ──a look still shows the money──▶ Sent ──a success──▶ Accepted ──a look shows none──▶ Over
//!                                                        │ ▲                  └──the refund is declined──▶ Refused
//!                                                        │ └─the same bytes, after each look that shows it
//!                                                        └──a refusal──▶ Refused: persons may decide again
//! ```
//!
//! The permission's own timer drives it: each look asks Amazon for the charge, and only then, in the same act,
//! the call leaves. Its bytes and their key are durable before that. A crash at any point costs a look; a copy
//! under the same key has no further effect.

use alloc::string::{String, ToString};

use crate::ids::ChargePermissionId;
use crate::merchant::call::{CallAnswer, KeyedRequest, LookSchedule};
use crate::merchant::checkout::draft::Draft;
use crate::merchant::checkout::unexplained::{ReturnState, Returning, Unexplained};
use crate::merchant::event::PaymentEvent;
use crate::merchant::next::{NextStep, OutgoingCall};
use crate::merchant::payment::charge::{AmazonChargeState, ChargeView};
use crate::merchant::payment::operation::PaymentCall;
use crate::merchant::payment::refund::{RefundState, RefundView};
use crate::merchant::payment::send::{NOT_AUTHORIZED, OperationAnswer, TOO_MUCH};
use crate::merchant::proof::ObjectView;
use crate::merchant::rules::COPY_LIFETIME;
use crate::money::Money;

/// Records that persons have decided to return this amount of a charge: what is held is canceled, what is
/// captured is refunded. What they may decide was judged before, by what Amazon has shown in the same act.
pub fn decide_to_return(
    draft: &mut Draft,
    permission: &ChargePermissionId,
    charge: &ChargeView,
    amount: Money,
) {
    let now = draft.now;
    let Some(known) = draft.change_heard(permission) else { return };
    let charge_id = charge.id.clone();
    let call = match charge.seen.state {
        AmazonChargeState::Captured => PaymentCall::Refund { charge_id, amount },
        AmazonChargeState::AuthorizationInitiated
        | AmazonChargeState::Authorized
        | AmazonChargeState::CaptureInitiated
        | AmazonChargeState::Declined
        | AmazonChargeState::Canceled => PaymentCall::CancelCharge { charge_id },
    };
    let try_number = known.returning.as_ref().map_or(0, |it| it.try_number).saturating_add(1);
    known.returning = Some(Returning { call, try_number, since: now, state: ReturnState::Recorded });
    if let Some(look) = known.state.look_mut() {
        *look = LookSchedule::now(now);
    }
}

/// What a look says about the money that a call is to return.
enum Sight {
    /// It is still there.
    There,
    /// Not all of it is.
    Less,
    /// The call cannot return it any more.
    Elsewhere,
    /// Nothing.
    Nothing,
}

/// Continues the return of a permission's money after a look at it; returns the next step.
pub(super) fn go_on(
    draft: &mut Draft,
    permission: &ChargePermissionId,
    charges: &[ChargeView],
    refund: Option<&RefundView>,
) -> NextStep {
    let now = draft.now;
    let known = draft.checkout().heard_of(permission).filter(|known| known.state.is_open());
    let Some(returning) = known.and_then(|known| known.returning.as_ref()) else { return NextStep::Rest };
    let (is_unsent, is_settled) = match &returning.state {
        ReturnState::Recorded => (true, true),
        ReturnState::Sent { sent_at, .. } => (false, now.since(*sent_at) >= COPY_LIFETIME),
        ReturnState::Refused { .. } => return NextStep::Rest,
        ReturnState::Accepted { refund_id } => {
            let shown = refund.filter(|shown| Some(&shown.id) == refund_id.as_ref());
            let declined = shown.and_then(|shown| match &shown.state {
                RefundState::Declined(reason) => Some(reason.as_deref().unwrap_or("Declined").to_string()),
                RefundState::RefundInitiated | RefundState::Refunded => None,
            });
            if let Some(code) = declined {
                refuse(draft, permission, code);
            }
            return NextStep::Rest;
        }
    };
    let shown = charges.iter().find(|shown| Some(&shown.id) == returning.call.charge_id());
    let sight = shown.map_or(Sight::Nothing, |shown| sight(&returning.call, shown));
    match sight {
        Sight::There => return NextStep::BeginReturn(permission.clone()),
        Sight::Less if is_settled => refuse(draft, permission, TOO_MUCH.to_string()),
        Sight::Elsewhere if is_unsent || is_settled => refuse(draft, permission, NOT_AUTHORIZED.to_string()),
        Sight::Less | Sight::Elsewhere | Sight::Nothing => {}
    }
    NextStep::Rest
}

fn sight(call: &PaymentCall, shown: &ChargeView) -> Sight {
    let PaymentCall::Refund { amount, .. } = call else {
        return match shown.seen.state {
            AmazonChargeState::Authorized => Sight::There,
            AmazonChargeState::CaptureInitiated | AmazonChargeState::Captured => Sight::Elsewhere,
            AmazonChargeState::AuthorizationInitiated
            | AmazonChargeState::Declined
            | AmazonChargeState::Canceled => Sight::Nothing,
        };
    };
    let Some(captured) = shown.captured.shown() else { return Sight::Nothing };
    let refunded = shown.refunded.shown().unwrap_or(Money::zero(captured.currency()));
    if [captured.currency(), refunded.currency()].iter().any(|it| *it != amount.currency()) {
        return Sight::Nothing;
    }
    match captured.less(refunded) {
        left if left.minor() >= amount.minor() => Sight::There,
        left if left.is_zero() => Sight::Nothing,
        _ => Sight::Less,
    }
}

/// Records a send durably before it leaves: `first`, or the same bytes under the same key if it has left before.
pub fn begin_return(draft: &mut Draft, permission: &ChargePermissionId, first: KeyedRequest) -> NextStep {
    let now = draft.now;
    let is_open = |known: &&mut Unexplained| known.state.is_open();
    let Some(known) = draft.change_heard(permission).filter(is_open) else { return NextStep::Rest };
    let Some(returning) = &mut known.returning else { return NextStep::Rest };
    let (send, earlier_at) = match &returning.state {
        ReturnState::Recorded => (first, None),
        ReturnState::Sent { send, sent_at, .. } => (send.clone(), Some(*sent_at)),
        ReturnState::Accepted { .. } | ReturnState::Refused { .. } => return NextStep::Rest,
    };
    // Nothing below this line may fail.
    returning.state = ReturnState::Sent { send: send.clone(), sent_at: now, earlier_at };
    let request = returning.call.clone();
    draft.emit_for_payment(PaymentEvent::ReturnSent(permission.clone()));
    NextStep::Send(OutgoingCall::Return { charge_permission_id: permission.clone(), request, send })
}

/// Handles the answer to a call that returns money. A refusal counts if no earlier copy can still have an
/// effect; anything unclear leaves it to the looks.
pub fn return_answered(draft: &mut Draft, permission: &ChargePermissionId, answer: &OperationAnswer) {
    let now = draft.now;
    let known = draft.checkout().heard_of(permission);
    let Some(returning) = known.and_then(|known| known.returning.as_ref()) else { return };
    let ReturnState::Sent { earlier_at, .. } = &returning.state else { return };
    let is_sole = earlier_at.is_none_or(|at| now.since(at) >= COPY_LIFETIME);
    match answer {
        CallAnswer::Success(shown) => {
            let accepted = accepted(&returning.call, shown);
            match accepted {
                Some(accepted) => {
                    set_state(draft, permission, accepted);
                    draft.emit_for_payment(PaymentEvent::ReturnAccepted(permission.clone()));
                }
                None => {
                    let (id, found) =
                        (shown.id().to_string(), "an answer about other money than was returned");
                    draft.emit_for_payment(PaymentEvent::Contradiction { id, found });
                }
            }
        }
        CallAnswer::Refused(code) if is_sole => refuse(draft, permission, code.clone()),
        CallAnswer::Refused(_)
        | CallAnswer::NotSent
        | CallAnswer::NotEvaluated { .. }
        | CallAnswer::WrongStatus { .. }
        | CallAnswer::Unclear { .. } => {}
    }
}

/// The state after a success, if it shows what the call was to do.
fn accepted(call: &PaymentCall, shown: &ObjectView) -> Option<ReturnState> {
    match (call, shown) {
        (PaymentCall::Refund { charge_id, amount }, ObjectView::Refund(shown)) => {
            let is_it = shown.charge_id == *charge_id && shown.amount == *amount;
            is_it.then(|| ReturnState::Accepted { refund_id: Some(shown.id.clone()) })
        }
        (PaymentCall::CancelCharge { charge_id }, ObjectView::Charge(shown)) => {
            let is_it = shown.id == *charge_id && shown.seen.state == AmazonChargeState::Canceled;
            is_it.then_some(ReturnState::Accepted { refund_id: None })
        }
        (
            PaymentCall::Refund { .. }
            | PaymentCall::CancelCharge { .. }
            | PaymentCall::CreateCharge { .. }
            | PaymentCall::Capture { .. }
            | PaymentCall::Close { .. },
            ObjectView::Charge(_) | ObjectView::Refund(_) | ObjectView::Permission(_) | ObjectView::OnlyId(_),
        ) => None,
    }
}

fn refuse(draft: &mut Draft, permission: &ChargePermissionId, code: String) {
    set_state(draft, permission, ReturnState::Refused { code: code.clone() });
    let permission = permission.clone();
    draft.emit_for_payment(PaymentEvent::ReturnRefused { permission, code });
}

fn set_state(draft: &mut Draft, permission: &ChargePermissionId, state: ReturnState) {
    if let Some(returning) = draft.change_heard(permission).and_then(|known| known.returning.as_mut()) {
        returning.state = state;
    }
}
