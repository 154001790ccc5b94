//! The demo's shop: a page to begin at, a small catalogue, a checkout with Amazon's button, and what becomes
//! of each order. Its back end talks to the merchant half as any shop would: it registers orders, answers
//! the quote hook, takes webhooks, and captures, refunds and cancels by the API. It keeps its orders in
//! memory, and knows no buyer's name.

mod catalogue;
mod pages;
mod signed;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_domain::terms::PaymentIntent;
use countersign_http::{Handler, Reply, Request, Response, Unreadable};
use futures_util::future::BoxFuture;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::http::{Answer, Http};
use super::moved_clock::MovedClock;
use crate::failure::Outcome;
use catalogue::{Asked, Basket};
use signed::Secret;

/// The most orders that are kept: the oldest goes.
const MOST_ORDERS: usize = 500;
/// The longest form, and the longest body of the merchant half's.
const MAX_FORM_LEN: usize = 4_096;
const DAY: Duration = Duration::from_secs(86_400);

/// Where the shop is, and whom it talks to.
pub(super) struct Places {
    pub(super) own_url: String,
    pub(super) merchant: Http,
    pub(super) amazon: Http,
    pub(super) clock: MovedClock,
}

/// The shop.
#[derive(Clone)]
pub(super) struct Storefront(Arc<Inner>);

struct Inner {
    places: Places,
    secret: Secret,
    orders: Mutex<BTreeMap<u32, Order>>,
}

/// An order, as the shop knows it.
#[derive(Debug, Clone)]
struct Order {
    number: u32,
    basket: Basket,
    intent: PaymentIntent,
    /// What the merchant half answered to its registration.
    registration: Value,
    /// The webhooks that came about it.
    facts: Vec<String>,
}

impl Order {
    fn id(&self) -> String {
        format!("D-{}", self.number)
    }

    fn path(&self) -> String {
        format!("/shop/orders/{}", self.number)
    }

    fn checkout_id(&self) -> &str {
        self.registration.get("checkoutId").and_then(Value::as_str).unwrap_or_default()
    }
}

/// What a request came to.
enum Outgoing {
    Page(StatusCode, String),
    SeeOther(String),
    Json(StatusCode, Value),
    Script(&'static str),
    Nothing(StatusCode),
}

impl Handler for Storefront {
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply> {
        let shop = self.clone();
        Box::pin(async move { Reply::Answer(shop.answer(&request).await) })
    }

    fn refuse(&self, _: &http::request::Parts, _: Unreadable) -> Response {
        pages::response(Outgoing::Nothing(StatusCode::BAD_REQUEST), &self.0.places)
    }
}

impl Storefront {
    /// A shop without orders, whose webhooks and quotes are signed with the secret.
    pub(super) fn new(places: Places, secret: &str) -> Outcome<Self> {
        let secret = Secret::parse(secret)?;
        Ok(Self(Arc::new(Inner { places, secret, orders: Mutex::default() })))
    }

    async fn answer(&self, request: &Request) -> Response {
        let outgoing = self.route(request).await.unwrap_or_else(|failure| {
            Outgoing::Page(StatusCode::BAD_GATEWAY, pages::message("Something is away", &failure.to_string()))
        });
        pages::response(outgoing, &self.0.places)
    }

    async fn route(&self, request: &Request) -> Outcome<Outgoing> {
        let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
        match (request.method(), &path[..]) {
            (&Method::GET, [""]) => self.front().await,
            (&Method::GET, ["shop"]) => Ok(Outgoing::Page(StatusCode::OK, pages::catalogue())),
            (&Method::GET, ["mount.js"]) => Ok(Outgoing::Script(pages::MOUNT)),
            (&Method::GET, ["shop", "orders", number]) => match self.order(number) {
                Some(order) => self.show(&order).await,
                None => Ok(not_found()),
            },
            (&Method::POST, ["quote"]) => Ok(self.quote(request)),
            (&Method::POST, ["webhooks"]) => Ok(self.hear(request)),
            (&Method::POST, _) if !self.is_of_own_page(request) => {
                Ok(Outgoing::Nothing(StatusCode::FORBIDDEN))
            }
            (&Method::POST, ["shop", "orders"]) => self.place(request).await,
            (&Method::POST, ["shop", "orders", number, act]) => match self.order(number) {
                Some(order) => self.act(&order, act).await,
                None => Ok(not_found()),
            },
            (&Method::POST, ["clock"]) => self.next_day().await,
            _ => Ok(not_found()),
        }
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, BTreeMap<u32, Order>> {
        self.0.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, number: &str) -> Option<Order> {
        self.orders().get(&number.parse().ok()?).cloned()
    }

    /// A form of another site's page must not order or capture here.
    fn is_of_own_page(&self, request: &Request) -> bool {
        let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        origin == Some(self.0.places.own_url.as_str())
    }

    async fn front(&self) -> Outcome<Outgoing> {
        let clock = self.0.places.amazon.get("/_sandbox/clock").await?;
        let now = clock.body.get("now").and_then(Value::as_str).unwrap_or("unknown").to_owned();
        let orders: Vec<Order> = self.orders().values().rev().take(20).cloned().collect();
        Ok(Outgoing::Page(StatusCode::OK, pages::front(&self.0.places, &now, &orders)))
    }

    /// Registers what a form asks for.
    async fn place(&self, request: &Request) -> Outcome<Outgoing> {
        if request.body().len() > MAX_FORM_LEN {
            return Ok(Outgoing::Nothing(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let form: BTreeMap<String, String> = form_urlencoded::parse(request.body()).into_owned().collect();
        let basket = Basket::of(|id| form.get(id)?.parse().ok());
        let intent = form.get("paymentIntent").and_then(|word| PaymentIntent::parse(word));
        let (Some(basket), Some(intent)) = (basket, intent) else {
            let why = "Choose at least one thing, and how it shall be paid.";
            return Ok(Outgoing::Page(StatusCode::BAD_REQUEST, pages::message("Nothing is ordered", why)));
        };
        let number = self.orders().keys().next_back().map_or(1_001, |last| last.saturating_add(1));
        let mut order = Order { number, basket, intent, registration: Value::Null, facts: Vec::new() };
        let own_page = format!("{}{}", self.0.places.own_url, order.path());
        let body = json!({
            "orderId": order.id(),
            "productType": order.basket.product_type().as_str(),
            "paymentDetails": {
                "paymentIntent": intent.as_str(),
                "chargeAmount": catalogue::price(order.basket.base().minor()),
            },
            "checkoutLanguage": "en_US",
            "startOfCheckoutUrl": own_page,
            "successUrl": own_page,
        });
        let registered = self.0.places.merchant.post("/v1/checkouts", &body).await?;
        if !registered.status.is_success() {
            return Ok(refused("The order is not registered", &registered));
        }
        order.registration = registered.body;
        let path = order.path();
        let mut orders = self.orders();
        orders.insert(number, order);
        if orders.len() > MOST_ORDERS {
            orders.pop_first();
        }
        Ok(Outgoing::SeeOther(path))
    }

    async fn show(&self, order: &Order) -> Outcome<Outgoing> {
        let path = format!("/v1/checkouts/{}", order.checkout_id());
        let checkout = self.0.places.merchant.get(&path).await?;
        let told = self.0.places.merchant.get(&format!("{path}/explanation")).await?;
        let page = pages::order(&self.0.places, order, &checkout.body, &told.body);
        Ok(Outgoing::Page(StatusCode::OK, page))
    }

    /// Captures, refunds or cancels, each time as a new act.
    async fn act(&self, order: &Order, act: &str) -> Outcome<Outgoing> {
        if !["captures", "refunds", "cancel"].contains(&act) {
            return Ok(not_found());
        }
        let path = format!("/v1/checkouts/{}", order.checkout_id());
        let told = self.0.places.merchant.get(&path).await?;
        let operations = told.body.pointer("/payment/operations").and_then(Value::as_array);
        let reference = match act {
            "cancel" => "cancel".to_owned(),
            _ => format!("{act} {}", operations.map_or(0, Vec::len)),
        };
        let answer =
            self.0.places.merchant.post(&format!("{path}/{act}"), &json!({ "reference": reference })).await?;
        match answer.status.is_success() {
            true => Ok(Outgoing::SeeOther(order.path())),
            false => Ok(refused("The merchant half refuses this", &answer)),
        }
    }

    /// A day passes, on both sides.
    async fn next_day(&self) -> Outcome<Outgoing> {
        self.0.places.amazon.post("/_sandbox/clock", &json!({ "advance": "P1D" })).await?;
        self.0.places.clock.advance(DAY);
        Ok(Outgoing::SeeOther("/".to_owned()))
    }

    /// The quote hook.
    fn quote(&self, request: &Request) -> Outgoing {
        let Some(asked) = self.0.secret.verified(request) else {
            return Outgoing::Nothing(StatusCode::UNAUTHORIZED);
        };
        let text = |pointer: &str| asked.pointer(pointer).and_then(Value::as_str);
        let order = text("/orderId").and_then(|id| self.order(id.strip_prefix("D-")?));
        let Some(order) = order else { return Outgoing::Nothing(StatusCode::NOT_FOUND) };
        let coupons = asked.get("couponCodes").and_then(Value::as_array);
        let quote = order.basket.quote(&Asked {
            country: text("/shippingAddress/countryCode"),
            state: text("/shippingAddress/stateOrRegion"),
            delivery: text("/deliveryOptionId"),
            coupons: coupons.into_iter().flatten().filter_map(Value::as_str).take(5).collect(),
        });
        Outgoing::Json(StatusCode::OK, quote)
    }

    /// A webhook: the shop writes it down.
    fn hear(&self, request: &Request) -> Outgoing {
        let Some(fact) = self.0.secret.verified(request) else {
            return Outgoing::Nothing(StatusCode::UNAUTHORIZED);
        };
        let text = |name: &str| fact.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = text("orderId").strip_prefix("D-").and_then(|number| number.parse::<u32>().ok());
        if let Some(number) = number
            && let Some(order) = self.orders().get_mut(&number)
        {
            order.facts.push(text("type").to_owned());
        }
        Outgoing::Nothing(StatusCode::NO_CONTENT)
    }
}

fn not_found() -> Outgoing {
    Outgoing::Page(StatusCode::NOT_FOUND, pages::message("There is no such page", ""))
}

fn refused(headline: &str, answer: &Answer) -> Outgoing {
    let why = answer.body.pointer("/error/message").and_then(Value::as_str).unwrap_or("It gave no reason.");
    Outgoing::Page(StatusCode::CONFLICT, pages::message(headline, why))
}
