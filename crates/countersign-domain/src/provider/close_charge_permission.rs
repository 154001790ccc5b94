//! Close Charge Permission, by the merchant, the buyer or Amazon. It has one check: the permission is not
//! closed yet. That it exists and is the caller's is checked earlier.

use alloc::vec::Vec;

use super::charge_permission::ChargePermissionState;
use super::event::Event;
use super::ledger::LedgerImbalance;
use super::payment::Payment;
use super::reason::{ChargeCancelReason, ClosureReason};
use crate::step::Step;
use crate::time::Timestamp;
use crate::words::words;

words! {
    /// The simulation code of Close Charge Permission.
    CloseSimulation {
        /// It is closed as if Amazon did it.
        AmazonClosed,
    }
}

/// What happens to the charges of a permission that is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OpenCharges {
    /// They stay, and can be captured.
    #[default]
    Stay,
    /// Those that are AuthorizationInitiated or Authorized are canceled.
    AreCanceled,
}

/// Why a permission cannot be closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CloseRefused {
    /// It is closed already.
    PermissionClosed,
    /// Not a rule: its accounts are broken.
    Unbalanced(LedgerImbalance),
}

/// Closes a permission, as of now: for the merchant (Close Charge Permission), the buyer or Amazon.
///
/// # Errors
/// [`CloseRefused::PermissionClosed`] (422 `InvalidChargePermissionStatus`).
pub fn close_charge_permission(
    payment: &Payment,
    reason: ClosureReason,
    open_charges: OpenCharges,
    now: Timestamp,
) -> Result<Step<Payment, Event>, CloseRefused> {
    if let ChargePermissionState::Closed { .. } = payment.permission.state {
        return Err(CloseRefused::PermissionClosed);
    }
    // No rule follows below this line.
    let mut next = payment.clone();
    // This comes first, so that a released amount does not make it Chargeable in between.
    let mut events: Vec<Event> =
        next.permission.enter(ChargePermissionState::Closed { reason }, now).into_iter().collect();
    if open_charges == OpenCharges::AreCanceled {
        for charge in &payment.charges {
            let canceled = charge.canceled(ChargeCancelReason::ChargePermissionCanceled, now);
            if let Some((charge, event)) = canceled {
                events.extend(next.replace(charge, event).map_err(CloseRefused::Unbalanced)?);
            }
        }
    }
    Ok(Step { next, events })
}
