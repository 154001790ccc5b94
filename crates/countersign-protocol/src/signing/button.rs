//! The signature over a button's payload, the Checkout Session configuration that a page passes to
//! `checkout.js` together with it.

use core::fmt;

use super::algorithm::Algorithm;
use super::canonical::string_to_sign_of_button;
use super::encoding::{base64, from_base64};
use super::key::{MerchantKey, VerifySignature};
use super::refusal::SignRefused;

/// Signs exactly this text: the page must pass the same characters to `checkout.js`, together with
/// the algorithm's name. Signing the same payload twice gives two different signatures.
///
/// # Errors
/// [`SignRefused::KeyFailed`].
pub fn sign_button(payload: &str, key: &MerchantKey, algorithm: Algorithm) -> Result<String, SignRefused> {
    let text = string_to_sign_of_button(algorithm, payload);
    let signature = key.sign(text.as_bytes(), algorithm).ok_or(SignRefused::KeyFailed)?;
    Ok(base64(&signature))
}

/// Verifies a payload's signature.
///
/// # Errors
/// The signature is not Base64, or is not this key's for this payload and algorithm.
pub fn verify_button(
    payload: &str,
    signature: &str,
    key: &dyn VerifySignature,
    algorithm: Algorithm,
) -> Result<(), ButtonRefused> {
    let text = string_to_sign_of_button(algorithm, payload);
    match from_base64(signature.as_bytes()) {
        Some(bytes) if key.verifies(text.as_bytes(), &bytes, algorithm) => Ok(()),
        _ => Err(ButtonRefused { string_to_sign: text }),
    }
}

/// The signature does not match the payload: `InvalidSignatureError` on Amazon's page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ButtonRefused {
    /// What the server expected to be signed.
    pub string_to_sign: String,
}

impl fmt::Display for ButtonRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the signature does not match the signing String [{}]", self.string_to_sign)
    }
}

impl core::error::Error for ButtonRefused {}
