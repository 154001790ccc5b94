//! What is signed here verifies here, and nothing else does: not one changed byte, not the other
//! algorithm, not another key.

use bytes::Bytes;
use countersign_domain::ids::{IdempotencyKey, Region};
use countersign_protocol::signing::{Algorithm, Claim, Verified, VerifyRefused, VerifyingKey};
use http::{HeaderName, HeaderValue};

use crate::keys::{finalize, key_id, other_verifying_key, signed_at, verifying_key};

fn verify(request: &http::Request<Bytes>, key: &VerifyingKey) -> Result<Verified, VerifyRefused> {
    Claim::parse(request, IdempotencyKey::MAX_LEN)?.verify(key, request.body())
}

fn authorization(request: &http::Request<Bytes>) -> String {
    request.headers()["authorization"].to_str().unwrap().to_owned()
}

fn with_header(request: &http::Request<Bytes>, name: &'static str, value: &[u8]) -> http::Request<Bytes> {
    let mut request = request.clone();
    request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
    request
}

#[test]
fn a_signed_request_verifies() {
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
    for algorithm in Algorithm::ALL {
        let request = finalize(algorithm);
        let refused = verify(&request, &other_verifying_key()).unwrap_err();
        assert!(matches!(refused, VerifyRefused::WrongSignature { .. }), "{refused}");
        let swapped = match algorithm {
            Algorithm::Pss => authorization(&request).replacen("PSS ", "PSS-V2 ", 1),
            Algorithm::PssV2 => authorization(&request).replacen("PSS-V2 ", "PSS ", 1),
        };
        let request = with_header(&request, "authorization", swapped.as_bytes());
        let refused = verify(&request, &verifying_key()).unwrap_err();
        assert!(matches!(refused, VerifyRefused::WrongSignature { .. }), "{refused}");
    }
}
