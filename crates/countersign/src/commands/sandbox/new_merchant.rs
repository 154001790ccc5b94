//! The merchant of a sandbox that was given none: its key is made on first use, and found again by
//! later starts.

use std::path::Path;

use countersign_domain::ids::PublicKeyId;
use countersign_protocol::signing::{MerchantKey, VerifyingKey, sha256_hex};

use crate::failure::{Failure, Outcome};
use crate::key_files::{self, Readers};

/// A merchant that nobody gave.
pub(super) struct NewMerchant {
    pub(super) public_key_id: PublicKeyId,
    pub(super) key: VerifyingKey,
}

/// Reads the private key, or makes it where no file is. Whatever else is there is left as it is.
pub(super) fn find_or_make(path: &Path) -> Outcome<NewMerchant> {
    let private = if path.exists() {
        key_files::read_private(path)?
    } else {
        let made = MerchantKey::generate()
            .map_err(|refused| Failure::new(format_args!("no key can be made: {refused}")))?;
        key_files::write_new(path, &made.private_pem, Readers::Owner)?;
        made.key
    };
    let key = private.verifying_key().map_err(Failure::new)?;
    let hash = sha256_hex(key.to_pem().as_bytes()).to_ascii_uppercase();
    let text = format!("SANDBOX-A{}", hash.get(..13).unwrap_or_default());
    let public_key_id = PublicKeyId::parse(&text).map_err(Failure::new)?;
    Ok(NewMerchant { public_key_id, key })
}
