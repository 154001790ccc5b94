//! The shop and its buyers: one story per order. The shop registers the order, and perhaps changes
//! its terms. The buyer opens Amazon's page in one or two tabs, perhaps places the order, comes
//! back, perhaps waits, and sometimes clicks twice, returns hours later, or tries again after a
//! decline.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::money::{Currency, Money};
use countersign_domain::provider::finalize::FinalizeReplay;
use countersign_http::{Request, Response};
use countersign_merchant::settings::Integration;
use futures_util::future::{Either, join, select};
use http::Method;
use serde_json::{Value, json};

use crate::checkouts::Audience;
use crate::entropy::Random;
use crate::features::Feature;
use crate::looking::Inspection;
use crate::prices::QuotedOrder;
use crate::process::{GivingUp, ServeOutcome};
use crate::requests::{at_amazon, at_the_page, read, shop_request};
use crate::world::World;

/// One order's story.
pub(crate) struct Story {
    pub(crate) world: Arc<World>,
    pub(crate) order: usize,
    pub(crate) random: Random,
}

/// The order as the shop has registered it.
pub(crate) struct RegisteredOrder {
    pub(crate) checkout_id: String,
    pub(crate) browser_token: String,
    result_token: String,
    terms_version: u64,
    /// Whether the buyer's page asks what the order costs, and completes it.
    is_quoted: bool,
}

/// How a completion ended for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CompletionHeard {
    Good,
    NotPaid,
    /// Pending, checking, refused, or no answer at all.
    Nothing,
}

/// When the buyer places the order of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placing {
    /// Before they come back, nearly always.
    First,
    /// While the shop already completes it.
    Meanwhile,
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

impl Story {
    /// Plays the story from the beginning.
    pub(crate) async fn tell(self) {
        let terms = self.draw_terms();
        let Some(registered) = self.register(&terms).await else { return };
        let is_changed = self.random.happens(100) && !registered.is_quoted;
        let mut terms = if is_changed { self.change_terms(terms, &registered).await } else { terms };
        let mut is_good = false;
        for attempt in 0..3 {
            let heard = if self.random.happens(200) {
                let (one, other) =
                    join(self.tab(&terms, &registered, attempt), self.tab(&terms, &registered, attempt))
                        .await;
                if one == CompletionHeard::Good { one } else { other }
            } else if self.random.happens(50) && !registered.is_quoted {
                // The shop changes the terms while the buyer is on Amazon's page, or on the way back.
                let changing = async {
                    self.pause(Duration::ZERO, MINUTE).await;
                    self.change_terms(terms.clone(), &registered).await
                };
                let (heard, changed) = join(self.tab(&terms, &registered, attempt), changing).await;
                terms = changed;
                heard
            } else {
                self.tab(&terms, &registered, attempt).await
            };
            is_good |= heard == CompletionHeard::Good;
            let tries_again = match heard {
                CompletionHeard::Good => false,
                CompletionHeard::NotPaid => self.random.happens(600),
                CompletionHeard::Nothing => self.random.happens(250),
            };
            if !tries_again {
                break;
            }
            self.pause(SECOND, 5 * MINUTE).await;
        }
        // Some shops ask for operations before anything is paid.
        if is_good || self.random.happens(150) {
            self.go_on(&terms, &registered).await;
        }
        for _ in 0..self.random.below(4) {
            self.pause(SECOND, 60 * MINUTE).await;
            self.look(&registered).await;
        }
    }

    pub(crate) async fn pause(&self, from: Duration, to: Duration) {
        self.world.executor.sleep(self.random.time(from, to)).await;
    }

    fn draw_terms(&self) -> Value {
        let random = &self.random;
        let currency =
            random.one_of(&[Currency::USD, Currency::USD, Currency::USD, Currency::EUR, Currency::JPY]);
        let minor = 100 + u64::try_from(random.below(100_000)).unwrap_or(0);
        let price = |minor| {
            let money = Money::from_minor(minor, currency);
            json!({ "amount": money.amount(), "currencyCode": currency.as_str() })
        };
        let intent = random.one_of(&["Confirm", "Authorize", "Authorize", "AuthorizeWithCapture"]);
        let mut details = json!({ "paymentIntent": intent, "chargeAmount": price(minor) });
        if intent == "Authorize" && random.happens(600) {
            details["canHandlePendingAuthorization"] = json!(true);
        }
        if random.happens(250) {
            details["totalOrderAmount"] = price(minor * 2);
        }
        let mut terms = json!({
            "productType": random.one_of(&["PayAndShip", "PayOnly"]),
            "paymentDetails": details,
        });
        if random.happens(250) {
            terms["supplementaryData"] = json!(format!("{{\"cart\":{}}}", self.order));
        }
        terms
    }

    /// Registers the order, and tries again until it succeeds.
    async fn register(&self, terms: &Value) -> Option<RegisteredOrder> {
        let mut body = terms.clone();
        body["orderId"] = json!(format!("order-{}", self.order));
        body["startOfCheckoutUrl"] = json!("https://shop.example/checkout");
        let is_quoted = self.world.quotes() && self.random.happens(700);
        if let Some(priced) = QuotedOrder::from_terms(terms).filter(|_| is_quoted) {
            self.world.witness.is_priced(self.order, priced);
        }
        if self.world.has(Feature::Carts) {
            self.join_cart(&mut body);
        }
        for _ in 0..20 {
            let request = shop_request(Method::POST, "/v1/checkouts", &body);
            let answer = self.call(request, 30 * SECOND, |_| ()).await;
            if let (Some(answer), Some(members)) = (&answer, body.as_object_mut())
                && answer.status().is_client_error()
            {
                // That order cannot be superseded any more.
                members.remove("supersedes");
            }
            let answer = answer.filter(|answer| answer.status().is_success());
            if let Some(answer) = answer.as_ref().and_then(read) {
                let text = |member: &str| answer[member].as_str().map(str::to_owned);
                return Some(RegisteredOrder {
                    checkout_id: text("checkoutId")?,
                    result_token: text("resultUrl")?.rsplit('/').next()?.to_owned(),
                    browser_token: text("browserToken")?,
                    terms_version: answer["termsVersion"].as_u64()?,
                    is_quoted,
                });
            }
            self.pause(SECOND, MINUTE).await;
        }
        None
    }

    /// The same cart under two order numbers, or an order in place of another.
    fn join_cart(&self, body: &mut Value) {
        let (order, random) = (self.order, &self.random);
        let cart = order / 2;
        if cart % 5 < 3 {
            body["cartId"] = json!(format!("cart-{cart}"));
        }
        let first = self.world.witness.checkout(order ^ 1);
        if let Some(first) = first.filter(|_| random.happens(400)) {
            self.world.witness.count("supersedes another order");
            body["supersedes"] = json!(first.id);
        }
    }

    /// Changes the terms, and returns those that apply from now on as far as the shop knows.
    async fn change_terms(&self, mut terms: Value, registered: &RegisteredOrder) -> Value {
        let mut changed = terms.clone();
        let other = self.draw_terms();
        changed["paymentDetails"] = other["paymentDetails"].clone();
        let mut body = changed.clone();
        body["termsVersion"] = json!(registered.terms_version);
        let path = format!("/v1/checkouts/{}/terms", registered.checkout_id);
        let answer = self.call(shop_request(Method::PUT, &path, &body), 30 * SECOND, |_| ()).await;
        if answer.is_some_and(|answer| answer.status().is_success()) {
            terms = changed;
        }
        terms
    }

    /// Plays one tab: Amazon's page, and back.
    async fn tab(&self, terms: &Value, registered: &RegisteredOrder, attempt: u32) -> CompletionHeard {
        self.pause(Duration::ZERO, 20 * SECOND).await;
        let placing = if self.random.happens(50) { Placing::Meanwhile } else { Placing::First };
        let Some(session) = self.begin_session(terms, registered, attempt, placing).await else {
            return CompletionHeard::Nothing;
        };
        let id = session["checkoutSessionId"].as_str().unwrap_or_default().to_owned();
        if placing == Placing::Meanwhile {
            // The session is handed over before its buyer has approved it.
            let approving = async {
                self.pause(Duration::ZERO, 3 * MINUTE).await;
                self.place(&id).await;
            };
            let (heard, ()) = join(self.come_back(&session, &id, registered), approving).await;
            return heard;
        }
        if self.shares_account(&id) {
            let heard = self.come_back(&session, &id, registered).await;
            self.is_sold_elsewhere(&session, &id, terms).await;
            let later = self.come_back(&session, &id, registered).await;
            return if heard == CompletionHeard::Good { heard } else { later };
        }
        if self.random.happens(40) {
            let (_, heard) =
                join(self.cancel_at_amazon(&id), self.come_back(&session, &id, registered)).await;
            return heard;
        }
        self.come_back(&session, &id, registered).await
    }

    /// The buyer opens Amazon's page and places the order, nearly always as the shop wants it.
    async fn begin_session(
        &self,
        terms: &Value,
        registered: &RegisteredOrder,
        attempt: u32,
        placing: Placing,
    ) -> Option<Value> {
        let random = &self.random;
        let mut body =
            if registered.is_quoted { self.quote(terms, registered).await? } else { terms.clone() };
        let reference = match random.below(100) {
            0..3 => Some("somebody-elses".to_owned()),
            3..10 => None,
            _ => Some(registered.checkout_id.clone()),
        };
        if let Some(reference) = reference {
            body["merchantMetadata"] = json!({ "merchantReferenceId": reference });
        }
        if random.happens(40) {
            let other = self.draw_terms();
            body["paymentDetails"] = other["paymentDetails"].clone();
        }
        let may_pend = body["paymentDetails"]["canHandlePendingAuthorization"] == json!(true);
        let cards: &[&'static str] = if may_pend {
            &["1111", "0701", "0701", "4354", "4354", "3434"]
        } else if attempt == 0 {
            &["1111", "1111", "1111", "0005", "3434", "3064", "0701"]
        } else {
            &["1111", "4444", "9424", "3434"]
        };
        let card = random.one_of(cards);
        body["card"] = json!(card);
        let is_placed = random.happens(700) && placing == Placing::First;
        body["placed"] = json!(is_placed);
        let (witness, order) = (Arc::clone(&self.world.witness), self.order);
        let began = move |answer: &Response| {
            if let Some(session) = read(answer).filter(|_| answer.status().is_success())
                && let Some(id) = session["checkoutSessionId"].as_str()
            {
                witness.session_began(id, order, card);
            }
        };
        let request = at_amazon("/_sandbox/checkout-sessions", &body);
        let session = self.act_at_amazon(request, began).await?;
        if let Some(id) = session["checkoutSessionId"].as_str() {
            self.world.authorize_early(self.order, id, &registered.checkout_id, terms);
        }
        let is_shared = session["checkoutSessionId"].as_str().is_some_and(|id| self.shares_account(id));
        if !is_placed && placing == Placing::First && random.happens(950) && !is_shared {
            self.pause(SECOND, MINUTE).await;
            self.place(session["checkoutSessionId"].as_str()?).await;
        }
        Some(session)
    }

    /// The buyer places the order of a session.
    async fn place(&self, session: &str) {
        let path = format!("/_sandbox/checkout-sessions/{session}/buyer");
        for _ in 0..3 {
            let body = json!({ "action": "placeOrder" });
            if self.act_at_amazon(at_amazon(&path, &body), |_| ()).await.is_some() {
                break;
            }
            self.pause(SECOND, 10 * SECOND).await;
        }
    }

    /// Whether another client of the account may finalize this session. It is drawn by the session's id, so that the
    /// other draws of the world stay as they are.
    fn shares_account(&self, session: &str) -> bool {
        let is_drawn = session.bytes().next().is_some_and(|byte| matches!(byte, b'0' | b'1'));
        // If Amazon answers each Finalize of a completed session with its ids, even the first answer to the merchant
        // half does not show whose payment it is.
        let tells = self.world.reading.flags.finalize_replay == FinalizeReplay::Refuse;
        self.world.integration() == Integration::OneOfSeveral && tells && is_drawn
    }

    /// Once the merchant half knows that Amazon has refused it the session, its buyer approves it, and another client
    /// of the account finalizes it.
    async fn is_sold_elsewhere(&self, session: &Value, id: &str, terms: &Value) {
        if !self.world.witness.is_known_to_be_refused(id) {
            return;
        }
        let place =
            at_amazon(&format!("/_sandbox/checkout-sessions/{id}/buyer"), &json!({ "action": "placeOrder" }));
        let _ = self.act_at_amazon(place, |_| ()).await;
        self.world.finalize_elsewhere(session, terms).await;
    }

    async fn cancel_at_amazon(&self, session: &str) {
        self.pause(Duration::ZERO, 30 * SECOND).await;
        let path = format!("/_sandbox/checkout-sessions/{session}/buyer");
        let _ = self.act_at_amazon(at_amazon(&path, &json!({ "action": "cancel" })), |_| ()).await;
    }

    async fn act_at_amazon(
        &self,
        request: Request,
        inspect: impl FnOnce(&Response) + Send + 'static,
    ) -> Option<Value> {
        self.pause(Duration::ZERO, SECOND).await;
        match self.world.amazon.serve(request, GivingUp::LeavesItRunning, inspect).await {
            ServeOutcome::Answer(answer) if answer.status().is_success() => read(&answer),
            ServeOutcome::Answer(_) | ServeOutcome::Reset | ServeOutcome::Refused => None,
        }
    }

    /// The browser comes back and the shop completes the checkout: once, twice at the same time, or
    /// several times.
    async fn come_back(&self, session: &Value, id: &str, registered: &RegisteredOrder) -> CompletionHeard {
        let random = &self.random;
        let mut body = json!({ "amazonCheckoutSessionId": id });
        if random.happens(300) {
            for member in ["shippingAddress", "billingAddress"] {
                body[member] = session[member].clone();
            }
            if random.happens(60) && !body["billingAddress"].is_null() {
                body["billingAddress"]["city"] = json!("Elsewhere");
            }
        }
        self.pause(Duration::ZERO, 5 * SECOND).await;
        let mut heard = CompletionHeard::Nothing;
        for _ in 0..1 + random.below(5) {
            heard = if random.happens(250) {
                let complete = || self.complete(id, &body, registered);
                let (one, other) = join(complete(), complete()).await;
                if one == CompletionHeard::Nothing { other } else { one }
            } else {
                self.complete(id, &body, registered).await
            };
            match heard {
                CompletionHeard::Good => break,
                CompletionHeard::NotPaid if random.happens(700) => break,
                // Sometimes the buyer comes back hours later.
                CompletionHeard::NotPaid | CompletionHeard::Nothing if random.happens(100) => {
                    self.pause(MINUTE, 300 * MINUTE).await;
                }
                CompletionHeard::NotPaid | CompletionHeard::Nothing => {
                    self.pause(Duration::ZERO, 2 * MINUTE).await
                }
            }
            if random.happens(200) {
                self.look(registered).await;
            }
        }
        heard
    }

    async fn complete(&self, session: &str, body: &Value, registered: &RegisteredOrder) -> CompletionHeard {
        let random = &self.random;
        let by_the_shop = |checkout_id: &str| {
            shop_request(Method::POST, &format!("/v1/checkouts/{checkout_id}/complete"), body)
        };
        let (mut request, mut order) = (by_the_shop(&registered.checkout_id), self.order);
        let mut audience = Audience::Shop;
        if registered.is_quoted {
            audience = Audience::Browser;
            request = at_the_page(&registered.browser_token, "complete", body);
        }
        if random.happens(30) {
            // The shop mixes up two orders: one is completed with the other's session. The shop does not itself complete an order whose price
            // the buyer's page asks for.
            let other = random.below(self.world.order_count);
            let checkout = self.world.witness.checkout(other);
            if let Some(checkout) = checkout.filter(|_| other != self.order) {
                (request, order, audience) = (by_the_shop(&checkout.id), other, Audience::Shop);
            }
        }
        let patience =
            if random.happens(300) { random.time(Duration::ZERO, 10 * SECOND) } else { 60 * SECOND };
        let witness = Arc::clone(&self.world.witness);
        witness.is_asked_about(order);
        let before = witness.checkout(order);
        let session = session.to_owned();
        let inspect = move |answer: &Response| {
            if matches!(answer.status().as_u16(), 200 | 202 | 402)
                && let Some(answer) = read(answer)
            {
                witness.completion_said(order, &session, before.as_ref(), &answer, audience);
            }
        };
        let answer = self.call(request, patience, inspect).await;
        match answer.map(|answer| answer.status().as_u16()) {
            Some(200) => CompletionHeard::Good,
            Some(402) => CompletionHeard::NotPaid,
            _ => CompletionHeard::Nothing,
        }
    }

    /// The buyer looks at the result page, or the shop at the checkout.
    async fn look(&self, registered: &RegisteredOrder) {
        let (witness, order) = (&self.world.witness, self.order);
        let Inspection { request, inspect } = if self.random.happens(500) {
            Inspection::at_page(witness, order, &registered.result_token)
        } else {
            Inspection::at_checkout(witness, order, &registered.checkout_id)
        };
        self.call(request, Duration::from_secs(30), inspect).await;
    }

    /// Makes one request to the merchant half, over a network, for a caller who waits this long.
    pub(crate) async fn call(
        &self,
        request: Request,
        patience: Duration,
        inspect: impl FnOnce(&Response) + Send + 'static,
    ) -> Option<Response> {
        let (world, random) = (&self.world, &self.random);
        let is_lost = || world.weather.strikes(random, |rates| rates.browser);
        self.pause(Duration::ZERO, SECOND / 2).await;
        if is_lost() {
            return None;
        }
        let giving_up = random.one_of(&[GivingUp::LeavesItRunning, GivingUp::EndsIt]);
        let served = Box::pin(world.merchant.serve(request, giving_up, inspect));
        match select(served, Box::pin(world.executor.sleep(patience))).await {
            Either::Left((ServeOutcome::Answer(answer), _)) if !is_lost() => Some(answer),
            Either::Left(_) | Either::Right(_) => None,
        }
    }
}
