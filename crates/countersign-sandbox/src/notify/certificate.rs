//! The sandbox's own signing keys and their certificates. The current key is made when the first notification
//! is signed. The certificate of an earlier key stays readable, because a notification that it signed may
//! still be on its way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::KeyPair as FastKey;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use countersign_protocol::notification::SignatureVersion;
use countersign_protocol::signing::sha256_hex;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256};
use rsa::PrivateKey;
use rsa::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use sha1::Sha1;

/// The key that tests sign with. It is public, and its text says so.
const THROW_AWAY: &str = include_str!("throw_away.pem");
/// The largest number of certificates that can be fetched, including the current one.
const MAX_KEPT: usize = 8;
/// How many hexadecimal digits of a certificate's hash are in its URL: as many as in Amazon's URLs.
const FINGERPRINT_LEN: usize = 32;

/// Where the signing key comes from. Whatever its source, it can be replaced by a new one on demand.
pub enum KeySource {
    /// A publicly known key: it takes no time to make.
    ThrowAway,
    /// A key that is made when it is first needed, and lost with the process.
    Made,
    /// The key in this place. If the place is empty, a key is made and put there.
    Kept(Arc<dyn CertificateStore>),
}

/// A place where a signing key with its certificate outlives the process, as one PEM text.
pub trait CertificateStore: Send + Sync + 'static {
    /// Reads the text that was put here last.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn take(&self) -> Result<Option<String>, String>;

    /// Keeps a text in place of the last one. The text contains a private key.
    ///
    /// # Errors
    /// Why it cannot be kept.
    fn put(&self, pem: &str) -> Result<(), String>;
}

/// A key with its certificate. It cannot be printed.
pub(crate) struct SigningKey {
    /// The key for version 1: aws-lc-rs makes no signature over SHA-1.
    sha1: PrivateKey,
    /// The same key for version 2, where aws-lc-rs signs several times as fast.
    sha256: FastKey,
    certificate: String,
    fingerprint: String,
}

impl SigningKey {
    /// Reads a private key and the certificate after it.
    fn read(pem: &str) -> Result<Self, String> {
        let key = from(pem, "-----BEGIN PRIVATE KEY-----").ok_or("it has no private key")?;
        let certificate = from(key, "-----BEGIN CERTIFICATE-----").ok_or("it has no certificate")?;
        let key = key.strip_suffix(certificate).unwrap_or(key);
        let unreadable = || "its private key cannot be read".to_owned();
        let sha1 = PrivateKey::from_pkcs8_pem(key).map_err(|_| unreadable())?;
        let der = sha1.to_pkcs8_der().map_err(|_| unreadable())?;
        let sha256 = FastKey::from_pkcs8(der.as_bytes()).map_err(|_| unreadable())?;
        let fingerprint = sha256_hex(certificate.as_bytes());
        let fingerprint = fingerprint.get(..FINGERPRINT_LEN).unwrap_or_default().to_owned();
        Ok(Self { sha1, sha256, certificate: certificate.to_owned(), fingerprint })
    }

    /// Makes a key of 2048 bits and signs its certificate with it. The certificate is valid at
    /// every instant, whatever a receiver's clock or the virtual clock shows.
    fn make() -> Result<String, rcgen::Error> {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256)?;
        let mut certificate = CertificateParams::default();
        certificate.distinguished_name = DistinguishedName::new();
        certificate.distinguished_name.push(DnType::CommonName, "Countersign sandbox notifications");
        let certificate = certificate.self_signed(&pair)?;
        Ok(format!("{}{}", pair.serialize_pem(), certificate.pem()))
    }

    /// Signs a text.
    pub(super) fn sign(&self, version: SignatureVersion, text: &str) -> Result<Vec<u8>, String> {
        match version {
            SignatureVersion::V1 => {
                self.sha1.pkcs1v15_sign::<Sha1>(text.as_bytes()).map_err(|error| error.to_string())
            }
            SignatureVersion::V2 => {
                let mut signature = vec![0; self.sha256.public_modulus_len()];
                let hash = digest(&SHA256, text.as_bytes());
                let signed = self.sha256.sign_digest(&RSA_PKCS1_SHA256, &hash, &mut signature);
                signed.map(|()| signature).map_err(|error| error.to_string())
            }
        }
    }

    /// The certificate's path at the sandbox's origin.
    pub(crate) fn path(&self) -> String {
        format!("{}{}{}", PATH.0, self.fingerprint, PATH.1)
    }
}

/// The parts of a certificate's path before and after its fingerprint.
const PATH: (&str, &str) = ("/SimpleNotificationService-", ".pem");

/// All keys that have signed since the start, the current one last.
pub(crate) struct Certificates {
    source: KeySource,
    keys: Mutex<VecDeque<Arc<SigningKey>>>,
}

impl Certificates {
    pub(super) fn new(source: KeySource) -> Self {
        Self { source, keys: Mutex::default() }
    }

    fn keys(&self) -> MutexGuard<'_, VecDeque<Arc<SigningKey>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current key. The first call makes it, which takes a tenth of a second.
    pub(crate) fn current(&self) -> Result<Arc<SigningKey>, String> {
        let mut keys = self.keys();
        if let Some(key) = keys.back() {
            return Ok(Arc::clone(key));
        }
        let kept = match &self.source {
            KeySource::ThrowAway => Some(THROW_AWAY.to_owned()),
            KeySource::Made => None,
            KeySource::Kept(shelf) => shelf.take()?,
        };
        let key = Arc::new(SigningKey::read(&kept.map_or_else(|| self.made(), Ok)?)?);
        keys.push_back(Arc::clone(&key));
        Ok(key)
    }

    /// Replaces the current key by a new one.
    pub(crate) fn rotate(&self) -> Result<Arc<SigningKey>, String> {
        // Loads a kept key first, so that its certificate stays readable. If it cannot be read, it is simply
        // replaced.
        let _ = self.current();
        let key = Arc::new(SigningKey::read(&self.made()?)?);
        let mut keys = self.keys();
        keys.push_back(Arc::clone(&key));
        while keys.len() > MAX_KEPT {
            keys.pop_front();
        }
        Ok(key)
    }

    /// Makes a key, and stores it if the source has a place for it.
    fn made(&self) -> Result<String, String> {
        let pem = SigningKey::make().map_err(|error| error.to_string())?;
        if let KeySource::Kept(shelf) = &self.source {
            shelf.put(&pem)?;
        }
        Ok(pem)
    }

    /// The certificate at a path, as PEM.
    pub(super) fn at(&self, path: &str) -> Option<String> {
        // Loads a kept key first, so that its certificate's URL is found after a restart.
        let _ = self.current().ok()?;
        let keys = self.keys();
        keys.iter().find(|key| key.path() == path).map(|key| key.certificate.clone())
    }

    /// Whether a path has the form of a certificate's.
    pub(super) fn is_path(path: &str) -> bool {
        path.strip_prefix(PATH.0).is_some_and(|rest| rest.ends_with(PATH.1))
    }
}

/// The part of a text that begins with a label.
fn from<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    text.get(text.find(label)?..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct MemoryStore(Mutex<Option<String>>);

    impl CertificateStore for MemoryStore {
        fn take(&self) -> Result<Option<String>, String> {
            Ok(self.0.lock().unwrap().clone())
        }

        fn put(&self, pem: &str) -> Result<(), String> {
            *self.0.lock().unwrap() = Some(pem.to_owned());
            Ok(())
        }
    }

    #[test]
    fn a_kept_key_is_made_once_and_found_by_the_next_start() {
        let drawer = Arc::new(MemoryStore::default());
        let start = || Certificates::new(KeySource::Kept(drawer.clone()));
        let first = start();
        assert_eq!(*drawer.0.lock().unwrap(), None, "nothing is made before it is needed");
        let path = first.current().unwrap().path();
        assert_eq!(first.current().unwrap().path(), path);
        assert_eq!(start().current().unwrap().path(), path);
        assert!(start().at(&path).unwrap().starts_with("-----BEGIN CERTIFICATE-----\n"));

        let renewed = first.rotate().unwrap().path();
        assert_ne!(renewed, path);
        assert_eq!(first.current().unwrap().path(), renewed);
        assert!(first.at(&path).is_some(), "what was signed before can still be verified");
        assert_eq!(start().current().unwrap().path(), renewed, "the next start signs with the new one");
        assert_eq!(start().at(&path), None);
    }

    #[test]
    fn a_text_on_the_shelf_that_is_not_a_key_is_reported_and_left_there() {
        for (text, told) in [
            ("", "it has no private key"),
            ("-----BEGIN PRIVATE KEY-----\n", "it has no certificate"),
            (
                "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n",
                "its private key cannot be read",
            ),
        ] {
            let drawer = Arc::new(MemoryStore(Mutex::new(Some(text.to_owned()))));
            let certificates = Certificates::new(KeySource::Kept(drawer.clone()));
            assert_eq!(certificates.current().err().as_deref(), Some(told));
            assert_eq!(drawer.0.lock().unwrap().as_deref(), Some(text));
        }
    }

    #[test]
    fn the_latest_of_many_certificates_stay_readable() {
        let certificates = Certificates::new(KeySource::ThrowAway);
        let first = certificates.current().unwrap().path();
        let mut latest = String::new();
        for _ in 0..MAX_KEPT {
            latest = certificates.rotate().unwrap().path();
        }
        assert_eq!(certificates.at(&first), None);
        assert!(certificates.at(&latest).is_some());
    }
}
