//! The signature over a request or a button's payload: making it with the merchant's key, verifying
//! it with the public half, and explaining why it is wrong.
//!
//! A client calls [`KeySigner::sign`] (or [`prepare`] and [`PreparedRequest::attach`] if the key is in a device). A
//! server reads a [`Claim`], looks the key up, and calls [`Claim::verify`]. Nothing here reads a clock or
//! knows which keys exist.
//!
//! ```
//! use countersign_domain::ids::{IdempotencyKey, PublicKeyId, Region};
//! use countersign_domain::time::Timestamp;
//! use countersign_protocol::signing::{Algorithm, Claim, DateWindow, KeySigner, MerchantKey, VerifyingKey};
//!
//! let made = MerchantKey::generate()?;
//! let now = Timestamp::parse("20261123T154700Z").map_err(|refused| refused.to_string())?;
//!
//! // The client:
//! let id = PublicKeyId::parse("SANDBOX-AHEGSJCM3L2S").map_err(|refused| refused.to_string())?;
//! let signer = KeySigner::from_pem(id, &made.private_pem, Algorithm::PssV2)?;
//! let mut request = http::Request::get("https://pay-api.amazon.com/v2/charges/x").body(bytes::Bytes::new())?;
//! signer.sign(&mut request, Region::NorthAmerica, now)?;
//!
//! // The server:
//! let known = VerifyingKey::from_pem(&made.public_pem)?;
//! let claim = Claim::parse(&request, IdempotencyKey::MAX_LEN)?;
//! claim.date_within(DateWindow::default(), &[now])?;
//! let key = match claim.public_key_id().as_str() {
//!     "SANDBOX-AHEGSJCM3L2S" => &known,
//!     _ => return Err(claim.unknown_key().into()),
//! };
//! let verified = claim.verify(key, request.body())?;
//! assert_eq!(verified.region(), Region::NorthAmerica);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod algorithm;
mod authorization;
mod button;
mod canonical;
mod encoding;
mod explain;
mod head;
mod json;
mod key;
mod refusal;
mod sign;
mod spelling;
mod verify;

pub use algorithm::Algorithm;
pub use authorization::{Authorization, MAX_AUTHORIZATION_LEN, MAX_SIGNED_HEADERS};
pub use button::{ButtonRefused, sign_button, verify_button};
pub use canonical::{string_to_sign, string_to_sign_of_button};
pub(crate) use encoding::from_base64;
pub use encoding::{base64, hex, sha256_hex};
pub use explain::{Explanation, Mistake, explain};
pub use head::Head;
pub use key::{GeneratedKey, KeyRefused, MerchantKey, VerifySignature, VerifyingKey};
pub(crate) use key::{read_pem, rsa_key};
pub use refusal::{SignRefused, VerifyRefused};
pub use sign::{KeySigner, PreparedRequest, prepare};
pub use verify::{Claim, DateWindow, VerifiedRequest};
