//! Why a notification is not believed: one word each, in the order in which they are found.

use core::fmt;

use countersign_domain::time::Timestamp;
use countersign_protocol::notification::{
    CertificateRefused, CertificateUrlRefused, EnvelopeRefused, MessageRefused, SignatureRefused,
};

/// Why a notification is refused. Nothing of a message is in it, and of an envelope its topic only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotificationRefused {
    /// The body is no envelope.
    Envelope(EnvelopeRefused),
    /// Its topic is none of those expected.
    UnexpectedTopic {
        /// The topic, as it came.
        topic_arn: String,
    },
    /// It was published longer ago than Amazon goes on sending.
    Stale {
        /// When.
        published_at: Timestamp,
    },
    /// It was published later than now.
    FromTheFuture {
        /// When.
        published_at: Timestamp,
    },
    /// Its certificate is somewhere from where none is fetched.
    CertificateUrl(CertificateUrlRefused),
    /// Its certificate could not be had.
    NoCertificate(NoCertificate),
    /// The certificate is not good now, or its key has not signed this.
    Signature(SignatureRefused),
    /// It was signed, and its message is none of Amazon Pay's.
    Message(MessageRefused),
    /// It is about another merchant's object.
    ForeignMerchant,
}

/// Why there is no certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoCertificate {
    /// The server did not answer, not in time, or not within 64 kB.
    NoAnswer,
    /// The server answered with this status instead of 200; redirects are not followed.
    Status(u16),
    /// What it sent is none.
    Refused(CertificateRefused),
    /// Too many have been fetched lately: somebody sends envelopes that name ever new ones.
    TooMany,
}

impl NotificationRefused {
    /// The same envelope may be taken later: answer so that Amazon sends it again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NoCertificate(_) => true,
            Self::Envelope(_)
            | Self::UnexpectedTopic { .. }
            | Self::Stale { .. }
            | Self::FromTheFuture { .. }
            | Self::CertificateUrl(_)
            | Self::Signature(_)
            | Self::Message(_)
            | Self::ForeignMerchant => false,
        }
    }

    /// One word for a figure's label.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Envelope(_) => "malformedEnvelope",
            Self::UnexpectedTopic { .. } => "unexpectedTopic",
            Self::Stale { .. } => "stale",
            Self::FromTheFuture { .. } => "fromTheFuture",
            Self::CertificateUrl(_) => "foreignCertificateUrl",
            Self::NoCertificate(_) => "noCertificate",
            Self::Signature(
                SignatureRefused::CertificateExpired { .. } | SignatureRefused::CertificateNotYetValid { .. },
            ) => "certificateNotValid",
            Self::Signature(SignatureRefused::WrongSignature) => "wrongSignature",
            Self::Message(_) => "malformedMessage",
            Self::ForeignMerchant => "foreignMerchant",
        }
    }
}

impl fmt::Display for NotificationRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Envelope(refused) => fmt::Display::fmt(refused, f),
            Self::UnexpectedTopic { topic_arn } => {
                write!(f, "the topic {topic_arn} is none of those expected")
            }
            Self::Stale { published_at } => write!(f, "it was published at {published_at}, too long ago"),
            Self::FromTheFuture { published_at } => {
                write!(f, "it was published at {published_at}, which is in the future")
            }
            Self::CertificateUrl(refused) => fmt::Display::fmt(refused, f),
            Self::NoCertificate(refused) => write!(f, "the certificate could not be had: {refused}"),
            Self::Signature(refused) => fmt::Display::fmt(refused, f),
            Self::Message(refused) => fmt::Display::fmt(refused, f),
            Self::ForeignMerchant => f.write_str("it is about another merchant's object"),
        }
    }
}

impl core::error::Error for NotificationRefused {}

impl fmt::Display for NoCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer => f.write_str("no answer came"),
            Self::Status(status) => write!(f, "the answer is {status}"),
            Self::Refused(refused) => fmt::Display::fmt(refused, f),
            Self::TooMany => f.write_str("too many were fetched lately"),
        }
    }
}

impl core::error::Error for NoCertificate {}
