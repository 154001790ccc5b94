//! Wakes the timers' loop when a timer is set that is earlier than the one it waits for, and leaves it
//! alone otherwise: nearly every request sets a timer a day ahead.

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
    /// Whatever timer is set rings from now on: the loop is looking, and might not see it.
    pub(crate) fn ring_for_any(&self) {
        self.rings_before.store(i64::MAX, Ordering::SeqCst);
    }

    /// Only timers earlier than this ring from now on: the loop waits until then.
    pub(crate) fn ring_before(&self, due_at: Timestamp) {
        self.rings_before.store(due_at.as_millis(), Ordering::SeqCst);
    }

    /// A timer was set, and its change is durable.
    pub(crate) fn timer_is_set(&self, due_at: Timestamp) {
        if due_at.as_millis() < self.rings_before.load(Ordering::SeqCst) {
            self.ring();
        }
    }

    /// Lets the loop look anew.
    pub(crate) fn ring(&self) {
        self.rung.notify_one();
    }

    /// Completes when it rings, or has rung since it was last waited for.
    pub(crate) async fn rung(&self) {
        self.rung.notified().await;
    }
}
