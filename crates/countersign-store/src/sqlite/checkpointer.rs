//! Moves the write-ahead log into the file, on its own thread: if a commit did it, its callers would wait
//! five times as long.
//!
//! While there are commits, the log never ends where a checkpoint ends, so it grows. When it is too long,
//! this thread moves nearly all of it and then asks the writer, which alone can delay commits, to restart the
//! log.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// A log file with fewer bytes is left alone.
const WORTHWHILE: u64 = 4 << 20;
/// The number of pages of 4 KiB (32 MiB in all) from which on the log is to be restarted: overwriting
/// existing pages costs half as much as making the file longer.
const TOO_LONG: i64 = 8_192;
/// How long a restart of the log waits for its readers: enough for reads of this process, which take
/// microseconds. It does not wait for another program that keeps a read open for longer; the next checkpoint
/// asks again.
const RESTART_PATIENCE: Duration = Duration::from_millis(50);

pub(super) struct Checkpointer {
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    restart: Arc<AtomicBool>,
}

impl Checkpointer {
    pub(super) fn start(connection: Connection, wal: PathBuf) -> std::io::Result<Self> {
        let (wake, woken) = channel();
        let restart = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&restart);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || run(&connection, &wal, &woken, &asked))?;
        Ok(Self { wake: Some(wake), thread: Some(thread), restart })
    }

    /// Reports that the log has grown.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // The thread ends only after this sender is dropped, so it still runs.
            let _ = wake.send(());
        }
    }

    #[cfg(test)]
    pub(super) fn ask_for_restart(&self) {
        self.restart.store(true, Ordering::Relaxed);
    }

    /// Restarts the log if that was asked for: on the writer's connection, between commits. The answers of
    /// the last commit wait for it, so it waits for readers at most [`RESTART_PATIENCE`]; otherwise this
    /// connection waits for locks for `patience`.
    pub(super) fn restart_log(&self, writer: &Connection, patience: Duration) {
        if self.restart.swap(false, Ordering::Relaxed) {
            waiting_for(writer, RESTART_PATIENCE);
            checkpoint(writer, "PRAGMA wal_checkpoint(RESTART)");
            waiting_for(writer, patience);
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(connection: &Connection, wal: &Path, woken: &Receiver<()>, restart: &AtomicBool) {
    while woken.recv().is_ok() {
        while woken.try_recv().is_ok() {}
        if std::fs::metadata(wal).map_or(0, |metadata| metadata.len()) < WORTHWHILE {
            continue;
        }
        if checkpoint(connection, PASSIVE) >= TOO_LONG {
            // A second checkpoint, for what was added in the meantime, leaves the writer little to do.
            checkpoint(connection, PASSIVE);
            restart.store(true, Ordering::Relaxed);
        }
    }
}

fn waiting_for(connection: &Connection, patience: Duration) {
    if let Err(error) = connection.busy_timeout(patience) {
        tracing::warn!(%error, "the lock timeout of a connection could not be set");
    }
}

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// The log's length in pages. If a checkpoint fails, the next one makes up for it.
fn checkpoint(connection: &Connection, statement: &str) -> i64 {
    match connection.query_row(statement, [], |row| row.get(1)) {
        Ok(pages) => pages,
        Err(error) => {
            tracing::warn!(%error, "a checkpoint of the write-ahead log failed; it will be tried again");
            0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_start_of_the_log_leaves_the_writer_its_patience() {
        let (writer, checkpoints) =
            (Connection::open_in_memory().unwrap(), Connection::open_in_memory().unwrap());
        let checkpointer = Checkpointer::start(checkpoints, PathBuf::from("no.db-wal")).unwrap();
        checkpointer.ask_for_restart();
        checkpointer.restart_log(&writer, Duration::from_secs(5));
        let patience: i64 = writer.query_row("PRAGMA busy_timeout", [], |row| row.get(0)).unwrap();
        assert_eq!(patience, 5_000);
        assert!(!checkpointer.restart.load(Ordering::Relaxed), "it was done");
    }
}
