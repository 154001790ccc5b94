//! The envelope of one notification, signed; and what an ordered fault does to it.

use bytes::Bytes;
use countersign_domain::ids::MerchantId;
use countersign_protocol::notification::{Confirmation, Envelope, EnvelopeKind, EnvelopeTimestamp};
use http::Request;
use http::header::{CONTENT_TYPE, USER_AGENT};

use super::endpoint::Endpoint;
use super::notifier::Notifier;
use crate::faults::notification::{NotificationFault, NotificationFaultKind};
use crate::stored::notification::{Letter, Notice};

/// The topic of all notifications.
pub(super) const TOPIC_ARN: &str = "arn:aws:sns:us-east-1:000000000000:countersign-sandbox";
/// A host that belongs to nobody: `.example` never resolves.
const ELSEWHERE: &str = "https://sns.us-east-1.amazonaws.com.example";
/// An account that no sandbox has.
const FOREIGN_MERCHANT: &str = "AFOREIGNMERCHANT";

/// The name of an endpoint's subscription.
pub(super) fn subscription_arn(endpoint: &Endpoint) -> String {
    format!("{TOPIC_ARN}:{}", endpoint.subscription())
}

/// The request that carries one letter to its endpoint. Like SNS, it repeats some of the envelope in headers,
/// which are not signed.
pub(super) fn request(
    notices: &Notifier,
    endpoint: &Endpoint,
    notice: &Notice,
    letter: &Letter,
    fault: Option<NotificationFault>,
) -> Result<Request<Bytes>, String> {
    let is_struck = |kind: NotificationFaultKind| fault.is_some_and(|fault| fault.kind == kind);
    let key = notices.certificates.current()?;
    let origin = &notices.origin;
    let (kind, message, unsubscribe_url) = match &letter.message {
        Some(message) => {
            let mut message = message.clone();
            if is_struck(NotificationFaultKind::ForeignMerchant) {
                message.merchant_id = MerchantId::parse(FOREIGN_MERCHANT).unwrap_or(message.merchant_id);
            }
            let subscription = subscription_arn(endpoint);
            let url = format!("{origin}/?Action=Unsubscribe&SubscriptionArn={subscription}");
            (EnvelopeKind::Notification { subject: None }, message.to_json(), Some(url))
        }
        None => {
            let token = endpoint.token.clone();
            let subscribe_url =
                format!("{origin}/?Action=ConfirmSubscription&TopicArn={TOPIC_ARN}&Token={token}");
            let message = format!(
                "You have chosen to subscribe to the topic {TOPIC_ARN}.\nTo confirm the subscription, visit \
                 the SubscribeURL included in this message."
            );
            let confirmation = Confirmation { token, subscribe_url };
            (EnvelopeKind::SubscriptionConfirmation(confirmation), message, None)
        }
    };
    let certificate_origin =
        if is_struck(NotificationFaultKind::CertificateElsewhere) { ELSEWHERE } else { origin };
    let age = fault
        .filter(|fault| fault.kind == NotificationFaultKind::StaleTimestamp)
        .and_then(|fault| fault.delay);
    let mut envelope = Envelope {
        kind,
        message_id: letter.message_id.clone(),
        topic_arn: TOPIC_ARN.to_owned(),
        message,
        timestamp: EnvelopeTimestamp::from(notice.published_at.minus(age.unwrap_or_default())),
        signature_version: endpoint.signature_version,
        signature: Vec::new(),
        signing_cert_url: format!("{certificate_origin}{}", key.path()),
        unsubscribe_url,
    };
    let mut text = envelope.string_to_sign();
    if is_struck(NotificationFaultKind::WrongSignature) {
        text.push('\n');
    }
    envelope.signature = key.sign(envelope.signature_version, &text)?;
    let mut json = envelope.to_json();
    if is_struck(NotificationFaultKind::Malformed) {
        json.truncate(json.len() / 2);
    }
    Request::post(endpoint.url.as_str())
        .header("x-amz-sns-message-type", envelope.kind.as_str())
        .header("x-amz-sns-message-id", &envelope.message_id)
        .header("x-amz-sns-topic-arn", TOPIC_ARN)
        .header(CONTENT_TYPE, "text/plain; charset=UTF-8")
        .header(USER_AGENT, "Amazon Simple Notification Service Agent")
        .body(json.into())
        .map_err(|error| error.to_string())
}
