//! `countersign serve`: the merchant half on a real socket, a real clock and a real store.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use countersign_client::{Client, Deadlines as ClientDeadlines, KeySigner, RetryPolicy};
use countersign_http::{Limits, serve_with_timers};
use countersign_merchant::credentials::{Credentials, MIN_TOKEN_LEN};
use countersign_merchant::quote_hook::QuoteHook;
use countersign_merchant::settings::Settings;
use countersign_merchant::snapshot_key::SnapshotKeys;
use countersign_merchant::webhook::{SigningSecrets, Webhook};
use countersign_merchant::{Merchant, Parts};
use countersign_store::contract::Store;
use countersign_store::memory::MemoryStore;
use countersign_store::sqlite::SqliteStore;
use countersign_world::{SystemClock, SystemEntropy};

use crate::config::{Config, GivenValues, StorePlace, warn_of_unknown};
use crate::failure::{CommandResult, Failure, about};
use crate::key_files::{self, Readers};
use crate::server;
use crate::signals;

/// Run the merchant's half: the service that a shop deploys to complete its checkouts.
///
/// The shop registers an order with its terms, the buyer pays on Amazon's page, and this service checks
/// the session against the terms, finalizes it, and stores Amazon's ids before it reports success.
#[derive(Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,
    #[command(flatten)]
    given: GivenValues,
}

const EXAMPLE: &str = r#"countersign.toml:
  listen = "127.0.0.1:8080"
  store = "sqlite:countersign.db"

  [amazon]
  endpoint = "http://127.0.0.1:8100"        # only for a sandbox of your own
  region = "na"
  merchant_id = "A1B2C3D4E5F6G7"
  store_id = "amzn1.application-oa2-client.0123456789abcdef0123456789abcdef"
  public_key_id = "SANDBOX-MYSHOP"
  private_key_file = "merchant.pem"

  [shop]
  name = "My shop"
  token_file = "shop-token"                  # a random word, at least 16 characters

Then:
  head -c 24 /dev/urandom | base64 > shop-token
  countersign serve --config countersign.toml
  curl http://127.0.0.1:8080/healthz

Paths are relative to the directory that the command runs in. A flag overrides an environment
variable, which overrides the file."#;

impl Serve {
    pub(crate) fn run(self) -> CommandResult {
        warn_of_unknown();
        let config = Config::read(self.config, self.given)?;
        let key = about("amazon.private_key_file", key_files::read_private(&config.amazon.private_key_file))?;
        let credentials = credentials(&config)?;
        let secrets = |file: &PathBuf| {
            about("shop.webhook_secret_file", key_files::read_as(file, SigningSecrets::parse))
        };
        let secrets = config.shop.webhook_secret_file.as_ref().map(secrets).transpose()?;
        server::block_on(async move {
            let end = signals::wish_to_end()?;
            let client = client(&config, key)?;
            let quotes = config.shop.quote_url.clone().zip(secrets.clone());
            let facts = config.shop.webhook_url.clone().zip(secrets);
            let store = open_store(&config.store)?;
            // Called after the store was opened: only the process that has opened a store may make
            // a key for it.
            let snapshot_keys = snapshot_keys(&config)?;
            let (listener, address) = server::listen(&config.listen).await?;
            let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
            let parts = Parts {
                store,
                settings: Settings {
                    environment: client.environment(),
                    region: config.amazon.region,
                    merchant_id: config.amazon.merchant_id,
                    store_id: config.amazon.store_id,
                    public_key_id: config.amazon.public_key_id,
                    shop_name: config.shop.name,
                    credentials,
                    public_url,
                    deadlines: config.deadlines,
                    policy: config.policy,
                    notifications: config.notifications,
                    storefront: config.storefront,
                },
                webhook: facts.map(|(url, secrets)| Webhook::at(url, secrets)),
                quote_hook: quotes.map(|(url, secrets)| QuoteHook::at(url, secrets)),
                certificate_transport: None,
                snapshot_keys,
                client,
                clock: Arc::new(SystemClock),
                entropy: Arc::new(SystemEntropy),
            };
            let merchant = Merchant::start(parts).await?;
            let timers = merchant.timers();
            server::announce(address);
            serve_with_timers(listener, Arc::new(merchant), Limits::default(), timers, end).await;
            Ok(())
        })
    }
}

/// The tokens that open the API.
fn credentials(config: &Config) -> CommandResult<Credentials> {
    let mut credentials = Credentials::of_shop(&shop_token(config)?);
    if let Some(file) = &config.shop.tokens_file {
        let read = key_files::read_as(file, |text| credentials.and_shop_tokens(text));
        credentials = about("shop.tokens_file", read)?;
    }
    if let Some(file) = &config.operator_tokens_file {
        let read = key_files::read_as(file, |text| credentials.and_operator_tokens(text));
        credentials = about("operator.tokens_file", read)?;
    }
    Ok(credentials)
}

/// The shop's token. One that can be guessed is refused where Amazon moves money; against an endpoint of the
/// developer's own it is only warned of.
fn shop_token(config: &Config) -> CommandResult<String> {
    const KEY: &str = "shop.token_file";
    let file = &config.shop.token_file;
    let token = about(KEY, key_files::read_token(file))?;
    if token.len() >= MIN_TOKEN_LEN {
        return Ok(token);
    }
    let why = format!(
        "{KEY}: the token in {} has fewer than {MIN_TOKEN_LEN} characters and can be guessed: make one with \
         `head -c 24 /dev/urandom | base64`",
        file.display()
    );
    if config.amazon.endpoint.is_none() {
        return Err(Failure::new(why));
    }
    tracing::warn!("{why}; it is accepted only because amazon.endpoint is set");
    Ok(token)
}

/// The deadline of one try of a look-up at Amazon; [`LOOK_RETRY`] says how many times in a row it
/// is tried. All tries end well within an attempt's lease (30 s at least), so that an attempt is
/// not taken over while its owner is still asking. The timers ask again later.
const LOOK_DEADLINE: Duration = Duration::from_secs(6);
const LOOK_RETRY: RetryPolicy = RetryPolicy {
    max_attempts: 3,
    first_pause: Duration::from_secs(1),
    longest_pause: Duration::from_secs(4),
    budget: Duration::from_secs(12),
};

/// The shortest lease of an attempt.
const LEAST_LEASE: Duration = Duration::from_secs(30);
// No try begins once the budget is used up.
const _: () = assert!(LOOK_RETRY.budget.as_secs() + LOOK_DEADLINE.as_secs() + 10 <= LEAST_LEASE.as_secs());

fn client(config: &Config, key: countersign_client::MerchantKey) -> CommandResult<Client> {
    let amazon = &config.amazon;
    let signer = KeySigner::new(amazon.public_key_id.clone(), key, amazon.algorithm);
    let mut builder = Client::builder(amazon.region, Arc::new(signer))
        .deadlines(ClientDeadlines {
            call: LOOK_DEADLINE,
            payment: config.deadlines.finalize,
            ..ClientDeadlines::default()
        })
        .retry(LOOK_RETRY);
    if let Some(environment) = amazon.environment {
        builder = builder.environment(environment);
    }
    if let Some(endpoint) = &amazon.endpoint {
        builder = builder.endpoint(endpoint.clone());
    }
    builder.build().map_err(|refused| Failure::new(format_args!("amazon.environment: {refused}")))
}

fn open_store(place: &StorePlace) -> CommandResult<Arc<dyn Store>> {
    match place {
        StorePlace::Sqlite(path) => Ok(Arc::new(SqliteStore::open(path)?)),
        StorePlace::Memory => {
            tracing::warn!("the store is in memory: every checkout will be lost when this process ends");
            Ok(Arc::new(MemoryStore::default()))
        }
    }
}

/// The environment variable with a key, for machines that keep their secrets in the environment.
/// There is no flag for it, because every user of a machine can read a process's flags.
const SNAPSHOT_KEY: &str = "COUNTERSIGN_SNAPSHOT_KEY";

/// The keys that seal snapshots. They come from the file that the configuration names, else from
/// the environment, else from a file next to the store, which is created if it does not exist.
fn snapshot_keys(config: &Config) -> CommandResult<SnapshotKeys> {
    let read = |path: &Path| key_files::read_as(path, SnapshotKeys::parse);
    if let Some(path) = &config.snapshot_key_file {
        return about("snapshot.key_file", read(path));
    }
    #[expect(clippy::disallowed_methods, reason = "this is the binary's own reader of a secret")]
    if let Ok(text) = std::env::var(SNAPSHOT_KEY) {
        let refuse = |refused| Failure::new(format_args!("{SNAPSHOT_KEY} cannot be used: {refused}"));
        return SnapshotKeys::parse(&text).map_err(refuse);
    }
    let drawn = SnapshotKeys::draw(&SystemEntropy);
    let store = match &config.store {
        StorePlace::Sqlite(store) => store,
        // The data that this key seals is lost with the process, so the key need not be kept.
        StorePlace::Memory => return SnapshotKeys::parse(&drawn).map_err(Failure::new),
    };
    let mut name = store.file_name().unwrap_or_default().to_owned();
    name.push(".snapshot-key");
    let path = store.with_file_name(name);
    if !path.exists() {
        key_files::write_new(&path, &format!("{drawn}\n"), Readers::Owner)?;
        tracing::warn!(
            path = %path.display(),
            "a new key for buyer data was created: keep a copy, because the data cannot be read without it"
        );
    }
    read(&path)
}
