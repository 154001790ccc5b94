//! The moment of a decision: an instant of the virtual clock that holds until the decision is
//! written. A decision takes its moment before it reads anything. A reset of the sandbox, or a move
//! of its clock, waits until all moments are released, and meanwhile no new one can be taken. So
//! nothing that was read before a reset is written after it, and nothing is decided at an instant
//! that the clock no longer shows.

use countersign_domain::time::Timestamp;
use tokio::sync::RwLockReadGuard;

use super::Book;
use super::refused::StoreFailed;
use crate::clock::VirtualClock;

/// The instant at which one decision is made. It is valid until this is dropped.
#[derive(Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Timestamp,
    _holds: RwLockReadGuard<'a, ()>,
}

impl Book {
    /// Takes a moment. The caller must not take a second one while it has the first: if a reset came between
    /// the two, both would wait forever.
    pub(crate) async fn moment(&self) -> Moment<'_> {
        let holds = self.moments.read().await;
        Moment { now: self.clock.now(), _holds: holds }
    }

    /// Moves the clock, then applies the timers that have become due.
    pub(crate) async fn move_clock(&self, to: impl FnOnce(&VirtualClock)) -> Result<(), StoreFailed> {
        let between_moments = self.moments.write().await;
        to(&self.clock);
        drop(between_moments);
        let applied = self.apply_due().await;
        self.alarm.ring();
        self.outbox_alarm.ring();
        applied.map(|_| ())
    }

    /// Forgets everything, calls `forget` to do the same outside the book, and restarts the ids and
    /// the clock.
    pub(crate) async fn reset(&self, forget: impl FnOnce()) -> Result<(), StoreFailed> {
        let between_moments = self.moments.write().await;
        self.store.reset().await?;
        forget();
        self.endpoints.clear();
        self.recent.clear();
        self.ids.restart();
        self.clock.reset();
        self.give_fixed_endpoints().await?;
        drop(between_moments);
        // Not locked earlier: the holder of this lock may be waiting for a moment.
        self.applying.lock().await.release_all();
        self.alarm.ring();
        self.outbox_alarm.ring();
        Ok(())
    }
}
