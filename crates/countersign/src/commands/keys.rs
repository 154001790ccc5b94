//! `countersign keys`: a new key pair for a merchant.

use std::path::PathBuf;

use clap::Args;
use countersign_protocol::signing::MerchantKey;

use crate::failure::{CommandResult, Failure};
use crate::key_files::{self, Readers};
use crate::output::say;

/// Make a merchant's key pair.
///
/// RSA of 2048 bits: the private half as PKCS#8 PEM that only you can read, the public half as PEM.
/// Files that exist are never overwritten.
#[derive(Args)]
#[command(after_help = "\
Example:
  countersign keys
  countersign sandbox --public-key-id SANDBOX-MYSHOP --public-key merchant-public.pem

For Amazon itself: give the public half to Integration Central in Seller Central; it answers
with the public key id. The private half stays with the shop.")]
pub(crate) struct Keys {
    /// Where the private key goes
    #[arg(long, value_name = "FILE", default_value = "merchant.pem")]
    key_out: PathBuf,
    /// Where the public key goes
    #[arg(long, value_name = "FILE", default_value = "merchant-public.pem")]
    public_key_out: PathBuf,
}

impl Keys {
    pub(crate) fn run(self) -> CommandResult {
        let Self { key_out, public_key_out } = self;
        // Both paths are checked before anything is written: half a key pair is useless.
        for path in [&key_out, &public_key_out] {
            if path.exists() {
                return Err(key_files::exists(path));
            }
        }
        let pair = MerchantKey::generate()
            .map_err(|refused| Failure::new(format_args!("no key could be created: {refused}")))?;
        key_files::write_new(&key_out, &pair.private_pem, Readers::Owner)?;
        key_files::write_new(&public_key_out, &pair.public_pem, Readers::Everybody)?;
        say(format_args!("private key  {}  (keep it secret; it signs)", key_out.display()));
        say(format_args!("public key   {}  (give it away; it verifies)", public_key_out.display()));
        Ok(())
    }
}
