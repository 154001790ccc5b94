//! The engine without a disk: for the in-memory sandbox and for simulations. It is deterministic, and fast
//! because every call is one short critical section.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_domain::time::Timestamp;
use futures_util::future::BoxFuture;

use crate::contract::{
    Backlog, CHANGE_IDS_KEPT, ChangeId, ChangeSet, CommitError, Content, Document, DueTimer, Expect,
    IndexEntry, IndexRange, IndexRow, Key, Lease, Message, NewMessage, Release, Store, StoreError, Version,
};
use crate::limits;

/// A store in memory. Its content survives a simulated crash as long as the store is not dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    documents: HashMap<Key, StoredDocument>,
    timers: BTreeSet<(Timestamp, Key)>,
    /// Index, value, document id, collection.
    index: BTreeSet<(&'static str, String, String, &'static str)>,
    messages: BTreeMap<u64, StoredMessage>,
    by_topic: BTreeSet<(&'static str, u64)>,
    by_subject: BTreeSet<(&'static str, String, u64)>,
    by_delivery: BTreeSet<(&'static str, Timestamp, u64)>,
    last_sequence: u64,
    /// The latest change ids, and those before them. There are two sets because forgetting a whole set is
    /// cheap.
    changes: [HashSet<ChangeId>; 2],
    watermark: Option<Timestamp>,
}

#[derive(Debug)]
struct StoredDocument {
    document: Document,
    due_at: Option<Timestamp>,
    index: Vec<IndexEntry>,
}

#[derive(Debug)]
struct StoredMessage {
    topic: &'static str,
    deliver_at: Option<Timestamp>,
    leased: bool,
    message: Message,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        // A panic elsewhere leaves only complete change sets behind: each is applied after all checks.
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn is_as_expected(&self, key: &Key, expect: Expect) -> bool {
        expect.allows(self.documents.get(key).map(|stored| stored.document.version))
    }

    fn commit(&mut self, change: ChangeSet) -> Result<(), CommitError> {
        let required = change.require.iter().map(|(key, expect)| (key, *expect));
        let written = change.write.iter().map(|write| (&write.key, write.expect));
        if !required.chain(written).all(|(key, expect)| self.is_as_expected(key, expect)) {
            return Err(CommitError::Conflict);
        }
        // Nothing below this line may fail.
        for write in change.write {
            self.put(write.key, write.content);
        }
        for message in change.append {
            self.append(message);
        }
        self.note_change(change.id, change.at);
        Ok(())
    }

    fn put(&mut self, key: Key, content: Option<Content>) {
        let version = match self.documents.remove(&key) {
            Some(old) => {
                if let Some(due_at) = old.due_at {
                    self.timers.remove(&(due_at, key.clone()));
                }
                for entry in old.index {
                    self.index.remove(&(entry.index, entry.value, key.id.clone(), key.collection));
                }
                Version(old.document.version.0.saturating_add(1))
            }
            None => Version(1),
        };
        let Some(Content { format, bytes, due_at, index }) = content else { return };
        if let Some(due_at) = due_at {
            self.timers.insert((due_at, key.clone()));
        }
        for entry in &index {
            self.index.insert((entry.index, entry.value.clone(), key.id.clone(), key.collection));
        }
        self.documents
            .insert(key, StoredDocument { document: Document { version, format, bytes }, due_at, index });
    }

    fn append(&mut self, message: NewMessage) {
        self.last_sequence = self.last_sequence.saturating_add(1);
        let sequence = self.last_sequence;
        let NewMessage { topic, subject, bytes, deliver_at } = message;
        self.by_topic.insert((topic, sequence));
        self.by_subject.insert((topic, subject.clone(), sequence));
        if let Some(deliver_at) = deliver_at {
            self.by_delivery.insert((topic, deliver_at, sequence));
        }
        let message = Message { sequence, subject, bytes, lease_count: 0 };
        self.messages.insert(sequence, StoredMessage { topic, deliver_at, leased: false, message });
    }

    fn note_change(&mut self, id: ChangeId, at: Timestamp) {
        self.watermark = self.watermark.max(Some(at));
        if self.changes[0].len() >= CHANGE_IDS_KEPT {
            self.changes.swap(0, 1);
            self.changes[0].clear();
        }
        self.changes[0].insert(id);
    }

    fn lease(&mut self, Lease { topic, now, until, limit }: Lease) -> Vec<Message> {
        let from = (topic, Timestamp::UNIX_EPOCH, 0);
        let to = (topic, now, u64::MAX);
        let due: Vec<_> = self.by_delivery.range(from..=to).take(limits::rows(limit)).copied().collect();
        let mut leased = Vec::with_capacity(due.len());
        for (_, deliver_at, sequence) in due {
            let Some(stored) = self.messages.get_mut(&sequence) else { continue };
            stored.leased = true;
            stored.deliver_at = Some(until);
            stored.message.lease_count = stored.message.lease_count.saturating_add(1);
            leased.push(stored.message.clone());
            self.by_delivery.remove(&(topic, deliver_at, sequence));
            self.by_delivery.insert((topic, until, sequence));
        }
        leased
    }

    fn release(&mut self, Release { sequence, lease_count, deliver_at }: Release) -> bool {
        let Some(stored) = self.messages.get_mut(&sequence) else { return false };
        if !stored.leased || stored.message.lease_count != lease_count {
            return false;
        }
        stored.leased = false;
        let topic = stored.topic;
        if let Some(leased_until) = std::mem::replace(&mut stored.deliver_at, deliver_at) {
            self.by_delivery.remove(&(topic, leased_until, sequence));
        }
        if let Some(deliver_at) = deliver_at {
            self.by_delivery.insert((topic, deliver_at, sequence));
        }
        true
    }

    fn backlog(&self, topic: &'static str, limit: usize) -> Backlog {
        let from = (topic, Timestamp::UNIX_EPOCH, 0);
        let mut waiting = self.by_delivery.range(from..).take_while(|(of, ..)| *of == topic).take(limit);
        let next_at = waiting.next().map(|(_, deliver_at, _)| *deliver_at);
        Backlog { count: waiting.count().saturating_add(usize::from(next_at.is_some())), next_at }
    }

    fn messages(&self, topic: &'static str, subject: Option<&str>, after: u64, limit: usize) -> Vec<Message> {
        let Some(first) = after.checked_add(1) else { return Vec::new() };
        let read = |sequence: u64| self.messages.get(&sequence).map(|stored| stored.message.clone());
        let limit = limits::rows(limit);
        match subject {
            Some(subject) => {
                let range = (topic, subject.to_owned(), first)..=(topic, subject.to_owned(), u64::MAX);
                self.by_subject
                    .range(range)
                    .take(limit)
                    .filter_map(|(_, _, sequence)| read(*sequence))
                    .collect()
            }
            None => {
                let range = (topic, first)..=(topic, u64::MAX);
                self.by_topic.range(range).take(limit).filter_map(|(_, sequence)| read(*sequence)).collect()
            }
        }
    }

    fn range(&self, range: &IndexRange) -> Vec<IndexRow> {
        let (value, id) = limits::behind(range);
        self.index
            .range((range.index, value.to_owned(), id.to_owned(), "")..)
            .skip_while(|(index, of, about, _)| {
                *index == range.index && (of.as_str(), about.as_str()) <= (value, id)
            })
            .take_while(|(index, value, ..)| *index == range.index && value.starts_with(&range.prefix))
            .take(limits::rows(range.limit))
            .map(|(_, value, id, collection)| IndexRow {
                value: value.clone(),
                key: Key { collection, id: id.clone() },
            })
            .collect()
    }
}

impl Store for MemoryStore {
    fn load<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Document>>, StoreError>> {
        Box::pin(async move {
            let contents = self.contents();
            let document = |key| contents.documents.get(key).map(|stored| stored.document.clone());
            Ok(keys.iter().map(document).collect())
        })
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            limits::check(&change)?;
            self.contents().commit(change)
        })
    }

    fn was_committed(&self, id: ChangeId) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.contents().changes.iter().any(|ids| ids.contains(&id))) })
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<DueTimer>, StoreError>> {
        Box::pin(async move {
            let contents = self.contents();
            let due = contents.timers.iter().take_while(|(due_at, _)| *due_at <= now);
            let timer = |(due_at, key): &(Timestamp, Key)| DueTimer { key: key.clone(), due_at: *due_at };
            Ok(due.take(limits::rows(limit)).map(timer).collect())
        })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move { Ok(self.contents().timers.first().map(|(due_at, _)| *due_at)) })
    }

    fn range(&self, range: IndexRange) -> BoxFuture<'_, Result<Vec<IndexRow>, StoreError>> {
        Box::pin(async move { Ok(self.contents().range(&range)) })
    }

    fn messages<'a>(
        &'a self,
        topic: &'static str,
        subject: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>> {
        Box::pin(async move { Ok(self.contents().messages(topic, subject, after, limit)) })
    }

    fn lease(&self, lease: Lease) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        Box::pin(async move { Ok(self.contents().lease(lease)) })
    }

    fn release(&self, release: Release) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(async move { Ok(self.contents().release(release)) })
    }

    fn backlog(&self, topic: &'static str, limit: usize) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        Box::pin(async move { Ok(self.contents().backlog(topic, limit)) })
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>> {
        Box::pin(async move { Ok(self.contents().watermark.unwrap_or(Timestamp::UNIX_EPOCH)) })
    }

    fn reset(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let mut contents = self.contents();
            *contents = Contents { last_sequence: contents.last_sequence, ..Contents::default() };
            Ok(())
        })
    }
}
