//! Where the merchant's key signs a request. The canonical form and the cryptography belong to the signer.

use bytes::Bytes;
use countersign_domain::ids::{PublicKeyId, Region};
use countersign_domain::time::Timestamp;
use countersign_protocol::signing::KeySigner;

/// Why a request could not be signed.
pub type SigningFailed = Box<dyn core::error::Error + Send + Sync>;

/// The merchant's key, as the client uses it: a [`KeySigner`], or a key in a device.
///
/// A device signs the text of [`signing::prepare`](countersign_protocol::signing::prepare):
///
/// ```
/// use countersign_client::{SignRequest, SigningFailed, ids, signing, time};
/// # struct Device;
/// # impl Device {
/// #     fn sign_pss_sha256(&self, _: &[u8], _salt_len: u16) -> Result<Vec<u8>, SigningFailed> { Ok(vec![0; 256]) }
/// # }
/// struct KeyInDevice {
///     id: ids::PublicKeyId,
///     device: Device,
/// }
///
/// impl SignRequest for KeyInDevice {
///     fn public_key_id(&self) -> &ids::PublicKeyId {
///         &self.id
///     }
///
///     fn sign(
///         &self,
///         request: &mut http::Request<bytes::Bytes>,
///         region: ids::Region,
///         signed_at: time::Timestamp,
///     ) -> Result<(), SigningFailed> {
///         let algorithm = signing::Algorithm::PssV2;
///         let prepared = signing::prepare(request, algorithm, region, signed_at)?;
///         let text = prepared.string_to_sign().as_bytes();
///         let signature = self.device.sign_pss_sha256(text, algorithm.salt_len())?;
///         Ok(prepared.attach(request, &self.id, &signature)?)
///     }
/// }
/// ```
pub trait SignRequest: Send + Sync + 'static {
    /// The key's id at Amazon.
    fn public_key_id(&self) -> &PublicKeyId;

    /// Adds the headers that the signature covers (date, host, region) and the signature, for
    /// exactly this method, this path and these body bytes.
    ///
    /// # Errors
    /// If the key cannot be used; then nothing is sent.
    fn sign(
        &self,
        request: &mut http::Request<Bytes>,
        region: Region,
        signed_at: Timestamp,
    ) -> Result<(), SigningFailed>;
}

impl SignRequest for KeySigner {
    fn public_key_id(&self) -> &PublicKeyId {
        Self::public_key_id(self)
    }

    fn sign(
        &self,
        request: &mut http::Request<Bytes>,
        region: Region,
        signed_at: Timestamp,
    ) -> Result<(), SigningFailed> {
        Ok(Self::sign(self, request, region, signed_at)?)
    }
}
