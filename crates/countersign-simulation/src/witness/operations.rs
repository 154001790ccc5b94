//! What the merchant half's operations have really done at Amazon, for the persons who decide about them.

use super::{Facts, Witness, order_number};
use crate::documents::{Checkout, InFlight, Operation, OperationState, Request};
use crate::seller_central::TrueEffect;

impl Facts {
    /// Remembers the keys of a checkout's operations: a settled one does not show its own any more.
    pub(super) fn operations_wrote(&mut self, after: &Checkout) {
        for operation in after.payment.iter().flat_map(|payment| &payment.operations) {
            if let Some(send) = operation.state.send() {
                let of = (after.id.clone(), operation.number);
                self.operation_keys.entry(of).or_default().insert(send.idempotency_key.clone());
            }
        }
    }
}

impl Witness {
    /// Notes the object that a call of the merchant half's has made, or was answered with, under its key.
    pub(crate) fn made_under_key(&self, key: &str, id: &str) {
        self.facts().made_under_keys.insert(key.to_owned(), id.to_owned());
    }

    /// What an operation has done, if it has done anything so far.
    pub(crate) fn effect_of(&self, checkout: &Checkout, operation: &Operation) -> Option<TrueEffect> {
        let facts = self.facts();
        let payment = checkout.payment.as_ref()?;
        let truth = facts.ledger.truth(&payment.charge_permission_id);
        let made = || {
            let keys = facts.operation_keys.get(&(checkout.id.clone(), operation.number))?;
            keys.iter().find_map(|key| facts.made_under_keys.get(key)).cloned()
        };
        let charge = |id: &str| truth.charges.get(id).copied().unwrap_or_default();
        let is_done = match &operation.request {
            Request::CreateCharge {} => {
                return made().map(|id| TrueEffect { charge_id: Some(id), ..TrueEffect::default() });
            }
            Request::Refund { .. } => {
                return made().map(|id| TrueEffect { refund_id: Some(id), ..TrueEffect::default() });
            }
            Request::Capture { charge_id } => {
                charge(charge_id).is_capturing || charge(charge_id).captured.is_some()
            }
            Request::CancelCharge { charge_id } => charge(charge_id).is_canceled,
            Request::Close {} => truth.is_closed,
        };
        is_done.then(TrueEffect::default)
    }

    /// An order with an operation that is in doubt, and that operation's number.
    pub(crate) fn any_doubt(&self, draw: u64) -> Option<(usize, u32)> {
        let facts = self.facts();
        let mut doubts = Vec::new();
        for checkout in facts.checkouts.values() {
            let Some(order) = order_number(&checkout.order_id) else { continue };
            let operations = checkout.payment.iter().flat_map(|payment| &payment.operations);
            let is_in_doubt =
                |it: &&Operation| matches!(it.state, OperationState::InFlight(InFlight::InDoubt { .. }));
            doubts.extend(operations.filter(is_in_doubt).map(|operation| (order, operation.number)));
        }
        doubts.sort_unstable();
        let at = usize::try_from(draw.checked_rem(u64::try_from(doubts.len()).ok()?)?).ok()?;
        doubts.get(at).copied()
    }
}
