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
//! has its plan ([`capture_plan`]), an operation its own; a permission that waits for its buyer is looked
//! at hourly, later daily. A Chargeable one waits for nobody. Each look is moved on in the commit before
//! the question, so a crash before, during or after it costs one look.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::attempt::{Attempt, AttemptState, Completion};
use super::capture_plan;
use super::checkout::{Checkout, Terms};
use super::completion::{CheckoutEvent, CheckoutStep, CompletionRules, PlantedBug};
use super::doubt::{ChargeSeen, ChargeStateSeen, pending_delay};
use super::operation::{Operation, Request};
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
    fn first(now: Timestamp) -> Self {
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
    /// When to look at it beside the plan.
    pub look: Option<Look>,
    /// What was given back of it, oldest first.
    pub refunds: Vec<Refund>,
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
    const fn rank(&self) -> u8 {
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
    fn new(id: ChargeId, amount: Money, state: ChargeState, now: Timestamp) -> Self {
        Self {
            id,
            amount,
            authorized_at: now,
            expires_at: now.plus(UNTIL_AMAZON_SAYS),
            planned_until: now,
            state,
            look: None,
            refunds: Vec::new(),
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

    /// What was given back or is on its way: all but what was declined.
    #[must_use]
    pub fn refunded(&self) -> Money {
        let counted = self.refunds.iter().filter(|refund| !matches!(refund.state, RefundState::Declined(_)));
        sum(self.amount, counted.map(|refund| refund.amount))
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
const UNTIL_AMAZON_SAYS: Duration = Duration::from_secs(2 * 86_400);

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
        let charge = completion.charge_id().map(|id| {
            let (state, look) = match completion {
                Completion::Captured(_) => (ChargeState::Captured(terms.charge_amount), None),
                Completion::CaptureInitiated(_) => (ChargeState::CaptureInitiated, Some(Look::first(now))),
                Completion::Authorized(_) | Completion::Confirmed => {
                    // Soon, for its expiry: the snapshot's own question is usually faster.
                    (ChargeState::Authorized, Some(Look { at: now.plus(ASK_EXPIRY_AFTER), count: 0 }))
                }
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

/// When to ask for the expiry of a new authorization, if the snapshot has not brought it.
const ASK_EXPIRY_AFTER: Duration = Duration::from_secs(60);

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

/// A charge as Amazon shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeShown {
    /// Its id.
    pub id: ChargeId,
    /// State, reason and amount.
    pub seen: ChargeSeen,
    /// `captureAmount`.
    pub captured: Option<Money>,
    /// `expirationTimestamp`.
    pub expires_at: Option<Timestamp>,
}

impl ChargeShown {
    /// The state, if the answer has what it needs: money without an amount proves nothing.
    fn state(&self, planted: &CompletionRules) -> Option<ChargeState> {
        let reason = || self.seen.reason.clone();
        Some(match self.seen.state {
            ChargeStateSeen::AuthorizationInitiated => ChargeState::AuthorizationInitiated,
            ChargeStateSeen::Authorized => ChargeState::Authorized,
            ChargeStateSeen::CaptureInitiated if planted.has(PlantedBug::InitiatedReadAsFailed) => {
                ChargeState::Declined(None)
            }
            ChargeStateSeen::CaptureInitiated => ChargeState::CaptureInitiated,
            ChargeStateSeen::Captured => ChargeState::Captured(self.captured?),
            ChargeStateSeen::Canceled => ChargeState::Canceled(reason()),
            ChargeStateSeen::Declined => ChargeState::Declined(reason()),
        })
    }
}

/// A refund as Amazon shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundShown {
    /// Its id.
    pub id: RefundId,
    /// The charge that it is of.
    pub charge_id: ChargeId,
    /// How much.
    pub amount: Money,
    /// How far it is.
    pub state: RefundState,
}

/// A permission as Amazon shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionShown {
    /// Its state.
    pub state: PermissionState,
}

/// What was shown, taken in: the payment and what happened.
pub(super) type Taken = (Payment, Vec<PaymentEvent>);

/// Takes in a charge. `adopt` is whether one that is not known was made by somebody else.
pub(super) fn take_charge(
    mut payment: Payment,
    shown: &ChargeShown,
    is_ours: bool,
    now: Timestamp,
    rules: &CompletionRules,
) -> Taken {
    let mut events = Vec::new();
    let Some(state) = shown.state(rules) else { return (payment, events) };
    let contradicted = |found| PaymentEvent::Contradiction { id: shown.id.to_string(), found };
    let amounts = [shown.seen.charge_amount, shown.captured];
    if amounts.into_iter().flatten().any(|amount| amount.currency() != payment.limit.currency()) {
        events.push(contradicted("a charge in another currency"));
        return (payment, events);
    }
    let known_amount = payment.charge(&shown.id).map(|known| known.amount);
    if known_amount.zip(shown.seen.charge_amount).is_some_and(|(known, shown)| known != shown) {
        events.push(contradicted("a charge of another amount"));
        if let Some(charge) = payment.charge_mut(&shown.id).filter(|charge| charge.state.is_final()) {
            charge.look = None;
        }
        return (payment, events);
    }
    if payment.charge(&shown.id).is_none() {
        let Some(amount) = shown.seen.charge_amount else { return (payment, events) };
        payment.charges.push(Charge::new(shown.id.clone(), amount, ChargeState::AuthorizationInitiated, now));
        events.push(if is_ours {
            PaymentEvent::ChargePending(shown.id.clone())
        } else {
            PaymentEvent::ChargeAdopted(shown.id.clone())
        });
    }
    let Some(charge) = payment.charge_mut(&shown.id) else { return (payment, events) };
    if let Some(expires_at) = shown.expires_at {
        charge.expires_at = expires_at;
    }
    let contradicts = match (&charge.state, &state) {
        (ChargeState::Captured(known), ChargeState::Captured(shown)) => known != shown,
        (known, shown) => {
            known.is_final() && shown.is_final() && known.rank() == shown.rank() && {
                core::mem::discriminant(known) != core::mem::discriminant(shown)
            }
        }
    };
    if contradicts {
        events.push(contradicted("a final charge in another final state"));
        charge.look = None;
        return (payment, events);
    }
    if state.rank() > charge.state.rank() {
        let id = shown.id.clone();
        let became = match &state {
            ChargeState::AuthorizationInitiated => PaymentEvent::ChargePending(id),
            ChargeState::Authorized => PaymentEvent::ChargeAuthorized(id),
            ChargeState::CaptureInitiated => PaymentEvent::CapturePending(id),
            ChargeState::Captured(_) => PaymentEvent::ChargeCaptured(id),
            ChargeState::Canceled(_) => PaymentEvent::ChargeCanceled(id),
            ChargeState::Declined(_) => PaymentEvent::ChargeDeclined(id),
        };
        if charge.state == ChargeState::AuthorizationInitiated && state == ChargeState::Authorized {
            charge.authorized_at = now;
            charge.planned_until = now;
        }
        if matches!(state, ChargeState::Canceled(_) | ChargeState::Declined(_)) {
            // What became of the charge may have changed what the permission allows.
            payment.permission.look.get_or_insert(Look { at: now, count: 0 });
        }
        let Some(charge) = payment.charge_mut(&shown.id) else { return (payment, events) };
        charge.state = state;
        charge.look = Some(Look::first(now));
        events.push(became);
    }
    let Some(charge) = payment.charge_mut(&shown.id) else { return (payment, events) };
    charge.look = match &charge.state {
        ChargeState::AuthorizationInitiated | ChargeState::CaptureInitiated => Some(
            charge
                .look
                .filter(|look| look.at > now)
                .unwrap_or_else(|| charge.look.map_or(Look::first(now), |look| look.next(now))),
        ),
        // Overdue, and not seen to have lapsed: the plan has nothing left to ask by.
        ChargeState::Authorized if now >= charge.expires_at => {
            Some(charge.look.map_or(Look::first(now), |look| look.next(now)))
        }
        ChargeState::Authorized
        | ChargeState::Captured(_)
        | ChargeState::Canceled(_)
        | ChargeState::Declined(_) => None,
    };
    (payment, events)
}

/// Takes in a refund.
pub(super) fn take_refund(mut payment: Payment, shown: &RefundShown, now: Timestamp) -> Taken {
    let mut events = Vec::new();
    let known_charge = payment.refund(&shown.id).map(|(charge, _)| charge.id.clone());
    if known_charge.is_some_and(|known| known != shown.charge_id)
        || shown.amount.currency() != payment.limit.currency()
    {
        let found = "a refund of another charge or currency";
        events.push(PaymentEvent::Contradiction { id: shown.id.to_string(), found });
        return (payment, events);
    }
    let Some(charge) = payment.charge_mut(&shown.charge_id) else { return (payment, events) };
    let position = charge.refunds.iter().position(|refund| refund.id == shown.id);
    let position = position.unwrap_or_else(|| {
        let state = RefundState::RefundInitiated;
        let refund = Refund { id: shown.id.clone(), amount: shown.amount, state, look: None };
        charge.refunds.push(refund);
        events.push(PaymentEvent::RefundPending(shown.id.clone()));
        charge.refunds.len().saturating_sub(1)
    });
    let Some(refund) = charge.refunds.get_mut(position) else { return (payment, events) };
    if refund.amount != shown.amount {
        let found = "a refund of another amount";
        events.push(PaymentEvent::Contradiction { id: shown.id.to_string(), found });
        return (payment, events);
    }
    let is_final = |state: &RefundState| !matches!(state, RefundState::RefundInitiated);
    let differs = core::mem::discriminant(&refund.state) != core::mem::discriminant(&shown.state);
    if is_final(&refund.state) && is_final(&shown.state) && differs {
        let found = "a final refund in another final state";
        events.push(PaymentEvent::Contradiction { id: shown.id.to_string(), found });
    } else if !is_final(&refund.state) && is_final(&shown.state) {
        events.push(match shown.state {
            RefundState::Declined(_) => PaymentEvent::RefundDeclined(shown.id.clone()),
            RefundState::Refunded | RefundState::RefundInitiated => PaymentEvent::Refunded(shown.id.clone()),
        });
        refund.state = shown.state.clone();
    }
    refund.look = if is_final(&refund.state) {
        None
    } else {
        Some(match refund.look {
            Some(look) if look.at > now => look,
            Some(look) => look.next(now),
            None => Look::first(now),
        })
    };
    (payment, events)
}

/// Takes in the permission.
pub(super) fn take_permission(mut payment: Payment, shown: &PermissionShown, now: Timestamp) -> Taken {
    let mut events = Vec::new();
    let permission = &mut payment.permission;
    let look_before = permission.look;
    match (&permission.state, &shown.state) {
        (PermissionState::Closed(_), PermissionState::Closed(_)) => {}
        // A slow replica's: Closed is for ever.
        (PermissionState::Closed(_), PermissionState::Chargeable | PermissionState::NonChargeable(_)) => {}
        (known, shown) if known == shown => {}
        (PermissionState::Chargeable | PermissionState::NonChargeable(_), shown) => {
            events.push(match shown {
                PermissionState::Chargeable => PaymentEvent::PermissionChargeable,
                PermissionState::NonChargeable(_) => PaymentEvent::PermissionNonChargeable,
                PermissionState::Closed(_) => PaymentEvent::PermissionClosed,
            });
            permission.state = shown.clone();
        }
    }
    // Its buyer may name another payment method, and the news of that may be lost. What an open charge
    // holds is that charge's to watch.
    permission.look = match &permission.state {
        PermissionState::NonChargeable(reason) if reason != CHARGE_IN_PROGRESS => {
            let seen = look_before.unwrap_or(Look { at: now, count: BUYERS_PACE });
            Some(Look { count: seen.count.max(BUYERS_PACE), ..seen }.next(now))
        }
        PermissionState::Chargeable | PermissionState::NonChargeable(_) | PermissionState::Closed(_) => None,
    };
    (payment, events)
}

/// Amazon's reason for a permission whose rest an open authorization holds.
pub const CHARGE_IN_PROGRESS: &str = "ChargeInProgress";
/// A permission that waits for its buyer is looked at as often as something that was asked for so often:
/// hourly, later daily.
const BUYERS_PACE: u32 = 21;

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

/// The step of a payment that has changed; `None` when it has not.
pub(super) fn stepped(
    checkout: &Checkout,
    (mut payment, events): Taken,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<CheckoutStep> {
    super::sending::wake_closes(&mut payment, now);
    capture_plan::take_back(&mut payment, now, rules);
    let mut next = Checkout { payment: Some(payment), ..checkout.clone() };
    let mut events = events;
    events.extend(super::cancellation::go_on(&mut next, now, rules));
    if next == *checkout && events.is_empty() {
        return None;
    }
    Some(Step { next, events: events.into_iter().map(CheckoutEvent::Payment).collect() })
}

/// What Get Charge showed, and what is to be done next about the operations that wait for it.
#[must_use]
pub fn charge_shown(
    checkout: &Checkout,
    shown: &ChargeShown,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<(CheckoutStep, PaymentAct)> {
    let payment = checkout.payment.clone()?;
    let (mut payment, mut events) = take_charge(payment, shown, false, now, rules);
    let is_canceled = checkout.cancellation.is_some();
    let act = super::sending::resolve_by_charge(&mut payment, &shown.id, is_canceled, &mut events);
    let step = stepped(checkout, (payment, events), now, rules);
    Some((step.unwrap_or_else(|| Step { next: checkout.clone(), events: Vec::new() }), act))
}

/// What Get Refund showed.
#[must_use]
pub fn refund_shown(
    checkout: &Checkout,
    shown: &RefundShown,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<CheckoutStep> {
    let payment = checkout.payment.clone()?;
    stepped(checkout, take_refund(payment, shown, now), now, rules)
}

/// What Get Charge Permission showed, and what is to be done next.
#[must_use]
pub fn permission_shown(
    checkout: &Checkout,
    shown: &PermissionShown,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<(CheckoutStep, PaymentAct)> {
    let payment = checkout.payment.clone()?;
    let (mut payment, mut events) = take_permission(payment, shown, now);
    let act = super::sending::resolve_by_permission(&mut payment, shown, &mut events);
    let step = stepped(checkout, (payment, events), now, rules);
    Some((step.unwrap_or_else(|| Step { next: checkout.clone(), events: Vec::new() }), act))
}

/// Takes up one thing of a payment that is due: moves its timer on, so that nobody else does the same,
/// and says what to do. `None` when nothing is due. Whoever carries the act out takes up the next.
#[must_use]
pub fn take_up_payment(
    checkout: &Checkout,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<(CheckoutStep, PaymentAct)> {
    let mut payment = checkout.payment.clone()?;
    let mut events = Vec::new();
    let step = |payment: Payment, events: Vec<PaymentEvent>, act: PaymentAct| {
        let step = stepped(checkout, (payment, events), now, rules);
        Some((step.unwrap_or_else(|| Step { next: checkout.clone(), events: Vec::new() }), act))
    };
    let is_due = |at: Timestamp| at <= now;
    let due = payment.operations.iter().find(|it| it.state.due_at().is_some_and(is_due));
    if let Some(number) = due.map(|operation| operation.number) {
        let act = super::sending::take_up(&mut payment, number, &mut events, now, rules);
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
    super::cancellation::remind(checkout, now).map(|step| (step, PaymentAct::Rest))
}
