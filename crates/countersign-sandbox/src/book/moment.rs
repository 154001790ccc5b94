//! The moment of a decision: an instant of the virtual clock that holds until the decision is written.
//! A moment is taken before anything is read; a reset of the sandbox and a move of its clock wait for
//! those that are taken, and let none be taken meanwhile. So nothing that was read before a reset is
//! written after it, and nothing is decided at an instant that the clock no longer shows.

use countersign_domain::time::Timestamp;
use tokio::sync::RwLockReadGuard;

use super::Book;
use super::refused::StoreFailed;
use crate::clock::VirtualClock;

/// The instant that one decision is made at. It holds for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Timestamp,
    _holds: RwLockReadGuard<'a, ()>,
}

impl Book {
    /// Takes a moment. Nobody takes a second one while they have the first: a reset that waits between
    /// the two would wait forever.
    pub(crate) async fn moment(&self) -> Moment<'_> {
        let holds = self.moments.read().await;
        Moment { now: self.clock.now(), _holds: holds }
    }

    /// Moves the clock, then applies what is due by it.
    pub(crate) async fn move_clock(&self, to: impl FnOnce(&VirtualClock)) -> Result<(), StoreFailed> {
        let between_moments = self.moments.write().await;
        to(&self.clock);
        drop(between_moments);
        let applied = self.apply_due().await;
        self.alarm.ring();
        self.outbox_alarm.ring();
        applied.map(|_| ())
    }

    /// Forgets everything, and lets `forget` do so too for what is not the book's; begins the ids and the
    /// clock anew.
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
        // Not before: while this is held, a moment may be waited for.
        self.applying.lock().await.release_all();
        self.alarm.ring();
        self.outbox_alarm.ring();
        Ok(())
    }
}
