//! The merchant half's disputes.

use serde::Deserialize;

/// A dispute of a payment.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Dispute {
    pub(crate) id: String,
    pub(crate) charge_id: Option<String>,
    pub(crate) amount: Option<(u64, String)>,
    pub(crate) state: DisputeState,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) enum DisputeState {
    Open { remind_at: i64 },
    Won {},
    Lost {},
}

impl Dispute {
    pub(super) const fn due_at(&self) -> Option<i64> {
        match self.state {
            DisputeState::Open { remind_at } => Some(remind_at),
            DisputeState::Won {} | DisputeState::Lost {} => None,
        }
    }

    pub(crate) fn concerns(&self, charge: &str) -> bool {
        self.charge_id.as_ref().is_none_or(|id| id == charge)
    }
}

/// What disputes of a charge have lost: as long as no amount is known, all of it.
pub(super) fn lost(disputes: &[Dispute], charge: &str) -> u64 {
    let of_charge = |dispute: &&Dispute| dispute.state == DisputeState::Lost {} && dispute.concerns(charge);
    let lost = disputes.iter().filter(of_charge);
    lost.map(|dispute| dispute.amount.as_ref().map_or(u64::MAX, |amount| amount.0))
        .fold(0, u64::saturating_add)
}
