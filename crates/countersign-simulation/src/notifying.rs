//! How Amazon's notifications reach the merchant half: late and out of order, lost, repeated, or
//! before the answer to the call that caused them. Some of them were never sent by Amazon.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use countersign_client::notification::SignatureVersion;
use countersign_http::Request;
use countersign_merchant::Merchant;
use countersign_sandbox::notify::{
    Courier, EndpointUrl, FixedEndpoint, KeySource, NotDelivered, Notifications,
};
use futures_util::future::BoxFuture;
use http::StatusCode;
use serde_json::{Value, json};

use crate::entropy::Random;
use crate::executor::{Executor, Group};
use crate::process::{GivingUp, Process, ServeOutcome};
use crate::weather::{Rates, Weather};
use crate::witness::Witness;

/// The origin from which Amazon's certificate is fetched.
pub(crate) const ORIGIN: &str = "http://127.0.0.1:8100";

const ENDPOINT: &str = "http://127.0.0.1:9000/amazon/notifications";

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
