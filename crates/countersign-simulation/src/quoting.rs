//! What an order costs in the worlds that quote: the merchant half's table, a buyer's page that asks by it, and
//! the price by a reckoning of its own. Some pages leave the question out, let the buyer go elsewhere after it,
//! or ask again in another tab.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::money::{Currency, Money};
use countersign_merchant::settings::{DeliveryRate, QuoteTable, Storefront, TaxRate};
use http::Method;
use serde_json::{Value, json};

use crate::invariants::{Held, Invariant, broken};
use crate::shop::{Registered, Story, at_the_page, read};

/// What the first way to send a parcel costs, in minor units of any currency.
const DELIVERY: u64 = 490;
/// Hundredths of a percent, by country; nothing anywhere else.
const TAXES: [(&str, u32); 2] = [("US", 825), ("DE", 1_900)];
/// Where buyers live.
const COUNTRIES: [&str; 3] = ["US", "DE", "CA"];

/// The merchant half's settings in a world that quotes.
pub(crate) fn storefront() -> Storefront {
    let delivery = |currency: Currency| DeliveryRate {
        id: format!("standard-{}", currency.code()),
        name: "Standard".to_owned(),
        price: Money::from_minor(DELIVERY, currency),
        countries: Vec::new(),
        days: None,
    };
    let tax = |(country, basis_points): (&str, u32)| TaxRate { country: country.to_owned(), basis_points };
    let quote_table = QuoteTable {
        deliveries: [Currency::USD, Currency::EUR, Currency::JPY].map(delivery).to_vec(),
        taxes: TAXES.map(tax).to_vec(),
        coupons: Vec::new(),
    };
    Storefront { quote_table, ..Storefront::default() }
}

/// An order of which the buyer's page asks what it costs: the items' price, and whether a parcel leaves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Priced {
    base: u64,
    is_shipped: bool,
}

impl Priced {
    pub(crate) fn of(terms: &Value) -> Option<Self> {
        let amount = terms["paymentDetails"]["chargeAmount"]["amount"].as_str()?;
        let currency = terms["paymentDetails"]["chargeAmount"]["currencyCode"].as_str()?;
        let base = Money::parse(amount, Currency::parse(currency)?).ok()?.minor();
        Some(Self { base, is_shipped: terms["productType"] == "PayAndShip" })
    }

    /// What it costs in a country, to half a minor unit up.
    fn price(self, country: &str) -> u64 {
        let goods = self.base + if self.is_shipped { DELIVERY } else { 0 };
        let points = TAXES.into_iter().find(|(known, _)| *known == country).map_or(0, |(_, points)| points);
        goods + (goods * u64::from(points) + 5_000) / 10_000
    }

    /// A Finalize must ask for what the order costs where its buyer is.
    pub(crate) fn of_leaving(self, body: &[u8]) -> Held {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let address = if self.is_shipped { &body["shippingAddress"] } else { &body["billingAddress"] };
        let country = address["countryCode"].as_str().unwrap_or_default();
        let asked = Self::of(&json!({ "paymentDetails": body })).map(|asked| asked.base);
        if asked == Some(self.price(country)) {
            return Ok(());
        }
        let shown_by = format!("{asked:?} is asked for in {country:?}, and {} is right", self.price(country));
        broken(Invariant::NotQuoted, shown_by)
    }
}

impl Story {
    /// The buyer comes to Amazon's page, and the shop's page asks what that costs: the session's amounts and
    /// addresses. Nothing, where there is no answer; then most buyers go no further.
    pub(crate) async fn quote(&self, terms: &Value, registered: &Registered) -> Option<Value> {
        let random = &self.random;
        let lives_in = |country: &str| address(country, self.order);
        let home = lives_in(random.one_of(&COUNTRIES));
        let mut body = terms.clone();
        // A page that does not ask goes on with what was registered.
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
            // The other tab's question, of another place.
            let event = json!({ "shippingAddress": lives_in(random.one_of(&COUNTRIES)),
                "billingAddress": lives_in(random.one_of(&COUNTRIES)) });
            let _ = self.ask_page(registered, "init", &event).await;
        }
        // In the end the buyer takes another address, and nobody asks again.
        let paid_from = if random.happens(80) { lives_in(random.one_of(&COUNTRIES)) } else { home };
        body["billingAddress"] = paid_from.clone();
        if body["productType"] == "PayAndShip" {
            body["shippingAddress"] = paid_from;
        }
        Some(body)
    }

    async fn ask_page(&self, registered: &Registered, event: &str, body: &Value) -> Option<Value> {
        let request = at_the_page(Method::POST, &registered.browser_token, event, body);
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
