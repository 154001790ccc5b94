//! Moves the write-ahead log into the file, from a thread of its own: a commit that did it would make
//! whoever waits for it wait five times as long.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;

/// From this size on the log is moved.
const WORTHWHILE: u64 = 4 << 20;
/// From this size on writers are made to wait, so that the log can start anew: a reader that never
/// pauses would let it grow for ever.
const TOO_LARGE: u64 = 256 << 20;

pub(super) struct Checkpointer {
    wake: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(connection: Connection, wal: PathBuf) -> std::io::Result<Self> {
        let (wake, woken) = channel();
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || run(&connection, &wal, &woken))?;
        Ok(Self { wake: Some(wake), thread: Some(thread) })
    }

    /// Says that the log has grown.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake {
            // The thread ends only with this sender, so it is there.
            let _ = wake.send(());
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

fn run(connection: &Connection, wal: &PathBuf, woken: &Receiver<()>) {
    while woken.recv().is_ok() {
        while woken.try_recv().is_ok() {}
        let size = std::fs::metadata(wal).map_or(0, |metadata| metadata.len());
        let statement = match size {
            size if size >= TOO_LARGE => "PRAGMA wal_checkpoint(RESTART)",
            size if size >= WORTHWHILE => "PRAGMA wal_checkpoint(PASSIVE)",
            _ => continue,
        };
        // A checkpoint that did not come through is made up for by the next one.
        if let Err(error) = connection.query_row(statement, [], |_| Ok(())) {
            tracing::warn!(%error, "a checkpoint failed");
        }
    }
}
