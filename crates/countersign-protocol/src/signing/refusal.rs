//! Why a request cannot be signed; and why a request is not accepted as the merchant's, with the
//! API's reason code and message. The status follows from the reason code.

use countersign_domain::ids::PublicKeyId;
use countersign_domain::with_texts;

use crate::wire::ReasonCode;

with_texts! {
    /// A request whose signature is wrong, or cannot be checked. Its text is the message of the
    /// answer. The message names the header; for a wrong signature it quotes what the server
    /// expected to be signed.
    #[derive(Debug, Clone, PartialEq, Eq)]
    VerifyRefused {
        /// A header is missing that every request must have, or that the request lists as signed.
        MissingHeader {
            /// Its name in lower case.
            header: String,
        } = "The header {header} is missing";
        /// A header that every request must have is empty.
        MissingHeaderValue {
            /// Its name in lower case.
            header: &'static str,
        } = "The header {header} has no value";
        /// A header that may occur only once occurs more often.
        RepeatedHeader {
            /// Its name in lower case.
            header: &'static str,
        } = "The header {header} stands more than once";
        /// The `authorization` header does not have the required form.
        MalformedAuthorization {
            /// What is wrong, as the rest of a sentence.
            why: &'static str,
        } = "The header authorization {why}";
        /// The date has neither of the two spellings.
        NotADate = "The value provided for x-amz-pay-date is not a UTC instant such as 20190714T155300Z";
        /// The date is later than the server's clock by more than the window allows.
        DateInFuture {
            /// The date as it was sent.
            value: String,
        } = "The value {value} provided for x-amz-pay-date should not be in future";
        /// The date is earlier than the window allows. Amazon's limit is not known; this one is our
        /// choice.
        DateTooOld {
            /// The date as it was sent.
            value: String,
        } = "The value {value} provided for x-amz-pay-date is too old";
        /// The region is not one of Amazon Pay's.
        UnknownRegion = "The value provided for x-amz-pay-region is not one of na, eu, jp";
        /// The idempotency key is too long, or has characters other than `[A-Za-z0-9_-]`.
        IllegalIdempotencyKey {
            /// The largest accepted number of characters.
            max_len: usize,
        } = "The value provided for x-amz-pay-idempotency-key must be 1 to {max_len} letters, digits, - and _";
        /// A header that must be signed is not among the signed headers.
        NotSigned {
            /// Its name in lower case.
            header: &'static str,
        } = "Unable to verify signature, the header {header} must be among the SignedHeaders";
        /// No merchant of this server has this key.
        UnknownKey {
            /// The key's id.
            public_key_id: PublicKeyId,
        } = "The public key id {public_key_id} is not known";
        /// The signature is not this key's for this request.
        WrongSignature {
            /// The text that the server expected to be signed. It contains neither the body nor any
            /// header's value.
            string_to_sign: String,
            /// The signature as it was sent.
            signature: String,
        } = "Unable to verify signature, signing String [{string_to_sign}], signature [{signature}]";
    }
}

impl VerifyRefused {
    /// The reason code of the answer.
    #[must_use]
    pub const fn reason_code(&self) -> ReasonCode {
        match self {
            Self::MissingHeader { .. } => ReasonCode::MissingHeader,
            Self::MissingHeaderValue { .. } => ReasonCode::MissingHeaderValue,
            Self::RepeatedHeader { .. }
            | Self::MalformedAuthorization { .. }
            | Self::NotADate
            | Self::DateInFuture { .. }
            | Self::DateTooOld { .. }
            | Self::UnknownRegion
            | Self::IllegalIdempotencyKey { .. } => ReasonCode::InvalidHeaderValue,
            Self::UnknownKey { .. } => ReasonCode::InvalidAuthentication,
            Self::NotSigned { .. } | Self::WrongSignature { .. } => ReasonCode::InvalidRequestSignature,
        }
    }

    /// The header that is wrong, in lower case.
    #[must_use]
    pub fn header(&self) -> &str {
        match self {
            Self::MissingHeader { header } => header,
            Self::MissingHeaderValue { header }
            | Self::RepeatedHeader { header }
            | Self::NotSigned { header } => header,
            Self::MalformedAuthorization { .. } | Self::UnknownKey { .. } | Self::WrongSignature { .. } => {
                "authorization"
            }
            Self::NotADate | Self::DateInFuture { .. } | Self::DateTooOld { .. } => "x-amz-pay-date",
            Self::UnknownRegion => "x-amz-pay-region",
            Self::IllegalIdempotencyKey { .. } => "x-amz-pay-idempotency-key",
        }
    }
}

with_texts! {
    /// The request cannot be signed; it is unchanged, or lacks only its signature.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    SignRefused {
        /// The URI names no host.
        NoHost = "the request's URI names no host";
        /// A header's value cannot be written.
        NotAHeader = "a value cannot be written into a header";
        /// The cryptography failed.
        KeyFailed = "the merchant's key could not sign";
    }
}
