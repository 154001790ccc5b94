//! A payment of an order in addition to the one that it has: another session of the order was paid too, because
//! a copy of its Finalize was executed late, or because somebody else completed it. It becomes a permission that
//! is unexplained, with the reason `PaidTwice`: its money is the buyer's, so nothing ships and nothing more is
//! sent until a person has decided. The order's own payment, and what its attempt came to, stay as they are.

use alloc::vec::Vec;

use super::Checkout;
use super::draft::Draft;
use super::unexplained::{Unexplained, UnexplainedEnd, UnexplainedReason, UnexplainedState};
use crate::ids::{ChargeId, ChargePermissionId};
use crate::merchant::attempt::{Attempt, AttemptState, NotPaidReason, UnresolvedReason};
use crate::merchant::call::LookSchedule;
use crate::merchant::event::PaymentEvent;
use crate::merchant::number::AttemptNumber;
use crate::merchant::payment::Payment;
use crate::merchant::rules::MAX_UNEXPLAINED;
use crate::money::Money;

impl Checkout {
    /// Whether the order has a payment under another permission than this one.
    #[must_use]
    pub fn is_paid_beside(&self, permission: &ChargePermissionId) -> bool {
        self.payment.as_ref().is_some_and(|payment| payment.charge_permission_id != *permission)
    }

    /// The attempt that the order's payment belongs to. None has it if persons have decided that money which no
    /// session of the order names is refunded.
    fn payer(&self) -> Option<AttemptNumber> {
        let payment = self.payment.as_ref()?;
        let has_it = |attempt: &&Attempt| match &attempt.state {
            AttemptState::Completed { charge_permission_id, .. } => {
                *charge_permission_id == payment.charge_permission_id
            }
            AttemptState::Unresolved { reason: UnresolvedReason::Refunding, .. } => true,
            AttemptState::Unresolved {
                reason:
                    UnresolvedReason::SessionGone
                    | UnresolvedReason::Contradicted
                    | UnresolvedReason::CompletedElsewhere
                    | UnresolvedReason::IdsMissing,
                ..
            }
            | AttemptState::Bound { .. }
            | AttemptState::Finalize(_)
            | AttemptState::Pending { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::NotApproved(_)
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. } => false,
        };
        self.attempts.iter().find(has_it).map(|attempt| attempt.number)
    }

    /// Whether Amazon shows that a further session of the paid order is completed, and it is not known yet
    /// whether that is a second payment: until then no parcel leaves.
    #[must_use]
    pub fn may_be_paid_twice(&self) -> bool {
        let Some(payment) = &self.payment else { return false };
        let is_followed = |it: &Unexplained| {
            it.attempt.is_some()
                && it.state.look().is_some()
                && it.charge_permission_id != payment.charge_permission_id
        };
        self.unexplained.iter().any(is_followed) || self.attempts.iter().any(is_completed_beside)
    }
}

/// Whether Amazon shows the session of an attempt Completed, and the attempt is not completed. A contradiction
/// counts too: Amazon shows a payment.
fn is_completed_beside(attempt: &Attempt) -> bool {
    match &attempt.state {
        AttemptState::Unresolved { reason, .. } => match reason {
            UnresolvedReason::Contradicted
            | UnresolvedReason::CompletedElsewhere
            | UnresolvedReason::IdsMissing => true,
            UnresolvedReason::SessionGone => attempt.sends.completed.is_some(),
            UnresolvedReason::Refunding => false,
        },
        AttemptState::Finalize(_) | AttemptState::NotApproved(_) => attempt.sends.completed.is_some(),
        AttemptState::NotPaid { .. } => attempt.state.is_contradicted(),
        AttemptState::Bound { .. }
        | AttemptState::Pending { .. }
        | AttemptState::Completed { .. }
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => false,
    }
}

/// The ids of the payment that Amazon shows for an attempt which has not succeeded, with how sure that is.
fn payment_shown(attempt: &Attempt) -> Option<(&ChargePermissionId, Option<&ChargeId>, UnresolvedReason)> {
    match &attempt.state {
        AttemptState::Unresolved { reason: UnresolvedReason::Refunding, .. } => None,
        AttemptState::Unresolved { reason, .. } => {
            let completed = attempt.sends.completed.as_deref()?;
            Some((&completed.charge_permission_id, completed.charge_id.as_ref(), *reason))
        }
        AttemptState::NotPaid { charge: Some(failed), .. } if attempt.state.is_contradicted() => {
            let reason = UnresolvedReason::Contradicted;
            Some((&failed.charge_permission_id, Some(&failed.charge_id), reason))
        }
        AttemptState::NotPaid { .. }
        | AttemptState::Bound { .. }
        | AttemptState::Finalize(_)
        | AttemptState::Pending { .. }
        | AttemptState::Completed { .. }
        | AttemptState::NotApproved(_)
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => None,
    }
}

impl Draft {
    /// Remembers a permission that names the order, unless it is remembered; its sessions are looked at now.
    /// `None` if there is no room: then as many others as an order follows at a time are not decided yet.
    pub(in crate::merchant) fn remember(
        &mut self,
        permission: &ChargePermissionId,
    ) -> Option<&mut Unexplained> {
        let records = &self.checkout().unexplained;
        let is_known = records.iter().any(|it| it.charge_permission_id == *permission);
        let followed = records.iter().filter(|it| it.state.look().is_some());
        if !is_known && followed.count() >= MAX_UNEXPLAINED {
            return None;
        }
        self.remember_own(permission)
    }

    /// As [`remember`](Self::remember), for what Amazon shows to be paid by a session of this order: there is always
    /// room for it, since an order has few sessions.
    pub(in crate::merchant) fn remember_own(
        &mut self,
        permission: &ChargePermissionId,
    ) -> Option<&mut Unexplained> {
        let now = self.now;
        let records = &self.checkout().unexplained;
        if !records.iter().any(|it| it.charge_permission_id == *permission) {
            let is_noted = |it: &Unexplained| {
                matches!(it.state, UnexplainedState::Over { end: UnexplainedEnd::Noted, .. })
            };
            if records.len() >= MAX_UNEXPLAINED
                && let Some(oldest) = records.iter().position(is_noted)
            {
                self.change().unexplained.remove(oldest);
            }
            self.change().unexplained.push(Unexplained {
                charge_permission_id: permission.clone(),
                charge_ids: Vec::new(),
                attempt: None,
                amount: None,
                heard_at: now,
                asked_at: None,
                returning: None,
                state: UnexplainedState::Heard { look: LookSchedule::now(now) },
            });
        }
        self.change_heard(permission)
    }

    /// Records that the session of an attempt was paid in addition to the order's payment: the shop and the
    /// operator are notified, once, and the attempt shares the outcome of the one that the payment belongs to.
    /// Returns whether it could be recorded.
    pub(in crate::merchant) fn paid_twice(
        &mut self,
        number: AttemptNumber,
        permission: &ChargePermissionId,
        charge: Option<&ChargeId>,
        amount: Option<Money>,
    ) -> bool {
        let now = self.now;
        if !self.can_share_outcome(number) {
            return false;
        }
        let Some(known) = self.remember_own(permission) else { return false };
        if let Some(charge) = charge {
            known.note_charge(charge);
        }
        known.attempt = Some(number);
        known.amount = known.amount.or(amount);
        let is_news = match known.state {
            UnexplainedState::Heard { .. }
            | UnexplainedState::Watched { .. }
            // What was decided before it was known to be this order's own.
            | UnexplainedState::Over { end: UnexplainedEnd::Noted | UnexplainedEnd::NotOurs, .. } => true,
            UnexplainedState::Open { .. }
            | UnexplainedState::Over {
                end: UnexplainedEnd::Returned | UnexplainedEnd::OfAnotherOrder | UnexplainedEnd::Ours,
                ..
            } => false,
        };
        if is_news {
            let (reason, look) = (UnexplainedReason::PaidTwice, LookSchedule::now(now));
            known.state = UnexplainedState::Open { reason, since: now, look };
            self.emit_for_payment(PaymentEvent::Unexplained(permission.clone()));
        }
        self.share_outcome(number);
        true
    }

    /// Records that Amazon shows the session of an attempt Completed in addition to the order's payment, or to
    /// an attempt that may be paid: the money under its permission is looked at now. Returns whether it could be
    /// recorded.
    pub(in crate::merchant) fn completed_beside(
        &mut self,
        number: AttemptNumber,
        permission: &ChargePermissionId,
        charge: Option<&ChargeId>,
    ) -> bool {
        let now = self.now;
        let has_it = |payment: &Payment| payment.charge_permission_id == *permission;
        let is_known = self.checkout().payment.as_ref().is_some_and(has_it);
        if is_known || !self.can_share_outcome(number) {
            return false;
        }
        let Some(known) = self.remember_own(permission) else { return false };
        if let Some(charge) = charge {
            known.note_charge(charge);
        }
        known.attempt = Some(number);
        match known.state {
            UnexplainedState::Heard { .. }
            | UnexplainedState::Watched { .. }
            // What was decided before it was known to be this order's own.
            | UnexplainedState::Over { end: UnexplainedEnd::Noted | UnexplainedEnd::NotOurs, .. } => {
                known.state = UnexplainedState::Heard { look: LookSchedule::now(now) };
            }
            UnexplainedState::Open { .. }
            | UnexplainedState::Over {
                end: UnexplainedEnd::Returned | UnexplainedEnd::OfAnotherOrder | UnexplainedEnd::Ours,
                ..
            } => {}
        }
        self.share_outcome(number);
        true
    }

    /// Whether an attempt can share another one's outcome. What is proved unpaid keeps its own if the payment
    /// belongs to no attempt: then it is contradicted.
    fn can_share_outcome(&self, number: AttemptNumber) -> bool {
        let checkout = self.checkout();
        let is_unpaid = |it: &Attempt| matches!(it.state, AttemptState::NotPaid { .. });
        !checkout.attempt(number).is_some_and(is_unpaid) || checkout.payer().is_some()
    }

    /// Lets an attempt share the outcome of the one that the order's payment belongs to. If none has it, the
    /// attempt is contradicted until its own payment is decided.
    fn share_outcome(&mut self, number: AttemptNumber) {
        match self.checkout().payer() {
            Some(of) if of != number => {
                let is_surplus = |it: &Attempt| matches!(it.state, AttemptState::Surplus { .. });
                if !self.checkout().attempt(number).is_some_and(is_surplus) {
                    self.end_as_surplus(number, of);
                }
                if let Some(attempt) = self.change_attempt(number) {
                    attempt.refusal = None;
                }
            }
            Some(_) => {}
            None => {
                self.contradict_silently(number);
            }
        }
    }

    /// Makes second payments of what Amazon shows for attempts beside the order's payment, and ends an attempt
    /// whose second payment is decided.
    pub(in crate::merchant) fn settle_second_payments(&mut self) {
        let checkout = self.checkout();
        if checkout.payment.is_none() {
            return;
        }
        let mut second = Vec::new();
        for attempt in &checkout.attempts {
            let Some((permission, charge, reason)) = payment_shown(attempt) else { continue };
            let known = checkout.heard_of(permission);
            let is_recorded = known.is_some_and(|it| it.attempt == Some(attempt.number));
            if checkout.is_paid_beside(permission) && !is_recorded {
                second.push((attempt.number, permission.clone(), charge.cloned(), reason));
            }
        }
        for (number, permission, charge, reason) in second {
            if reason == UnresolvedReason::Contradicted {
                self.paid_twice(number, &permission, charge.as_ref(), None);
            } else {
                self.completed_beside(number, &permission, charge.as_ref());
            }
        }
        self.end_decided();
    }

    /// Ends the attempts that stay contradicted until their second payment is decided.
    fn end_decided(&mut self) {
        let checkout = self.checkout();
        if checkout.payer().is_some() {
            return;
        }
        let is_decided = |attempt: &Attempt| {
            let is_contradicted = matches!(
                attempt.state,
                AttemptState::Unresolved { reason: UnresolvedReason::Contradicted, .. }
            );
            let mut own = checkout.unexplained.iter().filter(|it| it.attempt == Some(attempt.number));
            let is_over = own.next().is_some_and(|it| it.state.look().is_none());
            is_contradicted && is_over && own.all(|it| it.state.look().is_none())
        };
        let decided: Vec<AttemptNumber> =
            checkout.attempts.iter().filter(|it| is_decided(it)).map(|it| it.number).collect();
        for number in decided {
            let is_canceled = self.checkout().cancellation.is_some();
            let reason = if is_canceled { NotPaidReason::OrderCanceled } else { NotPaidReason::Decided };
            self.end_unpaid(number, reason);
        }
    }
}
