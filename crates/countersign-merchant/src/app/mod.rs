//! Load, decide, write: the only place that calls the store. Each function reads what it needs, asks
//! the domain for one decision, and commits it whole; no network call is made inside.

pub(crate) mod act;
pub(crate) mod amazon;
pub(crate) mod change;
pub(crate) mod complete;
pub(crate) mod key;
pub(crate) mod lookup;
mod operator;
#[cfg(feature = "planted-bugs")]
pub(crate) mod planted;
pub(crate) mod recovery;
pub(crate) mod registration;
pub(crate) mod snapshot;

use std::sync::Arc;

use countersign_domain::merchant::completion::CompletionRules;
use countersign_store::contract::{Store, StoreError};
use countersign_store::transact::{Decision, TransactError, transact};

use crate::clock::DecisionClock;
use crate::entropy::Entropy;
use crate::settings::Settings;
use crate::stored::Unreadable;
use amazon::Amazon;

/// How often a decision that lost a race is made again before the caller is told to come back.
const DECISIONS: usize = 100;

/// Everything that the merchant half works with.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) amazon: Amazon,
    pub(crate) clock: Arc<DecisionClock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: Settings,
    #[cfg(feature = "planted-bugs")]
    pub(crate) planted: Option<countersign_domain::merchant::completion::PlantedBug>,
    #[cfg(feature = "planted-bugs")]
    pub(crate) shown_first: planted::ShownFirst,
}

impl App {
    /// Runs a decision until it is committed. What the store did to it becomes the caller's error.
    pub(crate) async fn transact<T, E: From<StoreFailed>, F>(&self, decide: impl FnMut() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<Decision<T>, E>>,
    {
        transact(&*self.store, DECISIONS, decide).await.map_err(|error| match error {
            TransactError::Refused(refused) => refused,
            TransactError::Contended => StoreFailed::Unavailable("too many write the same".to_owned()).into(),
            TransactError::Indeterminate(why) => StoreFailed::Indeterminate(why).into(),
            TransactError::Unavailable(why) | TransactError::Invalid(why) => {
                StoreFailed::Unavailable(why).into()
            }
        })
    }

    /// Whether the store answers.
    pub(crate) async fn store_answers(&self) -> Result<(), StoreFailed> {
        Ok(self.store.watermark().await.map(|_| ())?)
    }

    /// The rules as of now: local expiries are held while this machine's clock is in question.
    pub(crate) fn rules(&self) -> CompletionRules {
        CompletionRules {
            hold_expiries: self.amazon.clock_is_in_question(),
            #[cfg(feature = "planted-bugs")]
            planted: self.planted,
            ..self.settings.deadlines.rules()
        }
    }
}

/// Why the store let a caller down. Nothing here says that money has not moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreFailed {
    /// It cannot be reached, is full, or too many others write the same: come back.
    Unavailable(String),
    /// It may or may not have kept what was written.
    Indeterminate(String),
    /// What it holds cannot be read.
    Unreadable(String),
}

impl core::fmt::Display for StoreFailed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the store is unavailable: {why}"),
            Self::Indeterminate(why) => write!(f, "the store's answer was lost: {why}"),
            Self::Unreadable(why) => f.write_str(why),
        }
    }
}

impl From<StoreError> for StoreFailed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::Unavailable(why),
            StoreError::Corrupt(why) => Self::Unreadable(why),
        }
    }
}

impl From<Unreadable> for StoreFailed {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error.to_string())
    }
}
