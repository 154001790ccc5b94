//! The Refund: money given back of a Captured charge. Always asynchronous.
//!
//! ```text
//! RefundInitiated ──decided──▶ Refunded
//!                 └──────────▶ Declined
//! ```
//!
//! The checks of Create Refund, in their order; the form of the body and that the charge exists and is
//! the caller's come before:
//!
//! | # | check | refused as |
//! |---|---|---|
//! | 1 | the charge is Captured | [`CreateRefundRefused::NotCaptured`] |
//! | 2 | `refundAmount` is present | [`CreateRefundRefused::Missing`] |
//! | 3 | its currency is the charge's | [`CreateRefundRefused::CurrencyDiffers`] |
//! | 4 | it is more than nothing | [`CreateRefundRefused::NothingToRefund`] |
//! | 5 | it is at most what Amazon refunds at once | [`CreateRefundRefused::AboveMaximum`] |
//! | 6 | the charge has had fewer than [`MAX_REFUNDS`] | [`CreateRefundRefused::TooManyRefunds`] |
//! | 7 | with all others it keeps within the ceiling | [`CreateRefundRefused::ExceedsCeiling`] |
//!
//! The order is this project's choice (docs/compatibility.md).

use alloc::string::String;
use alloc::vec::Vec;

use super::charge::ChargeState;
use super::event::{Event, Happened};
use super::ledger::Unbalanced;
use super::payment::Payment;
use super::profile::Profile;
use crate::amazon_limits::{MAX_REFUNDS, ceiling};
use crate::ids::{ChargeId, RefundId};
use crate::money::Money;
use crate::step::Step;
use crate::terms::words;
use crate::time::Timestamp;

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// How much.
    pub amount: Money,
    /// The text on the buyer's statement.
    pub soft_descriptor: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// How far it is.
    pub state: RefundState,
}

/// How far a refund is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefundState {
    /// It is under way.
    RefundInitiated {
        /// What will become of it: `None` when the buyer gets the money.
        decline: Option<RefundDeclineReason>,
        /// When.
        decided_at: Timestamp,
    },
    /// The buyer has the money.
    Refunded,
    /// The buyer has not.
    Declined {
        /// Why.
        reason: RefundDeclineReason,
    },
}

words! {
    /// Why a refund is Declined.
    RefundDeclineReason {
        /// Amazon declined it: refund by other means.
        AmazonRejected,
        /// An internal error, or the buyer was refunded by a claim already.
        ProcessingFailure,
    }
}

words! {
    /// The simulation codes of Create Refund. Its documented ones are not known; this one is ours.
    RefundSimulation {
        /// It is accepted, and declined later.
        RefundDeclined,
    }
}

/// What the merchant asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CreateRefund {
    /// Required.
    pub refund_amount: Option<Money>,
    /// At most 16 characters.
    pub soft_descriptor: Option<String>,
}

/// Why nothing is refunded. One a check, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CreateRefundRefused {
    /// 1: the charge is not Captured.
    NotCaptured,
    /// 2: `refundAmount` is absent.
    Missing,
    /// 3: its currency is not the charge's.
    CurrencyDiffers,
    /// 4: it is nothing.
    NothingToRefund,
    /// 5: more than Amazon refunds at once.
    AboveMaximum,
    /// 6: the charge has had [`MAX_REFUNDS`].
    TooManyRefunds,
    /// 7: with all others it exceeds [`ceiling`].
    ExceedsCeiling,
    /// No rule: the permission's accounts are broken.
    Unbalanced(Unbalanced),
}

impl From<Unbalanced> for CreateRefundRefused {
    fn from(unbalanced: Unbalanced) -> Self {
        Self::Unbalanced(unbalanced)
    }
}

impl Refund {
    /// When it is decided, if it is not.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            RefundState::RefundInitiated { decided_at, .. } => Some(decided_at),
            RefundState::Refunded | RefundState::Declined { .. } => None,
        }
    }

    /// Decides it as of the instant at which that is due; `None` when it is decided.
    #[must_use]
    pub fn decide(&self) -> Option<Step<Self, Event>> {
        let RefundState::RefundInitiated { decline, decided_at } = self.state else { return None };
        let (state, what) = match decline {
            None => (RefundState::Refunded, Happened::Refunded(self.id.clone())),
            Some(reason) => {
                (RefundState::Declined { reason }, Happened::RefundDeclined(self.id.clone(), reason))
            }
        };
        let next = Self { state, updated_at: decided_at, ..self.clone() };
        Some(Step::one(next, Event::new(decided_at, what)))
    }

    /// Whether it counts: neither in the ceiling nor in the number once it is declined.
    #[must_use]
    pub const fn counts(&self) -> bool {
        match self.state {
            RefundState::RefundInitiated { .. } | RefundState::Refunded => true,
            RefundState::Declined { .. } => false,
        }
    }
}

/// Refunds a charge, as of now. It stands among the payment's charges.
///
/// # Errors
/// The first check that fails; nothing is changed by it.
pub fn create(
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
    // No rule is left below this line.
    let decline = simulation.map(|RefundSimulation::RefundDeclined| RefundDeclineReason::AmazonRejected);
    let state = RefundState::RefundInitiated { decline, decided_at: now.plus(profile.settled_after()) };
    let mut after = charge.clone();
    let what = Happened::RefundInitiated(id.clone(), amount);
    after.refunds.push(Refund {
        id,
        amount,
        soft_descriptor: request.soft_descriptor,
        created_at: now,
        updated_at: now,
        state,
    });
    let mut next = payment.clone();
    let events = next.replace(after, Event::new(now, what))?;
    Ok(Step { next, events })
}
