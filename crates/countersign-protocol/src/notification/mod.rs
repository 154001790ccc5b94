//! Amazon's notifications: the signed envelope, the certificate whose key has signed it, and the message
//! inside, which names what has changed.
//!
//! A receiver parses an [`Envelope`], decides with [`CertificateOrigins`] whether its certificate
//! may be fetched at all, and verifies it with the [`Certificate`]; only then is the [`Message`]
//! read. A sender signs [`Envelope::string_to_sign`]. The client fetches and caches certificates,
//! and chooses whom to trust. A notification is a hint: the object's state comes from the API.

mod certificate;
mod certificate_url;
mod envelope;
mod message;
mod signature_version;
mod timestamp;

pub use certificate::{Certificate, CertificateRefused};
pub use certificate_url::{CertificateOrigins, CertificateUrl, CertificateUrlRefused, NotAnOrigin};
pub use envelope::{
    Confirmation, Envelope, EnvelopeKind, EnvelopeRefused, MAX_ENVELOPE_LEN, SignatureRefused,
    VerifiedEnvelope,
};
pub use message::{Message, MessageRefused, NotificationType, NotifiedObject, ObjectType};
pub use signature_version::SignatureVersion;
pub use timestamp::EnvelopeTimestamp;
