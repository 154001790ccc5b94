//! Every way in which a request's head is refused, with the reason code, the named header and the
//! message; and the limits of the date's window.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_protocol::signing::{
    Algorithm, Claim, DateWindow, MAX_AUTHORIZATION_LEN, VerifyRefused, base64,
};
use countersign_protocol::wire::ReasonCode;

use super::keys::{authorization, finalize, key_id, signed_at, verifying_key, with_header};

fn refused(request: &http::Request<Bytes>) -> VerifyRefused {
    match Claim::parse(request, 32) {
        Ok(claim) => claim.verify(&verifying_key(), request.body()).unwrap_err(),
        Err(refused) => refused,
    }
}

/// A variant's name.
fn rule(refused: &VerifyRefused) -> String {
    let debug = format!("{refused:?}");
    debug.split([' ', '{']).next().unwrap().to_owned()
}

#[test]
fn each_refusal_has_its_reason_code_names_its_header_and_says_why() {
    let request = finalize(Algorithm::PssV2);
    let header = |name, value: Option<&str>| with_header(&request, name, value.map(str::as_bytes));
    let authorized = |from: &str, to: &str| {
        let changed = authorization(&request).replace(from, to);
        assert_ne!(changed, authorization(&request));
        header("authorization", Some(&changed))
    };
    let twice = |name, value| {
        let mut request = request.clone();
        request.headers_mut().append(name, value);
        request
    };
    let short = http::HeaderValue::from_static("20261123T154700Z");
    let long = "x".repeat(MAX_AUTHORIZATION_LEN + 1);
    let cases = [
        header("authorization", None),
        header("accept", None),
        header("content-type", None),
        header("x-amz-pay-date", None),
        header("x-amz-pay-host", None),
        header("x-amz-pay-region", None),
        authorized("SignedHeaders=", "SignedHeaders=X-Shop;"),
        header("authorization", Some("")),
        header("x-amz-pay-host", Some(" ")),
        header("x-amz-pay-region", Some("")),
        header("x-amz-pay-idempotency-key", Some("")),
        twice("x-amz-pay-date", short.clone()),
        twice("authorization", short),
        header("authorization", Some("Bearer abc")),
        header("authorization", Some("é")),
        with_header(&request, "authorization", Some(b"AMZN-PAY-RSASSA-PSS \xff")),
        with_header(&request, "x-amz-pay-date", Some(b"20261123T154700\xff")),
        authorized("Signature=", "Signature=\u{e9}"),
        header("authorization", Some(&long)),
        authorized("PSS-V2", "PSS-V3"),
        authorized("Signature=", "Signature=?"),
        header("x-amz-pay-date", Some("20261123T154700")),
        header("x-amz-pay-date", Some("2026-11-23T15:47:00.000Z")),
        header("x-amz-pay-region", Some("cn")),
        header("x-amz-pay-idempotency-key", Some("bd504926-f659-4ad7-a1a9-9a747aaf5275")),
        header("x-amz-pay-idempotency-key", Some("a b")),
        authorized("accept;", ""),
        authorized("content-type;", ""),
        authorized("x-amz-pay-date;", ""),
        authorized("x-amz-pay-host;", ""),
        authorized(";x-amz-pay-region", ""),
        authorized("x-amz-pay-idempotency-key;", ""),
    ];
    let mut table = String::new();
    let mut rules = BTreeSet::new();
    for request in &cases {
        let refused = refused(request);
        table += &format!("{} [{}] {refused}\n", refused.reason_code(), refused.header());
        rules.insert(rule(&refused));
    }
    let claim = Claim::parse(&request, 32).unwrap();
    let minute = [signed_at().minus(Duration::from_secs(61)), signed_at().plus(Duration::from_secs(901))];
    for refused in [
        claim.unknown_key(),
        claim.date_within(DateWindow::default(), &minute[..1]).unwrap_err(),
        claim.date_within(DateWindow::default(), &minute[1..]).unwrap_err(),
    ] {
        table += &format!("{} [{}] {refused}\n", refused.reason_code(), refused.header());
        rules.insert(rule(&refused));
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_wrong_signature_quotes_what_was_expected_and_no_more() {
    let mut request = finalize(Algorithm::Pss);
    *request.body_mut() = Bytes::from_static(b"{\"name\":\"canary\"}");
    let refused = refused(&request);
    assert_eq!(refused.reason_code(), ReasonCode::InvalidRequestSignature);
    assert_eq!(refused.reason_code().status(), 403);
    let expected = "Unable to verify signature, signing String [AMZN-PAY-RSASSA-PSS\n";
    assert!(refused.to_string().starts_with(expected), "{refused}");
    assert!(refused.to_string().contains(authorization(&request).split("Signature=").nth(1).unwrap()));
    assert!(!refused.to_string().contains("canary"));
    let refused = self::refused(&with_header(
        &request,
        "authorization",
        Some(format!("{}, x", authorization(&request)).as_bytes()),
    ));
    assert_eq!(rule(&refused), "MalformedAuthorization");
}

#[test]
fn a_signature_of_any_other_length_is_refused() {
    let request = finalize(Algorithm::Pss);
    let unsigned = authorization(&request);
    let unsigned = unsigned.split("Signature=").next().unwrap();
    for len in [1, 255, 257, 512, 1_024] {
        let text = format!("{unsigned}Signature={}", base64(&vec![1; len]));
        assert_eq!(
            rule(&refused(&with_header(&request, "authorization", Some(text.as_bytes())))),
            "WrongSignature"
        );
    }
}

#[test]
fn uuids_with_dashes_pass_where_the_server_says_so() {
    let mut request = super::keys::unsigned();
    let key = "bd504926-f659-4ad7-a1a9-9a747aaf5275";
    request.headers_mut().insert("x-amz-pay-idempotency-key", key.parse().unwrap());
    let signer = super::keys::signer(Algorithm::Pss);
    signer.sign(&mut request, countersign_domain::ids::Region::Europe, signed_at()).unwrap();
    assert_eq!(Claim::parse(&request, 32).unwrap_err(), VerifyRefused::IllegalIdempotencyKey { max_len: 32 });
    let verified = Claim::parse(&request, 36).unwrap().verify(&verifying_key(), request.body()).unwrap();
    assert_eq!(verified.idempotency_key().unwrap().as_str(), key);
}

// Promise: A10
#[test]
fn the_dates_window_has_both_its_edges() {
    let request = finalize(Algorithm::Pss);
    let claim = Claim::parse(&request, 32).unwrap();
    let milli = Duration::from_millis(1);
    let check = |window: DateWindow, clocks: &[Timestamp]| {
        claim.date_within(window, clocks).map_err(|refused| rule(&refused))
    };
    let narrow = DateWindow { ahead: Duration::ZERO, age: Duration::from_secs(20) };
    for window in [DateWindow::default(), narrow] {
        let (earliest, latest) = (signed_at().minus(window.ahead), signed_at().plus(window.age));
        assert_eq!(check(window, &[earliest]), Ok(()));
        assert_eq!(check(window, &[latest]), Ok(()));
        assert_eq!(check(window, &[earliest.minus(milli)]), Err("DateInFuture".to_owned()));
        assert_eq!(check(window, &[latest.plus(milli)]), Err("DateTooOld".to_owned()));
        let (early, late) = (earliest.minus(milli), latest.plus(milli));
        assert_eq!(check(window, &[early, signed_at()]), Ok(()), "one clock that accepts is enough");
        assert_eq!(check(window, &[early, late]), Err("DateInFuture".to_owned()), "the first clock speaks");
        assert_eq!(check(window, &[late, early]), Err("DateTooOld".to_owned()));
        assert_eq!(check(window, &[]), Ok(()), "no clock, no check");
    }
}

#[test]
fn the_claim_names_the_key_before_anything_is_verified() {
    let request = finalize(Algorithm::PssV2);
    let claim = Claim::parse(&request, 32).unwrap();
    assert_eq!(claim.public_key_id(), &key_id());
    assert!(!format!("{claim:?}").contains("Signature"));
}
