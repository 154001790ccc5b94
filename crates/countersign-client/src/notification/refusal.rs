//! Why a notification is not accepted: one variant each, in the order of the checks.

use countersign_domain::time::Timestamp;
use countersign_domain::with_texts;
use countersign_protocol::notification::{
    CertificateRefused, CertificateUrlRefused, EnvelopeRefused, MessageRefused, SignatureRefused,
};

with_texts! {
    /// Why a notification is refused. It contains nothing of a message, and of an envelope only its topic.
    #[derive(Debug, Clone, PartialEq, Eq)]
    NotificationRefused {
        /// The body is not an envelope.
        Envelope(refused: EnvelopeRefused) = "{refused}";
        /// Its topic is not one of those expected.
        UnexpectedTopic {
            /// The topic, as it came.
            topic_arn: String,
        } = "the topic {topic_arn} is not among the expected ones";
        /// It was published so long ago that Amazon would no longer send it.
        Stale {
            /// When it was published.
            published_at: Timestamp,
        } = "it was published at {published_at}, which is too long ago";
        /// It was published later than now.
        FromTheFuture {
            /// When it was published.
            published_at: Timestamp,
        } = "it was published at {published_at}, which is in the future";
        /// Its certificate is at a URL from which no certificate is fetched.
        CertificateUrl(refused: CertificateUrlRefused) = "{refused}";
        /// Its certificate could not be fetched or used.
        NoCertificate(refused: NoCertificate) = "the certificate could not be fetched or used: {refused}";
        /// The certificate is not valid now, or its key did not sign this envelope.
        Signature(refused: SignatureRefused) = "{refused}";
        /// It was signed, but its message is not one of Amazon Pay's.
        Message(refused: MessageRefused) = "{refused}";
        /// It is about another merchant's object.
        ForeignMerchant = "it is about another merchant's object";
    }
}

with_texts! {
    /// Why there is no certificate.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    NoCertificate {
        /// The server did not answer, answered too late, or sent more than 64 kB.
        NoAnswer = "the server did not answer";
        /// The server answered with this status instead of 200; redirects are not followed.
        Status(status: u16) = "the server answered with status {status}";
        /// What it sent is not a certificate.
        Refused(refused: CertificateRefused) = "{refused}";
        /// Too many certificates were fetched recently: somebody keeps sending envelopes that name new ones.
        TooMany = "too many certificates were fetched recently";
    }
}

impl NotificationRefused {
    /// The same envelope may be accepted later: answer so that Amazon sends it again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NoCertificate(_))
    }

    /// One word for the label of a metric.
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
