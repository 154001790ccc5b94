//! Create Refund: the ladder of its checks, in order. The form of the body, and that the charge exists and is
//! the caller's, are checked earlier.
//!
//! | # | check | refused as |
//! |---|---|---|
//! | 5 | the charge is Captured | [`CreateRefundRefused::NotCaptured`] |
//! | 6 | `refundAmount` is present | [`CreateRefundRefused::Missing`] |
//! | 7 | its currency is the charge's | [`CreateRefundRefused::CurrencyDiffers`] |
//! | 8 | it is more than zero | [`CreateRefundRefused::NothingToRefund`] |
//! | 9 | it is at most what Amazon refunds in one call | [`CreateRefundRefused::AboveMaximum`] |
//! | 10 | the charge has had fewer than [`MAX_REFUNDS`] | [`CreateRefundRefused::TooManyRefunds`] |
//! | 11 | together with all other refunds it does not exceed the ceiling | [`CreateRefundRefused::ExceedsCeiling`] |
//!
//! The order is this project's choice (docs/compatibility.md).

use alloc::string::String;
use alloc::vec::Vec;

use super::charge::ChargeState;
use super::event::{Event, EventKind};
use super::ledger::LedgerImbalance;
use super::payment::Payment;
use super::profile::Profile;
use super::reason::RefundDeclineReason;
use super::refund::{Refund, RefundState};
use crate::amazon_limits::{MAX_REFUNDS, ceiling};
use crate::ids::{ChargeId, RefundId};
use crate::money::Money;
use crate::step::Step;
use crate::time::Timestamp;
use crate::words::words;

words! {
    /// The simulation codes of Create Refund. Amazon's own are not known; this one is this project's.
    RefundSimulation {
        /// It is accepted, and declined later.
        RefundDeclined,
    }
}

/// What the merchant requests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreateRefund {
    /// Required.
    pub refund_amount: Option<Money>,
    /// At most 16 characters.
    pub soft_descriptor: Option<String>,
}

/// Why a refund is refused, by the numbers of docs/compatibility.md, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CreateRefundRefused {
    /// 5: the charge is not Captured.
    NotCaptured,
    /// 6: `refundAmount` is absent.
    Missing,
    /// 7: its currency is not the charge's.
    CurrencyDiffers,
    /// 8: it is zero.
    NothingToRefund,
    /// 9: more than Amazon refunds in one call.
    AboveMaximum,
    /// 10: the charge has had [`MAX_REFUNDS`].
    TooManyRefunds,
    /// 11: together with all other refunds it exceeds [`ceiling`].
    ExceedsCeiling,
    /// Not a rule: the permission's accounts are broken.
    Unbalanced(LedgerImbalance),
}

/// Refunds a charge of the payment, as of now.
///
/// # Errors
/// The first check that fails; then nothing is changed.
pub fn create_refund(
    payment: &Payment,
    charge_id: &ChargeId,
    request: CreateRefund,
    simulation: Option<RefundSimulation>,
    id: RefundId,
    profile: Profile,
    now: Timestamp,
) -> Result<Step<Payment, Event>, CreateRefundRefused> {
    use CreateRefundRefused as Refused;
    let charge = payment.charge(charge_id).ok_or(Refused::NotCaptured)?;
    let ChargeState::Captured { captured } = charge.state else { return Err(Refused::NotCaptured) };
    let amount = request.refund_amount.ok_or(Refused::Missing)?;
    if amount.currency() != captured.currency() {
        return Err(Refused::CurrencyDiffers);
    }
    if amount.is_zero() {
        return Err(Refused::NothingToRefund);
    }
    if amount.minor() > amount.currency().maximum().minor() {
        return Err(Refused::AboveMaximum);
    }
    let counted: Vec<&Refund> = charge.refunds.iter().filter(|refund| refund.counts()).collect();
    if counted.len() >= MAX_REFUNDS {
        return Err(Refused::TooManyRefunds);
    }
    let sum = counted.iter().try_fold(amount, |sum, refund| sum.checked_add(refund.amount));
    if sum.is_none_or(|sum| sum.minor() > ceiling(captured).minor()) {
        return Err(Refused::ExceedsCeiling);
    }
    // No rule follows below this line.
    let decline = simulation.map(|RefundSimulation::RefundDeclined| RefundDeclineReason::AmazonRejected);
    let state = RefundState::RefundInitiated { decline, decided_at: now.plus(profile.settled_after()) };
    let mut after = charge.clone();
    let what = EventKind::RefundInitiated(id.clone(), amount);
    after.refunds.push(Refund {
        id,
        amount,
        soft_descriptor: request.soft_descriptor,
        created_at: now,
        updated_at: now,
        state,
    });
    let mut next = payment.clone();
    let events = next.replace(after, Event::new(now, what)).map_err(Refused::Unbalanced)?;
    Ok(Step { next, events })
}
