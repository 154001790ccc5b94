//! Capture Charge: the ladder of its checks, in order. The form of the body, and that the charge exists and
//! is the caller's, are checked earlier. The numbers are those of docs/compatibility.md.
//!
//! | # | check | refused as |
//! |---|---|---|
//! | 5 | the charge is Authorized | [`CaptureRefused::NotAuthorized`] |
//! | 6 | `captureAmount` is present | [`CaptureRefused::Missing`] |
//! | 7 | the currency is the charge's | [`CaptureRefused::CurrencyDiffers`] |
//! | 8 | more than zero | [`CaptureRefused::NothingToCapture`] |
//! | 9 | at most what Amazon charges in one payment | [`CaptureRefused::AboveMaximum`] |
//! | 10 | at most what is authorized, or [`capturable`] if the session allows more | [`CaptureRefused::ExceedsAuthorizedAmount`] |
//! | 11 | with all other captures at most [`surplus`] more than the permission's limit | [`CaptureRefused::ExceedsOvercharge`] |
//!
//! The order is this project's choice (docs/compatibility.md).

use alloc::string::String;

use super::charge::{Charge, ChargeState};
use super::charge_permission::ChargePermission;
use super::event::{Event, EventKind};
use super::ledger::LedgerImbalance;
use super::payment::Payment;
use super::profile::Profile;
use super::reason::ChargeDeclineReason;
use crate::amazon_limits::{CAPTURE_GUARANTEED, ceiling, surplus};
use crate::ids::ChargeId;
use crate::money::Money;
use crate::step::Step;
use crate::time::Timestamp;
use crate::words::words;

words! {
    /// The simulation codes of Capture Charge. The first is documented; the others are this project's.
    CaptureSimulation {
        /// The capture is asynchronous, and succeeds.
        CaptureInitiated,
        /// The same as `CaptureInitiated`.
        CapturePending,
        /// The capture is asynchronous, and is declined.
        CaptureDeclined,
    }
}

/// Why a capture is refused, by the numbers of docs/compatibility.md, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CaptureRefused {
    /// 5: the charge is not Authorized.
    NotAuthorized,
    /// 6: `captureAmount` is absent.
    Missing,
    /// 7: the currency is not the charge's.
    CurrencyDiffers,
    /// 8: the amount is zero.
    NothingToCapture,
    /// 9: more than Amazon charges in one payment.
    AboveMaximum,
    /// 10: more than is authorized, and more than the session's `allowOvercharge` allows.
    ExceedsAuthorizedAmount,
    /// 11: the session's `allowOvercharge` allows the excess once for the order, not for each of its charges.
    ExceedsOvercharge,
    /// Not a rule: the permission's accounts are broken.
    Unbalanced(LedgerImbalance),
}

/// The most that may be captured of a charge under its permission. The authorizations of an order are also
/// bounded together ([`CaptureRefused::ExceedsOvercharge`]).
#[must_use]
pub fn capturable(charge: &Charge, permission: &ChargePermission) -> Money {
    if permission.allow_overcharge { ceiling(charge.amount) } else { charge.amount }
}

/// The amount captured above authorizations, including captures that are under way: those are open, so they
/// are among the charges, and they have moved no money yet.
fn overcharged(payment: &Payment) -> Option<Money> {
    let pending = |charge: &Charge| {
        let ChargeState::CaptureInitiated { capturing, .. } = &charge.state else { return None };
        capturing.checked_sub(charge.amount)
    };
    let captured = payment.permission.balances.overcharge;
    payment.charges.iter().filter_map(pending).try_fold(captured, Money::checked_add)
}

/// Captures an Authorized charge, as of now, whole or in part; the rest is released. From seven days after
/// the authorization on, the capture is asynchronous (Amazon's rule).
///
/// # Errors
/// The first check that fails; then nothing is changed.
pub fn capture_charge(
    payment: &Payment,
    id: &ChargeId,
    amount: Option<Money>,
    soft_descriptor: Option<String>,
    simulation: Option<CaptureSimulation>,
    profile: Profile,
    now: Timestamp,
) -> Result<Step<Payment, Event>, CaptureRefused> {
    use CaptureRefused as Refused;
    let charge = payment.charge(id).ok_or(Refused::NotAuthorized)?;
    if charge.state != ChargeState::Authorized {
        return Err(Refused::NotAuthorized);
    }
    let amount = amount.ok_or(Refused::Missing)?;
    if amount.currency() != charge.amount.currency() {
        return Err(Refused::CurrencyDiffers);
    }
    if amount.is_zero() {
        return Err(Refused::NothingToCapture);
    }
    if amount.minor() > amount.currency().maximum().minor() {
        return Err(Refused::AboveMaximum);
    }
    if amount.minor() > capturable(charge, &payment.permission).minor() {
        return Err(Refused::ExceedsAuthorizedAmount);
    }
    if let Some(over) = amount.checked_sub(charge.amount).filter(|over| !over.is_zero()) {
        let all = overcharged(payment).and_then(|others| others.checked_add(over));
        if all.is_none_or(|all| all.minor() > surplus(payment.permission.limit).minor()) {
            return Err(Refused::ExceedsOvercharge);
        }
    }
    // No rule follows below this line.
    let is_late = now >= charge.authorized_at.plus(CAPTURE_GUARANTEED);
    let decline = match simulation {
        Some(CaptureSimulation::CaptureDeclined) => Some(ChargeDeclineReason::ProcessingFailure),
        Some(CaptureSimulation::CaptureInitiated | CaptureSimulation::CapturePending) | None => None,
    };
    let (state, what) = if is_late || simulation.is_some() {
        let decided_at = now.plus(profile.settled_after());
        let state = ChargeState::CaptureInitiated { capturing: amount, decline, decided_at };
        (state, EventKind::ChargeCaptureInitiated(id.clone(), amount))
    } else {
        (ChargeState::Captured { captured: amount }, EventKind::ChargeCaptured(id.clone(), amount))
    };
    let mut after = charge.moved(state, now);
    after.soft_descriptor = soft_descriptor.or(after.soft_descriptor);
    let mut next = payment.clone();
    let events = next.replace(after, Event::new(now, what)).map_err(Refused::Unbalanced)?;
    Ok(Step { next, events })
}
