//! The clock as a trait, and the machine's own. Only this file reads that clock or waits by it.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use countersign_domain::time::Timestamp;
use futures_util::future::{BoxFuture, Either, select};

/// A clock that can be read and waited for.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock's instant. An administrator can set it, so it may jump, even backwards.
    fn now(&self) -> Timestamp;

    /// Completes when this much time has passed, whatever the wall clock shows.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// The time since a fixed moment. It never runs backwards and never jumps.
    fn monotonic(&self) -> Duration;
}

/// The machine's clocks, and tokio's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    fn now(&self) -> Timestamp {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::UNIX_EPOCH.plus(since_1970.unwrap_or_default())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the file that waits")]
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    /// The time since the process first asked.
    #[expect(clippy::disallowed_methods, reason = "this is the file that reads the clock")]
    fn monotonic(&self) -> Duration {
        static FIRST_ASKED: LazyLock<Instant> = LazyLock::new(Instant::now);
        FIRST_ASKED.elapsed()
    }
}

/// Waits for a future, at most this long. The future is dropped when the limit is reached.
pub async fn within<T>(
    clock: &Arc<dyn Clock>,
    limit: Duration,
    future: impl Future<Output = T>,
) -> Option<T> {
    let future = std::pin::pin!(future);
    match select(future, clock.sleep(limit)).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}
