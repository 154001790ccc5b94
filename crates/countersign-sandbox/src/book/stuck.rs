//! Timers that could not be applied. They are left alone for a while, so that they hold up no other.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_store::contract::DueTimer;

/// After how long a document that could not be read is tried, and logged, again.
const STUCK_FOR: Duration = Duration::from_secs(60);

/// Timers that could not be applied.
#[derive(Debug, Default)]
pub(super) struct Stuck {
    /// With the machine's instant at which each was tried.
    left_alone: HashMap<DueTimer, Timestamp>,
    /// Those of this round whose documents did not ask for them.
    unasked: HashSet<DueTimer>,
}

impl Stuck {
    pub(super) fn release_all(&mut self) {
        *self = Self::default();
    }

    /// How many are left alone.
    pub(super) fn len(&self) -> usize {
        self.left_alone.len()
    }

    pub(super) fn is_left_alone(&self, timer: &DueTimer) -> bool {
        self.left_alone.contains_key(timer)
    }

    /// Lets those go that are to be tried again. A wall clock that went back frees them too.
    pub(super) fn release(&mut self, wall: Timestamp) {
        self.left_alone.retain(|_, tried_at| *tried_at <= wall && wall < tried_at.plus(STUCK_FOR));
        self.unasked.clear();
    }

    pub(super) fn leave_alone(&mut self, timer: &DueTimer, wall: Timestamp) {
        self.left_alone.insert(timer.clone(), wall);
    }

    /// A timer whose document does not ask for it: another decision was faster and has set another. One
    /// that is found again after that says what its document does not, and would be found forever.
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
        let mut stuck = Stuck::default();
        for _ in 0..2 {
            // Each round begins so.
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
