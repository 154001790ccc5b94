//! Amazon's notifications, verified: who sent them, whether they are fresh, and what has changed.
//!
//! Anyone who knows a shop's address can send it anything, so the order matters. The checks that cost nothing
//! come first: the envelope's form, its topic, its age, the URL of its certificate. Then the certificate,
//! which is fetched once and kept; then the signature; and only what was signed is read further. No other
//! request is ever made: neither to a subscription's URL nor to any other that an envelope names.
//!
//! A notification is a hint. It can come twice, late, and before the answer to the call that it is about:
//! keep `message_id` to recognize copies, and get the object to learn its state.
//!
//! ```no_run
//! use countersign_client::notification::{NotificationVerifier, VerifiedNotification};
//! use countersign_client::ids::MerchantId;
//!
//! # async fn example(body: &[u8]) -> Result<u16, Box<dyn std::error::Error>> {
//! let merchant_id = MerchantId::parse("A1EXAMPLEMERCHANT").map_err(|refused| refused.to_string())?;
//! let verifier = NotificationVerifier::builder().merchant_id(merchant_id).build();
//!
//! let status = match verifier.verify(body).await {
//!     Ok(VerifiedNotification::Notification { message, .. }) => {
//!         println!("look at {}", message.object.object_id());
//!         200
//!     }
//!     Ok(VerifiedNotification::Confirmation(_)) => 200,
//!     // Amazon sends it again later.
//!     Err(refused) if refused.is_retryable() => 503,
//!     Err(refused) => {
//!         println!("not Amazon's: {refused}");
//!         403
//!     }
//! };
//! # Ok(status)
//! # }
//! ```

mod certificates;
mod refusal;
mod verifier;

pub use countersign_protocol::notification::{
    Certificate, CertificateOrigins, CertificateRefused, CertificateUrl, CertificateUrlRefused, Confirmation,
    Envelope, EnvelopeKind, EnvelopeRefused, EnvelopeTimestamp, MAX_ENVELOPE_LEN, Message, MessageRefused,
    NotAnOrigin, NotificationType, NotifiedObject, ObjectType, SignatureRefused, SignatureVersion,
    VerifiedEnvelope,
};
pub use refusal::{NoCertificate, NotificationRefused};
pub use verifier::{
    MAX_CERTIFICATE_LEN, NotificationVerifier, NotificationVerifierBuilder, ReplayWindow,
    VerifiedNotification,
};
