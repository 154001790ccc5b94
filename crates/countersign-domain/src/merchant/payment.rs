//! What was agreed under one Charge Permission once an attempt has succeeded: its charges with their
//! refunds, and what the shop has asked for since. Part of the checkout's document: one version, one
//! timer.
//!
//! What Amazon shows is taken in by [`charge_shown`], [`refund_shown`] and [`permission_shown`], whoever
//! asked: a timer, a notification, the sender of an operation. States only move forward:
//!
//! ```text
//! AuthorizationInitiated ─▶ Authorized ─▶ CaptureInitiated ─▶ Captured
//!            └──────────────────┴─────────────────┴─────────▶ Declined | Canceled
//! RefundInitiated ─▶ Refunded | Declined
//! ```
//!
//! What is shown of an earlier state is a slow replica's; what contradicts a final one, or shows another
//! amount or currency than is known, is told to the operator and changes nothing. Charges and refunds that somebody made elsewhere under our permission
//! are adopted: they count in every budget.
//!
//! Who is waited for has a timer: what Amazon decides is looked at ever less often, an Authorized charge
//! daily and by its plan ([`capture_plan`]), an operation has its own; a permission that waits for its buyer is looked
//! at hourly, later daily. A Chargeable one waits for nobody. Each look is moved on in the commit before
//! the question, so a crash before, during or after it costs one look.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::attempt::{Attempt, AttemptState, Completion};
use super::capture_plan;
use super::checkout::{Checkout, Terms};
use super::completion::{CheckoutStep, CompletionRules};
use super::doubt::pending_delay;
pub use super::evidence::{
    CHARGE_IN_PROGRESS, ChargeShown, PermissionShown, RefundShown, charge_shown, permission_shown,
    refund_shown,
};
pub(super) use super::evidence::{stepped, take_charge, take_permission, take_refund};
use super::operation::{Operation, OperationState, Request};
use crate::amazon_limits::SANDBOX_AUTHORIZATION_LIFETIME;
use crate::ids::{ChargeId, ChargePermissionId, RefundId};
use crate::money::Money;
use crate::step::Step;
use crate::time::Timestamp;

/// What was agreed under one permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The permission.
    pub charge_permission_id: ChargePermissionId,
    /// The most that all its charges together may take: the total order amount, or the charge's.
    pub limit: Money,
    /// When it was proved.
    pub began_at: Timestamp,
    /// The permission as it was last seen.
    pub permission: Permission,
    /// Oldest first; at most 25 that were not declined, and those that others made.
    pub charges: Vec<Charge>,
    /// What was asked for, oldest first: `operations[k].number` is `k + 1`.
    pub operations: Vec<Operation>,
}

/// When to look at something, and how often that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// When.
    pub at: Timestamp,
    /// How often so far.
    pub count: u32,
}

impl Look {
    pub(super) fn first(now: Timestamp) -> Self {
        Self { at: now.plus(pending_delay(0)), count: 0 }
    }

    pub(super) fn next(self, now: Timestamp) -> Self {
        let count = self.count.saturating_add(1);
        Self { at: now.plus(pending_delay(count)), count }
    }
}

/// The permission as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Whether it can be charged.
    pub state: PermissionState,
    /// When to look at it, if there is a reason to.
    pub look: Option<Look>,
}

/// Whether a permission can be charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PermissionState {
    /// It can, or nobody has seen that it cannot.
    Chargeable,
    /// Not now; Amazon's reason.
    NonChargeable(String),
    /// Never again; Amazon's reason.
    Closed(String),
}

/// A charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Its id.
    pub id: ChargeId,
    /// What it charges.
    pub amount: Money,
    /// When it was authorized, or was first seen to be.
    pub authorized_at: Timestamp,
    /// When its authorization lapses: what Amazon says, and until it has said so two days.
    pub expires_at: Timestamp,
    /// Everything that the capture plan has for an instant up to this is done.
    pub planned_until: Timestamp,
    /// How far it is.
    pub state: ChargeState,
    /// Whether that is what Amazon shows.
    pub sight: Sight,
    /// When to look at it beside the plan.
    pub look: Option<Look>,
    /// What was given back of it, oldest first.
    pub refunds: Vec<Refund>,
    /// `refundedAmount`, as it was last shown: more than the known refunds if others were made elsewhere.
    pub refunded_shown: Option<Money>,
}

/// Whether a charge's state is what Amazon shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Nobody has looked: Finalize's answer, which names no state, is all there is.
    Never,
    /// It was shown so; then Amazon refused something that it would have allowed if it still were.
    Doubted,
    /// Amazon shows otherwise what cannot change. The operator was told, once.
    Contradicted,
    /// It was shown so, last at this instant.
    At(Timestamp),
}

/// How far a charge is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeState {
    /// Amazon still decides.
    AuthorizationInitiated,
    /// Reserved.
    Authorized,
    /// The capture is carried out asynchronously: neither success nor failure.
    CaptureInitiated,
    /// Taken: so much.
    Captured(Money),
    /// Nothing is held; Amazon's reason.
    Canceled(Option<String>),
    /// Declined; Amazon's reason.
    Declined(Option<String>),
}

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// How much.
    pub amount: Money,
    /// How far it is.
    pub state: RefundState,
    /// When to look at it.
    pub look: Option<Look>,
}

/// How far a refund is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundState {
    /// Under way.
    RefundInitiated,
    /// The buyer has it.
    Refunded,
    /// The buyer has not; Amazon's reason. Its part of the budget is free again.
    Declined(Option<String>),
}

impl ChargeState {
    /// Amazon's word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::AuthorizationInitiated => "AuthorizationInitiated",
            Self::Authorized => "Authorized",
            Self::CaptureInitiated => "CaptureInitiated",
            Self::Captured(_) => "Captured",
            Self::Canceled(_) => "Canceled",
            Self::Declined(_) => "Declined",
        }
    }

    /// Whether it never changes again.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Captured(_) | Self::Canceled(_) | Self::Declined(_) => true,
            Self::AuthorizationInitiated | Self::Authorized | Self::CaptureInitiated => false,
        }
    }

    /// How far along: nothing goes back.
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::AuthorizationInitiated => 0,
            Self::Authorized => 1,
            Self::CaptureInitiated => 2,
            Self::Captured(_) | Self::Canceled(_) | Self::Declined(_) => 3,
        }
    }
}

impl RefundState {
    /// Amazon's word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::RefundInitiated => "RefundInitiated",
            Self::Refunded => "Refunded",
            Self::Declined(_) => "Declined",
        }
    }
}

impl PermissionState {
    /// Amazon's word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Chargeable => "Chargeable",
            Self::NonChargeable(_) => "NonChargeable",
            Self::Closed(_) => "Closed",
        }
    }

    /// Amazon's reason, where it has one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Chargeable => None,
            Self::NonChargeable(reason) | Self::Closed(reason) => Some(reason),
        }
    }
}

impl Charge {
    pub(super) fn new(id: ChargeId, amount: Money, state: ChargeState, now: Timestamp) -> Self {
        Self {
            id,
            amount,
            authorized_at: now,
            expires_at: now.plus(UNTIL_AMAZON_SAYS),
            planned_until: now,
            state,
            sight: Sight::Never,
            look: None,
            refunds: Vec::new(),
            refunded_shown: None,
        }
    }

    /// When to look again at what is waited for.
    pub(super) fn waiting(&self, now: Timestamp) -> Look {
        match self.look {
            Some(look) if look.at > now => look,
            Some(look) => look.next(now),
            None => Look::first(now),
        }
    }

    /// What was taken.
    #[must_use]
    pub const fn captured(&self) -> Money {
        match &self.state {
            ChargeState::Captured(captured) => *captured,
            ChargeState::AuthorizationInitiated
            | ChargeState::Authorized
            | ChargeState::CaptureInitiated
            | ChargeState::Canceled(_)
            | ChargeState::Declined(_) => Money::zero(self.amount.currency()),
        }
    }

    /// What was given back or is on its way: all but what was declined, and at least what Amazon shows.
    #[must_use]
    pub fn refunded(&self) -> Money {
        let counted = self.refunds.iter().filter(|refund| !matches!(refund.state, RefundState::Declined(_)));
        let known = sum(self.amount, counted.map(|refund| refund.amount));
        match self.refunded_shown {
            Some(shown) if shown.minor() > known.minor() => shown,
            Some(_) | None => known,
        }
    }

    /// What it takes of the permission's limit: what it holds, or what it took.
    #[must_use]
    pub const fn taken(&self) -> Money {
        match &self.state {
            ChargeState::AuthorizationInitiated | ChargeState::Authorized | ChargeState::CaptureInitiated => {
                self.amount
            }
            ChargeState::Captured(captured) => *captured,
            ChargeState::Canceled(_) | ChargeState::Declined(_) => Money::zero(self.amount.currency()),
        }
    }

    /// When somebody must look after it, its refunds included. What is not final always has one.
    #[must_use]
    pub fn due_at(&self, rules: &CompletionRules) -> Option<Timestamp> {
        let refunds = self.refunds.iter().filter_map(|refund| refund.look).map(|look| look.at);
        let plan = capture_plan::next(self, rules).map(|(at, _)| at);
        refunds.chain(self.look.map(|look| look.at)).chain(plan).min()
    }
}

/// Sandbox authorizations last two days, live ones thirty: until Amazon has said which, the shorter.
const UNTIL_AMAZON_SAYS: Duration = SANDBOX_AUTHORIZATION_LIFETIME;

/// The sum of amounts of one currency, that of `like`.
pub(super) fn sum(like: Money, amounts: impl Iterator<Item = Money>) -> Money {
    amounts.fold(Money::zero(like.currency()), |sum, amount| sum.checked_add(amount).unwrap_or(sum))
}

/// What is left of one amount when another is taken off; nothing if more is.
pub(super) fn less(one: Money, other: Money) -> Money {
    one.checked_sub(other).unwrap_or(Money::zero(one.currency()))
}

impl Payment {
    /// What an attempt's success has begun; `None` for one that has not succeeded.
    #[must_use]
    pub fn of_attempt(terms: &Terms, attempt: &Attempt) -> Option<Self> {
        match &attempt.state {
            AttemptState::Completed { completion, charge_permission_id, at } => {
                Some(Self::begun(terms, completion, charge_permission_id, *at))
            }
            AttemptState::Bound { .. }
            | AttemptState::Approved { .. }
            | AttemptState::Finalizing { .. }
            | AttemptState::InDoubt(_)
            | AttemptState::Pending { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::Unresolved { .. }
            | AttemptState::Surplus { .. } => None,
        }
    }

    /// What an attempt's success begins.
    pub(super) fn begun(
        terms: &Terms,
        completion: &Completion,
        charge_permission_id: &ChargePermissionId,
        now: Timestamp,
    ) -> Self {
        // For what Finalize's answer does not say: the state and the expiry. The snapshot's own question is
        // usually faster.
        let soon = Some(Look { at: now.plus(ASK_AFTER), count: 0 });
        let charge = completion.charge_id().map(|id| {
            let (state, look) = match completion {
                Completion::Captured(_) => (ChargeState::Captured(terms.charge_amount), soon),
                Completion::CaptureInitiated(_) => (ChargeState::CaptureInitiated, Some(Look::first(now))),
                Completion::Authorized(_) | Completion::Confirmed => (ChargeState::Authorized, soon),
            };
            Charge { look, ..Charge::new(id.clone(), terms.charge_amount, state, now) }
        });
        Self {
            charge_permission_id: charge_permission_id.clone(),
            limit: terms.total_order_amount.unwrap_or(terms.charge_amount),
            began_at: now,
            permission: Permission { state: PermissionState::Chargeable, look: None },
            charges: charge.into_iter().collect(),
            operations: Vec::new(),
        }
    }

    /// One of its charges.
    #[must_use]
    pub fn charge(&self, id: &ChargeId) -> Option<&Charge> {
        self.charges.iter().find(|charge| charge.id == *id)
    }

    pub(super) fn charge_mut(&mut self, id: &ChargeId) -> Option<&mut Charge> {
        self.charges.iter_mut().find(|charge| charge.id == *id)
    }

    /// One of its refunds, with the charge that it is of.
    #[must_use]
    pub fn refund(&self, id: &RefundId) -> Option<(&Charge, &Refund)> {
        self.charges.iter().find_map(|charge| {
            charge.refunds.iter().find(|refund| refund.id == *id).map(|refund| (charge, refund))
        })
    }

    /// Whether a refund is of a charge that is not known yet: that is to be asked for first, or nobody
    /// would know what the refund is of.
    #[must_use]
    pub fn lacks_charge_of(&self, shown: &RefundShown) -> bool {
        self.charge(&shown.charge_id).is_none()
    }

    /// One of its operations.
    #[must_use]
    pub fn operation(&self, number: u32) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.number == number)
    }

    pub(super) fn operation_mut(&mut self, number: u32) -> Option<&mut Operation> {
        self.operations.iter_mut().find(|operation| operation.number == number)
    }

    /// The operations that may still have an effect.
    pub fn in_flight(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| !operation.state.is_final())
    }

    /// The operation that is to change a charge and may still, if there is one.
    #[must_use]
    pub fn changing(&self, id: &ChargeId) -> Option<&Operation> {
        self.in_flight().find(|operation| operation.request.changes_charge() == Some(id))
    }

    /// What a capture that Amazon has accepted asked for.
    pub(super) fn accepted_capture(&self, id: &ChargeId) -> Option<Money> {
        let done = self.operations.iter().filter(|it| matches!(it.state, OperationState::Done(_)));
        done.filter(|it| it.request.changes_charge() == Some(id)).find_map(|it| match it.request {
            Request::Capture { amount, .. } => Some(amount),
            Request::CreateCharge { .. }
            | Request::Refund { .. }
            | Request::CancelCharge { .. }
            | Request::Close { .. } => None,
        })
    }

    /// What is left of the limit, with everything that is in flight taken off.
    #[must_use]
    pub fn left(&self) -> Money {
        let asked = self.in_flight().filter_map(|operation| match operation.request {
            Request::CreateCharge { amount, .. } => Some(amount),
            Request::Capture { .. }
            | Request::Refund { .. }
            | Request::CancelCharge { .. }
            | Request::Close { .. } => None,
        });
        less(self.limit, sum(self.limit, self.charges.iter().map(Charge::taken).chain(asked)))
    }

    /// What is being refunded of a charge and not yet among its refunds.
    #[must_use]
    pub fn refunding(&self, id: &ChargeId) -> Money {
        let asked = self.in_flight().filter_map(|operation| match &operation.request {
            Request::Refund { charge_id, amount } if charge_id == id => Some(*amount),
            Request::Refund { .. }
            | Request::CreateCharge { .. }
            | Request::Capture { .. }
            | Request::CancelCharge { .. }
            | Request::Close { .. } => None,
        });
        sum(self.limit, asked)
    }

    /// When somebody must look after it.
    #[must_use]
    pub fn due_at(&self, rules: &CompletionRules) -> Option<Timestamp> {
        let charges = self.charges.iter().filter_map(|charge| charge.due_at(rules));
        let operations = self.operations.iter().filter_map(|operation| operation.state.due_at());
        charges.chain(operations).chain(self.permission.look.map(|look| look.at)).min()
    }
}

/// When to ask for a new charge, if the snapshot has not.
const ASK_AFTER: Duration = Duration::from_secs(60);

/// What happened to a payment: the timeline's entries, in causal order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentEvent {
    /// Something was asked for, by the shop or by a rule of its own.
    OperationRecorded(u32),
    /// It is about to leave: under which key, for the how many-th time.
    OperationSent {
        /// Which operation.
        number: u32,
        /// How often these bytes were sent, this time included.
        send_count: u32,
    },
    /// No connection: nothing left this machine.
    OperationNotSent(u32),
    /// Amazon answered without looking at it; it is sent again.
    OperationNotEvaluated {
        /// Which operation.
        number: u32,
        /// Amazon's code.
        code: String,
    },
    /// The answer was lost or proves nothing.
    OperationDoubtBegan {
        /// Which operation.
        number: u32,
        /// What came instead of an answer.
        cause: String,
    },
    /// It has been in doubt for so long that a person should know.
    OperationAlarm {
        /// Which operation.
        number: u32,
        /// For how long.
        lasting: Duration,
    },
    /// It has had its effect.
    OperationDone(u32),
    /// It is proved to have had none.
    OperationRefused {
        /// Which operation.
        number: u32,
        /// Amazon's code, or the state that proves it.
        code: String,
    },
    /// A charge's authorization is pending.
    ChargePending(ChargeId),
    /// A charge is authorized.
    ChargeAuthorized(ChargeId),
    /// A capture is under way.
    CapturePending(ChargeId),
    /// A charge is captured.
    ChargeCaptured(ChargeId),
    /// A charge is canceled.
    ChargeCanceled(ChargeId),
    /// A charge is declined.
    ChargeDeclined(ChargeId),
    /// Somebody made this charge elsewhere.
    ChargeAdopted(ChargeId),
    /// A refund is under way.
    RefundPending(RefundId),
    /// A refund is carried out.
    Refunded(RefundId),
    /// A refund is declined.
    RefundDeclined(RefundId),
    /// The permission can be charged again.
    PermissionChargeable,
    /// The permission cannot be charged now.
    PermissionNonChargeable,
    /// The permission can never be charged again.
    PermissionClosed,
    /// A charge must be captured before this instant.
    CaptureDue {
        /// Which charge.
        charge_id: ChargeId,
        /// Which deadline.
        deadline: capture_plan::Deadline,
        /// When it is.
        at: Timestamp,
    },
    /// The shop cancels the order.
    CancelRequested,
    /// Nothing is held and nothing kept any more.
    CheckoutCanceled,
    /// The cancellation cannot be finished by itself.
    CancellationStuck {
        /// What stands in its way.
        why: String,
    },
    /// Amazon's answer contradicts what is proved. An operator must look.
    Contradiction {
        /// What it is about.
        id: String,
        /// What came.
        found: &'static str,
    },
}

/// What a payment needs next, from whoever takes it up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentAct {
    /// Send an operation for the first time: [`super::sending::begin`].
    Send(u32),
    /// Send an operation's bytes again: [`super::sending::resend`].
    Resend(u32),
    /// Get Charge: [`charge_shown`].
    LookUpCharge(ChargeId),
    /// Get Refund: [`refund_shown`].
    LookUpRefund(RefundId),
    /// Get Charge Permission: [`permission_shown`].
    LookUpPermission(ChargePermissionId),
    /// Nothing now.
    Rest,
}

/// Takes up one thing of a payment that is due: moves its timer on, so that nobody else does the same,
/// and says what to do. `None` when nothing is due. Whoever carries the act out takes up the next.
#[must_use]
pub fn take_up_payment(
    checkout: &Checkout,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<(CheckoutStep, PaymentAct)> {
    let remind = || super::cancellation::remind(checkout, now).map(|step| (step, PaymentAct::Rest));
    let Some(mut payment) = checkout.payment.clone() else { return remind() };
    let mut events = Vec::new();
    let step = |payment: Payment, events: Vec<PaymentEvent>, act: PaymentAct| {
        let step = stepped(checkout, (payment, events), now, rules);
        Some((step.unwrap_or_else(|| Step { next: checkout.clone(), events: Vec::new() }), act))
    };
    let is_due = |at: Timestamp| at <= now;
    let due = payment.operations.iter().find(|it| it.state.due_at().is_some_and(is_due));
    if let Some(number) = due.map(|operation| operation.number) {
        let is_canceled = checkout.cancellation.is_some();
        let act = super::sending::take_up(&mut payment, number, is_canceled, &mut events, now, rules);
        return step(payment, events, act);
    }
    for charge in &mut payment.charges {
        for refund in &mut charge.refunds {
            if let Some(look) = refund.look.filter(|look| is_due(look.at)) {
                refund.look = Some(look.next(now));
                let act = PaymentAct::LookUpRefund(refund.id.clone());
                return step(payment, events, act);
            }
        }
        if let Some(look) = charge.look.filter(|look| is_due(look.at)) {
            charge.look = Some(look.next(now));
            let act = PaymentAct::LookUpCharge(charge.id.clone());
            return step(payment, events, act);
        }
    }
    let planned = payment.charges.iter().find_map(|charge| {
        let (at, item) = capture_plan::next(charge, rules)?;
        is_due(at).then(|| (charge.id.clone(), at, item))
    });
    if let Some((id, at, item)) = planned {
        let is_canceled = checkout.cancellation.is_some();
        let act = capture_plan::carry_out(&mut payment, &id, (at, item), is_canceled, &mut events, now);
        return step(payment, events, act);
    }
    if let Some(look) = payment.permission.look.filter(|look| is_due(look.at)) {
        payment.permission.look = Some(look.next(now));
        let act = PaymentAct::LookUpPermission(payment.charge_permission_id.clone());
        return step(payment, events, act);
    }
    remind()
}
