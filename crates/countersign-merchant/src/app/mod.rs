//! Load, decide, write: the only place that calls the store. Each function reads what it needs, asks
//! the domain for one decision, and commits it whole; no network call is made inside.

pub(crate) mod act;
mod capture_policy;
pub(crate) mod change;
pub(crate) mod complete;
pub(crate) mod fact;
mod fulfilment;
pub(crate) mod inbox;
pub(crate) mod key;
pub(crate) mod lookup;
pub(crate) mod open_work;
pub(crate) mod operation;
mod operator;
pub(crate) mod quote;
pub(crate) mod recovery;
pub(crate) mod registration;
pub(crate) mod snapshot;
pub(crate) mod survey;

use std::sync::Arc;

use countersign_client::notification::NotificationVerifier;
use countersign_domain::merchant::completion::CompletionRules;
use countersign_store::contract::Store;
pub(crate) use countersign_store::transact::StoreFailed;
use countersign_store::transact::{Decision, decide};

use crate::clock::DecisionClock;
use crate::entropy::Entropy;
use crate::gateway::amazon::Amazon;
use crate::gateway::quote_hook::QuoteHook;
use crate::gateway::webhook::Webhook;
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::snapshot_key::SnapshotKeys;
use crate::stored::Unreadable;

/// Everything that the merchant half works with.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) amazon: Amazon,
    pub(crate) clock: Arc<DecisionClock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: Settings,
    /// Where the shop is told of facts, if anywhere.
    pub(crate) webhook: Option<Webhook>,
    /// Where the shop is asked for quotes, if anywhere.
    pub(crate) quote_hook: Option<QuoteHook>,
    /// Whose notifications are believed.
    pub(crate) verifier: NotificationVerifier,
    pub(crate) snapshot_keys: SnapshotKeys,
    pub(crate) metrics: Metrics,
}

impl App {
    /// Runs a decision until it is committed. What the store did to it becomes the caller's error.
    pub(crate) async fn transact<T, E: From<StoreFailed>, F>(
        &self,
        decision: impl FnMut() -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<Decision<T>, E>>,
    {
        decide(&*self.store, decision).await
    }

    /// Whether the store answers.
    pub(crate) async fn store_answers(&self) -> Result<(), StoreFailed> {
        Ok(self.store.watermark().await.map(|_| ())?)
    }

    /// The rules as of now: local expiries are held while this machine's clock is in question.
    pub(crate) fn rules(&self) -> CompletionRules {
        CompletionRules {
            hold_expiries: self.amazon.clock_is_in_question(),
            capture_policy: self.settings.payments.capture_policy,
            capture_margin: self.settings.payments.capture_margin,
            refund_ceiling: self.settings.payments.refund_ceiling,
            ..self.settings.deadlines.rules()
        }
    }
}

impl From<Unreadable> for StoreFailed {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error.to_string())
    }
}
