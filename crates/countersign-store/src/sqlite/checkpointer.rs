//! Moves the write-ahead log into the file, from a thread of its own: a commit that did it would make
//! whoever waits for it wait five times as long.
//!
//! While commits go on, the log never ends where the moving ends, so it grows. When it is too long,
//! this thread moves nearly all of it and then asks the writer, who alone can hold up the commits, to
//! let it start anew.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

/// A log file of fewer bytes is left alone.
const WORTHWHILE: u64 = 4 << 20;
/// From so many pages of 4 KiB on, 32 MiB, the log shall start anew: to write over what is there costs half of what
/// it costs to make the file longer.
const TOO_LONG: i64 = 8_192;

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

    /// Says that the log has grown.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // The thread ends only with this sender, so it is there.
            let _ = wake.send(());
        }
    }

    #[cfg(test)]
    pub(super) fn ask_for_restart(&self) {
        self.restart.store(true, Ordering::Relaxed);
    }

    /// Lets the log start anew if that was asked for: on the writer's connection, between commits.
    pub(super) fn restart_log(&self, writer: &Connection) {
        if self.restart.swap(false, Ordering::Relaxed) {
            checkpoint(writer, "PRAGMA wal_checkpoint(RESTART)");
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
            // Once more for what was added meanwhile, so that the writer has little left to do.
            checkpoint(connection, PASSIVE);
            restart.store(true, Ordering::Relaxed);
        }
    }
}

const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// The log's length in pages. A checkpoint that did not come through is made up for by the next.
fn checkpoint(connection: &Connection, statement: &str) -> i64 {
    match connection.query_row(statement, [], |row| row.get(1)) {
        Ok(pages) => pages,
        Err(error) => {
            tracing::warn!(%error, "a checkpoint failed");
            0
        }
    }
}
