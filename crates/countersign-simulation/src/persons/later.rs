//! Persons who decide about what follows a success: operations that are in doubt, and how disputes ended.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::money::{Currency, Money as Price};
use serde_json::{Value, json};

use super::Persons;
use crate::documents::{Checkout, Dispute, Effect, Operation, OperationState};
use crate::executor::Group;
use crate::features::Feature;
use crate::seller_central::{DisputeEnd, TrueEffect};
use crate::shop::SECOND;

/// How often somebody looks at the operations that are in doubt, at most.
const LOOKS: usize = 300;
/// How many of these looks there are when nothing goes wrong any more.
const CALM_LOOKS: usize = 40;
/// The longest pause between two of these looks.
const PAUSE: Duration = Duration::from_secs(20 * 60);
/// How many decisions in a thousand are what Amazon's books show, where persons may decide wrongly.
const RIGHT: u32 = 500;

/// The name of an operation among what may have been decided wrongly.
fn operation_name(number: u32) -> String {
    format!("operation {number}")
}

/// The name of a dispute there.
fn dispute_name(id: &str) -> String {
    format!("dispute {id}")
}

/// What is decided about an operation that has had this effect.
fn verdict(effect: Option<&TrueEffect>) -> Value {
    match effect {
        Some(TrueEffect { charge_id, refund_id }) => {
            json!({ "verdict": "done", "chargeId": charge_id, "refundId": refund_id })
        }
        None => json!({ "verdict": "noEffect" }),
    }
}

/// Whether persons have decided something about an operation.
fn has_decision_about(checkout: &Checkout, operation: u32) -> bool {
    let mut made = checkout.decisions["made"].as_array().into_iter().flatten();
    made.any(|decision| decision["subject"]["Operation"] == operation)
}

/// Whether an operation is settled as what it has done.
fn is_right(operation: &Operation, effect: Option<&TrueEffect>) -> bool {
    match (&operation.state, effect) {
        (OperationState::Done(Effect::Charge(id)), Some(TrueEffect { charge_id: Some(made), .. })) => {
            id == made
        }
        (OperationState::Done(Effect::Refund(id)), Some(TrueEffect { refund_id: Some(made), .. })) => {
            id == made
        }
        (OperationState::Done(_), Some(_)) | (OperationState::Refused { .. }, None) => true,
        (OperationState::Done(_), None)
        | (OperationState::Refused { .. }, Some(_))
        | (OperationState::InFlight(_), _) => false,
    }
}

impl Persons {
    /// Lets persons decide about operations and disputes while things go wrong, and for a few hours more.
    pub(crate) fn decide_later_calls(self) {
        let world = Arc::clone(&self.world);
        world.executor.spawn(Group::World, async move {
            let mut calm_count = 0;
            for _ in 0..LOOKS {
                self.world.calendar.wait(self.random.time(SECOND, PAUSE)).await;
                calm_count += usize::from(self.world.weather.is_calm());
                if calm_count > CALM_LOOKS {
                    return;
                }
                if let Some((order, number)) = self.world.witness.any_doubt(self.random.next()) {
                    self.decide_some_operation(order, number).await;
                }
                let order = self.random.below(self.world.order_count);
                if self.world.has(Feature::Disputes) && self.world.has(Feature::WrongDecisions) {
                    self.settle_somehow(order).await;
                }
            }
        });
    }

    fn is_said_rightly(&self) -> bool {
        !self.world.has(Feature::WrongDecisions) || self.random.happens(RIGHT)
    }

    /// Says something about an operation that is in doubt. What is right may turn out to be wrong: a copy of the call
    /// may still be on its way.
    async fn decide_some_operation(&self, order: usize, number: u32) {
        let witness = &self.world.witness;
        let Some(checkout) = witness.checkout(order) else { return };
        let Some(payment) = checkout.payment.as_ref() else { return };
        let Some(operation) = payment.operation(number) else { return };
        let body = if self.is_said_rightly() {
            verdict(witness.effect_of(&checkout, operation).as_ref())
        } else if self.random.happens(500) {
            verdict(None)
        } else {
            let charges: Vec<_> = payment.charges.iter().map(|charge| charge.id.clone()).collect();
            let refunds: Vec<_> = payment.refunds().map(|refund| refund.id.clone()).collect();
            let any = |ids: &[String]| ids.get(self.random.below(ids.len())).cloned();
            let is_refund = operation.request.name() == "createRefund";
            let charge_id = if is_refund { None } else { any(&charges) };
            let refund_id = if is_refund { any(&refunds) } else { None };
            verdict(Some(&TrueEffect { charge_id, refund_id }))
        };
        let path = format!("/v1/checkouts/{}/operations/{number}/decision", checkout.id);
        self.say(order, operation_name(number), &path, body).await;
    }

    /// Says something that may be wrong.
    async fn say(&self, order: usize, name: String, path: &str, body: Value) {
        let witness = &self.world.witness;
        let is_new = !witness.was_decided_wrongly(order);
        witness.may_be_decided_wrongly(order, &name);
        if self.decide(path, body).await {
            witness.count(if name.starts_with("dispute") {
                Feature::Disputes.counted_as()
            } else {
                Feature::DecidedOperations.counted_as()
            });
        } else if is_new {
            witness.is_decided_rightly(order, &name);
        }
    }

    /// Decides by Amazon's books about the operations about which somebody has decided, and about those that are in
    /// doubt and need a person.
    pub(super) async fn look_after_operations(&self, order: usize, checkout: &Checkout, is_needed: bool) {
        let witness = &self.world.witness;
        for operation in checkout.payment.iter().flat_map(|payment| &payment.operations) {
            let is_in_doubt = operation.state.in_flight().is_some();
            let is_due = has_decision_about(checkout, operation.number) || (is_needed && is_in_doubt);
            if !is_due {
                continue;
            }
            let effect = witness.effect_of(checkout, operation);
            let name = operation_name(operation.number);
            let path = format!("/v1/checkouts/{}/operations/{}/decision", checkout.id, operation.number);
            let is_decided = self.decide(&path, verdict(effect.as_ref())).await;
            // What has had no effect may still have one, as long as copies are on their way.
            let is_over = self.world.calendar.until_next().is_none();
            if (is_decided || is_right(operation, effect.as_ref())) && (effect.is_some() || is_over) {
                witness.is_decided_rightly(order, &name);
            }
        }
    }

    /// Says how the disputes of an order ended, once Seller Central shows it.
    pub(super) async fn settle_disputes(&self, order: usize, checkout: &Checkout) {
        let witness = &self.world.witness;
        for dispute in checkout.payment.iter().flat_map(|payment| &payment.disputes) {
            let Some(end) = witness.dispute_end(&dispute.id) else { continue };
            let is_decided = self.decide(&dispute_path(checkout, dispute), said_of(&end)).await;
            if is_decided {
                witness.count(Feature::Disputes.counted_as());
            }
            if is_decided || end.is_kept(dispute) {
                witness.is_decided_rightly(order, &dispute_name(&dispute.id));
            }
        }
    }

    /// Says anything about how a dispute of an order ended.
    async fn settle_somehow(&self, order: usize) {
        let Some(checkout) = self.world.witness.checkout(order) else { return };
        let Some(payment) = checkout.payment.as_ref() else { return };
        let Some(dispute) = payment.disputes.get(self.random.below(payment.disputes.len())) else { return };
        let (minor, currency) = checkout.terms.charge_amount.clone();
        let end = match self.random.below(3) {
            0 => DisputeEnd::Won,
            1 => DisputeEnd::Lost(minor, currency),
            _ => DisputeEnd::Lost(1 + minor / 3, currency),
        };
        let path = dispute_path(&checkout, dispute);
        self.say(order, dispute_name(&dispute.id), &path, said_of(&end)).await;
    }
}

fn dispute_path(checkout: &Checkout, dispute: &Dispute) -> String {
    format!("/v1/checkouts/{}/disputes/{}/decision", checkout.id, dispute.id)
}

fn said_of(end: &DisputeEnd) -> Value {
    match end {
        DisputeEnd::Won => json!({ "verdict": "won" }),
        DisputeEnd::Lost(minor, currency) => {
            let amount = Currency::parse(currency).map(|it| Price::from_minor(*minor, it).amount());
            json!({ "verdict": "lost", "amount": { "amount": amount, "currencyCode": currency } })
        }
    }
}
