//! A decision on a payment with its answer: one of its charges, or the permission. The calls on
//! payments use it, and so does the control API when the buyer or Amazon acts.

use countersign_domain::ids::ChargeId;
use countersign_domain::provider::charge_permission::ChargePermissionStep;
use countersign_domain::provider::event::Event;
use countersign_domain::provider::payment::Payment;
use countersign_domain::step::Step;

use crate::book::answer::ApiAnswer;
use crate::book::payment::PaymentDecision;
use crate::book::refused::BookRefused;
use crate::http::errors::ApiRefused;
use crate::http::render;

/// A decision that is answered with one of the payment's charges.
pub(super) fn with_charge(
    step: Step<Payment, Event>,
    id: &ChargeId,
    status: u16,
) -> Result<PaymentDecision, ApiRefused> {
    let charge = step.next.charge(id).ok_or(BookRefused::NotFound)?;
    let body = render::charge(charge, step.next.permission.owner.environment);
    Ok(PaymentDecision { step, refund: None, answer: ApiAnswer::new(status, body) })
}

/// A decision that is answered with the permission.
pub(super) fn with_permission(step: Step<Payment, Event>) -> PaymentDecision {
    let body = render::charge_permission(&step.next.permission);
    PaymentDecision { step, refund: None, answer: ApiAnswer::new(200, body) }
}

/// A decision that changed only the permission, and is answered with it.
pub(crate) fn with_permission_alone(payment: &Payment, step: ChargePermissionStep) -> PaymentDecision {
    let next = Payment { permission: step.next, charges: payment.charges.clone() };
    with_permission(Step { next, events: step.events })
}
