//! A store whose commits can be held up, as can one read, and that counts how often a document is read.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    Backlog, ChangeId, ChangeSet, CommitError, Document, DueTimer, IndexRange, IndexRow, Key, Message, Store,
    StoreError,
};
use countersign_store::memory::MemoryStore;
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

#[derive(Default)]
pub(crate) struct Gate {
    store: MemoryStore,
    closed: AtomicBool,
    opened: Notify,
    loaded: Mutex<Vec<String>>,
    held: Mutex<Option<String>>,
}

impl Gate {
    /// Holds up every commit from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Holds up the next read of the document of this id.
    pub(crate) fn hold_next_load_of(&self, id: &str) {
        *self.held.lock().unwrap() = Some(id.to_owned());
    }

    /// Lets those go on that are held up, and all that follow.
    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    /// How often the document of this id was read.
    pub(crate) fn times_loaded(&self, id: &str) -> usize {
        self.loaded.lock().unwrap().iter().filter(|loaded| *loaded == id).count()
    }
}

impl Store for Gate {
    fn load<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Document>>, StoreError>> {
        self.loaded.lock().unwrap().extend(keys.iter().map(|key| key.id.clone()));
        let is_held = |held: &mut String| keys.iter().any(|key| key.id == *held);
        if self.held.lock().unwrap().take_if(is_held).is_none() {
            return self.store.load(keys);
        }
        Box::pin(async {
            self.opened.notified().await;
            self.store.load(keys).await
        })
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            if self.closed.load(Ordering::SeqCst) {
                self.opened.notified().await;
            }
            self.store.commit(change).await
        })
    }

    fn was_committed(&self, id: ChangeId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.store.was_committed(id)
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<DueTimer>, StoreError>> {
        self.store.due(now, limit)
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.store.next_due()
    }

    fn range(&self, range: IndexRange) -> BoxFuture<'_, Result<Vec<IndexRow>, StoreError>> {
        self.store.range(range)
    }

    fn messages<'a>(
        &'a self,
        topic: &'static str,
        subject: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>> {
        self.store.messages(topic, subject, after, limit)
    }

    fn lease(
        &self,
        topic: &'static str,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.store.lease(topic, now, until, limit)
    }

    fn release(
        &self,
        sequence: u64,
        lease_count: u32,
        deliver_at: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.store.release(sequence, lease_count, deliver_at)
    }

    fn backlog(&self, topic: &'static str, limit: usize) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        self.store.backlog(topic, limit)
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>> {
        self.store.watermark()
    }

    fn reset(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.store.reset()
    }
}
