//! The signature over a request or a button payload: made with the merchant's key, verified with its
//! public half, explained when it is wrong.
//!
//! A client calls [`KeySigner::sign`] (or [`prepare`] and [`Prepared::attach`] where the key lives in
//! a device). A server reads a [`Claim`], looks the key up, and calls [`Claim::verify`]. Nothing here
//! reads a clock or knows which keys exist.

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
pub use encoding::{base64, sha256_hex};
pub use explain::{Explanation, Mistake, explain};
pub use head::Head;
pub use key::{GeneratedKey, KeyRefused, MerchantKey, VerifyingKey};
pub use refusal::VerifyRefused;
pub use sign::{KeySigner, Prepared, SignRefused, prepare};
pub use verify::{Claim, DateWindow, Verified};
