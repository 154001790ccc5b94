//! A store that can hold up its commits and one read, and that counts how many times each document
//! is read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use countersign_store::intercept::{Call, Fault, Hook, InterceptedStore};
use countersign_store::memory::MemoryStore;
use tokio::sync::Notify;

pub(crate) type GatedStore = InterceptedStore<Gate>;

pub(crate) fn gated_store() -> Arc<GatedStore> {
    Arc::new(InterceptedStore::new(Arc::new(MemoryStore::new()), Gate::default()))
}

#[derive(Default)]
pub(crate) struct Gate {
    closed: AtomicBool,
    opened: Notify,
    loaded: Mutex<Vec<String>>,
    held: Mutex<Option<String>>,
}

impl Gate {
    /// Holds up every commit from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Holds up the next read of the document of this id.
    pub(crate) fn hold_next_load_of(&self, id: &str) {
        *self.held.lock().unwrap() = Some(id.to_owned());
    }

    /// Releases everything that is held up, and holds up nothing more.
    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
        self.opened.notify_waiters();
    }

    /// How many times the document with this id was read.
    pub(crate) fn times_loaded(&self, id: &str) -> usize {
        self.loaded.lock().unwrap().iter().filter(|loaded| *loaded == id).count()
    }
}

impl Hook for Gate {
    async fn before(&self, call: Call<'_>) -> Option<Fault> {
        self.loaded.lock().unwrap().extend(call.keys.iter().map(|key| key.id.clone()));
        let is_held = |held: &mut String| call.keys.iter().any(|key| key.id == *held);
        let load_is_held = self.held.lock().unwrap().take_if(is_held).is_some();
        let commit_is_held = call.change.is_some() && self.closed.load(Ordering::SeqCst);
        if load_is_held || commit_is_held {
            self.opened.notified().await;
        }
        None
    }
}
