//! What a request looks like when it leaves: its address, its headers, and the place where the
//! merchant's key signs it. The canonical form and the cryptography are the signer's.

use core::fmt;

use bytes::Bytes;
use countersign_domain::ids::{PublicKeyId, Region};
use countersign_domain::time::Timestamp;
use countersign_protocol::signing::KeySigner;
use http::HeaderValue;

use crate::client::Client;
use crate::exchange::Call;

/// What kept a request from being signed.
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
    /// When the key cannot be used; nothing is sent then.
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

/// What Amazon's sandbox is to simulate: the value of `x-amz-pay-simulation-code`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulationCode(HeaderValue);

/// The text is no simulation code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotASimulationCode;

impl fmt::Display for NotASimulationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not a simulation code such as HardDeclined: 1 to 64 letters and digits")
    }
}

impl core::error::Error for NotASimulationCode {}

impl SimulationCode {
    /// Reads a code. Which ones a call knows is Amazon's affair.
    ///
    /// # Errors
    /// Whatever is not 1 to 64 letters and digits.
    pub fn parse(code: &str) -> Result<Self, NotASimulationCode> {
        let is_code = (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match HeaderValue::from_str(code) {
            Ok(code) if is_code => Ok(Self(code)),
            _ => Err(NotASimulationCode),
        }
    }
}

/// Told to Amazon with each request, and not signed.
const USER_AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"));

impl Client {
    pub(crate) fn signed_request(
        &self,
        call: &Call<'_>,
        now: Timestamp,
    ) -> Result<http::Request<Bytes>, SigningFailed> {
        let shared = &*self.shared;
        let path = shared.endpoint.path(shared.signer.public_key_id(), shared.environment, &call.resource);
        let mut request = http::Request::builder()
            .method(call.method.clone())
            .uri(shared.endpoint.uri(&path)?)
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/json")
            .header(http::header::USER_AGENT, USER_AGENT)
            .body(call.body.clone())?;
        if let Some(key) = call.idempotency_key {
            let key = HeaderValue::from_str(key.as_str())?;
            request.headers_mut().insert("x-amz-pay-idempotency-key", key);
        }
        shared.signer.sign(&mut request, shared.region, now)?;
        // The API's pages leave it out of the signature.
        if let Some(SimulationCode(code)) = self.simulation.as_ref().filter(|_| call.can_be_simulated) {
            request.headers_mut().insert("x-amz-pay-simulation-code", code.clone());
        }
        Ok(request)
    }
}
