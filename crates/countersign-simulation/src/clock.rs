//! The clocks of the two halves, on top of the executor's time. Each shows a wall time of its own that can be
//! set, but sleeps and measures by a time that cannot be set.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_world::Clock;
use countersign_world::fake::ShiftedClock;
use futures_util::future::BoxFuture;

use crate::executor::Executor;

/// When every world begins: 2026-09-01T12:00:00Z.
pub(crate) const BEGINNING: Timestamp = Timestamp::from_millis(1_788_264_000_000);

/// A half's clock, which shows the true time until it is shifted.
pub(crate) fn half_clock(executor: &Executor) -> ShiftedClock {
    ShiftedClock::over(Arc::new(executor.clone()))
}

impl Clock for Executor {
    fn now(&self) -> Timestamp {
        BEGINNING.plus(self.now())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.sleep(duration))
    }

    fn monotonic(&self) -> Duration {
        self.now()
    }
}
