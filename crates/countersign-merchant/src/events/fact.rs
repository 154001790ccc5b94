//! A definitive fact for the shop: a message of the topic `fact`, its subject the checkout's id. Its form is that
//! of `GET /v1/events` and of the webhooks, but for the id, which is its place among the store's messages and so
//! known only once it is kept. What is pending, in doubt or being checked is no fact.

use bytes::Bytes;
use countersign_domain::ids::ChargeId;
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::verdict::Verdict;
use countersign_domain::merchant::payment::charge::Charge;
use countersign_domain::merchant::payment::operation::{OperationName, OwnName};
use countersign_domain::money::Money;
use countersign_domain::time::Timestamp;
use countersign_protocol::notification::ObjectType;
use countersign_protocol::wire::ChargePermissionReason;

use super::about::{About, Detail};
use countersign_protocol::json::{Members, amount};

pub(crate) const TOPIC: &str = "fact";

/// What an id begins with.
const PREFIX: &str = "evt_";

/// One thing that is so from now on. Ids, amounts and codes; nothing of the buyer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact(Members);

impl Fact {
    pub(crate) fn encode(&self) -> Bytes {
        Bytes::from(self.0.text())
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
        Fact(self.members(kind))
    }

    fn members(self, kind: &'static str) -> Members {
        Members::default()
            .with("at", self.at.to_string())
            .with("type", kind)
            .with("checkoutId", self.after.id.as_str())
            .with("orderId", &self.after.order_id)
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
        let members = self
            .members(kind)
            .with("attempt", attempt.number)
            .with("chargePermissionId", proof.charge_permission_id.as_str())
            .some("chargeId", proof.charge_id.map(ChargeId::as_str))
            .with("amount", amount(self.after.terms.charge_amount));
        Some(Fact(members))
    }

    /// Of an attempt that is proved unpaid.
    pub(super) fn not_paid(self, kind: &'static str) -> Option<Fact> {
        let attempt = self.after.attempt(self.about.attempt?)?;
        let AttemptState::NotPaid { reason, .. } = &attempt.state else { return None };
        Some(Fact(self.members(kind).with("attempt", attempt.number).with("reason", reason.code())))
    }

    /// Of a notification, if it is of a dispute. Which one, and what is asked of the shop, only Seller Central
    /// says.
    pub(super) fn dispute(self, kind: &'static str) -> Option<Fact> {
        let is_dispute = self.about.plain_word() == Some(ObjectType::Chargeback.as_str());
        let is_named = self.about.charge_permission_id.is_some();
        (is_dispute && is_named).then(|| Fact(self.under_permission(kind)))
    }

    fn under_permission(self, kind: &'static str) -> Members {
        self.members(kind).some("chargePermissionId", self.about.charge_permission_id.as_ref())
    }

    /// Of the permission's state.
    pub(super) fn permission(self, kind: &'static str) -> Option<Fact> {
        let reason = self.after.payment.as_ref()?.permission.state.reason();
        Some(Fact(self.under_permission(kind).some("reason", reason)))
    }

    /// The same, unless an authorization holds all that is left: that is no news, for the shop asked for it.
    pub(super) fn non_chargeable(self, kind: &'static str) -> Option<Fact> {
        let reason = self.after.payment.as_ref()?.permission.state.reason();
        let is_held = reason == Some(ChargePermissionReason::ChargeInProgress.as_str());
        if is_held { None } else { self.permission(kind) }
    }

    fn charge(self) -> Option<&'a Charge> {
        let id = self.about.charge_id.as_deref()?;
        self.after.payment.as_ref()?.charges.iter().find(|charge| charge.id.as_str() == id)
    }

    fn of_charge(self, kind: &'static str, of: Money) -> Members {
        self.under_permission(kind).some("chargeId", self.about.charge_id.as_ref()).with("amount", amount(of))
    }

    /// Of money that is held, and until when.
    pub(super) fn held(self, kind: &'static str) -> Option<Fact> {
        let charge = self.charge()?;
        Some(Fact(self.of_charge(kind, charge.amount).with("dueAt", charge.expires_at.to_string())))
    }

    /// Of money that is captured.
    pub(super) fn captured(self, kind: &'static str) -> Option<Fact> {
        Some(Fact(self.of_charge(kind, self.charge()?.captured())))
    }

    /// Of a charge that has come to nothing.
    pub(super) fn charge_over(self, kind: &'static str) -> Option<Fact> {
        let charge = self.charge()?;
        Some(Fact(self.of_charge(kind, charge.amount).some("reason", charge.state.reason())))
    }

    /// Of a deadline of a charge.
    pub(super) fn due(self, kind: &'static str) -> Option<Fact> {
        let Some(Detail::Due { deadline, at }) = &self.about.detail else { return None };
        let members = self.of_charge(kind, self.charge()?.amount);
        Some(Fact(members.with("reason", deadline).with("dueAt", at)))
    }

    /// Of a refund that is over.
    pub(super) fn refund(self, kind: &'static str) -> Option<Fact> {
        let id = self.about.refund_id.as_deref()?;
        let charges = &self.after.payment.as_ref()?.charges;
        let refund = charges.iter().flat_map(|charge| &charge.refunds).find(|it| it.id.as_str() == id)?;
        let members = self
            .under_permission(kind)
            .some("chargeId", self.about.charge_id.as_ref())
            .with("refundId", id)
            .with("amount", amount(refund.amount))
            .some("reason", refund.state.reason());
        Some(Fact(members))
    }

    /// Of an operation that was refused. The caller was answered before that, perhaps: the shop, or its capture
    /// policy. What a cancellation asks for ends with the cancellation, which is a fact.
    pub(super) fn refused(self, kind: &'static str) -> Option<Fact> {
        let operation = self.after.payment.as_ref()?.operation(self.about.operation?)?;
        if let OperationName::Own(OwnName::Undo { .. }) = operation.name {
            return None;
        }
        let members = self
            .under_permission(kind)
            .some("chargeId", operation.request.charge_id().map(ChargeId::as_str))
            .some("amount", operation.request.amount().map(amount))
            .with("reference", operation.name.to_string())
            .some("call", self.about.call.as_ref())
            .some("code", self.about.plain_word());
        Some(Fact(members))
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
