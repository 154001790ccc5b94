//! A double of the shop's webhook endpoint: it keeps what arrived, and answers as the test says.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use countersign_client::{Transport, TransportError};
use countersign_domain::time::Timestamp;
use countersign_merchant::webhook::{SigningSecrets, Webhook};
use countersign_world::fake::FakeClock;
use futures_util::future::{BoxFuture, pending};
use serde_json::Value;

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub(crate) const OLD_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// How the next request is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum WebhookAnswer {
    Status(u16),
    /// Answers with `retry-after`.
    Later(u16, &'static str),
    /// Refuses the connection.
    Refused,
    /// Refuses the TLS handshake.
    NotSecure,
    /// Never answers.
    Hangs,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct ReceivedWebhook {
    pub(crate) at: Timestamp,
    pub(crate) uri: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl ReceivedWebhook {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn id(&self) -> &str {
        self.header("webhook-id")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }
}

pub(crate) struct Shop {
    time: FakeClock,
    arrived: Mutex<Vec<ReceivedWebhook>>,
    answers: Mutex<VecDeque<WebhookAnswer>>,
    otherwise: Mutex<WebhookAnswer>,
}

impl Shop {
    pub(crate) fn new(time: &FakeClock) -> Arc<Self> {
        Arc::new(Self {
            time: time.clone(),
            arrived: Mutex::default(),
            answers: Mutex::default(),
            otherwise: Mutex::new(WebhookAnswer::Status(204)),
        })
    }

    /// This shop as the merchant half's webhook.
    pub(crate) fn webhook(self: &Arc<Self>, secrets: &str) -> Webhook {
        Webhook {
            url: "https://shop.example/hooks?from=countersign".parse().unwrap(),
            secrets: SigningSecrets::parse(secrets).unwrap(),
            transport: Arc::clone(self) as _,
        }
    }

    pub(crate) fn answers(&self, answers: impl IntoIterator<Item = WebhookAnswer>) {
        self.answers.lock().unwrap().extend(answers);
    }

    /// Sets the answer to requests for which no other answer is queued.
    pub(crate) fn answers_always(&self, answer: WebhookAnswer) {
        *self.otherwise.lock().unwrap() = answer;
    }

    pub(crate) fn arrived(&self) -> Vec<ReceivedWebhook> {
        self.arrived.lock().unwrap().clone()
    }
}

impl Transport for Shop {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            assert_eq!(head.method, "POST");
            let arrived = ReceivedWebhook {
                at: self.time.now(),
                uri: head.uri.to_string(),
                headers: head.headers,
                body,
            };
            self.arrived.lock().unwrap().push(arrived);
            let answer = self.answers.lock().unwrap().pop_front();
            let answer = answer.unwrap_or(*self.otherwise.lock().unwrap());
            let response = http::Response::builder();
            let response = match answer {
                WebhookAnswer::Status(status) => response.status(status),
                WebhookAnswer::Later(status, after) => response.status(status).header("retry-after", after),
                WebhookAnswer::Refused => {
                    return Err(TransportError::NotSent(
                        io::Error::from(io::ErrorKind::ConnectionRefused).into(),
                    ));
                }
                WebhookAnswer::NotSecure => {
                    let why = io::Error::new(io::ErrorKind::InvalidData, "invalid peer certificate: Expired");
                    return Err(TransportError::NotSent(why.into()));
                }
                WebhookAnswer::Hangs => return pending().await,
            };
            Ok(response.body(Bytes::from_static(b"canary")).unwrap())
        })
    }
}
