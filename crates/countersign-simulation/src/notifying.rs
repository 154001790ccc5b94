//! How Amazon's notifications reach the merchant half: late and out of order, lost, repeated, or
//! before the answer to the call that caused them. Some of them were never sent by Amazon.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use countersign_client::notification::SignatureVersion;
use countersign_domain::time::Timestamp;
use countersign_http::Request;
use countersign_merchant::Merchant;
use countersign_protocol::notification::{Envelope, EnvelopeTimestamp};
use countersign_sandbox::notify::{
    Courier, EndpointUrl, FixedEndpoint, KeySource, NotDelivered, Notifications,
};
use countersign_world::Clock as _;
use countersign_world::fake::ShiftedClock;
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::{Value, json};

use crate::calendar::Calendar;
use crate::entropy::Random;
use crate::executor::{Executor, Group};
use crate::process::{GivingUp, Process, ServeOutcome};
use crate::weather::{Rates, Weather};
use crate::witness::Witness;

/// The origin from which Amazon's certificate is fetched.
pub(crate) const ORIGIN: &str = "http://127.0.0.1:8100";

const ENDPOINT: &str = "http://127.0.0.1:9000/amazon/notifications";

/// The key with which Amazon's half signs here.
const THROW_AWAY: &str = include_str!("../../countersign-sandbox/src/notify/throw_away.pem");

/// How many notifications of charges in a thousand come before a dispute of the charge.
const DISPUTED: u32 = 500;
/// When a dispute is opened after that, at the latest, and when it ends at the latest.
const OPENED_WITHIN: Duration = Duration::from_secs(4 * 86_400);
const ENDED_WITHIN: Duration = Duration::from_secs(5 * 86_400);
/// How often its notification is sent until it is taken, and the pause between two tries.
const TRIES: usize = 40;
const PAUSE: Duration = Duration::from_secs(30 * 60);

/// How many notifications in a thousand follow a forged one.
const FORGED: u32 = 100;

/// Carries notifications to the merchant half.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) executor: Executor,
    pub(crate) weather: Arc<Weather>,
    pub(crate) merchant: Arc<Process<Merchant>>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) random: Random,
    pub(crate) calendar: Calendar,
    /// Amazon's clock.
    pub(crate) clock: ShiftedClock,
    /// In some worlds buyers dispute payments: the draws for that.
    pub(crate) disputes: Option<Random>,
}

impl Post {
    /// The notification settings of Amazon's half, with this post as their courier.
    pub(crate) fn notifications(self) -> Notifications {
        let url = EndpointUrl::parse(ENDPOINT).unwrap_or_else(|refused| unreachable!("{refused}"));
        Notifications {
            courier: Arc::new(self),
            key: KeySource::ThrowAway,
            origin: ORIGIN.to_owned(),
            endpoints: vec![FixedEndpoint { url, signature_version: SignatureVersion::V2 }],
        }
    }

    fn happens(&self, rate: impl FnOnce(&Rates) -> u32) -> bool {
        self.weather.strikes(&self.random, rate)
    }

    async fn hand_over(&self, request: Request) -> Result<StatusCode, NotDelivered> {
        match self.merchant.serve(request, GivingUp::LeavesItRunning, |_| ()).await {
            ServeOutcome::Answer(answer) => Ok(answer.status()),
            ServeOutcome::Reset => Err(NotDelivered::Lost),
            ServeOutcome::Refused => Err(NotDelivered::Unreachable),
        }
    }

    /// Perhaps lets the buyer dispute the charge that a notification is about, days later.
    fn dispute(&self, genuine: &Request) {
        let Some(random) = &self.disputes else { return };
        let Some(charge_id) = charge_of(genuine.body()).filter(|_| random.happens(DISPUTED)) else { return };
        let (opens_after, ends_after) =
            (random.time(Duration::ZERO, OPENED_WITHIN), random.time(Duration::ZERO, ENDED_WITHIN));
        let share = random.one_of(&[0, 400, 1_000]);
        let (post, genuine) = (self.clone(), genuine.body().clone());
        self.executor.spawn(Group::World, async move {
            post.calendar.wait(opens_after).await;
            let Some(id) = post.witness.opens_dispute(&charge_id, ends_after, share) else { return };
            for number in 0..TRIES {
                let body = disputing(&genuine, &id, number, post.clock.now());
                let request = body
                    .and_then(|body| http::Request::builder().method("POST").uri(ENDPOINT).body(body).ok());
                let Some(request) = request else { return };
                if post.hand_over(request).await.is_ok_and(|status| status.is_success()) {
                    return;
                }
                post.calendar.wait(PAUSE).await;
            }
        });
    }

    /// Sends a forged notification: an attacker knows what Amazon's look like, and changes one.
    async fn forge(&self, genuine: &Request) {
        let Some(body) = forged(genuine.body(), self.random.next()) else { return };
        let request = http::Request::builder().method("POST").uri(ENDPOINT).body(body);
        let Ok(request) = request else { return };
        if let Ok(status) = self.hand_over(request).await {
            self.witness.answered_forgery(status);
        }
    }
}

impl Courier for Post {
    fn post(&self, request: Request, _: Duration) -> BoxFuture<'_, Result<StatusCode, NotDelivered>> {
        Box::pin(async move {
            let random = &self.random;
            let longest = if self.weather.is_calm() { 20 } else { 6_000 };
            self.executor.sleep(random.time(Duration::ZERO, Duration::from_millis(longest))).await;
            if self.happens(|_| FORGED) {
                self.forge(&request).await;
            }
            self.dispute(&request);
            if self.happens(|rates| rates.request_lost) {
                return Err(NotDelivered::Lost);
            }
            if self.happens(|rates| rates.repeated) {
                let (copy, post) = (request.clone(), self.clone());
                let pause = random.time(Duration::ZERO, Duration::from_secs(900));
                self.executor.spawn(Group::Network, async move {
                    post.executor.sleep(pause).await;
                    let _ = post.hand_over(copy).await;
                });
            }
            let answered = self.hand_over(request).await;
            self.witness.notified(answered.as_ref().map_or("nobody", StatusCode::as_str));
            if self.happens(|rates| rates.answer_lost) { Err(NotDelivered::Lost) } else { answered }
        })
    }
}

/// A genuine envelope whose message was replaced: Amazon's signature no longer matches it.
fn forged(genuine: &[u8], number: u64) -> Option<Bytes> {
    let mut envelope: Value = serde_json::from_slice(genuine).ok()?;
    let mut message: Value = serde_json::from_str(envelope["Message"].as_str()?).ok()?;
    message["NotificationType"] = json!("STATE_CHANGE");
    message["NotificationId"] = json!(format!("forged-{number}"));
    envelope["Message"] = json!(message.to_string());
    envelope["MessageId"] = json!(format!("forged-{number}"));
    Some(Bytes::from(envelope.to_string()))
}

/// The charge that a notification is about.
fn charge_of(genuine: &[u8]) -> Option<String> {
    let envelope: Value = serde_json::from_slice(genuine).ok()?;
    let message: Value = serde_json::from_str(envelope["Message"].as_str()?).ok()?;
    (message["ObjectType"] == "CHARGE").then(|| message["ObjectId"].as_str().map(str::to_owned)).flatten()
}

/// A notification of a dispute, made and signed as Amazon's half makes and signs another one.
fn disputing(genuine: &[u8], id: &str, number: usize, at: Timestamp) -> Option<Bytes> {
    let mut envelope = Envelope::parse(genuine).ok()?;
    let mut message: Value = serde_json::from_str(&envelope.message).ok()?;
    message["ObjectType"] = json!("CHARGEBACK");
    message["ObjectId"] = json!(id);
    message["NotificationId"] = json!(format!("dispute-{id}"));
    envelope.message = message.to_string();
    envelope.message_id = format!("{id}-{number}");
    envelope.timestamp = EnvelopeTimestamp::from(at);
    envelope.signature = signature(&envelope.string_to_sign())?;
    Some(Bytes::from(envelope.to_json()))
}

fn signature(text: &str) -> Option<Vec<u8>> {
    let lines = THROW_AWAY.lines().skip_while(|line| !line.starts_with("-----BEGIN PRIVATE")).skip(1);
    let base64: String = lines.take_while(|line| !line.starts_with("-----END")).collect();
    let pair = KeyPair::from_pkcs8(&BASE64_STANDARD.decode(base64).ok()?).ok()?;
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign_digest(&RSA_PKCS1_SHA256, &digest(&SHA256, text.as_bytes()), &mut signature).ok()?;
    Some(signature)
}
