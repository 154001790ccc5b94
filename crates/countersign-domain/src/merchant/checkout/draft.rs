//! A decision in progress: the checkout as it will be, what happened to it, and the time and rules that both
//! are based on. Every rule that changes a checkout changes a draft. The caller loads the checkout, lets one
//! or more rules change the draft, and writes the result of [`finish`](Draft::finish) with the version that
//! it read: if two callers decide at the same time, one of them has to decide again.

use crate::merchant::number::AttemptNumber;
use alloc::string::String;
use alloc::vec::Vec;

use super::Checkout;
use super::cancellation::{Cancellation, CancellationState};
use super::cart::CartSight;
use super::terms::{Terms, TermsRefused};
use super::unexplained::Unexplained;
use crate::ids::{ChargeId, ChargePermissionId};
use crate::merchant::attempt::sends::{CompletedBy, CompletedSession, Sends};
use crate::merchant::attempt::{
    Attempt, AttemptState, FailedCharge, GivenAddresses, NotPaidReason, UnresolvedReason,
};
use crate::merchant::call::{Doubt, InFlight, LookSchedule};
use crate::merchant::decision::Subject;
use crate::merchant::event::{AttemptEvent, CheckoutEvent, DecisionEvent, PaymentEvent};
use crate::merchant::payment::Payment;
use crate::merchant::payment::charge::Charge;
use crate::merchant::payment::contest::{ClaimedId, Contest, ContestState, Holder};
use crate::merchant::payment::misfit::Misfit;
use crate::merchant::payment::operation::Operation;
use crate::merchant::rules::{MerchantRules, next_evidence_look};
use crate::money::Money;
use crate::terms::PaymentIntent;
use crate::time::{DAY, Timestamp};

/// A decision in progress.
#[derive(Debug)]
pub struct Draft {
    /// The checkout so far. Only the rules of this crate change it.
    checkout: Checkout,
    /// The time of the decision.
    pub(in crate::merchant) now: Timestamp,
    /// The rules of the decision.
    pub(in crate::merchant) rules: MerchantRules,
    events: Vec<CheckoutEvent>,
    is_changed: bool,
    cart_sight: Option<CartSight>,
    taken: Vec<ClaimedId>,
    named: Vec<(AttemptNumber, ClaimedId)>,
    payment_before: Option<Payment>,
    cancellation_before: Option<CancellationState>,
    /// Whether nothing of the order was reserved any more, and nothing captured.
    had_lapsed: bool,
    was_held: bool,
}

/// A complete decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutDecision {
    /// The checkout from now on.
    pub checkout: Checkout,
    /// What happened to it, in causal order. Rescheduling a timer is not an event.
    pub events: Vec<CheckoutEvent>,
    /// Whether there is anything to write.
    pub is_changed: bool,
}

/// The part of a draft that the rules of payments change.
pub(in crate::merchant) struct PaymentDraft<'a> {
    pub(in crate::merchant) payment: &'a mut Payment,
    pub(in crate::merchant) is_canceled: bool,
    /// Whether the cancellation does not undo the parcels that have left.
    leaves_shipped: bool,
    /// Whether the payment is an attempt's, and not only money that persons have taken up to give it back.
    is_an_attempts: bool,
    pub(in crate::merchant) now: Timestamp,
    pub(in crate::merchant) rules: &'a MerchantRules,
    taken: &'a [ClaimedId],
    events: &'a mut Vec<CheckoutEvent>,
}

impl Draft {
    /// Starts a decision about a checkout.
    #[must_use]
    pub fn new(checkout: Checkout, now: Timestamp, rules: MerchantRules) -> Self {
        let cancellation_before = checkout.cancellation.as_ref().map(|cancellation| cancellation.state);
        let had_lapsed = checkout.lapsed().is_some();
        let was_held = checkout.is_held();
        Self {
            checkout,
            now,
            rules,
            events: Vec::new(),
            is_changed: false,
            cart_sight: None,
            taken: Vec::new(),
            named: Vec::new(),
            payment_before: None,
            cancellation_before,
            had_lapsed,
            was_held,
        }
    }

    /// The checkout so far.
    #[must_use]
    pub const fn checkout(&self) -> &Checkout {
        &self.checkout
    }

    /// Names what the other orders of the cart mean for this decision: without that, no first Finalize of an
    /// order with a cart leaves.
    pub fn see_cart(&mut self, sight: CartSight) {
        self.cart_sight = Some(sight);
    }

    pub(in crate::merchant) const fn cart_sight(&self) -> Option<&CartSight> {
        self.cart_sight.as_ref()
    }

    pub(in crate::merchant) fn taken(&self) -> &[ClaimedId] {
        &self.taken
    }

    /// The ids of payments that are not the order's, or not yet, each with the attempt that has made it or whose session
    /// names it: they are claimed, too.
    #[must_use]
    pub fn named(&self) -> &[(AttemptNumber, ClaimedId)] {
        &self.named
    }

    /// Names the ids that other orders hold: an answer with one of them contradicts.
    pub fn see_taken(&mut self, taken: Vec<ClaimedId>) {
        self.taken = taken;
    }

    /// The complete decision, once the last rule has run.
    pub(in crate::merchant) fn decided(self) -> CheckoutDecision {
        let Self {
            checkout, mut events, is_changed, payment_before, cancellation_before, had_lapsed, ..
        } = self;
        let lapsed = checkout.lapsed().filter(|_| !had_lapsed).cloned();
        // After a lapse a further charge may have reserved money, and let it go, too: then this is its lapse.
        let let_go = payment_before.as_ref().and_then(|before| checkout.let_go_since(before));
        let lapsed = lapsed.map(|charge_id| let_go.cloned().unwrap_or(charge_id));
        events.extend(lapsed.map(|charge_id| PaymentEvent::Lapsed { charge_id }.into()));
        let cancellation = checkout.cancellation.as_ref().map(|cancellation| cancellation.state);
        let is_changed = is_changed
            || !events.is_empty()
            || cancellation != cancellation_before
            || (payment_before.is_some() && payment_before != checkout.payment);
        CheckoutDecision { checkout, events, is_changed }
    }

    /// Mutable access to the checkout. The decision is then written in any case.
    pub(in crate::merchant) const fn change(&mut self) -> &mut Checkout {
        self.is_changed = true;
        &mut self.checkout
    }

    /// Mutable access to the payment, if there is one. Whether it was changed is found by comparison at the
    /// end.
    pub(in crate::merchant) fn payment(&mut self) -> Option<PaymentDraft<'_>> {
        let is_an_attempts = self.checkout.has_succeeded();
        let payment = self.checkout.payment.as_mut()?;
        if self.payment_before.is_none() && !self.is_changed {
            self.payment_before = Some(payment.clone());
        }
        Some(PaymentDraft {
            payment,
            is_canceled: self.checkout.cancellation.is_some(),
            leaves_shipped: self.checkout.cancellation.as_ref().is_some_and(Cancellation::leaves_shipped),
            is_an_attempts,
            now: self.now,
            rules: &self.rules,
            taken: &self.taken,
            events: &mut self.events,
        })
    }

    /// Mutable access to the state of the cancellation, if there is one. Whether it was changed is found by
    /// comparison at the end.
    pub(in crate::merchant) fn cancellation(&mut self) -> Option<&mut CancellationState> {
        self.checkout.cancellation.as_mut().map(|cancellation| &mut cancellation.state)
    }

    /// Drops the payment, because it is not the order's. What persons have decided about its operations and disputes
    /// ends with it: nobody could decide these again, and the next payment counts its operations from 1.
    pub(in crate::merchant) fn drop_payment(&mut self) {
        let now = self.now;
        let checkout = self.change();
        checkout.payment = None;
        checkout.decisions.end_with_payment(now);
    }

    /// Records what happened to an attempt.
    pub(in crate::merchant) fn emit(&mut self, attempt: AttemptNumber, event: AttemptEvent) {
        self.events.push(CheckoutEvent::Attempt { attempt, event });
    }

    /// Records what happened to the payment, or to the order as a whole.
    pub(in crate::merchant) fn emit_for_payment(&mut self, event: PaymentEvent) {
        self.events.push(event.into());
    }

    /// Whether no Finalize could leave when the decision began.
    pub(in crate::merchant) const fn was_held(&self) -> bool {
        self.was_held
    }

    /// Mutable access to what is remembered of a permission that names the order.
    pub(in crate::merchant) fn change_heard(
        &mut self,
        permission: &ChargePermissionId,
    ) -> Option<&mut Unexplained> {
        self.change().unexplained.iter_mut().find(|it| it.charge_permission_id == *permission)
    }

    /// Records what happened to a decision of a person's.
    pub(in crate::merchant) fn emit_decision(
        &mut self,
        subject: Subject,
        event: DecisionEvent,
        verdict: &'static str,
        reference: String,
        actor: String,
    ) {
        self.events.push(CheckoutEvent::Decision { subject, event, verdict, reference, actor });
    }

    /// Whether persons have decided something in this decision.
    #[must_use]
    pub fn is_decided_by_persons(&self) -> bool {
        let is_made =
            |it: &CheckoutEvent| matches!(it, CheckoutEvent::Decision { event: DecisionEvent::Made, .. });
        self.events.iter().any(is_made)
    }

    /// Mutable access to an attempt.
    pub(in crate::merchant) fn change_attempt(&mut self, number: AttemptNumber) -> Option<&mut Attempt> {
        self.change().attempt_mut(number)
    }

    /// Mutable access to the Finalize of an attempt.
    pub(in crate::merchant) fn change_finalize(&mut self, number: AttemptNumber) -> Option<&mut InFlight> {
        let AttemptState::Finalize(in_flight) = &mut self.change_attempt(number)?.state else { return None };
        Some(in_flight)
    }

    /// Makes a look at an attempt due now, if one is scheduled.
    pub(in crate::merchant) fn look_now(&mut self, number: AttemptNumber) {
        let now = self.now;
        let attempt = self.checkout.attempt_mut(number);
        if let Some(look_at) = attempt.and_then(|attempt| attempt.state.look_at_mut()) {
            *look_at = now.min(*look_at);
            self.is_changed = true;
        }
    }

    /// Moves an attempt to a new state, and starts the payment if that state is a success.
    pub(in crate::merchant) fn move_on(&mut self, number: AttemptNumber, state: AttemptState) {
        let checkout = self.change();
        if let AttemptState::Completed { completion, charge_permission_id, at } = &state
            && checkout.payment.is_none()
        {
            let begun = Payment::begun(&checkout.terms, completion, charge_permission_id, *at);
            checkout.payment = Some(begun);
        }
        if let Some(attempt) = checkout.attempt_mut(number) {
            if state.is_final() {
                attempt.given = GivenAddresses::default();
                attempt.turned_away = None;
                attempt.turned_away_terms = None;
                attempt.was_sent = attempt.was_sent || attempt.sends.may_have_arrived();
                attempt.sends = Sends::default();
            }
            attempt.waits_for = None;
            attempt.state = state;
        }
    }

    /// Whether the bytes of an attempt carry terms that are no longer the order's.
    pub(in crate::merchant) fn has_other_terms(&self, number: AttemptNumber) -> bool {
        let attempt = self.checkout.attempt(number);
        attempt.is_some_and(|attempt| attempt.terms_version != self.checkout.terms_version)
    }

    /// How the ids of an attempt's payment contradict, if another order or another attempt holds one of them. An
    /// attempt that is not known yet is `None`.
    pub(in crate::merchant) fn misfit_of_ids(
        &self,
        number: Option<AttemptNumber>,
        permission: &ChargePermissionId,
        charge: Option<&ChargeId>,
    ) -> Option<Misfit> {
        let is_same = |(id, other): (&ChargePermissionId, Option<&ChargeId>)| {
            id == permission || other.is_some_and(|other| charge == Some(other))
        };
        let mut others = self.checkout.attempts.iter().filter(|attempt| Some(attempt.number) != number);
        if others.any(|other| other.state.ids().is_some_and(is_same)) {
            return Some(Misfit::OfAnotherAct);
        }
        self.is_taken(permission, charge).then_some(Misfit::OfAnotherAct)
    }

    /// Whether another order holds one of these ids.
    pub(in crate::merchant) fn is_taken(
        &self,
        permission: &ChargePermissionId,
        charge: Option<&ChargeId>,
    ) -> bool {
        self.taken.iter().any(|taken| match taken {
            ClaimedId::Permission(id) => id == permission,
            ClaimedId::Charge(id) => charge == Some(id),
            ClaimedId::Refund(_) => false,
        })
    }

    /// Claims the ids of a payment that an attempt has made, or that its session names, although it is not, or not
    /// yet, the order's.
    pub(in crate::merchant) fn name(
        &mut self,
        number: AttemptNumber,
        permission: &ChargePermissionId,
        charge: Option<&ChargeId>,
    ) {
        let charge = charge.cloned().map(ClaimedId::Charge);
        let ids = [Some(ClaimedId::Permission(permission.clone())), charge];
        self.named.extend(ids.into_iter().flatten().map(|id| (number, id)));
    }

    /// Why an attempt that is paid is not simply completed: another order or attempt has that payment, the order has
    /// another payment, or it is not paid for what the order is now.
    pub(in crate::merchant) fn misfit_of_success(
        &self,
        number: AttemptNumber,
        permission: &ChargePermissionId,
        charge: Option<&ChargeId>,
    ) -> Option<Misfit> {
        if let Some(misfit) = self.misfit_of_ids(Some(number), permission, charge) {
            return Some(misfit);
        }
        if self.checkout.is_paid_beside(permission) {
            return Some(Misfit::PaidTwice);
        }
        self.has_other_terms(number).then_some(Misfit::TermsMoved)
    }

    /// Records that Amazon shows something that excludes an attempt's outcome, or a payment that is not the
    /// one that was asked for: nothing ships, and the attempt stays live, until that is settled.
    pub(in crate::merchant) fn contradict_attempt(
        &mut self,
        number: AttemptNumber,
        misfit: Misfit,
        charge_permission_id: &ChargePermissionId,
        charge_id: Option<&ChargeId>,
    ) {
        let misfit = self.misfit_of_ids(Some(number), charge_permission_id, charge_id).unwrap_or(misfit);
        let may_be = self.checkout.attempt(number).is_some_and(Attempt::may_be_contradicted);
        if may_be && is_its_own(misfit) {
            self.name(number, charge_permission_id, charge_id);
        }
        let is_another = misfit == Misfit::OfAnotherAct;
        if may_be && !is_another && self.checkout.is_paid_beside(charge_permission_id) {
            let is_as_asked = misfit == Misfit::PaidTwice && !self.has_other_terms(number);
            let terms = &self.checkout.terms;
            let is_charged = terms.payment_intent != PaymentIntent::Confirm;
            let amount = (is_as_asked && is_charged).then_some(terms.charge_amount);
            if self.paid_twice(number, charge_permission_id, charge_id, amount) {
                return;
            }
        }
        if self.contradict_silently(number) {
            if is_another {
                // The session says immediately whose the ids are.
                self.look_now(number);
            }
            let (charge_permission_id, charge_id) = (charge_permission_id.clone(), charge_id.cloned());
            self.emit(number, AttemptEvent::Contradicted { misfit, charge_permission_id, charge_id });
        }
    }

    /// As [`contradict_attempt`](Self::contradict_attempt), without an event. Returns whether it is news.
    pub(in crate::merchant) fn contradict_silently(&mut self, number: AttemptNumber) -> bool {
        let now = self.now;
        let Some(attempt) = self.checkout.attempt(number) else { return false };
        // The ids that a success has proved are kept: Amazon need not show them of the session.
        let proved = attempt.state.ids().filter(|_| attempt.sends.completed.is_none());
        let proved =
            proved.map(|(permission, charge)| CompletedSession::new(permission, charge, CompletedBy::Us));
        let (send, sent_at) = match &attempt.state {
            // Nothing was sent for it.
            AttemptState::Finalize(InFlight::Recorded { left_at: None, .. }) => return false,
            AttemptState::Finalize(in_flight) => {
                (in_flight.send().cloned(), in_flight.sent_at().unwrap_or(attempt.bound_at))
            }
            AttemptState::Unresolved {
                reason: UnresolvedReason::Contradicted | UnresolvedReason::Refunding,
                ..
            } => return false,
            AttemptState::Unresolved { send, sent_at, .. } => (send.clone(), *sent_at),
            AttemptState::Pending { since, .. } => (None, *since),
            AttemptState::NotApproved(waiting) => (Some(waiting.doubt.send.clone()), waiting.doubt.sent_at),
            AttemptState::Bound { .. }
            | AttemptState::Completed { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::Surplus { .. }
            | AttemptState::Released { .. } => return false,
        };
        let (reason, look_at) = (UnresolvedReason::Contradicted, next_evidence_look(sent_at, now));
        self.move_on(number, AttemptState::Unresolved { reason, send, sent_at, look_at });
        if let Some(proved) = proved
            && let Some(attempt) = self.change_attempt(number)
        {
            attempt.sends.completed = Some(proved);
        }
        true
    }

    /// Records that Amazon shows a payment under a permission that an attempt's session names, although the
    /// attempt counts as unpaid: it is called neither paid nor unpaid, and no other attempt is sent, until that
    /// is settled.
    pub(in crate::merchant) fn contradict_unpaid(
        &mut self,
        number: AttemptNumber,
        permission: &ChargePermissionId,
        charge_id: &ChargeId,
    ) {
        if self.misfit_of_ids(Some(number), permission, Some(charge_id)).is_some() {
            // It is the payment of another act, which is contested.
            return;
        }
        if self.checkout.is_paid_beside(permission)
            && self.completed_beside(number, permission, Some(charge_id))
        {
            return;
        }
        let contradicted = Some(LookSchedule { at: self.now.plus(DAY), count: 0 });
        if let Some(AttemptState::NotPaid { charge, .. }) =
            self.change_attempt(number).map(|attempt| &mut attempt.state)
        {
            let (charge_permission_id, charge_id) = (permission.clone(), charge_id.clone());
            *charge = Some(FailedCharge { charge_permission_id, charge_id, contradicted });
        }
        let contradicted = AttemptEvent::Contradicted {
            misfit: Misfit::StateDiffers,
            charge_permission_id: permission.clone(),
            charge_id: Some(charge_id.clone()),
        };
        self.emit(number, contradicted);
    }

    /// Ends an attempt for which nothing was paid.
    pub(in crate::merchant) fn end_unpaid(&mut self, number: AttemptNumber, reason: NotPaidReason) {
        self.move_on(number, AttemptState::NotPaid { reason, charge: None, at: self.now });
        self.emit(number, AttemptEvent::NotPaid);
    }

    /// Leaves a doubt that no look can settle any more: only evidence or a person's decision ends it.
    pub(in crate::merchant) fn leave_unresolved(
        &mut self,
        number: AttemptNumber,
        reason: UnresolvedReason,
        doubt: Doubt,
    ) {
        let Doubt { send, sent_at, .. } = doubt;
        let look_at = next_evidence_look(sent_at, self.now);
        self.move_on(number, AttemptState::Unresolved { reason, send: Some(send), sent_at, look_at });
        self.emit(number, AttemptEvent::Unresolved);
    }

    /// Makes an attempt surplus to one that is live.
    pub(in crate::merchant) fn end_as_surplus(&mut self, number: AttemptNumber, of: AttemptNumber) {
        self.move_on(number, AttemptState::Surplus { of });
        self.emit(number, AttemptEvent::SurplusRecorded { of });
    }

    /// Changes the terms by compare-and-set on their version. Refused while an attempt was sent and is not
    /// proved unpaid, because its Finalize carries the old terms.
    ///
    /// # Errors
    /// The first broken rule; then nothing is changed.
    pub fn change_terms(&mut self, expected_version: u32, terms: Terms) -> Result<(), TermsRefused> {
        self.may_change_terms(expected_version, &terms)?;
        // Nothing below this line may fail.
        let checkout = self.change();
        checkout.terms = terms;
        checkout.terms_version = checkout.terms_version.saturating_add(1);
        for attempt in &mut checkout.attempts {
            // A session that agreed with the old terms must be compared again.
            if let AttemptState::Finalize(in_flight) = &attempt.state {
                attempt.state = AttemptState::Bound { retry_at: in_flight.due_at(), missing: None };
            }
        }
        Ok(())
    }

    /// Makes a quote the terms, whatever version they have. A quote that equals the terms changes nothing.
    ///
    /// # Errors
    /// As [`change_terms`](Self::change_terms).
    pub fn quote_terms(&mut self, terms: &Terms) -> Result<(), TermsRefused> {
        let version = self.checkout.terms_version;
        if *terms == self.checkout.terms {
            return self.may_change_terms(version, terms);
        }
        self.change_terms(version, terms.clone())
    }

    fn may_change_terms(&self, expected_version: u32, terms: &Terms) -> Result<(), TermsRefused> {
        terms.check()?;
        if expected_version != self.checkout.terms_version {
            return Err(TermsRefused::VersionMoved { current: self.checkout.terms_version });
        }
        if self.checkout.live_attempt().is_some() {
            return Err(TermsRefused::AlreadySent);
        }
        if self.checkout.cancellation.is_some() {
            return Err(TermsRefused::OrderCanceled);
        }
        if self.checkout.is_unexplained() {
            return Err(TermsRefused::Unexplained);
        }
        Ok(())
    }
}

/// Whether a payment that contradicts is nevertheless the attempt's own: it is not what it should be, but no other order
/// may have it.
const fn is_its_own(misfit: Misfit) -> bool {
    match misfit {
        Misfit::ChargePermissionDiffers
        | Misfit::CurrencyDiffers
        | Misfit::ChargeAmountDiffers
        | Misfit::CaptureAmountDiffers
        | Misfit::RefundAmountDiffers
        | Misfit::StateDiffers
        | Misfit::AmountUnreadable
        | Misfit::TermsMoved
        | Misfit::PaidTwice => true,
        Misfit::OfAnotherAct | Misfit::IdsDiffer | Misfit::ReferenceDiffers => false,
    }
}

impl PaymentDraft<'_> {
    /// See [`Checkout::holds_back`].
    pub(in crate::merchant) const fn holds_back(&self, operation: &Operation) -> bool {
        self.is_canceled && !self.payment.is_closed() && operation.waits_for_close()
    }

    /// Whether the order's cancellation closes the permission. Money that persons have taken up is returned, and
    /// nothing else of its permission is touched: others may have charges under it.
    pub(in crate::merchant) const fn closes(&self) -> bool {
        self.is_an_attempts && !self.payment.is_closed()
    }

    /// Whether the order's cancellation ends what may take or keep the money of this charge. Unless it undoes
    /// everything, it leaves a charge with parcels as it is.
    pub(in crate::merchant) fn undoes(&self, id: &ChargeId) -> bool {
        let has_left = || self.payment.charge(id).is_some_and(|charge| !charge.shipments.is_empty());
        self.is_canceled && !(self.leaves_shipped && has_left())
    }

    /// How much of a charge the order's cancellation does not undo: what its parcels are worth, or nothing.
    pub(in crate::merchant) fn leaves(&self, charge: &Charge) -> Money {
        if self.leaves_shipped { charge.shipped() } else { Money::zero(charge.amount.currency()) }
    }

    /// Whether another order holds an id.
    pub(in crate::merchant) fn is_taken(&self, id: &ClaimedId) -> bool {
        self.taken.contains(id)
    }

    /// Settles the contests about these ids: Amazon has shown that they are this payment's. An id that another order
    /// still holds stays contested.
    pub(in crate::merchant) fn settle_contests(&mut self, is_shown: impl Fn(&ClaimedId) -> bool) {
        let (now, taken) = (self.now, self.taken);
        let is_settled = |it: &&mut Contest| it.is_open() && is_shown(&it.id) && !taken.contains(&it.id);
        let mut settled = Vec::new();
        for contest in self.payment.contests.iter_mut().filter(is_settled) {
            contest.holder = Holder::ThisOrder;
            contest.state = ContestState::Settled { at: now };
            settled.push(contest.id.clone());
        }
        // The shop and the operator are notified once, when nothing is contested any more.
        let last = settled.pop().filter(|_| !self.payment.is_contested());
        if let Some(id) = last {
            self.emit(PaymentEvent::ContestSettled(id));
        }
    }

    /// Ends the contests, because persons have decided whose the payment is. An id that another order still holds stays
    /// contested.
    pub(in crate::merchant) fn end_contests(&mut self) {
        let (now, taken) = (self.now, self.taken);
        let ends = |it: &&mut Contest| it.is_open() && !taken.contains(&it.id);
        for contest in self.payment.contests.iter_mut().filter(ends) {
            contest.holder = Holder::ThisOrder;
            contest.state = ContestState::Settled { at: now };
        }
    }

    /// Records what happened.
    pub(in crate::merchant) fn emit(&mut self, event: PaymentEvent) {
        self.events.push(event.into());
    }
}
