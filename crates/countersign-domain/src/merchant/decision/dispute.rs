//! Which decision about a dispute is allowed, and how many persons it needs. Amazon cannot be asked how a dispute has
//! ended: Seller Central shows it, and what was captured bounds what can be lost. Nothing is changed here.

use super::judge::{Allowed, DecisionRefused, Persons, reminder};
use super::{Asked, Subject};
use crate::ids::DisputeId;
use crate::merchant::after::dispute::{DisputeOutcome, SettlementRefused, check_settlement};
use crate::merchant::checkout::Checkout;
use crate::merchant::payment::dispute::{Dispute, DisputeState};
use crate::time::Timestamp;

/// What follows from a decision about a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeVerdict {
    /// It has ended like this.
    Settled(DisputeOutcome),
    /// It has ended otherwise than a person had said before.
    SettledOtherwise(DisputeOutcome),
    /// What was said before stays as it is.
    Affirmed,
    /// A reminder, at this instant.
    Remind(Timestamp),
}

fn find<'a>(checkout: &'a Checkout, id: &DisputeId) -> Result<&'a Dispute, DecisionRefused> {
    let dispute = checkout.payment.as_ref().and_then(|payment| payment.dispute(id));
    dispute.ok_or(DecisionRefused::NoSuchDispute)
}

/// Checks that there is such a dispute: a person can say how it ended or, once that was said, that it ended otherwise.
///
/// # Errors
/// [`DecisionRefused::NoSuchDispute`].
pub fn check_known(checkout: &Checkout, id: &DisputeId) -> Result<(), DecisionRefused> {
    find(checkout, id).map(|_| ())
}

/// Judges a decision about a dispute.
///
/// # Errors
/// The first rule that it breaks.
pub fn dispute(
    checkout: &Checkout,
    id: &DisputeId,
    asked: &Asked,
    now: Timestamp,
) -> Result<Allowed<DisputeVerdict>, DecisionRefused> {
    let dispute = find(checkout, id)?;
    let is_open = matches!(dispute.state, DisputeState::Open { .. });
    let outcome = match asked {
        Asked::Won => DisputeOutcome::Won,
        Asked::Lost { amount } => DisputeOutcome::Lost(*amount),
        Asked::Remind { .. } if !is_open => return Err(DecisionRefused::NotUndecided),
        Asked::Remind { at } => {
            let outcome = DisputeVerdict::Remind(reminder(*at, now)?);
            return Ok(Allowed { persons: Persons::One, outcome });
        }
        Asked::Paid { .. }
        | Asked::NotPaid
        | Asked::Refund { .. }
        | Asked::Done { .. }
        | Asked::NoEffect
        | Asked::Ours
        | Asked::NotOurs
        | Asked::RefundUnexplained { .. } => return Err(DecisionRefused::NotOfVerdict("verdict")),
    };
    if dispute.is_settled_so(outcome) {
        if checkout.decisions.is_disputed_about(&Subject::Dispute(id.clone())) {
            return Ok(Allowed { persons: Persons::Two, outcome: DisputeVerdict::Affirmed });
        }
        return Err(DecisionRefused::NotUndecided);
    }
    let payment = checkout.payment.as_ref().ok_or(DecisionRefused::NoSuchDispute)?;
    check_settlement(payment, id, outcome).map_err(|refused| match refused {
        SettlementRefused::NoSuchDispute => DecisionRefused::NoSuchDispute,
        SettlementRefused::SettledBefore => DecisionRefused::NotUndecided,
        SettlementRefused::WrongAmount(captured) => DecisionRefused::AboveCaptured(captured),
    })?;
    Ok(if is_open {
        Allowed { persons: Persons::One, outcome: DisputeVerdict::Settled(outcome) }
    } else {
        Allowed { persons: Persons::Two, outcome: DisputeVerdict::SettledOtherwise(outcome) }
    })
}
