//! What the world has planned for hours or days later. Time leaps over whatever sleeps, but not over a planned instant.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::executor::Executor;

/// The planned instants. Clones share them.
#[derive(Clone)]
pub(crate) struct Calendar {
    executor: Executor,
    instants: Arc<Mutex<BTreeSet<Duration>>>,
}

impl Calendar {
    pub(crate) fn new(executor: &Executor) -> Self {
        Self { executor: executor.clone(), instants: Arc::default() }
    }

    /// Waits, however long the time is that the world leaps over meanwhile.
    pub(crate) async fn wait(&self, pause: Duration) {
        let at = self.executor.now().saturating_add(pause);
        self.instants.lock().unwrap_or_else(PoisonError::into_inner).insert(at);
        self.executor.sleep(pause).await;
    }

    /// The time until the next planned instant.
    pub(crate) fn until_next(&self) -> Option<Duration> {
        let now = self.executor.now();
        let mut instants = self.instants.lock().unwrap_or_else(PoisonError::into_inner);
        // What is past is not needed any more.
        *instants = instants.split_off(&now);
        let next = instants.range((Bound::Excluded(now), Bound::Unbounded)).next();
        next.map(|at| at.saturating_sub(now))
    }
}
