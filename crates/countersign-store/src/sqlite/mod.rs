//! The embedded engine: one SQLite file, durable when a commit is answered.
//!
//! Three kinds of threads share it. The **writer** alone writes: it takes whatever change sets wait
//! as one transaction and answers all of them after its fsync, so the cost of an fsync is shared.
//! **Readers** are connections in a pool, used on the caller's own thread. A **checkpointer** moves
//! the write-ahead log into the file, so that no commit has to wait for that.
//!
//! A crash before the writer's COMMIT leaves nothing of the batch, a crash after it leaves all; an
//! answer is only given after it.

mod checkpointer;
mod readers;
mod rows;
mod schema;
mod writer;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use countersign_domain::time::Timestamp;
use futures_util::future::{BoxFuture, ready};
use rusqlite::{Connection, OpenFlags};

use crate::contract::{
    ChangeId, ChangeSet, CommitError, Document, DueTimer, IndexRange, IndexRow, Key, Message, Store,
    StoreError,
};
use crate::limits;
use readers::Readers;
use writer::{Request, Writer};

/// A store in one SQLite file.
pub struct SqliteStore {
    // Dropped in this order: the writer finishes what waits, the readers close, the lock goes last.
    writer: Writer,
    readers: Readers,
    _lock: File,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

/// Why a file cannot be opened as a store.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has it open.
    InUse(PathBuf),
    /// A newer version of this program wrote it.
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest schema version that this program knows.
        known: u32,
    },
    /// The file system says no: no such directory, no permission, read-only.
    Io(PathBuf, std::io::Error),
    /// The file is no store of this program, or it is damaged.
    NotAStore(PathBuf, String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(path) => write!(f, "{} is in use by another process", path.display()),
            Self::Newer { path, found, known } => write!(
                f,
                "{} has schema version {found}; this program knows versions up to {known}: run a newer one",
                path.display()
            ),
            Self::Io(path, error) => write!(f, "{} cannot be opened: {error}", path.display()),
            Self::NotAStore(path, why) => write!(f, "{} is not a usable store: {why}", path.display()),
        }
    }
}

impl std::error::Error for OpenError {}

/// How many readers may read at once; more callers wait for microseconds.
const READERS: usize = 4;

impl SqliteStore {
    /// Opens the file, makes it if it is absent, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`], each saying what an operator can do about it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        let not_a_store = |error: rusqlite::Error| OpenError::NotAStore(path.to_owned(), error.to_string());
        let mut connection = Connection::open(path).map_err(not_a_store)?;
        schema::prepare(&connection).map_err(not_a_store)?;
        schema::migrate(&mut connection, path)?;
        let readers = Readers::open(READERS, || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            Connection::open_with_flags(path, flags)
        })
        .map_err(not_a_store)?;
        let checkpoints = Connection::open(path).map_err(not_a_store)?;
        let writer = Writer::start(connection, checkpoints, wal_of(path))
            .map_err(|error| OpenError::Io(path.to_owned(), error))?;
        Ok(Self { writer, readers, _lock: lock })
    }
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn wal_of(path: &Path) -> PathBuf {
    sibling(path, "-wal")
}

/// Two writers on one file would each think itself alone; SQLite's own locks are per transaction.
fn lock(path: &Path) -> Result<File, OpenError> {
    let lock_path = sibling(path, ".lock");
    let io = |error| OpenError::Io(path.to_owned(), error);
    let file = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(io(error)),
    }
}

impl Store for SqliteStore {
    fn load<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Document>>, StoreError>> {
        // On the caller's thread: a read that finds its pages in memory takes a few microseconds,
        // less than handing it to another thread would.
        let documents = self.readers.read(|connection| rows::load(connection, keys));
        Box::pin(ready(documents))
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            limits::check(&change)?;
            self.writer.commit(change).await
        })
    }

    fn was_committed(&self, id: ChangeId) -> BoxFuture<'_, Result<bool, StoreError>> {
        // By way of the writer: whatever it had in hand when the answer was lost is decided by then.
        Box::pin(self.writer.ask(move |answer| Request::WasCommitted(id, answer)))
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<DueTimer>, StoreError>> {
        let due = self.readers.read(|connection| rows::due(connection, now, limits::rows(limit)));
        Box::pin(ready(due))
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(ready(self.readers.read(rows::next_due)))
    }

    fn range(&self, range: IndexRange) -> BoxFuture<'_, Result<Vec<IndexRow>, StoreError>> {
        let rows = self.readers.read(|connection| rows::range(connection, &range));
        Box::pin(ready(rows))
    }

    fn messages<'a>(
        &'a self,
        topic: &'static str,
        subject: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>> {
        let messages = self
            .readers
            .read(|connection| rows::messages(connection, topic, subject, after, limits::rows(limit)));
        Box::pin(ready(messages))
    }

    fn lease(
        &self,
        topic: &'static str,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        let limit = limits::rows(limit);
        Box::pin(self.writer.ask(move |answer| Request::Lease { topic, now, until, limit, answer }))
    }

    fn release(
        &self,
        sequence: u64,
        lease_count: u32,
        deliver_at: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.writer.ask(move |answer| Request::Release {
            sequence,
            lease_count,
            deliver_at,
            answer,
        }))
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>> {
        Box::pin(ready(self.readers.read(rows::watermark)))
    }

    fn reset(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.writer.ask(Request::Reset))
    }
}
