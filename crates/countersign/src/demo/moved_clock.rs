//! The merchant half's clock in the demo: the machine's, moved ahead together with Amazon's when a story
//! lets days pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_merchant::clock::{Clock, SystemClock};
use futures_util::future::BoxFuture;

/// A clock that only ever goes ahead. Whoever sleeps does so in real time.
#[derive(Debug, Clone, Default)]
pub(super) struct MovedClock {
    machine: Arc<SystemClock>,
    ahead_ms: Arc<AtomicU64>,
}

impl MovedClock {
    pub(super) fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead_ms.fetch_add(by_ms, Ordering::AcqRel);
    }
}

impl countersign_client::Clock for MovedClock {
    fn now(&self) -> Timestamp {
        self.machine.now().plus(Duration::from_millis(self.ahead_ms.load(Ordering::Acquire)))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.machine.sleep(duration)
    }
}

impl Clock for MovedClock {
    fn monotonic(&self) -> Duration {
        self.machine.monotonic()
    }
}
