//! A store that a test can intercept: it wraps any store and calls a [`Hook`] before and after each
//! operation. Tests, the simulation and the demo use it to make an operation fail, lose its answer or wait,
//! and to count operations. No server that keeps a shop's data runs on one.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_domain::time::Timestamp;
use futures_util::future::BoxFuture;

use crate::contract::{
    Backlog, ChangeId, ChangeSet, CommitError, Document, DueTimer, IndexRange, IndexRow, Key, Lease, Message,
    Release, Store, StoreError,
};

/// The operations of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Store::load`].
    Load,
    /// [`Store::commit`].
    Commit,
    /// [`Store::was_committed`].
    WasCommitted,
    /// [`Store::due`].
    Due,
    /// [`Store::next_due`].
    NextDue,
    /// [`Store::range`].
    Range,
    /// [`Store::messages`].
    Messages,
    /// [`Store::lease`].
    Lease,
    /// [`Store::release`].
    Release,
    /// [`Store::backlog`].
    Backlog,
    /// [`Store::watermark`].
    Watermark,
    /// [`Store::reset`].
    Reset,
}

impl Operation {
    /// Whether the operation may leave something behind.
    #[must_use]
    pub const fn writes(self) -> bool {
        match self {
            Self::Commit | Self::Lease | Self::Release | Self::Reset => true,
            Self::Load
            | Self::WasCommitted
            | Self::Due
            | Self::NextDue
            | Self::Range
            | Self::Messages
            | Self::Backlog
            | Self::Watermark => false,
        }
    }
}

/// One operation, as a hook sees it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Its number among all operations of this store, from 1, in the order in which they were first polled.
    pub number: u64,
    /// The operation.
    pub operation: Operation,
    /// The documents that are loaded, if the operation is a load.
    pub keys: &'a [Key],
    /// What is committed, if the operation is a commit.
    pub change: Option<&'a ChangeSet>,
}

/// What goes wrong with one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The operation does not happen, and the answer says so: `Unavailable`.
    Unavailable,
    /// The operation happens, and the answer is lost: a commit is `Indeterminate` although applied, anything
    /// else `Unavailable`.
    AnswerLost,
    /// As [`AnswerLost`](Self::AnswerLost), but if the wrapped store refuses a commit, that refusal is the
    /// answer.
    SuccessLost,
    /// The operation does not happen, and the answer is lost: a commit is `Indeterminate` and never applied,
    /// anything else `Unavailable`.
    RequestLost,
    /// The operation does not happen: a read is `Corrupt`, a commit `Unavailable`.
    Corrupt,
}

impl Fault {
    /// Whether the operation happens in spite of the fault.
    #[must_use]
    pub const fn happens(self) -> bool {
        match self {
            Self::AnswerLost | Self::SuccessLost => true,
            Self::Unavailable | Self::RequestLost | Self::Corrupt => false,
        }
    }
}

impl From<Fault> for CommitError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unavailable | Fault::Corrupt => Self::Unavailable(WHY.to_owned()),
            Fault::AnswerLost | Fault::SuccessLost | Fault::RequestLost => {
                Self::Indeterminate(WHY.to_owned())
            }
        }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unavailable | Fault::AnswerLost | Fault::SuccessLost | Fault::RequestLost => {
                Self::Unavailable(WHY.to_owned())
            }
            Fault::Corrupt => Self::Corrupt(WHY.to_owned()),
        }
    }
}

const WHY: &str = "an injected fault";

/// How the wrapped store answered an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallOutcome {
    /// It succeeded: a commit is applied.
    Done,
    /// It was refused or failed.
    Failed,
}

/// Code that runs around each operation. Both futures are awaited, so a hook can delay an operation; a hook
/// that never completes is like a process that dies there.
///
/// A closure `Fn(&Call) -> Option<Fault>` is a hook; so is `()`, with which nothing goes wrong.
pub trait Hook: Send + Sync + 'static {
    /// Runs before the operation, and returns what goes wrong with it: `None` for nothing.
    fn before(&self, call: Call<'_>) -> impl Future<Output = Option<Fault>> + Send;

    /// Runs after the operation has happened and before its answer is returned or lost. No other operation
    /// comes in between up to its first await.
    fn after(&self, call: Call<'_>, outcome: CallOutcome) -> impl Future<Output = ()> + Send {
        let _ = (call, outcome);
        async {}
    }
}

impl<F: Fn(&Call<'_>) -> Option<Fault> + Send + Sync + 'static> Hook for F {
    async fn before(&self, call: Call<'_>) -> Option<Fault> {
        self(&call)
    }
}

impl Hook for () {
    async fn before(&self, _: Call<'_>) -> Option<Fault> {
        None
    }
}

/// A hook that fails only the `n`th of these operations, counted from 1.
#[must_use]
pub fn nth(operation: Operation, n: u64, fault: Fault) -> impl Hook {
    let seen = AtomicU64::new(0);
    move |call: &Call<'_>| {
        (call.operation == operation && seen.fetch_add(1, Ordering::Relaxed) + 1 == n).then_some(fault)
    }
}

/// A failure that lasts until it is healed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outage {
    /// The disk is full or read-only: every write is `Unavailable`, reads continue.
    ReadOnly,
    /// Nothing answers: every operation is `Unavailable`, and none happens.
    Unreachable,
}

impl Outage {
    /// What goes wrong with an operation during this outage.
    #[must_use]
    pub const fn fault(self, operation: Operation) -> Option<Fault> {
        match self {
            Self::Unreachable => Some(Fault::Unavailable),
            Self::ReadOnly if operation.writes() => Some(Fault::Unavailable),
            Self::ReadOnly => None,
        }
    }
}

/// A hook that starts and ends outages.
#[derive(Debug, Default)]
pub struct Outages(Mutex<Option<Outage>>);

impl Outages {
    fn lock(&self) -> MutexGuard<'_, Option<Outage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts an outage, replacing any other.
    pub fn fail(&self, outage: Outage) {
        *self.lock() = Some(outage);
    }

    /// Ends the outage.
    pub fn heal(&self) {
        *self.lock() = None;
    }

    /// The current outage.
    #[must_use]
    pub fn current(&self) -> Option<Outage> {
        *self.lock()
    }
}

impl Hook for Outages {
    async fn before(&self, call: Call<'_>) -> Option<Fault> {
        self.current()?.fault(call.operation)
    }
}

/// How many operations the store was asked for, whatever their results, and what its applied commits wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// The number of calls of [`Store::load`].
    pub loads: u64,
    /// How many documents these loads asked for.
    pub documents_loaded: u64,
    /// The number of calls of all other operations that only read.
    pub other_reads: u64,
    /// The number of calls of [`Store::commit`].
    pub commits: u64,
    /// The number of calls of all other operations that write.
    pub other_writes: u64,
    /// How many commits were applied.
    pub applied: u64,
    /// How many documents these commits wrote or deleted.
    pub documents_written: u64,
    /// The number of index entries of the documents that they wrote.
    pub index_entries: u64,
    /// How many messages they appended.
    pub messages: u64,
}

impl Counts {
    /// The number of all operations.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.loads + self.other_reads + self.commits + self.other_writes
    }

    /// What was counted since an earlier count of the same store.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            loads: self.loads - earlier.loads,
            documents_loaded: self.documents_loaded - earlier.documents_loaded,
            other_reads: self.other_reads - earlier.other_reads,
            commits: self.commits - earlier.commits,
            other_writes: self.other_writes - earlier.other_writes,
            applied: self.applied - earlier.applied,
            documents_written: self.documents_written - earlier.documents_written,
            index_entries: self.index_entries - earlier.index_entries,
            messages: self.messages - earlier.messages,
        }
    }

    /// Counts a call, and returns its number.
    fn called(&mut self, operation: Operation, keys: &[Key]) -> u64 {
        match operation {
            Operation::Load => {
                self.loads += 1;
                self.documents_loaded += keys.len() as u64;
            }
            Operation::Commit => self.commits += 1,
            other if other.writes() => self.other_writes += 1,
            _ => self.other_reads += 1,
        }
        self.calls()
    }

    fn applied(&mut self, change: &ChangeSet) {
        let entries = change.write.iter().filter_map(|write| write.content.as_ref());
        self.applied += 1;
        self.documents_written += change.write.len() as u64;
        self.index_entries += entries.map(|content| content.index.len() as u64).sum::<u64>();
        self.messages += change.append.len() as u64;
    }
}

/// A store that calls a hook before and after each operation.
pub struct InterceptedStore<H> {
    /// The hook around each operation.
    pub hook: H,
    inner: Arc<dyn Store>,
    counts: Mutex<Counts>,
    at_work: AtomicUsize,
}

impl<H> fmt::Debug for InterceptedStore<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InterceptedStore").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

impl<H> InterceptedStore<H> {
    /// The store without the hook.
    #[must_use]
    pub fn inner(&self) -> &Arc<dyn Store> {
        &self.inner
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was counted so far on this store.
    #[must_use]
    pub fn counts(&self) -> Counts {
        *self.lock()
    }

    /// Whether the wrapped store is executing an operation now, perhaps on threads of its own.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.at_work.load(Ordering::SeqCst) > 0
    }
}

struct AtWork<'a>(&'a AtomicUsize);

impl<'a> AtWork<'a> {
    fn on(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<H: Hook> InterceptedStore<H> {
    /// The store `inner` with this hook.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, hook: H) -> Self {
        Self { hook, inner, counts: Mutex::default(), at_work: AtomicUsize::new(0) }
    }

    /// Passes an operation on, with the hook around it.
    async fn passed<T, E: From<Fault>>(
        &self,
        operation: Operation,
        keys: &[Key],
        change: Option<&ChangeSet>,
        inner: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let call = Call { number: self.lock().called(operation, keys), operation, keys, change };
        let fault = self.hook.before(call).await;
        if let Some(fault) = fault.filter(|fault| !fault.happens()) {
            return Err(fault.into());
        }
        let answer = {
            let _at_work = AtWork::on(&self.at_work);
            inner.await
        };
        if let (Some(change), Ok(_)) = (change, &answer) {
            self.lock().applied(change);
        }
        let outcome = if answer.is_ok() { CallOutcome::Done } else { CallOutcome::Failed };
        self.hook.after(call, outcome).await;
        match fault {
            None => answer,
            Some(fault @ Fault::SuccessLost) => answer.and(Err(fault.into())),
            // Whatever the answer was, even a refusal, it is lost.
            Some(fault) => Err(fault.into()),
        }
    }

    fn asked<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        inner: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(self.passed(operation, &[], None, inner))
    }
}

impl<H: Hook> Store for InterceptedStore<H> {
    fn load<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Document>>, StoreError>> {
        Box::pin(self.passed(Operation::Load, keys, None, self.inner.load(keys)))
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            self.passed(Operation::Commit, &[], Some(&change), self.inner.commit(change.clone())).await
        })
    }

    fn was_committed(&self, id: ChangeId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.asked(Operation::WasCommitted, self.inner.was_committed(id))
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<DueTimer>, StoreError>> {
        self.asked(Operation::Due, self.inner.due(now, limit))
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.asked(Operation::NextDue, self.inner.next_due())
    }

    fn range(&self, range: IndexRange) -> BoxFuture<'_, Result<Vec<IndexRow>, StoreError>> {
        self.asked(Operation::Range, self.inner.range(range))
    }

    fn messages<'a>(
        &'a self,
        topic: &'static str,
        subject: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>> {
        self.asked(Operation::Messages, self.inner.messages(topic, subject, after, limit))
    }

    fn lease(&self, lease: Lease) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.asked(Operation::Lease, self.inner.lease(lease))
    }

    fn release(&self, release: Release) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.asked(Operation::Release, self.inner.release(release))
    }

    fn backlog(&self, topic: &'static str, limit: usize) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        self.asked(Operation::Backlog, self.inner.backlog(topic, limit))
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>> {
        self.asked(Operation::Watermark, self.inner.watermark())
    }

    fn reset(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.asked(Operation::Reset, self.inner.reset())
    }
}
