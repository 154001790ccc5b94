//! A store around another: it does something before or after an operation, and the store below does the operation.
//! A layer says only what it adds.

use countersign_domain::time::Timestamp;
use futures_util::future::BoxFuture;

use crate::contract::{
    Backlog, ChangeId, ChangeSet, CommitError, Document, DueTimer, IndexRange, IndexRow, Key, Message, Store,
    StoreError,
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
    /// Whether it may leave something behind.
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

/// A store that leaves the operations to the one below it. Every layer is a [`Store`].
pub trait Layer: Send + Sync + 'static {
    /// The store that does the operations.
    fn below(&self) -> &dyn Store;

    /// Surrounds every operation but [`Store::commit`]. `doing` has not begun: it begins when it is polled.
    fn around<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        doing: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let _ = operation;
        doing
    }

    /// Surrounds [`Store::commit`].
    fn around_commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        self.below().commit(change)
    }
}

impl<L: Layer> Store for L {
    fn load<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Document>>, StoreError>> {
        self.around(Operation::Load, self.below().load(keys))
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        self.around_commit(change)
    }

    fn was_committed(&self, id: ChangeId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.around(Operation::WasCommitted, self.below().was_committed(id))
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<DueTimer>, StoreError>> {
        self.around(Operation::Due, self.below().due(now, limit))
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.around(Operation::NextDue, self.below().next_due())
    }

    fn range(&self, range: IndexRange) -> BoxFuture<'_, Result<Vec<IndexRow>, StoreError>> {
        self.around(Operation::Range, self.below().range(range))
    }

    fn messages<'a>(
        &'a self,
        topic: &'static str,
        subject: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>> {
        self.around(Operation::Messages, self.below().messages(topic, subject, after, limit))
    }

    fn lease(
        &self,
        topic: &'static str,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.around(Operation::Lease, self.below().lease(topic, now, until, limit))
    }

    fn release(
        &self,
        sequence: u64,
        lease_count: u32,
        deliver_at: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.around(Operation::Release, self.below().release(sequence, lease_count, deliver_at))
    }

    fn backlog(&self, topic: &'static str, limit: usize) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        self.around(Operation::Backlog, self.below().backlog(topic, limit))
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>> {
        self.around(Operation::Watermark, self.below().watermark())
    }

    fn reset(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.around(Operation::Reset, self.below().reset())
    }
}
