//! The truth at Amazon: every session, permission and charge as its store holds them, and whether
//! charges were ever authorized. Neither half can see it. A change that is overdue counts as made,
//! as in Amazon's answers.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use countersign_domain::time::Timestamp;

use crate::clock::BEGINNING;
use crate::documents::{
    Amount, Charge, ChargePermission, ChargePermissionState, ChargeState, CheckoutSession,
    CheckoutSessionState, Ids, PendingOutcome, RefundState,
};
use crate::payments::{TrueCharge, TrueRefund, Truth, permission_of};

/// Where the buyer's money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Money {
    /// The session is not finalized.
    Untouched,
    /// The session will never be finalized.
    Never,
    /// The bank has not decided yet: the money may be taken.
    Pending,
    /// The money is held or taken, or may be charged later under a permission.
    Paid,
    /// The money was held and has been released, or was taken and is refunded in full; or nothing was charged and the
    /// permission is closed.
    Released,
    /// The bank declined.
    Declined,
}

/// What Amazon's books show of a session.
pub(crate) struct SessionBooks {
    /// Whether another integration has completed it.
    pub(crate) is_theirs: bool,
    pub(crate) money: Money,
    pub(crate) ids: Option<Ids>,
}

/// Amazon's objects.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    sessions: HashMap<String, CheckoutSession>,
    permissions: HashMap<String, ChargePermission>,
    charges: HashMap<String, ChargeRecord>,
    changed_at: HashMap<String, Duration>,
    /// When a permission was made.
    made_at: HashMap<String, Duration>,
    /// When a refund was first kept as Refunded: `refundedAmount` includes it from then on.
    refunded_at: HashMap<String, Duration>,
    /// The sessions that were refused each time because they were not approved.
    not_approved: HashSet<String>,
    /// The objects about which a copy of a call arrives, or has arrived, hours after the call.
    copied_late: HashSet<String>,
    /// The sessions that another client of the account has sent a Finalize for, and whether it succeeded.
    elsewhere: HashMap<String, bool>,
    /// For which order of the shop a session was begun.
    begun_for: HashMap<String, String>,
    latest: LatestInstant,
}

/// The latest instant that Amazon's virtual clock can have shown so far, in milliseconds; with what
/// the wall clock showed at that moment, and the world's time then. The virtual clock may be ahead
/// of the wall clock, and jumps when the wall clock jumps.
#[derive(Debug, Default, Clone, Copy)]
struct LatestInstant {
    instant: i64,
    wall: i64,
    at: Duration,
}

#[derive(Debug)]
struct ChargeRecord {
    charge: Charge,
    was_authorized: bool,
}

impl Ledger {
    /// Notes what Amazon's wall clock shows.
    pub(crate) fn shows(&mut self, wall: i64, at: Duration) {
        let LatestInstant { instant, wall: wall_then, at: then } = self.latest;
        let passed = i64::try_from(at.saturating_sub(then).as_millis()).unwrap_or(i64::MAX);
        let moved = wall.saturating_sub(wall_then).max(passed);
        self.latest = LatestInstant { instant: instant.saturating_add(moved).max(wall), wall, at };
    }

    /// Notes for which order of the shop a session was begun.
    pub(crate) fn begins_for(&mut self, session: &str, order_id: String) {
        self.begun_for.insert(session.to_owned(), order_id);
    }

    /// Whether a session was begun for an order of the shop other than this one.
    pub(crate) fn is_of_another_order(&self, session: &str, order_id: &str) -> bool {
        self.begun_for.get(session).is_some_and(|begun_for| begun_for != order_id)
    }

    /// Notes that Amazon decided as of this instant.
    pub(crate) fn decided(&mut self, instant: i64) {
        self.latest.instant = self.latest.instant.max(instant);
    }

    pub(crate) fn put_session(&mut self, session: CheckoutSession) {
        self.changed_at.insert(session.id.clone(), self.latest.at);
        self.sessions.insert(session.id.clone(), session);
    }

    pub(crate) fn put_permission(&mut self, permission: ChargePermission) {
        self.changed_at.insert(permission.id.clone(), self.latest.at);
        self.made_at.entry(permission.id.clone()).or_insert(self.latest.at);
        self.permissions.insert(permission.id.clone(), permission);
    }

    pub(crate) fn put_charge(&mut self, charge: Charge) {
        self.changed_at.insert(charge.id.clone(), self.latest.at);
        for refund in charge.refunds.iter().filter(|refund| refund.state == RefundState::Refunded) {
            self.refunded_at.entry(refund.id.clone()).or_insert(self.latest.at);
        }
        let is_authorized = matches!(
            charge.state,
            ChargeState::Authorized | ChargeState::CaptureInitiated { .. } | ChargeState::Captured { .. }
        );
        let was_authorized =
            is_authorized || self.charges.get(&charge.id).is_some_and(|standing| standing.was_authorized);
        self.charges.insert(charge.id.clone(), ChargeRecord { charge, was_authorized });
    }

    /// Notes that each send for a session was refused because it was not approved.
    pub(crate) fn is_not_approved(&mut self, session: &str) {
        self.not_approved.insert(session.to_owned());
    }

    /// Notes that a copy of a call about an object arrives hours after the call.
    pub(crate) fn late_copy_arrives(&mut self, id: &str) {
        self.copied_late.insert(id.to_owned());
    }

    /// Forgets that copy, unless it has completed the session.
    pub(crate) fn late_copy_was_answered(&mut self, id: &str) {
        if self.ids(id).is_none() {
            self.copied_late.remove(id);
        }
    }

    /// Whether a copy may have completed a session hours after each send was refused, because it was not approved
    /// then: looks find that.
    pub(crate) fn is_completed_by_a_late_copy(&self, session: &str) -> bool {
        self.copied_late.contains(session) && self.was_not_approved(session)
    }

    /// Whether each send for a session was refused once because it was not approved.
    pub(crate) fn was_not_approved(&self, session: &str) -> bool {
        self.not_approved.contains(session)
    }

    /// Notes that another client of the account finalizes a session.
    pub(crate) fn finalizes_elsewhere(&mut self, session: &str) {
        self.elsewhere.insert(session.to_owned(), false);
    }

    /// Notes that Amazon has refused a session to another client.
    pub(crate) fn is_refused_elsewhere(&mut self, session: &str) {
        self.elsewhere.remove(session);
    }

    /// Notes that another client has completed a session.
    pub(crate) fn is_completed_elsewhere(&mut self, session: &str) {
        self.elsewhere.insert(session.to_owned(), true);
    }

    /// Whether another client has completed a session.
    pub(crate) fn is_anothers(&self, session: &str) -> bool {
        self.elsewhere.get(session) == Some(&true)
    }

    /// Whether another client may have completed a session.
    pub(crate) fn may_be_anothers(&self, session: &str) -> bool {
        self.elsewhere.contains_key(session)
    }

    /// Notes that a session is deleted, 30 days after its creation.
    pub(crate) fn delete_session(&mut self, id: &str) {
        // A session that led to a payment is kept.
        if let Some(CheckoutSession { state: CheckoutSessionState::Open { .. }, .. }) = self.sessions.get(id)
        {
            self.sessions.remove(id);
        }
    }

    pub(crate) fn changed_at(&self, id: &str) -> Option<Duration> {
        self.changed_at.get(id).copied()
    }

    pub(crate) fn session(&self, id: &str) -> Option<&CheckoutSession> {
        self.sessions.get(id)
    }

    /// The session that a permission or a charge came from.
    pub(crate) fn session_of(&self, id: &str) -> Option<&str> {
        let permission = self.permissions.get(id).or_else(|| {
            // A charge's or refund's id begins with its permission's id.
            self.permissions.get(permission_of(id))
        })?;
        Some(&permission.checkout_session_id)
    }

    /// The ids that the session led to.
    pub(crate) fn ids(&self, session: &str) -> Option<Ids> {
        match &self.sessions.get(session)?.state {
            CheckoutSessionState::Completed { charge_permission_id, charge_id } => {
                Some((charge_permission_id.clone(), charge_id.clone()))
            }
            CheckoutSessionState::Open { .. } | CheckoutSessionState::Canceled { .. } => None,
        }
    }

    /// Where the money of a session is.
    pub(crate) fn money(&self, session: &str) -> Money {
        let Some(session) = self.sessions.get(session) else { return Money::Never };
        match &session.state {
            CheckoutSessionState::Open { .. } => Money::Untouched,
            CheckoutSessionState::Canceled { .. } => Money::Never,
            CheckoutSessionState::Completed { charge_id: None, charge_permission_id } => {
                let permission = self.permissions.get(charge_permission_id);
                match permission.map(|permission| &permission.state) {
                    Some(ChargePermissionState::Closed { .. }) => Money::Released,
                    Some(ChargePermissionState::Chargeable | ChargePermissionState::NonChargeable {})
                    | None => Money::Paid,
                }
            }
            CheckoutSessionState::Completed { charge_id: Some(charge_id), .. } => {
                let passed = |instant: i64| instant <= self.latest.instant;
                // The charge's document follows in the same change set.
                let Some(ChargeRecord { charge, .. }) = self.charges.get(charge_id) else {
                    return Money::Pending;
                };
                match &charge.state {
                    ChargeState::AuthorizationInitiated { outcome, decided_at } => match outcome {
                        _ if !passed(*decided_at) => Money::Pending,
                        PendingOutcome::Authorized => Money::Paid,
                        PendingOutcome::Declined(_) => Money::Declined,
                    },
                    ChargeState::Authorized if passed(charge.expires_at) => Money::Released,
                    ChargeState::Captured { captured: (captured, _) }
                        if self.refunded(charge_id, |_| true) >= *captured =>
                    {
                        Money::Released
                    }
                    // A capture that fails in the end counts as paid until then.
                    ChargeState::Authorized
                    | ChargeState::CaptureInitiated { .. }
                    | ChargeState::Captured { .. } => Money::Paid,
                    ChargeState::Canceled { .. } => Money::Released,
                    ChargeState::Declined { .. } => Money::Declined,
                }
            }
        }
    }

    /// Whether the session was paid at any time.
    pub(crate) fn was_paid(&self, session: &str) -> bool {
        match self.ids(session) {
            None => false,
            Some((_, None)) => true,
            Some((_, Some(charge_id))) => {
                self.money(session) == Money::Paid
                    || self.charges.get(&charge_id).is_some_and(|standing| standing.was_authorized)
            }
        }
    }

    /// As [`truth`](Self::truth), without these charges and what was refunded of them.
    pub(crate) fn truth_without<T>(&self, permission_id: &str, made: &HashMap<String, T>) -> Truth<'_> {
        let mut truth = self.truth(permission_id);
        for (id, standing) in self.charges.iter().filter(|(id, _)| made.contains_key(*id)) {
            let Some(charge) = truth.charges.remove(id.as_str()) else { continue };
            truth.held = truth.held.saturating_sub(charge.held);
            for refund in &standing.charge.refunds {
                truth.refunds.remove(refund.id.as_str());
            }
        }
        truth
    }

    /// The truth about a permission, as of the latest instant that Amazon's clock can have shown.
    pub(crate) fn truth(&self, permission_id: &str) -> Truth<'_> {
        let passed = |instant: i64| instant <= self.latest.instant;
        let mut truth = Truth::default();
        if let Some(permission) = self.permissions.get(permission_id) {
            truth.held = permission.balances.held.0;
            if let ChargePermissionState::Closed { reason } = &permission.state {
                truth.is_closed = true;
                truth.closed_by_merchant = reason == "MerchantClosed";
            }
        }
        for (id, standing) in self.charges.iter().filter(|(id, _)| permission_of(id) == permission_id) {
            let mut charge = TrueCharge { was_authorized: standing.was_authorized, ..TrueCharge::default() };
            match &standing.charge.state {
                ChargeState::AuthorizationInitiated { outcome, decided_at } if passed(*decided_at) => {
                    charge.was_authorized |= *outcome == PendingOutcome::Authorized;
                    charge.is_declined = *outcome != PendingOutcome::Authorized;
                }
                ChargeState::AuthorizationInitiated { .. } => {}
                ChargeState::Authorized => charge.is_canceled = passed(standing.charge.expires_at),
                ChargeState::CaptureInitiated { capturing, decline, decided_at } => {
                    charge.is_capturing = true;
                    if passed(*decided_at) {
                        charge.is_declined = decline.is_some();
                        charge.captured = decline.is_none().then_some(capturing.0);
                    }
                }
                ChargeState::Captured { captured } => charge.captured = Some(captured.0),
                ChargeState::Canceled { .. } => charge.is_canceled = true,
                ChargeState::Declined { .. } => charge.is_declined = true,
            }
            charge.held = match &standing.charge.state {
                ChargeState::AuthorizationInitiated { .. } | ChargeState::Authorized => {
                    standing.charge.amount.0
                }
                ChargeState::CaptureInitiated { capturing, .. } => capturing.0,
                ChargeState::Captured { .. }
                | ChargeState::Canceled { .. }
                | ChargeState::Declined { .. } => 0,
            };
            truth.charges.insert(id.as_str(), charge);
            for refund in &standing.charge.refunds {
                let (is_refunded, is_declined) = match &refund.state {
                    RefundState::RefundInitiated { decline, decided_at } if passed(*decided_at) => {
                        (decline.is_none(), decline.is_some())
                    }
                    RefundState::RefundInitiated { .. } => (false, false),
                    RefundState::Refunded => (true, false),
                    RefundState::Declined {} => (false, true),
                };
                let amount = refund.amount.0;
                truth.refunds.insert(refund.id.as_str(), TrueRefund { amount, is_refunded, is_declined });
            }
        }
        truth
    }

    /// How long ago a permission was made, or how long ago Amazon says so: its clock may have been set wrong then.
    /// The 25 hours count from Amazon's own `creationTimestamp`.
    pub(crate) fn age(&self, permission: &str) -> Option<Duration> {
        let made_at = *self.made_at.get(permission)?;
        let told = self.permissions.get(permission).and_then(|permission| permission.created_at);
        let told = told.map(|at| BEGINNING.plus(self.latest.at).since(Timestamp::from_millis(at)));
        Some(self.latest.at.saturating_sub(made_at).max(told.unwrap_or_default()))
    }

    /// What a charge has captured.
    pub(crate) fn captured(&self, charge_id: &str) -> Option<&Amount> {
        match &self.charges.get(charge_id)?.charge.state {
            ChargeState::Captured { captured } => Some(captured),
            ChargeState::AuthorizationInitiated { .. }
            | ChargeState::Authorized
            | ChargeState::CaptureInitiated { .. }
            | ChargeState::Canceled { .. }
            | ChargeState::Declined { .. } => None,
        }
    }

    /// For how long Amazon has shown in `refundedAmount` what a refund returns; `None` while it is under way.
    pub(crate) fn shown_for(&self, refund_id: &str) -> Option<Duration> {
        self.refunded_at.get(refund_id).map(|since| self.latest.at.saturating_sub(*since))
    }

    /// What those refunds of a charge return that are among these.
    pub(crate) fn refunded(&self, charge_id: &str, is_among: impl Fn(&str) -> bool) -> u64 {
        let refunds = self.charges.get(charge_id).into_iter().flat_map(|standing| &standing.charge.refunds);
        let counted = refunds.filter(|refund| match &refund.state {
            RefundState::RefundInitiated { decline, .. } => decline.is_none() && is_among(&refund.id),
            RefundState::Refunded => is_among(&refund.id),
            RefundState::Declined {} => false,
        });
        counted.map(|refund| refund.amount.0).sum()
    }

    pub(crate) fn permission(&self, id: &str) -> Option<&ChargePermission> {
        self.permissions.get(id)
    }

    /// The amount of the session's charge.
    pub(crate) fn charged(&self, session: &str) -> Option<&Amount> {
        let (_, charge_id) = self.ids(session)?;
        Some(&self.charges.get(&charge_id?)?.charge.amount)
    }
}
