//! Which decision about an unexplained permission is allowed, by what Amazon shows, and how many persons it needs.
//! Nothing is changed here.

use super::judge::{
    self, Allowed, CLOCKS_DIFFER_BY, DecisionRefused, Persons, check_left, member_of, reminder,
};
use super::{Asked, Subject};
use crate::ids::ChargePermissionId;
use crate::merchant::after::unexplained::{AdoptionRefused, Evidence, adopt, sessions_to_ask};
use crate::merchant::attempt::agree::SessionView;
use crate::merchant::attempt::{Attempt, AttemptState};
use crate::merchant::call::LookSchedule;
use crate::merchant::checkout::Checkout;
use crate::merchant::checkout::draft::Draft;
use crate::merchant::checkout::unexplained::{Unexplained, UnexplainedEnd, UnexplainedState};
use crate::merchant::number::AttemptNumber;
use crate::merchant::payment::charge::{AmazonChargeState, ChargeView};
use crate::merchant::payment::misfit::Misfit;
use crate::money::Money;
use crate::time::Timestamp;

/// What follows from a decision about an unexplained permission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnexplainedOutcome {
    /// It is the order's payment.
    Ours,
    /// It is not the order's payment: the order continues.
    NotOurs,
    /// It is not, although persons had decided that it is: this attempt was not paid.
    NotOursAfterAll(AttemptNumber),
    /// What persons had decided before stays as it is.
    Affirmed,
    /// The money of its charge is refunded, and the order is canceled.
    Refund(ChargeView),
    /// The money of its charge is returned; the order has, or may have, a payment of its own, and keeps it.
    Return(ChargeView, Money),
    /// A reminder, at this instant.
    Remind(Timestamp),
}

/// Why an unexplained permission needs a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecided {
    /// It is unexplained.
    Open,
    /// Persons have decided whose it is.
    Decided(Whose),
}

/// Whose a permission is, as persons have decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// This order's.
    Ours,
    /// Not this order's.
    NotOurs,
}

/// Why a permission needs a person, if it does, or how persons have decided.
///
/// # Errors
/// [`DecisionRefused::NoSuchPermission`].
pub fn undecided(
    checkout: &Checkout,
    permission: &ChargePermissionId,
) -> Result<Option<Undecided>, DecisionRefused> {
    let known = checkout.heard_of(permission).ok_or(DecisionRefused::NoSuchPermission)?;
    Ok(match known.state {
        UnexplainedState::Open { .. } => Some(Undecided::Open),
        UnexplainedState::Over { end: UnexplainedEnd::Ours, .. } => Some(Undecided::Decided(Whose::Ours)),
        UnexplainedState::Over { end: UnexplainedEnd::NotOurs, .. } => {
            Some(Undecided::Decided(Whose::NotOurs))
        }
        UnexplainedState::Heard { .. }
        | UnexplainedState::Watched { .. }
        | UnexplainedState::Over {
            end: UnexplainedEnd::Noted | UnexplainedEnd::Returned | UnexplainedEnd::OfAnotherOrder,
            ..
        } => None,
    })
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
    let why = undecided(draft.checkout(), permission)?.ok_or(DecisionRefused::NotUndecided)?;
    let (persons, outcome) = match (asked, why) {
        (Asked::Ours, Undecided::Decided(Whose::Ours))
        | (Asked::NotOurs, Undecided::Decided(Whose::NotOurs)) => {
            let subject = Subject::Unexplained(permission.clone());
            if !draft.checkout().decisions.is_disputed_about(&subject) {
                return Err(DecisionRefused::NotUndecided);
            }
            must_be_shown(shown)?;
            (Persons::Two, UnexplainedOutcome::Affirmed)
        }
        (Asked::Ours, Undecided::Open | Undecided::Decided(Whose::NotOurs)) => {
            check_ours(draft, permission, shown)?;
            (Persons::Two, UnexplainedOutcome::Ours)
        }
        (Asked::NotOurs, Undecided::Open) => {
            must_be_shown(shown)?;
            let checkout = draft.checkout();
            // That a session of the order has paid it speaks against it, and one that is not shown may have.
            let is_named = checkout.heard_of(permission).is_some_and(|known| known.attempt.is_some());
            let may_be_named = is_named || hides_a_session(checkout, shown);
            (if may_be_named { Persons::Two } else { Persons::One }, UnexplainedOutcome::NotOurs)
        }
        (Asked::NotOurs, Undecided::Decided(Whose::Ours)) => {
            must_be_shown(shown)?;
            (Persons::Two, UnexplainedOutcome::NotOursAfterAll(adopted(draft.checkout(), permission)?))
        }
        (
            Asked::RefundUnexplained { .. } | Asked::Remind { .. },
            Undecided::Decided(Whose::Ours | Whose::NotOurs),
        ) => return Err(DecisionRefused::NotUndecided),
        (Asked::RefundUnexplained { amount }, Undecided::Open) => {
            let checkout = draft.checkout();
            if checkout.heard_of(permission).is_some_and(Unexplained::is_returning) {
                return Err(DecisionRefused::NotUndecided);
            }
            let charge = refundable(permission, shown, *amount)?;
            let is_beside = checkout.is_paid_or_pending() || checkout.live_attempt().is_some();
            let outcome = if is_beside {
                UnexplainedOutcome::Return(charge, *amount)
            } else {
                UnexplainedOutcome::Refund(charge)
            };
            (Persons::Two, outcome)
        }
        (Asked::Remind { at }, Undecided::Open) => {
            (Persons::One, UnexplainedOutcome::Remind(reminder(*at, draft.now)?))
        }
        (
            Asked::Paid { .. }
            | Asked::NotPaid
            | Asked::Refund { .. }
            | Asked::Done { .. }
            | Asked::NoEffect
            | Asked::Won
            | Asked::Lost { .. },
            _,
        ) => return Err(DecisionRefused::NotOfVerdict("verdict")),
    };
    Ok(Allowed { persons, outcome })
}

/// Amazon must have answered in the same act, whatever it shows.
fn must_be_shown(shown: &Evidence) -> Result<(), DecisionRefused> {
    if shown.permission.is_some() { Ok(()) } else { Err(DecisionRefused::AmazonSilent) }
}

/// Whether a session of the order that may have made a permission is not shown in this act. That Amazon has no such
/// session shows nothing.
fn hides_a_session(checkout: &Checkout, shown: &Evidence) -> bool {
    let is_shown = |number: AttemptNumber| {
        shown
            .sessions
            .iter()
            .any(|(shown, view)| *shown == number && !matches!(view, SessionView::NotFound(_)))
    };
    !sessions_to_ask(checkout).iter().all(|session| is_shown(session.attempt))
}

/// The attempt that a permission has paid as persons decided, if nothing has happened to its payment since.
fn adopted(checkout: &Checkout, permission: &ChargePermissionId) -> Result<AttemptNumber, DecisionRefused> {
    let is_it = |attempt: &&Attempt| {
        matches!(&attempt.state, AttemptState::Completed { charge_permission_id, .. }
            if charge_permission_id == permission)
    };
    let attempt = checkout.attempts.iter().find(is_it).ok_or(DecisionRefused::NotUndecided)?;
    judge::may_drop_payment(checkout, attempt)?;
    Ok(attempt.number)
}

/// Takes up a permission again that persons have decided not to be this order's, so that it can become that.
pub(super) fn take_up_again(draft: &mut Draft, permission: &ChargePermissionId) {
    let now = draft.now;
    if let Some(known) = draft.change_heard(permission)
        && matches!(known.state, UnexplainedState::Over { end: UnexplainedEnd::NotOurs, .. })
    {
        known.state = UnexplainedState::Watched { look: LookSchedule::now(now) };
    }
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
    take_up_again(&mut trial, permission);
    trial.see_taken(draft.taken().to_vec());
    adopt(&mut trial, permission, shown).map_err(|refused| match refused {
        AdoptionRefused::Contradicts(Misfit::OfAnotherAct) if !draft.taken().is_empty() => {
            DecisionRefused::OfAnotherOrder("chargePermissionId")
        }
        AdoptionRefused::NotUndecided => DecisionRefused::NotUndecided,
        AdoptionRefused::AlreadyPaid => DecisionRefused::AnotherPayment,
        AdoptionRefused::Contradicts(misfit) => Otherwise(member_of(misfit)),
        AdoptionRefused::NotShown(_) => Otherwise("chargeId"),
    })
}

/// The only charge under the permission that holds money, if exactly this amount is left of it.
fn refundable(
    permission: &ChargePermissionId,
    shown: &Evidence,
    amount: Money,
) -> Result<ChargeView, DecisionRefused> {
    use DecisionRefused::AmazonSaysOtherwise as Otherwise;
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
    check_left(charge, amount)?;
    Ok(charge.clone())
}
