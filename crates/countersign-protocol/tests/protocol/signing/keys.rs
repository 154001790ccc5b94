//! The throw-away key pair, signatures that the cryptography library makes directly, and a request
//! to sign.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PSS_SHA256, RsaPssSaltLength, RsaSignatureEncoding};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use countersign_domain::ids::{PublicKeyId, Region};
use countersign_domain::time::Timestamp;
use countersign_protocol::signing::{Algorithm, KeySigner, MerchantKey, VerifyingKey};

pub(crate) const PKCS8: &str = include_str!("../../keys/throw_away_pkcs8.pem");
pub(crate) const PKCS1: &str = include_str!("../../keys/throw_away_pkcs1.pem");
pub(crate) const PUBLIC: &str = include_str!("../../keys/throw_away_public.pem");

pub(crate) const PSS_20: RsaSignatureEncoding =
    RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(20));
pub(crate) const PSS_32: RsaSignatureEncoding =
    RSA_PSS_SHA256.with_pss_salt_length(RsaPssSaltLength::Custom(32));

pub(crate) fn encoding(algorithm: Algorithm) -> &'static RsaSignatureEncoding {
    match algorithm {
        Algorithm::Pss => &PSS_20,
        Algorithm::PssV2 => &PSS_32,
    }
}

/// A signature of exactly this text, made without any code of ours.
pub(crate) fn sign_text(text: &[u8], encoding: &'static RsaSignatureEncoding) -> Vec<u8> {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    let pair = PAIR.get_or_init(|| {
        let lines = PKCS8.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
        let content: String = lines.take_while(|line| !line.starts_with("-----END")).collect();
        KeyPair::from_pkcs8(&BASE64_STANDARD.decode(content).unwrap()).unwrap()
    });
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), text, &mut signature).unwrap();
    signature
}

pub(crate) fn verifying_key() -> VerifyingKey {
    VerifyingKey::from_pem(PUBLIC).unwrap()
}

/// The key of somebody else.
pub(crate) fn other_verifying_key() -> VerifyingKey {
    MerchantKey::generate().unwrap().key.verifying_key().unwrap()
}

pub(crate) fn key_id() -> PublicKeyId {
    PublicKeyId::parse("SANDBOX-AHEGSJCM3L2S").unwrap()
}

pub(crate) fn signer(algorithm: Algorithm) -> KeySigner {
    KeySigner::from_pem(key_id(), PKCS8, algorithm).unwrap()
}

pub(crate) fn signed_at() -> Timestamp {
    Timestamp::parse("20261123T154700Z").unwrap()
}

pub(crate) const URI: &str = "https://pay-api.amazon.com:8443/sandbox/v2/checkoutSessions/bd504926-f659-4ad7-a1a9-9a747aaf5275/finalize?a=1&b=x%20y";

pub(crate) const BODY: &str =
    r#"{"paymentIntent":"Confirm","chargeAmount":{"amount":"14.00","currencyCode":"USD"}}"#;

/// A Finalize with an idempotency key, not yet signed.
pub(crate) fn unsigned() -> http::Request<Bytes> {
    http::Request::post(URI)
        .header("x-amz-pay-idempotency-key", "AVLo5tI10BHgEk2jEXAMPLEKEY")
        .header("user-agent", "test")
        .body(Bytes::from_static(BODY.as_bytes()))
        .unwrap()
}

/// The request of [`unsigned`], signed.
pub(crate) fn finalize(algorithm: Algorithm) -> http::Request<Bytes> {
    let mut request = unsigned();
    signer(algorithm).sign(&mut request, Region::NorthAmerica, signed_at()).unwrap();
    request
}

/// A request with one header set to other bytes, or without it.
pub(crate) fn with_header(
    request: &http::Request<Bytes>,
    name: &'static str,
    value: Option<&[u8]>,
) -> http::Request<Bytes> {
    let mut request = request.clone();
    match value {
        Some(value) => request.headers_mut().insert(name, http::HeaderValue::from_bytes(value).unwrap()),
        None => request.headers_mut().remove(name),
    };
    request
}

pub(crate) fn authorization(request: &http::Request<Bytes>) -> String {
    request.headers()["authorization"].to_str().unwrap().to_owned()
}
