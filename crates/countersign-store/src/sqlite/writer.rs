//! The only thread that writes. It takes the waiting requests, up to a limit, as one transaction, and answers
//! all of them after the COMMIT.

use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use countersign_domain::time::Timestamp;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use super::apply::{self, Statements};
use super::checkpointer::Checkpointer;
use super::failure::{failed, one_line};
use crate::contract::{
    CHANGE_IDS_KEPT, ChangeId, ChangeSet, CommitError, Lease, Message, Release, StoreError,
};

/// How long a write waits if another program, such as a backup, has locked the file.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The largest number of requests in the queue; further callers wait until there is room.
const QUEUE: usize = 4_096;
/// The largest number of requests in one transaction: while the disk is busy, more requests gather.
const BATCH: usize = 1_024;
/// After this many written change sets, old change ids are deleted and the length of the log is checked.
const HOUSEKEEPING: u64 = 1_024;

type AnswerSender<T> = oneshot::Sender<Result<T, StoreError>>;

pub(super) enum Request {
    Commit(ChangeSet, oneshot::Sender<Result<(), CommitError>>),
    WasCommitted(ChangeId, AnswerSender<bool>),
    Lease(Lease, AnswerSender<Vec<Message>>),
    Release(Release, AnswerSender<bool>),
    Reset(AnswerSender<()>),
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
        let writing = WriterState::new(connection, checkpointer).map_err(std::io::Error::other)?;
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writing.run(waiting))?;
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
        // The request was taken, and its answer was lost with the thread: it may have been applied.
        answered.await.unwrap_or_else(|_| Err(CommitError::Indeterminate(STOPPED.to_owned())))
    }

    pub(super) async fn ask<T>(
        &self,
        request: impl FnOnce(AnswerSender<T>) -> Request,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        if !self.send(request(answer)).await {
            return Err(StoreError::Unavailable(STOPPED.to_owned()));
        }
        answered.await.unwrap_or_else(|_| Err(StoreError::Unavailable(STOPPED.to_owned())))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The thread finishes the requests that it has, and ends when no more can arrive.
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct WriterState {
    connection: Connection,
    checkpointer: Checkpointer,
    /// The sequence of the latest message.
    sequence: i64,
    /// Change sets since the last housekeeping.
    written: u64,
    /// Set by a COMMIT that failed in a way that leaves its effect unknown. What is read afterwards may come
    /// from memory and not from the disk: only reopening the store shows which.
    stopped: Option<String>,
}

/// The result of a request inside its transaction. It counts once the transaction is committed.
enum RequestOutcome {
    Applied,
    Conflict,
    WasCommitted(bool),
    Leased(Vec<Message>),
    Released(bool),
    Emptied,
}

/// Why the requests of a transaction have no results.
enum TransactionFailed {
    /// It could not start. Nothing was applied.
    NotBegun(String),
    /// One request could not be applied, and all of them were rolled back.
    AtRequest(rusqlite::Error),
    /// SQLite refused the COMMIT and rolled back. Nothing was applied.
    RolledBack(String),
    /// The log's fsync, or a write to it, failed. It is not known whether anything was applied.
    Open(String),
}

impl WriterState {
    fn new(connection: Connection, checkpointer: Checkpointer) -> rusqlite::Result<Self> {
        let sequence = apply::latest_sequence(&connection)?;
        Ok(Self { connection, checkpointer, sequence, written: 0, stopped: None })
    }

    fn run(mut self, mut waiting: mpsc::Receiver<Request>) {
        let mut batch = Vec::with_capacity(BATCH);
        while waiting.blocking_recv_many(&mut batch, BATCH) > 0 {
            self.write(&mut batch);
        }
    }

    /// Writes a batch as one transaction and answers its requests.
    ///
    /// One request that cannot be applied must not affect the others. A savepoint for each would copy every
    /// page that it touches, so there is none: if one fails, all are undone, and each is written again in its
    /// own transaction.
    fn write(&mut self, batch: &mut Vec<Request>) {
        match self.transaction(batch) {
            Err(TransactionFailed::AtRequest(_)) if batch.len() > 1 => self.write_one_by_one(batch),
            outcomes => self.answer(batch.drain(..), outcomes),
        }
    }

    fn write_one_by_one(&mut self, batch: &mut Vec<Request>) {
        let mut not_begun: Option<String> = None;
        for request in batch.drain(..) {
            if let Some(why) = &not_begun {
                // Each of the other requests could wait for a lock as long as the first one did, so they are
                // refused.
                request.refuse(why);
                continue;
            }
            let outcomes = self.transaction(std::slice::from_ref(&request));
            if let Err(TransactionFailed::NotBegun(why)) = &outcomes {
                not_begun = Some(why.clone());
            }
            self.answer([request].into_iter(), outcomes);
        }
    }

    fn answer(
        &mut self,
        requests: impl Iterator<Item = Request>,
        outcomes: Result<Vec<RequestOutcome>, TransactionFailed>,
    ) {
        match outcomes {
            Ok(outcomes) => requests.zip(outcomes).for_each(|(request, outcome)| request.answer(outcome)),
            Err(TransactionFailed::NotBegun(why)) => requests.for_each(|request| request.refuse(&why)),
            Err(TransactionFailed::AtRequest(error)) => requests.for_each(|request| request.fail(&error)),
            Err(TransactionFailed::RolledBack(why)) => {
                tracing::warn!(why, "a transaction was rolled back; nothing was committed");
                requests.for_each(|request| request.refuse(&why));
            }
            Err(TransactionFailed::Open(why)) => {
                tracing::error!(
                    why,
                    "it is unknown whether a commit took effect: the store has stopped; restart the server"
                );
                requests.for_each(|request| request.leave_open(&why));
                self.stopped = Some(format!("the store stopped after a failed commit: {why}"));
            }
        }
    }

    /// Applies requests in one transaction, completely or not at all. Returns an outcome for each.
    fn transaction(&mut self, requests: &[Request]) -> Result<Vec<RequestOutcome>, TransactionFailed> {
        if let Some(why) = &self.stopped {
            return Err(TransactionFailed::NotBegun(why.clone()));
        }
        self.begin().map_err(|error| TransactionFailed::NotBegun(one_line(&error)))?;
        let housekeeping = self.is_housekeeping_due();
        let applied = self.apply_all(requests);
        let (outcomes, sequence) = applied.map_err(|error| {
            self.roll_back();
            TransactionFailed::AtRequest(error)
        })?;
        self.commit()?;
        self.sequence = sequence;
        let applied = outcomes.iter().filter(|outcome| matches!(outcome, RequestOutcome::Applied)).count();
        self.written = self.written.saturating_add(applied as u64);
        if housekeeping {
            self.written = 0;
            self.checkpointer.wake();
        }
        self.checkpointer.restart_log(&self.connection, PATIENCE);
        Ok(outcomes)
    }

    /// Whether this transaction also cleans up.
    fn is_housekeeping_due(&self) -> bool {
        self.written >= HOUSEKEEPING
    }

    fn begin(&self) -> rusqlite::Result<()> {
        if !self.connection.is_autocommit() {
            apply::run(&self.connection, "ROLLBACK")?;
        }
        apply::run(&self.connection, "BEGIN IMMEDIATE")
    }

    fn commit(&self) -> Result<(), TransactionFailed> {
        let Err(error) = apply::run(&self.connection, "COMMIT") else { return Ok(()) };
        // In these cases SQLite has not written the last page of the log, so the transaction is undone.
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
        Err(if self.roll_back() && untouched {
            TransactionFailed::RolledBack(why)
        } else {
            TransactionFailed::Open(why)
        })
    }

    /// Whether no transaction is open any more. One that cannot be closed now is closed before the next one
    /// starts.
    fn roll_back(&self) -> bool {
        self.connection.is_autocommit() || apply::run(&self.connection, "ROLLBACK").is_ok()
    }

    /// The outcomes, and the sequence of the latest message after them.
    fn apply_all(&self, requests: &[Request]) -> rusqlite::Result<(Vec<RequestOutcome>, i64)> {
        let connection = &self.connection;
        let mut statements = Statements::prepare(connection)?;
        let mut sequence = self.sequence;
        let mut latest: Option<Timestamp> = None;
        let mut outcomes = Vec::with_capacity(requests.len());
        for request in requests {
            outcomes.push(match request {
                Request::Commit(change, _) => {
                    // Everything that is not as expected is found before the first write.
                    match statements.find(change)? {
                        None => RequestOutcome::Conflict,
                        Some(rows) => {
                            statements.write(change, rows, &mut sequence)?;
                            latest = latest.max(Some(change.at));
                            RequestOutcome::Applied
                        }
                    }
                }
                Request::WasCommitted(id, _) => {
                    RequestOutcome::WasCommitted(apply::was_committed(connection, &id.0)?)
                }
                Request::Lease(lease, _) => RequestOutcome::Leased(apply::lease(connection, lease)?),
                Request::Release(release, _) => {
                    RequestOutcome::Released(apply::release(connection, release)?)
                }
                Request::Reset(_) => {
                    apply::reset(connection, sequence)?;
                    latest = None;
                    RequestOutcome::Emptied
                }
            });
        }
        if let Some(latest) = latest {
            apply::raise_watermark(connection, latest)?;
        }
        if self.is_housekeeping_due() {
            apply::forget_changes(connection, CHANGE_IDS_KEPT)?;
        }
        Ok((outcomes, sequence))
    }
}

impl Request {
    /// Answers the request after its transaction was committed.
    fn answer(self, outcome: RequestOutcome) {
        match (self, outcome) {
            (Self::Commit(_, answer), RequestOutcome::Applied) => send(answer, Ok(())),
            (Self::Commit(_, answer), RequestOutcome::Conflict) => send(answer, Err(CommitError::Conflict)),
            (Self::WasCommitted(_, answer), RequestOutcome::WasCommitted(was)) => send(answer, Ok(was)),
            (Self::Lease(_, answer), RequestOutcome::Leased(messages)) => send(answer, Ok(messages)),
            (Self::Release(_, answer), RequestOutcome::Released(was)) => send(answer, Ok(was)),
            (Self::Reset(answer), RequestOutcome::Emptied) => send(answer, Ok(())),
            // Each outcome belongs to its own request.
            (request, _) => request.refuse("its outcome is another request's"),
        }
    }

    /// Answers that no part of the request was applied, and why.
    fn refuse(self, why: &str) {
        self.end(|| CommitError::Unavailable(why.to_owned()), || StoreError::Unavailable(why.to_owned()));
    }

    /// Answers that the request could not be applied.
    fn fail(self, error: &rusqlite::Error) {
        self.end(|| CommitError::Unavailable(one_line(error)), || failed(error));
    }

    /// Answers that the request may or may not have been applied.
    fn leave_open(self, why: &str) {
        self.end(|| CommitError::Indeterminate(why.to_owned()), || StoreError::Unavailable(why.to_owned()));
    }

    fn end(self, of_commit: impl FnOnce() -> CommitError, of_others: impl FnOnce() -> StoreError) {
        match self {
            Self::Commit(_, answer) => send(answer, Err(of_commit())),
            Self::WasCommitted(_, answer) | Self::Release(_, answer) => send(answer, Err(of_others())),
            Self::Lease(_, answer) => send(answer, Err(of_others())),
            Self::Reset(answer) => send(answer, Err(of_others())),
        }
    }
}

/// Answers a caller, which may be gone.
fn send<T>(answer: oneshot::Sender<T>, with: T) {
    let _ = answer.send(with);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::schema;
    use super::*;
    use crate::contract::{Content, Expect, Key, Write};

    /// A writer without its thread, on a file of its own.
    fn writing() -> (tempfile::TempDir, WriterState) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let mut connection = Connection::open(&path).unwrap();
        schema::migrate(&mut connection, &path, schema::MIGRATIONS).unwrap();
        let checkpointer = Checkpointer::start(Connection::open(&path).unwrap(), path).unwrap();
        (directory, WriterState::new(connection, checkpointer).unwrap())
    }

    fn creation(number: u8, len: usize) -> ChangeSet {
        let content =
            Content { format: 1, bytes: Bytes::from(vec![0; len]), due_at: None, index: Vec::new() };
        let key = Key { collection: "charge", id: number.to_string() };
        let write = vec![Write { key, expect: Expect::Absent, content: Some(content) }];
        let at = Timestamp::from_millis(1);
        ChangeSet { id: ChangeId([number; 16]), at, require: Vec::new(), write, append: Vec::new() }
    }

    /// Commits as one transaction, and returns what each caller was answered.
    fn commit(
        writing: &mut WriterState,
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

    fn documents(writing: &WriterState) -> String {
        let sql = "SELECT group_concat(id ORDER BY row) FROM documents";
        writing.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_full_disk_refuses_what_does_not_fit_and_is_done_with_when_there_is_room() {
        let (_directory, mut writing) = writing();
        let pages: u32 = writing.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        let limit = |writing: &WriterState, pages: u32| {
            let set = format!("PRAGMA max_page_count = {pages}");
            writing.connection.query_row(&set, [], |_| Ok(())).unwrap();
        };
        limit(&writing, pages + 50);
        let answers = commit(&mut writing, [creation(1, 10), creation(2, 1 << 20), creation(3, 10)]);
        let full = CommitError::Unavailable("database or disk is full".to_owned());
        assert_eq!(answers, [Ok(()), Err(full), Ok(())]);
        assert_eq!(documents(&writing), "1,3");
        limit(&writing, 1 << 20);
        assert_eq!(commit(&mut writing, [creation(2, 1 << 20), creation(4, 10)]), [Ok(()), Ok(())]);
        assert_eq!(documents(&writing), "1,3,2,4");
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
        let pages = |writing: &WriterState| -> i64 {
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
