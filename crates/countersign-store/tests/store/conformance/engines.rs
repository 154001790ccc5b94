//! The engines under test, a new one for every test.

use std::sync::Arc;

use countersign_store::contract::Store;
use countersign_store::memory::MemoryStore;
use countersign_store::sqlite::SqliteStore;
use tempfile::TempDir;

/// An engine, and what must live as long as it does.
pub(crate) struct Engine {
    pub(crate) store: Arc<dyn Store>,
    _directory: Option<TempDir>,
}

pub(crate) fn memory() -> Engine {
    Engine { store: Arc::new(MemoryStore::new()), _directory: None }
}

pub(crate) fn sqlite() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("store.db")).unwrap();
    Engine { store: Arc::new(store), _directory: Some(directory) }
}

/// Runs one promise against a new engine.
pub(crate) fn run<F: Future<Output = ()>>(engine: fn() -> Engine, promise: fn(Arc<dyn Store>) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let engine = engine();
    runtime.block_on(promise(Arc::clone(&engine.store)));
    assert_eq!(Arc::strong_count(&engine.store), 1, "a task still holds the store");
}
