//! A sandbox with a clock that tests move, and the merchants that call it.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use countersign_domain::ids::{MerchantId, PublicKeyId, Region};
use countersign_domain::time::Timestamp;
use countersign_http::{Handler as _, Reply, Request, Response};
use countersign_protocol::signing::{Algorithm, GeneratedKey, KeySigner, MerchantKey};
use countersign_sandbox::ids::Ids;
use countersign_sandbox::merchants::Merchants;
use countersign_sandbox::notify::Notifications;
use countersign_sandbox::settings::Settings;
use countersign_sandbox::{Parts, Sandbox};
use countersign_store::contract::Store;
use countersign_store::memory::MemoryStore;
use countersign_world::SystemEntropy;
use countersign_world::fake::FakeClock;
use http::{HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use crate::leftovers::Leftovers;

/// Making a key takes a tenth of a second, so all tests share one.
static KEY: LazyLock<GeneratedKey> = LazyLock::new(|| MerchantKey::generate().unwrap());

/// When every test begins.
pub(crate) const START: &str = "20260901T120000Z";

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// The keys that a world has: the first two are one merchant's, the third another's.
pub(crate) const KEY_ID: &str = "SANDBOX-AFIRST";
pub(crate) const SECOND_KEY_ID: &str = "ASECOND";
pub(crate) const FOREIGN_KEY_ID: &str = "SANDBOX-AFOREIGN";
pub(crate) const LIVE_KEY_ID: &str = "LIVE-AFIRST";

pub(crate) struct World {
    pub(crate) sandbox: Arc<Sandbox>,
    /// The wall clock. It does not run until a test moves it.
    pub(crate) clock: FakeClock,
    pub(crate) leftovers: Leftovers,
}

pub(crate) fn merchants() -> Merchants {
    let key = KEY.key.verifying_key().unwrap();
    let mut merchants = Merchants::default();
    for (merchant_id, key_id) in
        [("AONE", KEY_ID), ("AONE", SECOND_KEY_ID), ("AONE", LIVE_KEY_ID), ("AOTHER", FOREIGN_KEY_ID)]
    {
        let merchant_id = MerchantId::parse(merchant_id).unwrap();
        merchants.register(merchant_id, PublicKeyId::parse(key_id).unwrap(), key.clone()).unwrap();
    }
    merchants
}

/// A request before it is signed.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) key_id: &'static str,
    pub(crate) algorithm: Algorithm,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) signed_at: Timestamp,
    /// The region whose host is called.
    pub(crate) region: Region,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>, body: impl ToString) -> Self {
        Self {
            key_id: KEY_ID,
            algorithm: Algorithm::PssV2,
            method,
            path: path.into(),
            body: body.to_string(),
            headers: Vec::new(),
            signed_at: at(START),
            region: Region::NorthAmerica,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, "")
    }

    pub(crate) fn post(path: impl Into<String>, body: impl ToString) -> Self {
        Self::new(Method::POST, path, body)
    }

    pub(crate) fn patch(path: impl Into<String>, body: impl ToString) -> Self {
        Self::new(Method::PATCH, path, body)
    }

    pub(crate) fn finalize(id: &str, body: impl ToString) -> Self {
        Self::post(format!("/v2/checkoutSessions/{id}/finalize"), body)
    }

    pub(crate) fn key(self, key_id: &'static str) -> Self {
        Self { key_id, ..self }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn idempotent(self, key: &str) -> Self {
        self.header("x-amz-pay-idempotency-key", key)
    }

    pub(crate) fn simulating(self, code: &str) -> Self {
        self.header("x-amz-pay-simulation-code", code)
    }

    /// The complete, signed request.
    pub(crate) fn request(&self) -> Request {
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(format!("https://pay-api.amazon.com{}", self.path))
            .body(Bytes::from(self.body.clone()))
            .unwrap();
        for (name, value) in &self.headers {
            request
                .headers_mut()
                .append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let key_id = PublicKeyId::parse(self.key_id).unwrap();
        let signer = KeySigner::from_pem(key_id, &KEY.private_pem, self.algorithm).unwrap();
        signer.sign(&mut request, self.region, self.signed_at).unwrap();
        // On the wire a server sees only the path.
        *request.uri_mut() = self.path.parse().unwrap();
        request
    }
}

/// An answer, read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl HttpAnswer {
    pub(crate) fn from_response(response: &Response) -> Self {
        let text = String::from_utf8(response.body().to_vec()).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        assert!(json.is_object(), "every answer is a JSON object: {text}");
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("content-type"), Some("application/json"));
        assert_eq!(header("x-amz-pay-request-id").map(str::len), Some(36));
        assert_eq!(header("date").map(str::len), Some(29));
        Self { status: response.status().as_u16(), text, json }
    }

    /// The status and the reason code of a refusal.
    pub(crate) fn refusal(&self) -> (u16, &str) {
        (self.status, self.json["reasonCode"].as_str().unwrap_or("none"))
    }

    pub(crate) fn message(&self) -> &str {
        self.json["message"].as_str().unwrap_or_default()
    }

    pub(crate) fn state(&self) -> &str {
        self.json["statusDetails"]["state"].as_str().unwrap_or("none")
    }

    pub(crate) fn text(&self, member: &str) -> &str {
        self.json[member].as_str().unwrap_or_else(|| panic!("{member} in {}", self.text))
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(set: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        set(&mut settings);
        Self::on(Arc::new(MemoryStore::new()), settings, 0).await
    }

    pub(crate) async fn on(store: Arc<dyn Store>, settings: Settings, start: u64) -> Self {
        Self::seeded(1, store, settings, start).await
    }

    /// A start of a sandbox whose ids this seed determines.
    pub(crate) async fn seeded(seed: u64, store: Arc<dyn Store>, settings: Settings, start: u64) -> Self {
        Self::notifying(seed, store, settings, start, Notifications::default()).await
    }

    /// Does the same as [`Self::seeded`], with a way to notify merchants.
    pub(crate) async fn notifying(
        seed: u64,
        store: Arc<dyn Store>,
        settings: Settings,
        start: u64,
        notifications: Notifications,
    ) -> Self {
        let clock = FakeClock::at(at(START));
        let ids = Ids::new(&SystemEntropy, Some(seed), start);
        let parts = Parts {
            store,
            clock: Arc::new(clock.clone()),
            ids,
            merchants: merchants(),
            settings,
            notifications,
        };
        let (sandbox, leftovers) = Leftovers::of_sandbox(parts).await;
        Self { sandbox, clock, leftovers }
    }

    /// Applies what is due, as the timer loop would.
    pub(crate) async fn catch_up(&self) {
        self.advance("PT0S").await;
    }

    /// Allows the test to end with unreadable documents, which stay due.
    pub(crate) fn leaves_unreadable_documents(&self) {
        self.leftovers.are_meant();
    }

    /// Allows the test to end with due timers: another sandbox on the same store runs them.
    pub(crate) fn leaves_timers_to_another(&self) {
        self.leftovers.are_meant();
    }

    /// Allows the test to end with notifications that are not delivered.
    pub(crate) fn leaves_notifications_undelivered(&self) {
        self.leftovers.are_meant();
    }

    /// The sandbox's process dies here; the next one continues.
    pub(crate) fn dies(self) {
        self.leftovers.are_meant();
    }

    pub(crate) async fn reply(&self, request: Request) -> Reply {
        self.sandbox.handle(request).await
    }

    pub(crate) async fn send(&self, request: Request) -> HttpAnswer {
        match self.reply(request).await {
            Reply::Answer(response) => HttpAnswer::from_response(&response),
            Reply::Reset => panic!("the connection was reset"),
        }
    }

    pub(crate) async fn call(&self, call: &Call) -> HttpAnswer {
        self.send(call.request()).await
    }

    pub(crate) async fn control(&self, method: Method, path: &str, body: impl ToString) -> HttpAnswer {
        let body = Bytes::from(body.to_string());
        let request =
            http::Request::builder().method(method).uri(format!("/_sandbox/{path}")).body(body).unwrap();
        self.send(request).await
    }

    /// Starts a checkout, and returns the session.
    pub(crate) async fn checkout(&self, body: Value) -> Value {
        let answer = self.control(Method::POST, "checkout-sessions", body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json
    }

    /// A placed checkout of the usual order; `over` replaces members.
    pub(crate) async fn placed(&self, over: Value) -> Value {
        self.checkout(merged(usual_checkout(), over)).await
    }

    pub(crate) async fn advance(&self, duration: &str) {
        let answer = self.control(Method::POST, "clock", json!({ "advance": duration })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    pub(crate) async fn get_session(&self, id: &str) -> HttpAnswer {
        self.call(&Call::get(format!("/v2/checkoutSessions/{id}"))).await
    }

    pub(crate) async fn events(&self, id: &str) -> Vec<String> {
        let answer = self.control(Method::GET, &format!("events?checkoutSessionId={id}"), "").await;
        let events = answer.json["events"].as_array().unwrap().clone();
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

/// 14.00 USD of goods, authorized, to be sent by parcel.
pub(crate) fn usual_checkout() -> Value {
    json!({
        "productType": "PayAndShip",
        "placed": true,
        "paymentDetails": {
            "paymentIntent": "Authorize",
            "chargeAmount": { "amount": "14.00", "currencyCode": "USD" },
        },
    })
}

/// The members of `base`, replaced by those of `over`; `null` removes one.
pub(crate) fn merged(mut base: Value, over: Value) -> Value {
    let Value::Object(over) = over else { return over };
    for (name, value) in over {
        let place = &mut base[&name];
        match value {
            Value::Null => {
                base.as_object_mut().unwrap().remove(&name);
            }
            Value::Object(_) if place.is_object() => *place = merged(place.take(), value),
            value => *place = value,
        }
    }
    base
}

/// The body that finalizes a session: the session's own members, as the merchant has recorded them.
pub(crate) fn right_body(session: &Value) -> Value {
    let details = &session["paymentDetails"];
    let mut body = json!({
        "paymentIntent": details["paymentIntent"],
        "chargeAmount": details["chargeAmount"],
        "canHandlePendingAuthorization": details["canHandlePendingAuthorization"],
    });
    for (member, value) in [
        ("totalOrderAmount", &details["totalOrderAmount"]),
        ("supplementaryData", &session["supplementaryData"]),
    ] {
        if !value.is_null() {
            body[member] = value.clone();
        }
    }
    let address = if session["productType"] == "PayOnly" { "billingAddress" } else { "shippingAddress" };
    body[address] = session[address].clone();
    body
}

pub(crate) fn id(session: &Value) -> &str {
    session["checkoutSessionId"].as_str().unwrap()
}
