//! The one thread that writes. It takes what waits, up to a bound, as one transaction with a
//! savepoint for each request, and answers all of them after the COMMIT.

use std::path::PathBuf;
use std::thread::JoinHandle;

use countersign_domain::time::Timestamp;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use super::apply;
use super::checkpointer::Checkpointer;
use super::failure::{failed, one_line};
use crate::contract::{CHANGE_IDS_KEPT, ChangeId, ChangeSet, CommitError, Message, StoreError};

/// How many requests may wait; a caller beyond that waits to be let in.
const QUEUE: usize = 4_096;
/// How many requests one transaction takes: as long as the disk is busy, more gather.
const BATCH: usize = 1_024;
/// After so many written change sets old change ids are forgotten, and the log is looked at.
const HOUSEKEEPING: u64 = 1_024;

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
            Writing { connection, checkpointer, written: 0, undone: None, stopped: None }.run(waiting);
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
    /// Change sets since the last housekeeping.
    written: u64,
    /// Set when one request could not be taken back by itself, or SQLite took back the whole
    /// transaction: then nothing of the batch may be committed.
    undone: Option<String>,
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
        let begun = match &self.stopped {
            Some(why) => Err(why.clone()),
            None => self.begin().map_err(|error| one_line(&error)),
        };
        if let Err(why) = begun {
            batch.drain(..).for_each(|request| request.refuse(&why));
            return;
        }
        let mut held: Vec<Held> = Vec::with_capacity(batch.len());
        let mut latest: Option<Timestamp> = None;
        let mut requests = batch.drain(..);
        while self.undone.is_none()
            && let Some(request) = requests.next()
        {
            held.push(self.apply(request, &mut latest));
            // A read that fails can make SQLite take back the transaction too.
            if self.connection.is_autocommit() {
                self.undone.get_or_insert_with(|| "the transaction was taken back".to_owned());
            }
        }
        let committed = self.finish(latest);
        for answer in held {
            answer(committed.as_ref().copied());
        }
        let Err(failed) = committed else { return };
        let (CommitFailed::RolledBack(why) | CommitFailed::Open(why)) = &failed;
        requests.for_each(|request| request.refuse(why));
        match failed {
            CommitFailed::RolledBack(why) => tracing::warn!(why, "nothing of a transaction was committed"),
            CommitFailed::Open(why) => {
                tracing::error!(why, "a commit's fate is open: the store stops, start it anew");
                self.stopped = Some(format!("the store stopped after a failed commit: {why}"));
            }
        }
    }

    fn begin(&self) -> rusqlite::Result<()> {
        if !self.connection.is_autocommit() {
            apply::run(&self.connection, "ROLLBACK")?;
        }
        apply::run(&self.connection, "BEGIN IMMEDIATE")
    }

    fn finish(&mut self, latest: Option<Timestamp>) -> Result<(), CommitFailed> {
        let due = self.written >= HOUSEKEEPING;
        let prepared = match self.undone.take() {
            Some(why) => Err(why),
            None => self.before_commit(latest, due).map_err(|error| one_line(&error)),
        };
        if let Err(why) = prepared {
            self.roll_back();
            return Err(CommitFailed::RolledBack(why));
        }
        if let Err(error) = apply::run(&self.connection, "COMMIT") {
            // With these SQLite has not written the log's last page: the transaction is taken back.
            let untouched = matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::DiskFull
                        | ErrorCode::ReadOnly
                )
            );
            let why = one_line(&error);
            return Err(if self.roll_back() && untouched {
                CommitFailed::RolledBack(why)
            } else {
                CommitFailed::Open(why)
            });
        }
        if due {
            self.written = 0;
            self.checkpointer.wake();
        }
        self.checkpointer.restart_log(&self.connection);
        Ok(())
    }

    fn before_commit(&self, latest: Option<Timestamp>, housekeeping: bool) -> rusqlite::Result<()> {
        if let Some(latest) = latest {
            apply::raise_watermark(&self.connection, latest)?;
        }
        if housekeeping {
            apply::forget_changes(&self.connection, CHANGE_IDS_KEPT)?;
        }
        Ok(())
    }

    /// Whether no transaction is open any more. One that cannot be closed now is closed before the
    /// next begins.
    fn roll_back(&self) -> bool {
        self.connection.is_autocommit() || apply::run(&self.connection, "ROLLBACK").is_ok()
    }

    fn apply(&mut self, request: Request, latest: &mut Option<Timestamp>) -> Held {
        match request {
            Request::Commit(change, answer) => {
                let at = change.at;
                let applied = self.apply_change(&change);
                if applied.is_ok() {
                    *latest = (*latest).max(Some(at));
                    self.written = self.written.saturating_add(1);
                }
                Box::new(move |committed| {
                    let result = applied.and_then(|()| committed.map_err(CommitFailed::of_change));
                    let _ = answer.send(result);
                })
            }
            Request::WasCommitted(id, answer) => held(apply::was_committed(&self.connection, &id.0), answer),
            Request::Lease { topic, now, until, limit, answer } => {
                let leased =
                    self.in_savepoint(|connection| apply::lease(connection, topic, now, until, limit));
                held(leased, answer)
            }
            Request::Release { sequence, lease_count, deliver_at, answer } => {
                let released = self
                    .in_savepoint(|connection| apply::release(connection, sequence, lease_count, deliver_at));
                held(released, answer)
            }
            Request::Reset(answer) => {
                let emptied = self.in_savepoint(apply::reset);
                if emptied.is_ok() {
                    *latest = None;
                }
                held(emptied, answer)
            }
        }
    }

    /// Applies one change set inside the batch: whatever is not as expected is found before the
    /// first write.
    fn apply_change(&mut self, change: &ChangeSet) -> Result<(), CommitError> {
        let unavailable = |error: rusqlite::Error| CommitError::Unavailable(one_line(&error));
        let Some(rows) = apply::find(&self.connection, change).map_err(unavailable)? else {
            return Err(CommitError::Conflict);
        };
        self.in_savepoint(|connection| apply::write(connection, change, rows)).map_err(unavailable)
    }

    /// Writes whole or not at all, whatever becomes of the others in the batch.
    fn in_savepoint<T>(
        &mut self,
        write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        apply::run(&self.connection, "SAVEPOINT request")?;
        let written = write(&self.connection);
        let taken_back = match &written {
            Ok(_) => Ok(()),
            Err(_) => apply::run(&self.connection, "ROLLBACK TO request"),
        };
        match taken_back.and_then(|()| apply::run(&self.connection, "RELEASE request")) {
            Ok(()) => written,
            Err(error) => {
                let why = written.as_ref().err().unwrap_or(&error);
                self.undone = Some(one_line(why));
                Err(written.err().unwrap_or(error))
            }
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
        fn unavailable<T>(answer: Answer<T>, why: &str) {
            let _ = answer.send(Err(StoreError::Unavailable(why.to_owned())));
        }
        match self {
            Self::Commit(_, answer) => {
                let _ = answer.send(Err(CommitError::Unavailable(why.to_owned())));
            }
            Self::WasCommitted(_, answer) | Self::Release { answer, .. } => unavailable(answer, why),
            Self::Lease { answer, .. } => unavailable(answer, why),
            Self::Reset(answer) => unavailable(answer, why),
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::schema;
    use super::*;
    use crate::contract::{Content, Expect, Key, Write};

    /// A writer without its thread, on a file of its own.
    fn writing() -> (tempfile::TempDir, Writing) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let mut connection = Connection::open(&path).unwrap();
        schema::migrate(&mut connection, &path, schema::MIGRATIONS).unwrap();
        let checkpointer = Checkpointer::start(Connection::open(&path).unwrap(), path).unwrap();
        (directory, Writing { connection, checkpointer, written: 0, undone: None, stopped: None })
    }

    fn creation(number: u8, len: usize) -> ChangeSet {
        let content =
            Content { format: 1, bytes: Bytes::from(vec![0; len]), due_at: None, index: Vec::new() };
        let key = Key { collection: "charge", id: number.to_string() };
        let write = vec![Write { key, expect: Expect::Absent, content: Some(content) }];
        let at = Timestamp::from_millis(1);
        ChangeSet { id: ChangeId([number; 16]), at, require: Vec::new(), write, append: Vec::new() }
    }

    /// Commits as one transaction, and tells who was answered what.
    fn commit(
        writing: &mut Writing,
        changes: impl IntoIterator<Item = ChangeSet>,
    ) -> Vec<Result<(), CommitError>> {
        let (mut batch, mut answers) = (Vec::new(), Vec::new());
        for change in changes {
            let (answer, answered) = oneshot::channel();
            batch.push(Request::Commit(change, answer));
            answers.push(answered);
        }
        writing.write(&mut batch);
        answers.into_iter().map(|answered| answered.blocking_recv().unwrap()).collect()
    }

    fn documents(writing: &Writing) -> String {
        let sql = "SELECT group_concat(id ORDER BY row) FROM documents";
        writing.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_full_disk_refuses_what_does_not_fit_and_is_done_with_when_there_is_room() {
        let (_directory, mut writing) = writing();
        let pages: u32 = writing.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let limit = |writing: &Writing, pages: u32| {
            let set = format!("PRAGMA max_page_count = {pages}");
            writing.connection.query_row(&set, [], |_| Ok(())).unwrap();
        };
        limit(&writing, pages + 50);
        let answers = commit(&mut writing, [creation(1, 10), creation(2, 1 << 20), creation(3, 10)]);
        let full = CommitError::Unavailable("database or disk is full".to_owned());
        assert_eq!(answers[1], Err(full));
        // Those beside it share its fate or not, as SQLite has it, but never hear what is not so.
        let said_yes = [1, 3].iter().zip([&answers[0], &answers[2]]).filter(|(_, answer)| answer.is_ok());
        let said_yes: Vec<_> = said_yes.map(|(number, _)| number.to_string()).collect();
        let there: Option<String> = writing
            .connection
            .query_row("SELECT group_concat(id ORDER BY row) FROM documents", [], |row| row.get(0))
            .unwrap();
        assert_eq!(there.unwrap_or_default(), said_yes.join(","));
        limit(&writing, 1 << 20);
        assert_eq!(commit(&mut writing, [creation(2, 1 << 20), creation(4, 10)]), [Ok(()), Ok(())]);
        assert!(documents(&writing).ends_with("2,4"));
    }

    #[test]
    fn a_transaction_that_was_left_open_is_closed_before_the_next() {
        let (_directory, mut writing) = writing();
        writing.connection.execute_batch("BEGIN; UPDATE watermark SET at = 77").unwrap();
        assert_eq!(commit(&mut writing, [creation(1, 10)]), [Ok(())]);
        assert_eq!(documents(&writing), "1");
        assert_eq!(super::super::rows::watermark(&writing.connection), Ok(Timestamp::from_millis(1)));
    }

    #[test]
    fn old_change_ids_are_forgotten_and_the_last_are_kept() {
        let (_directory, writing) = writing();
        for number in 0..10_u8 {
            writing.connection.execute("INSERT INTO changes (id) VALUES (?1)", [[number; 16]]).unwrap();
        }
        apply::forget_changes(&writing.connection, 4).unwrap();
        let known = |number: u8| apply::was_committed(&writing.connection, &[number; 16]).unwrap();
        assert!((0..10).map(known).eq((0..10).map(|number| number >= 6)));
    }

    #[test]
    fn a_log_that_was_asked_to_starts_anew() {
        let (_directory, mut writing) = writing();
        let pages = |writing: &Writing| -> i64 {
            let sql = "PRAGMA wal_checkpoint(PASSIVE)";
            writing.connection.query_row(sql, [], |row| row.get(1)).unwrap()
        };
        commit(&mut writing, (0..100).map(|number| creation(number, 4_000)));
        let long = pages(&writing);
        commit(&mut writing, [creation(100, 10)]);
        writing.checkpointer.ask_for_restart();
        commit(&mut writing, [creation(101, 10)]);
        commit(&mut writing, [creation(102, 10)]);
        assert!(long > 100 && pages(&writing) < 20, "{long} {}", pages(&writing));
    }
}
