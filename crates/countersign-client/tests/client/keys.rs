//! The throw-away key: requests are really signed, and what the network received is really verified.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use countersign_client::ids::{IdempotencyKey, PublicKeyId};
use countersign_client::signing::{Claim, VerifiedRequest, VerifyingKey};
use countersign_client::{Algorithm, KeySigner, SignRequest};

pub(crate) const PKCS8: &str = include_str!("../../../countersign-protocol/tests/keys/throw_away_pkcs8.pem");
pub(crate) const PKCS1: &str = include_str!("../../../countersign-protocol/tests/keys/throw_away_pkcs1.pem");
const PUBLIC: &str = include_str!("../../../countersign-protocol/tests/keys/throw_away_public.pem");

pub(crate) fn signer(id: &str, pem: &str, algorithm: Algorithm) -> KeySigner {
    KeySigner::from_pem(PublicKeyId::parse(id).unwrap(), pem, algorithm).unwrap()
}

pub(crate) fn credentials(id: &str) -> Arc<dyn SignRequest> {
    Arc::new(signer(id, PKCS8, Algorithm::PssV2))
}

/// Signs as Amazon's notification service does with its own key, in signature version 2.
pub(crate) fn sign_as_the_notification_service(text: &str) -> Vec<u8> {
    let lines = PKCS8.lines().skip_while(|line| !line.starts_with("-----BEGIN")).skip(1);
    let base64: String = lines.take_while(|line| !line.starts_with("-----END")).collect();
    let der = BASE64_STANDARD.decode(base64).unwrap();
    let pair = KeyPair::from_pkcs8(&der).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign_digest(&RSA_PKCS1_SHA256, &digest(&SHA256, text.as_bytes()), &mut signature).unwrap();
    signature
}

/// Checks that the signature was made over exactly this request.
pub(crate) fn check_signature(request: &http::Request<Bytes>) -> VerifiedRequest {
    let key = VerifyingKey::from_pem(PUBLIC).unwrap();
    let claim = Claim::parse(request, IdempotencyKey::MAX_LEN).unwrap();
    claim.verify(&key, request.body()).unwrap()
}
