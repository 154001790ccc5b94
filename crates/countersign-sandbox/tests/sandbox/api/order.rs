//! A finalized order, and the calls on its objects.

use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use serde_json::{Value, json};

use crate::world::{Call, HttpAnswer, World, id, merged, right_body};

/// The ids that a merchant stores from Finalize's answer.
pub(crate) struct Order {
    pub(crate) session_id: String,
    pub(crate) permission_id: String,
    /// The charge's id; empty for an order that was only confirmed.
    pub(crate) charge_id: String,
}

pub(crate) fn usd(amount: &str) -> Value {
    price(amount, "USD")
}

pub(crate) fn price(amount: &str, currency: &str) -> Value {
    json!({ "amount": amount, "currencyCode": currency })
}

/// A call with an idempotency key of its own.
pub(crate) fn once(path: &str, body: impl ToString) -> Call {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    let key = DRAWN.fetch_add(1, Ordering::Relaxed);
    Call::post(path, body).idempotent(&format!("once-{key}"))
}

pub(crate) fn capture(charge_id: &str, amount: Value) -> Call {
    once(&format!("/v2/charges/{charge_id}/capture"), json!({ "captureAmount": amount }))
}

pub(crate) fn cancel(charge_id: &str) -> Call {
    let body = json!({ "cancellationReason": "out of stock" });
    Call::new(Method::DELETE, format!("/v2/charges/{charge_id}/cancel"), body)
}

pub(crate) fn refund(charge_id: &str, amount: Value) -> Call {
    once("/v2/refunds", json!({ "chargeId": charge_id, "refundAmount": amount }))
}

impl Order {
    /// Charges 10.00 USD more under the permission; `over` replaces members.
    pub(crate) fn create_charge(&self, over: Value) -> Call {
        let body = json!({ "chargePermissionId": self.permission_id, "chargeAmount": usd("10.00") });
        once("/v2/charges", merged(body, over))
    }

    pub(crate) fn capture(&self, amount: Value) -> Call {
        capture(&self.charge_id, amount)
    }

    pub(crate) fn cancel(&self) -> Call {
        cancel(&self.charge_id)
    }

    pub(crate) fn refund(&self, amount: Value) -> Call {
        refund(&self.charge_id, amount)
    }

    pub(crate) fn update(&self, body: Value) -> Call {
        Call::patch(format!("/v2/chargePermissions/{}", self.permission_id), body)
    }

    pub(crate) fn close(&self, body: Value) -> Call {
        Call::new(Method::DELETE, format!("/v2/chargePermissions/{}/close", self.permission_id), body)
    }

    pub(crate) fn get_permission(&self) -> Call {
        Call::get(format!("/v2/chargePermissions/{}", self.permission_id))
    }

    pub(crate) fn get_charge(&self) -> Call {
        Call::get(format!("/v2/charges/{}", self.charge_id))
    }
}

impl World {
    /// A finalized order; `over` replaces members of its checkout.
    pub(crate) async fn ordered(&self, over: Value) -> Order {
        let session = self.placed(over).await;
        let answer = self.call(&Call::finalize(id(&session), right_body(&session))).await;
        assert!(answer.status < 300, "{}", answer.text);
        Order {
            session_id: id(&session).to_owned(),
            permission_id: answer.text("chargePermissionId").to_owned(),
            charge_id: answer.json["chargeId"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// An order of 100.00 USD, of which 14.00 are authorized.
    pub(crate) async fn split_order(&self) -> Order {
        self.ordered(json!({ "paymentDetails": { "totalOrderAmount": usd("100.00") } })).await
    }

    /// An order of this amount, captured.
    pub(crate) async fn captured_order(&self, amount: Value) -> Order {
        let details = json!({ "paymentIntent": "AuthorizeWithCapture", "chargeAmount": amount });
        self.ordered(json!({ "paymentDetails": details })).await
    }

    /// Makes a call that must succeed.
    pub(crate) async fn succeeds(&self, call: &Call) -> HttpAnswer {
        let answer = self.call(call).await;
        assert!(answer.status < 300, "{} {}: {}", call.method, call.path, answer.text);
        answer
    }

    pub(crate) async fn charge(&self, charge_id: &str) -> HttpAnswer {
        self.succeeds(&Call::get(format!("/v2/charges/{charge_id}"))).await
    }

    pub(crate) async fn permission(&self, order: &Order) -> HttpAnswer {
        self.succeeds(&order.get_permission()).await
    }

    /// A permission's state, its reason, and the amount that is left of its limit.
    pub(crate) async fn standing(&self, order: &Order) -> (String, String, String) {
        let permission = self.permission(order).await;
        let reason = permission.json["statusDetails"]["reasons"][0]["reasonCode"].as_str().unwrap_or("none");
        let left = permission.json["limits"]["amountBalance"]["amount"].as_str().unwrap();
        (permission.state().to_owned(), reason.to_owned(), left.to_owned())
    }

    pub(crate) async fn ledger(&self, order: &Order) -> Value {
        let path = format!("ledger?chargePermissionId={}", order.permission_id);
        let answer = self.control(Method::GET, &path, "").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json
    }

    /// Everything that can be read of an order: equal before and after a call that changes nothing.
    pub(crate) async fn everything(&self, order: &Order) -> Vec<String> {
        let mut texts = vec![self.permission(order).await.text, self.ledger(order).await.to_string()];
        if !order.charge_id.is_empty() {
            texts.push(self.charge(&order.charge_id).await.text);
        }
        texts.extend(self.events(&order.session_id).await);
        texts
    }
}
