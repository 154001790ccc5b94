//! The certificate of the key that signs envelopes. Only the RSA key and the dates are read.
//!
//! The chain of certificates above it is not documented and is not checked: the key counts as
//! Amazon's because of the host from which its certificate was fetched. So only a dozen fields are
//! read here, and the key itself is read by the cryptography library
//! (docs/adr/0009-certificates-by-hand.md).

use core::fmt;

use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
};
use countersign_domain::time::Timestamp;
use countersign_domain::with_texts;

use super::signature_version::SignatureVersion;
use crate::signing::{read_pem, rsa_key};

/// A certificate's RSA key, with the dates between which the certificate is valid.
pub struct Certificate {
    not_before: Timestamp,
    not_after: Timestamp,
    sha1: ParsedPublicKey,
    sha256: ParsedPublicKey,
}

with_texts! {
    /// Why a text is not a certificate that can be used.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    CertificateRefused {
        /// It is not PEM text with `BEGIN CERTIFICATE`.
        NotPem = "it is not a certificate in PEM form";
        /// The content is not an X.509 certificate.
        NotACertificate = "it is not an X.509 certificate";
        /// Its key is not an RSA key, or does not have 2048 to 4096 bits.
        NotRsa = "its key is not an RSA key of 2048 to 4096 bits";
    }
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// [`CertificateRefused`], which says why the text cannot be used.
    pub fn from_pem(pem: &str) -> Result<Self, CertificateRefused> {
        let (label, der) = read_pem(pem).map_err(|_| CertificateRefused::NotPem)?;
        if label != "CERTIFICATE" {
            return Err(CertificateRefused::NotPem);
        }
        let fields = Fields::read(&der).ok_or(CertificateRefused::NotACertificate)?;
        let key = |parameters| rsa_key(parameters, fields.key_info).map_err(|_| CertificateRefused::NotRsa);
        Ok(Self {
            not_before: fields.not_before,
            not_after: fields.not_after,
            sha1: key(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY)?,
            sha256: key(&RSA_PKCS1_2048_8192_SHA256)?,
        })
    }

    /// The first instant at which the certificate is valid.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// The last instant at which the certificate is valid.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether the certificate's key has signed a text: RSASSA-PKCS1-v1_5 over the version's
    /// digest. Signer and verifier must use the same version.
    pub(super) fn has_signed(&self, text: &[u8], signature: &[u8], version: SignatureVersion) -> bool {
        let key = match version {
            SignatureVersion::V1 => &self.sha1,
            SignatureVersion::V2 => &self.sha256,
        };
        key.verify_sig(text, signature).is_ok()
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("not_before", &self.not_before)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The certificate's version; version 1 omits it.
const VERSION: u8 = 0xa0;

/// The parts of a certificate that are needed (RFC 5280, section 4.1).
struct Fields<'a> {
    not_before: Timestamp,
    not_after: Timestamp,
    /// `SubjectPublicKeyInfo`, complete.
    key_info: &'a [u8],
}

impl<'a> Fields<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let mut file = Der(der);
        let mut certificate = Der(file.take(SEQUENCE)?);
        if !file.0.is_empty() {
            return None;
        }
        let mut body = Der(certificate.take(SEQUENCE)?);
        if body.0.first() == Some(&VERSION) {
            body.take(VERSION)?;
        }
        let _serial_number = body.take(INTEGER)?;
        let _algorithm = body.take(SEQUENCE)?;
        let _issuer = body.take(SEQUENCE)?;
        let mut validity = Der(body.take(SEQUENCE)?);
        let _subject = body.take(SEQUENCE)?;
        let from_key_info = body.0;
        body.take(SEQUENCE)?;
        let key_info = from_key_info.get(..from_key_info.len().checked_sub(body.0.len())?)?;
        Some(Self { not_before: validity.take_time()?, not_after: validity.take_time()?, key_info })
    }
}

/// The DER that is still to be read. Each element is read by naming the tag that must come next.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Reads the next element and returns its content.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_first()?;
        let (length, rest) = take_length(rest)?;
        let (content, rest) = rest.split_at_checked(length)?;
        if *first != tag {
            return None;
        }
        self.0 = rest;
        Some(content)
    }

    /// Reads a time. A two-digit year means 1950 to 2049.
    fn take_time(&mut self) -> Option<Timestamp> {
        let tag = *self.0.first()?;
        let text = core::str::from_utf8(self.take(tag)?).ok()?;
        let century = match (tag, text.as_bytes().first()?) {
            (UTC_TIME, b'0'..=b'4') => "20",
            (UTC_TIME, _) => "19",
            (GENERALIZED_TIME, _) => "",
            _ => return None,
        };
        let text = format!("{century}{text}");
        let (day, time) = text.split_at_checked(8)?;
        Timestamp::parse(&format!("{day}T{time}")).ok()
    }
}

/// Reads a length in its shortest form, as DER requires. Up to three bytes are read, which is
/// enough for any real certificate.
fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let big_endian = |bytes: &[u8]| {
        bytes.iter().fold(0_usize, |sum, byte| sum.saturating_mul(256).saturating_add(usize::from(*byte)))
    };
    let (first, rest) = bytes.split_first()?;
    let (count, least) = match first {
        0x00..=0x7f => return Some((usize::from(*first), rest)),
        0x81 => (1, 0x80),
        0x82 => (2, 0x100),
        0x83 => (3, 0x1_0000),
        _ => return None,
    };
    let (length, rest) = rest.split_at_checked(count)?;
    let length = big_endian(length);
    (length >= least).then_some((length, rest))
}
