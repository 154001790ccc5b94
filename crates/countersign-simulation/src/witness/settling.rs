//! What is so of the orders 48 hours after the last deadline that Amazon's own rules leave open, and after persons have
//! decided the rest.

use std::time::Duration;

use serde_json::Value;

use super::{Facts, Witness};
use crate::checkouts::SendTally;
use crate::invariants::{Invariant, never};
use crate::reading::{IdsOnGet, Reading};

/// How long after the last request about an order it must be settled: Amazon takes up to 24 hours to decide.
const SETTLED_AFTER: Duration = Duration::from_secs((24 + 48) * 3_600);

/// How long after a fact is learned every session that was left to a person was looked at again: once a day.
const LOOKED_AT_AFTER: Duration = Duration::from_secs(25 * 3_600);

/// What is not settled.
const OPEN_STANDINGS: [&str; 7] =
    ["checking", "pending", "capturing", "canceling", "contradicted", "unresolved", "restored"];

/// What the counts say before each need of a person and its cause.
const NEEDS: &str = "48 hours later: needs a person:";

impl Facts {
    /// Why only a person can help with an order, by the truth: one of the causes that are allowed.
    ///
    /// Where keys are known to be honoured, the same bytes prove or name a payment, so nothing else is a cause. Two
    /// causes are left where they are not:
    ///
    /// - It is not known yet: that is learned from the first success, and in an account without one nothing
    ///   shows it. A refusal of the same bytes would say nothing, and a success could repeat what others have completed.
    /// - A session does not name its ids, and the answer that would have named them was lost: only the reference of
    ///   a permission would link it to the order, and buyers can write any order's there.
    fn cause(&self, order: usize, need: &str, reading: &Reading) -> Option<&'static str> {
        let checkout = self.checkout_of(order)?;
        let sessions = || checkout.attempts.iter().map(|attempt| attempt.checkout_session_id.as_str());
        let is_theirs = |session: &str| {
            self.finalized_elsewhere.contains(session) || self.ledger.may_be_anothers(session)
        };
        let permissions = checkout.unexplained.iter().map(|it| &it.charge_permission_id);
        let mut permissions =
            permissions.chain(checkout.payment.iter().map(|payment| &payment.charge_permission_id));
        let is_touched = |permission: &String| {
            self.touched_elsewhere.contains(permission)
                || self.ledger.session_of(permission).is_some_and(&is_theirs)
        };
        let is_gone = |session: &str| self.ledger.session(session).is_none();
        // The refusal of one copy of a send comes before the other copy is answered, which it never is.
        let says_nothing =
            |tally: &SendTally| tally.was_unanswered_after_a_refusal() || tally.was_refused_as_a_copy();
        let proves_nothing = |session: &str| self.tallies.get(session).is_some_and(says_nothing);
        let are_keys_known =
            self.keys_known_at.is_some_and(|at| self.at.saturating_sub(at) > LOOKED_AT_AFTER);
        if sessions().any(is_theirs) || permissions.any(is_touched) {
            return Some("another integration has touched the order");
        }
        if self.contradicted.contains(&order) {
            return Some("Amazon has contradicted itself");
        }
        match need {
            "disputed" => return Some("a buyer disputes the payment"),
            "snapshotMissed" => return Some("Amazon's object is gone"),
            // What Amazon refused to undo is tried again daily.
            "cancellationStuck" => return None,
            _ => {}
        }
        if sessions().any(is_gone) {
            return Some("Amazon's object is gone");
        }
        let are_honoured = reading.flags.honour_key_on_finalize && !reading.stores_5xx;
        if are_honoured && are_keys_known {
            return None;
        }
        if sessions().any(proves_nothing) {
            return Some(if are_honoured {
                "keys are not known, and a refusal came before what is unanswered"
            } else {
                "keys are not honoured, and a refusal came before what is unanswered"
            });
        }
        (reading.ids_on_get == IdsOnGet::Never).then_some(if are_honoured {
            "keys are not known, and Amazon never shows a session's ids"
        } else {
            "keys are not honoured, and Amazon never shows a session's ids"
        })
    }
}

impl Witness {
    /// Notes that something is asked for about an order.
    pub(crate) fn is_asked_about(&self, order: usize) {
        let mut facts = self.facts();
        let at = facts.at;
        facts.asked_at.insert(order, at);
    }

    /// Checks what the merchant half says of an order 48 hours after the last deadline that Amazon's own rules leave
    /// open: it is settled, or needs a person, for a cause that is allowed. An order that waits for another of its
    /// cart waits for that one.
    pub(crate) fn settled(&self, order: usize, answer: &Value, reading: &Reading) {
        let mut facts = self.facts();
        let standing = answer["standing"].as_str().unwrap_or_default();
        let needs: Vec<&str> =
            answer["needsPerson"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for need in &needs {
            let cause = facts.cause(order, need, reading);
            facts.count(&format!("{NEEDS} {need}: {}", cause.unwrap_or("no cause")));
            let held = never(cause.is_none(), Invariant::NotSettled, || {
                format!("it is {standing} and needs a person ({need}), for no cause that is allowed")
            });
            facts.judge(Some(order), held);
        }
        let needs_person = !needs.is_empty();
        let waits = answer["reason"] == "PaidUnderAnotherOrder";
        let is_open = OPEN_STANDINGS.contains(&standing);
        let asked_at = facts.asked_at.get(&order);
        let is_fresh = asked_at.is_some_and(|at| facts.at.saturating_sub(*at) < SETTLED_AFTER);
        let word = match (needs_person, is_open, waits) {
            (true, _, _) => "needs a person",
            (false, false, _) => "settled",
            (false, true, true) => "waits for another order",
            (false, true, false) if is_fresh => "asked for a short while ago",
            (false, true, false) => "open",
        };
        facts.count(&format!("48 hours later: {word}"));
        facts.note(Some(order), format!("48 hours later: {standing}, {word}"));
        let held =
            never(word == "open", Invariant::NotSettled, || format!("it is {standing}, and needs nobody"));
        facts.judge(Some(order), held);
    }

    /// Checks what the merchant half says of an order after persons have decided daily what needed them: nothing is
    /// open, and nothing needs them.
    pub(crate) fn settled_by_persons(&self, order: usize, answer: &Value) {
        let mut facts = self.facts();
        let standing = answer["standing"].as_str().unwrap_or_default();
        let needs = answer["needsPerson"].as_array().cloned().unwrap_or_default();
        let waits = answer["reason"] == "PaidUnderAnotherOrder";
        let is_open = OPEN_STANDINGS.contains(&standing) && !waits;
        facts.count(&format!("with persons: {}", if is_open { "open" } else { "settled" }));
        let held = never(is_open || !needs.is_empty(), Invariant::NotSettled, || {
            format!("persons have decided for weeks; it is {standing} and needs {needs:?}")
        });
        facts.judge(Some(order), held);
    }
}
