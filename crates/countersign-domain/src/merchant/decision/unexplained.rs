//! Which decision about an unexplained permission is allowed, by what Amazon shows, and how many persons it needs.
//! Nothing is changed here.

use super::Asked;
use super::judge::{
    Allowed, CLOCKS_DIFFER_BY, DecisionRefused, Persons, STATE, given_back, member_of, reminder,
};
use crate::ids::ChargePermissionId;
use crate::merchant::after::unexplained::{AdoptionRefused, Evidence, adopt};
use crate::merchant::checkout::draft::Draft;
use crate::merchant::payment::charge::{AmazonChargeState, ChargeView};
use crate::money::Money;
use crate::time::Timestamp;

/// What follows from a decision about an unexplained permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnexplainedOutcome {
    /// It is the order's payment.
    Ours,
    /// It is not the order's payment: the order continues.
    NotOurs,
    /// The money of its charge is refunded.
    Refund(ChargeView),
    /// A reminder, at this instant.
    Remind(Timestamp),
}

/// Judges a decision about an unexplained permission.
///
/// # Errors
/// The first rule that it breaks.
pub fn unexplained(
    draft: &Draft,
    permission: &ChargePermissionId,
    asked: &Asked,
    shown: &Evidence,
) -> Result<Allowed<UnexplainedOutcome>, DecisionRefused> {
    let known = draft.checkout().heard_of(permission).ok_or(DecisionRefused::NoSuchPermission)?;
    if !known.state.is_open() {
        return Err(DecisionRefused::NotUndecided);
    }
    let (persons, outcome) = match asked {
        Asked::Ours => {
            check_ours(draft, permission, shown)?;
            (Persons::Two, UnexplainedOutcome::Ours)
        }
        Asked::NotOurs => (Persons::One, UnexplainedOutcome::NotOurs),
        Asked::RefundUnexplained { amount } => {
            let charge = refundable(draft, permission, shown, *amount)?;
            (Persons::Two, UnexplainedOutcome::Refund(charge))
        }
        Asked::Remind { at } => (Persons::One, UnexplainedOutcome::Remind(reminder(*at, draft.now)?)),
        Asked::Paid { .. } | Asked::NotPaid | Asked::Refund { .. } | Asked::Done { .. } | Asked::NoEffect => {
            return Err(DecisionRefused::NotOfVerdict("verdict"));
        }
    };
    Ok(Allowed { persons, outcome })
}

/// Whether the permission fits the order: its limit, its time, and whatever an adoption needs.
fn check_ours(
    draft: &Draft,
    permission: &ChargePermissionId,
    shown: &Evidence,
) -> Result<(), DecisionRefused> {
    use DecisionRefused::AmazonSaysOtherwise as Otherwise;
    let checkout = draft.checkout();
    let facts = shown.permission.as_ref().ok_or(DecisionRefused::AmazonSilent)?;
    let limit = checkout.terms.total_order_amount.unwrap_or(checkout.terms.charge_amount);
    if facts.limit.shown() != Some(limit) {
        return Err(Otherwise("limits.amountLimit"));
    }
    let earliest = checkout.registered_at.minus(CLOCKS_DIFFER_BY);
    if facts.created_at.is_none_or(|at| at < earliest) {
        return Err(Otherwise("creationTimestamp"));
    }
    let mut trial = Draft::new(checkout.clone(), draft.now, draft.rules);
    adopt(&mut trial, permission, shown).map_err(|refused| match refused {
        AdoptionRefused::NotUndecided => DecisionRefused::NotUndecided,
        AdoptionRefused::AlreadyPaid => DecisionRefused::AnotherPayment,
        AdoptionRefused::Contradicts(misfit) => Otherwise(member_of(misfit)),
        AdoptionRefused::NotShown(_) => Otherwise("chargeId"),
    })
}

/// The only charge under the permission that holds money, if exactly this amount is left of it.
fn refundable(
    draft: &Draft,
    permission: &ChargePermissionId,
    shown: &Evidence,
    amount: Money,
) -> Result<ChargeView, DecisionRefused> {
    use DecisionRefused::AmazonSaysOtherwise as Otherwise;
    let checkout = draft.checkout();
    if checkout.is_paid_or_pending() || checkout.live_attempt().is_some() {
        return Err(DecisionRefused::AnotherPayment);
    }
    if shown.permission.is_none() {
        return Err(DecisionRefused::AmazonSilent);
    }
    let is_over =
        |it: &&ChargeView| matches!(it.seen.state, AmazonChargeState::Declined | AmazonChargeState::Canceled);
    let mut charges = shown.charges.iter().filter(|it| !is_over(it));
    let charge = charges.next().ok_or(Otherwise("chargeId"))?;
    if charges.next().is_some() {
        return Err(Otherwise("chargeId"));
    }
    if charge.charge_permission_id.as_ref() != Some(permission) {
        return Err(Otherwise("chargePermissionId"));
    }
    let charged = charge.seen.charge_amount.shown().ok_or(Otherwise("chargeAmount"))?;
    let (member, left) = match charge.seen.state {
        AmazonChargeState::AuthorizationInitiated | AmazonChargeState::CaptureInitiated => {
            return Err(DecisionRefused::TooEarly(None));
        }
        AmazonChargeState::Declined | AmazonChargeState::Canceled => return Err(Otherwise(STATE)),
        AmazonChargeState::Authorized => ("chargeAmount", Some(charged)),
        AmazonChargeState::Captured => {
            let back = given_back(charge).ok_or(Otherwise("refundedAmount"))?;
            let captured = charge.captured.shown();
            let captured = captured.filter(|it| it.currency() == back.currency());
            ("captureAmount", captured.map(|it| it.less(back)))
        }
    };
    if left != Some(amount) || amount.is_zero() {
        return Err(Otherwise(member));
    }
    Ok(charge.clone())
}
