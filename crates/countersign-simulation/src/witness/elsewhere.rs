//! What another integration on the account does, and what persons know of Amazon's books.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::money::{Currency, Money};
use serde_json::Value;

use super::{Facts, Witness, order_number};
use crate::checkouts::{self, SendTally};
use crate::documents::{Attempt, AttemptState, Checkout};
use crate::invariants::{Invariant, never};
use crate::ledger::SessionBooks;
use crate::payments;

/// How long after Amazon shows what others have refunded the merchant half must count it: it asks for the charge if
/// it has not seen it for a minute, and replicas and the network are slow.
pub(super) const KNOWN_AFTER: Duration = Duration::from_secs(120);

impl Facts {
    /// Whether the shop has asked for this charge or refund, or Finalize has made it.
    pub(super) fn is_known_to_the_shop(&self, id: &str) -> bool {
        let payment = self.checkouts.values().filter_map(|checkout| checkout.payment.as_ref());
        let permission = payments::permission_of(id);
        let mut ours = payment.filter(|payment| payment.charge_permission_id == permission);
        let of_finalize = |charge: &str| {
            let session = self.ledger.session_of(charge);
            session
                .and_then(|session| self.ledger.ids(session))
                .is_some_and(|(_, first)| first.as_deref() == Some(charge))
        };
        of_finalize(id)
            || ours.any(|payment| {
                payment.charge(id).is_some() || payment.refunds().any(|refund| refund.id == id)
            })
    }

    /// Whether a session belongs to another integration: its buyer has begun it there, and no order of the shop
    /// has bound it.
    pub(super) fn is_elsewhere(&self, session: &str) -> bool {
        let is_bound = |checkout: &Arc<Checkout>| {
            let mut attempts = checkout.attempts.iter();
            attempts.any(|attempt| attempt.checkout_session_id == session && attempt.state.is_live())
        };
        self.elsewhere.contains(session)
            && (self.finalized_elsewhere.contains(session) || !self.checkouts.values().any(is_bound))
    }
}

impl Witness {
    /// Notes that a buyer of another integration has begun a session there.
    pub(crate) fn session_began_elsewhere(&self, session: &str) {
        self.note(None, format!("a buyer elsewhere begins the session {}", &session[..8]));
        self.facts().elsewhere.insert(session.to_owned());
    }

    /// Notes that another integration is about to finalize a session.
    pub(crate) fn finalizes_elsewhere(&self, session: &str) {
        self.facts().ledger.finalizes_elsewhere(session);
    }

    /// Notes that Amazon has refused a session to another integration.
    pub(crate) fn refused_elsewhere(&self, session: &str) {
        let mut facts = self.facts();
        if !facts.finalized_elsewhere.contains(session) {
            facts.ledger.is_refused_elsewhere(session);
        }
    }

    /// Notes that another integration has finalized a session: it ships for this payment.
    pub(crate) fn finalized_elsewhere(&self, session: &str) {
        let mut facts = self.facts();
        facts.note(None, format!("the session {} is finalized elsewhere", &session[..8]));
        facts.finalized_elsewhere.insert(session.to_owned());
        let checkouts: Vec<_> = facts.checkouts.values().cloned().collect();
        for checkout in checkouts {
            let held = checkouts::check_elsewhere(&checkout, &facts.finalized_elsewhere);
            facts.judge(order_number(&checkout.order_id), held);
        }
    }

    /// Notes that another integration asks for a charge or a refund.
    pub(crate) fn acts_elsewhere(&self, path: &str, body: &[u8]) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let named = ["chargePermissionId", "chargeId"].into_iter().filter_map(|id| body[id].as_str());
        let touched = path.split('/').chain(named).map(|id| payments::permission_of(id).to_owned());
        self.facts().touched_elsewhere.extend(touched);
        let about = ["chargePermissionId", "chargeId"].into_iter().find_map(|id| body[id].as_str());
        if let Some(about) = about {
            let permission = payments::permission_of(about).to_owned();
            *self.facts().asked_elsewhere.entry(permission).or_default() += 1;
        }
    }

    /// Whether an order of the shop has a payment under this permission.
    pub(crate) fn is_held(&self, permission: &str) -> bool {
        let facts = self.facts();
        facts.checkouts.values().any(|checkout| {
            let has_it = |attempt: &Attempt| attempt.state.ids().is_some_and(|(id, _)| id == permission);
            checkout.attempts.iter().any(has_it)
        })
    }

    /// Notes that a person closes a permission in Seller Central.
    pub(crate) fn closes_as_person(&self, permission: &str) {
        self.facts().closed_by_persons.insert(permission.to_owned());
    }

    /// Notes that Amazon has answered about one of its objects with another one.
    pub(crate) fn is_contradicted(&self, id: &str) {
        let mut facts = self.facts();
        let order = facts.order_of_object(id);
        facts.contradicted.extend(order);
    }

    /// Notes what another integration has made.
    pub(crate) fn made_elsewhere(&self, answer: &[u8]) {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let is_new = answer["statusDetails"]["state"].as_str().is_some();
        let made = ["refundId", "chargeId"].into_iter().find_map(|id| answer[id].as_str());
        let mut facts = self.facts();
        // A capture or a cancellation answers with a charge that exists already.
        if let Some(made) = made.filter(|made| is_new && !facts.is_known_to_the_shop(made)) {
            let at = facts.at;
            facts.made_elsewhere.insert(made.to_owned(), at);
        }
    }

    /// Checks a call of the merchant half's that changes a payment.
    pub(crate) fn touches(&self, what: &str, id: &str) {
        let mut facts = self.facts();
        let session = facts.ledger.session_of(id).map(str::to_owned);
        let is_theirs = facts.made_elsewhere.contains_key(id)
            || session.is_some_and(|session| facts.finalized_elsewhere.contains(&session));
        let held = never(is_theirs, Invariant::NotOursTouched, || {
            format!("{what} of {id}, which another integration has made")
        });
        let of_order = |checkout: &&Arc<Checkout>| {
            let permission = payments::permission_of(id);
            checkout.payment.as_ref().is_some_and(|payment| payment.charge_permission_id == permission)
        };
        let order = facts.checkouts.values().find(of_order);
        let order = order.and_then(|checkout| order_number(&checkout.order_id));
        facts.judge(order, held);
    }

    /// Checks a refund that the merchant half sends: with what Amazon has shown for a while that others have refunded
    /// of the charge, it returns no more than was captured. The rule: "refundable is captured minus the greater of
    /// known and shown refunds". A refund of others that is under way is neither: `refundedAmount` does not include it,
    /// and nothing names it.
    pub(crate) fn refunds(&self, charge_id: &str, body: &[u8]) {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let mut facts = self.facts();
        let Some((captured, currency)) = facts.ledger.captured(charge_id).cloned() else { return };
        let asked = body["refundAmount"]["amount"].as_str().zip(Currency::parse(&currency));
        let asked =
            asked.and_then(|(text, currency)| Money::parse(text, currency).ok()).map_or(0, Money::minor);
        let is_known = |id: &str| {
            facts.made_elsewhere.contains_key(id)
                && facts.ledger.shown_for(id).is_some_and(|shown_for| shown_for > KNOWN_AFTER)
        };
        let given = facts.ledger.refunded(charge_id, is_known);
        let held = never(given > 0 && asked + given > captured, Invariant::RefundedTooMuch, || {
            format!("{asked} of {captured} is about to be refunded, and others have refunded {given} before")
        });
        let order = facts.order_of_object(charge_id);
        facts.judge(order, held);
    }

    /// A payment of the shop's: its permission and its first charge.
    pub(crate) fn any_payment(&self, draw: u64) -> Option<(String, Option<String>)> {
        let facts = self.facts();
        let mut payments: Vec<_> =
            facts.checkouts.values().filter_map(|checkout| checkout.payment.as_ref()).collect();
        payments.sort_unstable_by_key(|payment| payment.charge_permission_id.clone());
        let at = usize::try_from(draw.checked_rem(u64::try_from(payments.len()).ok()?)?).ok()?;
        let payment = payments.get(at)?;
        Some((payment.charge_permission_id.clone(), payment.charges.first().map(|charge| charge.id.clone())))
    }

    /// Whether Amazon has refused each Finalize that left the merchant half for a session, and there was one.
    pub(crate) fn was_refused(&self, session: &str) -> bool {
        self.facts().tallies.get(session).is_some_and(SendTally::was_only_refused)
    }

    /// Whether the merchant half can know that it has not completed a session if that is Completed. The rule: where
    /// keys are not honoured, "an unanswered send of ours proves", and an answer that was lost in a crash, or that its
    /// store did not keep, is none.
    pub(crate) fn is_known_to_be_refused(&self, session: &str) -> bool {
        let facts = self.facts();
        let mut attempts = facts.checkouts.values().flat_map(|checkout| &checkout.attempts);
        let is_kept = facts.keys_known_at.is_some()
            || attempts.all(|it| it.checkout_session_id != session || it.sends.unanswered_count == 0);
        is_kept && facts.tallies.get(session).is_some_and(SendTally::was_only_refused)
    }

    /// Notes by how much the merchant half's clock is off from now on, in milliseconds.
    pub(crate) fn merchant_clock_is_off(&self, off_by: i64) {
        self.facts().merchant_clock_off_by = off_by;
    }

    /// Notes that a copy of a call about an object arrives hours after the call.
    pub(crate) fn late_copy_arrives(&self, id: &str) {
        self.facts().ledger.late_copy_arrives(id);
    }

    /// Notes that a copy of a call arrives about a session that was not approved, and that nothing has completed.
    /// The rule says "What remains: a key that Amazon does not honour on Finalize together with a replica older than
    /// these pauses; the look after 24 hours finds it." Returns whether it is that.
    pub(crate) fn old_copy_arrives(&self, id: &str) -> bool {
        let mut facts = self.facts();
        let mut attempts = facts.checkouts.values().flat_map(|checkout| &checkout.attempts);
        let is_it = |it: &Attempt| {
            it.checkout_session_id == id && matches!(it.state, AttemptState::NotApproved { .. })
        };
        let is_old = attempts.any(is_it) && facts.ledger.ids(id).is_none();
        if is_old {
            facts.count("an old copy for a session that was not approved");
            facts.ledger.late_copy_arrives(id);
        }
        is_old
    }

    /// Notes that it was answered.
    pub(crate) fn late_copy_was_answered(&self, id: &str) {
        let mut facts = self.facts();
        if facts.ledger.is_completed_by_a_late_copy(id) {
            facts.count("completed by a late copy");
        }
        facts.ledger.late_copy_was_answered(id);
    }

    /// Notes that another client of the account finalizes a session.
    pub(crate) fn other_client_tries(&self, session: &str) {
        let mut facts = self.facts();
        let order = facts.order_of_session.get(session).copied();
        facts.note(order, "another client finalizes the session".to_owned());
        facts.ledger.finalizes_elsewhere(session);
    }

    /// Notes whether the other client has completed the session.
    pub(crate) fn other_client_was_answered(&self, session: &str, is_completed: bool) {
        let mut facts = self.facts();
        facts.count(if is_completed { "completed elsewhere" } else { "refused elsewhere" });
        if is_completed {
            facts.ledger.is_completed_elsewhere(session);
        }
    }

    /// What Amazon's books show of a session.
    pub(crate) fn books(&self, session: &str) -> SessionBooks {
        let facts = self.facts();
        let is_theirs = facts.finalized_elsewhere.contains(session) || facts.ledger.may_be_anothers(session);
        SessionBooks { is_theirs, money: facts.ledger.money(session), ids: facts.ledger.ids(session) }
    }

    /// The session that a permission came from.
    pub(crate) fn session_of(&self, permission: &str) -> Option<String> {
        self.facts().ledger.session_of(permission).map(str::to_owned)
    }

    /// Whether a session was begun for this order.
    pub(crate) fn is_session_of(&self, session: &str, order: usize) -> bool {
        self.facts().order_of_session.get(session) == Some(&order)
    }

    /// What is kept of a charge's captured money, if it is captured.
    pub(crate) fn kept(&self, charge: &str) -> Option<(u64, String)> {
        let facts = self.facts();
        let (captured, currency) = facts.ledger.captured(charge)?;
        let kept = captured.saturating_sub(facts.ledger.refunded(charge, |_| true));
        (kept > 0).then(|| (kept, currency.clone()))
    }

    /// Notes that persons may be about to decide wrongly of an order's session.
    pub(crate) fn may_be_decided_wrongly(&self, order: usize, session: &str) {
        self.facts().decided_wrongly.entry(order).or_default().insert(session.to_owned());
    }

    /// Notes that persons have decided rightly of a session, or not at all.
    pub(crate) fn is_decided_rightly(&self, order: usize, session: &str) {
        let mut facts = self.facts();
        if let Some(sessions) = facts.decided_wrongly.get_mut(&order) {
            sessions.remove(session);
        }
    }

    /// Whether persons may have decided wrongly of an order, and nobody has corrected it.
    pub(crate) fn was_decided_wrongly(&self, order: usize) -> bool {
        self.facts().decided_wrongly.get(&order).is_some_and(|sessions| !sessions.is_empty())
    }
}
