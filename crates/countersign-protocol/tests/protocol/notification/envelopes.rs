//! Envelopes: OpenSSL's signatures verify, a changed envelope does not, and the refusal of an
//! unreadable envelope names the member.

use std::fs;
use std::path::Path;

use countersign_domain::time::Timestamp;
use countersign_protocol::notification::{
    Certificate, Envelope, EnvelopeKind, EnvelopeRefused, MAX_ENVELOPE_LEN, SignatureRefused,
    SignatureVersion,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::certificates::{OF_A_CENTURY, OTHER_KEY, THROW_AWAY, VERSION_1};

const NAMES: [&str; 5] = [
    "notification-1",
    "notification-2",
    "notification-with-subject-1",
    "subscription-confirmation-1",
    "unsubscribe-confirmation-2",
];

fn now() -> Timestamp {
    Timestamp::parse("20261123T154700Z").unwrap()
}

fn file(name: &str, file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/envelopes").join(name);
    fs::read_to_string(folder.join(file)).unwrap()
}

fn envelope(name: &str) -> Value {
    serde_json::from_str(&file(name, "envelope.json")).unwrap()
}

fn parse(value: &Value) -> Result<Envelope, EnvelopeRefused> {
    Envelope::parse(value.to_string().as_bytes())
}

fn certificate(pem: &str) -> Certificate {
    Certificate::from_pem(pem).unwrap()
}

fn verify(value: &Value) -> Result<(), SignatureRefused> {
    parse(value).unwrap().verify(&certificate(THROW_AWAY), now()).map(drop)
}

// Promise: B20
#[test]
fn what_openssl_has_signed_is_verified_in_each_type_and_version() {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/envelopes")).unwrap();
    assert_eq!(folders.count(), NAMES.len());
    for name in NAMES {
        let envelope = Envelope::parse(file(name, "envelope.json").as_bytes()).unwrap();
        assert_eq!(envelope.string_to_sign(), file(name, "string_to_sign.txt"), "{name}");
        for pem in [THROW_AWAY, OF_A_CENTURY] {
            let verified = envelope.clone().verify(&certificate(pem), now()).unwrap();
            assert_eq!(verified.envelope(), &envelope);
            let says = verified.message().unwrap();
            assert_eq!(says.is_some(), matches!(envelope.kind, EnvelopeKind::Notification { .. }), "{name}");
        }
        // A certificate of version 1; its date does not matter here.
        let certificate = certificate(VERSION_1);
        envelope.clone().verify(&certificate, certificate.not_before()).unwrap();
        // The written envelope can be read, and its signature verifies.
        let again = Envelope::parse(envelope.to_json().as_bytes()).unwrap();
        assert_eq!(again, envelope, "{name}");
    }
}

// Promise: C13
#[test]
fn no_changed_member_is_verified() {
    for name in NAMES {
        let whole = envelope(name);
        let signed = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn"];
        let mut changed_count = 0;
        for member in signed {
            let Some(text) = whole[member].as_str() else { continue };
            let mut changed = whole.clone();
            changed[member] = match member {
                "Timestamp" => json!("2026-11-23T15:47:00.124Z"),
                _ => json!(format!("{text}x")),
            };
            assert_eq!(verify(&changed), Err(SignatureRefused::WrongSignature), "{name} {member}");
            changed_count += 1;
        }
        let signed_count = match &parse(&whole).unwrap().kind {
            EnvelopeKind::Notification { subject: None } => 4,
            EnvelopeKind::Notification { subject: Some(_) } => 5,
            EnvelopeKind::SubscriptionConfirmation(_) | EnvelopeKind::UnsubscribeConfirmation(_) => 6,
        };
        assert_eq!(changed_count, signed_count, "{name}");
    }
}

#[test]
fn an_envelope_of_one_type_is_none_of_another() {
    for (name, other) in [
        ("subscription-confirmation-1", "UnsubscribeConfirmation"),
        ("unsubscribe-confirmation-2", "SubscriptionConfirmation"),
        ("subscription-confirmation-1", "Notification"),
    ] {
        let mut changed = envelope(name);
        changed["Type"] = json!(other);
        assert_eq!(verify(&changed), Err(SignatureRefused::WrongSignature), "{name} as {other}");
    }
    let mut changed = envelope("notification-1");
    changed["Type"] = json!("SubscriptionConfirmation");
    changed["Token"] = json!("2336412f37");
    changed["SubscribeURL"] = json!("https://sns.us-east-1.amazonaws.com/?x");
    assert_eq!(verify(&changed), Err(SignatureRefused::WrongSignature));
}

#[test]
fn a_subject_cannot_be_added_or_taken_away() {
    let mut changed = envelope("notification-1");
    changed["Subject"] = json!("");
    assert_eq!(verify(&changed), Err(SignatureRefused::WrongSignature));
    // A member that is null counts as absent, as in the text that is signed.
    changed["Subject"] = Value::Null;
    verify(&changed).unwrap();
    let mut changed = envelope("notification-with-subject-1");
    changed.as_object_mut().unwrap().remove("Subject");
    assert_eq!(verify(&changed), Err(SignatureRefused::WrongSignature));
}

#[test]
fn members_that_are_not_signed_are_not_believed_and_change_nothing() {
    for (member, value) in [
        ("UnsubscribeURL", json!("https://evil.example/")),
        ("SigningCertURL", json!("https://evil.example/key.pem")),
        ("Token", json!("evil")),
        ("SubscribeURL", json!("https://evil.example/")),
        ("MessageAttributes", json!({"x": {"Type": "String", "Value": "y"}})),
        ("message", json!("evil")),
    ] {
        let mut changed = envelope("notification-1");
        changed[member] = value;
        let verified = parse(&changed).unwrap().verify(&certificate(THROW_AWAY), now()).unwrap();
        assert_eq!(verified.envelope().kind, EnvelopeKind::Notification { subject: None }, "{member}");
    }
}

#[test]
fn the_versions_are_not_mixed_up() {
    for name in NAMES {
        let mut changed = envelope(name);
        let other = if changed["SignatureVersion"] == json!("1") { "2" } else { "1" };
        changed["SignatureVersion"] = json!(other);
        assert_eq!(verify(&changed), Err(SignatureRefused::WrongSignature), "{name}");
    }
    for version in SignatureVersion::ALL {
        let name = format!("notification-{}", version.as_str());
        assert_eq!(parse(&envelope(&name)).unwrap().signature_version, version);
    }
}

// Promise: C13
#[test]
fn no_other_signature_holds() {
    let envelope = parse(&envelope("notification-2")).unwrap();
    let other = certificate(OTHER_KEY);
    assert_eq!(envelope.clone().verify(&other, now()).err(), Some(SignatureRefused::WrongSignature));
    let certificate = certificate(THROW_AWAY);
    let refused =
        |signature: Vec<u8>| Envelope { signature, ..envelope.clone() }.verify(&certificate, now()).err();
    let right = envelope.signature.clone();
    assert_eq!(refused(right.clone()), None);
    for position in 0..right.len() {
        let mut wrong = right.clone();
        wrong[position] ^= 1;
        assert_eq!(refused(wrong), Some(SignatureRefused::WrongSignature), "{position}");
    }
    for wrong in [
        vec![],
        vec![0; 256],
        vec![1; 256],
        vec![0xff; 256],
        right[1..].to_vec(),
        [&right[..], &[0]].concat(),
    ] {
        assert_eq!(refused(wrong), Some(SignatureRefused::WrongSignature));
    }
}

#[test]
fn a_certificate_is_good_at_both_its_edges_and_no_further() {
    let envelope = parse(&envelope("notification-1")).unwrap();
    let certificate = certificate(THROW_AWAY);
    let (from, until) = (certificate.not_before(), certificate.not_after());
    let at = |now: Timestamp| envelope.clone().verify(&certificate, now).err();
    let millisecond = core::time::Duration::from_millis(1);
    assert_eq!(at(from), None);
    assert_eq!(at(until), None);
    assert_eq!(at(from.minus(millisecond)), Some(SignatureRefused::CertificateNotYetValid { from }));
    assert_eq!(at(until.plus(millisecond)), Some(SignatureRefused::CertificateExpired { until }));
}

#[test]
fn each_member_that_is_missing_or_malformed_is_named() {
    let long = |len: usize| json!("x".repeat(len));
    let missing = |member| EnvelopeRefused::Missing { member };
    for (name, members) in [
        (
            "notification-1",
            &[
                "Type",
                "MessageId",
                "TopicArn",
                "Message",
                "Timestamp",
                "SignatureVersion",
                "Signature",
                "SigningCertURL",
            ][..],
        ),
        ("subscription-confirmation-1", &["Token", "SubscribeURL"]),
        ("unsubscribe-confirmation-2", &["Token", "SubscribeURL"]),
    ] {
        for member in members {
            let mut changed = envelope(name);
            changed[member] = Value::Null;
            assert_eq!(parse(&changed), Err(missing(member)));
            changed.as_object_mut().unwrap().remove(*member);
            assert_eq!(parse(&changed), Err(missing(member)));
            for wrong in [json!(7), json!(true), json!({}), json!(["x"])] {
                changed[member] = wrong;
                let refused = parse(&changed).unwrap_err();
                assert!(
                    matches!(refused, EnvelopeRefused::Malformed { member: named, .. } if named == *member),
                    "{refused}"
                );
            }
        }
    }
    for (name, member, wrong) in [
        ("notification-1", "Type", json!("notification")),
        ("notification-1", "Type", json!("Message")),
        ("notification-1", "Type", json!("")),
        ("notification-1", "MessageId", json!("")),
        ("notification-1", "MessageId", json!("a\nb")),
        ("notification-1", "MessageId", json!("a b")),
        ("notification-1", "MessageId", json!("日")),
        ("notification-1", "MessageId", long(129)),
        ("notification-1", "TopicArn", json!("arn\nType")),
        ("notification-1", "TopicArn", long(513)),
        ("notification-1", "Subject", json!("a\nTimestamp\nb")),
        ("notification-1", "Subject", json!(7)),
        ("notification-1", "Subject", long(513)),
        ("notification-1", "Message", long(16_385)),
        ("notification-1", "Timestamp", json!("20261123T154700Z")),
        ("notification-1", "Timestamp", json!("2026-11-23T15:47:00+01:00")),
        ("notification-1", "Timestamp", json!("yesterday")),
        ("notification-1", "SignatureVersion", json!("0")),
        ("notification-1", "SignatureVersion", json!("3")),
        ("notification-1", "SignatureVersion", json!("01")),
        ("notification-1", "Signature", json!("not Base64")),
        ("notification-1", "Signature", json!("AAA")),
        ("notification-1", "Signature", json!("AAAA\nAAAA")),
        ("notification-1", "Signature", long(1_369)),
        ("notification-1", "SigningCertURL", json!("https://a/\r\nb.pem")),
        ("notification-1", "SigningCertURL", long(2_049)),
        ("notification-1", "UnsubscribeURL", long(2_049)),
        ("subscription-confirmation-1", "Token", long(1_025)),
        ("subscription-confirmation-1", "Token", json!("a\nTopicArn\nb")),
        ("subscription-confirmation-1", "SubscribeURL", long(2_049)),
        ("unsubscribe-confirmation-2", "SubscribeURL", json!("https://a/ b")),
    ] {
        let mut changed = envelope(name);
        changed[member] = wrong.clone();
        let refused = parse(&changed).expect_err(member);
        assert!(
            matches!(refused, EnvelopeRefused::Malformed { member: named, .. } if named == member),
            "{member} {wrong}: {refused}"
        );
    }
}

#[test]
fn what_is_no_object_is_refused_whole() {
    let right = file("notification-1", "envelope.json");
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(40), "]".repeat(40));
    for body in [
        "",
        " ",
        "null",
        "[]",
        "\"x\"",
        "{",
        "{}{}",
        &right[..right.len() / 2],
        &deep,
        &right.replacen('{', "{\"Type\":\"Notification\",", 1),
        &format!("\u{feff}{right}"),
    ] {
        assert_eq!(Envelope::parse(body.as_bytes()), Err(EnvelopeRefused::NotAnObject), "{body}");
    }
    assert_eq!(Envelope::parse(b"{\"Type\":\"\xff\"}"), Err(EnvelopeRefused::NotAnObject));
    assert_eq!(Envelope::parse(b"{}"), Err(EnvelopeRefused::Missing { member: "Type" }));

    let padded = |len: usize| format!("{right}{}", " ".repeat(len - right.len()));
    Envelope::parse(padded(MAX_ENVELOPE_LEN).as_bytes()).unwrap();
    let refused = Envelope::parse(padded(MAX_ENVELOPE_LEN + 1).as_bytes());
    assert_eq!(refused, Err(EnvelopeRefused::TooLong));
}

#[test]
fn neither_refusals_nor_debug_quote_what_came() {
    let mut changed = envelope("subscription-confirmation-1");
    let said = format!("{:?}", parse(&changed).unwrap());
    assert!(!said.contains("2336412f37") && said.contains("SubscriptionConfirmation"), "{said}");
    changed["MessageId"] = json!("canary canary");
    let refused = parse(&changed).unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains("canary"));
}

proptest! {
    #[test]
    fn hostile_bytes_never_panic(body: Vec<u8>) {
        prop_assert!(Envelope::parse(&body).is_err());
    }

    #[test]
    fn whatever_is_verified_says_what_was_signed(name in 0..NAMES.len(), position in 0..2_000_usize, byte: u8) {
        let mut body = file(NAMES[name], "envelope.json").into_bytes();
        let position = position % body.len();
        body[position] = byte;
        let verified = Envelope::parse(&body).ok().and_then(|envelope| envelope.verify(&certificate(THROW_AWAY), now()).ok());
        if let Some(verified) = verified {
            prop_assert_eq!(verified.envelope().string_to_sign(), file(NAMES[name], "string_to_sign.txt"));
        }
    }
}
