//! The envelope of one notification, signed; and what an ordered fault does to it.

use std::time::Duration;

use bytes::Bytes;
use countersign_domain::ids::MerchantId;
use countersign_domain::time::Timestamp;
use countersign_protocol::notification::{Confirmation, Envelope, EnvelopeKind, EnvelopeTimestamp, Message};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{Request, request};

use super::certificate::SigningKey;
use super::endpoint::Endpoint;
use super::fault::FaultKind;
use super::notices::Notices;
use crate::stored::notification::{Letter, Notice};

/// The channel that all notifications come by.
pub(super) const TOPIC_ARN: &str = "arn:aws:sns:us-east-1:000000000000:countersign-sandbox";
/// A host that is neither Amazon's nor anybody's: `.example` never resolves.
const ELSEWHERE: &str = "https://sns.us-east-1.amazonaws.com.example";
/// An account that no sandbox has.
const FOREIGN_MERCHANT: &str = "AFOREIGNMERCHANT";

/// The name of an endpoint's subscription.
pub(super) fn subscription_arn(endpoint: &Endpoint) -> String {
    format!("{TOPIC_ARN}:{}", endpoint.subscription())
}

/// The request that carries one letter to its endpoint.
pub(super) fn request(
    notices: &Notices,
    endpoint: &Endpoint,
    notice: &Notice,
    letter: &Letter,
    fault: Option<FaultKind>,
) -> Result<Request<Bytes>, String> {
    let key = notices.certificates.current()?;
    let envelope = signed(notices, &key, endpoint, notice, letter, fault)?;
    let mut json = envelope.to_json();
    if fault == Some(FaultKind::Malformed) {
        json.truncate(json.len() / 2);
    }
    let request = header(Request::post(endpoint.url.as_str()), "type", envelope.kind.as_str());
    let request = header(request, "id", &envelope.message_id);
    header(request, "topic-arn", TOPIC_ARN)
        .header(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=UTF-8"))
        .header(USER_AGENT, HeaderValue::from_static("Amazon Simple Notification Service Agent"))
        .body(json.into())
        .map_err(|error| error.to_string())
}

/// SNS repeats what it sends in its headers. Nothing there is signed.
fn header(request: request::Builder, name: &str, value: &str) -> request::Builder {
    let words = if name == "topic-arn" { name.to_owned() } else { format!("message-{name}") };
    let name = HeaderName::from_bytes(format!("x-amz-sns-{words}").as_bytes());
    match (name, HeaderValue::from_str(value)) {
        (Ok(name), Ok(value)) => request.header(name, value),
        _ => request,
    }
}

fn signed(
    notices: &Notices,
    key: &SigningKey,
    endpoint: &Endpoint,
    notice: &Notice,
    letter: &Letter,
    fault: Option<FaultKind>,
) -> Result<Envelope, String> {
    let origin = &notices.origin;
    let (kind, message) = match &letter.message {
        Some(message) => {
            (EnvelopeKind::Notification { subject: None }, struck(message.clone(), fault).to_json())
        }
        None => {
            let token = endpoint.token.clone();
            let subscribe_url =
                format!("{origin}/?Action=ConfirmSubscription&TopicArn={TOPIC_ARN}&Token={token}");
            let message = format!(
                "You have chosen to subscribe to the topic {TOPIC_ARN}.\nTo confirm the subscription, visit \
                 the SubscribeURL included in this message."
            );
            (EnvelopeKind::SubscriptionConfirmation(Confirmation { token, subscribe_url }), message)
        }
    };
    let unsubscribe_url = letter
        .message
        .is_some()
        .then(|| format!("{origin}/?Action=Unsubscribe&SubscriptionArn={}", subscription_arn(endpoint)));
    let certificate_origin = if fault == Some(FaultKind::CertificateElsewhere) { ELSEWHERE } else { origin };
    let mut envelope = Envelope {
        kind,
        message_id: letter.message_id.clone(),
        topic_arn: TOPIC_ARN.to_owned(),
        message,
        timestamp: EnvelopeTimestamp::from(published_at(notice.published_at, fault)),
        signature_version: endpoint.signature_version,
        signature: Vec::new(),
        signing_cert_url: format!("{certificate_origin}{}", key.path()),
        unsubscribe_url,
    };
    let mut text = envelope.string_to_sign();
    if fault == Some(FaultKind::WrongSignature) {
        text.push('\n');
    }
    envelope.signature = key.sign(envelope.signature_version, &text)?;
    Ok(envelope)
}

fn struck(message: Message, fault: Option<FaultKind>) -> Message {
    match (fault, MerchantId::parse(FOREIGN_MERCHANT)) {
        (Some(FaultKind::ForeignMerchant), Ok(merchant_id)) => Message { merchant_id, ..message },
        _ => message,
    }
}

fn published_at(at: Timestamp, fault: Option<FaultKind>) -> Timestamp {
    let age = match fault {
        Some(FaultKind::StaleTimestamp { delay }) => delay,
        Some(_) | None => Duration::ZERO,
    };
    at.minus(age)
}
