//! Keys made once a run, and a request to sign.

use std::sync::OnceLock;

use bytes::Bytes;
use countersign_domain::ids::{PublicKeyId, Region};
use countersign_domain::time::Timestamp;
use countersign_protocol::signing::{Algorithm, GeneratedKey, KeySigner, MerchantKey, VerifyingKey};

/// One of two keys: the merchant's and somebody else's.
fn generated(which: usize) -> &'static GeneratedKey {
    static KEYS: [OnceLock<GeneratedKey>; 2] = [OnceLock::new(), OnceLock::new()];
    KEYS[which].get_or_init(|| MerchantKey::generate().unwrap())
}

pub(crate) fn private_pem() -> &'static str {
    &generated(0).private_pem
}

pub(crate) fn verifying_key() -> VerifyingKey {
    VerifyingKey::from_pem(&generated(0).public_pem).unwrap()
}

pub(crate) fn other_verifying_key() -> VerifyingKey {
    VerifyingKey::from_pem(&generated(1).public_pem).unwrap()
}

pub(crate) fn key_id() -> PublicKeyId {
    PublicKeyId::parse("SANDBOX-AHEGSJCM3L2S").unwrap()
}

pub(crate) fn signer(algorithm: Algorithm) -> KeySigner {
    KeySigner::from_pem(key_id(), private_pem(), algorithm).unwrap()
}

pub(crate) fn signed_at() -> Timestamp {
    Timestamp::parse("20261123T154700Z").unwrap()
}

pub(crate) const BODY: &str =
    r#"{"paymentIntent":"Confirm","chargeAmount":{"amount":"14.00","currencyCode":"USD"}}"#;

/// A signed Finalize with an idempotency key.
pub(crate) fn finalize(algorithm: Algorithm) -> http::Request<Bytes> {
    let uri = "https://pay-api.amazon.com:8443/v2/checkoutSessions/bd504926-f659-4ad7-a1a9-9a747aaf5275/finalize?a=1&b=x%20y";
    let mut request = http::Request::post(uri)
        .header("x-amz-pay-idempotency-key", "AVLo5tI10BHgEk2jEXAMPLEKEY")
        .header("user-agent", "test")
        .body(Bytes::from_static(BODY.as_bytes()))
        .unwrap();
    signer(algorithm).sign(&mut request, Region::NorthAmerica, signed_at()).unwrap();
    request
}
