//! The people of the stories: a shop that calls the merchant half, and buyers who act on Amazon's page
//! through the sandbox's control API.

use std::time::Duration;

use countersign_world::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::table::Row;
use crate::demo_result::DemoResult;
use crate::json::{Api, JsonAnswer, list};

/// An order of the shop, with the payment that it asks for.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) product_type: &'static str,
    pub(super) payment_intent: &'static str,
    pub(super) pending: bool,
    pub(super) amount: &'static str,
    /// The total of the whole order, if further charges may follow.
    pub(super) total: Option<&'static str>,
}

/// An order as the merchant half has registered it.
#[derive(Debug, Clone)]
pub(super) struct Checkout {
    pub(super) id: String,
    /// The configuration that the shop's page would pass to Amazon's script.
    button: Value,
}

/// A checkout that a buyer has begun on Amazon's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CheckoutSessionId(pub(super) String);

/// The shop's backend.
#[derive(Clone)]
pub(super) struct Shop(pub(super) Api);

/// How many times to look until something has happened, and the pause between two looks: 20 s in
/// total.
const LOOKS: usize = 400;
const PAUSE: Duration = Duration::from_millis(50);

impl Shop {
    /// `POST /v1/checkouts`.
    pub(super) async fn register(&self, order: &Order) -> DemoResult<Checkout> {
        let mut body = json!({
            "orderId": order.id,
            "productType": order.product_type,
            "paymentDetails": {
                "paymentIntent": order.payment_intent,
                "canHandlePendingAuthorization": order.pending,
                "chargeAmount": { "amount": order.amount, "currencyCode": "USD" },
            },
            "startOfCheckoutUrl": "https://shop.example/checkout",
            "successUrl": "https://shop.example/thank-you",
        });
        if let (Some(total), Some(details)) = (order.total, body.pointer_mut("/paymentDetails")) {
            details["totalOrderAmount"] = usd(total);
        }
        let answer = succeeded(self.0.post("/v1/checkouts", &body).await?)?;
        let id = text(&answer, "checkoutId");
        Ok(Checkout { id, button: answer.get("button").cloned().unwrap_or_default() })
    }

    /// `POST /v1/checkouts/{id}/complete`.
    pub(super) async fn complete(
        &self,
        checkout: &Checkout,
        session: &CheckoutSessionId,
    ) -> DemoResult<JsonAnswer> {
        let body = json!({ "amazonCheckoutSessionId": session.0 });
        self.0.post(&format!("/v1/checkouts/{}/complete", checkout.id), &body).await
    }

    /// Asks for an operation after a successful payment: `charges`, `captures`, `refunds`, `cancel`
    /// or `close`.
    pub(super) async fn ask(&self, checkout: &Checkout, call: &str, body: Value) -> DemoResult<JsonAnswer> {
        self.0.post(&format!("/v1/checkouts/{}/{call}", checkout.id), &body).await
    }

    /// `GET /v1/checkouts/{id}/fulfilment`.
    pub(super) async fn fulfilment(&self, checkout: &Checkout) -> DemoResult<(bool, String)> {
        let path = format!("/v1/checkouts/{}/fulfilment", checkout.id);
        let told = succeeded(self.0.get(&path).await?)?;
        Ok((told.get("mayShip").and_then(Value::as_bool).unwrap_or_default(), text(&told, "reason")))
    }

    /// The facts of a checkout, from `GET /v1/events`: the type, and the reason if there is one.
    pub(super) async fn facts(&self, checkout: &Checkout) -> DemoResult<Vec<String>> {
        let page = succeeded(self.0.get("/v1/events?limit=1000").await?)?;
        let mine = list(&page, "events").filter(|event| text(event, "checkoutId") == checkout.id);
        Ok(mine
            .map(|event| format!("{} {}", text(event, "type"), text(event, "reason")).trim().to_owned())
            .collect())
    }

    /// Waits until the shop has been sent a fact of this kind.
    pub(super) async fn wait_for_facts(&self, checkout: &Checkout, fact: &str) -> DemoResult {
        for _ in 0..LOOKS {
            if self.facts(checkout).await?.iter().any(|sent| sent == fact) {
                return Ok(());
            }
            SystemClock.sleep(PAUSE).await;
        }
        let sent = self.facts(checkout).await?;
        Err(format!("the shop should have been sent {fact}, but was sent {sent:?}").into())
    }

    /// `GET /v1/checkouts/{id}`.
    pub(super) async fn checkout(&self, checkout: &Checkout) -> DemoResult<Value> {
        succeeded(self.0.get(&format!("/v1/checkouts/{}", checkout.id)).await?)
    }

    /// Waits until a checkout is in this state. Fails if that takes too long.
    pub(super) async fn wait_for(&self, checkout: &Checkout, state: &str) -> DemoResult<Value> {
        for _ in 0..LOOKS {
            let seen = self.checkout(checkout).await?;
            if text(&seen, "state") == state {
                return Ok(seen);
            }
            SystemClock.sleep(PAUSE).await;
        }
        let seen = text(&self.checkout(checkout).await?, "state");
        Err(format!("the checkout should have become {state}, but is {seen}").into())
    }

    /// The table's row of a checkout.
    pub(super) async fn row(&self, story: &str, checkout: &Checkout) -> DemoResult<Row> {
        let seen = self.checkout(checkout).await?;
        // A second tab's attempt has no reason of its own, and either tab's attempt may be the second.
        let decisive = list(&seen, "attempts").filter(|it| text(it, "state") != "Surplus").last();
        let reason = decisive.map(|attempt| text(attempt, "reason")).unwrap_or_default();
        let [order_id, outcome, standing] =
            ["orderId", "state", "standing"].map(|member| text(&seen, member));
        let [permission, charge] = ["chargePermissionId", "chargeId"].map(|member| text(&seen, member));
        Ok([story.to_owned(), order_id, outcome, reason, standing, permission, charge])
    }
}

/// Amazon's page, where buyers pay; and Amazon's clock and faults.
#[derive(Clone)]
pub(super) struct AmazonPage(pub(super) Api);

/// How a buyer's checkout differs from the order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct CheckoutVariation {
    /// The card's last four digits.
    pub(super) card: Option<&'static str>,
    /// An amount other than the order's.
    pub(super) amount: Option<&'static str>,
}

/// No difference: the buyer pays what was ordered, with an ordinary card.
pub(super) const AS_ORDERED: CheckoutVariation = CheckoutVariation { card: None, amount: None };

/// The sandbox's word for a payment that was accepted.
pub(super) const FINALIZED: &str = "CheckoutSessionCompleted";

impl AmazonPage {
    /// A buyer presses the shop's button, and pays.
    pub(super) async fn pay(
        &self,
        checkout: &Checkout,
        differently: CheckoutVariation,
    ) -> DemoResult<CheckoutSessionId> {
        let config = checkout.button.get("checkoutSessionConfig").cloned().unwrap_or_default();
        let mut payment_details = config.get("paymentDetails").cloned().unwrap_or_default();
        if let Some(amount) = differently.amount
            && let Some(its) = payment_details.pointer_mut("/chargeAmount/amount")
        {
            *its = json!(amount);
        }
        let body = json!({
            "productType": checkout.button.get("productType"),
            "paymentDetails": payment_details,
            "merchantMetadata": config.get("merchantMetadata"),
            "card": differently.card.unwrap_or("1111"),
            "placed": true,
        });
        let session = succeeded(self.0.post("/_sandbox/checkout-sessions", &body).await?)?;
        Ok(CheckoutSessionId(text(&session, "checkoutSessionId")))
    }

    /// Orders a fault for the calls on one session.
    pub(super) async fn mishap(&self, session: &CheckoutSessionId, mut fault: Value) -> DemoResult {
        if let Some(members) = fault.as_object_mut() {
            members.insert("checkoutSessionId".to_owned(), json!(session.0));
        }
        succeeded(self.0.post("/_sandbox/faults", &fault).await?).map(|_| ())
    }

    /// Orders a fault for the next call of its kind, on any session.
    pub(super) async fn mishap_of(&self, fault: &Value) -> DemoResult {
        succeeded(self.0.post("/_sandbox/faults", fault).await?).map(|_| ())
    }

    /// Has Amazon's notifications posted to this URL.
    pub(super) async fn notify(&self, url: &str) -> DemoResult {
        let endpoint = json!({ "url": url });
        succeeded(self.0.post("/_sandbox/notification-endpoints", &endpoint).await?).map(|_| ())
    }

    /// Orders that the next notification about this type of object is sent before the answer to the
    /// call that causes it.
    pub(super) async fn notify_before_answer(&self, object_type: &str) -> DemoResult {
        let fault = json!({ "kind": "beforeAnswer", "objectType": object_type });
        succeeded(self.0.post("/_sandbox/notification-faults", &fault).await?).map(|_| ())
    }

    /// The outcomes of the notifications about an object.
    pub(super) async fn notified_of(&self, object_id: &str) -> DemoResult<Vec<String>> {
        let sent = succeeded(self.0.get("/_sandbox/notifications").await?)?;
        let of_object = list(&sent, "notifications").filter(|record| text(record, "objectId") == object_id);
        Ok(of_object.map(|record| text(record, "outcome")).collect())
    }

    /// Moves Amazon's clock ahead.
    pub(super) async fn advance(&self, by: &str) -> DemoResult {
        succeeded(self.0.post("/_sandbox/clock", &json!({ "advance": by })).await?).map(|_| ())
    }

    /// How many times something happened to a session.
    pub(super) async fn count(&self, session: &CheckoutSessionId, kind: &str) -> DemoResult<usize> {
        let log = succeeded(self.0.get(&format!("/_sandbox/events?checkoutSessionId={}", session.0)).await?)?;
        Ok(list(&log, "events").filter(|event| text(event, "type") == kind).count())
    }

    /// Waits until an event of this kind has happened to a session.
    pub(super) async fn wait_for(&self, session: &CheckoutSessionId, kind: &str) -> DemoResult {
        for _ in 0..LOOKS {
            if self.count(session, kind).await? > 0 {
                return Ok(());
            }
            SystemClock.sleep(PAUSE).await;
        }
        Err(format!("{kind} should have happened at Amazon, but did not").into())
    }
}

/// An amount in the demo's currency.
pub(super) fn usd(amount: &str) -> Value {
    json!({ "amount": amount, "currencyCode": "USD" })
}

/// A member as text; empty if there is none.
pub(super) fn text(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn succeeded(answer: JsonAnswer) -> DemoResult<Value> {
    if answer.status.is_success() {
        Ok(answer.body)
    } else {
        Err(format!("a call was answered with {}: {}", answer.status, answer.body).into())
    }
}
