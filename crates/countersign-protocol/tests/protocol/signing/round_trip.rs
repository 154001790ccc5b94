//! What is signed here verifies here; the other algorithm and another key do not. Every signed byte counts:
//! `vectors.rs` changes each of them.

use bytes::Bytes;
use countersign_domain::ids::{IdempotencyKey, Region};
use countersign_protocol::signing::{
    Algorithm, ButtonRefused, Claim, SignRefused, VerifiedRequest, VerifyRefused, VerifyingKey, base64,
    prepare, verify_button,
};
use proptest::prelude::*;

use super::keys::{
    PSS_32, authorization, finalize, key_id, other_verifying_key, sign_text, signed_at, signer, unsigned,
    verifying_key, with_header,
};

fn verify(request: &http::Request<Bytes>, key: &VerifyingKey) -> Result<VerifiedRequest, VerifyRefused> {
    Claim::parse(request, IdempotencyKey::MAX_LEN)?.verify(key, request.body())
}

#[test]
fn a_signed_request_verifies_and_says_who_signed_what() {
    for algorithm in Algorithm::ALL {
        let request = finalize(algorithm);
        let verified = verify(&request, &verifying_key()).unwrap();
        assert_eq!(verified.public_key_id(), &key_id());
        assert_eq!(verified.algorithm(), algorithm);
        assert_eq!(verified.signed_at(), signed_at());
        assert_eq!(verified.region(), Region::NorthAmerica);
        assert_eq!(verified.idempotency_key().unwrap().as_str(), "AVLo5tI10BHgEk2jEXAMPLEKEY");
        assert_eq!(request.headers()["x-amz-pay-host"], "pay-api.amazon.com:8443");
        assert!(authorization(&request).contains(
            "SignedHeaders=accept;content-type;x-amz-pay-date;x-amz-pay-host;x-amz-pay-idempotency-key;x-amz-pay-region,"
        ));
    }
}

#[test]
fn two_signatures_of_one_request_differ() {
    assert_ne!(authorization(&finalize(Algorithm::PssV2)), authorization(&finalize(Algorithm::PssV2)));
}

#[test]
fn another_key_and_the_other_algorithm_are_refused() {
    let other = other_verifying_key();
    for algorithm in Algorithm::ALL {
        let request = finalize(algorithm);
        let refused = verify(&request, &other).unwrap_err();
        assert!(matches!(refused, VerifyRefused::WrongSignature { .. }), "{refused}");
        let swapped = match algorithm {
            Algorithm::Pss => authorization(&request).replacen("PSS ", "PSS-V2 ", 1),
            Algorithm::PssV2 => authorization(&request).replacen("PSS-V2 ", "PSS ", 1),
        };
        let request = with_header(&request, "authorization", Some(swapped.as_bytes()));
        let refused = verify(&request, &verifying_key()).unwrap_err();
        assert!(matches!(refused, VerifyRefused::WrongSignature { .. }), "{refused}");
    }
}

#[test]
fn a_device_signs_between_prepare_and_attach() {
    let mut request = unsigned();
    let prepared = prepare(&mut request, Algorithm::PssV2, Region::Japan, signed_at()).unwrap();
    let signature = sign_text(prepared.string_to_sign().as_bytes(), &PSS_32);
    prepared.attach(&mut request, &key_id(), &signature).unwrap();
    assert_eq!(verify(&request, &verifying_key()).unwrap().region(), Region::Japan);
}

#[test]
fn a_request_without_a_host_is_not_signed() {
    let mut request = http::Request::get("/v2/charges/x").body(Bytes::new()).unwrap();
    let refused = signer(Algorithm::Pss).sign(&mut request, Region::Europe, signed_at());
    assert_eq!(refused, Err(SignRefused::NoHost));
    assert!(request.headers().is_empty());
}

#[test]
fn the_bytes_of_the_body_are_signed_as_they_are() {
    for body in [
        "",
        "null",
        " {} ",
        "{\"a\":1}\n",
        r#"{"url":"https:\/\/shop.example\/a"}"#,
        r#"{"url":"https://shop.example/a"}"#,
        r#"{"name":"日本 é"}"#,
        r#"{"name":"\u65e5\u672c e\u0301"}"#,
        r#"{"amount":14.0}"#,
        r#"{"amount":14.00}"#,
        r#"{"amount":1.4e1}"#,
        r#"{"b":1,"a":2}"#,
        r#"{ "b": 1, "a": 2 }"#,
        "\r\n{\r\n}",
    ] {
        let mut request = http::Request::post("http://127.0.0.1:8100/v2/charges").body(body.into()).unwrap();
        signer(Algorithm::Pss).sign(&mut request, Region::NorthAmerica, signed_at()).unwrap();
        assert_eq!(request.body(), body);
        verify(&request, &verifying_key()).unwrap();
    }
}

#[test]
fn a_button_is_verified_as_the_very_text_that_was_signed() {
    let payload = r#"{"webCheckoutDetails":{"checkoutReviewReturnUrl":"https:\/\/shop.example/é"},"x":14.0}"#;
    for algorithm in Algorithm::ALL {
        let signature = signer(algorithm).sign_button(payload).unwrap();
        let verify = |payload: &str, signature: &str, algorithm| {
            verify_button(payload, signature, &verifying_key(), algorithm)
        };
        assert_eq!(verify(payload, &signature, algorithm), Ok(()));
        for other in [payload.replace("\\/", "/"), payload.replace("14.0", "14"), format!("{payload}\n")] {
            let ButtonRefused { string_to_sign } = verify(&other, &signature, algorithm).unwrap_err();
            assert!(string_to_sign.starts_with(algorithm.name()), "{string_to_sign}");
        }
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert!(verify(payload, &signature, other).is_err());
        }
        for text in ["", "x", &base64(&[0; 256])] {
            assert!(verify(payload, text, algorithm).is_err(), "{text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever path and query a client builds, sorted or not: what is signed verifies.
    #[test]
    fn any_path_query_and_body_verify(
        path in "(/[a-zA-Z0-9._~%|-]{0,8}){1,4}/?",
        query in proptest::option::of("([a-zA-Z.0-9]{1,4}=[a-zA-Z0-9%+,*'~!-]{0,6}&?){0,4}"),
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        let uri = format!("https://pay-api.amazon.com{path}{query}");
        let mut request = http::Request::post(uri).body(Bytes::from(body)).unwrap();
        signer(Algorithm::PssV2).sign(&mut request, Region::Europe, signed_at()).unwrap();
        prop_assert!(verify(&request, &verifying_key()).is_ok());
    }

    /// However odd a head is, reading it does not panic.
    #[test]
    fn no_authorization_header_panics(text in "(AMZN-PAY-RSASSA-PSS(-V2)?)? ?(PublicKeyId=)?[ -~]{0,40}(, SignedHeaders=)?[ -~]{0,20}(, Signature=)?[ -~]{0,20}") {
        let request = with_header(&finalize(Algorithm::Pss), "authorization", Some(text.as_bytes()));
        prop_assert!(verify(&request, &verifying_key()).is_err());
    }
}
