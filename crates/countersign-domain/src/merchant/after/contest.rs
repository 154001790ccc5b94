//! Ids are unique: what happens when Amazon answers an act of one order with an id that another order holds.
//!
//! Who came first says nothing. The order whose decision found the id taken
//! ([`Draft::see_taken`](crate::merchant::checkout::draft::Draft::see_taken)) takes nothing of the answer: its attempt
//! is contradicted, or its operation stays in doubt. The order that holds the id is contested in the same change set.
//! Of both, nothing ships, and nothing is captured or refunded, until Amazon says whose the id is:
//!
//! | the id that is held | who says whose it is |
//! |---|---|
//! | a permission, and the charge that Finalize made | the session of the attempt |
//! | a charge that an operation made, or that others made | the charge, by its permission |
//! | a refund | the refund, by its charge |
//!
//! If the session names another payment, the order never had the one that is contested: as long as nothing was done
//! with it, it is dropped, and the attempt is looked up until the session's own payment fits. Otherwise only a person
//! can help.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{ChargeId, ChargePermissionId};
use crate::merchant::attempt::agree::SessionView;
use crate::merchant::attempt::{Account, Attempt, AttemptState, UnresolvedReason};
use crate::merchant::call::LookSchedule;
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::checkout::unexplained::{Unexplained, UnexplainedEnd, UnexplainedState};
use crate::merchant::event::{AttemptEvent, PaymentEvent};
use crate::merchant::next::{BoundSession, NextStep};
use crate::merchant::number::{AttemptNumber, OperationNumber};
use crate::merchant::payment::Payment;
use crate::merchant::payment::charge::Charge;
use crate::merchant::payment::contest::{ClaimedId, Contest, ContestState, Holder, IdRef};
use crate::merchant::payment::misfit::Misfit;
use crate::merchant::payment::operation::{Operation, OperationEffect, OperationState};

/// Which act an id comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The Finalize of this attempt.
    Finalize(AttemptNumber),
    /// This operation.
    Operation(OperationNumber),
    /// An act of others under the order's permission.
    Others,
}

/// The ids that an order held, in one text, so that a decision costs no copy of each of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeldIds(String);

impl HeldIds {
    /// The ids that an order holds.
    #[must_use]
    pub fn of(checkout: &Checkout) -> Self {
        let mut length: usize = 0;
        checkout.each_claimed_id(|id| {
            length =
                length.saturating_add(id.kind().len()).saturating_add(id.as_str().len()).saturating_add(2);
        });
        let mut text = String::with_capacity(length);
        checkout.each_claimed_id(|id| {
            // No id contains a space or the end of a line.
            text.push_str(id.kind());
            text.push(' ');
            text.push_str(id.as_str());
            text.push('\n');
        });
        Self(text)
    }

    fn contains(&self, id: IdRef<'_>) -> bool {
        self.0.lines().any(|line| line.split_once(' ') == Some((id.kind(), id.as_str())))
    }
}

impl Checkout {
    /// Which act an id comes from that this order holds.
    #[must_use]
    pub fn act_of(&self, id: &ClaimedId) -> Act {
        let names = |attempt: &&Attempt| {
            attempt.state.ids().is_some_and(|(permission, charge)| is_one_of(id, permission, charge))
        };
        if let Some(attempt) = self.attempts.iter().find(names) {
            return Act::Finalize(attempt.number);
        }
        let makes = |operation: &&Operation| match (&operation.state, id) {
            (OperationState::Done(OperationEffect::Charge(made)), ClaimedId::Charge(id)) => made == id,
            (OperationState::Done(OperationEffect::Refund(made)), ClaimedId::Refund(id)) => made == id,
            (
                OperationState::Done(
                    OperationEffect::Charge(_) | OperationEffect::Refund(_) | OperationEffect::Closed,
                )
                | OperationState::InFlight(_)
                | OperationState::Refused { .. },
                ClaimedId::Permission(_) | ClaimedId::Charge(_) | ClaimedId::Refund(_),
            ) => false,
        };
        let operation = self.payment.iter().flat_map(|payment| &payment.operations).find(makes);
        operation.map_or(Act::Others, |operation| Act::Operation(operation.number))
    }

    /// The ids of Amazon's that this order holds: those of its attempts, also of failed ones, and of its payment,
    /// unless another order has claimed them.
    #[must_use]
    pub fn claimed_ids(&self) -> Vec<ClaimedId> {
        self.ids_beyond(&HeldIds::default())
    }

    /// The ids that this order holds and did not hold before, each once.
    #[must_use]
    pub fn ids_beyond(&self, before: &HeldIds) -> Vec<ClaimedId> {
        let mut ids: Vec<ClaimedId> = Vec::new();
        self.each_claimed_id(|id| {
            if !before.contains(id) && !ids.iter().any(|known| known.as_ref() == id) {
                ids.push(id.to_claimed());
            }
        });
        ids
    }

    fn each_claimed_id(&self, mut visit: impl FnMut(IdRef<'_>)) {
        let contests = self.payment.as_ref().map_or(&[][..], |payment| &payment.contests[..]);
        let mut visit = |id: IdRef<'_>| {
            if !contests.iter().any(|contest| contest.is_unclaimed() && contest.id.as_ref() == id) {
                visit(id);
            }
        };
        for (permission, charge) in self.attempts.iter().filter_map(|attempt| attempt.state.ids()) {
            visit(IdRef::Permission(permission));
            if let Some(charge) = charge {
                visit(IdRef::Charge(charge));
            }
        }
        if let Some(payment) = &self.payment {
            visit(IdRef::Permission(&payment.charge_permission_id));
            for charge in &payment.charges {
                visit(IdRef::Charge(&charge.id));
                charge.refunds.iter().for_each(|refund| visit(IdRef::Refund(&refund.id)));
            }
        }
    }

    /// Whether it holds an id.
    #[must_use]
    pub fn holds(&self, id: &ClaimedId) -> bool {
        let mut is_held = false;
        self.each_claimed_id(|held| is_held = is_held || held == id.as_ref());
        is_held
    }

    /// Whether an id that this order has claimed for an act may still be its own: it holds the id, or nobody knows yet
    /// what the act has made.
    #[must_use]
    pub fn may_hold(&self, id: &ClaimedId, act: Act) -> bool {
        let is_open = match act {
            Act::Finalize(number) => self.attempt(number).is_some_and(|attempt| match &attempt.state {
                AttemptState::Finalize(_)
                | AttemptState::NotApproved(_)
                | AttemptState::Unresolved { .. } => true,
                // What it has made is known, or it has made nothing.
                AttemptState::Bound { .. }
                | AttemptState::Pending { .. }
                | AttemptState::Completed { .. }
                | AttemptState::NotPaid { .. }
                | AttemptState::Surplus { .. }
                | AttemptState::Released { .. } => self.has_second_payment(number, id),
            }),
            Act::Operation(_) | Act::Others => false,
        };
        is_open || self.holds(id)
    }

    /// Whether an id is that of a second payment, made by this attempt beside the order's own.
    fn has_second_payment(&self, number: AttemptNumber, id: &ClaimedId) -> bool {
        let is_it = |second: &&Unexplained| {
            second.attempt == Some(number)
                && match id {
                    ClaimedId::Permission(id) => second.charge_permission_id == *id,
                    ClaimedId::Charge(id) => second.charge_ids.contains(id),
                    ClaimedId::Refund(_) => false,
                }
        };
        self.unexplained.iter().find(is_it).is_some_and(|second| match second.state {
            UnexplainedState::Heard { .. }
            | UnexplainedState::Watched { .. }
            | UnexplainedState::Open { .. } => true,
            UnexplainedState::Over { end, .. } => match end {
                UnexplainedEnd::NotOurs | UnexplainedEnd::OfAnotherOrder => false,
                UnexplainedEnd::Noted | UnexplainedEnd::Ours | UnexplainedEnd::Returned => true,
            },
        })
    }

    /// The account under which an act was made, if it is known.
    #[must_use]
    pub fn account_of(&self, act: Act) -> Option<&Account> {
        let attempt = match act {
            Act::Finalize(number) => self.attempt(number),
            Act::Operation(_) | Act::Others => {
                let permission = self.payment.as_ref().map(|payment| &payment.charge_permission_id);
                let pays = |it: &&Attempt| it.state.ids().is_some_and(|(id, _)| Some(id) == permission);
                self.attempts.iter().find(pays)
            }
        };
        attempt?.account.as_ref()
    }
}

/// Contests ids that this order has, because Amazon has answered them for another order as well. What was settled
/// before stays so. `holder` says which of the two has claimed them.
pub fn contest(draft: &mut Draft, ids: &[ClaimedId], holder: Holder) {
    let is_contested = |draft: &Draft| draft.checkout().payment.as_ref().is_some_and(Payment::is_contested);
    let was_contested = is_contested(draft);
    for id in ids {
        contest_one(draft, id, holder);
    }
    if was_contested || !is_contested(draft) {
        return;
    }
    // The shop and the operator are notified once, however many ids there are.
    let payment = draft.checkout().payment.as_ref();
    let newest = payment.and_then(|payment| payment.contests.iter().rev().find(|contest| contest.is_open()));
    if let Some(id) = newest.map(|contest| contest.id.clone()) {
        draft.emit_for_payment(PaymentEvent::Contested(id));
    }
}

fn contest_one(draft: &mut Draft, id: &ClaimedId, holder: Holder) {
    let now = draft.now;
    // Amazon has not decided yet: the session says first whose it is, and then the charge whether it is paid.
    let pending = draft.checkout().attempts.iter().find_map(|attempt| match &attempt.state {
        AttemptState::Pending { charge_permission_id, charge_id, .. }
            if is_one_of(id, charge_permission_id, Some(charge_id)) =>
        {
            Some((attempt.number, charge_permission_id.clone(), charge_id.clone()))
        }
        AttemptState::Pending { .. }
        | AttemptState::Bound { .. }
        | AttemptState::Finalize(_)
        | AttemptState::Completed { .. }
        | AttemptState::NotPaid { .. }
        | AttemptState::NotApproved(_)
        | AttemptState::Unresolved { .. }
        | AttemptState::Surplus { .. }
        | AttemptState::Released { .. } => None,
    });
    if let Some((number, permission, charge)) = pending {
        draft.contradict_attempt(number, Misfit::OfAnotherAct, &permission, Some(&charge));
        return;
    }
    // What is proved unpaid ships nothing, and nothing is sent for it.
    let is_paid_by = draft.checkout().payment.as_ref().is_some_and(|payment| payment.has(id));
    if !is_paid_by {
        return;
    }
    let Some(draft) = &mut draft.payment() else { return };
    if draft.payment.contests.iter().any(|it| it.id == *id) {
        return;
    }
    let state = ContestState::Open { look: LookSchedule::now(now) };
    draft.payment.contests.push(Contest { id: id.clone(), holder, state });
}

fn is_one_of(id: &ClaimedId, permission: &ChargePermissionId, charge: Option<&ChargeId>) -> bool {
    match id {
        ClaimedId::Permission(id) => id == permission,
        ClaimedId::Charge(id) => charge == Some(id),
        ClaimedId::Refund(_) => false,
    }
}

/// Takes up the look at a contested id that is due; returns the next step.
pub(super) fn take_up(draft: &mut Draft) -> Option<NextStep> {
    let now = draft.now;
    let payment = draft.checkout().payment.as_ref()?;
    let due = payment.contests.iter().find(|it| it.look().is_some_and(|look| look.at <= now))?;
    let (id, look) = (due.id.clone(), due.look()?);
    let session = paying(draft.checkout(), &id);
    let draft = &mut draft.payment()?;
    let contest = draft.payment.contests.iter_mut().find(|it| it.id == id)?;
    contest.state = ContestState::Open { look: look.next(now) };
    if let Some(session) = session {
        return Some(NextStep::LookAtSession(session));
    }
    Some(match id {
        ClaimedId::Charge(id) => NextStep::LookAtCharge(id),
        ClaimedId::Refund(id) => NextStep::LookAtRefund(id),
        // Persons have decided that the permission is this order's: they know of no session of it.
        ClaimedId::Permission(id) => NextStep::LookAtPermission(id),
    })
}

/// The session that says whose an id is: that of the attempt that is completed with it.
fn paying(checkout: &Checkout, id: &ClaimedId) -> Option<BoundSession> {
    let attempt = checkout.attempts.iter().find(|attempt| {
        let is_completed = matches!(attempt.state, AttemptState::Completed { .. });
        is_completed
            && attempt.state.ids().is_some_and(|(permission, charge)| is_one_of(id, permission, charge))
    })?;
    Some(BoundSession { attempt: attempt.number, id: attempt.session()?.clone() })
}

/// Handles what a look at the session of a completed attempt showed while its payment is contested.
pub(in crate::merchant) fn session_shown(draft: &mut Draft, number: AttemptNumber, seen: &SessionView) {
    let checkout = draft.checkout();
    let Some(attempt) = checkout.attempt(number) else { return };
    let AttemptState::Completed { completion, charge_permission_id, at } = &attempt.state else { return };
    let Some(payment) = checkout.payment.as_ref().filter(|payment| payment.is_contested()) else { return };
    let SessionView::Completed { charge_permission_id: Some(permission), charge_id: charge } = seen else {
        return;
    };
    let charge = charge.as_ref();
    let is_same_charge = completion.charge_id().is_none_or(|known| charge == Some(known));
    if permission == charge_permission_id && is_same_charge {
        let charge = completion.charge_id().cloned();
        let permission = charge_permission_id.clone();
        if let Some(draft) = &mut draft.payment() {
            draft.settle_contests(|id| is_one_of(id, &permission, charge.as_ref()));
        }
        return;
    }
    let is_contested =
        |it: &Contest| it.is_open() && is_one_of(&it.id, charge_permission_id, completion.charge_id());
    let is_untouched = payment.is_untouched() && checkout.cancellation.is_none();
    if !payment.contests.iter().any(is_contested) || !is_untouched {
        return;
    }
    let (sent_at, permission, charge) = (*at, permission.clone(), charge.cloned());
    let now = draft.now;
    draft.drop_payment();
    let reason = UnresolvedReason::Contradicted;
    draft.move_on(number, AttemptState::Unresolved { reason, send: None, sent_at, look_at: now });
    let misfit = Misfit::IdsDiffer;
    let (charge_permission_id, charge_id) = (permission, charge);
    draft.emit(number, AttemptEvent::Contradicted { misfit, charge_permission_id, charge_id });
}

impl Payment {
    /// Whether an id is the permission's, or that of one of its charges or refunds.
    fn has(&self, id: &ClaimedId) -> bool {
        match id {
            ClaimedId::Permission(id) => self.charge_permission_id == *id,
            ClaimedId::Charge(id) => self.charge(id).is_some(),
            ClaimedId::Refund(id) => self.refund(id).is_some(),
        }
    }

    /// Whether nothing was requested, shipped, refunded or disputed of it.
    fn is_untouched(&self) -> bool {
        let is_untouched = |charge: &Charge| charge.refunds.is_empty() && charge.shipments.is_empty();
        self.operations.is_empty() && self.disputes.is_empty() && self.charges.iter().all(is_untouched)
    }
}
