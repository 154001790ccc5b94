//! The outbox: definitive facts, appended with what proves them, read page by page by a shop that
//! polls, and leased by the webhooks' sender.

use std::slice;
use std::time::Duration;

use countersign_domain::time::Timestamp;
/// A fact as it is kept, with its place and, if it is to be sent, its lease.
pub(crate) use countersign_store::contract::Message as KeptFact;
use countersign_store::contract::{Content, Document, Expect, Key, NewMessage, Write};
use countersign_store::transact::Decision;

use super::registration::Registration;
use super::{App, StoreFailed};
use crate::stored::fact::{self, Fact};
pub(crate) use crate::stored::fact::{body, sequence};
use crate::stored::webhook;

/// The most facts that one read gives.
pub(crate) const PAGE: usize = countersign_store::contract::MAX_ROWS;

/// A page of facts, or the news that the cursor is none.
pub(crate) enum Facts {
    /// In order, each with its body.
    Page(Vec<KeptFact>),
    /// No fact has the id behind which the page was to begin: another store's, or a typing error.
    NoSuchFact,
}

impl App {
    /// The outbox's entry of a fact: to be sent at once if there is somebody to send it to.
    pub(crate) fn outgoing(&self, registration: &Registration, fact: &Fact, at: Timestamp) -> NewMessage {
        NewMessage {
            topic: fact::TOPIC,
            subject: registration.checkout.id.to_string(),
            bytes: fact.encode(),
            deliver_at: self.webhook.is_some().then_some(at),
        }
    }

    /// The facts behind one, oldest first. A reader who goes on from the last one misses none.
    pub(crate) async fn facts(&self, after: Option<u64>, limit: usize) -> Result<Facts, StoreFailed> {
        let behind = match after {
            None => 0,
            Some(sequence) => {
                let before = sequence.saturating_sub(1);
                let there = self.store.messages(fact::TOPIC, None, before, 1).await?;
                if there.first().is_none_or(|message| message.sequence != sequence) {
                    return Ok(Facts::NoSuchFact);
                }
                sequence
            }
        };
        Ok(Facts::Page(self.store.messages(fact::TOPIC, None, behind, limit.min(PAGE)).await?))
    }

    /// When the first fact that is to be sent may be, if there is one.
    pub(crate) async fn next_delivery(&self) -> Result<Option<Timestamp>, StoreFailed> {
        Ok(self.store.backlog(fact::TOPIC, 1).await?.next_at)
    }

    /// Takes facts to be sent, for so long.
    pub(crate) async fn lease_facts(
        &self,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<KeptFact>, StoreFailed> {
        let now = self.clock.now();
        Ok(self.store.lease(fact::TOPIC, now, now.plus(lease), limit).await?)
    }

    /// Ends a lease: delivered or given up, or due again. Whether that was kept.
    pub(crate) async fn release_fact(&self, kept: &KeptFact, again_at: Option<Timestamp>) -> bool {
        let released = self.store.release(kept.sequence, kept.lease_count, again_at).await;
        released.map_err(StoreFailed::from).unwrap_or_else(|failed| {
            // The lease runs out, and the fact is sent again under its id.
            tracing::warn!(event_id = fact::id(kept.sequence), %failed, "a webhook's fate was not kept");
            false
        })
    }

    /// Counts a send that has failed, durably: how many there were, this one included. A lease is no
    /// send: most leases of a fact that waits for an earlier one of its checkout end without one.
    pub(crate) async fn count_failure(&self, kept: &KeptFact) -> Result<u32, StoreFailed> {
        self.transact(|| async {
            let document = self.webhook_document(kept).await?;
            let (before, expect) = match &document {
                Some(document) => {
                    let before = webhook::decode(document.format, &document.bytes)?;
                    (before, Expect::Version(document.version))
                }
                None => (0, Expect::Absent),
            };
            let failure_count = before.saturating_add(1);
            let (format, bytes) = webhook::encode(failure_count);
            let content = Some(Content { format, bytes, due_at: None, index: Vec::new() });
            let mut change = self.change_set(self.clock.now());
            change.write = vec![Write { key: webhook_key(kept), expect, content }];
            Ok(Decision { change: Some(change), outcome: failure_count })
        })
        .await
    }

    /// Forgets how often a fact's webhook failed: it is delivered or given up, and that is kept. A crash
    /// in between leaves a count of nothing behind, which nobody reads.
    pub(crate) async fn forget_failures(&self, kept: &KeptFact) -> Result<(), StoreFailed> {
        self.transact(|| async {
            let change = self.webhook_document(kept).await?.map(|document| {
                let mut change = self.change_set(self.clock.now());
                let expect = Expect::Version(document.version);
                change.write = vec![Write { key: webhook_key(kept), expect, content: None }];
                change
            });
            Ok::<_, StoreFailed>(Decision { change, outcome: () })
        })
        .await
    }

    async fn webhook_document(&self, kept: &KeptFact) -> Result<Option<Document>, StoreFailed> {
        Ok(self.store.load(slice::from_ref(&webhook_key(kept))).await?.into_iter().next().flatten())
    }
}

fn webhook_key(kept: &KeptFact) -> Key {
    Key { collection: webhook::COLLECTION, id: fact::id(kept.sequence) }
}
