//! The moment of a decision: an instant of the virtual clock that holds until the decision is written.
//! Whoever decides takes one before anything is read; whoever resets the sandbox or moves its clock
//! waits for those that are taken, and lets nobody take one meanwhile. So nothing that was read before
//! a reset is written after it, and nothing is decided at an instant that the clock no longer shows.

use countersign_domain::time::Timestamp;
use tokio::sync::RwLockReadGuard;

use super::{App, StoreFailed};
use crate::clock::VirtualClock;

/// The instant that one decision is made at. It holds for as long as this is kept.
#[derive(Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Timestamp,
    _holds: RwLockReadGuard<'a, ()>,
}

impl App {
    /// Takes a moment. Nobody takes a second one while they have the first: a reset that waits between
    /// the two would wait for ever.
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
        self.notices.alarm.ring();
        applied.map(|_| ())
    }

    /// Forgets every object, reply and fault, and begins the ids and the clock anew. Merchants stay.
    pub(crate) async fn reset(&self) -> Result<(), StoreFailed> {
        let between_moments = self.moments.write().await;
        self.store.reset().await?;
        self.faults.clear();
        self.notices.clear();
        self.recent.clear();
        self.ids.restart();
        self.clock.reset();
        self.give_fixed_endpoints().await?;
        drop(between_moments);
        // Not before: who applies what is due waits for a moment while it has this.
        self.applying.lock().await.release_all();
        self.alarm.ring();
        self.notices.alarm.ring();
        Ok(())
    }
}
