//! A definitive fact for the shop: a message of the topic `fact`, its subject the checkout's id. Its
//! form is that of `GET /v1/events` and of the webhooks, but for the id, which is its place among the
//! store's messages and so known only once it is kept.

use bytes::Bytes;
use countersign_domain::ids::{ChargePermissionId, RefundId};
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::completion::{AttemptEvent, CheckoutEvent, Happened};
use countersign_domain::merchant::operation::{Operation, OperationName, Request};
use countersign_domain::merchant::payment::{Charge, ChargeState, Payment, PaymentEvent, RefundState};
use countersign_domain::merchant::verdict::Verdict;
use countersign_domain::money::Money;
use countersign_domain::time::Timestamp;
use serde::Serialize;

pub(crate) const TOPIC: &str = "fact";

/// What an id begins with.
const PREFIX: &str = "evt_";

/// One thing that is so from now on. Ids, amounts and codes; nothing of the buyer's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fact {
    at: String,
    #[serde(rename = "type")]
    kind: &'static str,
    checkout_id: String,
    order_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_permission_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    /// A code, never free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// By which name an operation was asked for: the shop's, or a word of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    /// Amazon's call that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<&'static str>,
    /// Why it was refused: Amazon's code, or the state that proves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Until when something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Amount {
    amount: String,
    currency_code: &'static str,
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self { amount: money.amount(), currency_code: money.currency().code() }
    }
}

impl Fact {
    fn of_checkout(kind: &'static str, checkout: &Checkout, at: Timestamp) -> Self {
        Self {
            at: at.to_string(),
            kind,
            checkout_id: checkout.id.to_string(),
            order_id: checkout.order_id.clone(),
            attempt: None,
            charge_permission_id: None,
            charge_id: None,
            refund_id: None,
            amount: None,
            reason: None,
            reference: None,
            call: None,
            code: None,
            due_at: None,
        }
    }

    /// Amazon has notified of a dispute. Which one, and what is asked of the shop, only Seller Central says.
    pub(crate) fn of_chargeback(checkout: &Checkout, permission: &ChargePermissionId, at: Timestamp) -> Self {
        Self {
            charge_permission_id: Some(permission.to_string()),
            ..Self::of_checkout("chargeback.notified", checkout, at)
        }
    }

    /// The fact that an event is, if it is definitive: what is pending, in doubt or being checked is
    /// no fact.
    pub(crate) fn of(event: &CheckoutEvent, after: &Checkout, at: Timestamp) -> Option<Self> {
        match event {
            CheckoutEvent::Attempt(event) => Self::of_attempt(event, after, at),
            CheckoutEvent::Payment(event) => Self::of_payment(event, after, at),
        }
    }

    fn of_attempt(event: &AttemptEvent, after: &Checkout, at: Timestamp) -> Option<Self> {
        let attempt = after.attempt(event.attempt)?;
        match event.what {
            Happened::Completed => {
                let (kind, proof) = match after.verdict_of(attempt) {
                    Verdict::Paid(proof) => ("checkout.paid", proof),
                    Verdict::Authorized(proof) => ("checkout.authorized", proof),
                    Verdict::Confirmed(proof) => ("checkout.confirmed", proof),
                    Verdict::Pending(_)
                    | Verdict::Checking(_)
                    | Verdict::NotPaid(_)
                    | Verdict::Canceled
                    | Verdict::Registered => {
                        return None;
                    }
                };
                Some(Self {
                    attempt: Some(event.attempt),
                    charge_permission_id: Some(proof.charge_permission_id.to_string()),
                    charge_id: proof.charge_id.map(ToString::to_string),
                    amount: Some(after.terms.charge_amount.into()),
                    ..Self::of_checkout(kind, after, at)
                })
            }
            Happened::NotPaid => {
                let AttemptState::NotPaid { reason, .. } = &attempt.state else { return None };
                Some(Self {
                    attempt: Some(event.attempt),
                    reason: Some(reason.code().to_owned()),
                    ..Self::of_checkout("attempt.notPaid", after, at)
                })
            }
            Happened::SessionBound
            | Happened::SurplusRecorded { .. }
            | Happened::Approved
            | Happened::FinalizeSent { .. }
            | Happened::NotSent
            | Happened::NotEvaluated { .. }
            | Happened::DoubtBegan { .. }
            | Happened::DoubtAlarm { .. }
            | Happened::LookedUp { .. }
            | Happened::PendingBegan
            | Happened::Unresolved
            | Happened::Contradiction { .. } => None,
        }
    }

    fn of_payment(event: &PaymentEvent, after: &Checkout, at: Timestamp) -> Option<Self> {
        if *event == PaymentEvent::CheckoutCanceled {
            // Its reason is the shop's own text, which may name a buyer: no fact has it.
            return Some(Self::of_checkout("checkout.canceled", after, at));
        }
        let payment = after.payment.as_ref()?;
        let of = |kind| Self {
            charge_permission_id: Some(payment.charge_permission_id.to_string()),
            ..Self::of_checkout(kind, after, at)
        };
        let of_charge = |kind, charge: &Charge| Self {
            charge_id: Some(charge.id.to_string()),
            amount: Some(charge.amount.into()),
            ..of(kind)
        };
        match event {
            PaymentEvent::ChargeAuthorized(id) => {
                let charge = payment.charge(id)?;
                let due_at = Some(charge.expires_at.to_string());
                Some(Self { due_at, ..of_charge("charge.authorized", charge) })
            }
            PaymentEvent::ChargeCaptured(id) => {
                let charge = payment.charge(id)?;
                Some(Self { amount: Some(charge.captured().into()), ..of_charge("charge.captured", charge) })
            }
            PaymentEvent::ChargeCanceled(id) => {
                let charge = payment.charge(id)?;
                Some(Self { reason: reason_of(&charge.state), ..of_charge("charge.canceled", charge) })
            }
            PaymentEvent::ChargeDeclined(id) => {
                let charge = payment.charge(id)?;
                Some(Self { reason: reason_of(&charge.state), ..of_charge("charge.declined", charge) })
            }
            PaymentEvent::Refunded(id) => Self::of_refund("refund.refunded", id, payment, of),
            PaymentEvent::RefundDeclined(id) => Self::of_refund("refund.declined", id, payment, of),
            PaymentEvent::PermissionChargeable => Some(of("chargePermission.chargeable")),
            // An authorization that holds all that is left is no news: the shop asked for it.
            PaymentEvent::PermissionNonChargeable
                if payment.permission.state.reason() == Some("ChargeInProgress") =>
            {
                None
            }
            PaymentEvent::PermissionNonChargeable | PaymentEvent::PermissionClosed => {
                let kind = if *event == PaymentEvent::PermissionClosed {
                    "chargePermission.closed"
                } else {
                    "chargePermission.nonChargeable"
                };
                Some(Self { reason: payment.permission.state.reason().map(str::to_owned), ..of(kind) })
            }
            PaymentEvent::CaptureDue { charge_id, deadline, at: due_at } => {
                let charge = payment.charge(charge_id)?;
                Some(Self {
                    reason: Some(deadline.as_str().to_owned()),
                    due_at: Some(due_at.to_string()),
                    ..of_charge("capture.due", charge)
                })
            }
            PaymentEvent::OperationRefused { number, code } => {
                Self::of_refusal(payment.operation(*number)?, code, of("operation.refused"))
            }
            PaymentEvent::CheckoutCanceled
            | PaymentEvent::OperationRecorded(_)
            | PaymentEvent::OperationSent { .. }
            | PaymentEvent::OperationNotSent(_)
            | PaymentEvent::OperationNotEvaluated { .. }
            | PaymentEvent::OperationDoubtBegan { .. }
            | PaymentEvent::OperationAlarm { .. }
            | PaymentEvent::OperationDone(_)
            | PaymentEvent::ChargePending(_)
            | PaymentEvent::CapturePending(_)
            | PaymentEvent::ChargeAdopted(_)
            | PaymentEvent::RefundPending(_)
            | PaymentEvent::CancelRequested
            | PaymentEvent::CancellationStuck { .. }
            | PaymentEvent::Contradiction { .. } => None,
        }
    }

    /// Whoever asked for it was answered before it was refused, perhaps: the shop, or its capture policy.
    /// What a cancellation asks for ends with the cancellation, which is told.
    fn of_refusal(operation: &Operation, code: &str, refused: Self) -> Option<Self> {
        let reference = match (&operation.name, &operation.request) {
            (OperationName::Shop(reference), _)
            | (OperationName::Own(reference), Request::Capture { .. }) => reference.clone(),
            (
                OperationName::Own(_),
                Request::CreateCharge { .. }
                | Request::Refund { .. }
                | Request::CancelCharge { .. }
                | Request::Close { .. },
            ) => return None,
        };
        let (charge_id, amount) = match &operation.request {
            Request::CreateCharge { amount, .. } => (None, Some(*amount)),
            Request::Capture { charge_id, amount } | Request::Refund { charge_id, amount } => {
                (Some(charge_id), Some(*amount))
            }
            Request::CancelCharge { charge_id } => (Some(charge_id), None),
            Request::Close { .. } => (None, None),
        };
        Some(Self {
            reference: Some(reference),
            call: Some(operation.request.call()),
            code: Some(code.to_owned()),
            charge_id: charge_id.map(ToString::to_string),
            amount: amount.map(Into::into),
            ..refused
        })
    }

    fn of_refund(
        kind: &'static str,
        id: &RefundId,
        payment: &Payment,
        of: impl Fn(&'static str) -> Self,
    ) -> Option<Self> {
        let (charge, refund) = payment.refund(id)?;
        let reason = match &refund.state {
            RefundState::Declined(reason) => reason.clone(),
            RefundState::RefundInitiated | RefundState::Refunded => None,
        };
        Some(Self {
            charge_id: Some(charge.id.to_string()),
            refund_id: Some(id.to_string()),
            amount: Some(refund.amount.into()),
            reason,
            ..of(kind)
        })
    }

    pub(crate) fn encode(&self) -> Bytes {
        Bytes::from(serde_json::to_vec(self).unwrap_or_default())
    }
}

fn reason_of(state: &ChargeState) -> Option<String> {
    match state {
        ChargeState::Canceled(reason) | ChargeState::Declined(reason) => reason.clone(),
        ChargeState::AuthorizationInitiated
        | ChargeState::Authorized
        | ChargeState::CaptureInitiated
        | ChargeState::Captured(_) => None,
    }
}

/// The id of the fact at a place.
pub(crate) fn id(sequence: u64) -> String {
    format!("{PREFIX}{sequence}")
}

/// The place that an id names, spelled as [`id`] spells it.
pub(crate) fn sequence(id: &str) -> Option<u64> {
    let digits = id.strip_prefix(PREFIX)?;
    let sequence: u64 = digits.parse().ok()?;
    (digits == sequence.to_string()).then_some(sequence)
}

/// A kept fact with its id: the same bytes whenever it is told.
pub(crate) fn body(sequence: u64, kept: &[u8]) -> Bytes {
    let members = kept.strip_prefix(b"{").unwrap_or(kept);
    Bytes::from([format!(r#"{{"id":"{}","#, id(sequence)).as_bytes(), members].concat())
}

#[cfg(test)]
pub(crate) mod tests;
