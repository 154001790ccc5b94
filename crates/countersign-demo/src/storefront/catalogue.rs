//! What the demo's shop sells, and what an order costs: prices, delivery, tax and coupons, in cents.

use countersign_domain::money::{Currency, Money};
use countersign_domain::terms::ProductType;
use serde_json::{Value, json};

/// Something that can be bought.
pub(super) struct Product {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) cents: u64,
    pub(super) ships: bool,
}

pub(super) const GOODS: [Product; 3] = [
    Product {
        id: "cup",
        title: "Enamel cup",
        about: "Holds coffee, and survives the drop.",
        cents: 1_200,
        ships: true,
    },
    Product {
        id: "lamp",
        title: "Reading lamp",
        about: "Warm light, no switch to look for.",
        cents: 4_900,
        ships: true,
    },
    Product {
        id: "map",
        title: "Walking map (PDF)",
        about: "Twelve walks around Seattle, sent by e-mail.",
        cents: 650,
        ships: false,
    },
];

impl Product {
    /// The price of one.
    pub(super) fn price(&self) -> Money {
        usd(self.cents)
    }
}

/// The largest count of one product in an order.
pub(super) const MOST: u32 = 9;
/// The only coupon, and the percentage that it takes off the price of the goods.
pub(super) const COUPON: (&str, u64) = ("SPRING", 10);

/// A delivery option.
struct Delivery {
    id: &'static str,
    name: &'static str,
    cents: u64,
    days: u32,
}

const DELIVERIES: [Delivery; 2] = [
    Delivery { id: "standard", name: "Standard", cents: 490, days: 4 },
    Delivery { id: "express", name: "Express", cents: 1_490, days: 1 },
];

/// What a buyer has put into the cart: places in [`GOODS`], each with a count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Basket(Vec<(usize, u32)>);

/// What the price of an order depends on besides the goods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PriceQuestion<'a> {
    pub(super) country: Option<&'a str>,
    pub(super) state: Option<&'a str>,
    pub(super) delivery: Option<&'a str>,
    pub(super) coupons: Vec<&'a str>,
}

impl Basket {
    /// The basket with the counts of a form, in the order of [`GOODS`]; `None` if it is empty.
    pub(super) fn from_counts(counts: impl Fn(&str) -> Option<u32>) -> Option<Self> {
        let lines = GOODS.iter().enumerate().filter_map(|(place, good)| {
            let count = counts(good.id).unwrap_or(0).min(MOST);
            (count > 0).then_some((place, count))
        });
        let lines: Vec<_> = lines.collect();
        (!lines.is_empty()).then_some(Self(lines))
    }

    /// The product of each line, with its count.
    pub(super) fn lines(&self) -> impl Iterator<Item = (&'static Product, u32)> {
        self.0.iter().filter_map(|(place, count)| Some((GOODS.get(*place)?, *count)))
    }

    pub(super) fn product_type(&self) -> ProductType {
        match self.lines().any(|(good, _)| good.ships) {
            true => ProductType::PayAndShip,
            false => ProductType::PayOnly,
        }
    }

    /// The price of the goods alone.
    pub(super) fn base(&self) -> Money {
        let cents = self.lines().map(|(good, count)| good.cents.saturating_mul(u64::from(count)));
        usd(cents.fold(0, u64::saturating_add))
    }

    /// CartDetails for Amazon's page, or the code that says why there are none.
    pub(super) fn quote(&self, asked: &PriceQuestion<'_>) -> Value {
        let ships = self.product_type() == ProductType::PayAndShip;
        if ships && asked.country != Some("US") {
            return json!({ "status": "error", "reasonCode": "shippingAddressInvalid" });
        }
        let chosen = asked.delivery.unwrap_or("standard");
        let delivery = DELIVERIES.iter().find(|delivery| delivery.id == chosen);
        let Some(delivery) = delivery else {
            return json!({ "status": "error", "reasonCode": "deliveryOptionUnavailable" });
        };
        let base = self.base().minor();
        let has_coupon = asked.coupons.iter().any(|code| code.eq_ignore_ascii_case(COUPON.0));
        let discount = if has_coupon { hundredths(base, COUPON.1) } else { 0 };
        let shipping = if ships { delivery.cents } else { 0 };
        let tax = if ships { hundredths(base.saturating_sub(discount), tax_of(asked.state)) } else { 0 };
        let charge = base.saturating_add(shipping).saturating_add(tax).saturating_sub(discount);
        let mut cart = json!({
            "totalBaseAmount": price(base),
            "totalShippingAmount": price(shipping),
            "totalTaxAmount": price(tax),
            "totalDiscountAmount": price(discount),
            "totalChargeAmount": price(charge),
            "lineItems": self.lines().map(line_item).collect::<Vec<_>>(),
            "couponCodes": asked.coupons.iter().map(|code| coupon(code)).collect::<Vec<_>>(),
        });
        if ships {
            let options = DELIVERIES.iter().map(|option| delivery_option(option, chosen));
            cart["deliveryOptions"] = options.collect();
        }
        cart
    }
}

/// The tax in percent, by the state that the goods go to. The rates are invented, except Oregon's.
fn tax_of(state: Option<&str>) -> u64 {
    match state {
        Some("OR") => 0,
        Some("WA") => 10,
        Some(_) | None => 7,
    }
}

fn hundredths(cents: u64, hundredths: u64) -> u64 {
    cents.saturating_mul(hundredths).saturating_add(50) / 100
}

fn usd(cents: u64) -> Money {
    Money::from_minor(cents, Currency::USD)
}

pub(super) fn price(cents: u64) -> Value {
    json!({ "amount": usd(cents).amount(), "currencyCode": "USD" })
}

fn line_item((good, count): (&Product, u32)) -> Value {
    json!({
        "id": good.id,
        "title": good.title,
        "quantity": count.to_string(),
        "listPrice": price(good.cents),
        "totalListPrice": price(good.cents.saturating_mul(u64::from(count))),
    })
}

fn delivery_option(option: &Delivery, chosen: &str) -> Value {
    json!({
        "id": option.id,
        "price": price(option.cents),
        "shippingMethod": { "shippingMethodName": option.name, "shippingMethodCode": option.id },
        "shippingEstimate": [{ "timeUnit": "DAY", "value": option.days }],
        "isDefault": option.id == chosen,
    })
}

fn coupon(code: &str) -> Value {
    match code.eq_ignore_ascii_case(COUPON.0) {
        true => json!({ "code": code, "status": "applied", "description": "10 % off the goods" }),
        false => json!({ "code": code, "status": "invalid", "description": "This shop has no such coupon." }),
    }
}

#[cfg(test)]
mod tests {
    use countersign_domain::cart::DeliveryOptions;
    use countersign_protocol::wire::{CartDetails, Spellings, read_request};

    use super::*;

    fn basket(counts: [u32; 3]) -> Basket {
        Basket::from_counts(|id| GOODS.iter().position(|good| good.id == id).map(|place| counts[place]))
            .unwrap()
    }

    fn asked<'a>(state: &'a str, delivery: &'a str, coupons: &[&'a str]) -> PriceQuestion<'a> {
        let (country, state, delivery) = (Some("US"), Some(state), Some(delivery));
        PriceQuestion { country, state, delivery, coupons: coupons.to_vec() }
    }

    #[test]
    fn every_quote_is_a_cart_that_amazons_page_takes() {
        for counts in [[1, 0, 0], [2, 1, 0], [0, 0, 3], [9, 9, 9]] {
            let basket = basket(counts);
            for state in ["WA", "OR", "NY"] {
                for delivery in ["standard", "express"] {
                    for coupons in [&[][..], &["spring"], &["SPRING", "NONE"]] {
                        let quote = basket.quote(&asked(state, delivery, coupons)).to_string();
                        let details: CartDetails = read_request(quote.as_bytes(), Spellings::Every).unwrap();
                        let cart = details.cart().unwrap();
                        let product = basket.product_type();
                        cart.check(Currency::USD, product, DeliveryOptions::Required).unwrap();
                    }
                }
            }
        }
    }

    #[test]
    fn tax_delivery_and_coupon_change_what_is_charged() {
        let charge = |basket: &Basket, asked: &PriceQuestion<'_>| {
            basket.quote(asked)["totalChargeAmount"]["amount"].as_str().unwrap_or("none").to_owned()
        };
        let cups = basket([2, 0, 0]);
        assert_eq!(charge(&cups, &asked("OR", "standard", &[])), "28.90");
        assert_eq!(charge(&cups, &asked("WA", "standard", &[])), "31.30");
        assert_eq!(charge(&cups, &asked("WA", "express", &["SPRING"])), "38.66");
        assert_eq!(charge(&basket([0, 0, 1]), &asked("WA", "standard", &[])), "6.50");
    }

    #[test]
    fn an_order_that_cannot_be_delivered_is_refused_by_its_code() {
        let reason = |asked: &PriceQuestion<'_>| basket([1, 0, 0]).quote(asked)["reasonCode"].clone();
        for country in [Some("DE"), Some("us"), Some(""), None] {
            let elsewhere = PriceQuestion { country, ..asked("WA", "standard", &[]) };
            assert_eq!(reason(&elsewhere), "shippingAddressInvalid", "{country:?}");
        }
        let nowhere = PriceQuestion { country: None, state: None, ..asked("", "standard", &[]) };
        let charge = &basket([0, 0, 1]).quote(&nowhere)["totalChargeAmount"]["amount"];
        assert_eq!(charge, "6.50", "an order without a parcel can go everywhere");
        assert_eq!(reason(&asked("WA", "pigeon", &[])), "deliveryOptionUnavailable");
        assert_eq!(Basket::from_counts(|_| None), None);
    }
}
