//! The throw-away key: requests are really signed, and what the network received is really verified.

use std::sync::Arc;

use bytes::Bytes;
use countersign_client::ids::{IdempotencyKey, PublicKeyId};
use countersign_client::signing::{Claim, Verified, VerifyingKey};
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

/// The signature was made over this very request.
pub(crate) fn check_signature(request: &http::Request<Bytes>) -> Verified {
    let key = VerifyingKey::from_pem(PUBLIC).unwrap();
    let claim = Claim::parse(request, IdempotencyKey::MAX_LEN).unwrap();
    claim.verify(&key, request.body()).unwrap()
}
