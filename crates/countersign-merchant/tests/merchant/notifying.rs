//! A double of Amazon's notification service: its certificate, and envelopes signed with its key.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use countersign_client::notification::{Envelope, EnvelopeKind, EnvelopeTimestamp, SignatureVersion};
use countersign_client::{Transport, TransportError};
use countersign_domain::time::Timestamp;
use futures_util::future::{BoxFuture, ready};
use serde_json::{Value, json};

use super::world::{HttpAnswer, World};

const KEY: &str = include_str!("../../../countersign-protocol/tests/keys/throw_away_pkcs8.pem");
const CERTIFICATE: &str = include_str!("../../../countersign-protocol/tests/certificates/throw_away.pem");
pub(crate) const CERTIFICATE_URL: &str =
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-a.pem";

/// Serves one certificate, and keeps every request.
#[derive(Default)]
pub(crate) struct Certificates {
    pub(crate) requested: Mutex<Vec<String>>,
    pub(crate) is_down: AtomicBool,
}

impl Transport for Certificates {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        self.requested.lock().unwrap().push(request.uri().to_string());
        let (status, body) = if self.is_down.load(Ordering::SeqCst) { (503, "") } else { (200, CERTIFICATE) };
        let answer = http::Response::builder().status(status).body(Bytes::from_static(body.as_bytes()));
        Box::pin(ready(Ok(answer.unwrap())))
    }
}

impl Certificates {
    pub(crate) fn requested(&self) -> Vec<String> {
        self.requested.lock().unwrap().clone()
    }
}

/// A message about an object of the merchant's, under this `NotificationId`.
pub(crate) fn message(notification_id: &str, object_type: &str, object_id: &str) -> Value {
    let permission = object_id.split("-C").next().unwrap().split("-R").next().unwrap();
    json!({ "MerchantID": "M1", "ObjectType": object_type, "ObjectId": object_id,
        "ChargePermissionId": permission, "NotificationType": "STATE_CHANGE",
        "NotificationId": notification_id, "NotificationVersion": "V2" })
}

/// A genuine envelope, which `change` may alter before it is signed.
pub(crate) fn signed(
    message_id: &str,
    message: &Value,
    at: Timestamp,
    change: impl FnOnce(&mut Envelope),
) -> String {
    let mut envelope = Envelope {
        kind: EnvelopeKind::Notification { subject: None },
        message_id: message_id.to_owned(),
        topic_arn: "arn:aws:sns:us-east-1:123456789012:M1".to_owned(),
        message: message.to_string(),
        timestamp: EnvelopeTimestamp::from(at),
        signature_version: SignatureVersion::V2,
        signature: Vec::new(),
        signing_cert_url: CERTIFICATE_URL.to_owned(),
        unsubscribe_url: None,
    };
    change(&mut envelope);
    envelope.signature = signature(&envelope.string_to_sign());
    envelope.to_json()
}

fn signature(text: &str) -> Vec<u8> {
    let lines = KEY.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    let base64: String = lines.take_while(|line| !line.starts_with("-----END")).collect();
    let pair = KeyPair::from_pkcs8(&BASE64_STANDARD.decode(base64).unwrap()).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign_digest(&RSA_PKCS1_SHA256, &digest(&SHA256, text.as_bytes()), &mut signature).unwrap();
    signature
}

impl World {
    /// A post of Amazon's notification service.
    pub(crate) fn posting(&self, body: &str) -> impl Future<Output = HttpAnswer> + use<> {
        self.request_with("POST", "/amazon/notifications", body, None)
    }

    pub(crate) fn post(&self, body: &str) -> HttpAnswer {
        self.run(self.posting(body))
    }

    /// A genuine notification of the current time, whose ids are both derived from `id`.
    pub(crate) fn notification(&self, id: &str, object_type: &str, object_id: &str) -> String {
        let message = message(&format!("n-{id}"), object_type, object_id);
        signed(&format!("m-{id}"), &message, self.time.now(), |_| ())
    }

    /// Amazon notifies of an object, and the notification is acknowledged.
    pub(crate) fn notified(&self, id: &str, object_type: &str, object_id: &str) {
        let answer = self.post(&self.notification(id, object_type, object_id));
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
}
