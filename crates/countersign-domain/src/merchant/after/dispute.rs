//! Records the disputes that Amazon notifies of, reminds of the open ones, and ends them as a person says.

use crate::ids::{ChargeId, DisputeId};
use crate::merchant::checkout::draft::{Draft, PaymentDraft};
use crate::merchant::event::PaymentEvent;
use crate::merchant::payment::Payment;
use crate::merchant::payment::charge::Charge;
use crate::merchant::payment::dispute::{Dispute, DisputeState};
use crate::merchant::rules::{MAX_DISPUTES, PENDING_ALARMS, REMINDED_AFTER};
use crate::money::Money;
use crate::time::Timestamp;

/// How a dispute ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisputeOutcome {
    /// The shop keeps the money.
    Won,
    /// The buyer has the money back: this amount, or what was disputed if it is `None`.
    Lost(Option<Money>),
}

/// What an earlier settlement of the same dispute means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettledBefore {
    /// It counts: only the same can be said again.
    Counts,
    /// Two persons say otherwise.
    IsSuperseded,
}

/// Why a dispute cannot be settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettlementRefused {
    /// The order has no such dispute.
    NoSuchDispute,
    /// It was settled before, differently.
    SettledBefore,
    /// The amount is zero, in another currency, or more than was captured; what was captured.
    WrongAmount(Money),
}

impl PaymentDraft<'_> {
    /// Records a dispute that is not known yet. Beyond [`MAX_DISPUTES`] none is recorded: the notification of
    /// it is kept, and the operator is notified.
    pub(in crate::merchant) fn open_dispute(&mut self, id: &DisputeId, charge_id: Option<&ChargeId>) {
        if self.payment.dispute(id).is_some() || self.payment.disputes.len() >= MAX_DISPUTES {
            return;
        }
        self.payment.disputes.push(Dispute {
            id: id.clone(),
            charge_id: charge_id.cloned(),
            amount: None,
            opened_at: self.now,
            state: DisputeState::Open { remind_at: next_reminder(self.now, self.now) },
        });
        self.emit(PaymentEvent::DisputeOpened(id.clone()));
    }

    /// Reminds the operator of an open dispute, if a reminder is due. Returns whether one was.
    pub(in crate::merchant) fn remind_of_dispute(&mut self) -> bool {
        let now = self.now;
        let mut due = self.payment.disputes.iter_mut();
        let Some(dispute) = due.find(|dispute| dispute.due_at().is_some_and(|at| at <= now)) else {
            return false;
        };
        dispute.state = DisputeState::Open { remind_at: next_reminder(dispute.opened_at, now) };
        let (id, lasting) = (dispute.id.clone(), now.since(dispute.opened_at));
        self.emit(PaymentEvent::DisputeStillOpen { id, lasting });
        true
    }
}

impl Dispute {
    /// Whether it is settled like this.
    #[must_use]
    pub fn is_settled_so(&self, outcome: DisputeOutcome) -> bool {
        match (self.state, outcome) {
            (DisputeState::Won { .. }, DisputeOutcome::Won) => true,
            (DisputeState::Lost { .. }, DisputeOutcome::Lost(amount)) => {
                amount.is_none_or(|_| amount == self.amount)
            }
            (DisputeState::Won { .. }, DisputeOutcome::Lost(_))
            | (DisputeState::Lost { .. }, DisputeOutcome::Won)
            | (DisputeState::Open { .. }, DisputeOutcome::Won | DisputeOutcome::Lost(_)) => false,
        }
    }
}

/// Checks how a dispute may have ended, whether it was settled before or not.
///
/// # Errors
/// The first broken rule.
pub fn check_settlement(
    payment: &Payment,
    id: &DisputeId,
    outcome: DisputeOutcome,
) -> Result<(), SettlementRefused> {
    let dispute = payment.dispute(id).ok_or(SettlementRefused::NoSuchDispute)?;
    if let DisputeOutcome::Lost(Some(amount)) = outcome {
        let captured = payment.charges.iter().filter(|charge| dispute.concerns(&charge.id));
        let captured = Money::sum(payment.limit.currency(), captured.map(Charge::captured));
        let is_possible = amount.currency() == captured.currency() && !amount.is_zero();
        if !is_possible || amount.minor() > captured.minor() {
            return Err(SettlementRefused::WrongAmount(captured));
        }
    }
    Ok(())
}

/// Records how a dispute ended, as a person says. Saying the same again changes nothing; two persons may say
/// otherwise than one has said before, which was judged by the caller.
///
/// What has waited for it is taken up again: a refund, and the order's cancellation.
///
/// # Errors
/// The first broken rule; then nothing is changed.
pub fn settle_dispute(
    draft: &mut Draft,
    id: &DisputeId,
    outcome: DisputeOutcome,
    before: SettledBefore,
) -> Result<(), SettlementRefused> {
    let Some(draft) = &mut draft.payment() else { return Err(SettlementRefused::NoSuchDispute) };
    let now = draft.now;
    let dispute = draft.payment.dispute(id).ok_or(SettlementRefused::NoSuchDispute)?;
    if dispute.is_settled_so(outcome) {
        return Ok(());
    }
    match (dispute.state, before) {
        (DisputeState::Open { .. }, _) | (_, SettledBefore::IsSuperseded) => {}
        (DisputeState::Won { .. } | DisputeState::Lost { .. }, SettledBefore::Counts) => {
            return Err(SettlementRefused::SettledBefore);
        }
    }
    check_settlement(draft.payment, id, outcome)?;
    // Nothing below this line may fail.
    let (state, event) = match outcome {
        DisputeOutcome::Won => (DisputeState::Won { at: now }, PaymentEvent::DisputeWon(id.clone())),
        DisputeOutcome::Lost(_) => (DisputeState::Lost { at: now }, PaymentEvent::DisputeLost(id.clone())),
    };
    if let Some(dispute) = draft.payment.disputes.iter_mut().find(|dispute| dispute.id == *id) {
        dispute.state = state;
        if let DisputeOutcome::Lost(Some(amount)) = outcome {
            dispute.amount = Some(amount);
        }
    }
    draft.emit(event);
    draft.wake_held();
    Ok(())
}

/// The next reminder of a dispute that was opened at an instant.
fn next_reminder(opened_at: Timestamp, now: Timestamp) -> Timestamp {
    let lasting = now.since(opened_at);
    let first = PENDING_ALARMS.iter().find(|alarm| lasting < **alarm);
    match first {
        Some(alarm) => opened_at.plus(*alarm),
        None => now.plus(REMINDED_AFTER),
    }
}
