//! The outbox: definitive facts, appended in the commit that proves them, read page by page by a shop that
//! polls, and leased by the sender of webhooks.

use std::time::Duration;

use countersign_domain::time::Timestamp;
/// A stored fact, with its sequence number and, if it is to be sent, its lease.
pub(crate) use countersign_store::contract::Message as KeptFact;
use countersign_store::contract::{Expect, Key, Lease, NewMessage, Release, Write};

use super::commit::PendingCommit;
use super::{Book, FactDelivery, StoreFailed, plain_write};
use crate::events::fact::{self, Fact};
pub(crate) use crate::events::fact::{body, sequence};
use crate::events::table::{Event, EventKind};
use crate::stored::webhook;

/// The largest number of facts on one page.
pub(crate) const PAGE: usize = countersign_store::contract::MAX_ROWS;

/// A page of facts, or that the cursor is not valid.
pub(crate) enum Facts {
    /// In order, each with its body.
    Page(Vec<KeptFact>),
    /// No fact has the id after which the page was to begin: the id is from a different store, or mistyped.
    NoSuchFact,
}

impl Book {
    /// The outbox's entry of a fact: due immediately if the shop has a webhook.
    pub(super) fn outgoing(&self, checkout_id: &str, fact: &Fact, at: Timestamp) -> NewMessage {
        let deliver_at = match self.outbox {
            FactDelivery::Sent => Some(at),
            FactDelivery::ReadOnly => None,
        };
        let subject = checkout_id.to_owned();
        NewMessage { topic: fact::TOPIC, subject, bytes: fact.encode(), deliver_at }
    }

    /// The facts after this sequence number, oldest first. A reader that continues after the last fact of a
    /// page misses none.
    pub(crate) async fn facts(&self, after: Option<u64>, limit: usize) -> Result<Facts, StoreFailed> {
        let behind = match after {
            None => 0,
            Some(sequence) => {
                if self.fact(sequence).await?.is_none() {
                    return Ok(Facts::NoSuchFact);
                }
                sequence
            }
        };
        Ok(Facts::Page(self.store.messages(fact::TOPIC, None, behind, limit.min(PAGE)).await?))
    }

    /// The fact with this sequence number, if there is one.
    pub(crate) async fn fact(&self, sequence: u64) -> Result<Option<KeptFact>, StoreFailed> {
        let found = self.store.messages(fact::TOPIC, None, sequence.saturating_sub(1), 1).await?;
        Ok(found.into_iter().next().filter(|message| message.sequence == sequence))
    }

    /// Records that a fact's webhook is not sent any more: its order needs a person. It may be recorded more than
    /// once.
    pub(crate) async fn give_up_webhook(&self, kept: &KeptFact) -> Result<(), StoreFailed> {
        let sequence = kept.sequence;
        let given_up = self.revise(&kept.subject, None, |revision| {
            let is_new = revision.missed.give_up(sequence);
            let event = || Event::with_word(EventKind::WebhookGivenUp, fact::id(sequence));
            revision.besides.extend(is_new.then(event));
            Ok::<_, StoreFailed>(is_new.then_some(()))
        });
        given_up.await.map(|_| ())
    }

    /// Records that a fact's webhook was delivered after all, if it had been given up.
    pub(crate) async fn deliver_webhook(&self, kept: &KeptFact) -> Result<(), StoreFailed> {
        let sequence = kept.sequence;
        let delivered = self.revise(&kept.subject, None, |revision| {
            let was_given_up = revision.missed.deliver(sequence);
            let event = || Event::with_word(EventKind::WebhookDelivered, fact::id(sequence));
            revision.besides.extend(was_given_up.then(event));
            Ok::<_, StoreFailed>(was_given_up.then_some(()))
        });
        delivered.await.map(|_| ())
    }

    /// When the first unsent fact may be sent, if there is one.
    pub(crate) async fn next_delivery(&self) -> Result<Option<Timestamp>, StoreFailed> {
        Ok(self.store.backlog(fact::TOPIC, 1).await?.next_at)
    }

    /// Leases facts that are due, for this time.
    pub(crate) async fn lease_facts(
        &self,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<KeptFact>, StoreFailed> {
        let now = self.clock.now();
        Ok(self.store.lease(Lease { topic: fact::TOPIC, now, until: now.plus(lease), limit }).await?)
    }

    /// Ends a lease: the fact is delivered or given up, or due again at `again_at`. Returns whether that was
    /// stored.
    pub(crate) async fn release_fact(&self, kept: &KeptFact, again_at: Option<Timestamp>) -> bool {
        let KeptFact { sequence, lease_count, .. } = *kept;
        let released = self.store.release(Release { sequence, lease_count, deliver_at: again_at }).await;
        released.map_err(StoreFailed::from).unwrap_or_else(|failed| {
            // The lease will run out, and the fact will be sent again under the same id.
            tracing::warn!(
                event_id = fact::id(sequence),
                %failed,
                "the result of a webhook could not be stored; the webhook will be sent again",
            );
            false
        })
    }

    /// Counts a failed send durably. Returns the number of failed sends, this one included. Leases are not
    /// counted: most leases of a fact that waits for an earlier one of its checkout end without a send.
    pub(crate) async fn count_failure(&self, kept: &KeptFact) -> Result<u32, StoreFailed> {
        let key = webhook_key(kept);
        let (_, failure_count) = self
            .commit(|| async {
                let found = self.document(&key).await?;
                let before = found.as_ref().map(|it| webhook::decode(it.format, &it.bytes)).transpose()?;
                let failure_count = before.unwrap_or(0).saturating_add(1);
                let write = plain_write(key.clone(), found.as_ref(), webhook::encode(&failure_count));
                let now = self.clock.now();
                Ok::<_, StoreFailed>(self.beside(vec![write], Vec::new(), failure_count, now))
            })
            .await?;
        Ok(failure_count)
    }

    /// Forgets how often a fact's webhook failed, after it was delivered or given up. A crash in between
    /// leaves a count that nobody reads.
    pub(crate) async fn forget_failures(&self, kept: &KeptFact) -> Result<(), StoreFailed> {
        let key = webhook_key(kept);
        let forgotten = self.commit(|| async {
            let Some(document) = self.document(&key).await? else { return Ok(PendingCommit::nothing(())) };
            let expect = Expect::Version(document.version);
            let write = Write { key: key.clone(), expect, content: None };
            Ok::<_, StoreFailed>(self.beside(vec![write], Vec::new(), (), self.clock.now()))
        });
        forgotten.await.map(|_| ())
    }
}

fn webhook_key(kept: &KeptFact) -> Key {
    Key { collection: webhook::COLLECTION, id: fact::id(kept.sequence) }
}
