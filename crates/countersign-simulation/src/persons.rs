//! Persons who decide what no machine can. From 48 hours after Amazon's last deadline on they look after every order
//! that needs a person, daily, and decide by what Amazon's books show. In some worlds others have decided before
//! them, at random.

mod later;

use std::sync::Arc;
use std::time::Duration;

use countersign_client::Client;
use countersign_domain::ids::{ChargeId, ChargePermissionId, IdempotencyKey};
use countersign_domain::money::{Currency, Money as Price};
use countersign_http::Response;
use countersign_protocol::wire::{CancelCharge, CloseChargePermission, CreateRefund};
use http::Method;
use serde_json::{Value, json};

use crate::documents::{Attempt, AttemptState, Checkout, HeardState, Ids, Name, Operation, OperationState};
use crate::elsewhere::request;
use crate::entropy::Random;
use crate::executor::Group;
use crate::features::Feature;
use crate::ledger::Money;
use crate::process::{GivingUp, ServeOutcome};
use crate::requests::{OPERATOR_TOKENS, operator_request, read, shop_request};
use crate::world::World;

/// The parts of the seed: of those who decide about attempts, and of those who decide about later calls.
const PART: u64 = 997;
const LATER_PART: u64 = 995;

/// The persons.
pub(crate) struct Persons {
    world: Arc<World>,
    /// Seller Central, where money can be returned.
    seller_central: Client,
    random: Random,
}

impl Persons {
    pub(crate) fn new(world: &Arc<World>) -> Self {
        Self::of_part(world, PART)
    }

    /// Persons with draws of their own.
    pub(crate) fn who_decide_later_calls(world: &Arc<World>) -> Self {
        Self::of_part(world, LATER_PART)
    }

    fn of_part(world: &Arc<World>, part: u64) -> Self {
        let random = Random::stream(world.seed, part);
        Self { world: Arc::clone(world), seller_central: world.client_elsewhere(&random), random }
    }

    /// Lets persons decide at random while the orders arrive.
    pub(crate) fn decide_at_random(self, within: Duration) {
        let world = Arc::clone(&self.world);
        world.executor.spawn(Group::World, async move {
            let count = self.world.order_count;
            for _ in 0..count * 2 {
                self.world.executor.sleep(self.random.time(Duration::ZERO, within / 12)).await;
                self.decide_somehow(self.random.below(count)).await;
            }
        });
    }

    /// Decides whatever needs a person.
    pub(crate) async fn look_after_everything(&self) {
        for order in 0..self.world.order_count {
            let is_wrong = self.world.witness.was_decided_wrongly(order);
            let needs = self.needs(order).await;
            if needs.is_empty() && !is_wrong {
                continue;
            }
            if self.world.has(Feature::WrongDecisions) && self.random.happens(300) {
                self.decide_somehow(order).await;
            }
            self.look_after(order, &needs).await;
        }
    }

    /// What only a person can help with.
    async fn needs(&self, order: usize) -> Vec<String> {
        let Some(checkout) = self.world.witness.checkout(order) else { return Vec::new() };
        let path = format!("/v1/checkouts/{}", checkout.id);
        let said = self.ask(shop_request(Method::GET, &path, &Value::Null)).await;
        let needs = said.and_then(|(_, said)| said["needsPerson"].as_array().cloned()).unwrap_or_default();
        needs.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    async fn look_after(&self, order: usize, needs: &[String]) {
        let Some(checkout) = self.world.witness.checkout(order) else { return };
        let needs = |need: &str| needs.iter().any(|it| it == need);
        // One person disputes what was decided.
        let is_disputed = (needs("unresolved") || needs("unexplained")) && checkout.has_decisions();
        let is_wrong = self.world.witness.was_decided_wrongly(order);
        for attempt in &checkout.attempts {
            if is_wrong || is_disputed || checkout.is_undecided(attempt) {
                self.decide_attempt(order, &checkout, attempt).await;
            }
        }
        for known in &checkout.unexplained {
            if let HeardState::Open { .. } = known.state {
                self.explain(order, &checkout, &known.charge_permission_id).await;
            }
        }
        if is_wrong || is_disputed || needs("operationInDoubt") {
            self.look_after_operations(order, &checkout, needs("operationInDoubt")).await;
        }
        if is_wrong || is_disputed || needs("disputed") {
            self.settle_disputes(order, &checkout).await;
        }
        if needs("cancellationStuck") {
            let operations = checkout.payment.iter().flat_map(|payment| &payment.operations);
            let is_refused_undo = |it: &&Operation| {
                matches!((&it.name, &it.state), (Name::Own(_), OperationState::Refused { .. }))
            };
            if let Some(operation) = operations.rev().find(is_refused_undo) {
                let path = format!("/v1/checkouts/{}/operations/{}/decision", checkout.id, operation.number);
                self.decide(&path, json!({ "verdict": "noEffect" })).await;
            }
        }
        if needs("snapshotMissed") {
            let path = format!("/v1/checkouts/{}/snapshot", checkout.id);
            self.ask(shop_request(Method::DELETE, &path, &Value::Null)).await;
        }
    }

    /// Decides by what Amazon's books show.
    async fn decide_attempt(&self, order: usize, checkout: &Checkout, attempt: &Attempt) {
        let books = self.world.witness.books(&attempt.checkout_session_id);
        let path = format!("/v1/checkouts/{}/attempts/{}/decision", checkout.id, attempt.number);
        let is_kept = matches!(books.money, Money::Paid | Money::Pending) && !books.is_theirs;
        if is_kept && checkout.cancellation.is_some() {
            // The money is returned by canceling the order.
            return self.world.witness.is_decided_rightly(order, &attempt.checkout_session_id);
        }
        if !is_kept {
            if self.decide(&path, json!({ "verdict": "notPaid" })).await {
                self.world.witness.is_decided_rightly(order, &attempt.checkout_session_id);
            } else if let AttemptState::Unresolved { .. } | AttemptState::NotPaid { .. } = attempt.state
                && books.is_theirs
                && let Some(ids) = books.ids
            {
                // Nobody says so while Amazon shows its money: the others return it first.
                self.give_back(&ids).await;
            }
            return;
        }
        let Some((permission, charge)) = books.ids else { return };
        let paid = json!({ "verdict": "paid", "chargePermissionId": permission, "chargeId": charge });
        if self.decide(&path, paid).await {
            return self.world.witness.is_decided_rightly(order, &attempt.checkout_session_id);
        }
        // The order has another payment, or other terms by now.
        if let AttemptState::Unresolved { .. } = attempt.state {
            self.give_back(&(permission, charge)).await;
        }
    }

    /// Says whose payment a permission is that names the order.
    async fn explain(&self, order: usize, checkout: &Checkout, permission: &str) {
        let session = self.world.witness.session_of(permission);
        let books = session.as_deref().map(|session| self.world.witness.books(session));
        let is_theirs = books.as_ref().is_none_or(|books| books.is_theirs)
            || session.as_deref().is_some_and(|session| !self.world.witness.is_session_of(session, order));
        let path = format!("/v1/checkouts/{}/unexplained/{permission}/decision", checkout.id);
        let verdict = if is_theirs { "notOurs" } else { "ours" };
        if !self.decide(&path, json!({ "verdict": verdict })).await && !is_theirs {
            let Some(ids) = books.and_then(|books| books.ids) else { return };
            self.give_back(&ids).await;
        }
    }

    /// Returns in Seller Central what a charge holds or has taken. A permission under which nothing is charged is
    /// closed.
    async fn give_back(&self, (permission, charge): &Ids) {
        let Some(charge) = charge else {
            let Ok(id) = ChargePermissionId::parse(permission) else { return };
            self.world.witness.closes_as_person(permission);
            let close: CloseChargePermission = request(&json!({ "closureReason": "not wanted" }));
            let did = self.seller_central.close_charge_permission(&id, &close).await.is_ok();
            return self.world.witness.count(if did {
                "closed by a person"
            } else {
                "not closed by a person"
            });
        };
        let Ok(charge_id) = ChargeId::parse(charge) else { return };
        let kept = self.world.witness.kept(charge_id.as_str());
        let key = IdempotencyKey::parse(&format!("central-{:016x}", self.random.next()));
        let did = match (kept, key) {
            (Some((minor, currency)), Ok(key)) => {
                let Some(currency) = Currency::parse(&currency) else { return };
                let amount = Price::from_minor(minor, currency).amount();
                let refund: CreateRefund = request(&json!({ "chargeId": charge_id.as_str(),
                    "refundAmount": { "amount": amount, "currencyCode": currency.as_str() } }));
                self.seller_central.create_refund(&refund, &key).await.is_ok()
            }
            (None, _) => {
                let cancel: CancelCharge = request(&json!({ "cancellationReason": "not wanted" }));
                self.seller_central.cancel_charge(&charge_id, &cancel).await.is_ok()
            }
            (Some(_), Err(_)) => false,
        };
        self.world.witness.count(if did { "returned by a person" } else { "not returned by a person" });
    }

    /// Says anything about an attempt of the order, or about a permission that names it.
    async fn decide_somehow(&self, order: usize) {
        let (witness, random) = (&self.world.witness, &self.random);
        let Some(checkout) = witness.checkout(order) else { return };
        if checkout.attempts.is_empty() {
            return;
        }
        let attempt = &checkout.attempts[random.below(checkout.attempts.len())];
        let books = witness.books(&attempt.checkout_session_id);
        let ids = if random.happens(800) { books.ids } else { witness.any_payment(random.next()) };
        let (permission, charge) =
            ids.map_or((None, None), |(permission, charge)| (Some(permission), charge));
        let (minor, currency) = checkout.terms.charge_amount.clone();
        let minor = if random.happens(700) { minor } else { minor + 1 };
        let amount = Currency::parse(&currency).map(|it| Price::from_minor(minor, it).amount());
        let amount = json!({ "amount": amount, "currencyCode": currency });
        let open = checkout.unexplained.iter().find(|it| matches!(it.state, HeardState::Open { .. }));
        let of = |what: String| format!("/v1/checkouts/{}/{what}/decision", checkout.id);
        let (path, body) = match (random.below(5), open) {
            (3, Some(open)) => {
                let verdict = random.one_of(&["ours", "notOurs"]);
                (of(format!("unexplained/{}", open.charge_permission_id)), json!({ "verdict": verdict }))
            }
            (4, Some(open)) => {
                let body = json!({ "verdict": "refund", "amount": amount });
                (of(format!("unexplained/{}", open.charge_permission_id)), body)
            }
            (0, _) => (of(format!("attempts/{}", attempt.number)), json!({ "verdict": "notPaid" })),
            (1, _) => {
                let body = json!({ "verdict": "refund", "chargePermissionId": permission, "chargeId": charge,
                    "amount": amount });
                (of(format!("attempts/{}", attempt.number)), body)
            }
            (_, _) => {
                let body = json!({ "verdict": "paid", "chargePermissionId": permission, "chargeId": charge });
                (of(format!("attempts/{}", attempt.number)), body)
            }
        };
        witness.count("decided at random");
        // Whatever is decided may be wrong from the first person's word on.
        let is_new = !witness.was_decided_wrongly(order);
        witness.may_be_decided_wrongly(order, &attempt.checkout_session_id);
        if !self.decide(&path, body).await && is_new {
            witness.is_decided_rightly(order, &attempt.checkout_session_id);
        }
    }

    /// Lets one person decide, and the other one confirm where that is needed. Returns whether it is decided.
    async fn decide(&self, path: &str, mut body: Value) -> bool {
        let verdict = body["verdict"].as_str().unwrap_or_default().to_owned();
        body["evidence"] = json!("Seller Central shows it");
        if let Some(members) = body.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        for token in OPERATOR_TOKENS {
            body["reference"] = json!(format!("case-{:016x}", self.random.next()));
            let answer = self.ask(operator_request(token, Method::POST, path, &body)).await;
            let Some((status, said)) = answer else { return false };
            let code = said["error"]["code"].as_str().unwrap_or_default();
            let text = format!("decided {verdict}: {status} {code}");
            self.world.witness.count(text.trim_end());
            let field = said["error"]["field"].as_str().unwrap_or_default();
            self.world.witness.note(None, format!("{} {field} at {path}", text.trim_end()));
            match status {
                200 => return true,
                202 => {}
                _ => return false,
            }
        }
        false
    }

    async fn ask(&self, request: countersign_http::Request) -> Option<(u16, Value)> {
        match self.world.merchant.serve(request, GivingUp::LeavesItRunning, |_: &Response| ()).await {
            ServeOutcome::Answer(answer) => {
                Some((answer.status().as_u16(), read(&answer).unwrap_or_default()))
            }
            ServeOutcome::Reset | ServeOutcome::Refused => None,
        }
    }
}
