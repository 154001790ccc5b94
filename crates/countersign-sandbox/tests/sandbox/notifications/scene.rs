//! A sandbox whose loops run when the test says so, with an endpoint, and the merchants' calls that cause
//! notifications.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use countersign_domain::time::Timestamp;
use countersign_protocol::notification::{
    Certificate, CertificateOrigins, CertificateUrlRefused, Envelope, EnvelopeRefused, Message,
    SignatureRefused,
};
use countersign_sandbox::notify::Notifications;
use countersign_sandbox::settings::Settings;
use countersign_store::contract::Store;
use countersign_store::memory::MemoryStore;
use http::Method;
use serde_json::{Value, json};

use super::receiver::{Post, Receiver};
use crate::world::{Call, HttpAnswer, START, World, at, id, right_body};

/// The sandbox's own origin, as receivers see it.
pub(crate) const ORIGIN: &str = "http://127.0.0.1:8100";
/// The endpoint that a scene begins with.
pub(crate) const URL: &str = "http://127.0.0.1:9000/amazon/notifications";

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) receiver: Arc<Receiver>,
    loops: Mutex<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// The ids of a finalized order.
pub(crate) struct Order {
    pub(crate) permission_id: String,
    pub(crate) charge_id: String,
}

/// Why a receiver refuses a notification.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ReceiverRefused {
    Envelope(EnvelopeRefused),
    Url(CertificateUrlRefused),
    Signature(SignatureRefused),
}

impl Scene {
    /// A sandbox with one endpoint, which is notified for every merchant and has been asked to confirm.
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let scene = Self::bare(settings).await;
        scene.register(json!({ "url": URL })).await;
        scene
    }

    /// A sandbox without an endpoint.
    pub(crate) async fn bare(settings: Settings) -> Self {
        Self::on(Arc::new(MemoryStore::new()), settings, 0, Notifications::default()).await
    }

    /// A sandbox that starts with the contents of a store, and a new receiver.
    pub(crate) async fn on(
        store: Arc<dyn Store>,
        settings: Settings,
        start: u64,
        notifications: Notifications,
    ) -> Self {
        let receiver = Arc::new(Receiver::default());
        let courier = receiver.clone();
        let notifications = Notifications { courier, origin: ORIGIN.to_owned(), ..notifications };
        let world = World::notifying(1, store, settings, start, notifications).await;
        // The test polls the loops itself, so they must not share its own budget of polls.
        let loops = tokio::task::unconstrained(world.sandbox.timers());
        let loops = Mutex::new(Box::pin(loops) as Pin<Box<_>>);
        Self { world, receiver, loops }
    }

    /// The sandbox's process dies here, whatever its loops are doing; the next one continues.
    pub(crate) fn dies(self) {
        self.world.dies();
    }

    /// Lets the loops run until they wait for the clock, for a message to be appended or for an answer.
    pub(crate) fn settle(&self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut loops = self.loops.lock().unwrap();
        // Each poll runs the loops as far as they can go, but a yield ends a poll, too.
        for _ in 0..100 {
            assert!(loops.as_mut().poll(&mut context).is_pending(), "the loops never end");
        }
    }

    /// Lets the loops run, and returns the notifications that were sent.
    pub(crate) fn sent(&self) -> Vec<Post> {
        self.settle();
        self.receiver.take()
    }

    /// Lets the loops run, and returns the objects that notifications were sent about.
    pub(crate) fn told(&self) -> Vec<String> {
        self.sent().iter().map(Post::object).collect()
    }

    pub(crate) async fn control(&self, method: Method, path: &str, body: Value) -> HttpAnswer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.world.control(method, path, body).await
    }

    /// Registers an endpoint, and removes its confirmation from the receiver.
    pub(crate) async fn register(&self, endpoint: Value) -> String {
        let answer = self.control(Method::POST, "notification-endpoints", endpoint).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let sent = self.sent();
        assert_eq!(sent.last().unwrap().json()["Type"], "SubscriptionConfirmation");
        answer.text("endpointId").to_owned()
    }

    pub(crate) async fn order_fault(&self, fault: Value) -> String {
        let answer = self.control(Method::POST, "notification-faults", fault).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.text("faultId").to_owned()
    }

    /// The list of what was sent, with some members of each line.
    pub(crate) async fn listed(&self, members: &[&str]) -> Vec<String> {
        let answer = self.control(Method::GET, "notifications", Value::Null).await;
        let line = |record: &Value| {
            let shown = members.iter().map(|member| match &record[*member] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            shown.collect::<Vec<_>>().join(" ")
        };
        answer.json["notifications"].as_array().unwrap().iter().map(line).collect()
    }

    /// A finalized checkout of $14.00, of $40.00 in total: one charge, and a notification about it.
    pub(crate) async fn authorized(&self) -> Order {
        self.finalized(&Call::get(""), json!({})).await
    }

    /// A finalized checkout with some members changed, made with the key of a call.
    pub(crate) async fn finalized(&self, by: &Call, over: Value) -> Order {
        let session = self.session(by, over).await;
        let done = self.world.call(&Self::finalize(&session).key(by.key_id)).await;
        assert!(done.status < 300, "{}", done.text);
        Order {
            permission_id: done.text("chargePermissionId").to_owned(),
            charge_id: done.json["chargeId"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// A placed checkout.
    pub(crate) async fn session(&self, by: &Call, over: Value) -> Value {
        let total = json!({ "amount": "40.00", "currencyCode": "USD" });
        let usual = json!({ "publicKeyId": by.key_id, "paymentDetails": { "totalOrderAmount": total } });
        self.world.placed(crate::world::merged(usual, over)).await
    }

    pub(crate) fn finalize(session: &Value) -> Call {
        Call::finalize(id(session), right_body(session))
    }

    /// Makes a call of the first merchant, which must succeed.
    pub(crate) async fn call(&self, call: Call) -> HttpAnswer {
        let answer = self.world.call(&call).await;
        assert!(answer.status < 300, "{}", answer.text);
        answer
    }

    pub(crate) async fn advance(&self, by: &str) {
        self.world.advance(by).await;
    }

    /// Reads, checks and verifies an envelope as a receiver does that trusts this sandbox.
    pub(crate) async fn verified(
        &self,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Option<Message>, ReceiverRefused> {
        let envelope = Envelope::parse(body).map_err(ReceiverRefused::Envelope)?;
        let origins = CertificateOrigins::amazon().and(ORIGIN).unwrap();
        let url = origins.check(&envelope.signing_cert_url).map_err(ReceiverRefused::Url)?;
        let certificate = self.certificate(url.as_str().strip_prefix(ORIGIN).unwrap()).await;
        let verified = envelope.verify(&certificate, now).map_err(ReceiverRefused::Signature)?;
        Ok(verified.message().unwrap())
    }

    async fn certificate(&self, path: &str) -> Certificate {
        let request = http::Request::get(path).body(bytes::Bytes::new()).unwrap();
        let countersign_http::Reply::Answer(answer) = self.world.reply(request).await else {
            panic!("{path} was reset")
        };
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"application/x-pem-file".parse().unwrap())
        );
        Certificate::from_pem(std::str::from_utf8(answer.body()).unwrap()).unwrap()
    }

    /// The message of a valid envelope.
    pub(crate) async fn message(&self, post: &Post) -> Message {
        self.verified(&post.body, at(START)).await.unwrap().unwrap()
    }
}
