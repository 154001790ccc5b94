//! Another integration on the merchant's account, such as an ERP or a second shop. It has the same key and rules of
//! its own: it sells, finalizes, ships, captures, charges, cancels, refunds and closes, and rewrites references. Its
//! buyers write any order's id into their buttons. Its network is good: what it asks for happens.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_client::Client;
use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, IdempotencyKey};
use countersign_domain::provider::finalize::FinalizeReplay;
use countersign_protocol::wire::{
    CancelCharge, CaptureCharge, CloseChargePermission, CreateCharge, CreateRefund, FinalizeCheckoutSession,
    Object, Spellings, UpdateChargePermission, read_request,
};
use http::{Method, Response};
use serde_json::{Value, json};

use crate::checkouts::Audience;
use crate::documents::Checkout;
use crate::entropy::Random;
use crate::executor::Group;
use crate::features::Feature;
use crate::ledger::Money;
use crate::process::{GivingUp, ServeOutcome};
use crate::requests::{at_amazon, read, shop_request};
use crate::shop::{MINUTE, SECOND};
use crate::world::World;

/// The time during which it sells.
const OPEN: Duration = Duration::from_secs(20 * 60);

/// The other integration.
struct Elsewhere {
    world: Arc<World>,
    client: Client,
    random: Random,
}

/// What it has sold.
struct Sale {
    charge_permission_id: ChargePermissionId,
    charge_id: Option<ChargeId>,
    amount: Value,
}

/// Begins its sales, one for every two orders of the shop, or for each if its buyers name them.
pub(crate) fn begin(world: &Arc<World>, client: &Client, random: &Random) {
    let every = if world.has(Feature::NamedOrders) { 1 } else { 2 };
    for number in 0..world.order_count.div_ceil(every) {
        let elsewhere = Elsewhere {
            world: Arc::clone(world),
            client: client.clone(),
            random: Random::stream(world.seed, 2_000_000 + u64::try_from(number).unwrap_or(0)),
        };
        let begins = random.time(SECOND, OPEN);
        world.executor.spawn(Group::World, async move {
            elsewhere.world.executor.sleep(begins).await;
            elsewhere.sell(number).await;
        });
    }
}

/// The request's members as the client reads them.
pub(crate) fn request<T: Object>(members: &Value) -> T {
    read_request(members.to_string().as_bytes(), Spellings::Every)
        .unwrap_or_else(|refused| unreachable!("{members} is a request: {refused:?}"))
}

impl Elsewhere {
    async fn pause(&self, to: Duration) {
        self.world.executor.sleep(self.random.time(Duration::ZERO, to)).await;
    }

    fn key(&self) -> IdempotencyKey {
        let text = format!("elsewhere-{:016x}", self.random.next());
        IdempotencyKey::parse(&text).unwrap_or_else(|refused| unreachable!("{text}: {refused}"))
    }

    async fn sell(&self, number: usize) {
        let Some((session, terms, victim)) = self.begin_session(number).await else { return };
        self.pause(MINUTE).await;
        // If Amazon answers each Finalize of a completed session with its ids, nobody can know whose payment it is.
        let tells = self.world.reading.flags.finalize_replay == FinalizeReplay::Refuse;
        let is_handed_over = self.world.has(Feature::ForeignSessions) && tells && self.random.happens(700);
        let coming_back = async {
            if is_handed_over && let Some(order) = victim {
                self.pause(20 * SECOND).await;
                self.come_back_to_the_shop(order, &session).await;
            }
        };
        let (sale, ()) = futures_util::future::join(self.finalize(&session, &terms), coming_back).await;
        let Some(sale) = sale else { return };
        self.world.witness.count("sold elsewhere");
        // Its gate: the money is held or taken.
        if self.world.witness.books(session.as_str()).money == Money::Paid {
            self.world.witness.ships_elsewhere(session.as_str());
        }
        if self.world.has(Feature::NamedOrders) {
            return self.follow(&sale).await;
        }
        for _ in 0..self.random.below(6) {
            self.pause(20 * MINUTE).await;
            self.act(&sale).await;
        }
    }

    /// The buyer's session: often with the id of one of the shop's checkouts, and with that order's terms.
    async fn begin_session(&self, number: usize) -> Option<(CheckoutSessionId, Value, Option<usize>)> {
        let random = &self.random;
        let order = random.below(self.world.order_count);
        let victim = if self.world.has(Feature::NamedOrders) {
            self.registered_order(order).await
        } else {
            self.world.witness.checkout(order)
        };
        let intent = random.one_of(&["Authorize", "AuthorizeWithCapture", "Confirm"]);
        let mut terms = json!({ "paymentIntent": intent,
            "chargeAmount": { "amount": "14.00", "currencyCode": "USD" } });
        let names_ours = self.world.has(Feature::NamedOrders);
        if let Some(victim) = victim.as_ref().filter(|_| names_ours || random.happens(700)) {
            let (minor, currency) = &victim.terms.charge_amount;
            let currency = countersign_domain::money::Currency::parse(currency)?;
            let money = countersign_domain::money::Money::from_minor(*minor, currency);
            terms = json!({ "paymentIntent": victim.terms.payment_intent,
                "chargeAmount": { "amount": money.amount(), "currencyCode": currency.as_str() } });
        }
        let reference = match (random.below(10), &victim) {
            (_, Some(victim)) if names_ours => Some(victim.id.clone()),
            (0..7, Some(victim)) => Some(victim.id.clone()),
            (7..9, _) | (_, None) => Some(format!("elsewhere-{number}")),
            _ => None,
        };
        let body = json!({ "productType": random.one_of(&["PayAndShip", "PayOnly"]), "paymentDetails": terms,
            "merchantMetadata": { "merchantReferenceId": reference }, "placed": true,
            "card": random.one_of(&["1111", "1111", "1111", "3434"]) });
        let witness = Arc::clone(&self.world.witness);
        let began = move |answer: &Response<Bytes>| {
            if let Some(session) = read(answer).filter(|_| answer.status().is_success())
                && let Some(id) = session["checkoutSessionId"].as_str()
            {
                witness.session_began_elsewhere(id);
            }
        };
        let request = at_amazon("/_sandbox/checkout-sessions", &body);
        match self.world.amazon.serve(request, GivingUp::LeavesItRunning, began).await {
            ServeOutcome::Answer(answer) if answer.status().is_success() => {
                let session = read(&answer)?;
                let id = CheckoutSessionId::parse(session["checkoutSessionId"].as_str()?).ok()?;
                terms["address"] = session["shippingAddress"].clone();
                Some((id, terms, victim.map(|_| order)))
            }
            ServeOutcome::Answer(_) | ServeOutcome::Reset | ServeOutcome::Refused => None,
        }
    }

    /// An order of the shop, once it is registered.
    async fn registered_order(&self, order: usize) -> Option<Arc<Checkout>> {
        for _ in 0..30 {
            if let Some(checkout) = self.world.witness.checkout(order) {
                return Some(checkout);
            }
            self.pause(2 * MINUTE).await;
        }
        None
    }

    /// Its buyer comes back to the shop, which completes its own order with the session.
    async fn come_back_to_the_shop(&self, order: usize, session: &CheckoutSessionId) {
        let Some(checkout) = self.world.witness.checkout(order) else { return };
        let body = json!({ "amazonCheckoutSessionId": session.as_str() });
        for _ in 0..1 + self.random.below(3) {
            let path = format!("/v1/checkouts/{}/complete", checkout.id);
            let (witness, before) = (Arc::clone(&self.world.witness), self.world.witness.checkout(order));
            let id = session.to_string();
            let inspect = move |answer: &Response<Bytes>| {
                if matches!(answer.status().as_u16(), 200 | 202 | 402)
                    && let Some(said) = read(answer)
                {
                    witness.completion_said(order, &id, before.as_ref(), &said, Audience::Shop);
                }
            };
            let request = shop_request(Method::POST, &path, &body);
            self.world.witness.count("came back with a foreign session");
            let _ = self.world.merchant.serve(request, GivingUp::LeavesItRunning, inspect).await;
            self.pause(MINUTE).await;
        }
    }

    async fn finalize(&self, session: &CheckoutSessionId, terms: &Value) -> Option<Sale> {
        self.pause(30 * SECOND).await;
        let mut body = terms.clone();
        let address = body["address"].take();
        if let Some(members) = body.as_object_mut() {
            members.remove("address");
        }
        body["shippingAddress"] = address;
        let body = request::<FinalizeCheckoutSession>(&body).to_request();
        let answer = self.client.finalize_checkout_session_bytes(session, body.into(), &self.key()).await;
        let finalized = answer.ok()?.value;
        Some(Sale {
            charge_permission_id: finalized.charge_permission_id?,
            charge_id: finalized.charge_id,
            amount: terms["chargeAmount"].clone(),
        })
    }

    /// Captures what it has sold, cancels it, refunds what was captured, or lets it lapse.
    async fn follow(&self, sale: &Sale) {
        let Some(charge) = &sale.charge_id else { return };
        self.pause(20 * MINUTE).await;
        let did = match self.random.below(4) {
            0 => {
                let cancel: CancelCharge = request(&json!({ "cancellationReason": "sold out" }));
                self.client.cancel_charge(charge, &cancel).await.is_ok().then_some("canceled")
            }
            1 => {
                let refund: CreateRefund =
                    request(&json!({ "chargeId": charge.as_str(), "refundAmount": sale.amount }));
                self.client.create_refund(&refund, &self.key()).await.is_ok().then_some("refunded")
            }
            2 => {
                let capture: CaptureCharge = request(&json!({ "captureAmount": sale.amount }));
                self.client.capture_charge(charge, &capture, &self.key()).await.is_ok().then_some("captured")
            }
            _ => None,
        };
        if let Some(did) = did {
            self.world.witness.count(&format!("named order: {did} elsewhere"));
        }
    }

    /// One act on what it has sold, or under a permission of the shop's.
    async fn act(&self, sale: &Sale) {
        let ours = if self.world.has(Feature::ActsOnOurs) && self.random.happens(500) {
            self.world.witness.any_payment(self.random.next())
        } else {
            None
        };
        let ours = ours.and_then(|(permission, charge)| {
            let charge_permission_id = ChargePermissionId::parse(&permission).ok()?;
            let charge_id = charge.and_then(|charge| ChargeId::parse(&charge).ok());
            Some(Sale { charge_permission_id, charge_id, amount: sale.amount.clone() })
        });
        let about = ours.as_ref().unwrap_or(sale);
        let (permission, amount) = (&about.charge_permission_id, &about.amount);
        let did = match (self.random.below(6), &about.charge_id) {
            (0, Some(charge)) => {
                let capture: CaptureCharge = request(&json!({ "captureAmount": amount }));
                self.client.capture_charge(charge, &capture, &self.key()).await.is_ok().then_some("capture")
            }
            (1, Some(charge)) => {
                let cancel: CancelCharge = request(&json!({ "cancellationReason": "sold out" }));
                self.client.cancel_charge(charge, &cancel).await.is_ok().then_some("cancel")
            }
            (2, Some(charge)) => {
                let refund: CreateRefund =
                    request(&json!({ "chargeId": charge.as_str(), "refundAmount": amount }));
                self.client.create_refund(&refund, &self.key()).await.is_ok().then_some("refund")
            }
            (3, _) => {
                let charge: CreateCharge = request(&json!({ "chargePermissionId": permission.as_str(),
                    "chargeAmount": amount, "captureNow": self.random.happens(500) }));
                self.client.create_charge(&charge, &self.key()).await.is_ok().then_some("charge")
            }
            (4, _) if ours.is_none() => {
                let close: CloseChargePermission =
                    request(&json!({ "closureReason": "done", "cancelPendingCharges": true }));
                self.client.close_charge_permission(permission, &close).await.is_ok().then_some("close")
            }
            _ => {
                let victim = self.world.witness.checkout(self.random.below(self.world.order_count));
                let Some(victim) = victim else { return };
                let metadata = json!({ "merchantMetadata": { "merchantReferenceId": victim.id } });
                let update: UpdateChargePermission = request(&metadata);
                self.client.update_charge_permission(permission, &update).await.is_ok().then_some("reference")
            }
        };
        if let Some(did) = did {
            let whose = if ours.is_some() { "ours" } else { "its own" };
            self.world.witness.count(&format!("elsewhere: {did} of {whose}"));
            if ours.is_some() {
                self.world.witness.count("elsewhere: an act on ours");
            }
        }
    }
}
