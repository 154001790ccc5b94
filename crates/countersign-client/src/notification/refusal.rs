//! Why a notification is not believed: one word each, in the order in which they are found.

use countersign_domain::time::Timestamp;
use countersign_domain::with_texts;
use countersign_protocol::notification::{
    CertificateRefused, CertificateUrlRefused, EnvelopeRefused, MessageRefused, SignatureRefused,
};

with_texts! {
    /// Why a notification is refused. Nothing of a message is in it, and of an envelope its topic only.
    #[derive(Debug, Clone, PartialEq, Eq)]
    NotificationRefused {
        /// The body is no envelope.
        Envelope(refused: EnvelopeRefused) = "{refused}";
        /// Its topic is none of those expected.
        UnexpectedTopic {
            /// The topic, as it came.
            topic_arn: String,
        } = "the topic {topic_arn} is none of those expected";
        /// It was published longer ago than Amazon goes on sending.
        Stale {
            /// When.
            published_at: Timestamp,
        } = "it was published at {published_at}, too long ago";
        /// It was published later than now.
        FromTheFuture {
            /// When.
            published_at: Timestamp,
        } = "it was published at {published_at}, which is in the future";
        /// Its certificate is somewhere from where none is fetched.
        CertificateUrl(refused: CertificateUrlRefused) = "{refused}";
        /// Its certificate could not be had.
        NoCertificate(refused: NoCertificate) = "the certificate could not be had: {refused}";
        /// The certificate is not good now, or its key has not signed this.
        Signature(refused: SignatureRefused) = "{refused}";
        /// It was signed, and its message is none of Amazon Pay's.
        Message(refused: MessageRefused) = "{refused}";
        /// It is about another merchant's object.
        ForeignMerchant = "it is about another merchant's object";
    }
}

with_texts! {
    /// Why there is no certificate.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    NoCertificate {
        /// The server did not answer, not in time, or not within 64 kB.
        NoAnswer = "no answer came";
        /// The server answered with this status instead of 200; redirects are not followed.
        Status(status: u16) = "the answer is {status}";
        /// What it sent is none.
        Refused(refused: CertificateRefused) = "{refused}";
        /// Too many have been fetched lately: somebody sends envelopes that name ever new ones.
        TooMany = "too many were fetched lately";
    }
}

impl NotificationRefused {
    /// The same envelope may be taken later: answer so that Amazon sends it again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NoCertificate(_))
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
