//! What a store promises. Nothing here names an engine, and no engine knows a domain type.
//!
//! Compare-and-set on single documents plus one atomic batch: that is all a caller may rely on, and
//! any serious engine offers it.

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use futures_util::future::BoxFuture;

/// A document's place: a collection and an id within it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The kind of document, a word such as `charge`. Collections need no declaration.
    pub collection: &'static str,
    /// The id: 1 to [`MAX_KEY_LEN`] bytes.
    pub id: String,
}

/// The longest collection, document id, index, index value, topic or subject, in bytes.
pub const MAX_KEY_LEN: usize = 512;
/// The most documents one change set may write or require, the most messages that it may append,
/// and the most index entries that one document may have.
pub const MAX_CHANGES: usize = 256;
/// The longest encoding of one document or message, in bytes.
pub const MAX_BYTES: usize = 16 << 20;
/// The most rows one read gives back, whatever limit was asked for.
pub const MAX_ROWS: usize = 1_000;
/// For how many change sets, at least, [`Store::was_committed`] remembers one. Counted, not timed: a
/// clock that jumps forgets nothing, and while the store is away nothing is added.
pub const CHANGE_IDS_KEPT: usize = 1 << 16;

/// How often a document was written: 1 when it was created. A deleted document that is created
/// again starts anew at 1.
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
    /// No document has this key: uniqueness is a document required absent.
    Absent,
    /// The document has exactly this version.
    Version(Version),
}

impl Expect {
    /// Whether a document is as expected, by its version; `None` where there is no document.
    pub(crate) fn allows(self, found: Option<Version>) -> bool {
        match self {
            Self::Absent => found.is_none(),
            Self::Version(version) => found == Some(version),
        }
    }
}

/// An entry of an index. Writing a document replaces all of its entries. An index holds documents of
/// one collection, so that a value and an id name one row of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The index, a word such as `checkout_by_order`.
    pub index: &'static str,
    /// What the index is ordered by, bytewise. Several documents may have the same value, and one
    /// document several values; the same entry twice counts once.
    pub value: String,
}

/// One document to be written or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Which document.
    pub key: Key,
    /// What must be there now.
    pub expect: Expect,
    /// What shall be there; `None` deletes it with its timer and index entries, or, with
    /// [`Expect::Absent`], changes nothing.
    pub content: Option<Content>,
}

/// What a write leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The format of the bytes.
    pub format: u16,
    /// The caller's encoding.
    pub bytes: Bytes,
    /// The document's timer: its earliest deadline. [`Store::due`] finds it from then on.
    pub due_at: Option<Timestamp>,
    /// All of the document's index entries.
    pub index: Vec<IndexEntry>,
}

/// A message to append: an event for readers, or, with `deliver_at`, something to be sent.
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
    /// Its place in the one order of all messages of this store. Grows, may have gaps; a reader that
    /// saw a sequence never misses a smaller one that appears later.
    pub sequence: u64,
    /// As appended.
    pub subject: String,
    /// As appended.
    pub bytes: Bytes,
    /// How often it has been leased, this time included.
    pub lease_count: u32,
}

/// Which messages are to be leased, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Of which topic.
    pub topic: &'static str,
    /// Those that may be sent at this instant.
    pub now: Timestamp,
    /// Until when they are kept from other takers.
    pub until: Timestamp,
    /// At most this many, and never more than [`MAX_ROWS`].
    pub limit: usize,
}

/// The end of one message's lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release {
    /// Of which message.
    pub sequence: u64,
    /// That of the leased message.
    pub lease_count: u32,
    /// When to try again; `None` when the message was delivered, or given up.
    pub deliver_at: Option<Timestamp>,
}

/// What of a topic is still to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// How many messages, leased ones included: at most as many as were to be counted.
    pub count: usize,
    /// When the first of them may be leased.
    pub next_at: Option<Timestamp>,
}

/// Names one change set, so that its fate can be asked for after a lost answer. Drawn at random by
/// the caller, anew for every change set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChangeId(pub [u8; 16]);

/// Everything that one decision changes: applied whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSet {
    /// This change's name.
    pub id: ChangeId,
    /// When it was decided: raises the store's watermark.
    pub at: Timestamp,
    /// Documents that must be as expected but are not written.
    pub require: Vec<(Key, Expect)>,
    /// Documents to write or delete. No key may stand twice, here and in `require` together.
    pub write: Vec<Write>,
    /// Messages to append, in order.
    pub append: Vec<NewMessage>,
}

/// Why a read gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// The engine cannot be reached or is over its limits; the same call may succeed later.
    Unavailable(String),
    /// What is stored cannot be what was written. No retry will help.
    Corrupt(String),
}

/// Why a commit gave no yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitError {
    /// A document was not as expected. Nothing was applied: load and decide again.
    Conflict,
    /// The answer was lost: applied or not, [`Store::was_committed`] tells. Deciding again without
    /// asking could mistake one's own success for somebody else's.
    Indeterminate(String),
    /// Nothing was applied, for a reason of the engine's (full, read-only, shut down).
    Unavailable(String),
    /// Nothing was applied: the change set itself is wrong (over a limit, a key twice).
    Invalid(String),
}

/// A timer that is due.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DueTimer {
    /// The document that it belongs to.
    pub key: Key,
    /// Since when it is due.
    pub due_at: Timestamp,
}

/// A range of one index, in ascending order of value, then of document id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRange {
    /// Which index.
    pub index: &'static str,
    /// Only values that begin with this; empty for all.
    pub prefix: String,
    /// Only what comes behind this (value, document id): the last row of the page before.
    pub after: Option<(String, String)>,
    /// At most so many rows, and never more than [`MAX_ROWS`].
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

/// A store of documents. See the crate's page for the protocol.
///
/// Nothing happens before a future is polled. A caller that drops one cannot know what became of it.
pub trait Store: Send + Sync + 'static {
    /// The documents with these keys, in the keys' order, all from one moment.
    fn load<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Document>>, StoreError>>;

    /// Applies a change set whole or not at all. When this answers `Ok`, a durable engine has it on
    /// disk.
    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>>;

    /// Whether the change set of this id was applied, as long as it is among the last
    /// [`CHANGE_IDS_KEPT`]. Asked after the commit's answer or its loss, the answer is final: a change
    /// that it denies never appears later.
    fn was_committed(&self, id: ChangeId) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// The timers due at `now` or before, earliest first, then by collection and id.
    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<DueTimer>, StoreError>>;

    /// The earliest timer of all, due or not: when a runner must wake.
    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>>;

    /// A range of an index.
    fn range(&self, range: IndexRange) -> BoxFuture<'_, Result<Vec<IndexRow>, StoreError>>;

    /// Messages of a topic behind `after`, oldest first, of one subject or of all.
    fn messages<'a>(
        &'a self,
        topic: &'static str,
        subject: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>>;

    /// Takes undelivered messages of a topic that may be sent now, oldest due first, and keeps them
    /// from other takers until the lease's `until`. A taker that crashes loses its lease at that time.
    fn lease(&self, lease: Lease) -> BoxFuture<'_, Result<Vec<Message>, StoreError>>;

    /// Ends a lease. A lease ends once, and late too, unless another taker came first; one that was
    /// lost or has ended already is left alone: `false`.
    fn release(&self, release: Release) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// How much of a topic is still to be delivered. Counts up to the limit only.
    fn backlog(&self, topic: &'static str, limit: usize) -> BoxFuture<'_, Result<Backlog, StoreError>>;

    /// The latest `at` of all applied change sets: a server's `now` never goes below it.
    fn watermark(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>>;

    /// Forgets documents, timers, indexes, messages and change ids; the watermark too. Sequences go
    /// on from where they were, so a lease from before ends nothing and a reader misses nothing.
    fn reset(&self) -> BoxFuture<'_, Result<(), StoreError>>;
}
