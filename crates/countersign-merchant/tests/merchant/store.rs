//! A real store that can be told to fail, and knows whether it is at work.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    Backlog, ChangeId, ChangeSet, CommitError, Document, DueTimer, IndexRange, IndexRow, Key, Message, Store,
    StoreError,
};
use futures_util::future::{BoxFuture, pending, ready};

pub(crate) struct WatchedStore {
    pub(crate) inner: Arc<dyn Store>,
    at_work: AtomicUsize,
    pub(crate) commits: AtomicUsize,
    /// Commits beyond this many are refused.
    pub(crate) commits_limit: AtomicUsize,
    /// Commits are refused.
    pub(crate) is_full: AtomicBool,
    /// Nothing is answered.
    pub(crate) is_away: AtomicBool,
    /// Commits are applied, and their answers are lost.
    pub(crate) loses_answers: AtomicBool,
    /// Leases do not end when they should.
    pub(crate) loses_releases: AtomicBool,
    /// Nobody learns whether a commit was applied.
    pub(crate) keeps_silent: AtomicBool,
    /// The process dies at a commit: after so many others, and whether that one is still applied.
    dies_at: Mutex<Option<(usize, bool)>>,
    is_dead: AtomicBool,
}

impl WatchedStore {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            at_work: AtomicUsize::new(0),
            commits: AtomicUsize::new(0),
            commits_limit: AtomicUsize::new(usize::MAX),
            is_full: AtomicBool::new(false),
            is_away: AtomicBool::new(false),
            loses_answers: AtomicBool::new(false),
            loses_releases: AtomicBool::new(false),
            keeps_silent: AtomicBool::new(false),
            dies_at: Mutex::new(None),
            is_dead: AtomicBool::new(false),
        })
    }

    /// The process dies at the n-th commit from now, before or after it is applied.
    pub(crate) fn dies_at(&self, n: usize, is_applied: bool) {
        let commits = self.commits.load(Ordering::SeqCst) + n;
        *self.dies_at.lock().unwrap() = Some((commits, is_applied));
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.at_work.load(Ordering::SeqCst) > 0
    }

    fn watched<'a, T: 'a>(&'a self, future: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        Box::pin(async move {
            let _working = Working::on(&self.at_work);
            future.await
        })
    }

    fn away(&self) -> Option<StoreError> {
        self.is_away.load(Ordering::SeqCst).then(|| StoreError::Unavailable("unplugged".to_owned()))
    }
}

struct Working<'a>(&'a AtomicUsize);

impl<'a> Working<'a> {
    fn on(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Store for WatchedStore {
    fn load<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Document>>, StoreError>> {
        match self.away() {
            Some(away) => Box::pin(ready(Err(away))),
            None => self.watched(self.inner.load(keys)),
        }
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        let is_at_limit = self.commits.load(Ordering::SeqCst) >= self.commits_limit.load(Ordering::SeqCst);
        if is_at_limit || self.is_full.load(Ordering::SeqCst) || self.is_away.load(Ordering::SeqCst) {
            return Box::pin(ready(Err(CommitError::Unavailable("full".to_owned()))));
        }
        let next = self.commits.load(Ordering::SeqCst) + 1;
        let death = self.dies_at.lock().unwrap().filter(|(at, _)| *at == next);
        let applied = self.watched(self.inner.commit(change));
        Box::pin(async move {
            if let Some((_, is_applied)) = death {
                if is_applied {
                    applied.await?;
                }
                self.is_dead.store(true, Ordering::SeqCst);
                return pending().await;
            }
            applied.await?;
            self.commits.fetch_add(1, Ordering::SeqCst);
            if self.loses_answers.load(Ordering::SeqCst) || self.keeps_silent.load(Ordering::SeqCst) {
                return Err(CommitError::Indeterminate("lost".to_owned()));
            }
            Ok(())
        })
    }

    fn was_committed(&self, id: ChangeId) -> BoxFuture<'_, Result<bool, StoreError>> {
        let silent = self.keeps_silent.load(Ordering::SeqCst);
        let silent = silent.then(|| StoreError::Unavailable("it says nothing".to_owned()));
        match self.away().or(silent) {
            Some(away) => Box::pin(ready(Err(away))),
            None => self.watched(self.inner.was_committed(id)),
        }
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<DueTimer>, StoreError>> {
        self.watched(self.inner.due(now, limit))
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.watched(self.inner.next_due())
    }

    fn range(&self, range: IndexRange) -> BoxFuture<'_, Result<Vec<IndexRow>, StoreError>> {
        match self.away() {
            Some(away) => Box::pin(ready(Err(away))),
            None => self.watched(self.inner.range(range)),
        }
    }

    fn messages<'a>(
        &'a self,
        topic: &'static str,
        subject: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>> {
        self.watched(self.inner.messages(topic, subject, after, limit))
    }

    fn lease(
        &self,
        topic: &'static str,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.watched(self.inner.lease(topic, now, until, limit))
    }

    fn release(
        &self,
        sequence: u64,
        lease_count: u32,
        deliver_at: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        if self.loses_releases.load(Ordering::SeqCst) {
            return Box::pin(ready(Err(StoreError::Unavailable("lost".to_owned()))));
        }
        self.watched(self.inner.release(sequence, lease_count, deliver_at))
    }

    fn backlog(&self, topic: &'static str, limit: usize) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        self.watched(self.inner.backlog(topic, limit))
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>> {
        match self.away() {
            Some(away) => Box::pin(ready(Err(away))),
            None => self.watched(self.inner.watermark()),
        }
    }

    fn reset(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.watched(self.inner.reset())
    }
}
