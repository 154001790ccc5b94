//! The disputes of buyers, as Seller Central shows them: what Amazon decides about each, and what the merchant half
//! must not do meanwhile. No call of Amazon's shows any of it.

use std::time::Duration;

use countersign_domain::money::{Currency, Money};
use serde_json::Value;

use super::elsewhere::KNOWN_AFTER;
use super::{Facts, Witness, order_number};
use crate::documents::{Checkout, Dispute, Payment};
use crate::invariants::{Invariant, never};
use crate::payments::permission_of;
use crate::seller_central::{DisputeEnd, TrueDispute};

impl Facts {
    /// Notes since when the merchant half knows each dispute.
    pub(super) fn disputes_wrote(&mut self, before: Option<&Checkout>, after: &Checkout) {
        for dispute in after.payment.iter().flat_map(|payment| &payment.disputes) {
            let at = self.at;
            self.dispute_known_at.entry(dispute.id.clone()).or_insert(at);
            let mut earlier =
                before.and_then(|before| before.payment.as_ref()).into_iter().flat_map(|it| &it.disputes);
            if earlier.find(|it| it.id == dispute.id).map(|it| &it.state) != Some(&dispute.state) {
                let state = format!("{:?}", dispute.state);
                let state = state.split(' ').next().unwrap_or_default().to_owned();
                self.count(&format!("dispute {state}"));
                self.note(
                    order_number(&after.order_id),
                    format!("merchant keeps: the dispute {} is {state}", dispute.id),
                );
            }
        }
    }

    /// What the buyer has back of a permission's charges by disputes.
    pub(super) fn lost_under(&self, permission: &str) -> u64 {
        let disputes =
            self.disputes.values().filter(|dispute| permission_of(&dispute.charge_id) == permission);
        let lost = disputes.map(|dispute| match &dispute.end {
            Some(DisputeEnd::Lost(minor, _)) => *minor,
            Some(DisputeEnd::Won) | None => 0,
        });
        lost.sum()
    }

    /// A dispute that the merchant half knows for a while, and that Amazon has not decided.
    pub(super) fn open_dispute(&self, payment: &Payment, charge: Option<&str>) -> Option<String> {
        let is_open = |dispute: &&Dispute| {
            let since = self.dispute_known_at.get(&dispute.id);
            charge.is_none_or(|charge| dispute.concerns(charge))
                && since.is_some_and(|since| self.at.saturating_sub(*since) > KNOWN_AFTER)
                && self.disputes.get(&dispute.id).is_some_and(|dispute| dispute.end.is_none())
        };
        payment.disputes.iter().find(is_open).map(|dispute| dispute.id.clone())
    }
}

impl Witness {
    /// Opens a dispute of a charge of the shop's, if money of it is kept: its id.
    pub(crate) fn opens_dispute(&self, charge_id: &str, ends_after: Duration, share: u64) -> Option<String> {
        self.kept(charge_id)?;
        let mut facts = self.facts();
        let session = facts.ledger.session_of(charge_id)?.to_owned();
        let order = facts.order_of_session.get(&session).copied()?;
        let is_theirs =
            facts.finalized_elsewhere.contains(&session) || facts.ledger.may_be_anothers(&session);
        let is_disputed = facts.disputes.values().any(|dispute| dispute.charge_id == charge_id);
        if is_theirs || is_disputed {
            return None;
        }
        let id = format!("{}-B{:06}", permission_of(charge_id), facts.disputes.len());
        let ends_at = facts.at.saturating_add(ends_after);
        let dispute = TrueDispute { charge_id: charge_id.to_owned(), ends_at, share, end: None };
        facts.disputes.insert(id.clone(), dispute);
        facts.count("a buyer disputes a payment");
        facts.note(Some(order), format!("the buyer disputes {charge_id}"));
        Some(id)
    }

    /// How a dispute has ended, once Amazon has decided it.
    pub(crate) fn dispute_end(&self, id: &str) -> Option<DisputeEnd> {
        let charge_id = self.facts().disputes.get(id)?.charge_id.clone();
        let kept = self.kept(&charge_id);
        let mut facts = self.facts();
        let at = facts.at;
        let dispute = facts.disputes.get_mut(id)?;
        if dispute.end.is_none() && at >= dispute.ends_at {
            dispute.end = Some(match kept {
                Some((minor, currency)) if minor * dispute.share / 1_000 > 0 => {
                    DisputeEnd::Lost(minor * dispute.share / 1_000, currency)
                }
                Some(_) | None => DisputeEnd::Won,
            });
        }
        dispute.end.clone()
    }

    /// Checks a refund that the merchant half sends for the first time: no dispute of its charge is open, and it does
    /// not return what the buyer has back by one.
    pub(crate) fn refunds_disputed(&self, charge_id: &str, key: &str, body: &[u8]) {
        let mut facts = self.facts();
        if !facts.refund_keys.insert(key.to_owned()) {
            return;
        }
        let Some((captured, currency)) = facts.ledger.captured(charge_id).cloned() else { return };
        let Some(order) = facts.order_of_object(charge_id) else { return };
        let payment = facts.checkout_of(order).and_then(|checkout| checkout.payment.clone());
        let Some(payment) = payment else { return };
        if let Some(dispute) = facts.open_dispute(&payment, Some(charge_id)) {
            let held = never(true, Invariant::RefundedTooMuch, || {
                format!("{charge_id} is about to be refunded, and its dispute {dispute} is open")
            });
            facts.judge(Some(order), held);
        }
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let asked = body["refundAmount"]["amount"].as_str().zip(Currency::parse(&currency));
        let asked =
            asked.and_then(|(text, currency)| Money::parse(text, currency).ok()).map_or(0, Money::minor);
        let is_counted = |id: &str| !facts.made_elsewhere.contains_key(id);
        let given = facts.ledger.refunded(charge_id, is_counted);
        let of_charge = |dispute: &&TrueDispute| dispute.charge_id == charge_id;
        let lost: u64 = facts
            .disputes
            .values()
            .filter(of_charge)
            .map(|dispute| match &dispute.end {
                Some(DisputeEnd::Lost(minor, _)) => *minor,
                Some(DisputeEnd::Won) | None => 0,
            })
            .sum();
        let held = never(lost > 0 && asked + given + lost > captured, Invariant::RefundedTooMuch, || {
            format!(
                "{asked} of {captured} is about to be refunded, {given} was, and {lost} was lost by a dispute"
            )
        });
        facts.judge(Some(order), held);
    }
}
