//! The envelope of every refusal.

use countersign_domain::reason_code::ReasonCode;

use super::word::Word;
use crate::object;

object! {
    /// `{"reasonCode": "…", "message": "…"}`.
    pub struct Error {
        reason_code: Word<ReasonCode> = "reasonCode",
        message: String = "message",
    }
}

impl Error {
    /// The body of a refusal.
    #[must_use]
    pub fn new(reason_code: ReasonCode, message: impl Into<String>) -> Self {
        Self { reason_code: Some(reason_code.into()), message: Some(message.into()), ..Self::default() }
    }
}
