//! The one file of the binary that reads clocks and waits.

use std::time::{Duration, Instant};

use countersign_client::Clock as _;
use countersign_domain::time::Timestamp;

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    countersign_client::SystemClock.now()
}

/// A clock that measures durations and that nobody can set.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads it")]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// Waits.
pub(crate) async fn sleep(duration: Duration) {
    countersign_client::SystemClock.sleep(duration).await;
}
