//! The orders of the demo's shop, in memory. An order's number is reserved before it is used, and a webhook that
//! is delivered again is the same fact.

use std::collections::BTreeMap;

use aws_lc_rs::constant_time;
use countersign_domain::terms::PaymentIntent;
use countersign_world::Entropy;
use serde_json::Value;

use super::catalogue::Basket;

/// The largest number of orders that are kept. When there are more, the oldest is dropped.
const MOST_ORDERS: usize = 500;
/// The number before the first order's.
const BEFORE_FIRST: u32 = 1_000;

/// An order in the shop's own records.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) name: Name,
    pub(super) basket: Basket,
    pub(super) intent: PaymentIntent,
    /// The merchant half's answer to the registration.
    pub(super) registration: Value,
    facts: Vec<Fact>,
}

/// An order's number, and the random part of its page's address. The page contains the order's
/// token, so nobody must be able to find its address by counting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    number: u32,
    key: String,
}

/// A webhook about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fact {
    /// `webhook-id`: the same in every delivery of a fact.
    id: String,
    at: String,
    what: String,
}

impl Name {
    /// The shop's number for the order, as the merchant half and Amazon have it.
    pub(super) fn id(&self) -> String {
        format!("D-{}", self.number)
    }

    pub(super) fn path(&self) -> String {
        format!("/shop/orders/{}-{}", self.number, self.key)
    }
}

impl Order {
    pub(super) fn new(name: Name, basket: Basket, intent: PaymentIntent, registration: Value) -> Self {
        Self { name, basket, intent, registration, facts: Vec::new() }
    }

    pub(super) fn checkout_id(&self) -> &str {
        self.registration.get("checkoutId").and_then(Value::as_str).unwrap_or_default()
    }

    /// The facts that the shop was sent about the order: when each happened, and its type.
    pub(super) fn facts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.facts.iter().map(|fact| (fact.at.as_str(), fact.what.as_str()))
    }
}

/// Every order of the shop.
#[derive(Debug, Default)]
pub(super) struct Orders {
    reserved: u32,
    by_number: BTreeMap<u32, Order>,
}

impl Orders {
    /// The name of a new order. No other order gets it, even if this one is never registered.
    pub(super) fn reserve(&mut self, entropy: &dyn Entropy) -> Name {
        let mut random = [0; 16];
        entropy.fill(&mut random);
        self.reserved = self.reserved.saturating_add(1);
        Name {
            number: BEFORE_FIRST.saturating_add(self.reserved),
            key: format!("{:032x}", u128::from_be_bytes(random)),
        }
    }

    pub(super) fn keep(&mut self, order: Order) {
        self.by_number.insert(order.name.number, order);
        if self.by_number.len() > MOST_ORDERS {
            self.by_number.pop_first();
        }
    }

    /// The order whose page's address ends with this segment.
    pub(super) fn by_page(&self, segment: &str) -> Option<&Order> {
        let (number, key) = segment.split_once('-')?;
        let order = self.by_number.get(&number.parse().ok()?)?;
        let is_its_key = constant_time::verify_slices_are_equal(order.name.key.as_bytes(), key.as_bytes());
        is_its_key.is_ok().then_some(order)
    }

    /// The order of this number, as the merchant half names it.
    pub(super) fn by_id(&self, id: &str) -> Option<&Order> {
        self.by_number.get(&number_of(id)?)
    }

    pub(super) fn newest(&self, count: usize) -> Vec<Order> {
        self.by_number.values().rev().take(count).cloned().collect()
    }

    /// Notes what a webhook says about an order. A webhook that comes again is not noted twice.
    pub(super) fn hear(&mut self, order_id: &str, webhook_id: &str, at: &str, what: &str) {
        let order = number_of(order_id).and_then(|number| self.by_number.get_mut(&number));
        let Some(order) = order else { return };
        if order.facts.iter().all(|fact| fact.id != webhook_id) {
            let [id, at, what] = [webhook_id, at, what].map(str::to_owned);
            order.facts.push(Fact { id, at, what });
        }
    }
}

fn number_of(id: &str) -> Option<u32> {
    id.strip_prefix("D-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use countersign_world::SystemEntropy;

    use super::super::catalogue::GOODS;
    use super::*;

    fn order(name: Name) -> Order {
        let basket = Basket::from_counts(|id| (id == GOODS[0].id).then_some(1)).unwrap();
        Order::new(name, basket, PaymentIntent::Authorize, Value::Null)
    }

    #[test]
    fn a_number_that_is_being_registered_is_not_given_to_another_order() {
        let mut orders = Orders::default();
        let (first, second) = (orders.reserve(&SystemEntropy), orders.reserve(&SystemEntropy));
        assert_eq!([first.id(), second.id()], ["D-1001", "D-1002"]);
        orders.keep(order(second));
        assert_eq!(orders.reserve(&SystemEntropy).id(), "D-1003");
    }

    #[test]
    fn a_page_is_found_by_its_number_and_its_key_together() {
        let mut orders = Orders::default();
        let (one, other) = (orders.reserve(&SystemEntropy), orders.reserve(&SystemEntropy));
        orders.keep(order(one.clone()));
        orders.keep(order(other.clone()));
        let segment = |name: &Name| name.path().strip_prefix("/shop/orders/").unwrap().to_owned();
        assert_eq!(orders.by_page(&segment(&one)).map(|it| &it.name), Some(&one));
        let mixed = format!("1001-{}", other.key);
        for wrong in ["1001", "1001-", "D-1001", "1003-", "", mixed.as_str(), &one.key[1..]] {
            assert!(orders.by_page(wrong).is_none(), "{wrong}");
        }
        assert_eq!(one.key.len(), 32);
    }

    #[test]
    fn the_oldest_order_is_dropped_when_there_are_too_many() {
        let mut orders = Orders::default();
        for _ in 0..=MOST_ORDERS {
            let name = orders.reserve(&SystemEntropy);
            orders.keep(order(name));
        }
        assert!(orders.by_id("D-1001").is_none() && orders.by_id("D-1002").is_some());
        assert_eq!(orders.newest(1)[0].name.id(), "D-1501");
    }
}
