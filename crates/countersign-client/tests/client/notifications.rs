//! Which of the notifications that arrive are accepted, and what is requested for them. How certificates are
//! fetched and kept is in `certificates.rs`.

use std::sync::Arc;
use std::time::Duration;

use crate::keys::sign_as_the_notification_service;
use crate::network::{Network, NextAnswer, moved_clock};
use countersign_client::ids::{ChargeId, MerchantId};
use countersign_client::notification::{
    CertificateUrlRefused, Confirmation, Envelope, EnvelopeKind, EnvelopeRefused, EnvelopeTimestamp,
    MAX_ENVELOPE_LEN, Message, MessageRefused, NoCertificate, NotificationRefused, NotificationVerifier,
    NotifiedObject, ReplayWindow, SignatureRefused, SignatureVersion, VerifiedNotification,
};
use countersign_client::time::Timestamp;
use countersign_world::fake::FakeClock;

pub(crate) const CERTIFICATE: &str =
    include_str!("../../../countersign-protocol/tests/certificates/throw_away.pem");
const OTHER_CERTIFICATE: &str =
    include_str!("../../../countersign-protocol/tests/certificates/throw_away_other_key.pem");
const OPENSSL_SHA1: &str =
    include_str!("../../../countersign-protocol/tests/envelopes/notification-1/envelope.json");
const OPENSSL_SHA256: &str =
    include_str!("../../../countersign-protocol/tests/envelopes/notification-2/envelope.json");

pub(crate) const URL: &str = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-a.pem";
pub(crate) const NOW: &str = "20261123T154700Z";
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:A1EXAMPLEMERCHANT";

pub(crate) fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

pub(crate) fn certificate() -> NextAnswer {
    NextAnswer::Answer(200, CERTIFICATE.to_owned())
}

fn merchant() -> MerchantId {
    MerchantId::parse("A1EXAMPLEMERCHANT").unwrap()
}

fn message() -> Message {
    Message {
        merchant_id: merchant(),
        object: NotifiedObject::Charge(ChargeId::parse("S01-5105180-3221187-C056351").unwrap()),
        charge_permission_id: None,
        notification_type: None,
        notification_id: None,
        notification_version: None,
    }
}

/// A genuine envelope, except for what is changed in it before it is signed.
pub(crate) fn signed(change: impl FnOnce(&mut Envelope)) -> Envelope {
    let mut envelope = Envelope {
        kind: EnvelopeKind::Notification { subject: None },
        message_id: "6ad5d6bb-4a2f-5d3e-8f0b-8a6c2a3d9f10".to_owned(),
        topic_arn: TOPIC.to_owned(),
        message: message().to_json(),
        timestamp: EnvelopeTimestamp::from(now()),
        signature_version: SignatureVersion::V2,
        signature: Vec::new(),
        signing_cert_url: URL.to_owned(),
        unsubscribe_url: Some("https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe".to_owned()),
    };
    change(&mut envelope);
    envelope.signature = sign_as_the_notification_service(&envelope.string_to_sign());
    envelope
}

pub(crate) fn genuine() -> Envelope {
    signed(|_| {})
}

pub(crate) fn verifier(network: &Arc<Network>, clock: &Arc<FakeClock>) -> NotificationVerifier {
    NotificationVerifier::builder()
        .merchant_id(merchant())
        .topic_arns([TOPIC.to_owned()])
        .transport(Arc::clone(network) as _)
        .clock(Arc::clone(clock) as _)
        .build()
}

pub(crate) fn urls(network: &Network) -> Vec<String> {
    network.requests.lock().unwrap().iter().map(|request| request.uri().to_string()).collect()
}

async fn verify_at(
    body: &[u8],
    network: &Arc<Network>,
    now: &str,
) -> Result<VerifiedNotification, NotificationRefused> {
    verifier(network, &moved_clock(now)).verify(body).await
}

#[tokio::test]
async fn a_genuine_notification_says_what_has_changed() {
    for body in [genuine().to_json(), OPENSSL_SHA1.to_owned(), OPENSSL_SHA256.to_owned()] {
        let network = Network::scripted([certificate()]);
        let received = verify_at(body.as_bytes(), &network, NOW).await.unwrap();
        let VerifiedNotification::Notification { envelope, message } = received else {
            panic!("{received:?}")
        };
        assert_eq!(message.object.object_id(), "S01-5105180-3221187-C056351");
        assert_eq!(envelope.envelope().message_id, "6ad5d6bb-4a2f-5d3e-8f0b-8a6c2a3d9f10");
        let requests = network.requests.lock().unwrap();
        assert_eq!((requests[0].method().as_str(), requests[0].body().len()), ("GET", 0));
        assert_eq!(requests[0].uri().to_string(), envelope.envelope().signing_cert_url);
    }
}

#[tokio::test]
async fn a_confirmation_is_verified_and_its_url_is_not_requested() {
    let confirmation = Confirmation {
        token: "2336412f37".to_owned(),
        subscribe_url: "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription".to_owned(),
    };
    for kind in [
        EnvelopeKind::SubscriptionConfirmation(confirmation.clone()),
        EnvelopeKind::UnsubscribeConfirmation(confirmation),
    ] {
        let envelope = signed(|envelope| {
            envelope.kind = kind;
            envelope.message = "prose\nin two lines".to_owned();
        });
        let network = Network::scripted([certificate()]);
        let received = verify_at(envelope.to_json().as_bytes(), &network, NOW).await.unwrap();
        assert!(
            matches!(&received, VerifiedNotification::Confirmation(verified) if *verified.envelope() == envelope),
            "{received:?}"
        );
        assert_eq!(urls(&network), [URL]);
    }
}

/// What is wrong with an envelope, and whether that is found before anything is requested.
struct ForgedEnvelope {
    body: String,
    refused: NotificationRefused,
    is_found_at_once: bool,
}

fn forged() -> Vec<ForgedEnvelope> {
    let at = |text: &str| Timestamp::parse(text).unwrap();
    let found_at_once = |body: String, refused| ForgedEnvelope { body, refused, is_found_at_once: true };
    let found_late = |body: String, refused| ForgedEnvelope { body, refused, is_found_at_once: false };
    let wrong = || NotificationRefused::Signature(SignatureRefused::WrongSignature);
    let after_signing = |change: fn(&mut Envelope)| {
        let mut envelope = genuine();
        change(&mut envelope);
        envelope.to_json()
    };
    let topic = "arn:aws:sns:us-east-1:123456789012:SOMEBODY";
    let moved = |text: &'static str| signed(|envelope| envelope.timestamp = at(text).into()).to_json();
    let saying = |message: &str| signed(|envelope| message.clone_into(&mut envelope.message)).to_json();
    vec![
        found_at_once(String::new(), NotificationRefused::Envelope(EnvelopeRefused::NotAnObject)),
        found_at_once(
            "{}".to_owned(),
            NotificationRefused::Envelope(EnvelopeRefused::Missing { member: "Type" }),
        ),
        found_at_once(
            format!("{}{}", genuine().to_json(), " ".repeat(MAX_ENVELOPE_LEN)),
            NotificationRefused::Envelope(EnvelopeRefused::TooLong),
        ),
        found_at_once(
            signed(|envelope| topic.clone_into(&mut envelope.topic_arn)).to_json(),
            NotificationRefused::UnexpectedTopic { topic_arn: topic.to_owned() },
        ),
        found_at_once(
            moved("20261108T154659Z"),
            NotificationRefused::Stale { published_at: at("20261108T154659Z") },
        ),
        found_at_once(
            moved("20261123T160201Z"),
            NotificationRefused::FromTheFuture { published_at: at("20261123T160201Z") },
        ),
        found_at_once(
            after_signing(|envelope| envelope.signing_cert_url = "https://evil.example/key.pem".to_owned()),
            NotificationRefused::CertificateUrl(CertificateUrlRefused::ForeignHost),
        ),
        found_late(after_signing(|envelope| envelope.message_id.push('x')), wrong()),
        found_late(
            after_signing(|envelope| envelope.message = envelope.message.replace("C056351", "C056352")),
            wrong(),
        ),
        found_late(
            after_signing(|envelope| envelope.timestamp = now().plus(Duration::from_secs(1)).into()),
            wrong(),
        ),
        found_late(
            after_signing(|envelope| {
                envelope.kind = EnvelopeKind::Notification { subject: Some("x".to_owned()) }
            }),
            wrong(),
        ),
        found_late(
            after_signing(|envelope| {
                envelope.kind = EnvelopeKind::SubscriptionConfirmation(Confirmation {
                    token: "x".to_owned(),
                    subscribe_url: "https://x".to_owned(),
                });
            }),
            wrong(),
        ),
        found_late(after_signing(|envelope| envelope.signature_version = SignatureVersion::V1), wrong()),
        found_late(after_signing(|envelope| envelope.signature[7] ^= 1), wrong()),
        found_late(after_signing(|envelope| envelope.signature.truncate(255)), wrong()),
        found_at_once(
            after_signing(|envelope| envelope.signature.clear()),
            NotificationRefused::Envelope(EnvelopeRefused::Malformed {
                member: "Signature",
                why: "it is empty, or has characters that are not allowed".to_owned(),
            }),
        ),
        found_late(saying("prose"), NotificationRefused::Message(MessageRefused::NotAnObject)),
        found_late(
            saying(r#"{"MerchantID":"A1EXAMPLEMERCHANT","ObjectType":"CHARGE"}"#),
            NotificationRefused::Message(MessageRefused::Missing { member: "ObjectId" }),
        ),
        found_late(
            saying(&Message { merchant_id: MerchantId::parse("A1SOMEBODY").unwrap(), ..message() }.to_json()),
            NotificationRefused::ForeignMerchant,
        ),
    ]
}

// Promise: C13
#[tokio::test]
async fn whatever_is_forged_is_refused_for_its_reason_and_nothing_else_is_requested() {
    for ForgedEnvelope { body, refused, is_found_at_once } in forged() {
        let network = Network::scripted((!is_found_at_once).then(certificate));
        assert_eq!(verify_at(body.as_bytes(), &network, NOW).await, Err(refused.clone()), "{body}");
        assert!(urls(&network).iter().all(|url| url == URL), "{refused}");
        assert!(!refused.is_retryable());
    }
}

// Promise: C13
#[tokio::test]
async fn no_url_but_amazons_is_ever_requested() {
    for url in [
        "http://sns.us-east-1.amazonaws.com/key.pem",
        "https://169.254.169.254/latest/meta-data/key.pem",
        "https://127.0.0.1/key.pem",
        "https://[::1]/key.pem",
        "https://localhost:8100/key.pem",
        "https://sns.us-east-1.amazonaws.com.evil.example/key.pem",
        "https://sns.us-east-1.amazonaws.com@evil.example/key.pem",
        "https://evil.example/sns.us-east-1.amazonaws.com/key.pem",
        "https://evil.example#sns.us-east-1.amazonaws.com/key.pem",
        "https://sns.us-east-1.amazonaws.com:8443/key.pem",
        "https://sns.us-east-1.amazonaws.com/?Action=Publish&x=.pem",
        "https://sns.us-east-1.amazonaws.com/key.pem#",
        "https://sns.us-east-1.amazonaws.com/%2e%2e/key.pem",
        "https://sns.us-east-1.amazonaws.com/key",
        "http://127.0.0.1:8100/key.pem",
        "file:///key.pem",
        "key.pem",
    ] {
        let mut envelope = genuine();
        url.clone_into(&mut envelope.signing_cert_url);
        let network = Network::scripted([]);
        let refused = verify_at(envelope.to_json().as_bytes(), &network, NOW).await.unwrap_err();
        assert!(matches!(refused, NotificationRefused::CertificateUrl(_)), "{url}: {refused}");
        assert_eq!(network.count(), 0);
    }
}

#[tokio::test]
async fn another_keys_certificate_verifies_nothing() {
    let network = Network::scripted([NextAnswer::Answer(200, OTHER_CERTIFICATE.to_owned())]);
    let refused = verify_at(genuine().to_json().as_bytes(), &network, NOW).await;
    assert_eq!(refused, Err(NotificationRefused::Signature(SignatureRefused::WrongSignature)));
}

#[tokio::test]
async fn a_certificate_out_of_its_time_verifies_nothing() {
    for (now, refused) in [
        ("20251231T235959Z", "the certificate is not valid before 20260101T000000Z"),
        ("20360101T000001Z", "the certificate is not valid after 20360101T000000Z"),
    ] {
        let envelope = signed(|envelope| envelope.timestamp = Timestamp::parse(now).unwrap().into());
        let network = Network::scripted([certificate()]);
        let said = verify_at(envelope.to_json().as_bytes(), &network, now).await.unwrap_err();
        assert_eq!((said.to_string().as_str(), said.name()), (refused, "certificateNotValid"));
    }
}

// Promise: B20
#[tokio::test]
async fn the_window_takes_amazons_last_try_and_has_both_its_edges() {
    let window = ReplayWindow::default();
    let millisecond = Duration::from_millis(1);
    let fourteen_days = Duration::from_secs(14 * 86_400);
    for (published_at, expected) in [
        (now().minus(fourteen_days), None),
        (now().minus(window.behind), None),
        (now().minus(window.behind).minus(millisecond), Some("stale")),
        (now().plus(window.ahead), None),
        (now().plus(window.ahead).plus(millisecond), Some("fromTheFuture")),
    ] {
        let envelope = signed(|envelope| envelope.timestamp = published_at.into());
        let network = Network::scripted(expected.is_none().then(certificate));
        let received = verify_at(envelope.to_json().as_bytes(), &network, NOW).await;
        assert_eq!(received.err().map(|refused| refused.name()), expected, "{published_at}");
    }
    let narrow = ReplayWindow { behind: Duration::ZERO, ahead: Duration::ZERO };
    let network = Network::scripted([certificate()]);
    let verifier = NotificationVerifier::builder()
        .window(narrow)
        .transport(Arc::clone(&network) as _)
        .clock(moved_clock(NOW))
        .build();
    verifier.verify(genuine().to_json().as_bytes()).await.unwrap();
    let earlier = signed(|envelope| envelope.timestamp = now().minus(millisecond).into());
    assert_eq!(verifier.verify(earlier.to_json().as_bytes()).await.unwrap_err().name(), "stale");
}

#[tokio::test]
async fn without_expectations_any_topic_and_merchant_that_amazon_has_signed_is_taken() {
    let network = Network::scripted([certificate()]);
    let verifier =
        NotificationVerifier::builder().transport(Arc::clone(&network) as _).clock(moved_clock(NOW)).build();
    let other = signed(|envelope| {
        envelope.topic_arn = "arn:aws:sns:eu-west-1:1:other".to_owned();
        envelope.message =
            Message { merchant_id: MerchantId::parse("A1SOMEBODY").unwrap(), ..message() }.to_json();
    });
    verifier.verify(other.to_json().as_bytes()).await.unwrap();
}

#[test]
fn only_a_missing_certificate_is_worth_another_try_and_every_refusal_has_its_word() {
    let every = [
        NotificationRefused::Envelope(EnvelopeRefused::NotAnObject),
        NotificationRefused::UnexpectedTopic { topic_arn: TOPIC.to_owned() },
        NotificationRefused::Stale { published_at: now() },
        NotificationRefused::FromTheFuture { published_at: now() },
        NotificationRefused::CertificateUrl(CertificateUrlRefused::NotHttps),
        NotificationRefused::NoCertificate(NoCertificate::NoAnswer),
        NotificationRefused::Signature(SignatureRefused::WrongSignature),
        NotificationRefused::Signature(SignatureRefused::CertificateExpired { until: now() }),
        NotificationRefused::Message(MessageRefused::NotAnObject),
        NotificationRefused::ForeignMerchant,
    ];
    let mut names: Vec<_> = every.iter().map(NotificationRefused::name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), every.len());
    for refused in every {
        assert_eq!(refused.is_retryable(), refused.name() == "noCertificate", "{refused}");
    }
}
