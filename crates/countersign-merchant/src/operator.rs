//! What a person must know at once, as log lines: ERROR for what needs one, WARN for what may come to
//! need one. Ids only, no buyer data. Called once a step is kept, by whoever kept it.

use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::completion::{AttemptEvent, CheckoutEvent, Happened};
use countersign_domain::merchant::payment::PaymentEvent;

pub(crate) fn tell_operator(checkout: &Checkout, events: &[CheckoutEvent]) {
    let checkout_id = checkout.id.as_str();
    let order_id = checkout.order_id.as_str();
    for event in events {
        let AttemptEvent { attempt, what } = match event {
            CheckoutEvent::Attempt(event) => event,
            CheckoutEvent::Payment(event) => {
                tell_of_payment(checkout, event);
                continue;
            }
        };
        let state = checkout.attempt(*attempt).map(|attempt| &attempt.state);
        match what {
            Happened::DoubtAlarm { lasting } => {
                let seconds = lasting.as_secs();
                tracing::error!(
                    checkout_id,
                    order_id,
                    attempt,
                    seconds,
                    "nobody knows yet whether this was paid"
                );
            }
            Happened::Unresolved => {
                let reason = match state {
                    Some(AttemptState::Unresolved { reason, .. }) => reason.code(),
                    _ => "",
                };
                tracing::error!(
                    checkout_id,
                    order_id,
                    attempt,
                    reason,
                    "nobody can say whether this was paid"
                );
            }
            Happened::Contradiction { found, charge_permission_id, charge_id } => {
                let session = checkout.attempt(*attempt).map(|attempt| &attempt.checkout_session_id);
                tracing::error!(
                    checkout_id,
                    order_id,
                    attempt,
                    checkout_session_id = session.map(tracing::field::display),
                    charge_permission_id = charge_permission_id.as_ref().map(tracing::field::display),
                    charge_id = charge_id.as_ref().map(tracing::field::display),
                    found,
                    "Amazon contradicts what was proved"
                );
            }
            Happened::NotSent => {
                tracing::error!(checkout_id, order_id, attempt, "a Finalize finds no connection to Amazon");
            }
            Happened::NotEvaluated { code } if code == "TooManyRequests" => {
                tracing::warn!(checkout_id, order_id, attempt, "Amazon throttles this merchant");
            }
            Happened::NotEvaluated { code } => {
                tracing::error!(checkout_id, order_id, attempt, code, "Amazon did not look at a Finalize");
            }
            Happened::DoubtBegan { cause } => {
                tracing::warn!(checkout_id, order_id, attempt, cause, "in doubt");
            }
            Happened::NotPaid => {
                use countersign_domain::merchant::attempt::NotPaidReason;
                let reason = match state {
                    Some(AttemptState::NotPaid { reason, .. }) => Some(reason),
                    _ => None,
                };
                let code = reason.map(NotPaidReason::code);
                // The shop and Amazon disagree, or the request was wrong: that mends itself for no buyer.
                match reason.and_then(NotPaidReason::field) {
                    Some(field) => {
                        tracing::error!(
                            checkout_id,
                            order_id,
                            attempt,
                            code,
                            field,
                            "not paid: a field disagrees"
                        );
                    }
                    None if matches!(reason, Some(NotPaidReason::Misuse(_))) => {
                        tracing::error!(
                            checkout_id,
                            order_id,
                            attempt,
                            code,
                            "not paid: Amazon refuses the request"
                        );
                    }
                    None => tracing::info!(checkout_id, order_id, attempt, code, "not paid"),
                }
            }
            Happened::Completed => tracing::info!(checkout_id, order_id, attempt, "completed"),
            Happened::SessionBound
            | Happened::SurplusRecorded { .. }
            | Happened::Approved
            | Happened::FinalizeSent { .. }
            | Happened::LookedUp { .. }
            | Happened::PendingBegan => {}
        }
    }
}

fn tell_of_payment(checkout: &Checkout, event: &PaymentEvent) {
    let checkout_id = checkout.id.as_str();
    let order_id = checkout.order_id.as_str();
    let call = |number: u32| {
        let operation = checkout.payment.as_ref().and_then(|payment| payment.operation(number));
        operation.map_or("", |operation| operation.request.call())
    };
    match event {
        PaymentEvent::OperationAlarm { number, lasting } => {
            let (call, seconds) = (call(*number), lasting.as_secs());
            tracing::error!(checkout_id, order_id, call, seconds, "nobody knows yet whether this was done");
        }
        PaymentEvent::OperationNotSent(number) => {
            tracing::error!(checkout_id, order_id, call = call(*number), "no connection to Amazon");
        }
        PaymentEvent::OperationNotEvaluated { number, code } if code == "TooManyRequests" => {
            tracing::warn!(checkout_id, order_id, call = call(*number), "Amazon throttles this merchant");
        }
        PaymentEvent::OperationNotEvaluated { number, code } => {
            tracing::error!(
                checkout_id,
                order_id,
                call = call(*number),
                code,
                "Amazon did not look at a call"
            );
        }
        PaymentEvent::OperationDoubtBegan { number, cause } => {
            tracing::warn!(checkout_id, order_id, call = call(*number), cause, "in doubt");
        }
        PaymentEvent::OperationRefused { number, code } => {
            tracing::warn!(checkout_id, order_id, call = call(*number), code, "refused by Amazon");
        }
        PaymentEvent::ChargeDeclined(id) => {
            tracing::warn!(checkout_id, order_id, charge_id = %id, "a charge is declined");
        }
        PaymentEvent::RefundDeclined(id) => {
            tracing::error!(checkout_id, order_id, refund_id = %id, "a refund is declined: the buyer has no money");
        }
        PaymentEvent::ChargeAdopted(id) => {
            tracing::warn!(checkout_id, order_id, charge_id = %id, "somebody made a charge elsewhere");
        }
        PaymentEvent::CaptureDue { charge_id, deadline, at } => {
            let deadline = deadline.as_str();
            tracing::warn!(checkout_id, order_id, %charge_id, deadline, %at, "a charge is to be captured");
        }
        PaymentEvent::CancellationStuck { why } => {
            tracing::error!(checkout_id, order_id, why, "a canceled order is not undone");
        }
        PaymentEvent::Contradiction { id, found } => {
            tracing::error!(checkout_id, order_id, id, found, "Amazon contradicts what was proved");
        }
        PaymentEvent::OperationRecorded(_)
        | PaymentEvent::OperationSent { .. }
        | PaymentEvent::OperationDone(_)
        | PaymentEvent::ChargePending(_)
        | PaymentEvent::ChargeAuthorized(_)
        | PaymentEvent::CapturePending(_)
        | PaymentEvent::ChargeCaptured(_)
        | PaymentEvent::ChargeCanceled(_)
        | PaymentEvent::RefundPending(_)
        | PaymentEvent::Refunded(_)
        | PaymentEvent::PermissionChargeable
        | PaymentEvent::PermissionNonChargeable
        | PaymentEvent::PermissionClosed
        | PaymentEvent::CancelRequested
        | PaymentEvent::CheckoutCanceled => {}
    }
}
