//! The whole life of an order on one virtual clock, with both real halves: the merchant half and the sandbox
//! with the live profile, including signatures. Only the sockets between them are left out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Algorithm, Client, KeySigner, MerchantKey, Transport, TransportError};
use countersign_domain::ids::{ChargeId, ChargePermissionId, Environment, MerchantId, PublicKeyId, Region};
use countersign_domain::provider::profile::Profile;
use countersign_domain::time::Timestamp;
use countersign_http::{Handler, Reply, Request, Response};
use countersign_merchant::snapshot_key::SnapshotKeys;
use countersign_merchant::{Merchant, Parts};
use countersign_sandbox::Sandbox;
use countersign_sandbox::ids::Ids;
use countersign_sandbox::merchants::Merchants;
use countersign_store::contract::Store as _;
use countersign_store::memory::MemoryStore;
use countersign_world::fake::FakeClock;
use countersign_world::{Clock as _, Stream, SystemEntropy};
use futures_util::future::{BoxFuture, Either, join, select};
use serde_json::{Value, json};

use super::time_machine::{beginning, run};
use super::world::{SHOP_TOKEN, SNAPSHOT_KEY, settings, usd};

const KEY_ID: &str = "LIVE-K1";
const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

/// The connection between the halves, without sockets.
pub(crate) struct Wire(pub(crate) Arc<Sandbox>);

impl Transport for Wire {
    fn send(&self, mut request: Request, _: Duration) -> BoxFuture<'_, Result<Response, TransportError>> {
        // On the wire a server gets only the path.
        *request.uri_mut() = request.uri().path_and_query().unwrap().as_str().parse().unwrap();
        let reply = self.0.handle(request);
        Box::pin(async move {
            match reply.await {
                Reply::Answer(answer) => Ok(answer),
                Reply::Reset => Err(TransportError::Lost("reset".into())),
            }
        })
    }
}

/// An order with two charges, recorded call by call.
struct Life {
    time: FakeClock,
    began_at: Timestamp,
    amazon: Arc<Sandbox>,
    merchant: Merchant,
    stores: [Arc<MemoryStore>; 2],
    /// Reads Amazon's objects with the merchant's key.
    client: Client,
    checkout_id: String,
    table: String,
}

const HEADINGS: &str = "when | call | answer | the merchant half: first charge, second charge, refunds, \
                        left | Amazon: first charge, second charge, permission, held, captured, refunded \
                        | the buyer, at Amazon and in the snapshot\n";

impl Life {
    fn begin() -> Self {
        let time = beginning();
        let clock = time.clone();
        let stores = [(); 2].map(|()| Arc::new(MemoryStore::new()));
        let (key, key_id) = (MerchantKey::generate().unwrap(), PublicKeyId::parse(KEY_ID).unwrap());
        let mut merchants = Merchants::default();
        let verifying_key = key.key.verifying_key().unwrap();
        merchants.register(MerchantId::parse("M1").unwrap(), key_id.clone(), verifying_key).unwrap();
        let profile = Profile::Live;
        let amazon = Sandbox::start(countersign_sandbox::Parts {
            store: Arc::clone(&stores[0]) as _,
            clock: Arc::new(clock.clone()),
            ids: Ids::new(&SystemEntropy, Some(1), 0),
            merchants,
            settings: countersign_sandbox::settings::Settings { profile, ..Default::default() },
            notifications: Default::default(),
        });
        let amazon = Arc::new(run(&time, || false, amazon).unwrap());
        let signer = KeySigner::from_pem(key_id.clone(), &key.private_pem, Algorithm::PssV2).unwrap();
        let client = Client::builder(Region::NorthAmerica, Arc::new(signer))
            .transport(Arc::new(Wire(Arc::clone(&amazon))))
            .clock(Arc::new(clock.clone()))
            .build()
            .unwrap();
        let mut settings = settings();
        settings.environment = Environment::Live;
        settings.public_key_id = key_id;
        let merchant = Merchant::start(Parts {
            store: Arc::clone(&stores[1]) as _,
            client: client.clone(),
            clock: Arc::new(clock),
            entropy: Arc::new(Stream::new(0)),
            settings,
            webhook: None,
            quote_hook: None,
            certificate_transport: None,
            snapshot_keys: SnapshotKeys::parse(SNAPSHOT_KEY).unwrap(),
        });
        let merchant = run(&time, || false, merchant).unwrap();
        let (began_at, table) = (time.now(), HEADINGS.to_owned());
        Self { time, began_at, amazon, merchant, stores, client, checkout_id: String::new(), table }
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        run(&self.time, || false, future)
    }

    fn request(&self, of: &dyn Handler, method: &str, path: &str, body: &str) -> (u16, Value) {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {SHOP_TOKEN}"))
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap();
        let Reply::Answer(answer) = self.run(of.handle(request)) else { panic!("a connection was reset") };
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
    }

    fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (status, answer) = self.request(&*self.amazon, method, &format!("/_sandbox/{path}"), &body);
        assert!(status < 300, "{path}: {answer}");
        answer
    }

    /// A request of the shop's about its checkout.
    fn shop(&self, method: &str, call: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.request(&self.merchant, method, &format!("/v1/checkouts/{}{call}", self.checkout_id), &body)
    }

    /// Sends a request to the merchant half, and records the state of both halves after it.
    fn asks(&mut self, what: &str, call: &str, body: &Value) -> Value {
        let (status, answer) = self.shop("POST", &format!("/{call}"), body);
        let word = ["/state", "/outcome", "/error/code"].iter().find_map(|at| answer.pointer(at)?.as_str());
        self.row(&format!("POST {call}: {what}"), &format!("{status} {}", word.unwrap_or("?")));
        answer
    }

    /// Records the state of both halves.
    fn looks(&mut self, what: &str) {
        let (status, checkout) = self.shop("GET", "", &Value::Null);
        let state = checkout["state"].as_str().unwrap();
        self.row(&format!("GET checkout: {what}"), &format!("{status} {state}"));
    }

    fn row(&mut self, call: &str, answer: &str) {
        let passed = self.time.now().since(self.began_at).as_secs();
        let (days, hours, minutes) = (passed / 86_400, passed / 3_600 % 24, passed / 60 % 60);
        let (_, checkout) = self.shop("GET", "", &Value::Null);
        let payment = &checkout["payment"];
        let [first, second] = [0, 1].map(|place| {
            let charge = &payment["charges"][place];
            state(charge["state"].as_str(), charge["captureAmount"]["amount"].as_str())
        });
        let balance = |name: &str| payment["balances"][name]["amount"].as_str().unwrap().to_owned();
        let refunds: Vec<String> = payment["charges"][0]["refunds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|refund| state(refund["state"].as_str(), refund["refundAmount"]["amount"].as_str()))
            .collect();
        let refunds = if refunds.is_empty() { "-".to_owned() } else { refunds.join(" + ") };
        let ours = format!("{first}, {second}, {refunds}, {}", balance("left"));
        let theirs = self.at_amazon(&payment["charges"]);
        let buyer = self.permission()["buyer"]["name"].as_str().unwrap_or("-").to_owned();
        let snapshot = self.shop("GET", "/snapshot", &Value::Null).1;
        let kept = snapshot["chargePermission"]["buyer"]["name"].as_str().unwrap_or("-");
        let when = format!("day {days:2}, {hours:02}:{minutes:02}");
        self.table +=
            &format!("{when} | {call:52} | {answer:26} | {ours:77} | {theirs:66} | {buyer}, {kept}\n");
    }

    /// Charges, permission and balances at Amazon.
    fn at_amazon(&self, charges: &Value) -> String {
        let [first, second] = [0, 1].map(|place| {
            let Some(id) = charges[place]["chargeId"].as_str() else { return "-".to_owned() };
            let charge = self.read(&format!("charges/{id}"));
            state(charge["statusDetails"]["state"].as_str(), charge["captureAmount"]["amount"].as_str())
        });
        let permission = self.permission();
        let permission = permission["statusDetails"]["state"].as_str().unwrap();
        let balances = self.ledger();
        let [held, captured, refunded] = ["held", "captured", "refunded"].map(|name| &balances[name]);
        format!("{first}, {second}, {permission}, {held}, {captured}, {refunded}").replace('"', "")
    }

    fn permission_id(&self) -> String {
        let (_, checkout) = self.shop("GET", "", &Value::Null);
        checkout["chargePermissionId"].as_str().unwrap().to_owned()
    }

    fn permission(&self) -> Value {
        self.read(&format!("chargePermissions/{}", self.permission_id()))
    }

    fn ledger(&self) -> Value {
        let path = format!("ledger?chargePermissionId={}", self.permission_id());
        self.control("GET", &path, &Value::Null)["balances"].clone()
    }

    /// Reads one of Amazon's objects over the signed wire.
    fn read(&self, resource: &str) -> Value {
        let body = match resource.split_once('/').unwrap() {
            ("charges", id) => self.run(self.client.get_charge(&ChargeId::parse(id).unwrap())).unwrap().body,
            (_, id) => {
                let id = ChargePermissionId::parse(id).unwrap();
                self.run(self.client.get_charge_permission(&id)).unwrap().body
            }
        };
        serde_json::from_slice(&body).unwrap()
    }

    /// Lets time pass until this time after the beginning, from timer to timer in both halves.
    fn until(&self, after: Duration) {
        let until = self.began_at.plus(after);
        loop {
            let due = self.stores.iter().filter_map(|store| self.run(store.next_due()).unwrap()).min();
            let Some(due_at) = due.filter(|due_at| *due_at <= until) else { break };
            self.time.advance(due_at.since(self.time.now()));
            let timers = std::pin::pin!(join(self.amazon.timers(), self.merchant.timers()));
            let sleep = self.time.clone().sleep(Duration::from_secs(1));
            assert!(matches!(self.run(select(sleep, timers)), Either::Left(_)), "the timers ended");
        }
        self.time.advance(until.since(self.time.now()));
    }
}

/// A state and its amount.
fn state(state: Option<&str>, amount: Option<&str>) -> String {
    let Some(state) = state else { return "-".to_owned() };
    amount.map_or(state.to_owned(), |amount| format!("{state} {amount}"))
}

// Promise: A21, B14, B32
#[test]
fn an_orders_whole_life_from_authorization_to_what_is_left_after_a_month() {
    let mut life = Life::begin();
    let details = json!({ "paymentIntent": "Authorize", "chargeAmount": usd("60.00"),
        "totalOrderAmount": usd("100.00") });
    let order = json!({ "orderId": "1001", "productType": "PayAndShip", "paymentDetails": details,
        "startOfCheckoutUrl": "https://shop.example/checkout" });
    let (status, registered) = life.request(&life.merchant, "POST", "/v1/checkouts", &order.to_string());
    assert_eq!(status, 201, "{registered}");
    life.checkout_id = registered["checkoutId"].as_str().unwrap().to_owned();
    let page = json!({ "productType": "PayAndShip", "placed": true, "paymentDetails": details,
        "merchantMetadata": { "merchantReferenceId": life.checkout_id } });
    let session = life.control("POST", "checkout-sessions", &page);

    let session = json!({ "amazonCheckoutSessionId": session["checkoutSessionId"] });
    life.asks("60.00 of 100.00 authorized", "complete", &session);
    let second = json!({ "reference": "parcel 2", "chargeAmount": usd("40.00") });
    let second = life.asks("40.00 for the second parcel", "charges", &second)["chargeId"].clone();
    let (_, checkout) = life.shop("GET", "", &Value::Null);
    let first = checkout["chargeId"].clone();
    life.until(5 * DAY);
    let capture = json!({ "reference": "parcel 1", "chargeId": first, "captureAmount": usd("45.00") });
    life.asks("45.00 of the first", "captures", &capture);
    life.until(8 * DAY);
    life.asks("the second, whole", "captures", &json!({ "reference": "parcel 2 left", "chargeId": second }));
    life.until(8 * DAY + HOUR - Duration::from_secs(60));
    life.looks("a minute before Amazon has captured it");
    life.until(8 * DAY + 2 * HOUR);
    life.looks("Amazon was asked, and it is captured");
    for (day, what, reference, amount) in
        [(10, "20.00 of the first", "return 1", "20.00"), (12, "the rest of the first", "return 2", "25.00")]
    {
        life.until(day * DAY);
        let refund = json!({ "reference": reference, "chargeId": first, "refundAmount": usd(amount) });
        life.asks(what, "refunds", &refund);
        life.until(day * DAY + 2 * HOUR);
        life.looks("it is refunded");
    }
    life.asks(
        "a cent too much",
        "refunds",
        &json!({ "reference": "return 3", "chargeId": first,
        "refundAmount": usd("0.01") }),
    );
    life.asks("the permission", "close", &json!({ "reference": "done", "reason": "delivered" }));
    life.asks(
        "a further parcel",
        "charges",
        &json!({ "reference": "parcel 3", "chargeAmount": usd("1.00") }),
    );
    life.until(30 * DAY - Duration::from_secs(60));
    life.looks("a minute before Amazon forgets");
    life.until(31 * DAY);
    life.looks("Amazon has forgotten the buyer");
    insta::assert_snapshot!(life.table);

    // In the end both halves agree about the money. Amazon's `captured` does not include what was refunded.
    let ledger = life.ledger();
    let (_, checkout) = life.shop("GET", "", &Value::Null);
    let ours = |name: &str| checkout["payment"]["balances"][name]["amount"].clone();
    assert_eq!([&ledger["held"], &ledger["captured"], &ledger["refunded"]], ["0.00", "40.00", "45.00"]);
    assert_eq!(["held", "captured", "refunded"].map(ours), ["0.00", "85.00", "45.00"]);
}
