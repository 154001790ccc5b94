//! `countersign sandbox`: Amazon's half on a real socket, for anyone with an SDK and no account.

mod merchant_args;
mod new_merchant;
pub(crate) mod notifying;
mod starts;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use countersign_domain::provider::profile::Profile;
use countersign_http::{Limits, serve_with_timers};
use countersign_sandbox::ids::Ids;
use countersign_sandbox::merchants::{Merchants, account_of};
use countersign_sandbox::settings::{ControlToken, Flags, Settings};
use countersign_sandbox::{Parts, Sandbox as AmazonsHalf};
use countersign_store::contract::Store;
use countersign_store::memory::MemoryStore;
use countersign_store::sqlite::SqliteStore;
use countersign_world::{SystemClock, SystemEntropy};

use self::merchant_args::MerchantArgs;
use self::notifying::NotifyingArgs;
use super::parse;
use crate::failure::{CommandResult, Failure};
use crate::key_files::{self, Readers};
use crate::output::say;
use crate::server;
use crate::signals;

/// Run Amazon's half: an Amazon Pay that needs no account, no network and no database.
///
/// It speaks the API's protocol to any official SDK, and has a control API under /_sandbox that lets
/// buyers act, moves the clock and injects faults.
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Sandbox {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8100")]
    listen: String,
    /// Keep everything in memory: the default
    #[arg(long, conflicts_with = "data_dir")]
    in_memory: bool,
    /// Keep everything in this directory, across restarts and crashes
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Whose deadlines and limits are in force: sandbox or live
    #[arg(long, default_value = "sandbox", value_parser = parse::profile)]
    profile: Profile,
    /// The seed of all ids: the same seed draws the same ids
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    merchants: MerchantArgs,
    /// Where the private key goes if the sandbox makes a merchant [default: DATA/merchant.pem, or
    /// merchant.pem]. A key that is already there is used again
    #[arg(long, value_name = "FILE")]
    key_out: Option<PathBuf>,
    /// A file with the token that calls of the control API must show as `authorization: Bearer TOKEN`
    #[arg(long, value_name = "FILE")]
    control_token_file: Option<PathBuf>,
    #[command(flatten)]
    notifying: NotifyingArgs,
    /// Change a rule on which Amazon's documents are silent; repeatable
    #[arg(long = "set", value_name = "NAME=VALUE")]
    flags: Vec<String>,
}

const EXAMPLE: &str = r#"Examples:
  countersign sandbox
  countersign sandbox --data-dir amazon \
      --public-key-id SANDBOX-MYSHOP --public-key merchant-public.pem
  countersign sandbox --set address-match=exact --set finalize-replay=same-answer
  countersign sandbox --ipn-url http://127.0.0.1:8200/amazon/notifications

A buyer pays, and the session waits to be finalized:
  curl http://127.0.0.1:8100/_sandbox/checkout-sessions -d '{
    "productType": "PayAndShip", "placed": true,
    "paymentDetails": {"paymentIntent": "Authorize",
                       "chargeAmount": {"amount": "14.00", "currencyCode": "USD"}}}'

Then point your SDK at http://127.0.0.1:8100 instead of pay-api.amazon.com. The sandbox speaks plain
http for now: an SDK that insists on https needs a proxy in front of it.
`countersign sandbox --set help` lists the rules that can be set."#;

impl Sandbox {
    pub(crate) fn run(self) -> CommandResult {
        if self.flags.iter().any(|flag| flag == "help") {
            list_flags();
            return Ok(());
        }
        let settings = self.settings()?;
        if let Some(directory) = &self.data_dir {
            std::fs::create_dir_all(directory).map_err(|error| {
                Failure::new(format_args!("the directory {} cannot be used: {error}", directory.display()))
            })?;
        }
        let (merchants, unwritten) = self.merchants()?;
        server::block_on(async move {
            let end = signals::wish_to_end()?;
            let store = self.store()?;
            let (listener, address) = server::listen(&self.listen).await?;
            let start = self.starts_before()?;
            let facts = self.facts(address, &merchants);
            let parts = Parts {
                store,
                clock: Arc::new(SystemClock),
                ids: Ids::new(&SystemEntropy, self.seed, start),
                merchants,
                settings,
                notifications: self.notifying.notifications(address, self.data_dir.as_deref()),
            };
            let sandbox = AmazonsHalf::start(parts).await?;
            let timers = sandbox.timers();
            if let Some(pem) = unwritten {
                // If another process has written a key of its own meanwhile, this fails and
                // overwrites nothing.
                key_files::write_new(&self.key_file(), &pem, Readers::Owner)?;
            }
            server::announce(address);
            say(facts);
            serve_with_timers(listener, Arc::new(sandbox), Limits::default(), timers, end).await;
            Ok(())
        })
    }

    fn settings(&self) -> CommandResult<Settings> {
        let mut flags = Flags::default();
        for flag in &self.flags {
            let expected = || Failure::new(format_args!("--set {flag}: it must be NAME=VALUE"));
            let (name, word) = flag.split_once('=').ok_or_else(expected)?;
            flags
                .choose(name, word)
                .map_err(|refused| Failure::new(format_args!("--set {flag}: {refused}")))?;
        }
        let control_token = match &self.control_token_file {
            Some(file) => ControlToken::new(&key_files::read_token(file)?),
            None => None,
        };
        Ok(Settings { profile: self.profile, control_token, flags, ..Settings::default() })
    }

    /// The given merchants, or one that the sandbox makes; and the new merchant's private key, if
    /// that is not in a file yet.
    fn merchants(&self) -> CommandResult<(Merchants, Option<String>)> {
        let mut merchants = Merchants::default();
        for pair in &self.merchants.pairs {
            let key = key_files::read_public(&pair.public_key)?;
            let account = pair.merchant_id.clone().unwrap_or_else(|| account_of(&pair.public_key_id));
            merchants.register(account, pair.public_key_id.clone(), key)?;
        }
        if merchants.first().is_some() {
            if let Some(file) = &self.key_out {
                return Err(Failure::new(format_args!(
                    "--key-out {}: with --public-key no merchant is created, so there is no private key to \
                     write",
                    file.display()
                )));
            }
            return Ok((merchants, None));
        }
        let made = new_merchant::find_or_make(&self.key_file())?;
        let account = self.merchants.merchant_id.clone();
        let account = account.unwrap_or_else(|| account_of(&made.public_key_id));
        merchants.register(account, made.public_key_id, made.key)?;
        Ok((merchants, made.unwritten))
    }

    fn key_file(&self) -> PathBuf {
        let in_directory = || self.data_dir.as_deref().unwrap_or(Path::new("")).join("merchant.pem");
        self.key_out.clone().unwrap_or_else(in_directory)
    }

    /// The store. While it is open, no other process can use the directory.
    fn store(&self) -> CommandResult<Arc<dyn Store>> {
        let Some(directory) = &self.data_dir else { return Ok(Arc::new(MemoryStore::new())) };
        Ok(Arc::new(SqliteStore::open(&directory.join("sandbox.db"))?))
    }

    /// The number of earlier starts with a seed in this directory.
    fn starts_before(&self) -> CommandResult<u64> {
        match (&self.data_dir, self.seed) {
            (Some(directory), Some(_)) => starts::count(directory),
            (None, _) | (_, None) => Ok(0),
        }
    }

    /// What a caller needs for a first request.
    fn facts(&self, address: SocketAddr, merchants: &Merchants) -> String {
        let mut lines = Vec::new();
        for key in merchants.iter() {
            lines.push(format!("public key id  {}", key.public_key_id));
            lines.push(format!("merchant id    {}", key.merchant_id));
        }
        if self.merchants.pairs.is_empty() {
            lines.push(format!("private key    {}", self.key_file().display()));
        }
        lines.push(match &self.data_dir {
            Some(directory) => format!("kept in        {}", directory.display()),
            None => "kept in        memory: lost when the sandbox stops".to_owned(),
        });
        let authorization = match &self.control_token_file {
            Some(file) => format!(" -H \"authorization: Bearer $(cat {})\"", file.display()),
            None => String::new(),
        };
        lines.push(format!(
            r#"
A buyer pays, and the session waits to be finalized:
  curl http://{address}/_sandbox/checkout-sessions{authorization} -d '{{"productType": "PayAndShip", "placed": true,
    "paymentDetails": {{"paymentIntent": "Authorize", "chargeAmount": {{"amount": "14.00", "currencyCode": "USD"}}}}}}'
What has happened:
  curl http://{address}/_sandbox/events{authorization}"#
        ));
        lines.join("\n")
    }
}

fn list_flags() {
    for flag in Flags::WORDS {
        let (default, others) = flag.choices.split_first().unwrap_or((&"", &[]));
        say(format_args!("{}={default} (or {}): {}", flag.name, others.join(", "), flag.about));
    }
}
