//! Wakes the timer loop when a new timer is due before the one that the loop waits for. Other
//! timers do not wake it: nearly every request sets a timer a day ahead.

use std::sync::atomic::{AtomicI64, Ordering};

use countersign_domain::time::Timestamp;
use tokio::sync::Notify;

#[derive(Debug)]
pub(crate) struct Alarm {
    rings_before: AtomicI64,
    rung: Notify,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { rings_before: AtomicI64::new(i64::MAX), rung: Notify::new() }
    }
}

impl Alarm {
    /// From now on every new timer rings: the loop is reading the timers, and might miss a new one.
    pub(crate) fn ring_for_any(&self) {
        self.rings_before.store(i64::MAX, Ordering::SeqCst);
    }

    /// From now on a new timer rings only if it is due before this instant: the loop waits until
    /// then.
    pub(crate) fn ring_before(&self, due_at: Timestamp) {
        self.rings_before.store(due_at.as_millis(), Ordering::SeqCst);
    }

    /// Rings if the loop must see this new timer. Called once the change that set it is durable.
    pub(crate) fn timer_is_set(&self, due_at: Timestamp) {
        if due_at.as_millis() < self.rings_before.load(Ordering::SeqCst) {
            self.ring();
        }
    }

    /// Makes the loop read the timers again.
    pub(crate) fn ring(&self) {
        self.rung.notify_one();
    }

    /// Waits until the alarm rings. Returns immediately if it has rung since the last wait.
    pub(crate) async fn rung(&self) {
        self.rung.notified().await;
    }
}
