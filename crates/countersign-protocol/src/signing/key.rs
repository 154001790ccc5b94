//! The merchant's key pair: the private half that signs, the public half that verifies, and their
//! PEM texts. Reading files and environment variables is up to the caller.

use core::fmt;

use countersign_domain::with_texts;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rsa::{KeyPair, KeySize, RsaParameters};
use aws_lc_rs::signature::{KeyPair as _, ParsedPublicKey, RSA_PSS_2048_8192_SHA256};

use super::algorithm::Algorithm;
use super::encoding::{base64, from_base64};

/// The accepted modulus sizes, in bits: smaller keys are unsafe; Amazon Pay makes no larger ones,
/// and verifying with a stranger's larger key would be too expensive.
const BITS: core::ops::RangeInclusive<usize> = 2_048..=4_096;

with_texts! {
    /// Why a text is not a key that can be used.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    KeyRefused {
        /// There are no `-----BEGIN …-----` and `-----END …-----` lines around Base64 text.
        NotPem = "it is not a key in PEM form: no -----BEGIN …----- and -----END …----- lines";
        /// The key is encrypted.
        Encrypted = "the private key is encrypted: decrypt it first, for instance with openssl pkey";
        /// A private key is required, and this is a public key or a certificate.
        NotPrivate = "it is not a private key: its first line must be BEGIN PRIVATE KEY or BEGIN RSA \
                      PRIVATE KEY";
        /// A public key is required, and this is a private key or a certificate.
        NotPublic = "it is not a public key: its first line must be BEGIN PUBLIC KEY or BEGIN RSA PUBLIC \
                     KEY";
        /// It is not an RSA key, or it is damaged.
        NotRsa = "it is not an RSA key, or it is damaged";
        /// The modulus has fewer than 2048 or more than 4096 bits.
        WrongSize = "the RSA key must have 2048 to 4096 bits";
    }
}

impl From<KeyRejected> for KeyRefused {
    fn from(rejected: KeyRejected) -> Self {
        match rejected.description_() {
            "TooSmall" | "TooLarge" => Self::WrongSize,
            _ => Self::NotRsa,
        }
    }
}

/// The first PEM block of a text: its label and its content.
pub(crate) fn read_pem(pem: &str) -> Result<(&str, Vec<u8>), KeyRefused> {
    let (_, begun) = pem.split_once("-----BEGIN ").ok_or(KeyRefused::NotPem)?;
    let (label, begun) = begun.split_once("-----").ok_or(KeyRefused::NotPem)?;
    let (content, end) = begun.split_once("-----END ").ok_or(KeyRefused::NotPem)?;
    if !end.strip_prefix(label).is_some_and(|end| end.starts_with("-----")) {
        return Err(KeyRefused::NotPem);
    }
    if label.starts_with("ENCRYPTED") || content.contains("ENCRYPTED") {
        return Err(KeyRefused::Encrypted);
    }
    let content: Vec<u8> = content.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let der = from_base64(&content).ok_or(KeyRefused::NotPem)?;
    Ok((label, der))
}

fn write_pem(label: &str, der: &[u8]) -> String {
    let content = base64(der);
    let lines: Vec<_> = content.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// The merchant's private key. It cannot be printed.
pub struct MerchantKey(KeyPair);

/// A new key pair, in the forms in which it is stored.
pub struct GeneratedKey {
    /// The key itself.
    pub key: MerchantKey,
    /// The private key as PKCS#8 PEM; only for the merchant.
    pub private_pem: String,
    /// The public key as PEM, in the form that Amazon's Integration Central accepts.
    pub public_pem: String,
}

impl MerchantKey {
    /// Reads a private key from PEM text: PKCS#8 (`BEGIN PRIVATE KEY`) or PKCS#1 (`BEGIN RSA PRIVATE
    /// KEY`).
    ///
    /// # Errors
    /// [`KeyRefused`], which says in one line what the text is instead.
    pub fn from_pem(pem: &str) -> Result<Self, KeyRefused> {
        let (label, der) = read_pem(pem)?;
        let pair = match label {
            "PRIVATE KEY" => KeyPair::from_pkcs8(&der)?,
            "RSA PRIVATE KEY" => KeyPair::from_der(&der)?,
            other if other.ends_with("PRIVATE KEY") => return Err(KeyRefused::NotRsa),
            _ => return Err(KeyRefused::NotPrivate),
        };
        if BITS.contains(&pair.public_modulus_len().saturating_mul(8)) {
            Ok(Self(pair))
        } else {
            Err(KeyRefused::WrongSize)
        }
    }

    /// Makes a key pair of 2048 bits. The cryptography library draws its own randomness.
    ///
    /// # Errors
    /// [`KeyRefused::NotRsa`] if the system cannot provide randomness.
    pub fn generate() -> Result<GeneratedKey, KeyRefused> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyRefused::NotRsa)?;
        let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyRefused::NotRsa)?;
        let private_pem = write_pem("PRIVATE KEY", private.as_ref());
        let key = Self(pair);
        let public_pem = key.verifying_key()?.to_pem();
        Ok(GeneratedKey { key, private_pem, public_pem })
    }

    /// The public half.
    ///
    /// # Errors
    /// None for a key that was read or made here.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyRefused> {
        VerifyingKey::from_der(self.0.public_key().as_ref())
    }

    /// Signs a text: PSS over its SHA-256, with the algorithm's salt. Signing the same text twice
    /// gives two different signatures.
    pub(super) fn sign(&self, text: &[u8], algorithm: Algorithm) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        let hash = digest(&SHA256, text);
        self.0.sign_digest(algorithm.signing(), &hash, &mut signature).ok()?;
        Some(signature)
    }
}

impl fmt::Debug for MerchantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MerchantKey(…)")
    }
}

impl fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GeneratedKey(…)")
    }
}

/// The public half of a merchant's key, parsed. Keep it instead of parsing again: parsing costs a
/// tenth of a verification.
#[derive(Clone)]
pub struct VerifyingKey {
    pss: ParsedPublicKey,
    pss_v2: ParsedPublicKey,
}

impl VerifyingKey {
    /// Reads a public key from PEM text: `BEGIN PUBLIC KEY` or PKCS#1's `BEGIN RSA PUBLIC KEY`.
    ///
    /// # Errors
    /// [`KeyRefused`], which says in one line what the text is instead.
    pub fn from_pem(pem: &str) -> Result<Self, KeyRefused> {
        let (label, der) = read_pem(pem).map_err(|refused| {
            if refused == KeyRefused::Encrypted { KeyRefused::NotPublic } else { refused }
        })?;
        match label {
            "PUBLIC KEY" | "RSA PUBLIC KEY" => Self::from_der(&der),
            _ => Err(KeyRefused::NotPublic),
        }
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyRefused> {
        let pss = rsa_key(Algorithm::Pss.verifying(), der)?;
        Ok(Self { pss, pss_v2: rsa_key(Algorithm::PssV2.verifying(), der)? })
    }

    /// The key as PEM text, `BEGIN PUBLIC KEY`.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let der: Result<PublicKeyX509Der<'_>, _> = self.pss.as_der();
        der.map(|der| write_pem("PUBLIC KEY", der.as_ref())).unwrap_or_default()
    }

    /// Verifies with parameters other than the API's: for explanations only.
    pub(super) fn verifies_otherwise(
        &self,
        text: &[u8],
        signature: &[u8],
        parameters: &'static RsaParameters,
    ) -> bool {
        ParsedPublicKey::new(parameters, self.pss.as_ref())
            .is_ok_and(|key| key.verify_sig(text, signature).is_ok())
    }
}

/// Reads an RSA key whose modulus has an accepted size.
pub(crate) fn rsa_key(parameters: &'static RsaParameters, der: &[u8]) -> Result<ParsedPublicKey, KeyRefused> {
    let key = ParsedPublicKey::new(parameters, der)?;
    let der: PublicKeyX509Der<'_> = key.as_der().map_err(|_| KeyRefused::NotRsa)?;
    let public = aws_lc_rs::rsa::PublicKey::from_der(der.as_ref())?;
    let bits = RsaParameters::public_modulus_len(public.as_ref()).map_err(|_| KeyRefused::NotRsa)?;
    if usize::try_from(bits).is_ok_and(|bits| BITS.contains(&bits)) {
        Ok(key)
    } else {
        Err(KeyRefused::WrongSize)
    }
}

/// The public half of a merchant's key, as a server uses it: a [`VerifyingKey`], or its replacement in a
/// simulation, where signing would cost more than everything else.
pub trait VerifySignature: Send + Sync + 'static {
    /// Whether this is the signature of a text, with exactly the algorithm's salt length.
    fn verifies(&self, text: &[u8], signature: &[u8], algorithm: Algorithm) -> bool;
}

impl VerifySignature for VerifyingKey {
    fn verifies(&self, text: &[u8], signature: &[u8], algorithm: Algorithm) -> bool {
        let key = match algorithm {
            Algorithm::Pss => &self.pss,
            Algorithm::PssV2 => &self.pss_v2,
        };
        key.verify_sig(text, signature).is_ok()
    }
}

/// The signature parameters of a common mistake: the longest salt that the key allows.
pub(super) const LONGEST_SALT: RsaParameters =
    RSA_PSS_2048_8192_SHA256.with_pss_salt_length(aws_lc_rs::rsa::RsaPssSaltLength::Max);

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey(…)")
    }
}
