//! The merchant half: the server that a shop deploys to verify and complete Amazon Pay checkouts.
//!
//! The shop registers an order with its terms, the buyer pays on Amazon's page, and [`Merchant`] checks the
//! session against the terms, calls Finalize Checkout Session once, stores Amazon's ids before it reports
//! success, and resolves every attempt that is in doubt. It reaches Amazon only through `countersign-client`
//! and its data only through `countersign-store`.
//!
//! `http/` serves the shop and browsers, `book/` loads, decides and writes, `drive/` takes the next steps,
//! `gateway/` has everything that leaves the process, `stored/` the form on disk, `pages/` what a buyer sees. The
//! rules are in `countersign_domain::merchant`.

mod book;
mod clock;
pub mod credentials;
mod drive;
mod events;
mod explain;
mod gateway;
mod http;
mod ids;
mod in_hand;
mod metrics;
mod pages;
mod registration;
mod secret;
pub mod secret_lines;
pub mod settings;
pub mod snapshot_key;
mod stored;
mod watch;

pub use gateway::{quote_hook, webhook};

use std::fmt;
use std::sync::Arc;

use countersign_client::{Client, Transport};
use countersign_http::{Handler, IncompleteRequest, Reply, Request, Response};
use countersign_store::contract::Store;
use countersign_world::{Clock, Entropy};
use futures_util::future::{BoxFuture, join3};

use book::{Book, FactDelivery, PriceSource, StoreFailed};
use clock::DecisionClock;
use drive::App;
use drive::charge_looks::ChargeLooks;
use gateway::amazon::Amazon;
use gateway::quote_hook::QuoteHook;
use gateway::webhook::Webhook;
use settings::{QuoteTable, Settings};
use snapshot_key::SnapshotKeys;

/// The parts of the merchant half. A simulation replaces every one.
pub struct Parts {
    /// Stores the checkouts.
    pub store: Arc<dyn Store>,
    /// Calls Amazon.
    pub client: Client,
    /// Shows the time, and sleeps.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and tokens.
    pub entropy: Arc<dyn Entropy>,
    /// The operator's settings.
    pub settings: Settings,
    /// The endpoint at which the shop is notified of facts; without one, the shop must ask for them.
    pub webhook: Option<Webhook>,
    /// The hook by which the shop is asked for quotes; without one, the table in the settings makes them.
    pub quote_hook: Option<QuoteHook>,
    /// Fetches the certificates of Amazon's notifications; `None` uses the real network. It must not follow
    /// redirects.
    pub certificate_transport: Option<Arc<dyn Transport>>,
    /// The keys that seal the snapshots of buyers' and transactions' data.
    pub snapshot_keys: SnapshotKeys,
}

/// The merchant half, ready to answer.
pub struct Merchant {
    server: http::Server,
    webhook: Option<Webhook>,
}

/// The merchant half cannot start: the store cannot be read, or the parts contradict one another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFailed(String);

impl fmt::Display for StartFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartFailed {}

impl Merchant {
    /// Starts from what the store holds, and takes over every call that an earlier process had sent. No other
    /// process may use the store.
    ///
    /// # Errors
    /// The store cannot be read, the client and the settings name different environments, or a setting is not
    /// valid.
    pub async fn start(parts: Parts) -> Result<Self, StartFailed> {
        if parts.client.environment() != parts.settings.environment {
            let why = "the settings and the client's key name different environments";
            return Err(StartFailed(why.to_owned()));
        }
        let verifier = parts.settings.notifications.verifier(&parts.settings.merchant_id);
        let verifier = verifier.map_err(|refused| StartFailed(format!("notifications: {refused}")))?;
        let verifier = verifier.clock(Arc::clone(&parts.clock) as _);
        let verifier = match parts.certificate_transport {
            Some(transport) => verifier.transport(transport),
            None => verifier,
        };
        let failed = |failed: StoreFailed| StartFailed(failed.to_string());
        let watermark = parts.store.watermark().await.map_err(|error| failed(error.into()))?;
        let clock = Arc::new(DecisionClock::starting_from(parts.clock, watermark));
        let outbox = if parts.webhook.is_some() { FactDelivery::Sent } else { FactDelivery::ReadOnly };
        let has_table = parts.settings.storefront.quote_table != QuoteTable::default();
        let is_quoted = parts.quote_hook.is_some() || has_table;
        let book = Arc::new(Book::new(book::Parts {
            store: parts.store,
            clock: Arc::clone(&clock),
            entropy: parts.entropy,
            settings: parts.settings,
            snapshot_keys: parts.snapshot_keys,
            outbox,
            prices: if is_quoted { PriceSource::Quoted } else { PriceSource::Registered },
        }));
        let app = Arc::new(App {
            book,
            amazon: Amazon::new(parts.client, clock),
            quote_hook: parts.quote_hook,
            webhook: parts.webhook.clone(),
            charge_looks: ChargeLooks::default(),
            verifier: verifier.build(),
        });
        app.load_finalize_keys(app.settings.environment).await.map_err(failed)?;
        // Before anything is sent: an id that two orders hold stops both.
        let claimed = app.claim_stored_ids().await.map_err(failed)?;
        if claimed > 0 {
            tracing::info!(claimed, "the ids of the orders of an earlier version were claimed");
        }
        let recovered = app.recover().await.map_err(failed)?;
        if recovered > 0 {
            tracing::warn!(recovered, "calls that an earlier process sent will be looked up");
        }
        let indexed = app.complete_indexes().await.map_err(failed)?;
        if indexed > 0 {
            tracing::info!(indexed, "the indexes of the orders of an earlier version were completed");
        }
        let adopted = app.adopt_capture_policy().await.map_err(failed)?;
        if adopted > 0 {
            tracing::warn!(
                adopted,
                "the capture policy has changed: the timers of charges already authorized were rescheduled"
            );
        }
        Ok(Self { server: http::Server { app }, webhook: parts.webhook })
    }

    /// The loops of the timers, the webhooks and the watch, to run next to the server for as long as it runs.
    /// Dropping them loses nothing.
    pub fn timers(&self) -> impl Future<Output = ()> + Send + 'static {
        let app = &self.server.app;
        let loops = join3(
            drive::runner::run(Arc::clone(app)),
            webhook::sender::run(Arc::clone(&app.book), self.webhook.clone()),
            watch::run(Arc::clone(&app.book)),
        );
        async {
            loops.await;
        }
    }
}

impl Handler for Merchant {
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply> {
        self.server.handle(request)
    }

    fn refuse(&self, head: &::http::request::Parts, unreadable: IncompleteRequest) -> Response {
        self.server.refuse(head, unreadable)
    }
}
