//! The stand-in for a merchant's key: a keyed hash over the same text that a key would sign. Real
//! signatures cost more than everything else in a run, so only one seed in a hundred uses them.

use bytes::Bytes;
use countersign_client::{SignRequest, SigningFailed};
use countersign_domain::ids::{PublicKeyId, Region};
use countersign_domain::time::Timestamp;
use countersign_protocol::signing::{Algorithm, VerifySignature, prepare};

/// Signs and verifies with one secret.
#[derive(Clone)]
pub(crate) struct KeyedHash {
    pub(crate) public_key_id: PublicKeyId,
    pub(crate) secret: u64,
}

impl KeyedHash {
    fn hash(&self, text: &[u8]) -> [u8; 32] {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &self.secret.to_le_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(aws_lc_rs::hmac::sign(&key, text).as_ref());
        hash
    }
}

impl SignRequest for KeyedHash {
    fn public_key_id(&self) -> &PublicKeyId {
        &self.public_key_id
    }

    fn sign(
        &self,
        request: &mut http::Request<Bytes>,
        region: Region,
        signed_at: Timestamp,
    ) -> Result<(), SigningFailed> {
        let prepared = prepare(request, Algorithm::PssV2, region, signed_at)?;
        let hash = self.hash(prepared.string_to_sign().as_bytes());
        Ok(prepared.attach(request, &self.public_key_id, &hash)?)
    }
}

impl VerifySignature for KeyedHash {
    fn verifies(&self, text: &[u8], signature: &[u8], _: Algorithm) -> bool {
        self.hash(text) == signature
    }
}
