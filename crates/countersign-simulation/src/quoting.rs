//! A buyer's page that asks what the order costs, in the worlds with quotes. Some pages do not ask,
//! some buyers change their country after the question, and some pages ask again in another tab.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::requests::{at_the_page, read};
use crate::shop::{RegisteredOrder, Story};

/// The countries of the buyers.
const COUNTRIES: [&str; 3] = ["US", "DE", "CA"];

impl Story {
    /// The buyer comes to Amazon's page, and the shop's page asks for the price. Returns the
    /// session's amounts and addresses; `None` if there is no answer, after which the buyer gives
    /// up.
    pub(crate) async fn quote(&self, terms: &Value, registered: &RegisteredOrder) -> Option<Value> {
        let random = &self.random;
        let lives_in = |country: &str| address(country, self.order);
        let home = lives_in(random.one_of(&COUNTRIES));
        let mut body = terms.clone();
        // A page that does not ask uses the registered terms.
        if !random.happens(60) {
            let mut event = json!({ "billingAddress": home });
            if body["productType"] == "PayAndShip" {
                event["shippingAddress"] = home.clone();
            }
            let cart = self.ask_page(registered, "init", &event).await?;
            for (quoted, session) in
                [("totalChargeAmount", "chargeAmount"), ("totalOrderAmount", "totalOrderAmount")]
            {
                if !cart[quoted].is_null() {
                    body["paymentDetails"][session] = cart[quoted].clone();
                }
            }
        }
        if random.happens(80) {
            // The other tab asks for a different address.
            let event = json!({ "shippingAddress": lives_in(random.one_of(&COUNTRIES)),
                "billingAddress": lives_in(random.one_of(&COUNTRIES)) });
            let _ = self.ask_page(registered, "init", &event).await;
        }
        // The buyer chooses a different address in the end, and the page does not ask again.
        let paid_from = if random.happens(80) { lives_in(random.one_of(&COUNTRIES)) } else { home };
        body["billingAddress"] = paid_from.clone();
        if body["productType"] == "PayAndShip" {
            body["shippingAddress"] = paid_from;
        }
        Some(body)
    }

    async fn ask_page(&self, registered: &RegisteredOrder, event: &str, body: &Value) -> Option<Value> {
        let request = at_the_page(&registered.browser_token, event, body);
        let witness = Arc::clone(&self.world.witness);
        let inspect = move |answer: &countersign_http::Response| {
            if let Some(cart) = read(answer).filter(|_| answer.status().is_success()) {
                let code = cart["reasonCode"]
                    .as_str()
                    .map_or("quoted".to_owned(), |code| format!("quote refused {code}"));
                witness.count(&code);
            }
        };
        let answer = self.call(request, Duration::from_secs(10), inspect).await?;
        read(&answer).filter(|cart| answer.status().is_success() && cart["reasonCode"].is_null())
    }
}

fn address(country: &str, order: usize) -> Value {
    json!({ "name": "A Buyer", "addressLine1": format!("{order} Street"), "city": "Town", "postalCode": "12345",
        "countryCode": country })
}
