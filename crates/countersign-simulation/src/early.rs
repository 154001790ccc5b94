//! Authorizations before any Finalize: when the buyer places an order, Amazon authorizes the money at once, under a
//! permission that names the order. Get Checkout Session may show it while the session is Open, and notifications
//! report it. It proves nothing: Finalize makes the payment, and Amazon cancels the authorization within 24 hours.

use std::sync::Arc;
use std::time::Duration;

use countersign_client::Client;
use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, IdempotencyKey};
use countersign_http::Response;
use countersign_protocol::wire::{CancelCharge, CloseChargePermission, FinalizeCheckoutSession, Object as _};
use serde_json::{Value, json};

use crate::elsewhere::request;
use crate::entropy::Random;
use crate::executor::Group;
use crate::features::Feature;
use crate::process::{GivingUp, ServeOutcome};
use crate::requests::{at_amazon, read};
use crate::shop::{MINUTE, SECOND};
use crate::world::World;

/// The part of the seed for the first order's authorizations; each further order uses the next part.
const PART: u64 = 3_000_000;
/// When an authorization is canceled at the latest: with the tries that fail, within 24 hours.
const CANCELED_WITHIN: Duration = Duration::from_secs(20 * 3_600);
/// How often Amazon tries to cancel one, and the pause between two tries.
const TRIES: usize = 20;
const PAUSE: Duration = Duration::from_secs(10 * 60);

/// One of these authorizations.
struct EarlyAuthorization {
    world: Arc<World>,
    client: Client,
    random: Random,
    /// The session whose order the buyer has placed.
    session: String,
    checkout_id: String,
}

impl World {
    /// Perhaps authorizes the money of a session whose order was just placed.
    pub(crate) fn authorize_early(
        self: &Arc<Self>,
        order: usize,
        session: &str,
        checkout_id: &str,
        terms: &Value,
    ) {
        // It is drawn by the session's id, so that the other draws of the world stay as they are.
        let is_drawn = session.bytes().next().is_some_and(|first| matches!(first, b'2'..=b'5'));
        if !self.has(Feature::EarlyAuthorizations) || !is_drawn {
            return;
        }
        let random = Random::stream(self.seed, PART + u64::try_from(order).unwrap_or(0));
        let early = EarlyAuthorization {
            world: Arc::clone(self),
            client: self.client_elsewhere(&random),
            random,
            session: session.to_owned(),
            checkout_id: checkout_id.to_owned(),
        };
        let amount = terms["paymentDetails"]["chargeAmount"].clone();
        self.executor.spawn(Group::World, async move { early.live(&amount).await });
    }
}

impl EarlyAuthorization {
    async fn live(&self, amount: &Value) {
        self.world.executor.sleep(self.random.time(Duration::ZERO, 20 * SECOND)).await;
        let Some((permission, charge)) = self.authorize(amount).await else { return };
        let witness = &self.world.witness;
        if witness.is_finalized(&self.session) {
            witness.count("authorized again after Finalize");
        } else {
            witness.count(Feature::EarlyAuthorizations.counted_as());
        }
        if self.random.happens(700) {
            self.world.early.show(&self.session, permission.as_str(), charge.as_str());
        }
        self.world.calendar.wait(self.random.time(MINUTE, CANCELED_WITHIN)).await;
        let cancel: CancelCharge = request(&json!({ "cancellationReason": "not finalized" }));
        let close: CloseChargePermission = request(&json!({ "closureReason": "not finalized" }));
        for _ in 0..TRIES {
            if self.client.cancel_charge(&charge, &cancel).await.is_ok() {
                witness.count("an early authorization is canceled");
                let _ = self.client.close_charge_permission(&permission, &close).await;
                return;
            }
            self.world.calendar.wait(PAUSE).await;
        }
    }

    /// Makes the permission and its charge: by a session of Amazon's own, which no buyer brings back.
    async fn authorize(&self, amount: &Value) -> Option<(ChargePermissionId, ChargeId)> {
        let terms = json!({ "paymentIntent": "Authorize", "chargeAmount": amount });
        let body = json!({ "productType": "PayOnly", "paymentDetails": terms, "placed": true, "card": "1111",
            "merchantMetadata": { "merchantReferenceId": self.checkout_id } });
        let witness = Arc::clone(&self.world.witness);
        let began = move |answer: &Response| {
            if let Some(session) = read(answer).filter(|_| answer.status().is_success())
                && let Some(id) = session["checkoutSessionId"].as_str()
            {
                witness.session_began_elsewhere(id);
            }
        };
        let made = at_amazon("/_sandbox/checkout-sessions", &body);
        let answer = match self.world.amazon.serve(made, GivingUp::LeavesItRunning, began).await {
            ServeOutcome::Answer(answer) if answer.status().is_success() => read(&answer)?,
            ServeOutcome::Answer(_) | ServeOutcome::Reset | ServeOutcome::Refused => return None,
        };
        let id = CheckoutSessionId::parse(answer["checkoutSessionId"].as_str()?).ok()?;
        let mut terms = terms;
        terms["billingAddress"] = answer["billingAddress"].clone();
        let bytes = request::<FinalizeCheckoutSession>(&terms).to_request();
        let key = IdempotencyKey::parse(&format!("early-{:016x}", self.random.next())).ok()?;
        let finalized =
            self.client.finalize_checkout_session_bytes(&id, bytes.into(), &key).await.ok()?.value;
        Some((finalized.charge_permission_id?, finalized.charge_id?))
    }
}
