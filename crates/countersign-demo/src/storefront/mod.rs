//! The demo's shop: a front page, a small catalogue, a checkout with Amazon's button, and a page
//! for each order. Its back end calls the merchant half as any shop would: it registers orders,
//! answers the quote hook, receives webhooks, and captures, refunds and cancels through the API. It
//! keeps its orders in memory, without buyers' names.

mod catalogue;
mod instant;
mod orders;
mod pages;
mod places;
mod shop_response;
mod signed;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_domain::terms::PaymentIntent;
use countersign_http::{Handler, IncompleteRequest, Reply, Request, Response};
use countersign_world::{Clock as _, SystemEntropy};
use futures_util::future::BoxFuture;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::demo_result::DemoResult;
use crate::json::{JsonAnswer, list};
use catalogue::{Basket, PriceQuestion};
use orders::{Order, Orders};
pub(super) use places::Places;
use shop_response::ShopResponse;
use signed::{Secret, VerifiedWebhook};

/// The longest form, in bytes.
const MAX_FORM_LEN: usize = 4_096;
/// The largest number of sessions whose events at Amazon an order's page shows: the newest ones.
const MOST_SESSIONS: usize = 5;
const DAY: Duration = Duration::from_secs(86_400);

/// The shop.
#[derive(Clone)]
pub(super) struct Storefront(Arc<Inner>);

struct Inner {
    places: Places,
    secret: Secret,
    orders: Mutex<Orders>,
}

impl Handler for Storefront {
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply> {
        let shop = self.clone();
        Box::pin(async move { Reply::Answer(shop.answer(&request).await) })
    }

    fn refuse(&self, _: &http::request::Parts, _: IncompleteRequest) -> Response {
        pages::response(ShopResponse::Nothing(StatusCode::BAD_REQUEST), &self.0.places)
    }
}

impl Storefront {
    /// A shop without orders; its webhooks and the requests for quotes are signed with the secret.
    pub(super) fn new(places: Places, secret: &str) -> DemoResult<Self> {
        let secret = Secret::parse(secret)?;
        Ok(Self(Arc::new(Inner { places, secret, orders: Mutex::default() })))
    }

    async fn answer(&self, request: &Request) -> Response {
        let outgoing = self.route(request).await.unwrap_or_else(|failure| {
            ShopResponse::Page(
                StatusCode::BAD_GATEWAY,
                pages::message("A server does not answer", &failure.to_string()),
            )
        });
        pages::response(outgoing, &self.0.places)
    }

    async fn route(&self, request: &Request) -> DemoResult<ShopResponse> {
        let path: Vec<&str> = request.uri().path().trim_matches('/').split('/').collect();
        match (request.method(), &path[..]) {
            (&Method::GET, [""]) => self.front().await,
            (&Method::GET, ["shop"]) => Ok(ShopResponse::Page(StatusCode::OK, pages::catalogue())),
            (&Method::GET, ["mount.js"]) => Ok(ShopResponse::Script(pages::MOUNT)),
            (&Method::GET, ["shop", "orders", page]) => match self.order(page) {
                Some(order) => self.show(&order).await,
                None => Ok(not_found()),
            },
            (&Method::POST, ["quote"]) => Ok(self.quote(request)),
            (&Method::POST, ["webhooks"]) => Ok(self.hear(request)),
            (&Method::POST, _) if !self.is_of_own_page(request) => {
                Ok(ShopResponse::Nothing(StatusCode::FORBIDDEN))
            }
            (&Method::POST, ["shop", "orders"]) => self.place(request).await,
            (&Method::POST, ["shop", "orders", page, act]) => match self.order(page) {
                Some(order) => self.act(&order, act).await,
                None => Ok(not_found()),
            },
            (&Method::POST, ["clock"]) => self.next_day().await,
            _ => Ok(not_found()),
        }
    }

    fn orders(&self) -> std::sync::MutexGuard<'_, Orders> {
        self.0.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, page: &str) -> Option<Order> {
        self.orders().by_page(page).cloned()
    }

    /// The content of a request, if the merchant half has signed it and sent it just now, by the
    /// clock that both use.
    fn verified(&self, request: &Request) -> Option<VerifiedWebhook> {
        self.0.secret.verified(request, self.0.places.clock.now())
    }

    /// Whether a form was sent by a page of this shop: a form on another site's page must not order
    /// or capture here.
    fn is_of_own_page(&self, request: &Request) -> bool {
        let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        origin == Some(self.0.places.own_url.as_str())
    }

    async fn front(&self) -> DemoResult<ShopResponse> {
        let clock = self.0.places.amazon.get("/_sandbox/clock").await?;
        let now = clock.body["now"].as_str().unwrap_or("unknown");
        let orders = self.orders().newest(20);
        Ok(ShopResponse::Page(StatusCode::OK, pages::front(&self.0.places, now, &orders)))
    }

    /// Registers the order that a form asks for.
    async fn place(&self, request: &Request) -> DemoResult<ShopResponse> {
        if request.body().len() > MAX_FORM_LEN {
            return Ok(ShopResponse::Nothing(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let form: BTreeMap<String, String> = form_urlencoded::parse(request.body()).into_owned().collect();
        let basket = Basket::from_counts(|id| form.get(id)?.parse().ok());
        let intent = form.get("paymentIntent").and_then(|word| PaymentIntent::parse(word));
        let (Some(basket), Some(intent)) = (basket, intent) else {
            let why = "Choose at least one thing, and how to pay.";
            return Ok(ShopResponse::Page(
                StatusCode::BAD_REQUEST,
                pages::message("Nothing was ordered", why),
            ));
        };
        let name = self.orders().reserve(&SystemEntropy);
        let path = name.path();
        let own_page = format!("{}{path}", self.0.places.own_url);
        let body = json!({
            "orderId": name.id(),
            "productType": basket.product_type().as_str(),
            "paymentDetails": {
                "paymentIntent": intent.as_str(),
                "chargeAmount": catalogue::price(basket.base().minor()),
            },
            "checkoutLanguage": "en_US",
            "startOfCheckoutUrl": own_page,
            "successUrl": own_page,
        });
        let registered = self.0.places.merchant.post("/v1/checkouts", &body).await?;
        if !registered.status.is_success() {
            return Ok(refused("The order was not registered", &registered));
        }
        self.orders().keep(Order::new(name, basket, intent, registered.body));
        Ok(ShopResponse::SeeOther(path))
    }

    async fn show(&self, order: &Order) -> DemoResult<ShopResponse> {
        let path = format!("/v1/checkouts/{}", order.checkout_id());
        let checkout = self.0.places.merchant.get(&path).await?;
        let told = self.0.places.merchant.get(&format!("{path}/explanation")).await?;
        let attempts: Vec<&Value> = list(&checkout.body, "attempts").collect();
        let mut at_amazon = Vec::new();
        for attempt in attempts.into_iter().rev().take(MOST_SESSIONS) {
            let session = attempt["amazonCheckoutSessionId"].as_str().unwrap_or_default();
            let path = format!("/_sandbox/events?checkoutSessionId={session}");
            at_amazon.push((session.to_owned(), self.0.places.amazon.get(&path).await?.body));
        }
        let page = pages::order(&self.0.places, order, &checkout.body, &told.body, &at_amazon);
        Ok(ShopResponse::Page(StatusCode::OK, page))
    }

    /// Captures, refunds or cancels, each time under a new reference.
    async fn act(&self, order: &Order, act: &str) -> DemoResult<ShopResponse> {
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
            true => Ok(ShopResponse::SeeOther(order.name.path())),
            false => Ok(refused("The merchant half refused this", &answer)),
        }
    }

    /// Moves the clocks of both halves ahead by a day.
    async fn next_day(&self) -> DemoResult<ShopResponse> {
        self.0.places.amazon.post("/_sandbox/clock", &json!({ "advance": "P1D" })).await?;
        self.0.places.clock.advance(DAY);
        Ok(ShopResponse::SeeOther("/".to_owned()))
    }

    /// Answers the quote hook.
    fn quote(&self, request: &Request) -> ShopResponse {
        let Some(VerifiedWebhook { body: asked, .. }) = self.verified(request) else {
            return ShopResponse::Nothing(StatusCode::UNAUTHORIZED);
        };
        let text = |pointer: &str| asked.pointer(pointer).and_then(Value::as_str);
        let order = text("/orderId").and_then(|id| self.orders().by_id(id).cloned());
        let Some(order) = order else { return ShopResponse::Nothing(StatusCode::NOT_FOUND) };
        let quote = order.basket.quote(&PriceQuestion {
            country: text("/shippingAddress/countryCode"),
            state: text("/shippingAddress/stateOrRegion"),
            delivery: text("/deliveryOptionId"),
            coupons: list(&asked, "couponCodes").filter_map(Value::as_str).take(5).collect(),
        });
        ShopResponse::Json(StatusCode::OK, quote)
    }

    /// Handles a webhook: the shop notes its fact once, even if the webhook is delivered several
    /// times.
    fn hear(&self, request: &Request) -> ShopResponse {
        let Some(VerifiedWebhook { id, body: fact }) = self.verified(request) else {
            return ShopResponse::Nothing(StatusCode::UNAUTHORIZED);
        };
        let text = |name: &str| fact.get(name).and_then(Value::as_str).unwrap_or_default();
        self.orders().hear(text("orderId"), &id, text("at"), text("type"));
        ShopResponse::Nothing(StatusCode::NO_CONTENT)
    }
}

fn not_found() -> ShopResponse {
    ShopResponse::Page(StatusCode::NOT_FOUND, pages::message("There is no such page", ""))
}

fn refused(headline: &str, answer: &JsonAnswer) -> ShopResponse {
    let why = answer.body.pointer("/error/message").and_then(Value::as_str).unwrap_or("It gave no reason.");
    ShopResponse::Page(StatusCode::CONFLICT, pages::message(headline, why))
}

#[cfg(test)]
mod tests {
    use countersign_world::SystemClock;
    use countersign_world::fake::ShiftedClock;

    use super::*;
    use crate::json::Api;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// A shop with one order, and without a running half.
    fn shop() -> Storefront {
        let nobody = || Api::at("http://127.0.0.1:9", None, DAY).unwrap();
        let places = Places {
            own_url: "http://127.0.0.1:8".to_owned(),
            merchant: nobody(),
            amazon: nobody(),
            clock: ShiftedClock::over(Arc::new(SystemClock)),
        };
        let shop = Storefront::new(places, SECRET).unwrap();
        let name = shop.orders().reserve(&SystemEntropy);
        let basket = Basket::from_counts(|id| (id == "cup").then_some(1)).unwrap();
        shop.orders().keep(Order::new(name, basket, PaymentIntent::Authorize, Value::Null));
        shop
    }

    fn webhook(shop: &Storefront, id: &str, sent_s: i64) -> Request {
        let body = r#"{"orderId":"D-1001","type":"checkout.authorized"}"#;
        let timestamp = sent_s.to_string();
        http::Request::post("/webhooks")
            .header("webhook-id", id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", shop.0.secret.sign(id, &timestamp, body))
            .body(body.into())
            .unwrap()
    }

    #[test]
    fn a_webhook_that_comes_again_is_one_fact_and_an_old_one_is_refused() {
        let shop = shop();
        let now_s = shop.0.places.clock.now().as_millis() / 1_000;
        let heard = |id: &str, sent_s: i64| match shop.hear(&webhook(&shop, id, sent_s)) {
            ShopResponse::Nothing(status) => status.as_u16(),
            _ => 0,
        };
        assert_eq!([heard("e1", now_s), heard("e1", now_s), heard("e2", now_s)], [204; 3]);
        assert_eq!([heard("e3", now_s - 310), heard("e3", now_s + 310)], [401; 2]);
        let orders = shop.orders();
        assert_eq!(orders.by_id("D-1001").unwrap().facts().count(), 2);
    }

    #[test]
    fn a_webhook_is_dated_by_the_clock_that_the_shop_has_moved() {
        let shop = shop();
        shop.0.places.clock.advance(DAY);
        let sent_s = shop.0.places.clock.now().as_millis() / 1_000;
        let answer = shop.hear(&webhook(&shop, "e1", sent_s));
        assert!(matches!(answer, ShopResponse::Nothing(StatusCode::NO_CONTENT)));
    }
}
