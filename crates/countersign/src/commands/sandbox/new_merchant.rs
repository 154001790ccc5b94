//! The merchant of a sandbox that was given none: its key is made on first use, and found again by
//! later starts.

use std::path::Path;

use countersign_domain::ids::PublicKeyId;
use countersign_protocol::signing::{MerchantKey, VerifyingKey, sha256_hex};

use crate::failure::{CommandResult, Failure};
use crate::key_files;

/// A merchant that nobody gave.
pub(super) struct NewMerchant {
    pub(super) public_key_id: PublicKeyId,
    pub(super) key: VerifyingKey,
    /// The PEM of a key that was made and is in no file yet: a start that fails leaves none behind.
    pub(super) unwritten: Option<String>,
}

/// Reads the private key, or makes one where no file is. Whatever else is there is left as it is.
pub(super) fn find_or_make(path: &Path) -> CommandResult<NewMerchant> {
    let (private, unwritten) = if path.exists() {
        (key_files::read_private(path)?, None)
    } else {
        let made = MerchantKey::generate()
            .map_err(|refused| Failure::new(format_args!("no key can be made: {refused}")))?;
        (made.key, Some(made.private_pem))
    };
    let key = private.verifying_key()?;
    let hash = sha256_hex(key.to_pem().as_bytes()).to_ascii_uppercase();
    let text = format!("SANDBOX-A{}", hash.get(..13).unwrap_or_default());
    let public_key_id = PublicKeyId::parse(&text)?;
    Ok(NewMerchant { public_key_id, key, unwritten })
}
