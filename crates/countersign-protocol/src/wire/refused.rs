//! What is wrong with a body: why a server refuses it, and which parts a client could not read. No
//! text here quotes a value.

use core::fmt;

use countersign_domain::reason_code::ReasonCode;

/// Why a body is refused before any rule checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRefused {
    /// The kind, which determines the reason code.
    pub kind: BodyRefusedKind,
    /// The path of the member, such as `chargeAmount.amount`; `None` if the body as a whole is refused.
    pub field: Option<String>,
    /// What is wrong; this never quotes the value of the member.
    pub why: String,
}

/// The kinds of refused bodies, the most serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BodyRefusedKind {
    /// Not a JSON object, truncated, nested too deeply, not UTF-8, or with a member twice.
    InvalidRequestFormat,
    /// A member that the API does not know.
    UnrecognizedField,
    /// A known member with a wrong type, word, length or amount.
    InvalidParameterValue,
}

impl BodyRefusedKind {
    /// The reason code that the API answers with; its status is 400.
    #[must_use]
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Self::InvalidRequestFormat => ReasonCode::InvalidRequestFormat,
            Self::UnrecognizedField => ReasonCode::UnrecognizedField,
            Self::InvalidParameterValue => ReasonCode::InvalidParameterValue,
        }
    }
}

/// The message of the API's answer.
impl fmt::Display for BodyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, field, why } = self;
        match (kind, field) {
            (BodyRefusedKind::UnrecognizedField, Some(field)) => {
                write!(f, "The field [{field}] is not known.")
            }
            (BodyRefusedKind::InvalidParameterValue, Some(field)) => {
                write!(f, "The value provided for [{field}] is invalid: {why}.")
            }
            (BodyRefusedKind::InvalidRequestFormat, Some(field)) => {
                write!(f, "The request body is not valid JSON at [{field}]: {why}.")
            }
            (_, None) => write!(f, "The request body is not a valid JSON object: {why}."),
        }
    }
}

impl core::error::Error for BodyRefused {}

impl BodyRefused {
    pub(super) fn whole_body(why: &str) -> Self {
        Self { kind: BodyRefusedKind::InvalidRequestFormat, field: None, why: why.to_owned() }
    }
}

/// A known member of an answer whose value could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MalformedMember {
    /// The path of the member.
    pub field: String,
    /// What is wrong; this never quotes the value of the member.
    pub why: String,
}
