//! The merchant of a sandbox that was started without one: its key is made on first use, and later starts
//! find it again.

use std::path::Path;

use countersign_domain::ids::PublicKeyId;
use countersign_protocol::signing::{MerchantKey, VerifyingKey, sha256_hex};

use crate::failure::{CommandResult, Failure};
use crate::key_files;

/// A merchant that the sandbox has made.
pub(super) struct NewMerchant {
    pub(super) public_key_id: PublicKeyId,
    pub(super) key: VerifyingKey,
    /// The PEM text of a new key. It is not in a file yet: a start that fails must not leave a key
    /// behind.
    pub(super) unwritten: Option<String>,
}

/// Reads the private key, or makes one if there is no file. A file that contains no key is not
/// overwritten.
pub(super) fn find_or_make(path: &Path) -> CommandResult<NewMerchant> {
    let (private, unwritten) = if path.exists() {
        (key_files::read_private(path)?, None)
    } else {
        let made = MerchantKey::generate()
            .map_err(|refused| Failure::new(format_args!("no key could be created: {refused}")))?;
        (made.key, Some(made.private_pem))
    };
    let key = private.verifying_key()?;
    let hash = sha256_hex(key.to_pem().as_bytes()).to_ascii_uppercase();
    let text = format!("SANDBOX-A{}", hash.get(..13).unwrap_or_default());
    let public_key_id = PublicKeyId::parse(&text)?;
    Ok(NewMerchant { public_key_id, key, unwritten })
}
