//! Timers that could not be applied. They are skipped for a while, so that they do not hold up the
//! others.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_store::contract::DueTimer;

/// How long a timer that could not be applied is skipped, before it is tried and logged again.
const STUCK_FOR: Duration = Duration::from_secs(60);

/// Timers that could not be applied.
#[derive(Debug, Default)]
pub(super) struct StuckTimers {
    /// The timers that are skipped, each with the wall clock's instant at which it was last tried.
    left_alone: HashMap<DueTimer, Timestamp>,
    /// The timers of this round that their documents did not ask for.
    unasked: HashSet<DueTimer>,
}

impl StuckTimers {
    pub(super) fn release_all(&mut self) {
        *self = Self::default();
    }

    /// How many timers are skipped.
    pub(super) fn len(&self) -> usize {
        self.left_alone.len()
    }

    pub(super) fn is_left_alone(&self, timer: &DueTimer) -> bool {
        self.left_alone.contains_key(timer)
    }

    /// Releases the timers that are to be tried again. A wall clock that was set back releases them
    /// too.
    pub(super) fn release(&mut self, wall: Timestamp) {
        self.left_alone.retain(|_, tried_at| *tried_at <= wall && wall < tried_at.plus(STUCK_FOR));
        self.unasked.clear();
    }

    pub(super) fn leave_alone(&mut self, timer: &DueTimer, wall: Timestamp) {
        self.left_alone.insert(timer.clone(), wall);
    }

    /// Notes a timer that its document does not ask for: another decision was faster and has set a different
    /// one. If the same timer is found again in this round, it contradicts its document and would be found
    /// forever, so it is skipped.
    pub(super) fn note_unasked(&mut self, timer: &DueTimer, wall: Timestamp) {
        if !self.unasked.insert(timer.clone()) {
            self.leave_alone(timer, wall);
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_store::contract::Key;

    use super::*;
    use crate::stored::checkout_session;

    #[test]
    fn a_timer_that_a_request_was_faster_than_is_left_alone_only_when_it_is_found_again() {
        let at = Timestamp::from_millis(1_795_448_820_000);
        let key = Key { collection: checkout_session::COLLECTION, id: "s".to_owned() };
        let timer = DueTimer { key, due_at: at };
        let mut stuck = StuckTimers::default();
        for _ in 0..2 {
            // Each round begins with this.
            stuck.release(at);
            stuck.note_unasked(&timer, at);
            assert_eq!(stuck.len(), 0);
        }
        stuck.note_unasked(&timer, at);
        assert!(stuck.is_left_alone(&timer));
        stuck.release(at.plus(STUCK_FOR));
        assert_eq!(stuck.len(), 0);
    }
}
