//! The one thread that writes. It takes what waits, up to a bound, as one transaction, and answers
//! each of them after the COMMIT.

use std::path::PathBuf;
use std::thread::JoinHandle;

use countersign_domain::time::{DAY, Timestamp};
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};
use tokio::sync::{mpsc, oneshot};

use super::checkpointer::Checkpointer;
use super::readers::failed;
use super::rows::{self, number, signed};
use crate::contract::{
    ChangeId, ChangeSet, CommitError, Expect, IndexEntry, Key, Message, StoreError, Version, Write,
};

/// How many requests may wait; a caller beyond that waits to be let in.
const QUEUE: usize = 4_096;
/// How many requests one transaction takes: as long as the disk is busy, more gather.
const BATCH: usize = 1_024;
/// After so many written change sets old change ids are forgotten, and the log is looked at.
const HOUSEKEEPING: u64 = 512;
/// How many old change ids one housekeeping forgets: more than are made meanwhile.
const FORGOTTEN_AT_ONCE: u64 = 4 * HOUSEKEEPING;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

pub(super) enum Request {
    Commit(ChangeSet, oneshot::Sender<Result<(), CommitError>>),
    WasCommitted(ChangeId, Answer<bool>),
    Lease {
        topic: &'static str,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
        answer: Answer<Vec<Message>>,
    },
    Release {
        sequence: u64,
        lease_count: u32,
        deliver_at: Option<Timestamp>,
        answer: Answer<bool>,
    },
    Reset(Answer<()>),
}

pub(super) struct Writer {
    requests: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

const STOPPED: &str = "the store's writer has stopped";

impl Writer {
    pub(super) fn start(
        connection: Connection,
        checkpoints: Connection,
        wal: PathBuf,
    ) -> std::io::Result<Self> {
        let (requests, waiting) = mpsc::channel(QUEUE);
        let checkpointer = Checkpointer::start(checkpoints, wal)?;
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(move || {
            Writing { connection, checkpointer, written: 0, stopped: None }.run(waiting);
        })?;
        Ok(Self { requests: Some(requests), thread: Some(thread) })
    }

    async fn send(&self, request: Request) -> bool {
        match &self.requests {
            Some(requests) => requests.send(request).await.is_ok(),
            None => false,
        }
    }

    pub(super) async fn commit(&self, change: ChangeSet) -> Result<(), CommitError> {
        let (answer, answered) = oneshot::channel();
        if !self.send(Request::Commit(change, answer)).await {
            return Err(CommitError::Unavailable(STOPPED.to_owned()));
        }
        // The request was taken, and its answer is lost with the thread: it may have been applied.
        answered.await.unwrap_or_else(|_| Err(CommitError::Indeterminate(STOPPED.to_owned())))
    }

    pub(super) async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        if !self.send(request(answer)).await {
            return Err(StoreError::Unavailable(STOPPED.to_owned()));
        }
        answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable(STOPPED.to_owned())))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread finishes what it was given and ends when nobody can give it more.
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Writing {
    connection: Connection,
    checkpointer: Checkpointer,
    written: u64,
    /// Set by a COMMIT that failed in a way that leaves its effect open. Whatever is read back then
    /// may come from memory and not from the disk: only a new start tells.
    stopped: Option<String>,
}

/// An answer that is held back until the COMMIT.
type Held = Box<dyn FnOnce(Result<(), &CommitFailed>)>;

enum CommitFailed {
    /// SQLite rolled back: nothing was applied.
    RolledBack(String),
    /// The log's fsync or a write of it failed.
    Open(String),
}

impl Writing {
    fn run(mut self, mut waiting: mpsc::Receiver<Request>) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(first) = waiting.blocking_recv() {
            batch.push(first);
            while batch.len() < BATCH {
                let Ok(next) = waiting.try_recv() else { break };
                batch.push(next);
            }
            self.write(&mut batch);
        }
    }

    fn write(&mut self, batch: &mut Vec<Request>) {
        if let Some(why) = &self.stopped {
            for request in batch.drain(..) {
                request.refuse(why);
            }
            return;
        }
        if let Err(error) = self.connection.execute_batch("BEGIN IMMEDIATE") {
            let why = error.to_string();
            for request in batch.drain(..) {
                request.refuse(&why);
            }
            return;
        }
        let mut held: Vec<Held> = Vec::with_capacity(batch.len());
        let mut latest: Option<Timestamp> = None;
        for request in batch.drain(..) {
            held.push(self.apply(request, &mut latest));
        }
        let committed = self.finish(latest);
        for answer in held {
            answer(committed.as_ref().copied());
        }
        if let Err(CommitFailed::Open(why)) = committed {
            tracing::error!(why, "a commit's fate is open: the store stops, start it anew");
            self.stopped = Some(format!("the store stopped after a failed commit: {why}"));
            return;
        }
        self.keep_house();
    }

    fn finish(&mut self, latest: Option<Timestamp>) -> Result<(), CommitFailed> {
        let raised = match latest {
            Some(at) => self
                .connection
                .prepare_cached("UPDATE watermark SET at = ?1 WHERE at < ?1")
                .and_then(|mut statement| statement.execute([at.as_millis()]))
                .map(|_| ()),
            None => Ok(()),
        };
        if let Err(error) = raised {
            let _ = self.connection.execute_batch("ROLLBACK");
            return Err(CommitFailed::RolledBack(error.to_string()));
        }
        let Err(error) = self.connection.execute_batch("COMMIT") else { return Ok(()) };
        use rusqlite::ErrorCode;
        // With these SQLite has not touched the log's end: the transaction can be taken back.
        let untouched = matches!(
            error.sqlite_error_code(),
            Some(
                ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::DiskFull
                    | ErrorCode::ReadOnly
            )
        );
        let rolled_back =
            self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok();
        let why = error.to_string();
        Err(if untouched && rolled_back { CommitFailed::RolledBack(why) } else { CommitFailed::Open(why) })
    }

    fn apply(&mut self, request: Request, latest: &mut Option<Timestamp>) -> Held {
        match request {
            Request::Commit(change, answer) => {
                let at = change.at;
                let applied = self.apply_change(&change);
                if applied.is_ok() {
                    *latest = Some(latest.map_or(at, |latest| latest.max(at)));
                    self.written = self.written.saturating_add(1);
                }
                Box::new(move |committed| {
                    let result = applied.and_then(|()| committed.map_err(CommitFailed::of_change));
                    let _ = answer.send(result);
                })
            }
            Request::WasCommitted(id, answer) => {
                let known = self
                    .connection
                    .prepare_cached("SELECT 1 FROM changes WHERE id = ?1")
                    .and_then(|mut statement| statement.exists([&id.0[..]]));
                held(known, answer)
            }
            Request::Lease { topic, now, until, limit, answer } => {
                held(self.lease(topic, now, until, limit), answer)
            }
            Request::Release { sequence, lease_count, deliver_at, answer } => {
                held(self.release(sequence, lease_count, deliver_at), answer)
            }
            Request::Reset(answer) => {
                let emptied = self.connection.execute_batch(
                    "DELETE FROM documents; DELETE FROM entries; DELETE FROM messages; DELETE FROM changes;
                     UPDATE watermark SET at = 0; DELETE FROM sqlite_sequence;",
                );
                *latest = None;
                held(emptied, answer)
            }
        }
    }

    /// Applies one change set inside the batch, whole or not at all: whatever is not as expected is
    /// found before the first write, and an engine's error in the middle takes the savepoint back.
    fn apply_change(&self, change: &ChangeSet) -> Result<(), CommitError> {
        let unavailable = |error: rusqlite::Error| CommitError::Unavailable(error.to_string());
        let mut rows = Vec::with_capacity(change.write.len());
        for (key, expect) in &change.require {
            if !self.found(key).map_err(unavailable)?.is_as_expected(*expect) {
                return Err(CommitError::Conflict);
            }
        }
        for write in &change.write {
            let found = self.found(&write.key).map_err(unavailable)?;
            if !found.is_as_expected(write.expect) {
                return Err(CommitError::Conflict);
            }
            rows.push(found);
        }
        self.run_cached("SAVEPOINT change").map_err(unavailable)?;
        let written = self.write_change(change, rows);
        if let Err(error) = written {
            let _ = self.connection.execute_batch("ROLLBACK TO change; RELEASE change");
            return Err(unavailable(error));
        }
        self.run_cached("RELEASE change").map_err(unavailable)
    }

    fn write_change(&self, change: &ChangeSet, rows: Vec<Found>) -> rusqlite::Result<()> {
        for (write, found) in change.write.iter().zip(rows) {
            self.write_document(write, found)?;
        }
        for message in &change.append {
            self.cached("INSERT INTO messages (topic, subject, deliver_at, lease_count, bytes) VALUES (?1, ?2, ?3, 0, ?4)")?
                .execute(params![
                    message.topic,
                    message.subject,
                    message.deliver_at.map(Timestamp::as_millis),
                    &message.bytes[..]
                ])?;
        }
        self.cached("INSERT INTO changes (at, id) VALUES (?1, ?2)")?
            .execute(params![change.at.as_millis(), &change.id.0[..]])?;
        Ok(())
    }

    fn write_document(&self, write: &Write, found: Found) -> rusqlite::Result<()> {
        let Write { key, content, .. } = write;
        let Some(content) = content else {
            if let Found::There { row, entries, .. } = found {
                self.cached("DELETE FROM documents WHERE row = ?1")?.execute([row])?;
                self.replace_entries(key, &entries, &[])?;
            }
            return Ok(());
        };
        let due_at = content.due_at.map(Timestamp::as_millis);
        let entries = encode_entries(&content.index);
        match found {
            Found::There { row, version, entries: old } => {
                self.cached("UPDATE documents SET version = ?2, format = ?3, due_at = ?4, entries = ?5, bytes = ?6 WHERE row = ?1")?
                    .execute(params![row, signed(version.0) + 1, content.format, due_at, entries, &content.bytes[..]])?;
                self.replace_entries(key, &old, &content.index)
            }
            Found::Absent => {
                self.cached("INSERT INTO documents (collection, id, version, format, due_at, entries, bytes) VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6)")?
                    .execute(params![key.collection, key.id, content.format, due_at, entries, &content.bytes[..]])?;
                self.replace_entries(key, &[], &content.index)
            }
        }
    }

    fn replace_entries(
        &self,
        key: &Key,
        old: &[(String, String)],
        new: &[IndexEntry],
    ) -> rusqlite::Result<()> {
        let kept =
            |name: &str, value: &str| new.iter().any(|entry| entry.index == name && entry.value == value);
        for (name, value) in old.iter().filter(|(name, value)| !kept(name, value)) {
            self.cached(
                "DELETE FROM entries WHERE name = ?1 AND value = ?2 AND id = ?3 AND collection = ?4",
            )?
            .execute(params![name, value, key.id, key.collection])?;
        }
        let had =
            |entry: &IndexEntry| old.iter().any(|(name, value)| entry.index == name && entry.value == *value);
        for entry in new.iter().filter(|entry| !had(entry)) {
            self.cached(
                "INSERT OR IGNORE INTO entries (name, value, id, collection) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![entry.index, entry.value, key.id, key.collection])?;
        }
        Ok(())
    }

    fn run_cached(&self, sql: &str) -> rusqlite::Result<()> {
        self.cached(sql)?.execute([]).map(|_| ())
    }

    fn cached(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }

    fn found(&self, key: &Key) -> rusqlite::Result<Found> {
        let mut statement =
            self.cached("SELECT row, version, entries FROM documents WHERE id = ?1 AND collection = ?2")?;
        let found = statement
            .query_row(params![key.id, key.collection], |row| {
                let entries = row.get_ref(2)?.as_blob_or_null()?.unwrap_or_default();
                Ok(Found::There {
                    row: row.get(0)?,
                    version: Version(number(row.get(1)?)?),
                    entries: decode_entries(entries),
                })
            })
            .optional()?;
        Ok(found.unwrap_or(Found::Absent))
    }

    fn lease(
        &self,
        topic: &str,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> rusqlite::Result<Vec<Message>> {
        let mut leased = rows::deliverable(&self.connection, topic, now, limit)?;
        for message in &mut leased {
            message.lease_count = message.lease_count.saturating_add(1);
            self.cached("UPDATE messages SET deliver_at = ?2, lease_count = ?3 WHERE sequence = ?1")?
                .execute(params![signed(message.sequence), until.as_millis(), message.lease_count])?;
        }
        Ok(leased)
    }

    fn release(
        &self,
        sequence: u64,
        lease_count: u32,
        deliver_at: Option<Timestamp>,
    ) -> rusqlite::Result<bool> {
        let released = self
            .cached(
                "UPDATE messages SET deliver_at = ?3
                 WHERE sequence = ?1 AND lease_count = ?2 AND lease_count > 0 AND deliver_at IS NOT NULL",
            )?
            .execute(params![signed(sequence), lease_count, deliver_at.map(Timestamp::as_millis)])?;
        Ok(released == 1)
    }

    /// Now and then, between two batches: lets the log be moved, and forgets change ids of more than
    /// a day ago. What fails here is made up for the next time.
    fn keep_house(&mut self) {
        if self.written < HOUSEKEEPING {
            return;
        }
        self.written = 0;
        let forgotten = rows::watermark(&self.connection).and_then(|watermark| {
            self.cached(
                "DELETE FROM changes
                 WHERE sequence <= (SELECT min(sequence) FROM changes) + ?2 AND at < ?1",
            )?
            .execute(params![watermark.minus(DAY).as_millis(), signed(FORGOTTEN_AT_ONCE)])
        });
        if let Err(error) = forgotten {
            tracing::warn!(%error, "old change ids could not be forgotten");
        }
        self.checkpointer.wake();
    }
}

/// A document's row as the writer finds it.
enum Found {
    Absent,
    There { row: i64, version: Version, entries: Vec<(String, String)> },
}

impl Found {
    fn is_as_expected(&self, expect: Expect) -> bool {
        match (self, expect) {
            (Self::Absent, Expect::Absent) => true,
            (Self::There { version, .. }, Expect::Version(expected)) => *version == expected,
            (Self::Absent, Expect::Version(_)) | (Self::There { .. }, Expect::Absent) => false,
        }
    }
}

impl CommitFailed {
    fn of_change(&self) -> CommitError {
        match self {
            Self::RolledBack(why) => CommitError::Unavailable(why.clone()),
            Self::Open(why) => CommitError::Indeterminate(why.clone()),
        }
    }
}

impl Request {
    fn refuse(self, why: &str) {
        let unavailable = || StoreError::Unavailable(why.to_owned());
        match self {
            Self::Commit(_, answer) => {
                let _ = answer.send(Err(CommitError::Unavailable(why.to_owned())));
            }
            Self::WasCommitted(_, answer) | Self::Release { answer, .. } => {
                let _ = answer.send(Err(unavailable()));
            }
            Self::Lease { answer, .. } => {
                let _ = answer.send(Err(unavailable()));
            }
            Self::Reset(answer) => {
                let _ = answer.send(Err(unavailable()));
            }
        }
    }
}

/// An answer that counts only if the transaction it was read or written in is committed.
fn held<T: 'static>(result: rusqlite::Result<T>, answer: Answer<T>) -> Held {
    Box::new(move |committed| {
        let result = result.map_err(|error| failed(&error)).and_then(|value| match committed {
            Ok(()) => Ok(value),
            Err(CommitFailed::RolledBack(why) | CommitFailed::Open(why)) => {
                Err(StoreError::Unavailable(why.clone()))
            }
        });
        let _ = answer.send(result);
    })
}

/// Index entries beside the document: each text with its length before it.
fn encode_entries(entries: &[IndexEntry]) -> Option<Vec<u8>> {
    if entries.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for text in entries.iter().flat_map(|entry| [entry.index, &entry.value]) {
        // The contract's limit keeps every text below 64 KiB.
        bytes.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    Some(bytes)
}

fn decode_entries(bytes: &[u8]) -> Vec<(String, String)> {
    let mut rest = bytes;
    let mut texts = Vec::new();
    while let Some((len, tail)) = rest.split_first_chunk::<2>() {
        let Some((text, tail)) = tail.split_at_checked(usize::from(u16::from_be_bytes(*len))) else { break };
        texts.push(String::from_utf8_lossy(text).into_owned());
        rest = tail;
    }
    texts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}
