//! Cancel Charge, by the merchant, the buyer or Amazon. It has one check: the charge is
//! AuthorizationInitiated or Authorized.

use super::event::Event;
use super::ledger::LedgerImbalance;
use super::payment::Payment;
use super::reason::ChargeCancelReason;
use crate::ids::ChargeId;
use crate::step::Step;
use crate::time::Timestamp;

/// Why a charge cannot be canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CancelRefused {
    /// A capture has started, or the charge is over.
    NotCancelable,
    /// Not a rule: the permission's accounts are broken.
    Unbalanced(LedgerImbalance),
}

/// Cancels a charge that is AuthorizationInitiated or Authorized, as of now, and releases what it
/// holds.
///
/// # Errors
/// [`CancelRefused::NotCancelable`] (422 `InvalidChargeStatus`).
pub fn cancel_charge(
    payment: &Payment,
    id: &ChargeId,
    reason: ChargeCancelReason,
    now: Timestamp,
) -> Result<Step<Payment, Event>, CancelRefused> {
    let canceled = payment.charge(id).and_then(|charge| charge.canceled(reason, now));
    let (after, event) = canceled.ok_or(CancelRefused::NotCancelable)?;
    // No rule follows below this line.
    let mut next = payment.clone();
    let events = next.replace(after, event).map_err(CancelRefused::Unbalanced)?;
    Ok(Step { next, events })
}
