//! Checkouts whose orders are placed, made through the sandbox's control API, and the call that finalizes each.

use countersign_domain::terms::PaymentIntent as Intent;
use serde_json::Value;

use super::bench_result::BenchResult;
use super::load;
use super::signed::CallDraft;

/// The text of a JSON answer's member.
pub(super) fn member(body: &[u8], name: &str) -> BenchResult<String> {
    let answer: Value = serde_json::from_slice(body)?;
    let text = answer.get(name).and_then(Value::as_str);
    Ok(text.map(str::to_owned).ok_or_else(|| format!("an answer without {name}: {answer}"))?)
}

/// A checkout whose order is placed, with the buyer's shipping address as Amazon shares it.
pub(super) struct PlacedCheckout {
    pub(super) checkout_session_id: String,
    intent: Intent,
    shipping_address: String,
}

impl PlacedCheckout {
    pub(super) fn read(body: &[u8], intent: Intent) -> BenchResult<Self> {
        let session: Value = serde_json::from_slice(body)?;
        let address = session.get("shippingAddress").ok_or("a session without an address")?;
        let checkout_session_id = member(body, "checkoutSessionId")?;
        Ok(Self { checkout_session_id, intent, shipping_address: address.to_string() })
    }

    /// The call that finalizes it.
    pub(super) fn finalize(&self) -> CallDraft {
        CallDraft {
            method: "POST",
            path: format!("/v2/checkoutSessions/{}/finalize", self.checkout_session_id),
            body: format!(
                r#"{{"paymentIntent":"{}","chargeAmount":{{"amount":"14.00","currencyCode":"USD"}},"shippingAddress":{}}}"#,
                self.intent.as_str(),
                self.shipping_address
            ),
            idempotency_key: None,
        }
    }
}

/// Starts `count` checkouts through the control API.
pub(super) async fn start_checkouts(
    address: &str,
    count: usize,
    intent: Intent,
) -> BenchResult<Vec<PlacedCheckout>> {
    let body = placed_checkout(intent, "{}");
    let request = load::plain_request(address, "/_sandbox/checkout-sessions", "", &body);
    let seen = load::run(address, vec![request; count], 8, &[201]).await?;
    seen.bodies.iter().map(|body| PlacedCheckout::read(body, intent)).collect()
}

/// The control API's body for a checkout that is placed. `metadata` is its `merchantMetadata`.
pub(super) fn placed_checkout(intent: Intent, metadata: &str) -> String {
    format!(
        r#"{{"productType":"PayAndShip","placed":true,"merchantMetadata":{metadata},"paymentDetails":{{"paymentIntent":"{}","chargeAmount":{{"amount":"14.00","currencyCode":"USD"}}}}}}"#,
        intent.as_str()
    )
}

/// The body that registers an order, whose payment is captured immediately.
pub(super) fn order(order_id: &str) -> String {
    format!(
        r#"{{"orderId":"{order_id}","productType":"PayAndShip","paymentDetails":{{"paymentIntent":"AuthorizeWithCapture","chargeAmount":{{"amount":"14.00","currencyCode":"USD"}}}},"startOfCheckoutUrl":"https://shop.example/cart"}}"#
    )
}
