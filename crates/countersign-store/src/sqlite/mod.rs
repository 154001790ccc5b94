//! The embedded engine: one SQLite file, durable once a commit is answered.
//!
//! Three kinds of threads share it. Only the **writer** writes: it takes all waiting change sets as one
//! transaction and answers them after the fsync, so they share its cost. **Readers** are connections in a
//! pool, used on the caller's own thread. A **checkpointer** moves the write-ahead log into the file, so that
//! no commit has to wait for that.
//!
//! A crash before the writer's COMMIT leaves nothing of the batch, a crash after it leaves everything; an
//! answer is only given afterwards. If it is not known whether a COMMIT took effect (a failed fsync), the
//! writer stops: its change sets are answered `Indeterminate`, every later write and `was_committed`
//! `Unavailable`, until the store is opened again and reads the disk.
//!
//! # On disk
//!
//! Three files are SQLite's and one is ours: `PATH`, with `application_id` 0x4353676e and the schema's
//! version in `user_version`; `PATH-wal`, the commits that have not yet been moved into it; `PATH-shm`, which
//! may be lost; and `PATH.lock`, which is empty, locked by the process that has the store open, and not
//! removed afterwards. A copy is made with SQLite's own backup, or of `PATH` and `PATH-wal` together while no
//! process has them open.
//!
//! | table | a row is | columns |
//! |---|---|---|
//! | `documents` | a document | `row`, in order of creation; `collection` and `id`, unique; `version`, from 1; `format`; `due_at`, its timer; `entries`, its index entries again: name, value, name, …, each after its length as two bytes, big-endian; null if there are none; `bytes` |
//! | `entries` | an index entry | `name`, `value`, `id`, `collection`: all of it is the key |
//! | `messages` | a message | `sequence`, never used twice; `topic`; `subject`; `deliver_at`, null if it is not, or no longer, to be sent; `lease_count`; `leased`, 1 from lease to release; `bytes` |
//! | `changes` | a change set | `sequence`, in order of commit; `id`, 16 bytes. The oldest are deleted |
//! | `watermark` | the only one | `at`, the latest of all change sets; `sequence`, the last one of a message before the last reset |
//!
//! Instants are milliseconds since 1970. Texts are UTF-8 and compared byte by byte.

mod apply;
mod checkpointer;
mod failure;
mod readers;
mod rows;
mod schema;
mod writer;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OpenFlags};

use crate::contract::{
    Backlog, ChangeId, ChangeSet, CommitError, Document, DueTimer, IndexRange, IndexRow, Key, Lease, Message,
    Release, Store, StoreError,
};
use crate::limits;
pub use failure::OpenError;
use readers::Readers;
use writer::{PATIENCE, Request, Writer};

/// A store in one SQLite file. Dropping it finishes the requests that it has taken and closes the file.
pub struct SqliteStore {
    // Dropped in this order: the writer's connections go last, so that the log is moved into the file, and
    // the lock is released when nothing is open any more.
    readers: Readers,
    writer: Writer,
    _lock: File,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

/// How many readers may read at the same time; further callers wait for microseconds.
const READERS: usize = 4;

impl SqliteStore {
    /// Opens the file, creates it if it is absent, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`]; each variant says what an operator can do about it.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let io_error = |error| OpenError::Io(path.to_owned(), error);
        let failed = |error: rusqlite::Error| OpenError::new(path, &error);
        let resolved = resolve(path).map_err(io_error)?;
        let lock = lock(path, &resolved)?;
        create(&resolved).map_err(io_error)?;
        let connect = |access: OpenFlags| {
            Connection::open_with_flags(&resolved, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        };
        let mut connection = connect(OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
        // Only a foreign program can have the file locked now, and no caller waits for an answer yet, so
        // opening fails instead of waiting.
        connection.busy_timeout(Duration::ZERO).map_err(failed)?;
        schema::migrate(&mut connection, path, schema::MIGRATIONS)?;
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        let readers = Readers::open(READERS, || connect(OpenFlags::SQLITE_OPEN_READ_ONLY)).map_err(failed)?;
        let checkpoints = connect(OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
        let writer = Writer::start(connection, checkpoints, sibling(&resolved, "-wal")).map_err(io_error)?;
        Ok(Self { readers, writer, _lock: lock })
    }
}

/// The file's canonical name: under another name it would have another lock.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Some(name) = path.file_name() else { return Err(error) };
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            Ok(directory.unwrap_or(Path::new(".")).canonicalize()?.join(name))
        }
        resolved => resolved,
    }
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Locks the file, because two writers on one file would each assume to be the only one; SQLite's own locks
/// last only for a transaction.
fn lock(path: &Path, resolved: &Path) -> Result<File, OpenError> {
    let io_error = |error| OpenError::Io(path.to_owned(), error);
    if resolved.is_dir() {
        return Err(io_error(io::ErrorKind::IsADirectory.into()));
    }
    let file = private().open(sibling(resolved, ".lock")).map_err(io_error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(io_error(error)),
    }
}

/// Creates the file if it is absent. SQLite gives its log the same permissions.
fn create(resolved: &Path) -> io::Result<()> {
    private().open(resolved).map(|_| ())
}

/// Opens for appending; a new file is readable by its owner only, because it contains buyers' data.
fn private() -> std::fs::OpenOptions {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl Store for SqliteStore {
    fn load<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Document>>, StoreError>> {
        // On the caller's thread: a read that finds its pages in memory takes a few microseconds, less than
        // handing it to another thread.
        Box::pin(async move { self.readers.read(|connection| rows::load(connection, keys)) })
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            limits::check(&change)?;
            self.writer.commit(change).await
        })
    }

    fn was_committed(&self, id: ChangeId) -> BoxFuture<'_, Result<bool, StoreError>> {
        // The writer is asked, because what it was working on when the answer was lost is decided by then.
        Box::pin(self.writer.ask(move |answer| Request::WasCommitted(id, answer)))
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<DueTimer>, StoreError>> {
        let limit = limits::rows(limit);
        Box::pin(async move { self.readers.read(|connection| rows::due(connection, now, limit)) })
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        Box::pin(async move { self.readers.read(rows::next_due) })
    }

    fn range(&self, range: IndexRange) -> BoxFuture<'_, Result<Vec<IndexRow>, StoreError>> {
        Box::pin(async move { self.readers.read(|connection| rows::range(connection, &range)) })
    }

    fn messages<'a>(
        &'a self,
        topic: &'static str,
        subject: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>> {
        let limit = limits::rows(limit);
        Box::pin(async move {
            self.readers.read(|connection| rows::messages(connection, topic, subject, after, limit))
        })
    }

    fn lease(&self, lease: Lease) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        let lease = Lease { limit: limits::rows(lease.limit), ..lease };
        Box::pin(self.writer.ask(move |answer| Request::Lease(lease, answer)))
    }

    fn release(&self, release: Release) -> BoxFuture<'_, Result<bool, StoreError>> {
        Box::pin(self.writer.ask(move |answer| Request::Release(release, answer)))
    }

    fn backlog(&self, topic: &'static str, limit: usize) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        Box::pin(async move { self.readers.read(|connection| rows::backlog(connection, topic, limit)) })
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>> {
        Box::pin(async move { self.readers.read(rows::watermark) })
    }

    fn reset(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.writer.ask(Request::Reset))
    }
}
