//! A sandbox in memory, whose real clock the test moves, with two merchants; and its callers: the test,
//! through the control API, and the first merchant, by signed requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use countersign_domain::ids::{MerchantId, PublicKeyId, Region};
use countersign_domain::time::Timestamp;
use countersign_http::{Handler as _, Peer, Reply};
use countersign_protocol::signing::{Algorithm, KeySigner, MerchantKey, VerifyingKey};
use countersign_sandbox::ids::Ids;
use countersign_sandbox::merchants::Merchants;
use countersign_sandbox::notify::Notifications;
use countersign_sandbox::settings::Settings;
use countersign_sandbox::{Parts, Sandbox};
use countersign_store::memory::MemoryStore;
use countersign_world::SystemEntropy;
use countersign_world::fake::FakeClock;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::{Value, json};

use crate::leftovers::Leftovers;

/// When every test begins.
pub(crate) const NOON: &str = "20260901T120000Z";
/// The first merchant's key.
pub(crate) const KEY: &str = "SANDBOX-AHEGSJCM3L2S637RBGABLAFW";
/// Another merchant's key. It has no prefix, so the path would name its environment.
pub(crate) const OTHER_MERCHANT: &str = "BXK2S637RBGABLAFWAHEGSJC";

/// An answer, read.
#[derive(Debug)]
pub(crate) struct SceneAnswer {
    pub(crate) status: u16,
    pub(crate) request_id: Option<String>,
    pub(crate) body: Value,
}

impl SceneAnswer {
    pub(crate) fn text(&self, member: &str) -> &str {
        self.body[member].as_str().unwrap_or_else(|| panic!("no text {member}: {}", self.body))
    }

    pub(crate) fn reason_code(&self) -> &str {
        self.text("reasonCode")
    }

    pub(crate) fn message(&self) -> &str {
        self.text("message")
    }
}

/// The first merchant's key. It is made once, because making a key is slow.
fn signer() -> &'static (KeySigner, VerifyingKey) {
    static SIGNER: OnceLock<(KeySigner, VerifyingKey)> = OnceLock::new();
    SIGNER.get_or_init(|| {
        let key = MerchantKey::generate().unwrap().key;
        let verifying_key = key.verifying_key().unwrap();
        (KeySigner::new(PublicKeyId::parse(KEY).unwrap(), key, Algorithm::PssV2), verifying_key)
    })
}

fn still() -> FakeClock {
    FakeClock::at(Timestamp::parse(NOON).unwrap())
}

pub(crate) struct Scene {
    pub(crate) sandbox: Arc<Sandbox>,
    /// The checkouts that were started, as the shop recorded them.
    recorded: Mutex<HashMap<String, Value>>,
    /// The real clock. It does not run until a test moves it.
    pub(crate) clock: FakeClock,
    _leftovers: Leftovers,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::on(Arc::new(MemoryStore::default()), settings).await
    }

    /// A sandbox that never waits: sleeping moves its clock.
    pub(crate) async fn without_waiting() -> Self {
        let clock = FakeClock::moved_by_sleeps(still().now());
        Self::start_on(Arc::new(MemoryStore::default()), None, Settings::default(), clock).await
    }

    /// A sandbox whose ids this seed determines.
    pub(crate) async fn seeded(seed: u64) -> Self {
        Self::start_on(Arc::new(MemoryStore::default()), Some(seed), Settings::default(), still()).await
    }

    /// A sandbox that starts with the contents of a store.
    pub(crate) async fn on(store: Arc<MemoryStore>, settings: Settings) -> Self {
        Self::start_on(store, None, settings, still()).await
    }

    async fn start_on(
        store: Arc<MemoryStore>,
        seed: Option<u64>,
        settings: Settings,
        clock: FakeClock,
    ) -> Self {
        let mut merchants = Merchants::default();
        for (merchant_id, key) in [("A1EXAMPLE", KEY), ("A2EXAMPLE", OTHER_MERCHANT)] {
            let merchant_id = MerchantId::parse(merchant_id).unwrap();
            let key = PublicKeyId::parse(key).unwrap();
            merchants.register(merchant_id, key, signer().1.clone()).unwrap();
        }
        let parts = Parts {
            store,
            clock: Arc::new(clock.clone()),
            ids: Ids::new(&SystemEntropy, seed, 0),
            merchants,
            settings,
            notifications: Notifications::default(),
        };
        let (sandbox, _leftovers) = Leftovers::of_sandbox(parts).await;
        Self { sandbox, recorded: Mutex::default(), clock, _leftovers }
    }

    /// Sends a request from any peer.
    pub(crate) async fn send(
        &self,
        method: &Method,
        path: &str,
        headers: HeaderMap,
        body: &str,
        peer: Option<&str>,
    ) -> SceneAnswer {
        let mut request = http::Request::new(Bytes::from(body.to_owned()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = path.parse().unwrap();
        *request.headers_mut() = headers;
        if let Some(peer) = peer {
            request.extensions_mut().insert(Peer(peer.parse().unwrap()));
        }
        self.answered(request).await.unwrap_or_else(|| panic!("{method} {path} was reset"))
    }

    async fn answered(&self, request: http::Request<Bytes>) -> Option<SceneAnswer> {
        let Reply::Answer(response) = self.sandbox.handle(request).await else { return None };
        assert_eq!(response.headers()["content-type"], "application/json");
        let request_id = response.headers().get("x-amz-pay-request-id");
        Some(SceneAnswer {
            status: response.status().as_u16(),
            request_id: request_id.map(|id| id.to_str().unwrap().to_owned()),
            body: serde_json::from_slice(response.body()).unwrap(),
        })
    }

    /// Makes a call of the control API.
    pub(crate) async fn control(&self, method: Method, path: &str, body: &str) -> SceneAnswer {
        self.send(&method, path, HeaderMap::new(), body, Some("127.0.0.1:5000")).await
    }

    /// Makes a call of the first merchant; `None` if the connection was reset.
    pub(crate) async fn signed(&self, method: Method, path: &str, body: &str) -> Option<SceneAnswer> {
        self.answered(self.signed_request(method, path, body, HeaderMap::new())).await
    }

    /// Makes a call of the first merchant, with an idempotency key.
    pub(crate) async fn signed_with_key(
        &self,
        method: Method,
        path: &str,
        body: &str,
        key: &'static str,
    ) -> Option<SceneAnswer> {
        self.answered(self.signed_request(method, path, body, with_key(key))).await
    }

    fn signed_request(
        &self,
        method: Method,
        path: &str,
        body: &str,
        headers: HeaderMap,
    ) -> http::Request<Bytes> {
        let mut request = http::Request::new(Bytes::from(body.to_owned()));
        *request.method_mut() = method;
        *request.uri_mut() = format!("http://127.0.0.1:8100{path}").parse().unwrap();
        *request.headers_mut() = headers;
        signer().0.sign(&mut request, Region::NorthAmerica, self.clock.now()).unwrap();
        *request.uri_mut() = path.parse().unwrap();
        request
    }

    /// Starts a checkout: $14.00, Authorize, PayAndShip, with some members changed.
    pub(crate) async fn start(&self, changes: &Value) -> SceneAnswer {
        let usual = json!({
            "productType": "PayAndShip",
            "paymentDetails": {
                "paymentIntent": "Authorize",
                "chargeAmount": {"amount": "14.00", "currencyCode": "USD"},
            },
        });
        let body = merged(&usual, changes).to_string();
        let started = self.control(Method::POST, "/_sandbox/checkout-sessions", &body).await;
        if started.status == 201 {
            let id = started.text("checkoutSessionId").to_owned();
            self.recorded.lock().unwrap().insert(id, started.body.clone());
        }
        started
    }

    /// Starts a checkout and returns its id.
    pub(crate) async fn checkout(&self, changes: &Value) -> String {
        let started = self.start(changes).await;
        assert_eq!(started.status, 201, "{changes}: {}", started.body);
        started.text("checkoutSessionId").to_owned()
    }

    /// Lets the buyer act.
    pub(crate) async fn act(&self, id: &str, act: &Value) -> SceneAnswer {
        let path = format!("/_sandbox/checkout-sessions/{id}/buyer");
        self.control(Method::POST, &path, &act.to_string()).await
    }

    pub(crate) async fn advance(&self, by: &str) {
        let body = json!({"advance": by}).to_string();
        assert_eq!(self.control(Method::POST, "/_sandbox/clock", &body).await.status, 200);
    }

    /// The types of a checkout's events, oldest first.
    pub(crate) async fn event_types(&self, id: &str) -> Vec<String> {
        let path = format!("/_sandbox/events?checkoutSessionId={id}");
        let log = self.control(Method::GET, &path, "").await;
        let events = log.body["events"].as_array().unwrap();
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn get_checkout_session(&self, id: &str) -> SceneAnswer {
        self.signed(Method::GET, &format!("/v2/checkoutSessions/{id}"), "").await.unwrap()
    }

    pub(crate) async fn get_charge(&self, id: &str) -> SceneAnswer {
        self.signed(Method::GET, &format!("/v2/charges/{id}"), "").await.unwrap()
    }

    /// Finalizes with the attributes with which the checkout was started.
    pub(crate) async fn finalize(&self, id: &str) -> SceneAnswer {
        self.try_finalize(id).await.unwrap_or_else(|| panic!("Finalize was reset"))
    }

    /// Does the same as [`Self::finalize`]; `None` if the connection was reset.
    pub(crate) async fn try_finalize(&self, id: &str) -> Option<SceneAnswer> {
        self.answered(self.finalize_request(id)).await
    }

    pub(crate) async fn finalize_with_key(&self, id: &str, key: &'static str) -> SceneAnswer {
        self.answered(self.finalize_request_with(id, with_key(key))).await.unwrap()
    }

    pub(crate) async fn finalize_with_a_wrong_signature(&self, id: &str) -> SceneAnswer {
        let mut request = self.finalize_request(id);
        *request.body_mut() = Bytes::from_static(b"{}");
        self.answered(request).await.unwrap()
    }

    /// The signed request of [`Scene::finalize`].
    pub(crate) fn finalize_request(&self, id: &str) -> http::Request<Bytes> {
        self.finalize_request_with(id, HeaderMap::new())
    }

    fn finalize_request_with(&self, id: &str, headers: HeaderMap) -> http::Request<Bytes> {
        let recorded = self.recorded.lock().unwrap();
        let checkout = recorded.get(id).unwrap_or_else(|| panic!("{id} was not started here"));
        let details = &checkout["paymentDetails"];
        let body = json!({
            "paymentIntent": details["paymentIntent"],
            "canHandlePendingAuthorization": details["canHandlePendingAuthorization"],
            "chargeAmount": details["chargeAmount"],
            "totalOrderAmount": details["totalOrderAmount"],
            "supplementaryData": checkout["supplementaryData"],
            "shippingAddress": checkout["shippingAddress"],
            "billingAddress": checkout["billingAddress"],
        });
        let path = format!("/v2/checkoutSessions/{id}/finalize");
        self.signed_request(Method::POST, &path, &body.to_string(), headers)
    }
}

fn with_key(key: &'static str) -> HeaderMap {
    let name = HeaderName::from_static("x-amz-pay-idempotency-key");
    HeaderMap::from_iter([(name, HeaderValue::from_static(key))])
}

/// JSON with some members replaced, objects member by member.
pub(crate) fn merged(usual: &Value, changes: &Value) -> Value {
    match (usual, changes) {
        (Value::Object(usual), Value::Object(changes)) => {
            let mut all = usual.clone();
            for (name, change) in changes {
                let before = usual.get(name).unwrap_or(&Value::Null);
                all.insert(name.clone(), merged(before, change));
            }
            Value::Object(all)
        }
        _ => changes.clone(),
    }
}
