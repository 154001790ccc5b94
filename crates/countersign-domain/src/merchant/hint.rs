//! What a notification may bring about: a look, and nothing else. It has no state of its own to tell, so
//! one that is forged, stale, doubled or out of order costs Amazon a question and changes nothing here.
//!
//! The inbox keeps a notification until its hint is taken in. What is known here gets its timer set to
//! now in that same change set, so a crash afterwards loses nothing; what is not known has no timer, and
//! whoever read the notification carries the look out and lets go of the notification only then.

use alloc::vec::Vec;

use super::attempt::{AttemptState, FailedCharge};
use super::checkout::Checkout;
use super::completion::{CheckoutStep, CompletionRules, Happened, event};
use super::doubt::ChargeStateSeen;
use super::operation::{OperationState, Request};
use super::payment::{ChargeShown, Look, Payment, PaymentAct, stepped};
use crate::ids::{ChargeId, ChargePermissionId, RefundId};
use crate::step::Step;
use crate::time::Timestamp;

/// What was heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A charge.
    Charge(ChargeId),
    /// A refund.
    Refund(RefundId),
    /// The permission.
    ChargePermission,
}

/// Takes in that something was heard of: whatever waits for it looks now. The act is
/// [`PaymentAct::Rest`] unless the object is not known here, and is to be asked for by whoever heard of
/// it. `None`: it is looked at already.
#[must_use]
pub fn hinted(
    checkout: &Checkout,
    hint: &Hint,
    now: Timestamp,
    rules: &CompletionRules,
) -> Option<(CheckoutStep, PaymentAct)> {
    let Some(mut payment) = checkout.payment.clone() else {
        let next = attempts_hinted(checkout.clone(), now);
        return (next != *checkout).then(|| (Step { next, events: Vec::new() }, PaymentAct::Rest));
    };
    let act = match hint {
        Hint::Charge(id) => match payment.charge_mut(id) {
            Some(charge) => {
                charge.look = Some(sooner(charge.look, now));
                PaymentAct::Rest
            }
            None => PaymentAct::LookUpCharge(id.clone()),
        },
        Hint::Refund(id) => {
            let refunds = payment.charges.iter_mut().flat_map(|charge| &mut charge.refunds);
            match refunds.into_iter().find(|refund| refund.id == *id) {
                Some(refund) => {
                    refund.look = Some(sooner(refund.look, now));
                    PaymentAct::Rest
                }
                None => PaymentAct::LookUpRefund(id.clone()),
            }
        }
        Hint::ChargePermission => {
            payment.permission.look = Some(sooner(payment.permission.look, now));
            PaymentAct::Rest
        }
    };
    doubts_hinted(&mut payment, hint, now);
    match (stepped(checkout, (payment, Vec::new()), now, rules), act) {
        (None, PaymentAct::Rest) => None,
        (None, act) => Some((Step { next: checkout.clone(), events: Vec::new() }, act)),
        (Some(step), act) => Some((step, act)),
    }
}

/// A look that is due by now, as often looked at as before.
fn sooner(look: Option<Look>, now: Timestamp) -> Look {
    look.map_or(Look { at: now, count: 0 }, |look| Look { at: look.at.min(now), ..look })
}

/// The operations in doubt that the object tells of. What it may have made tells of those that make.
fn doubts_hinted(payment: &mut Payment, hint: &Hint, now: Timestamp) {
    let is_known = match hint {
        Hint::Charge(id) => payment.charge(id).is_some(),
        Hint::Refund(id) => payment.refund(id).is_some(),
        Hint::ChargePermission => true,
    };
    for operation in &mut payment.operations {
        let is_about = match (&operation.request, hint) {
            (Request::Capture { charge_id, .. } | Request::CancelCharge { charge_id }, Hint::Charge(id)) => {
                charge_id == id
            }
            (Request::CreateCharge { .. }, Hint::Charge(_)) | (Request::Refund { .. }, Hint::Refund(_)) => {
                !is_known
            }
            (Request::Close { .. }, Hint::ChargePermission) => true,
            (
                Request::CreateCharge { .. }
                | Request::Capture { .. }
                | Request::CancelCharge { .. }
                | Request::Refund { .. }
                | Request::Close { .. },
                Hint::Charge(_) | Hint::Refund(_) | Hint::ChargePermission,
            ) => false,
        };
        if let OperationState::InDoubt { look, .. } = &mut operation.state
            && is_about
        {
            *look = sooner(Some(*look), now);
        }
    }
}

/// Before a success is proved there is no payment: what is in doubt or pending is looked at.
fn attempts_hinted(mut checkout: Checkout, now: Timestamp) -> Checkout {
    for attempt in &mut checkout.attempts {
        match &mut attempt.state {
            AttemptState::InDoubt(doubt) => doubt.look_at = doubt.look_at.min(now),
            AttemptState::Pending { look_at, .. } | AttemptState::Unresolved { look_at, .. } => {
                *look_at = (*look_at).min(now);
            }
            AttemptState::Bound { .. }
            | AttemptState::Approved { .. }
            | AttemptState::Finalizing { .. }
            | AttemptState::Completed { .. }
            | AttemptState::NotPaid { .. }
            | AttemptState::Surplus { .. } => {}
        }
    }
    checkout
}

/// The attempt that is proved unpaid although Amazon had made a charge under this permission, and that
/// charge. No timer looks at it any more: whoever hears of it does.
#[must_use]
pub fn unpaid_under<'a>(
    checkout: &'a Checkout,
    permission: &ChargePermissionId,
) -> Option<(u32, &'a FailedCharge)> {
    checkout.attempts.iter().find_map(|attempt| match &attempt.state {
        AttemptState::NotPaid { charge: Some(charge), .. } if charge.charge_permission_id == *permission => {
            Some((attempt.number, charge))
        }
        AttemptState::NotPaid { .. }
        | AttemptState::Bound { .. }
        | AttemptState::Approved { .. }
        | AttemptState::Finalizing { .. }
        | AttemptState::InDoubt(_)
        | AttemptState::Pending { .. }
        | AttemptState::Completed { .. }
        | AttemptState::Unresolved { .. }
        | AttemptState::Surplus { .. } => None,
    })
}

/// Takes in what a charge under such a permission was seen to be. Money that is held or taken contradicts
/// the proof that nothing was paid: a person is told of it, once, and nothing else changes, since another
/// attempt may have been paid in the meantime. `None`: it is as it was known to be.
#[must_use]
pub fn unpaid_charge_seen(
    checkout: &Checkout,
    permission: &ChargePermissionId,
    shown: &ChargeShown,
    now: Timestamp,
) -> Option<CheckoutStep> {
    let (number, _) = unpaid_under(checkout, permission)?;
    match shown.seen.state {
        ChargeStateSeen::Authorized | ChargeStateSeen::CaptureInitiated | ChargeStateSeen::Captured => {}
        // Also from a replica that has not heard of the decline.
        ChargeStateSeen::AuthorizationInitiated | ChargeStateSeen::Declined | ChargeStateSeen::Canceled => {
            return None;
        }
    }
    let mut next = checkout.clone();
    let attempt = next.attempts.iter_mut().find(|attempt| attempt.number == number)?;
    let AttemptState::NotPaid { charge: Some(charge), .. } = &mut attempt.state else { return None };
    if charge.contradicted_at.is_some() {
        return None;
    }
    charge.contradicted_at = Some(now);
    let contradiction = Happened::Contradiction {
        found: "money under an authorization that came to nothing",
        charge_permission_id: Some(permission.clone()),
        charge_id: Some(shown.id.clone()),
    };
    Some(Step::one(next, event(number, contradiction)))
}
