//! The clocks of the two halves, over the executor's time: each shows a wall time of its own that
//! somebody may set, and sleeps and counts by a time that nobody can. Also the one look at the real
//! clock, to say how fast a run was.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use futures_util::future::BoxFuture;

use crate::executor::Executor;

/// When every world begins: 2026-09-01T12:00:00Z.
const BEGINNING: Timestamp = Timestamp::from_millis(1_788_264_000_000);

/// A half's clock. Clones show the same.
#[derive(Clone)]
pub(crate) struct HalfClock {
    executor: Executor,
    off_by_ms: Arc<AtomicI64>,
}

impl HalfClock {
    pub(crate) fn new(executor: &Executor) -> Self {
        Self { executor: executor.clone(), off_by_ms: Arc::new(AtomicI64::new(0)) }
    }

    /// Sets how far it is off from now on: ahead, or back for a negative number.
    pub(crate) fn set_off_by(&self, millis: i64) {
        self.off_by_ms.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn wall(&self) -> Timestamp {
        let true_time = BEGINNING.plus(self.executor.now());
        Timestamp::from_millis(true_time.as_millis().saturating_add(self.off_by_ms.load(Ordering::Relaxed)))
    }
}

impl countersign_client::Clock for HalfClock {
    fn now(&self) -> Timestamp {
        self.wall()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.executor.sleep(duration))
    }
}

impl countersign_merchant::clock::Clock for HalfClock {
    fn monotonic(&self) -> Duration {
        self.executor.now()
    }
}

impl countersign_sandbox::clock::Clock for HalfClock {
    fn now(&self) -> Timestamp {
        self.wall()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.executor.sleep(duration))
    }
}

/// Real time, for the speed of a run.
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts one.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// The real time since its start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
