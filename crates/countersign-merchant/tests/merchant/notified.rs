//! The sandbox's own notifications, posted to the merchant half by the sandbox's sender and signed with its
//! key, with every fault that it supports. Only the sockets between the halves are left out.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Algorithm, Client, KeySigner, MerchantKey};
use countersign_domain::ids::{MerchantId, PublicKeyId, Region};
use countersign_http::{Handler, Reply};
use countersign_merchant::settings::Notifications;
use countersign_merchant::snapshot_key::SnapshotKeys;
use countersign_merchant::{Merchant, Parts};
use countersign_sandbox::Sandbox;
use countersign_sandbox::ids::Ids;
use countersign_sandbox::merchants::Merchants;
use countersign_sandbox::notify::{self, Courier, NotDelivered};
use countersign_store::memory::MemoryStore;
use countersign_world::fake::FakeClock;
use countersign_world::{Clock as _, Stream, SystemEntropy};
use futures_util::future::{BoxFuture, Either, join, select};
use http::StatusCode;
use serde_json::{Value, json};

use super::life::Wire;
use super::time_machine::{beginning, run};
use super::world::{SHOP_TOKEN, SNAPSHOT_KEY, settings, usd};

const ORIGIN: &str = "http://127.0.0.1:8100";
const SECOND: Duration = Duration::from_secs(1);

/// Posts to the merchant half without a socket.
#[derive(Default)]
struct Post(OnceLock<Arc<Merchant>>);

impl Courier for Post {
    fn post(
        &self,
        mut request: http::Request<Bytes>,
        _: Duration,
    ) -> BoxFuture<'_, Result<StatusCode, NotDelivered>> {
        *request.uri_mut() = request.uri().path().parse().unwrap();
        let Some(merchant) = self.0.get() else { return Box::pin(async { Err(NotDelivered::Unreachable) }) };
        let reply = merchant.handle(request);
        Box::pin(async move {
            match reply.await {
                Reply::Answer(answer) => Ok(answer.status()),
                Reply::Reset => Err(NotDelivered::Lost),
            }
        })
    }
}

/// Both halves, connected to each other.
struct Halves {
    time: FakeClock,
    amazon: Arc<Sandbox>,
    merchant: Arc<Merchant>,
}

impl Halves {
    fn new() -> Self {
        let time = beginning();
        let clock = time.clone();
        let (key, key_id) = (MerchantKey::generate().unwrap(), PublicKeyId::parse("SANDBOX-K1").unwrap());
        let mut merchants = Merchants::default();
        let verifying_key = key.key.verifying_key().unwrap();
        merchants.register(MerchantId::parse("M1").unwrap(), key_id.clone(), verifying_key).unwrap();
        let post = Arc::new(Post::default());
        let amazon = Sandbox::start(countersign_sandbox::Parts {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(clock.clone()),
            ids: Ids::new(&SystemEntropy, Some(1), 0),
            merchants,
            settings: Default::default(),
            notifications: notify::Notifications {
                courier: Arc::clone(&post) as _,
                origin: ORIGIN.to_owned(),
                ..Default::default()
            },
        });
        let amazon = Arc::new(run(&time, || false, amazon).unwrap());
        let signer = KeySigner::from_pem(key_id, &key.private_pem, Algorithm::PssV2).unwrap();
        let client = Client::builder(Region::NorthAmerica, Arc::new(signer))
            .transport(Arc::new(Wire(Arc::clone(&amazon))))
            .clock(Arc::new(clock.clone()))
            .build()
            .unwrap();
        let mut settings = settings();
        settings.notifications =
            Notifications { certificate_origins: vec![ORIGIN.to_owned()], topic_arns: Vec::new() };
        let merchant = Merchant::start(Parts {
            store: Arc::new(MemoryStore::new()),
            client,
            clock: Arc::new(clock),
            entropy: Arc::new(Stream::new(0)),
            settings,
            webhook: None,
            quote_hook: None,
            certificate_transport: Some(Arc::new(Wire(Arc::clone(&amazon)))),
            snapshot_keys: SnapshotKeys::parse(SNAPSHOT_KEY).unwrap(),
        });
        let merchant = Arc::new(run(&time, || false, merchant).unwrap());
        assert!(post.0.set(Arc::clone(&merchant)).is_ok());
        let halves = Self { time, amazon, merchant };
        let endpoint = json!({ "url": format!("{ORIGIN}/amazon/notifications") });
        halves.control("notification-endpoints", &endpoint);
        halves
    }

    /// Runs a request together with the timers of both halves.
    fn request(&self, of: &dyn Handler, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {SHOP_TOKEN}"))
            .body(Bytes::from(body))
            .unwrap();
        let timers = std::pin::pin!(join(self.amazon.timers(), self.merchant.timers()));
        let reply = match run(&self.time, || false, select(of.handle(request), timers)) {
            Either::Left((reply, _)) => reply,
            Either::Right(_) => panic!("the timers ended"),
        };
        let Reply::Answer(answer) = reply else { panic!("a connection was reset") };
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
    }

    fn control(&self, path: &str, body: &Value) -> Value {
        let method = if body.is_null() { "GET" } else { "POST" };
        let (status, answer) = self.request(&*self.amazon, method, &format!("/_sandbox/{path}"), body);
        assert!(status < 300, "{path}: {answer}");
        answer
    }

    fn shop(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.request(&*self.merchant, method, &format!("/v1/{path}"), body)
    }

    fn let_pass(&self, duration: Duration) {
        let timers = std::pin::pin!(join(self.amazon.timers(), self.merchant.timers()));
        let sleep = self.time.clone().sleep(duration);
        assert!(matches!(run(&self.time, || false, select(sleep, timers)), Either::Left(_)));
    }

    /// An order that its buyer has placed. Returns its checkout's id and the body that completes it.
    fn placed(&self, intent: &str) -> (String, Value) {
        let details = json!({ "paymentIntent": intent, "chargeAmount": usd("60.00") });
        let order = json!({ "orderId": "1001", "productType": "PayAndShip", "paymentDetails": details,
            "startOfCheckoutUrl": "https://shop.example/checkout" });
        let (status, registered) = self.shop("POST", "checkouts", &order);
        assert_eq!(status, 201, "{registered}");
        let checkout_id = registered["checkoutId"].as_str().unwrap().to_owned();
        let page = json!({ "productType": "PayAndShip", "placed": true, "paymentDetails": details,
            "merchantMetadata": { "merchantReferenceId": checkout_id } });
        let session = self.control("checkout-sessions", &page);
        (checkout_id, json!({ "amazonCheckoutSessionId": session["checkoutSessionId"] }))
    }

    fn checkout(&self, checkout_id: &str) -> Value {
        self.shop("GET", &format!("checkouts/{checkout_id}"), &Value::Null).1
    }

    fn heard(&self, checkout_id: &str) -> usize {
        let checkout = self.checkout(checkout_id);
        let timeline = checkout["timeline"].as_array().unwrap().iter();
        timeline.filter(|entry| entry["type"] == "NotificationHeard").count()
    }

    /// The merchant half's answers to all attempts, in order.
    fn answers(&self) -> Vec<String> {
        let sent = self.control("notifications", &Value::Null);
        let attempts = sent["notifications"].as_array().unwrap().iter();
        attempts.map(|attempt| attempt["result"].to_string()).collect()
    }
}

// Promise: B17
#[test]
fn what_the_sandbox_notifies_of_is_taken_in_from_the_confirmation_to_the_refund() {
    let halves = Halves::new();
    let (checkout_id, session) = halves.placed("AuthorizeWithCapture");
    let (status, answer) = halves.shop("POST", &format!("checkouts/{checkout_id}/complete"), &session);
    assert_eq!((status, &answer["outcome"]), (200, &json!("paid")));
    let refund = json!({ "reference": "return 1", "refundAmount": usd("10.00") });
    assert_eq!(halves.shop("POST", &format!("checkouts/{checkout_id}/refunds"), &refund).0, 202);
    halves.let_pass(Duration::from_secs(2 * 3_600));
    let checkout = halves.checkout(&checkout_id);
    assert_eq!(checkout["payment"]["charges"][0]["refunds"][0]["state"], "Refunded");
    assert!(halves.heard(&checkout_id) >= 2, "{checkout}");
    let answers = halves.answers();
    assert!(
        answers.len() >= 3 && answers.iter().all(|answer| answer == answers.first().unwrap()),
        "{answers:?}"
    );
}

// Promise: B18
#[test]
fn whatever_happens_to_the_sandboxes_notifications_the_order_ends_the_same() {
    let kinds = [
        ("none", true),
        ("duplicate", true),
        ("reorder", true),
        ("delay", true),
        ("beforeAnswer", true),
        ("drop", false),
        ("malformed", false),
        ("wrongSignature", false),
        ("certificateElsewhere", false),
        ("foreignMerchant", false),
        ("staleTimestamp", false),
    ];
    for (kind, is_heard) in kinds {
        let halves = Halves::new();
        let (checkout_id, session) = halves.placed("Authorize");
        if kind != "none" {
            halves.control("notification-faults", &json!({ "kind": kind, "objectType": "CHARGE" }));
        }
        let (status, answer) = halves.shop("POST", &format!("checkouts/{checkout_id}/complete"), &session);
        assert_eq!((status, &answer["outcome"]), (200, &json!("authorized")), "{kind}");
        halves.let_pass(300 * SECOND);
        let checkout = halves.checkout(&checkout_id);
        assert_eq!(checkout["payment"]["charges"][0]["state"], "Authorized", "{kind}");
        assert_eq!(checkout["payment"]["charges"].as_array().unwrap().len(), 1, "{kind}");
        let timeline = checkout["timeline"].as_array().unwrap();
        let heard = timeline
            .iter()
            .filter(|entry| entry["type"] == "NotificationHeard" && entry["detail"] == "CHARGE");
        assert_eq!(heard.count(), usize::from(is_heard), "{kind}: {timeline:?} {:?}", halves.answers());
    }
}
