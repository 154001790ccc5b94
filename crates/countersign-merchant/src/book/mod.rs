//! The only caller of the store once the server has started: load, decide, write. Each function reads what it
//! needs, asks the domain for one decision, and commits it whole, without a network call. A checkout is written by
//! [`commit`](Book::commit) only, which applies everything that follows from a decision.

pub(crate) mod arrival;
mod capture_policy;
mod cart;
mod claims;
pub(crate) mod commit;
pub(crate) mod finalize_keys;
pub(crate) mod foreign_permission;
pub(crate) mod inbox;
mod indexes;
mod learned;
pub(crate) mod lookup;
pub(crate) mod open_work;
pub(crate) mod outbox;
pub(crate) mod quote;
pub(crate) mod register;
pub(crate) mod snapshot;
mod snapshot_document;
pub(crate) mod survey;
pub(crate) mod timers;
mod youngest;

use std::sync::Arc;

use bytes::Bytes;
use countersign_domain::merchant::rules::MerchantRules;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    ChangeId, ChangeSet, Content, Document, Expect, IndexRange, IndexRow, Key, Store, Write,
};
pub(crate) use countersign_store::transact::StoreFailed;
use countersign_world::Entropy;

use self::learned::FinalizeKeysCell;
use crate::clock::DecisionClock;
use crate::metrics::Metrics;
use crate::settings::Settings;
use crate::snapshot_key::SnapshotKeys;

/// The stored data, and what decisions about it depend on.
pub(crate) struct Book {
    store: Arc<dyn Store>,
    pub(crate) clock: Arc<DecisionClock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    snapshot_keys: SnapshotKeys,
    outbox: FactDelivery,
    prices: PriceSource,
    finalize_keys: FinalizeKeysCell,
}

/// Why a caller gets no outcome: a rule refused the decision, and nothing has changed; or the store failed,
/// and whether the decision was kept depends on the failure ([`StoreFailed`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DecisionError<R> {
    Refused(R),
    Store(StoreFailed),
}

impl<R> From<StoreFailed> for DecisionError<R> {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

/// How a fact reaches the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FactDelivery {
    /// It is sent to the shop, which can also read it.
    Sent,
    /// The shop can read it; it is not sent.
    ReadOnly,
}

/// What determines the amount of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PriceSource {
    /// The registered terms.
    Registered,
    /// The last quote.
    Quoted,
}

/// The parts of a book.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<DecisionClock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) settings: Settings,
    pub(crate) snapshot_keys: SnapshotKeys,
    pub(crate) outbox: FactDelivery,
    pub(crate) prices: PriceSource,
}

impl Book {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { store, clock, entropy, settings, snapshot_keys, outbox, prices } = parts;
        Self {
            store,
            clock,
            entropy,
            settings,
            metrics: Metrics::new(),
            snapshot_keys,
            outbox,
            prices,
            finalize_keys: FinalizeKeysCell::default(),
        }
    }

    /// Checks that the store answers.
    pub(crate) async fn store_answers(&self) -> Result<(), StoreFailed> {
        Ok(self.store.watermark().await.map(|_| ())?)
    }

    /// The rules as of now: local expiries are suspended while this machine's clock cannot be trusted.
    pub(crate) fn rules(&self) -> MerchantRules {
        MerchantRules {
            hold_expiries: self.clock.is_in_question(),
            finalize_keys: self.finalize_keys.keys(),
            ..self.settings.rules()
        }
    }

    /// A change set that writes and appends nothing yet.
    fn change_set(&self, at: Timestamp, write: Vec<Write>) -> ChangeSet {
        let mut id = [0; 16];
        self.entropy.fill(&mut id);
        ChangeSet { id: ChangeId(id), at, require: Vec::new(), write, append: Vec::new() }
    }

    async fn document(&self, key: &Key) -> Result<Option<Document>, StoreFailed> {
        Ok(self.store.load(std::slice::from_ref(key)).await?.into_iter().next().flatten())
    }

    /// The next page of a walk over an index.
    async fn page(&self, walk: &mut Walk, limit: usize) -> Result<Vec<IndexRow>, StoreFailed> {
        if walk.is_over {
            return Ok(Vec::new());
        }
        let Walk { index, prefix, after, .. } = walk;
        let range = IndexRange { index, prefix: prefix.clone(), after: after.take(), limit };
        let rows = self.store.range(range).await?;
        walk.is_over = rows.len() < limit;
        walk.after = rows.last().map(|row| (row.value.clone(), row.key.id.clone()));
        Ok(rows)
    }
}

/// The write of a document without a timer and without index entries, replacing what was found there.
fn plain_write(key: Key, found: Option<&Document>, (format, bytes): (u16, Bytes)) -> Write {
    let expect = found.map_or(Expect::Absent, |found| Expect::Version(found.version));
    Write { key, expect, content: Some(Content { format, bytes, due_at: None, index: Vec::new() }) }
}

/// A walk over the rows of an index, page by page.
pub(crate) struct Walk {
    index: &'static str,
    prefix: String,
    after: Option<(String, String)>,
    is_over: bool,
}

impl Walk {
    fn over(index: &'static str, prefix: impl Into<String>) -> Self {
        Self { index, prefix: prefix.into(), after: None, is_over: false }
    }
}
