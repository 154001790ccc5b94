//! The envelope of Amazon's notification service: reading it within limits, the text that is
//! signed, and the proof that it was signed. The message inside is read afterwards, in
//! `message.rs`.

use core::fmt;

use countersign_domain::time::Timestamp;
use countersign_domain::with_texts;

use super::certificate::Certificate;
use super::message::{Message, MessageRefused};
use super::signature_version::SignatureVersion;
use super::timestamp::EnvelopeTimestamp;
use crate::object;
use crate::signing::{base64, from_base64};
use crate::wire::{Object as _, read_answer};

/// The longest envelope that is read, in bytes. Amazon Pay's have about two thousand.
pub const MAX_ENVELOPE_LEN: usize = 1 << 16;

object! {
    /// The members as they are in the JSON text.
    struct Members {
        kind: String = "Type",
        message_id: String = "MessageId",
        token: String = "Token",
        topic_arn: String = "TopicArn",
        subject: String = "Subject",
        message: String = "Message",
        subscribe_url: String = "SubscribeURL",
        timestamp: String = "Timestamp",
        signature_version: String = "SignatureVersion",
        signature: String = "Signature",
        signing_cert_url: String = "SigningCertURL",
        unsubscribe_url: String = "UnsubscribeURL",
    }
}

/// An envelope that was read. Nothing proves yet who sent it.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `Type`, with the members that only this type has.
    pub kind: EnvelopeKind,
    /// `MessageId`: the same for every delivery of one message.
    pub message_id: String,
    /// `TopicArn`: the channel through which it came.
    pub topic_arn: String,
    /// `Message`: in a notification, the JSON text of a [`Message`].
    pub message: String,
    /// `Timestamp`: when it was published.
    pub timestamp: EnvelopeTimestamp,
    /// `SignatureVersion`. It is not signed and need not be: under the other version the signature
    /// does not verify.
    pub signature_version: SignatureVersion,
    /// `Signature`, decoded.
    pub signature: Vec<u8>,
    /// `SigningCertURL`. It is not signed:
    /// [`CertificateOrigins::check`](super::CertificateOrigins::check) decides whether it is
    /// accepted.
    pub signing_cert_url: String,
    /// `UnsubscribeURL`. It is not signed, so it must never be followed.
    pub unsubscribe_url: Option<String>,
}

/// The types of envelopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvelopeKind {
    /// `Notification`: something has changed.
    Notification {
        /// `Subject`; Amazon Pay sends none.
        subject: Option<String>,
    },
    /// `SubscriptionConfirmation`: somebody wants to send notifications here.
    SubscriptionConfirmation(Confirmation),
    /// `UnsubscribeConfirmation`: the subscription ended, and no more notifications will come
    /// unless that is undone.
    UnsubscribeConfirmation(Confirmation),
}

impl EnvelopeKind {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Notification { .. } => "Notification",
            Self::SubscriptionConfirmation(_) => "SubscriptionConfirmation",
            Self::UnsubscribeConfirmation(_) => "UnsubscribeConfirmation",
        }
    }

    /// The members that only some types have.
    fn parts(&self) -> (Option<&String>, Option<&Confirmation>) {
        match self {
            Self::Notification { subject } => (subject.as_ref(), None),
            Self::SubscriptionConfirmation(confirmation) | Self::UnsubscribeConfirmation(confirmation) => {
                (None, Some(confirmation))
            }
        }
    }
}

/// The members that confirm a subscription, or undo its end.
#[derive(Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// `Token`: anyone who has it can subscribe.
    pub token: String,
    /// `SubscribeURL`: a request to it uses the token. This project never makes that request.
    pub subscribe_url: String,
}

impl fmt::Debug for Confirmation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confirmation(…)")
    }
}

with_texts! {
    /// Why a body is not an envelope. The text quotes nothing of the body.
    #[derive(Debug, Clone, PartialEq, Eq)]
    EnvelopeRefused {
        /// It is longer than [`MAX_ENVELOPE_LEN`].
        TooLong = "the envelope is longer than {MAX_ENVELOPE_LEN} bytes";
        /// It is not a JSON object, is nested too deeply, or has a member twice.
        NotAnObject = "the envelope is not a JSON object, is nested too deeply, or has a member twice";
        /// A member is missing.
        Missing {
            /// Its name.
            member: &'static str,
        } = "the envelope has no {member}";
        /// A member does not have the required form.
        Malformed {
            /// Its name.
            member: &'static str,
            /// What is wrong with it.
            why: String,
        } = "the envelope's {member} is malformed: {why}";
    }
}

with_texts! {
    /// Why an envelope is not proved to come from its sender.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    SignatureRefused {
        /// The certificate is not valid yet.
        CertificateNotYetValid {
            /// The first instant at which it is valid.
            from: Timestamp,
        } = "the certificate is not valid before {from}";
        /// The certificate is no longer valid.
        CertificateExpired {
            /// The last instant at which it was valid.
            until: Timestamp,
        } = "the certificate is not valid after {until}";
        /// The signature was not made by the certificate's key for this envelope.
        WrongSignature = "the signature does not match the envelope and the certificate's key";
    }
}

impl EnvelopeRefused {
    fn malformed(member: &'static str, why: &str) -> Self {
        Self::Malformed { member, why: why.to_owned() }
    }
}

impl Envelope {
    /// Reads an envelope. Unknown members are ignored: they are not signed.
    ///
    /// # Errors
    /// Names the missing or malformed member.
    pub fn parse(body: &[u8]) -> Result<Self, EnvelopeRefused> {
        if body.len() > MAX_ENVELOPE_LEN {
            return Err(EnvelopeRefused::TooLong);
        }
        let read = read_answer::<Members>(body).map_err(|_| EnvelopeRefused::NotAnObject)?;
        let members = read.value;
        // A member that is not a text is absent at this point, and is among the unknown members.
        let unreadable = |member: &'static str| members.unknown.member(member).is_some();
        let optional = |member: &'static str, value: &Option<String>, form: Form, max_len: usize| {
            let malformed = |why: &str| Err(EnvelopeRefused::malformed(member, why));
            match value {
                Some(text) if text.len() > max_len => {
                    malformed(&format!("it is longer than {max_len} bytes"))
                }
                Some(text) if !form(text) => malformed("it is empty, or has characters that are not allowed"),
                None if unreadable(member) => malformed("it is not a string"),
                Some(_) | None => Ok(value.clone()),
            }
        };
        let required = |member: &'static str, value: &Option<String>, form: Form, max_len: usize| {
            optional(member, value, form, max_len)?.ok_or(EnvelopeRefused::Missing { member })
        };
        let word = |member: &'static str, value: &Option<String>, max_len: usize| {
            required(member, value, is_word, max_len)
        };
        let kind = word("Type", &members.kind, 64)?;
        let confirmation = || {
            Ok(Confirmation {
                token: word("Token", &members.token, 1_024)?,
                subscribe_url: word("SubscribeURL", &members.subscribe_url, 2_048)?,
            })
        };
        let kind = match kind.as_str() {
            "Notification" => {
                EnvelopeKind::Notification { subject: optional("Subject", &members.subject, is_line, 512)? }
            }
            "SubscriptionConfirmation" => EnvelopeKind::SubscriptionConfirmation(confirmation()?),
            "UnsubscribeConfirmation" => EnvelopeKind::UnsubscribeConfirmation(confirmation()?),
            _ => {
                let why = "it is not one of Notification, SubscriptionConfirmation, UnsubscribeConfirmation";
                return Err(EnvelopeRefused::malformed("Type", why));
            }
        };
        let timestamp = word("Timestamp", &members.timestamp, 32)?;
        let timestamp = EnvelopeTimestamp::parse(&timestamp).ok_or_else(|| {
            EnvelopeRefused::malformed(
                "Timestamp",
                "it is not a UTC instant such as 2026-11-23T15:47:00.000Z",
            )
        })?;
        let version = word("SignatureVersion", &members.signature_version, 16)?;
        let version = SignatureVersion::ALL.into_iter().find(|known| known.as_str() == version);
        let signature_version =
            version.ok_or_else(|| EnvelopeRefused::malformed("SignatureVersion", "it is not one of 1, 2"))?;
        // 1,368 characters of Base64 are a signature of 8192 bits.
        let signature = word("Signature", &members.signature, 1_368)?;
        let signature = from_base64(signature.as_bytes())
            .ok_or_else(|| EnvelopeRefused::malformed("Signature", "it is not Base64"))?;
        Ok(Self {
            kind,
            message_id: word("MessageId", &members.message_id, 128)?,
            topic_arn: word("TopicArn", &members.topic_arn, 512)?,
            message: required("Message", &members.message, |_| true, 16_384)?,
            timestamp,
            signature_version,
            signature,
            signing_cert_url: word("SigningCertURL", &members.signing_cert_url, 2_048)?,
            unsubscribe_url: optional("UnsubscribeURL", &members.unsubscribe_url, is_word, 2_048)?,
        })
    }

    /// The text that is signed. For each member that is present and that this type signs, in
    /// alphabetical order, it has the name and the value, each followed by a line feed.
    ///
    /// Only the message can contain line feeds, and the message comes first, so no two envelopes
    /// have the same text.
    #[must_use]
    pub fn string_to_sign(&self) -> String {
        let (subject, confirmation) = self.kind.parts();
        let signed = [
            ("Message", Some(self.message.as_str())),
            ("MessageId", Some(self.message_id.as_str())),
            ("Subject", subject.map(String::as_str)),
            ("SubscribeURL", confirmation.map(|confirmation| confirmation.subscribe_url.as_str())),
            ("Timestamp", Some(self.timestamp.as_str())),
            ("Token", confirmation.map(|confirmation| confirmation.token.as_str())),
            ("TopicArn", Some(self.topic_arn.as_str())),
            ("Type", Some(self.kind.as_str())),
        ];
        let mut text = String::with_capacity(self.message.len().saturating_add(512));
        for (name, value) in signed {
            if let Some(value) = value {
                text.extend([name, "\n", value, "\n"]);
            }
        }
        text
    }

    /// Proves that the certificate's key has signed the envelope, and that the certificate is valid now.
    ///
    /// The caller must check that the certificate is the one of the envelope's URL, and that this URL can be
    /// trusted.
    ///
    /// # Errors
    /// [`SignatureRefused`], which says what is wrong with the certificate or the signature.
    pub fn verify(
        self,
        certificate: &Certificate,
        now: Timestamp,
    ) -> Result<VerifiedEnvelope, SignatureRefused> {
        if now < certificate.not_before() {
            return Err(SignatureRefused::CertificateNotYetValid { from: certificate.not_before() });
        }
        if now > certificate.not_after() {
            return Err(SignatureRefused::CertificateExpired { until: certificate.not_after() });
        }
        let text = self.string_to_sign();
        if !certificate.has_signed(text.as_bytes(), &self.signature, self.signature_version) {
            return Err(SignatureRefused::WrongSignature);
        }
        Ok(VerifiedEnvelope(self))
    }

    /// The envelope as JSON text, as it is delivered.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (subject, confirmation) = self.kind.parts();
        let members = Members {
            kind: Some(self.kind.as_str().to_owned()),
            message_id: Some(self.message_id.clone()),
            token: confirmation.map(|confirmation| confirmation.token.clone()),
            topic_arn: Some(self.topic_arn.clone()),
            subject: subject.cloned(),
            message: Some(self.message.clone()),
            subscribe_url: confirmation.map(|confirmation| confirmation.subscribe_url.clone()),
            timestamp: Some(self.timestamp.as_str().to_owned()),
            signature_version: Some(self.signature_version.as_str().to_owned()),
            signature: Some(base64(&self.signature)),
            signing_cert_url: Some(self.signing_cert_url.clone()),
            unsubscribe_url: self.unsubscribe_url.clone(),
            ..Members::default()
        };
        members.to_request()
    }
}

/// Prints neither the message nor the token.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("kind", &self.kind.as_str())
            .field("message_id", &self.message_id)
            .field("topic_arn", &self.topic_arn)
            .field("timestamp", &self.timestamp.as_str())
            .field("signature_version", &self.signature_version)
            .finish_non_exhaustive()
    }
}

/// The characters that a member's text may have. Only a message may have line breaks: see
/// [`Envelope::string_to_sign`].
type Form = fn(&str) -> bool;

/// Visible ASCII, not empty.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Anything but control characters.
fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// An envelope that its certificate's key has signed. Only [`Envelope::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEnvelope(Envelope);

impl VerifiedEnvelope {
    /// The envelope.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.0
    }

    /// The message of a notification; `None` for a confirmation, whose message is prose.
    ///
    /// # Errors
    /// [`MessageRefused`] if a notification's message is not one of Amazon Pay's.
    pub fn message(&self) -> Result<Option<Message>, MessageRefused> {
        match self.0.kind {
            EnvelopeKind::Notification { .. } => Message::parse(&self.0.message).map(Some),
            EnvelopeKind::SubscriptionConfirmation(_) | EnvelopeKind::UnsubscribeConfirmation(_) => Ok(None),
        }
    }
}
