//! A definitive fact for the shop: a message of the topic `fact`, its subject the checkout's id. Its form is that
//! of `GET /v1/events` and of the webhooks, but for the id, which is its place among the store's messages and so
//! known only once it is kept. What is pending, in doubt or being checked is no fact.

use bytes::Bytes;
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::operation::{OperationName, Request};
use countersign_domain::merchant::payment::{Charge, ChargeState, RefundState};
use countersign_domain::merchant::verdict::Verdict;
use countersign_domain::money::Money;
use countersign_domain::time::Timestamp;
use countersign_protocol::notification::ObjectType;
use countersign_protocol::wire::{ChargePermissionReason, Words as _};
use serde::Serialize;

use super::about::{About, Detail};

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
    call: Option<String>,
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
    pub(crate) fn encode(&self) -> Bytes {
        Bytes::from(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// An event, and the checkout after it: what a fact is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Proved<'a> {
    pub(super) about: &'a About,
    pub(super) after: &'a Checkout,
    pub(super) at: Timestamp,
}

impl<'a> Proved<'a> {
    /// Of the order as a whole. Why the shop has canceled it is its own text, which may name a buyer: no fact has
    /// it.
    pub(super) fn order(self, kind: &'static str) -> Fact {
        Fact {
            at: self.at.to_string(),
            kind,
            checkout_id: self.after.id.to_string(),
            order_id: self.after.order_id.clone(),
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

    /// Of a success, by what it has come to.
    pub(super) fn completed(self) -> Option<Fact> {
        let attempt = self.after.attempt(self.about.attempt?)?;
        let (kind, proof) = match self.after.verdict_of(attempt) {
            Verdict::Paid(proof) => ("checkout.paid", proof),
            Verdict::Authorized(proof) => ("checkout.authorized", proof),
            Verdict::Confirmed(proof) => ("checkout.confirmed", proof),
            Verdict::Pending(_)
            | Verdict::Checking(_)
            | Verdict::NotPaid(_)
            | Verdict::Canceled
            | Verdict::Registered => return None,
        };
        Some(Fact {
            attempt: Some(attempt.number),
            charge_permission_id: Some(proof.charge_permission_id.to_string()),
            charge_id: proof.charge_id.map(ToString::to_string),
            amount: Some(self.after.terms.charge_amount.into()),
            ..self.order(kind)
        })
    }

    /// Of an attempt that is proved unpaid.
    pub(super) fn not_paid(self, kind: &'static str) -> Option<Fact> {
        let attempt = self.after.attempt(self.about.attempt?)?;
        let AttemptState::NotPaid { reason, .. } = &attempt.state else { return None };
        Some(Fact {
            attempt: Some(attempt.number),
            reason: Some(reason.code().to_owned()),
            ..self.order(kind)
        })
    }

    /// Of a notification, if it is of a dispute. Which one, and what is asked of the shop, only Seller Central
    /// says.
    pub(super) fn dispute(self, kind: &'static str) -> Option<Fact> {
        let is_dispute = self.about.plain_word() == Some(ObjectType::Chargeback.as_str());
        let fact = Some(self.under_permission(kind)).filter(|_| is_dispute);
        fact.filter(|fact| fact.charge_permission_id.is_some())
    }

    fn under_permission(self, kind: &'static str) -> Fact {
        Fact { charge_permission_id: self.about.charge_permission_id.clone(), ..self.order(kind) }
    }

    /// Of the permission's state.
    pub(super) fn permission(self, kind: &'static str) -> Option<Fact> {
        let reason = self.after.payment.as_ref()?.permission.state.reason();
        Some(Fact { reason: reason.map(str::to_owned), ..self.under_permission(kind) })
    }

    /// The same, unless an authorization holds all that is left: that is no news, for the shop asked for it.
    pub(super) fn non_chargeable(self, kind: &'static str) -> Option<Fact> {
        let reason = self.after.payment.as_ref()?.permission.state.reason();
        let is_held = reason == Some(ChargePermissionReason::ChargeInProgress.as_str());
        if is_held { None } else { self.permission(kind) }
    }

    fn of_charge(self, kind: &'static str) -> Option<(Fact, &'a Charge)> {
        let id = self.about.charge_id.as_deref()?;
        let charge = self.after.payment.as_ref()?.charges.iter().find(|charge| charge.id.as_str() == id)?;
        let charge_id = Some(id.to_owned());
        let amount = Some(charge.amount.into());
        Some((Fact { charge_id, amount, ..self.under_permission(kind) }, charge))
    }

    /// Of money that is held, and until when.
    pub(super) fn held(self, kind: &'static str) -> Option<Fact> {
        let (fact, charge) = self.of_charge(kind)?;
        Some(Fact { due_at: Some(charge.expires_at.to_string()), ..fact })
    }

    /// Of money that is captured.
    pub(super) fn captured(self, kind: &'static str) -> Option<Fact> {
        let (fact, charge) = self.of_charge(kind)?;
        Some(Fact { amount: Some(charge.captured().into()), ..fact })
    }

    /// Of a charge that has come to nothing.
    pub(super) fn charge_over(self, kind: &'static str) -> Option<Fact> {
        let (fact, charge) = self.of_charge(kind)?;
        let reason = match &charge.state {
            ChargeState::Canceled(reason) | ChargeState::Declined(reason) => reason.clone(),
            ChargeState::AuthorizationInitiated
            | ChargeState::Authorized
            | ChargeState::CaptureInitiated
            | ChargeState::Captured(_) => None,
        };
        Some(Fact { reason, ..fact })
    }

    /// Of a deadline of a charge.
    pub(super) fn due(self, kind: &'static str) -> Option<Fact> {
        let Some(Detail::Due { deadline, at }) = &self.about.detail else { return None };
        let (fact, _) = self.of_charge(kind)?;
        Some(Fact { reason: Some(deadline.clone()), due_at: Some(at.clone()), ..fact })
    }

    /// Of a refund that is over.
    pub(super) fn refund(self, kind: &'static str) -> Option<Fact> {
        let id = self.about.refund_id.as_deref()?;
        let charges = &self.after.payment.as_ref()?.charges;
        let refund = charges.iter().flat_map(|charge| &charge.refunds).find(|it| it.id.as_str() == id)?;
        let reason = match &refund.state {
            RefundState::Declined(reason) => reason.clone(),
            RefundState::RefundInitiated | RefundState::Refunded => None,
        };
        Some(Fact {
            charge_id: self.about.charge_id.clone(),
            refund_id: Some(id.to_owned()),
            amount: Some(refund.amount.into()),
            reason,
            ..self.under_permission(kind)
        })
    }

    /// Of an operation that was refused. The caller was answered before that, perhaps: the shop, or its capture
    /// policy. What a cancellation asks for ends with the cancellation, which is a fact.
    pub(super) fn refused(self, kind: &'static str) -> Option<Fact> {
        let operation = self.after.payment.as_ref()?.operation(self.about.operation?)?;
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
        Some(Fact {
            reference: Some(reference),
            call: self.about.call.clone(),
            code: self.about.plain_word().map(str::to_owned),
            charge_id: operation.request.charge_id().map(ToString::to_string),
            amount: operation.request.amount().map(Into::into),
            ..self.under_permission(kind)
        })
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

/// A kept fact with its id: the same bytes whenever it is sent or read.
pub(crate) fn body(sequence: u64, kept: &[u8]) -> Bytes {
    let members = kept.strip_prefix(b"{").unwrap_or(kept);
    Bytes::from([format!(r#"{{"id":"{}","#, id(sequence)).as_bytes(), members].concat())
}

#[cfg(test)]
pub(crate) mod tests;
