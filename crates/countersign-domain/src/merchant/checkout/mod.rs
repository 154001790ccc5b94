//! A checkout: the shop's order with its terms and the attempts to pay it. Decisions about it are made on a
//! [`draft`]; what happens to an attempt is in [`super::attempt`], what happens to the payment in
//! [`super::payment`] and [`super::after`].

pub mod cancellation;
pub mod cart;
pub mod draft;
pub mod quote;
pub mod second_payment;
pub mod sharing;
pub mod standing;
pub mod terms;
pub mod unexplained;
pub mod verdict;

use crate::merchant::number::AttemptNumber;
use alloc::string::String;
use alloc::vec::Vec;

use self::cancellation::{Cancellation, CancellationState};
use self::cart::Cart;
use self::terms::Terms;
use self::unexplained::{Unexplained, UnexplainedState};
use super::attempt::{Attempt, AttemptState, UnresolvedReason};
use super::decision::Decisions;
use super::payment::Payment;
use super::payment::charge::{Charge, ChargeState};
use super::payment::operation::{Operation, OperationName};
use super::rules::MerchantRules;
use crate::ids::{ChargePermissionId, CheckoutId};
use crate::time::Timestamp;

/// The shop's order, its terms, and every attempt to pay it.
///
/// This one document ensures that at most one attempt is live: before a send, it must be written with the
/// version that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Its id; `merchantReferenceId` at Amazon.
    pub id: CheckoutId,
    /// The shop's own order number, unique among checkouts.
    pub order_id: String,
    /// What the shop asks for.
    pub terms: Terms,
    /// Rises by one with every change of the terms; starts at 1.
    pub terms_version: u32,
    /// Oldest first; `attempts[k].number` is `k + 1`.
    pub attempts: Vec<Attempt>,
    /// The payment, once an attempt has succeeded.
    pub payment: Option<Payment>,
    /// The shop's request to cancel the order, if there is one.
    pub cancellation: Option<Cancellation>,
    /// The cart that it shares with other orders, if the shop has named one.
    pub cart: Option<Cart>,
    /// The checkout that has taken the place of this one, if one has.
    pub superseded_by: Option<CheckoutId>,
    /// The permissions that name this order although none of its sessions is known to have made them, oldest
    /// first; at most [`MAX_UNEXPLAINED`](super::rules::MAX_UNEXPLAINED) that are heard of are followed at a time.
    pub unexplained: Vec<Unexplained>,
    /// What persons have decided about it.
    pub decisions: Decisions,
    /// When the shop registered it.
    pub registered_at: Timestamp,
}

impl Checkout {
    /// The attempt that may have moved money, if any. If there is none, the attempt that is proved unpaid and
    /// that Amazon contradicts: no other attempt is sent then either.
    ///
    /// There is more than one only if an attempt that was not approved turns out to be paid, or to be in doubt,
    /// after another was sent. Then the one that Amazon contradicts decides, else the one that is proved.
    #[must_use]
    pub fn live_attempt(&self) -> Option<&Attempt> {
        let contradicted = || self.attempts.iter().find(|attempt| attempt.state.is_contradicted());
        let rank = |attempt: &&Attempt| match attempt.state {
            AttemptState::Unresolved { reason: UnresolvedReason::Contradicted, .. } => 0,
            AttemptState::Completed { .. } => 1,
            AttemptState::Bound { .. }
            | AttemptState::Finalize(_)
            | AttemptState::Pending { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::NotApproved(_)
            | AttemptState::Unresolved { .. }
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. } => 2,
        };
        let live = self.attempts.iter().filter(|attempt| attempt.state.is_live());
        live.min_by_key(rank).or_else(contradicted)
    }

    /// Another attempt than this one that may have moved money or, if there is none, that Amazon contradicts.
    #[must_use]
    pub fn live_beside(&self, number: AttemptNumber) -> Option<&Attempt> {
        let others = || self.attempts.iter().filter(|attempt| attempt.number != number);
        let is_contradicted = |attempt: &&Attempt| attempt.state.is_contradicted();
        others().find(|attempt| attempt.state.is_live()).or_else(|| others().find(is_contradicted))
    }

    /// Whether Amazon contradicts the outcome of an attempt.
    #[must_use]
    pub fn is_contradicted(&self, attempt: &Attempt) -> bool {
        let AttemptState::Completed { completion, charge_permission_id, .. } = &attempt.state else {
            return attempt.state.is_contradicted();
        };
        let payment = self.payment.as_ref().filter(|it| it.charge_permission_id == *charge_permission_id);
        let charge = payment.zip(completion.charge_id()).and_then(|(payment, id)| payment.charge(id));
        (payment.is_some() && self.is_contested())
            || charge.is_some_and(|charge| charge.contradicted_by().is_some())
    }

    /// Whether another order may have the payment of this one.
    #[must_use]
    pub fn is_contested(&self) -> bool {
        self.payment.as_ref().is_some_and(Payment::is_contested)
    }

    /// Whether a permission names this order, and nothing of this order explains its money.
    #[must_use]
    pub fn is_unexplained(&self) -> bool {
        self.unexplained.iter().any(|it| it.state.is_open())
    }

    /// Whether no Finalize of this order may leave: a permission that names it is unexplained, or its sessions
    /// have not all been looked at since; or persons disagree about a payment of it.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.unexplained.iter().any(|it| it.state.holds()) || self.decisions.is_payment_disputed()
    }

    /// What is remembered of a permission that names this order.
    #[must_use]
    pub fn heard_of(&self, permission: &ChargePermissionId) -> Option<&Unexplained> {
        self.unexplained.iter().find(|it| it.charge_permission_id == *permission)
    }

    /// A permission that names this order and about which nothing is decided yet.
    #[must_use]
    pub fn undecided(&self, permission: &ChargePermissionId) -> Option<&Unexplained> {
        self.heard_of(permission).filter(|it| !matches!(it.state, UnexplainedState::Over { .. }))
    }

    /// Whether the payment or an attempt has this permission.
    #[must_use]
    pub fn knows(&self, permission: &ChargePermissionId) -> bool {
        let is_paid_by = |payment: &Payment| payment.charge_permission_id == *permission;
        let mut ids = self.attempts.iter().filter_map(|attempt| attempt.state.ids());
        self.payment.as_ref().is_some_and(is_paid_by) || ids.any(|(known, _)| known == permission)
    }

    /// Whether an attempt has succeeded with the permission of the payment.
    pub(in crate::merchant) fn has_succeeded(&self) -> bool {
        let Some(payment) = &self.payment else { return false };
        let mut states = self.attempts.iter().map(|attempt| &attempt.state);
        states.any(|state| {
            let is_its = |permission: &ChargePermissionId| *permission == payment.charge_permission_id;
            matches!(state, AttemptState::Completed { charge_permission_id, .. } if is_its(charge_permission_id))
        })
    }

    /// Whether it has a payment, or one on which Amazon has not decided yet.
    #[must_use]
    pub fn is_paid_or_pending(&self) -> bool {
        let is_pending = |attempt: &Attempt| matches!(attempt.state, AttemptState::Pending { .. });
        self.payment.is_some() || self.attempts.iter().any(is_pending)
    }

    /// When the first of its attempts, its payment, its cancellation, the permissions that name it or
    /// its decisions is due.
    #[must_use]
    pub fn due_at(&self, rules: &MerchantRules) -> Option<Timestamp> {
        let attempts = self.attempts.iter().filter_map(|attempt| attempt.state.due_at());
        let payment = self.payment.as_ref().and_then(|payment| payment.due_at(rules));
        let cancellation = self.cancellation.as_ref().and_then(Cancellation::due_at);
        let heard = self.unexplained.iter().filter_map(|it| it.state.look()).map(|look| look.at);
        attempts.chain(payment).chain(cancellation).chain(heard).chain(self.decisions.due_at()).min()
    }

    /// The attempt whose outcome decides for this one: itself, or the one that it is surplus to.
    ///
    /// That attempt may itself have become surplus later, before anything was sent for it. An attempt becomes
    /// surplus to one that is live at that moment, and stays so: there can be no cycle.
    #[must_use]
    pub fn deciding_attempt(&self, number: AttemptNumber) -> Option<&Attempt> {
        let mut attempt = self.attempt(number)?;
        for _ in 0..self.attempts.len() {
            let AttemptState::Surplus { of } = attempt.state else { return Some(attempt) };
            attempt = self.attempt(of)?;
        }
        None
    }

    /// Whether an operation must not be sent again before the permission of its canceled order is closed. If
    /// it were sent again earlier, it could charge the buyer; under a closed permission, a call that was
    /// executed gets the answer stored under its key, and one that was not can no longer be executed.
    #[must_use]
    pub fn holds_back(&self, operation: &Operation) -> bool {
        let is_open = self.payment.as_ref().is_some_and(|payment| !payment.is_closed());
        self.cancellation.is_some() && is_open && operation.waits_for_close()
    }

    /// The charges with parcels that have left, if the order's cancellation does not undo them; empty for an
    /// order that is not canceled.
    pub fn left_behind(&self) -> impl Iterator<Item = &Charge> {
        let leaves = self.cancellation.as_ref().is_some_and(Cancellation::leaves_shipped);
        let charges = self.payment.iter().filter(move |_| leaves).flat_map(|payment| &payment.charges);
        charges.filter(|charge| charge.state.holds_money() && !charge.shipments.is_empty())
    }

    /// The charges that others made under its permission, as long as they hold money or have taken it: no
    /// cancellation touches them.
    pub fn left_to_others(&self) -> impl Iterator<Item = &Charge> {
        let charges = self.payment.iter().flat_map(|payment| &payment.charges);
        charges.filter(|charge| charge.state.holds_money() && !charge.is_ours())
    }

    /// Whether others hold or keep money by a charge that they made under its permission.
    #[must_use]
    pub fn is_charged_by_others(&self) -> bool {
        let keeps = |charge: &Charge| match charge.state {
            ChargeState::Captured(_) => {
                self.payment.as_ref().is_some_and(|payment| !payment.kept(charge).is_zero())
            }
            ChargeState::AuthorizationInitiated | ChargeState::Authorized | ChargeState::CaptureInitiated => {
                true
            }
            ChargeState::Canceled(_) | ChargeState::Declined(_) => false,
        };
        self.left_to_others().any(keeps)
    }

    /// Whether its cancellation, once it is finished, leaves money: what pays for parcels that had left, or what
    /// others hold or keep.
    #[must_use]
    pub fn leaves_money(&self) -> bool {
        self.left_behind().next().is_some() || self.is_charged_by_others()
    }

    /// Whether a cancellation that was finished undoes more by now, and money of this server's own charges is still
    /// held or kept: the shop asked for what had left, too, or a charge has turned up since.
    #[must_use]
    pub fn undoes_more(&self) -> bool {
        let Some(cancellation) = &self.cancellation else { return false };
        let is_left = |charge: &Charge| cancellation.leaves_shipped() && !charge.shipments.is_empty();
        let mut payments = self.payment.iter();
        matches!(cancellation.state, CancellationState::Done { remind_at: Some(_), .. })
            && payments.any(|payment| {
                let mut undone = payment.charges.iter().filter(|charge| charge.is_ours() && !is_left(charge));
                undone.any(|charge| payment.keeps(charge))
            })
    }

    /// Whether the shop has used a reference for a parcel or for a cancellation.
    pub(super) fn has_named(&self, reference: &str) -> bool {
        let cancellation = self.cancellation.as_ref();
        cancellation.is_some_and(|it| it.is_named(reference))
            || self.payment.as_ref().is_some_and(|payment| payment.shipment(reference).is_some())
    }

    /// Whether the shop has used a reference for anything.
    pub(super) fn is_used(&self, reference: &str) -> bool {
        let mut operations = self.payment.iter().flat_map(|payment| &payment.operations);
        let is_it = |it: &Operation| matches!(&it.name, OperationName::Shop(name) if name == reference);
        operations.any(is_it) || self.has_named(reference)
    }

    /// The attempt with this number.
    #[must_use]
    pub fn attempt(&self, number: AttemptNumber) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.number == number)
    }

    pub(super) fn attempt_mut(&mut self, number: AttemptNumber) -> Option<&mut Attempt> {
        self.attempts.iter_mut().find(|attempt| attempt.number == number)
    }
}
