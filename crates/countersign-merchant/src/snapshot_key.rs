//! The keys that seal snapshots with AES-256-GCM: the first key seals, every key opens. The binary reads
//! their file; `book/snapshot` decides what is sealed.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_world::Entropy;

use crate::ids::hex;
use crate::secret_lines::{self, SecretLinesRefused};

/// The length of a key, in bytes.
const KEY_LEN: usize = 32;
/// At most this many keys: the current one, and those that it replaced.
const MAX_KEYS: usize = 32;

/// The current key, followed by those that sealed older snapshots.
#[derive(Clone)]
pub struct SnapshotKeys(Arc<[SnapshotKey]>);

struct SnapshotKey {
    /// The beginning of the key's SHA-256: identifies the key without revealing it.
    id: String,
    key: LessSafeKey,
}

impl fmt::Debug for SnapshotKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

/// A sealed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedSnapshot {
    pub(crate) key_id: String,
    pub(crate) nonce: [u8; NONCE_LEN],
    /// The ciphertext and its tag.
    pub(crate) bytes: Bytes,
}

/// Why a sealed text cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// None of the keys has its id: a key file was replaced instead of extended.
    KeyMissing,
    /// The key exists, but did not seal these bytes for this place.
    Altered,
}

impl SnapshotKeys {
    /// Reads keys, one per line, the current one first: 32 bytes in Base64. Empty lines are ignored.
    ///
    /// # Errors
    /// No key at all, more than 32, the same key twice, or a line that is not valid.
    pub fn parse(text: &str) -> Result<Self, SecretLinesRefused> {
        let keys = secret_lines::read(text, "key", MAX_KEYS, |line, before: &[SnapshotKey]| {
            let bytes = STANDARD.decode(line).ok().filter(|bytes| bytes.len() == KEY_LEN);
            let key = bytes.and_then(|bytes| SnapshotKey::new(&bytes));
            let key = key.ok_or_else(|| format!("not {KEY_LEN} bytes in Base64"))?;
            match before.iter().any(|known| known.id == key.id) {
                true => Err("the same key as an earlier line".to_owned()),
                false => Ok(key),
            }
        })?;
        Ok(Self(keys.into()))
    }

    /// A new random key, as a line of its file.
    #[must_use]
    pub fn draw(entropy: &dyn Entropy) -> String {
        let mut bytes = [0; KEY_LEN];
        entropy.fill(&mut bytes);
        STANDARD.encode(bytes)
    }

    /// Seals a text for one place. If it is moved to another, it cannot be opened.
    pub(crate) fn seal(&self, entropy: &dyn Entropy, place: &str, text: Vec<u8>) -> SealedSnapshot {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        // There is always a key, and no text reaches the cipher's limit.
        let [SnapshotKey { id, key }, ..] = &*self.0 else { unreachable!("there is at least one key") };
        let mut bytes = text;
        let sealed = key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.as_bytes()),
            &mut bytes,
        );
        sealed.unwrap_or_else(|_| unreachable!("a text below the cipher's limit is always sealed"));
        SealedSnapshot { key_id: id.clone(), nonce, bytes: bytes.into() }
    }

    /// Opens what was sealed for this place.
    pub(crate) fn open(&self, place: &str, sealed: &SealedSnapshot) -> Result<Vec<u8>, NotOpened> {
        let key = self.0.iter().find(|key| key.id == sealed.key_id).ok_or(NotOpened::KeyMissing)?;
        let mut bytes = sealed.bytes.to_vec();
        let nonce = Nonce::assume_unique_for_key(sealed.nonce);
        let opened = key.key.open_in_place(nonce, Aad::from(place.as_bytes()), &mut bytes);
        opened.map(|text| text.to_vec()).map_err(|_| NotOpened::Altered)
    }
}

impl SnapshotKey {
    fn new(bytes: &[u8]) -> Option<Self> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).ok()?);
        Some(Self { id: hex(digest(&SHA256, bytes).as_ref().get(..4)?), key })
    }
}

#[cfg(test)]
mod tests {
    use countersign_world::fake::ConstantEntropy;

    use super::*;

    const FIXED: ConstantEntropy = ConstantEntropy(9);

    fn line(byte: u8) -> String {
        STANDARD.encode([byte; KEY_LEN])
    }

    fn keys(bytes: &[u8]) -> SnapshotKeys {
        let lines: Vec<_> = bytes.iter().copied().map(line).collect();
        SnapshotKeys::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_by_its_key_in_its_place_only() {
        let sealed = keys(&[1]).seal(&FIXED, "c1", b"text".to_vec());
        assert!(!sealed.bytes.windows(4).any(|four| four == b"text"));
        assert_eq!(keys(&[1]).open("c1", &sealed), Ok(b"text".to_vec()));
        assert_eq!(keys(&[2, 1]).open("c1", &sealed), Ok(b"text".to_vec()), "an older key still opens");
        assert_eq!(keys(&[2]).open("c1", &sealed), Err(NotOpened::KeyMissing));
        assert_eq!(keys(&[1]).open("c2", &sealed), Err(NotOpened::Altered));
    }

    #[test]
    fn every_changed_byte_is_refused() {
        let keys = keys(&[1]);
        let sealed = keys.seal(&FIXED, "c1", b"text".to_vec());
        for place in 0..sealed.bytes.len() {
            let mut altered = sealed.clone();
            let mut bytes = altered.bytes.to_vec();
            bytes[place] ^= 1;
            altered.bytes = bytes.into();
            assert_eq!(keys.open("c1", &altered), Err(NotOpened::Altered), "byte {place}");
        }
        for place in 0..NONCE_LEN {
            let mut altered = sealed.clone();
            altered.nonce[place] ^= 1;
            assert_eq!(keys.open("c1", &altered), Err(NotOpened::Altered), "nonce byte {place}");
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused_naming_its_line() {
        let many: Vec<_> = (0..33).map(line).collect();
        for (text, told) in [
            (String::new(), "it has no key"),
            (format!("{}\nsecret", line(1)), "line 2 is not 32 bytes in Base64"),
            (STANDARD.encode([1; 31]), "line 1 is not 32 bytes in Base64"),
            (format!("{}\n\n{}", line(1), line(1)), "line 3 is the same key as an earlier line"),
            (many.join("\n"), "it has more than 32 keys"),
        ] {
            assert_eq!(SnapshotKeys::parse(&text).unwrap_err().to_string(), told);
        }
        assert!(SnapshotKeys::parse(&SnapshotKeys::draw(&FIXED)).is_ok());
    }
}
