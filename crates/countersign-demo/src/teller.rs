//! Tells the stories: numbers them, prints what happens while it happens, compares each story's end
//! with the expected one, and keeps the rows of the table.

use super::shop::{AS_ORDERED, Checkout, CheckoutSessionId, CheckoutVariation, Order, Shop, text};
use super::stage::Stage;
use super::table::Row;
use crate::demo_result::DemoResult;
use crate::json::JsonAnswer;

/// The function that prints the demo's lines.
pub(super) type Printer = fn(&dyn std::fmt::Display);

/// Numbers the stories and keeps their rows.
pub(super) struct Teller {
    say: Printer,
    begun: usize,
    title: String,
    pub(super) rows: Vec<Row>,
}

impl Teller {
    pub(super) fn new(say: Printer) -> Self {
        Self { say, begun: 0, title: String::new(), rows: Vec::new() }
    }

    pub(super) fn begin(&mut self, title: &str) {
        self.begun += 1;
        title.clone_into(&mut self.title);
        (self.say)(&format_args!("\n{:2}. {title}", self.begun));
    }

    /// Continues a story that was begun before.
    pub(super) fn resume(&mut self, title: &str) {
        (self.say)(&format_args!("\n    {title}: how it ended"));
        title.clone_into(&mut self.title);
    }

    pub(super) fn tell(&self, line: impl std::fmt::Display) {
        (self.say)(&format_args!("    {line}"));
    }

    /// The order of the story that has just begun.
    pub(super) fn order(
        &self,
        product_type: &'static str,
        payment_intent: &'static str,
        amount: &'static str,
    ) -> Order {
        let id = format!("A-{}", 100 + self.begun);
        Order { id, product_type, payment_intent, pending: false, amount, total: None }
    }

    pub(super) async fn registered(&self, shop: &Shop, order: &Order) -> DemoResult<Checkout> {
        let Order { id, product_type, payment_intent, pending, amount, total } = order;
        let of_total = total.map(|total| format!(" of {total}")).unwrap_or_default();
        let pending = if *pending { " (may be pending)" } else { "" };
        self.tell(format_args!(
            "The shop registers order {id}: {amount}{of_total} USD, {payment_intent}{pending}, {product_type}."
        ));
        shop.register(order).await
    }

    /// Begins the story of an order of this product type, payment intent and amount: the shop registers it,
    /// and its buyer places it on Amazon's page.
    pub(super) async fn placed(
        &mut self,
        stage: &Stage,
        title: &str,
        order: [&'static str; 3],
    ) -> DemoResult<(Checkout, CheckoutSessionId)> {
        self.placed_differently(stage, title, order, AS_ORDERED).await
    }

    /// Does the same as [`Self::placed`], for a buyer whose checkout differs from the order.
    pub(super) async fn placed_differently(
        &mut self,
        stage: &Stage,
        title: &str,
        [product_type, payment_intent, amount]: [&'static str; 3],
        differently: CheckoutVariation,
    ) -> DemoResult<(Checkout, CheckoutSessionId)> {
        let (shop, amazon) = stage.people();
        self.begin(title);
        let checkout = self.registered(&shop, &self.order(product_type, payment_intent, amount)).await?;
        let session = amazon.pay(&checkout, differently).await?;
        Ok((checkout, session))
    }

    pub(super) fn buyer_sees(&self, answer: &JsonAnswer) {
        let (outcome, message) = (text(&answer.body, "outcome"), text(&answer.body, "message"));
        let reason = text(&answer.body, "reason");
        let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        self.tell(format_args!(
            "The shop gets {} {outcome}{reason}; the buyer reads: {message:?}",
            answer.status.as_u16()
        ));
    }

    /// Ends the story if the checkout is as expected.
    pub(super) async fn end(
        &mut self,
        shop: &Shop,
        checkout: &Checkout,
        outcome: &str,
        reason: &str,
    ) -> DemoResult {
        let row = shop.row(&self.title, checkout).await?;
        let [_, _, ended, why, _, permission, charge] = &row;
        self.must_be("the outcome", ended.as_str(), outcome)?;
        self.must_be("the reason", why.as_str(), reason)?;
        let wants_permission = !matches!(outcome, "notPaid" | "canceled");
        self.must_be("a charge permission", &!permission.is_empty(), &wants_permission)?;
        self.must_be("a charge", &!charge.is_empty(), &matches!(outcome, "paid" | "authorized"))?;
        self.rows.push(row);
        Ok(())
    }

    pub(super) fn must_be<T: PartialEq + std::fmt::Debug + ?Sized>(
        &self,
        what: &str,
        found: &T,
        expected: &T,
    ) -> DemoResult {
        if found == expected {
            return Ok(());
        }
        Err(format!("{what} should be {expected:?}, but is {found:?}").into())
    }

    pub(super) fn answered(&self, answer: &JsonAnswer, status: u16, outcome: &str) -> DemoResult {
        self.buyer_sees(answer);
        self.must_be("the answer's status", &answer.status.as_u16(), &status)?;
        self.must_be("the outcome", text(&answer.body, "outcome").as_str(), outcome)
    }

    /// Checks the answer to an operation that the shop asked for: it must have this status and this
    /// state or code.
    pub(super) fn shop_gets(&self, answer: &JsonAnswer, status: u16, word: &str) -> DemoResult {
        let code = answer.body.pointer("/error/code").and_then(serde_json::Value::as_str);
        let found = code.map_or_else(|| text(&answer.body, "state"), str::to_owned);
        self.tell(format_args!("The shop gets {} {found}.", answer.status.as_u16()));
        self.must_be("the answer's status", &answer.status.as_u16(), &status)?;
        self.must_be("the answer", found.as_str(), word)
    }

    /// Checks that the order may be shipped, for this reason.
    pub(super) async fn may_ship(&self, shop: &Shop, checkout: &Checkout, reason: &str) -> DemoResult {
        let fulfilment = shop.fulfilment(checkout).await?;
        self.tell(format_args!("May it be shipped? yes: {}.", fulfilment.1));
        self.must_be("whether it may be shipped", &fulfilment, &(true, reason.to_owned()))
    }

    /// Checks that the order must not be shipped, for this reason.
    pub(super) async fn must_not_ship(&self, shop: &Shop, checkout: &Checkout, reason: &str) -> DemoResult {
        let fulfilment = shop.fulfilment(checkout).await?;
        self.tell(format_args!("May it be shipped? no: {}.", fulfilment.1));
        self.must_be("whether it may be shipped", &fulfilment, &(false, reason.to_owned()))
    }

    pub(super) fn failed(&self, failure: &dyn std::error::Error) -> String {
        format!("the story {:?} did not end as it must: {failure}", self.title)
    }
}
