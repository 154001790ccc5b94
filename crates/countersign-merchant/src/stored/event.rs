//! A timeline entry: a message of the topic `event`, its subject the checkout's id. Read back only
//! to be shown, so its form is that of the merchant API.

use bytes::Bytes;
use countersign_client::notification::{Message, Notified};
use countersign_domain::ids::{ChargeId, RefundId};
use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::completion::{AttemptEvent, CheckoutEvent, Happened};
use countersign_domain::merchant::operation::{Effect, OperationName, OperationState, Request};
use countersign_domain::merchant::payment::{ChargeState, PaymentEvent, RefundState};
use countersign_domain::money::Money;
use countersign_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Unreadable, from_json};

pub(crate) const TOPIC: &str = "event";

/// One thing that happened to a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    pub(crate) at: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) attempt: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) amazon_checkout_session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) charge_permission_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) charge_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refund_id: Option<String>,
    /// The shop's reference, or the word of a rule of our own, for what was asked for by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
    /// Why, or what was found: a code, never free text of Amazon's or of a buyer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

impl Event {
    /// An event of the checkout as a whole.
    pub(crate) fn of_checkout(kind: &str, at: Timestamp) -> Self {
        Self { at: at.to_string(), kind: kind.to_owned(), ..Self::default() }
    }

    /// A notification of Amazon's that this checkout has looked into.
    pub(crate) fn of_notification(message: &Message, at: Timestamp) -> Self {
        let of = |object: &Notified| match object {
            Notified::Charge(id) => (Some(id.to_string()), None),
            Notified::Refund(id) => (None, Some(id.to_string())),
            Notified::ChargePermission(_) | Notified::Chargeback(_) | Notified::Other { .. } => (None, None),
        };
        let (charge_id, refund_id) = of(&message.object);
        Self {
            charge_permission_id: message.charge_permission_id.as_ref().map(ToString::to_string),
            charge_id,
            refund_id,
            detail: Some(message.object.object_type().as_str().to_owned()),
            ..Self::of_checkout("NotificationHeard", at)
        }
    }

    /// An event, with what the checkout shows after it.
    pub(crate) fn of(event: &CheckoutEvent, after: &Checkout, at: Timestamp) -> Self {
        match event {
            CheckoutEvent::Attempt(event) => Self::of_attempt(event, after, at),
            CheckoutEvent::Payment(event) => Self::of_payment(event, after, at),
        }
    }

    fn of_payment(event: &PaymentEvent, after: &Checkout, at: Timestamp) -> Self {
        let payment = after.payment.as_ref();
        let of = |kind: &str, detail: Option<String>| Self {
            charge_permission_id: payment.map(|payment| payment.charge_permission_id.to_string()),
            detail,
            ..Self::of_checkout(kind, at)
        };
        let operation = |kind: &str, number: u32, detail: Option<String>| {
            let operation = payment.and_then(|payment| payment.operation(number));
            let Some(operation) = operation else { return of(kind, detail) };
            let charge_id = match &operation.request {
                Request::Capture { charge_id, .. }
                | Request::Refund { charge_id, .. }
                | Request::CancelCharge { charge_id } => Some(charge_id.to_string()),
                Request::CreateCharge { .. } | Request::Close { .. } => None,
            };
            let (done_charge, refund_id) = match &operation.state {
                OperationState::Done(Effect::Charge(id)) => (Some(id.to_string()), None),
                OperationState::Done(Effect::Refund(id)) => (None, Some(id.to_string())),
                OperationState::Done(Effect::Closed)
                | OperationState::Recorded { .. }
                | OperationState::Sending { .. }
                | OperationState::InDoubt { .. }
                | OperationState::Refused { .. } => (None, None),
            };
            let (OperationName::Shop(reference) | OperationName::Own(reference)) = &operation.name;
            let call = operation.request.call();
            Self {
                charge_id: charge_id.or(done_charge),
                refund_id,
                reference: Some(reference.clone()),
                detail: Some(detail.map_or(call.to_owned(), |detail| format!("{call}: {detail}"))),
                ..of(kind, None)
            }
        };
        let charge = |kind: &str, id: &ChargeId| {
            let charge = payment.and_then(|payment| payment.charge(id));
            let detail = charge.and_then(|charge| match &charge.state {
                ChargeState::Captured(captured) => Some(captured.to_string()),
                ChargeState::Canceled(reason) | ChargeState::Declined(reason) => reason.clone(),
                ChargeState::AuthorizationInitiated
                | ChargeState::Authorized
                | ChargeState::CaptureInitiated => Some(charge.amount.to_string()),
            });
            Self { charge_id: Some(id.to_string()), ..of(kind, detail) }
        };
        let refund = |kind: &str, id: &RefundId| {
            let found = payment.and_then(|payment| payment.refund(id));
            let detail = found.map(|(_, refund)| match &refund.state {
                RefundState::Declined(Some(reason)) => reason.clone(),
                RefundState::Declined(None) | RefundState::RefundInitiated | RefundState::Refunded => {
                    refund.amount.to_string()
                }
            });
            Self {
                charge_id: found.map(|(charge, _)| charge.id.to_string()),
                refund_id: Some(id.to_string()),
                ..of(kind, detail)
            }
        };
        let permission = |kind: &str| {
            let reason = payment.and_then(|payment| payment.permission.state.reason());
            of(kind, reason.map(str::to_owned))
        };
        match event {
            PaymentEvent::OperationRecorded(number) => {
                let asked = payment.and_then(|payment| payment.operation(*number));
                let amount = asked.and_then(|operation| amount_of(&operation.request));
                operation("OperationRecorded", *number, amount.map(|amount| amount.to_string()))
            }
            PaymentEvent::OperationSent { number, send_count } => {
                let sent = payment.and_then(|payment| payment.operation(*number));
                let key = sent.and_then(|operation| key_of(&operation.state));
                let key = key.map_or(String::new(), |n| format!("key {n}, "));
                operation("OperationSent", *number, Some(format!("{key}send {send_count}")))
            }
            PaymentEvent::OperationNotSent(number) => operation("OperationNotSent", *number, None),
            PaymentEvent::OperationNotEvaluated { number, code } => {
                operation("OperationNotEvaluated", *number, Some(code.clone()))
            }
            PaymentEvent::OperationDoubtBegan { number, cause } => {
                operation("OperationDoubtBegan", *number, Some(cause.clone()))
            }
            PaymentEvent::OperationAlarm { number, lasting } => {
                operation("OperationAlarm", *number, Some(format!("in doubt for {} s", lasting.as_secs())))
            }
            PaymentEvent::OperationDone(number) => operation("OperationDone", *number, None),
            PaymentEvent::OperationRefused { number, code } => {
                operation("OperationRefused", *number, Some(code.clone()))
            }
            PaymentEvent::ChargePending(id) => charge("ChargePending", id),
            PaymentEvent::ChargeAuthorized(id) => charge("ChargeAuthorized", id),
            PaymentEvent::CapturePending(id) => charge("CapturePending", id),
            PaymentEvent::ChargeCaptured(id) => charge("ChargeCaptured", id),
            PaymentEvent::ChargeCanceled(id) => charge("ChargeCanceled", id),
            PaymentEvent::ChargeDeclined(id) => charge("ChargeDeclined", id),
            PaymentEvent::ChargeAdopted(id) => charge("ChargeAdopted", id),
            PaymentEvent::RefundPending(id) => refund("RefundPending", id),
            PaymentEvent::Refunded(id) => refund("Refunded", id),
            PaymentEvent::RefundDeclined(id) => refund("RefundDeclined", id),
            PaymentEvent::PermissionChargeable => permission("PermissionChargeable"),
            PaymentEvent::PermissionNonChargeable => permission("PermissionNonChargeable"),
            PaymentEvent::PermissionClosed => permission("PermissionClosed"),
            PaymentEvent::CaptureDue { charge_id, deadline, at } => Self {
                charge_id: Some(charge_id.to_string()),
                ..of("CaptureDue", Some(format!("{} at {at}", deadline.as_str())))
            },
            PaymentEvent::CancelRequested => Self {
                reference: after.cancellation.as_ref().map(|cancellation| cancellation.reference.clone()),
                ..of("CancelRequested", None)
            },
            PaymentEvent::CheckoutCanceled => of("CheckoutCanceled", None),
            PaymentEvent::CancellationStuck { why } => of("CancellationStuck", Some(why.clone())),
            PaymentEvent::Contradiction { id, found } => of("Contradiction", Some(format!("{found}: {id}"))),
        }
    }

    /// An event of an attempt, with what the checkout shows after it.
    fn of_attempt(event: &AttemptEvent, after: &Checkout, at: Timestamp) -> Self {
        let attempt = after.attempt(event.attempt);
        let mut entry = Self {
            attempt: Some(event.attempt),
            amazon_checkout_session_id: attempt.map(|attempt| attempt.checkout_session_id.to_string()),
            ..Self::of_checkout("", at)
        };
        let (kind, detail) = match &event.what {
            Happened::SessionBound => ("SessionBound", None),
            Happened::SurplusRecorded { of } => ("SurplusRecorded", Some(format!("second to attempt {of}"))),
            Happened::Approved => ("Approved", None),
            Happened::FinalizeSent { n, send_count } => {
                ("FinalizeSent", Some(format!("key {n}, send {send_count}")))
            }
            Happened::NotSent => ("NotSent", None),
            Happened::NotEvaluated { code } => ("NotEvaluated", Some(code.clone())),
            Happened::DoubtBegan { cause } => ("DoubtBegan", Some(cause.clone())),
            Happened::DoubtAlarm { lasting } => {
                ("DoubtAlarm", Some(format!("in doubt for {} s", lasting.as_secs())))
            }
            Happened::LookedUp { found } => ("LookedUp", Some((*found).to_owned())),
            Happened::PendingBegan => match after.pending_state() {
                "CaptureInitiated" => ("CapturePending", attempt.and_then(pending_charge)),
                _ => ("AuthorizationPending", None),
            },
            Happened::Completed => ("Completed", attempt.and_then(completion_word)),
            Happened::NotPaid => ("NotPaid", attempt.and_then(reason_code)),
            Happened::Unresolved => ("Unresolved", attempt.and_then(reason_code)),
            Happened::Contradiction { found, .. } => ("Contradiction", Some((*found).to_owned())),
        };
        kind.clone_into(&mut entry.kind);
        entry.detail = detail;
        if let Some(AttemptState::Completed { completion, charge_permission_id, .. }) =
            attempt.map(|attempt| &attempt.state)
        {
            entry.charge_permission_id = Some(charge_permission_id.to_string());
            entry.charge_id = completion.charge_id().map(ToString::to_string);
        }
        if let Some(AttemptState::Pending { charge_permission_id, charge_id, .. }) =
            attempt.map(|attempt| &attempt.state)
        {
            entry.charge_permission_id = Some(charge_permission_id.to_string());
            entry.charge_id = Some(charge_id.to_string());
        }
        if let Happened::Contradiction { charge_permission_id, charge_id, .. } = &event.what {
            entry.charge_permission_id = charge_permission_id.as_ref().map(ToString::to_string);
            entry.charge_id = charge_id.as_ref().map(ToString::to_string);
        }
        entry
    }

    pub(crate) fn encode(&self) -> Bytes {
        Bytes::from(serde_json::to_vec(self).unwrap_or_default())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        from_json(TOPIC, bytes)
    }
}

fn amount_of(request: &Request) -> Option<Money> {
    match request {
        Request::CreateCharge { amount, .. }
        | Request::Capture { amount, .. }
        | Request::Refund { amount, .. } => Some(*amount),
        Request::CancelCharge { .. } | Request::Close { .. } => None,
    }
}

/// Which key an operation's bytes are under.
fn key_of(state: &OperationState) -> Option<u32> {
    match state {
        OperationState::Recorded { send, .. } => send.as_ref().map(|send| send.n),
        OperationState::Sending { send, .. } | OperationState::InDoubt { send, .. } => Some(send.n),
        OperationState::Done(_) | OperationState::Refused { .. } => None,
    }
}

fn pending_charge(attempt: &Attempt) -> Option<String> {
    match &attempt.state {
        AttemptState::Pending { charge_id, .. } => Some(charge_id.to_string()),
        AttemptState::Bound { .. }
        | AttemptState::Approved { .. }
        | AttemptState::Finalizing { .. }
        | AttemptState::InDoubt(_)
        | AttemptState::Completed { .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::Unresolved { .. }
        | AttemptState::Surplus { .. } => None,
    }
}

fn completion_word(attempt: &Attempt) -> Option<String> {
    use countersign_domain::merchant::attempt::Completion;
    let AttemptState::Completed { completion, .. } = &attempt.state else { return None };
    let word = match completion {
        Completion::Captured(_) => "Captured",
        Completion::CaptureInitiated(_) => "CaptureInitiated",
        Completion::Authorized(_) => "Authorized",
        Completion::Confirmed => "Confirmed",
    };
    Some(word.to_owned())
}

fn reason_code(attempt: &Attempt) -> Option<String> {
    match &attempt.state {
        AttemptState::NotPaid { reason, .. } => Some(reason.code().to_owned()),
        AttemptState::Unresolved { reason, .. } => Some(reason.code().to_owned()),
        AttemptState::Bound { .. }
        | AttemptState::Approved { .. }
        | AttemptState::Finalizing { .. }
        | AttemptState::InDoubt(_)
        | AttemptState::Pending { .. }
        | AttemptState::Completed { .. }
        | AttemptState::Surplus { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use countersign_domain::ids::{ChargePermissionId, CheckoutId};
    use countersign_domain::merchant::checkout::Terms;
    use countersign_domain::money::Currency;
    use countersign_domain::terms::{MerchantMetadata, PaymentIntent, ProductType};

    use super::*;

    #[test]
    fn a_contradiction_is_kept_with_what_amazon_says_was_paid() {
        let at = Timestamp::from_millis(1_795_448_820_000);
        let checkout = Checkout {
            id: CheckoutId::parse("c1").unwrap(),
            order_id: "1001".to_owned(),
            terms: Terms {
                product_type: ProductType::PayOnly,
                payment_intent: PaymentIntent::Authorize,
                can_handle_pending_authorization: false,
                charge_amount: Money::from_minor(1_400, Currency::USD),
                total_order_amount: None,
                supplementary_data: None,
                merchant_metadata: MerchantMetadata::default(),
                shipping_address: None,
                quoted_address: None,
            },
            terms_version: 1,
            attempts: Vec::new(),
            payment: None,
            cancellation: None,
            registered_at: at,
        };
        let what = Happened::Contradiction {
            found: "a late success",
            charge_permission_id: ChargePermissionId::parse("S01-1").ok(),
            charge_id: ChargeId::parse("S01-1-C1").ok(),
        };
        let entry = Event::of_attempt(&AttemptEvent { attempt: 1, what }, &checkout, at);
        assert_eq!(entry.charge_permission_id.as_deref(), Some("S01-1"));
        assert_eq!(entry.charge_id.as_deref(), Some("S01-1-C1"));
        assert_eq!(entry.detail.as_deref(), Some("a late success"));
    }
}
