//! The envelope of every refusal.

use countersign_domain::reason_code::ReasonCode;

use super::word::{Word, Words};
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

impl Words for ReasonCode {
    const EXPECTED: &'static str = "it is not a known reason code";

    fn as_str(self) -> &'static str {
        Self::as_str(self)
    }

    fn parse(word: &str) -> Option<Self> {
        Self::parse(word)
    }
}
