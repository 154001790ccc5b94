//! What a caller or a buyer may learn about a checkout: derived from its attempts, never stored.

use super::Checkout;
use super::cancellation::CancellationState;
use crate::ids::{ChargeId, ChargePermissionId};
use crate::merchant::attempt::{Attempt, AttemptState, Completion, NotPaidReason, UnresolvedReason};

/// The current answer. `Paid`, `Authorized`, `Confirmed` and `NotPaid` never change for an attempt, unless
/// the shop itself cancels the order, or Amazon contradicts them: then it is `Checking` until that is
/// settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Captured.
    Paid(Proof<'a>),
    /// Reserved.
    Authorized(Proof<'a>),
    /// A Charge Permission only.
    Confirmed(Proof<'a>),
    /// Amazon has not decided yet: on the authorization, or on the capture that the intent asks for.
    Pending(Proof<'a>),
    /// Not known yet. The order must not be shipped and must not be paid again.
    Checking(Option<CheckingReason>),
    /// Proved unpaid: the buyer goes back to the start of the checkout.
    NotPaid(&'a NotPaidReason),
    /// The shop canceled the order; no money is held and none is kept.
    Canceled,
    /// No session has come back from Amazon's page yet.
    Registered,
}

/// Why it is not known whether an order is paid, where a reason is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckingReason {
    /// Nobody can tell whether the attempt was paid.
    Unresolved(UnresolvedReason),
    /// Another order of the same cart is paid or may be paid: nothing is sent for this one.
    PaidUnderAnotherOrder,
    /// A permission names the order, and nothing of the order explains its money.
    Unexplained,
    /// A person disputes what was decided about a payment of the order.
    DecisionDisputed,
    /// Amazon has refused the session each time because it was not approved.
    NotApproved,
}

impl CheckingReason {
    /// Amazon shows a payment that is not the one that was asked for.
    pub const CONTRADICTED: Self = Self::Unresolved(UnresolvedReason::Contradicted);

    /// The reason in one word, as the checkout result has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unresolved(reason) => reason.as_str(),
            Self::PaidUnderAnotherOrder => "PaidUnderAnotherOrder",
            Self::Unexplained => "Unexplained",
            Self::DecisionDisputed => "DecisionDisputed",
            Self::NotApproved => "NotApproved",
        }
    }
}

/// Amazon's ids behind a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof<'a> {
    /// The Charge Permission.
    pub charge_permission_id: &'a ChargePermissionId,
    /// The charge, unless the intent was Confirm.
    pub charge_id: Option<&'a ChargeId>,
}

impl Verdict<'_> {
    /// The values of [`outcome`](Self::outcome).
    pub const OUTCOMES: [&'static str; 8] =
        ["registered", "checking", "pending", "paid", "authorized", "confirmed", "notPaid", "canceled"];

    /// The verdict in one word: the checkout result's `outcome`, and a checkout's `state`.
    #[must_use]
    pub const fn outcome(self) -> &'static str {
        match self {
            Self::Paid(_) => "paid",
            Self::Authorized(_) => "authorized",
            Self::Confirmed(_) => "confirmed",
            Self::Pending(_) => "pending",
            Self::Checking(_) => "checking",
            Self::NotPaid(_) => "notPaid",
            Self::Canceled => "canceled",
            Self::Registered => "registered",
        }
    }
}

impl Checkout {
    /// Whether a cancellation is finished.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        let state = self.cancellation.as_ref().map(|cancellation| cancellation.state);
        matches!(state, Some(CancellationState::Done { .. }))
    }

    /// Whether a cancellation is finished and everything is undone: an order whose parcels have left counts
    /// as paid, and so does one whose cancellation undoes more.
    fn is_undone(&self) -> bool {
        self.is_canceled() && !self.undoes_more() && self.left_behind().next().is_none()
    }

    /// Whether a charge of an order that is being canceled has come to nothing.
    fn is_canceling_without(&self, id: &ChargeId) -> bool {
        let cancellation = self.cancellation.as_ref().map(|cancellation| cancellation.state);
        let charge = self.payment.as_ref().and_then(|payment| payment.charge(id));
        matches!(cancellation, Some(CancellationState::Requested { .. }))
            && charge.is_some_and(|charge| !charge.state.holds_money())
    }

    /// The verdict of one attempt; a surplus attempt gets that of the attempt it is surplus to.
    #[must_use]
    pub fn verdict_of<'a>(&'a self, attempt: &'a Attempt) -> Verdict<'a> {
        let Some(deciding) = self.deciding_attempt(attempt.number) else { return Verdict::Checking(None) };
        let ends_with_the_order = matches!(
            deciding.state,
            AttemptState::Completed { .. }
                | AttemptState::NotPaid { reason: NotPaidReason::OrderCanceled, .. }
        );
        if self.is_undone() && ends_with_the_order {
            let contradicted = Verdict::Checking(Some(CheckingReason::CONTRADICTED));
            return if self.has_contradiction() { contradicted } else { Verdict::Canceled };
        }
        if self.is_contradicted(deciding) {
            return Verdict::Checking(Some(CheckingReason::CONTRADICTED));
        }
        match &deciding.state {
            // The money under that permission may be this order's.
            AttemptState::Bound { .. } | AttemptState::Finalize(_) | AttemptState::NotPaid { .. }
                if self.is_unexplained() && !self.is_paid_or_pending() =>
            {
                Verdict::Checking(Some(CheckingReason::Unexplained))
            }
            // What was decided may be wrong: the order may be paid.
            AttemptState::Bound { .. } | AttemptState::Finalize(_) | AttemptState::NotPaid { .. }
                if self.decisions.is_payment_disputed() && !self.is_paid_or_pending() =>
            {
                Verdict::Checking(Some(CheckingReason::DecisionDisputed))
            }
            AttemptState::Bound { .. } | AttemptState::Finalize(_) | AttemptState::Surplus { .. } => {
                Verdict::Checking(deciding.waits_for.as_ref().map(|_| CheckingReason::PaidUnderAnotherOrder))
            }
            AttemptState::Unresolved { reason, .. } => {
                Verdict::Checking(Some(CheckingReason::Unresolved(*reason)))
            }
            AttemptState::NotApproved(_) => {
                let waits = deciding.waits_for.as_ref().map(|_| CheckingReason::PaidUnderAnotherOrder);
                Verdict::Checking(waits.or(Some(CheckingReason::NotApproved)))
            }
            AttemptState::Pending { charge_permission_id, charge_id, .. } => {
                Verdict::Pending(Proof { charge_permission_id, charge_id: Some(charge_id) })
            }
            AttemptState::Completed { completion, charge_permission_id, .. } => {
                let proof = Proof { charge_permission_id, charge_id: completion.charge_id() };
                match completion {
                    // Persons have decided so, and the cancellation undoes the rest.
                    Completion::Captured(id) if self.is_canceling_without(id) => Verdict::Checking(None),
                    Completion::Captured(_) => Verdict::Paid(proof),
                    // It does not matter who captures it: it was authorized, which is all that was asked for.
                    Completion::Authorized(_) | Completion::CaptureInitiated(_) => Verdict::Authorized(proof),
                    Completion::Confirmed => Verdict::Confirmed(proof),
                }
            }
            AttemptState::NotPaid { reason, .. } => Verdict::NotPaid(reason),
            // It says nothing about this order.
            AttemptState::Released { .. } => Verdict::Registered,
        }
    }

    /// The checkout's own verdict: the live attempt's, else that of an attempt which may still be sent, else
    /// that of one that is not approved, else the latest one's. A buyer is not asked to pay again while an
    /// earlier tab may succeed, and an order is not called unpaid while Amazon may still complete a session
    /// that was sent.
    #[must_use]
    pub fn verdict(&self) -> Verdict<'_> {
        if self.is_undone() {
            return self.verdict_beside_its_cancellation();
        }
        let unsent = || self.attempts.iter().find(|attempt| attempt.state.is_unsent());
        let latest =
            || self.attempts.iter().rev().find(|it| !matches!(it.state, AttemptState::Released { .. }));
        let not_approved =
            || self.attempts.iter().find(|it| matches!(it.state, AttemptState::NotApproved(_)));
        match self.live_attempt().or_else(unsent).or_else(not_approved).or_else(latest) {
            Some(attempt) => self.verdict_of(attempt),
            None if self.is_unexplained() => Verdict::Checking(Some(CheckingReason::Unexplained)),
            None if self.decisions.is_payment_disputed() => {
                Verdict::Checking(Some(CheckingReason::DecisionDisputed))
            }
            None => Verdict::Registered,
        }
    }

    /// The verdict of an order whose cancellation is finished and has undone everything: no money is held and none is
    /// kept, unless Amazon contradicts that, or may still do so for an attempt that turned out to have been sent.
    fn verdict_beside_its_cancellation(&self) -> Verdict<'_> {
        if self.has_contradiction() {
            return Verdict::Checking(Some(CheckingReason::CONTRADICTED));
        }
        let is_undone_with_it =
            |state: &AttemptState| matches!(state, AttemptState::Completed { .. }) || state.is_refunding();
        let doubted = self.attempts.iter().find(|it| it.state.is_live() && !is_undone_with_it(&it.state));
        doubted.map_or(Verdict::Canceled, |attempt| self.verdict_of(attempt))
    }
}
