//! What Amazon's word proves of a payment: the one place where a charge, a refund or the permission
//! changes its state. The answers of operations come here through [`super::sending`], the Gets of timers,
//! notifications and the snapshot directly.
//!
//! Reads may be old, doubled and in any order: a state is left only forward, so the same reads in another
//! order end in the same state, told once. A crash between the read and its write costs a look; the timer
//! that asked for it was moved on before, and fires again.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::capture_plan;
use super::checkout::Checkout;
use super::completion::{CheckoutEvent, CheckoutStep, CompletionRules};
use super::doubt::{ChargeSeen, ChargeStateSeen};
use super::operation::{OperationState, Request};
use super::payment::{
    Charge, ChargeState, Look, Payment, PaymentAct, PaymentEvent, PermissionState, Refund, RefundState, Sight,
};
use crate::ids::{ChargeId, RefundId};
use crate::money::Money;
use crate::step::Step;
use crate::time::{DAY, Timestamp};

/// A charge as Amazon shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeShown {
    /// Its id.
    pub id: ChargeId,
    /// State, reason and amount.
    pub seen: ChargeSeen,
    /// `captureAmount`.
    pub captured: Option<Money>,
    /// `refundedAmount`.
    pub refunded: Option<Money>,
    /// `expirationTimestamp`.
    pub expires_at: Option<Timestamp>,
}

impl ChargeShown {
    /// The state, if the answer has what it needs: money without an amount proves nothing.
    fn state(&self) -> Option<ChargeState> {
        let reason = || self.seen.reason.clone();
        Some(match self.seen.state {
            ChargeStateSeen::AuthorizationInitiated => ChargeState::AuthorizationInitiated,
            ChargeStateSeen::Authorized => ChargeState::Authorized,
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

/// Takes in a charge. `is_ours` is whether one that is not known was made by an operation: else somebody
/// made it elsewhere.
pub(super) fn take_charge(mut payment: Payment, shown: &ChargeShown, is_ours: bool, now: Timestamp) -> Taken {
    let mut events = Vec::new();
    let Some(state) = shown.state() else { return (payment, events) };
    let contradicted = |found| PaymentEvent::Contradiction { id: shown.id.to_string(), found };
    let was_told = payment.charge(&shown.id).is_some_and(|known| known.sight == Sight::Contradicted);
    let amounts = [shown.seen.charge_amount, shown.captured, shown.refunded];
    if amounts.into_iter().flatten().any(|amount| amount.currency() != payment.limit.currency()) {
        if let Some(charge) = payment.charge_mut(&shown.id) {
            charge.sight = Sight::Contradicted;
        }
        events.extend((!was_told).then(|| contradicted("a charge in another currency")));
        return (payment, events);
    }
    let known_amount = payment.charge(&shown.id).map(|known| known.amount);
    if known_amount.zip(shown.seen.charge_amount).is_some_and(|(known, shown)| known != shown) {
        events.extend((!was_told).then(|| contradicted("a charge of another amount")));
        if let Some(charge) = payment.charge_mut(&shown.id) {
            charge.sight = Sight::Contradicted;
            charge.look = charge.look.filter(|_| !charge.state.is_final());
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
    let done = payment.accepted_capture(&shown.id);
    let Some(charge) = payment.charge_mut(&shown.id) else { return (payment, events) };
    if let Some(expires_at) = shown.expires_at {
        charge.expires_at = expires_at;
    }
    if shown.refunded.is_some() {
        charge.refunded_shown = shown.refunded;
    }
    // A success of Finalize says that the money is taken. What Amazon shows after it is nearer the money.
    let was_only_said = charge.sight == Sight::Never && matches!(charge.state, ChargeState::Captured(_));
    let contradicts = match (&charge.state, &state) {
        (ChargeState::Captured(known), ChargeState::Captured(shown)) => known != shown,
        (known, shown) => {
            known.is_final() && shown.is_final() && known.rank() == shown.rank() && {
                core::mem::discriminant(known) != core::mem::discriminant(shown)
            }
        }
    };
    if contradicts {
        events.extend((!was_told).then(|| contradicted("a final charge in another final state")));
    }
    if contradicts && !was_only_said {
        charge.sight = Sight::Contradicted;
        charge.look = None;
        return (payment, events);
    }
    // A slow replica's earlier state does not show the one that is known.
    if state.rank() >= charge.state.rank() || was_only_said {
        charge.sight = Sight::At(now);
    }
    if state.rank() > charge.state.rank() || (was_only_said && state != charge.state) {
        let id = shown.id.clone();
        let became = match &state {
            ChargeState::AuthorizationInitiated => PaymentEvent::ChargePending(id),
            ChargeState::Authorized => PaymentEvent::ChargeAuthorized(id),
            ChargeState::CaptureInitiated => PaymentEvent::CapturePending(id),
            ChargeState::Captured(_) => PaymentEvent::ChargeCaptured(id),
            ChargeState::Canceled(_) => PaymentEvent::ChargeCanceled(id),
            ChargeState::Declined(_) => PaymentEvent::ChargeDeclined(id),
        };
        if let (Some(asked), ChargeState::Captured(captured)) = (done, &state)
            && asked != *captured
        {
            events.push(contradicted("a capture of another amount"));
        }
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
        ChargeState::AuthorizationInitiated | ChargeState::CaptureInitiated => Some(charge.waiting(now)),
        // Overdue, and not seen to have lapsed: the plan has nothing left to ask by.
        ChargeState::Authorized if now >= charge.expires_at => {
            Some(charge.look.map_or(Look::first(now), |look| look.next(now)))
        }
        // What was shown is not what is known, nor does it tell what a refusal rests on.
        ChargeState::Authorized | ChargeState::Captured(_) if charge.sight == Sight::Doubted => {
            Some(charge.waiting(now))
        }
        // Whoever cancels or captures it elsewhere may not be heard of.
        ChargeState::Authorized => Some(Look { at: now.plus(DAY), count: 0 }),
        ChargeState::Captured(_) | ChargeState::Canceled(_) | ChargeState::Declined(_) => None,
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
            if let PermissionState::Closed(_) = shown {
                // With it, its open charges may have been canceled.
                for charge in payment.charges.iter_mut().filter(|charge| !charge.state.is_final()) {
                    charge.look = Some(Look { at: now, count: 0 });
                }
                // What it held back can do no harm any more.
                for operation in &mut payment.operations {
                    if let (Request::CreateCharge { .. }, OperationState::InDoubt { look, .. }) =
                        (&operation.request, &mut operation.state)
                    {
                        look.at = now;
                    }
                }
            }
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

/// What Get Charge showed, and what is to be done next about the operations that wait for it.
#[must_use]
pub fn charge_shown(
    checkout: &Checkout,
    shown: &ChargeShown,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<(CheckoutStep, PaymentAct)> {
    let payment = checkout.payment.clone()?;
    let (mut payment, mut events) = take_charge(payment, shown, false, now);
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

/// The step of a payment that has changed; `None` when it has not.
pub(super) fn stepped(
    checkout: &Checkout,
    (mut payment, mut events): Taken,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<CheckoutStep> {
    super::sending::wake_closes(&mut payment, checkout.cancellation.is_some(), now, rules);
    if checkout.cancellation.is_none() {
        events.extend(capture_plan::take_back(&mut payment, now, rules));
    }
    let mut next = Checkout { payment: Some(payment), ..checkout.clone() };
    events.extend(super::cancellation::go_on(&mut next, now, rules));
    if next == *checkout && events.is_empty() {
        return None;
    }
    Some(Step { next, events: events.into_iter().map(CheckoutEvent::Payment).collect() })
}
