//! The shop's life after a success: it ships in parts, captures, refunds, cancels and closes, sometimes
//! twice, sometimes at the same time, and asks again when it gets no answer.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::money::{Currency, Money};
use countersign_http::Response;
use futures_util::future::join;
use http::Method;
use serde_json::{Value, json};

use crate::requests::{CANCEL, read, shop_request};
use crate::shop::{MINUTE, RegisteredOrder, SECOND, Story};

impl Story {
    /// Asks for a few operations.
    pub(crate) async fn go_on(&self, terms: &Value, registered: &RegisteredOrder) {
        let acts = self.random.below(8);
        for number in 0..acts {
            self.pause(SECOND, 40 * MINUTE).await;
            if self.world.weather.shop_is_shut() {
                return;
            }
            match self.random.below(100) {
                0..15 => self.charge(number, terms, registered).await,
                15..45 => self.capture(number, terms, registered).await,
                45..75 => {
                    let (one, other) = (format!("refund-{number}"), format!("refund-{number}-again"));
                    if self.random.happens(400) {
                        join(self.refund(&one, terms, registered), self.refund(&other, terms, registered))
                            .await;
                    } else {
                        self.refund(&one, terms, registered).await;
                    }
                }
                75..82 => self.ask("cancel", &json!({ "reference": CANCEL }), registered).await,
                82..87 => {
                    let body = json!({ "reference": format!("close-{number}"), "reason": "all is shipped" });
                    self.ask("close", &body, registered).await;
                }
                _ => self.may_ship(registered).await,
            }
        }
        if acts > 0 {
            self.may_ship(registered).await;
        }
    }

    /// A part of an amount, the whole amount, or seldom more.
    fn part(&self, amount: &Value) -> Value {
        let currency = amount["currencyCode"].as_str().and_then(Currency::parse).unwrap_or(Currency::USD);
        let text = amount["amount"].as_str().unwrap_or("1");
        let minor = Money::parse(text, currency).map_or(1, Money::minor);
        let part = match self.random.below(10) {
            0..4 => minor,
            // Two of these exceed the price, but by less than Amazon would refund beyond it.
            4..7 => minor * 55 / 100,
            7..9 => 1 + minor / 3,
            _ => minor + 1,
        };
        json!({ "amount": Money::from_minor(part.max(1), currency).amount(), "currencyCode": currency.as_str() })
    }

    async fn charge(&self, number: usize, terms: &Value, registered: &RegisteredOrder) {
        let mut body = json!({
            "reference": format!("charge-{number}"),
            "chargeAmount": self.part(&terms["paymentDetails"]["chargeAmount"]),
        });
        match self.random.below(3) {
            0 => body["captureNow"] = json!(true),
            1 => body["canHandlePendingAuthorization"] = json!(true),
            _ => {}
        }
        self.ask("charges", &body, registered).await;
    }

    async fn capture(&self, number: usize, terms: &Value, registered: &RegisteredOrder) {
        let mut body = json!({ "reference": format!("capture-{number}") });
        if self.random.happens(500) {
            body["captureAmount"] = self.part(&terms["paymentDetails"]["chargeAmount"]);
        }
        self.ask("captures", &body, registered).await;
    }

    async fn refund(&self, reference: &str, terms: &Value, registered: &RegisteredOrder) {
        let mut body = json!({ "reference": reference });
        if self.random.happens(700) {
            body["refundAmount"] = self.part(&terms["paymentDetails"]["chargeAmount"]);
        }
        self.ask("refunds", &body, registered).await;
    }

    /// Asks, and asks again under the same reference if there is no answer, or at random.
    async fn ask(&self, what: &'static str, body: &Value, registered: &RegisteredOrder) {
        let path = format!("/v1/checkouts/{}/{what}", registered.checkout_id);
        for _ in 0..4 {
            if self.world.weather.shop_is_shut() {
                return;
            }
            let (witness, order) = (Arc::clone(&self.world.witness), self.order);
            witness.is_asked_about(order);
            let inspect = move |answer: &Response| {
                if let Some(said) = read(answer) {
                    witness.operation_said(order, what, answer.status().as_u16(), &said);
                }
            };
            let patience =
                if self.random.happens(200) { self.random.time(Duration::ZERO, 10 * SECOND) } else { MINUTE };
            let answer = self.call(shop_request(Method::POST, &path, body), patience, inspect).await;
            let is_heard = answer.is_some_and(|answer| answer.status().as_u16() < 500);
            if is_heard && !self.random.happens(150) {
                return;
            }
            self.pause(Duration::ZERO, 2 * MINUTE).await;
        }
    }

    /// Asks whether the parcel may leave.
    async fn may_ship(&self, registered: &RegisteredOrder) {
        let (witness, order) = (Arc::clone(&self.world.witness), self.order);
        let inspect = move |answer: &Response| {
            if let Some(said) = read(answer).filter(|_| answer.status().is_success()) {
                witness.fulfilment_said(order, &said);
            }
        };
        let path = format!("/v1/checkouts/{}/fulfilment", registered.checkout_id);
        self.call(shop_request(Method::GET, &path, &Value::Null), MINUTE, inspect).await;
    }
}
