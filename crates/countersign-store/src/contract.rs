//! What a store guarantees. Nothing here names an engine, and no engine knows a domain type.
//!
//! Compare-and-set on single documents plus one atomic batch: a caller may rely on nothing else, and any
//! serious engine offers that.

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use futures_util::future::BoxFuture;

/// The place of a document: a collection and an id within it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The kind of document, a word such as `charge`. Collections need not be declared.
    pub collection: &'static str,
    /// The id: 1 to [`MAX_KEY_LEN`] bytes.
    pub id: String,
}

/// The longest collection, document id, index, index value, topic or subject, in bytes.
pub const MAX_KEY_LEN: usize = 512;
/// The largest number of documents that one change set may write or require, of messages that it may append,
/// and of index entries that one document may have.
pub const MAX_CHANGES: usize = 256;
/// The longest encoding of one document or message, in bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// The largest number of rows that one read returns, whatever limit was asked for.
pub const MAX_ROWS: usize = 1_000;
/// The smallest number of change sets that [`Store::was_committed`] remembers. They are counted, not timed,
/// so none is forgotten because a clock jumps or the store is down.
pub const CHANGE_IDS_KEPT: usize = 1 << 16;

/// How many times a document was written: 1 when it is created. A deleted document that is created again
/// starts at 1 again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub u64);

/// A stored document. The store does not look into its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its version, to be named in the change set that replaces it.
    pub version: Version,
    /// The format of the bytes: which of the caller's codecs reads them.
    pub format: u16,
    /// The caller's encoding.
    pub bytes: Bytes,
}

/// What a change set expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// No document has this key: uniqueness is expressed by requiring a document to be absent.
    Absent,
    /// The document has exactly this version.
    Version(Version),
}

impl Expect {
    /// Whether a document is as expected, given its version; `None` if there is no document.
    pub(crate) fn allows(self, found: Option<Version>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Version(version) => found == Some(version),
        }
    }
}

/// An entry of an index. Writing a document replaces all of its entries. An index contains documents of one
/// collection, so a value and an id identify one of its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The index, a word such as `checkout_by_order`.
    pub index: &'static str,
    /// What the index is ordered by, byte by byte. Several documents may have the same value, and one
    /// document several values; a repeated entry counts once.
    pub value: String,
}

/// One document to be written or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Its key.
    pub key: Key,
    /// What must be there now.
    pub expect: Expect,
    /// The new content; `None` deletes the document with its timer and index entries or, with
    /// [`Expect::Absent`], changes nothing.
    pub content: Option<Content>,
}

/// What a write stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The format of the bytes.
    pub format: u16,
    /// The caller's encoding.
    pub bytes: Bytes,
    /// The document's timer: its earliest deadline. From then on [`Store::due`] finds it.
    pub due_at: Option<Timestamp>,
    /// All of the document's index entries.
    pub index: Vec<IndexEntry>,
}

/// A message to append: an event for readers or, with `deliver_at`, something to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// The stream it belongs to, a word such as `event`.
    pub topic: &'static str,
    /// What it is about, such as a checkout session's id.
    pub subject: String,
    /// The caller's encoding.
    pub bytes: Bytes,
    /// When it may first be leased for sending; `None` for an event that is only read.
    pub deliver_at: Option<Timestamp>,
}

/// An appended message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its place in the single order of all messages of this store. It grows and may have gaps; once a reader
    /// has seen a sequence, no smaller one appears later.
    pub sequence: u64,
    /// As appended.
    pub subject: String,
    /// As appended.
    pub bytes: Bytes,
    /// How many times it has been leased, including this time.
    pub lease_count: u32,
}

/// Which messages to lease, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// The topic.
    pub topic: &'static str,
    /// Only messages that may be sent at this instant.
    pub now: Timestamp,
    /// Until when other callers cannot lease them.
    pub until: Timestamp,
    /// At most this many, and never more than [`MAX_ROWS`].
    pub limit: usize,
}

/// The end of one message's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// The message's sequence.
    pub sequence: u64,
    /// The lease count of the leased message.
    pub lease_count: u32,
    /// When to try again; `None` if the message was delivered or is given up.
    pub deliver_at: Option<Timestamp>,
}

/// How much of a topic is still to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// How many messages, including leased ones, up to the limit of the count.
    pub count: usize,
    /// When the first of them may be leased.
    pub next_at: Option<Timestamp>,
}

/// Identifies one change set, so that the caller can ask whether it was applied after a lost answer. The
/// caller draws it at random, a new one for every change set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChangeId(pub [u8; 16]);

/// Everything that one decision changes: applied completely or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    /// The id of this change.
    pub id: ChangeId,
    /// When it was decided; this raises the store's watermark.
    pub at: Timestamp,
    /// Documents that must be as expected but are not written.
    pub require: Vec<(Key, Expect)>,
    /// Documents to write or delete. No key may occur twice, in this list and in `require` together.
    pub write: Vec<Write>,
    /// Messages to append, in order.
    pub append: Vec<NewMessage>,
}

/// Why a read returned nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The engine cannot be reached or is over its limits; the same call may succeed later.
    Unavailable(String),
    /// What is stored cannot be what was written. Retrying does not help.
    Corrupt(String),
}

/// Why a commit was not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitError {
    /// A document was not as expected. Nothing was applied: load and decide again.
    Conflict,
    /// The answer was lost: [`Store::was_committed`] shows whether the change was applied. A caller that
    /// decides again without asking could mistake its own success for somebody else's.
    Indeterminate(String),
    /// Nothing was applied, because of the engine's state (full, read-only, shut down).
    Unavailable(String),
    /// Nothing was applied: the change set itself is not valid (over a limit, a key twice).
    Invalid(String),
}

/// A timer that is due.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DueTimer {
    /// The document that it belongs to.
    pub key: Key,
    /// When it became due.
    pub due_at: Timestamp,
}

/// A range of one index, in ascending order of value, then of document id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRange {
    /// The index.
    pub index: &'static str,
    /// Only values with this prefix; empty for all.
    pub prefix: String,
    /// Only rows after this (value, document id): the last row of the previous page.
    pub after: Option<(String, String)>,
    /// At most this many rows, and never more than [`MAX_ROWS`].
    pub limit: usize,
}

/// One row of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRow {
    /// The entry's value.
    pub value: String,
    /// The document.
    pub key: Key,
}

/// A store of documents. The crate's documentation describes the protocol.
///
/// Nothing happens before a future is polled. A caller that drops a future cannot know whether it took
/// effect.
pub trait Store: Send + Sync + 'static {
    /// The documents with these keys, in the order of the keys, all from the same moment.
    fn load<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Document>>, StoreError>>;

    /// Applies a change set completely or not at all. When this returns `Ok`, a durable engine has it on
    /// disk.
    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>>;

    /// Whether the change set with this id was applied, if it is among the last [`CHANGE_IDS_KEPT`]. If it is
    /// asked after the commit's answer arrived or was lost, the result is final: a change that is reported as
    /// not applied never appears later.
    fn was_committed(&self, id: ChangeId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// The timers due at `now` or before, earliest first, then by collection and id.
    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<DueTimer>, StoreError>>;

    /// The earliest timer of all, due or not: when a runner must wake up.
    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;

    /// A range of an index.
    fn range(&self, range: IndexRange) -> BoxFuture<'_, Result<Vec<IndexRow>, StoreError>>;

    /// The messages of a topic after `after`, oldest first, of one subject or of all.
    fn messages<'a>(
        &'a self,
        topic: &'static str,
        subject: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>>;

    /// Leases undelivered messages of a topic that may be sent now, the longest due first: other callers
    /// cannot lease them until the lease's `until`. A caller that crashes loses its lease at that time.
    fn lease(&self, lease: Lease) -> BoxFuture<'_, Result<Vec<Message>, StoreError>>;

    /// Ends a lease, even after its time if no other caller has leased the message since. Returns `false`,
    /// and changes nothing, if the lease was lost or has already ended.
    fn release(&self, release: Release) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// How much of a topic is still to be delivered. Counts only up to the limit.
    fn backlog(&self, topic: &'static str, limit: usize) -> BoxFuture<'_, Result<Backlog, StoreError>>;

    /// The latest `at` of all applied change sets: a server's `now` never goes below it.
    fn watermark(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>>;

    /// Deletes documents, timers, indexes, messages and change ids, and the watermark. Sequences continue
    /// from where they were, so a lease from before ends nothing and a reader misses nothing.
    fn reset(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}
