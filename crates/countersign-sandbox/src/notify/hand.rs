//! What the loop that sends knows of the messages that it has had in hand. A process that dies loses it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_domain::time::{HOUR, Timestamp};

use crate::book::outbox::Leased;
use crate::faults::notification::NotificationFault;

/// Of how many messages it is remembered what their state is. Of more, a restart's knowledge must do.
const MAX_REMEMBERED: usize = 10_000;

/// The state of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hand {
    /// How often it was posted.
    pub(super) attempts: u32,
    /// What its retries count from.
    pub(super) base: Timestamp,
    pub(super) due_at: Timestamp,
    /// It was looked at for faults.
    pub(super) is_looked_at: bool,
    pub(super) fault: Option<NotificationFault>,
    /// It was sent before its time, behind another.
    pub(super) is_done: bool,
}

impl From<&Leased> for Hand {
    /// What a process knows of a message that it has not had in hand. An earlier one has, if it was leased
    /// before, and may have died before it posted anything.
    fn from(leased: &Leased) -> Self {
        let (attempts, base) = (leased.attempts, leased.notice.at);
        let due_at = base.plus(HOUR.saturating_mul(attempts));
        let is_looked_at = leased.lease_count > 1;
        Self { attempts, base, due_at, is_looked_at, fault: None, is_done: false }
    }
}

/// The messages that were in hand, and those that wait for the next one of their endpoint.
#[derive(Debug, Default)]
pub(super) struct Hands(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    /// By sequence.
    hands: HashMap<u64, Hand>,
    /// By endpoint.
    held: HashMap<String, Vec<Leased>>,
}

impl Hands {
    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn of(&self, leased: &Leased) -> Hand {
        self.lock().hands.get(&leased.sequence).copied().unwrap_or_else(|| leased.into())
    }

    pub(super) fn remember(&self, leased: &Leased, hand: Hand) {
        let hands = &mut self.lock().hands;
        if hands.len() < MAX_REMEMBERED || hands.contains_key(&leased.sequence) {
            hands.insert(leased.sequence, hand);
        }
    }

    pub(super) fn forget(&self, leased: &Leased) -> Option<Hand> {
        self.lock().hands.remove(&leased.sequence)
    }

    /// It waits for the next one of its endpoint.
    pub(super) fn hold(&self, leased: &Leased) {
        let held = &mut self.lock().held;
        held.entry(leased.notice.endpoint_id.clone()).or_default().push(leased.clone());
    }

    /// Its time has come without another.
    pub(super) fn unhold(&self, leased: &Leased) {
        if let Some(held) = self.lock().held.get_mut(&leased.notice.endpoint_id) {
            held.retain(|other| other.sequence != leased.sequence);
        }
    }

    /// What waits for the next one of an endpoint waits no more.
    pub(super) fn take_held(&self, endpoint_id: &str) -> Vec<Leased> {
        self.lock().held.remove(endpoint_id).unwrap_or_default()
    }

    pub(super) fn clear(&self) {
        *self.lock() = Remembered::default();
    }
}
