//! What an order costs in the worlds with quotes: the merchant half's table, and a separate
//! computation of the price.

use countersign_domain::money::{Currency, Money};
use countersign_merchant::settings::{DeliveryRate, QuoteTable, Storefront, TaxRate};
use serde_json::{Value, json};

use crate::invariants::{CheckResult, Invariant, broken};

/// What the first delivery option costs, in minor units of any currency.
const DELIVERY: u64 = 490;
/// Taxes in hundredths of a percent, by country. Other countries have none.
const TAXES: [(&str, u32); 2] = [("US", 825), ("DE", 1_900)];
/// The merchant half's settings in a world with quotes.
pub(crate) fn storefront() -> Storefront {
    let delivery = |currency: Currency| DeliveryRate {
        id: format!("standard-{}", currency.as_str()),
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

/// An order for which the buyer's page asks for a quote: the items' price, and whether the order is
/// shipped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuotedOrder {
    base: u64,
    is_shipped: bool,
}

impl QuotedOrder {
    pub(crate) fn from_terms(terms: &Value) -> Option<Self> {
        let amount = terms["paymentDetails"]["chargeAmount"]["amount"].as_str()?;
        let currency = terms["paymentDetails"]["chargeAmount"]["currencyCode"].as_str()?;
        let base = Money::parse(amount, Currency::parse(currency)?).ok()?.minor();
        Some(Self { base, is_shipped: terms["productType"] == "PayAndShip" })
    }

    /// What the order costs in a country, with half a minor unit rounded up.
    fn price(self, country: &str) -> u64 {
        let goods = self.base + if self.is_shipped { DELIVERY } else { 0 };
        let points = TAXES.into_iter().find(|(known, _)| *known == country).map_or(0, |(_, points)| points);
        goods + (goods * u64::from(points) + 5_000) / 10_000
    }

    /// Checks that a Finalize asks for what the order costs in its buyer's country.
    pub(crate) fn check_leaving(self, body: &[u8]) -> CheckResult {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let address = if self.is_shipped { &body["shippingAddress"] } else { &body["billingAddress"] };
        let country = address["countryCode"].as_str().unwrap_or_default();
        let asked = Self::from_terms(&json!({ "paymentDetails": body })).map(|asked| asked.base);
        if asked == Some(self.price(country)) {
            return Ok(());
        }
        let shown_by = format!("{asked:?} is asked for in {country:?}, but {} is right", self.price(country));
        broken(Invariant::NotQuoted, shown_by)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn asked(amount: &str, country: &str) -> CheckResult {
        let of = |amount: &str| json!({ "amount": amount, "currencyCode": "USD" });
        let terms = json!({ "productType": "PayAndShip", "paymentDetails": { "chargeAmount": of("14.00") } });
        let body = json!({ "chargeAmount": of(amount), "shippingAddress": { "countryCode": country } });
        QuotedOrder::from_terms(&terms).unwrap().check_leaving(body.to_string().as_bytes())
    }

    /// Breaks the invariants, and returns each with what the check found.
    pub(crate) fn broken_by_hand() -> Vec<(Invariant, CheckResult)> {
        [("14.00", "US"), ("18.90", "US"), ("20.45", "US"), ("20.46", "DE")]
            .map(|(amount, country)| (Invariant::NotQuoted, asked(amount, country)))
            .to_vec()
    }

    #[test]
    fn goods_delivery_and_taxes_are_charged() {
        // 14.00 and 4.90, plus taxes of 8.25 %, 19 % and nothing.
        for (amount, country) in [("20.46", "US"), ("22.49", "DE"), ("18.90", "FR")] {
            assert_eq!(asked(amount, country), Ok(()), "{country}");
        }
    }
}
