//! A definitive fact for the shop: a message of the topic `fact`, whose subject is the checkout's id. It has
//! the form of `GET /v1/events` and of the webhooks, except for the id, which is its sequence number in the
//! store and so is known only once the fact is stored. What is pending, in doubt or being checked is not a
//! fact.

use bytes::Bytes;
use countersign_domain::ids::ChargeId;
use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::verdict::Verdict;
use countersign_domain::merchant::number::{AttemptNumber, OperationNumber};
use countersign_domain::merchant::payment::charge::Charge;
use countersign_domain::merchant::payment::operation::{OperationName, OwnName};
use countersign_domain::merchant::payment::permission::Hindrance;
use countersign_domain::money::Money;
use countersign_domain::time::Timestamp;

use super::about::{Detail, EventSubject};
use countersign_protocol::json::{Members, amount};

pub(crate) const TOPIC: &str = "fact";

/// The prefix of an id.
const PREFIX: &str = "evt_";

/// A definitive fact: ids, amounts and codes, and no buyer data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact(Members);

impl Fact {
    pub(crate) fn encode(&self) -> Bytes {
        Bytes::from(self.0.text())
    }
}

/// An event and the checkout after it, from which a fact is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FactSource<'a> {
    pub(super) about: &'a EventSubject,
    pub(super) after: &'a Checkout,
    pub(super) at: Timestamp,
}

impl<'a> FactSource<'a> {
    /// A fact about the order. It does not include the shop's reason for a cancellation, which is free text and
    /// may name a buyer.
    pub(super) fn order(self, kind: &'static str) -> Fact {
        Fact(self.members(kind))
    }

    fn members(self, kind: &'static str) -> Members {
        Members::default()
            .with("at", self.at.to_string())
            .with("type", kind)
            .with("checkoutId", self.after.id.as_str())
            .with("orderId", &self.after.order_id)
            .with("termsVersion", self.terms_version())
    }

    /// The version of the terms that the fact is about: that of its attempt, else of the attempt that was
    /// paid, else of the order.
    fn terms_version(self) -> u32 {
        let named = self.about.attempt.and_then(|number| self.after.attempt(AttemptNumber::new(number)));
        let is_paid = |it: &&Attempt| matches!(it.state, AttemptState::Completed { .. });
        let attempt = named.or_else(|| self.after.attempts.iter().find(is_paid));
        attempt.map_or(self.after.terms_version, |attempt| attempt.terms_version)
    }

    /// A fact about a success, by its verdict.
    pub(super) fn completed(self) -> Option<Fact> {
        let attempt = self.after.attempt(AttemptNumber::new(self.about.attempt?))?;
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
            .with("attempt", attempt.number.get())
            .with("chargePermissionId", proof.charge_permission_id.as_str())
            .some("chargeId", proof.charge_id.map(ChargeId::as_str))
            .with("amount", amount(self.after.terms.charge_amount));
        Some(Fact(members))
    }

    /// A fact about an attempt that is proved unpaid.
    pub(super) fn not_paid(self, kind: &'static str) -> Option<Fact> {
        let attempt = self.after.attempt(AttemptNumber::new(self.about.attempt?))?;
        let AttemptState::NotPaid { reason, .. } = &attempt.state else { return None };
        Some(Fact(self.members(kind).with("attempt", attempt.number.get()).with("reason", reason.code())))
    }

    /// A fact about a payment that Amazon contradicts, with the amount that was asked for.
    pub(super) fn contradicted(self, kind: &'static str) -> Option<Fact> {
        Some(Fact(self.disputed_payment(kind).some("reason", self.about.plain_word())))
    }

    /// A fact about a payment that Amazon contradicts no longer.
    pub(super) fn settled(self, kind: &'static str) -> Option<Fact> {
        Some(Fact(self.disputed_payment(kind)))
    }

    /// A fact about a permission that names the order, with the money that Amazon has shown under it.
    pub(super) fn unexplained(self, kind: &'static str) -> Option<Fact> {
        let id = self.about.charge_permission_id.as_deref();
        let known = self.after.unexplained.iter().find(|it| id == Some(it.charge_permission_id.as_str()))?;
        let members = self
            .members(kind)
            .some("attempt", self.about.attempt)
            .some("chargePermissionId", self.about.charge_permission_id.as_ref())
            .some("chargeId", self.about.charge_id.as_ref())
            .some("amount", known.amount.map(amount))
            .some("reason", self.about.plain_word());
        Some(Fact(members))
    }

    fn disputed_payment(self, kind: &'static str) -> Members {
        let heard = self.about.charge_permission_id.as_deref();
        let heard = self.after.unexplained.iter().find(|it| heard == Some(it.charge_permission_id.as_str()));
        let of = self.charge().map(|charge| charge.amount).or_else(|| heard?.amount);
        let of = of.unwrap_or(self.after.terms.charge_amount);
        self.members(kind)
            .some("attempt", self.about.attempt)
            .some("chargePermissionId", self.about.charge_permission_id.as_ref())
            .some("chargeId", self.about.charge_id.as_ref())
            .with("amount", amount(of))
    }

    /// A fact about a dispute. What it asks for is shown by Seller Central.
    pub(super) fn dispute(self, kind: &'static str) -> Option<Fact> {
        let id = self.about.dispute_id.as_deref()?;
        let disputes = &self.after.payment.as_ref()?.disputes;
        let dispute = disputes.iter().find(|dispute| dispute.id.as_str() == id)?;
        let members = self
            .under_permission(kind)
            .with("disputeId", id)
            .some("chargeId", dispute.charge_id.as_ref().map(ChargeId::as_str))
            .some("amount", dispute.amount.map(amount));
        Some(Fact(members))
    }

    fn under_permission(self, kind: &'static str) -> Members {
        self.members(kind).some("chargePermissionId", self.about.charge_permission_id.as_ref())
    }

    /// A fact about the permission's state.
    pub(super) fn permission(self, kind: &'static str) -> Option<Fact> {
        let reason = self.after.payment.as_ref()?.permission.state.reason();
        Some(Fact(self.under_permission(kind).some("reason", reason)))
    }

    /// As [`permission`](Self::permission), if only the buyer can change the state: the shop itself asked for
    /// the authorization that holds everything that is left, or for the captures that left nothing.
    pub(super) fn non_chargeable(self, kind: &'static str) -> Option<Fact> {
        match self.after.payment.as_ref()?.permission.state.hindrance()? {
            Hindrance::Buyer => self.permission(kind),
            Hindrance::ChargeInProgress | Hindrance::Spent => None,
        }
    }

    fn charge(self) -> Option<&'a Charge> {
        let id = self.about.charge_id.as_deref()?;
        self.after.payment.as_ref()?.charges.iter().find(|charge| charge.id.as_str() == id)
    }

    fn about_charge(self, kind: &'static str, money: Money) -> Members {
        self.under_permission(kind)
            .some("chargeId", self.about.charge_id.as_ref())
            .with("amount", amount(money))
    }

    /// A fact about money that is held, and until when.
    pub(super) fn held(self, kind: &'static str) -> Option<Fact> {
        let charge = self.charge()?;
        Some(Fact(self.about_charge(kind, charge.amount).with("dueAt", charge.expires_at.to_string())))
    }

    /// A fact about money that is captured.
    pub(super) fn captured(self, kind: &'static str) -> Option<Fact> {
        Some(Fact(self.about_charge(kind, self.charge()?.captured())))
    }

    /// A fact about a charge that was canceled or declined.
    pub(super) fn charge_over(self, kind: &'static str) -> Option<Fact> {
        let charge = self.charge()?;
        Some(Fact(self.about_charge(kind, charge.amount).some("reason", charge.state.reason())))
    }

    /// A fact about a deadline of a charge.
    pub(super) fn due(self, kind: &'static str) -> Option<Fact> {
        let Some(Detail::Due { deadline, at }) = &self.about.detail else { return None };
        let members = self.about_charge(kind, self.charge()?.amount);
        Some(Fact(members.with("reason", deadline).with("dueAt", at)))
    }

    /// A fact about a refund that is over.
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

    /// A fact about a refused operation of the shop or of its capture policy: the shop's request may have
    /// been answered before the refusal. The operations of a cancellation have no facts; its end has one.
    pub(super) fn refused(self, kind: &'static str) -> Option<Fact> {
        let operation =
            self.after.payment.as_ref()?.operation(OperationNumber::new(self.about.operation?))?;
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

/// The id of the fact with this sequence number.
pub(crate) fn id(sequence: u64) -> String {
    format!("{PREFIX}{sequence}")
}

/// The sequence number of an id, if it is spelled exactly as [`id`] does.
pub(crate) fn sequence(id: &str) -> Option<u64> {
    let digits = id.strip_prefix(PREFIX)?;
    let sequence: u64 = digits.parse().ok()?;
    (digits == sequence.to_string()).then_some(sequence)
}

/// A stored fact with its id: the same bytes each time that it is sent or read.
pub(crate) fn body(sequence: u64, kept: &[u8]) -> Bytes {
    let members = kept.strip_prefix(b"{").unwrap_or(kept);
    Bytes::from([format!(r#"{{"id":"{}","#, id(sequence)).as_bytes(), members].concat())
}

#[cfg(test)]
pub(crate) mod tests;
