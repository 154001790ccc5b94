//! A shop, its merchant half and Amazon, in one thread.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Client, RetryPolicy, SignRequest, SigningFailed};
use countersign_domain::ids::{Environment, MerchantId, PublicKeyId, Region, StoreId};
use countersign_domain::time::Timestamp;
use countersign_http::{Handler as _, Reply, Request};
use countersign_merchant::credentials::Credentials;
use countersign_merchant::quote_hook::QuoteHook;
use countersign_merchant::settings::{Deadlines, Notifications, Policy, Settings, Storefront};
use countersign_merchant::snapshot_key::SnapshotKeys;
use countersign_merchant::webhook::Webhook;
use countersign_merchant::{Merchant, Parts};
use countersign_protocol::signing::{Algorithm, prepare};
use countersign_store::contract::{ChangeId, ChangeSet, Content, Expect, Key, Store, Write};
use countersign_store::memory::MemoryStore;
use countersign_store::sqlite::SqliteStore;
use countersign_store::work_left::work_left;
use countersign_world::fake::FakeClock;
use countersign_world::{Clock as _, Stream};
use futures_util::future::{Either, select};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::amazon::{Amazon, session_id};
use super::notifying::Certificates;
use super::store::{WatchedStore, watched};
use super::time_machine::{beginning, run, run_until};

pub(crate) const SESSION: &str = "bd504926-f659-4ad7-a1a9-9a747aaf5275";
pub(crate) const OTHER_SESSION: &str = "0c1d3d4e-1111-4222-8333-944455556666";
pub(crate) const NOT_PAID_MESSAGE: &str =
    "Your payment was not successful. Please try another payment method.";
pub(crate) const SHOP_TOKEN: &str = "shop-token";
pub(crate) const WAREHOUSE_TOKEN: &str = "the-token-of-the-warehouse";
pub(crate) const READ_TOKEN: &str = "the-token-of-the-reports";
/// The tokens of persons who may decide.
pub(crate) const ALICE: &str = "the-token-of-alice";
pub(crate) const BOB: &str = "the-token-of-bob-b";
pub(crate) const CAROL: &str = "the-token-of-carol";
pub(crate) const SNAPSHOT_KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

/// The engine of a world's store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Memory,
    Sqlite,
}

pub(crate) const ENGINES: [Engine; 2] = [Engine::Memory, Engine::Sqlite];

pub(crate) struct World {
    pub(crate) time: FakeClock,
    pub(crate) amazon: Arc<Amazon>,
    pub(crate) store: Arc<WatchedStore>,
    merchant: Option<Merchant>,
    /// The same stream in every world. It continues after a restart.
    entropy: Arc<Stream>,
    directory: Option<TempDir>,
    pub(crate) webhook: Option<Webhook>,
    pub(crate) quote_hook: Option<QuoteHook>,
    pub(crate) storefront: Storefront,
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) snapshot_keys: String,
    pub(crate) policy: Policy,
    pub(crate) region: Region,
    pub(crate) notifications: Notifications,
    is_left_behind: Cell<bool>,
}

/// The text with which a test fails, its world's end included; `None` if it passes.
pub(crate) fn failure_of(test: impl FnOnce()) -> Option<String> {
    let why = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test)).err()?;
    Some(why.downcast::<String>().map_or_else(|_| "a panic without a text".to_owned(), |text| *text))
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() || self.is_left_behind.get() {
            return;
        }
        let now = self.time.now();
        // A running process immediately takes up what is due.
        if self.merchant.is_some() && !self.work_left(now).is_empty() {
            self.let_pass(Duration::from_secs(1));
        }
        let left = self.work_left(now);
        assert!(left.is_empty(), "the test ends with work left behind: {left:#?}");
    }
}

/// An answer, with its body read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl HttpAnswer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("this is not JSON: {}", self.text))
    }

    /// Status and outcome of a completion.
    pub(crate) fn verdict(&self) -> (u16, String) {
        (self.status, self.json()["outcome"].as_str().unwrap_or("?").to_owned())
    }

    /// Status, code and field of a refusal.
    pub(crate) fn refusal(&self) -> (u16, String, Option<String>) {
        let error = &self.json()["error"];
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{}", self.text);
        let field = error["field"].as_str().map(str::to_owned);
        (self.status, error["code"].as_str().unwrap_or("?").to_owned(), field)
    }
}

/// Builds a signed request completely and counts it. Only the signature itself is fake.
pub(crate) struct CountingSigner {
    id: PublicKeyId,
    /// The number of requests that were signed.
    pub(crate) signed: AtomicU64,
}

impl CountingSigner {
    pub(crate) fn new() -> Self {
        Self { id: PublicKeyId::parse("SANDBOX-K1").unwrap(), signed: AtomicU64::new(0) }
    }
}

impl SignRequest for CountingSigner {
    fn public_key_id(&self) -> &PublicKeyId {
        &self.id
    }

    fn sign(
        &self,
        request: &mut http::Request<Bytes>,
        region: Region,
        signed_at: Timestamp,
    ) -> Result<(), SigningFailed> {
        self.signed.fetch_add(1, Ordering::Relaxed);
        let prepared = prepare(request, Algorithm::PssV2, region, signed_at)?;
        Ok(prepared.attach(request, &self.id, &[7; 256])?)
    }
}

/// The shop's own token, and one of each other kind.
fn credentials() -> Credentials {
    let shop = format!("leipzig warehouse {WAREHOUSE_TOKEN}\nreports read {READ_TOKEN}");
    let operators = format!("alice {ALICE}\nbob {BOB}\ncarol {CAROL}");
    let credentials = Credentials::of_shop(SHOP_TOKEN).and_shop_tokens(&shop).unwrap();
    credentials.and_operator_tokens(&operators).unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings {
        environment: Environment::Sandbox,
        region: Region::NorthAmerica,
        merchant_id: MerchantId::parse("M1").unwrap(),
        store_id: StoreId::parse("amzn1.application-oa2-client.1").unwrap(),
        public_key_id: PublicKeyId::parse("SANDBOX-K1").unwrap(),
        shop_name: "A <Shop>".to_owned(),
        credentials: credentials(),
        public_url: "https://pay.example".to_owned(),
        deadlines: Deadlines::default(),
        policy: Policy::default(),
        notifications: Notifications::default(),
        storefront: Storefront::default(),
    }
}

fn open(directory: &Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(&directory.join("merchant.sqlite")).unwrap())
}

/// Replaces the files of one directory by those of another.
fn copy(from: &Path, to: &Path) {
    let files = |of: &Path| std::fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path());
    files(to).for_each(|file| std::fs::remove_file(file).unwrap());
    for file in files(from) {
        std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

impl World {
    /// A world in which the account's keys were tried lately, without a result: no success begins a trial.
    pub(crate) fn new(engine: Engine) -> Self {
        Self::with_keys(engine, Some("Unknown"))
    }

    /// A world of which it is known whether Amazon honours keys on Finalize; `None` if it was never tried.
    pub(crate) fn with_keys(engine: Engine, known: Option<&str>) -> Self {
        let time = beginning();
        let (directory, inner): (_, Arc<dyn Store>) = match engine {
            Engine::Memory => (None, Arc::new(MemoryStore::new())),
            Engine::Sqlite => {
                let directory = TempDir::new().unwrap();
                let store = open(directory.path());
                (Some(directory), store)
            }
        };
        let mut world = Self {
            amazon: Amazon::new(&time),
            store: watched(inner),
            merchant: None,
            entropy: Arc::new(Stream::new(0)),
            directory,
            webhook: None,
            quote_hook: None,
            storefront: Storefront::default(),
            certificates: Arc::new(Certificates::default()),
            snapshot_keys: SNAPSHOT_KEY.to_owned(),
            policy: Policy::default(),
            region: Region::NorthAmerica,
            notifications: Notifications::default(),
            is_left_behind: Cell::new(false),
            time,
        };
        if let Some(keys) = known {
            world.knows_keys(keys);
        }
        world.start();
        world
    }

    /// Stores what is known of the account's keys.
    fn knows_keys(&self, keys: &str) {
        let known = json!({ "keys": keys, "tried_at": self.time.now().as_millis(), "trial": null });
        let content =
            Content { format: 1, bytes: Bytes::from(known.to_string()), due_at: None, index: Vec::new() };
        let key = Key { collection: "finalize_keys", id: "M1 S".to_owned() };
        let write = vec![Write { key, expect: Expect::Absent, content: Some(content) }];
        let (id, at) = (ChangeId([0; 16]), self.time.now());
        let change = ChangeSet { id, at, require: Vec::new(), write, append: Vec::new() };
        run(&self.time, || true, self.store.inner().commit(change)).unwrap();
    }

    pub(crate) fn in_memory() -> Self {
        Self::new(Engine::Memory)
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        run(&self.time, || self.store.is_busy(), future)
    }

    pub(crate) fn parts(&self) -> Parts {
        let clock = self.time.clone();
        let client = Client::builder(Region::NorthAmerica, Arc::new(CountingSigner::new()))
            .transport(Arc::clone(&self.amazon) as _)
            .clock(Arc::new(clock.clone()))
            // The client does not retry, so that the merchant half's own repetitions can be counted.
            .retry(RetryPolicy { max_attempts: 1, ..RetryPolicy::default() })
            .build()
            .unwrap();
        Parts {
            store: Arc::clone(&self.store) as _,
            client,
            clock: Arc::new(clock),
            entropy: Arc::clone(&self.entropy) as _,
            settings: Settings {
                policy: self.policy,
                region: self.region,
                notifications: self.notifications.clone(),
                storefront: self.storefront.clone(),
                ..settings()
            },
            webhook: self.webhook.clone(),
            quote_hook: self.quote_hook.clone(),
            certificate_transport: Some(Arc::clone(&self.certificates) as _),
            snapshot_keys: SnapshotKeys::parse(&self.snapshot_keys).unwrap(),
        }
    }

    fn start(&mut self) {
        let starting = Merchant::start(self.parts());
        self.merchant = Some(self.run(starting).unwrap());
    }

    /// The process is gone; a new one starts from what the store has.
    pub(crate) fn restart(&mut self) {
        self.reopen();
        self.start();
    }

    /// The process is gone, and no other has started: only the store can be read.
    pub(crate) fn reopen(&mut self) {
        self.merchant = None;
        let inner = match &self.directory {
            Some(directory) => {
                // The file is locked until the last handle on it is gone.
                self.store = watched(Arc::new(MemoryStore::new()));
                open(directory.path())
            }
            None => Arc::clone(self.store.inner()),
        };
        self.store = watched(inner);
    }

    /// Copies the files of the store, as a backup does.
    pub(crate) fn backup(&self) -> TempDir {
        let backup = TempDir::new().unwrap();
        copy(self.directory.as_ref().unwrap().path(), backup.path());
        backup
    }

    /// The store is lost, and a new process starts from its backup.
    pub(crate) fn restore(&mut self, backup: &TempDir) {
        self.merchant = None;
        // The file is locked until the last handle on it is gone.
        self.store = watched(Arc::new(MemoryStore::new()));
        copy(backup.path(), self.directory.as_ref().unwrap().path());
        self.restart();
    }

    /// What was due by `now`, or is not delivered. It reads the inner store, which does not fail.
    fn work_left(&self, now: Timestamp) -> Vec<String> {
        run(&self.time, || true, work_left(&**self.store.inner(), now, &["fact"])).unwrap()
    }

    /// The test leaves documents that cannot be read and so stay due.
    pub(crate) fn leaves_unreadable_documents(&self) {
        self.is_left_behind.set(true);
    }

    /// The test leaves calls to Amazon without answers.
    pub(crate) fn leaves_calls_unanswered(&self) {
        self.is_left_behind.set(true);
    }

    pub(crate) fn merchant(&self) -> &Merchant {
        self.merchant.as_ref().unwrap()
    }

    /// One request, which can be run together with others.
    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> impl Future<Output = HttpAnswer> + use<> {
        self.request_with(method, path, body, Some(&format!("Bearer {SHOP_TOKEN}")))
    }

    pub(crate) fn request_with(
        &self,
        method: &str,
        path: &str,
        body: &str,
        authorization: Option<&str>,
    ) -> impl Future<Output = HttpAnswer> + use<> {
        let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = path.parse().unwrap();
        if let Some(authorization) = authorization {
            request.headers_mut().insert("authorization", authorization.parse().unwrap());
        }
        let reply = self.merchant().handle(request);
        async {
            let Reply::Answer(response) = reply.await else { panic!("a connection was reset") };
            let (head, body) = response.into_parts();
            HttpAnswer {
                status: head.status.as_u16(),
                headers: head.headers,
                text: String::from_utf8(body.to_vec()).unwrap(),
            }
        }
    }

    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> HttpAnswer {
        self.run(self.request(method, path, body))
    }

    pub(crate) fn get(&self, path: &str) -> HttpAnswer {
        self.call("GET", path, "")
    }

    /// Registers an order, and returns its checkout's id.
    pub(crate) fn register(&self, order: &Value) -> String {
        let answer = self.call("POST", "/v1/checkouts", &order.to_string());
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["checkoutId"].as_str().unwrap().to_owned()
    }

    /// Registers an order, and its buyer places it on Amazon's page.
    pub(crate) fn placed(&self, order: &Value) -> String {
        let checkout_id = self.register(order);
        self.amazon.open(SESSION, session_for(order, SESSION, &checkout_id));
        checkout_id
    }

    /// Another order is paid, so the store knows a charge that Amazon has.
    pub(crate) fn knows_a_charge(&self) {
        let mut order = order();
        order["orderId"] = json!("0999");
        let checkout_id = self.register(&order);
        self.amazon.open("known", session_for(&order, "known", &checkout_id));
        assert_eq!(self.complete(&checkout_id, "known").verdict(), (200, "paid".to_owned()));
        // Its data and its charge are fetched.
        self.let_pass(Duration::from_secs(120));
    }

    pub(crate) fn completing(
        &self,
        checkout_id: &str,
        session: &str,
    ) -> impl Future<Output = HttpAnswer> + use<> {
        let body = json!({ "amazonCheckoutSessionId": session_id(session) }).to_string();
        self.request("POST", &format!("/v1/checkouts/{checkout_id}/complete"), &body)
    }

    pub(crate) fn complete(&self, checkout_id: &str, session: &str) -> HttpAnswer {
        self.run(self.completing(checkout_id, session))
    }

    /// An operation of the shop's on a paid order: `charges`, `captures`, `refunds`, `cancel` or `close`.
    pub(crate) fn asking(
        &self,
        checkout_id: &str,
        call: &str,
        body: &Value,
    ) -> impl Future<Output = HttpAnswer> + use<> {
        self.request("POST", &format!("/v1/checkouts/{checkout_id}/{call}"), &body.to_string())
    }

    pub(crate) fn ask(&self, checkout_id: &str, call: &str, body: &Value) -> HttpAnswer {
        self.run(self.asking(checkout_id, call, body))
    }

    /// An order that was completed with this intent, for 40.00 of 100.00, or for all of it if it is captured.
    pub(crate) fn completed(&self, intent: &str) -> String {
        let checkout_id = self.placed(&order_of_100(intent));
        assert_eq!(self.complete(&checkout_id, SESSION).status, 200);
        checkout_id
    }

    /// Whether the shop may ship, and the reason.
    pub(crate) fn fulfilment(&self, checkout_id: &str) -> (bool, String) {
        let answer = self.get(&format!("/v1/checkouts/{checkout_id}/fulfilment")).json();
        (answer["mayShip"].as_bool().unwrap(), answer["reason"].as_str().unwrap().to_owned())
    }

    /// Runs a request until the process dies at a commit, or returns the answer if it does not.
    pub(crate) fn run_until_it_stops<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        run_until(&self.time, || self.store.is_busy(), future, || self.store.hook.has_stopped())
    }

    /// The shop's facts.
    pub(crate) fn facts(&self) -> Vec<Value> {
        self.get("/v1/events?limit=1000").json()["events"].as_array().unwrap().clone()
    }

    /// Completes until a call to Amazon hangs, and then the process dies.
    pub(crate) fn complete_and_crash(&self, checkout_id: &str, session: &str) {
        let completing = self.completing(checkout_id, session);
        let busy = || self.store.is_busy();
        let ended = run_until(&self.time, busy, completing, || self.amazon.hanging() > 0);
        assert!(ended.is_none(), "it was answered: {ended:?}");
    }

    /// Amazon decides the refunds of the order's first charge.
    pub(crate) fn refunds_go_through(&self, id: &str) {
        let charge = self.checkout(id)["payment"]["charges"][0].clone();
        for refund in charge["refunds"].as_array().unwrap() {
            self.amazon.decide_refund(refund["refundId"].as_str().unwrap(), "Refunded");
        }
        self.let_pass(Duration::from_secs(600));
    }

    /// Lets the timers run for this time.
    pub(crate) fn let_pass(&self, duration: Duration) {
        let timers = std::pin::pin!(self.merchant().timers());
        let sleep = self.time.sleep(duration);
        match self.run(select(sleep, timers)) {
            Either::Left(_) => {}
            Either::Right(_) => panic!("the timers ended"),
        }
    }

    /// Lets a long time pass: jumps from timer to timer, and runs the timers at each.
    pub(crate) fn skip(&self, duration: Duration) {
        let until = self.time.now().plus(duration);
        while let Some(due_at) = self.run(self.store.next_due()).unwrap().filter(|due_at| *due_at <= until) {
            self.time.advance(due_at.since(self.time.now()));
            self.let_pass(Duration::from_secs(1));
        }
        self.time.advance(until.since(self.time.now()));
    }

    /// One checkout as the API shows it.
    pub(crate) fn checkout(&self, checkout_id: &str) -> Value {
        let answer = self.get(&format!("/v1/checkouts/{checkout_id}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// The states of a checkout's attempts, in order.
    pub(crate) fn attempts(&self, checkout_id: &str) -> Vec<String> {
        let checkout = self.checkout(checkout_id);
        let states = checkout["attempts"].as_array().unwrap().iter();
        states.map(|attempt| attempt["state"].as_str().unwrap().to_owned()).collect()
    }

    /// The types of the entries in a checkout's timeline, in order.
    pub(crate) fn timeline(&self, checkout_id: &str) -> Vec<String> {
        let checkout = self.checkout(checkout_id);
        let entries = checkout["timeline"].as_array().unwrap().iter();
        entries.map(|entry| entry["type"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn result_path(&self, checkout_id: &str) -> String {
        let url = self.checkout(checkout_id)["resultUrl"].as_str().unwrap().to_owned();
        url.strip_prefix("https://pay.example").unwrap().to_owned()
    }
}

pub(crate) fn address() -> Value {
    json!({ "name": "Work", "addressLine1": "440 Terry Avenue", "city": "Seattle",
        "stateOrRegion": "WA", "postalCode": "98121", "countryCode": "US" })
}

/// An order that is shipped and captured immediately.
pub(crate) fn order() -> Value {
    json!({
        "orderId": "1001",
        "productType": "PayAndShip",
        "paymentDetails": {
            "paymentIntent": "AuthorizeWithCapture",
            "chargeAmount": { "amount": "14.00", "currencyCode": "USD" },
        },
        "startOfCheckoutUrl": "https://shop.example/checkout",
        "successUrl": "https://shop.example/thanks",
    })
}

pub(crate) fn usd(amount: &str) -> Value {
    json!({ "amount": amount, "currencyCode": "USD" })
}

/// An order of 100.00, of which 40.00 is charged, or all of it if it is captured immediately.
pub(crate) fn order_of_100(intent: &str) -> Value {
    let mut order = order();
    let amount = if intent == "AuthorizeWithCapture" { "100.00" } else { "40.00" };
    order["paymentDetails"] = json!({ "paymentIntent": intent, "chargeAmount": usd(amount),
        "totalOrderAmount": usd("100.00") });
    order
}

/// An order that can have a pending authorization.
pub(crate) fn waiting_order() -> Value {
    let mut order = order();
    order["paymentDetails"]["paymentIntent"] = json!("Authorize");
    order["paymentDetails"]["canHandlePendingAuthorization"] = json!(true);
    order
}

/// The open session of a buyer who placed this order.
pub(crate) fn session_for(order: &Value, session: &str, checkout_id: &str) -> Value {
    json!({
        "checkoutSessionId": session,
        "productType": order["productType"],
        "paymentDetails": order["paymentDetails"],
        "supplementaryData": order["supplementaryData"],
        "merchantMetadata": { "merchantReferenceId": checkout_id },
        "releaseEnvironment": "Sandbox",
        "shippingAddress": address(),
        "billingAddress": address(),
        "statusDetails": { "state": "Open" },
    })
}
