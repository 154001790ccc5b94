//! What the sending loop remembers about the messages that it has handled. None of it survives the
//! process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_domain::time::{HOUR, Timestamp};

use crate::book::outbox::LeasedNotice;
use crate::faults::notification::NotificationFault;

/// The largest number of messages whose state is remembered. About any other message the loop knows
/// only what it would know after a restart.
const MAX_REMEMBERED: usize = 10_000;

/// The state of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct MessageProgress {
    /// How many times the message was posted.
    pub(super) attempts: u32,
    /// The instant that its retries count from.
    pub(super) base: Timestamp,
    pub(super) due_at: Timestamp,
    /// Whether the message has been checked for a fault that strikes it.
    pub(super) is_looked_at: bool,
    pub(super) fault: Option<NotificationFault>,
    /// The message was sent before it was due, after another message.
    pub(super) is_done: bool,
}

impl From<&LeasedNotice> for MessageProgress {
    /// The state of a message that this process has not handled. If the message was leased before,
    /// an earlier process handled it, and may have died before it posted anything.
    fn from(leased: &LeasedNotice) -> Self {
        let (attempts, base) = (leased.attempts, leased.notice.at);
        let due_at = base.plus(HOUR.saturating_mul(attempts));
        let is_looked_at = leased.lease_count > 1;
        Self { attempts, base, due_at, is_looked_at, fault: None, is_done: false }
    }
}

/// The messages that the loop has handled, and those that wait until the next message to the same
/// endpoint is sent.
#[derive(Debug, Default)]
pub(super) struct MessagesInHand(Mutex<InHandState>);

#[derive(Debug, Default)]
struct InHandState {
    /// The messages' states, by sequence number.
    hands: HashMap<u64, MessageProgress>,
    /// The messages that are held, by their endpoint's id.
    held: HashMap<String, Vec<LeasedNotice>>,
}

impl MessagesInHand {
    fn lock(&self) -> MutexGuard<'_, InHandState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn progress(&self, leased: &LeasedNotice) -> MessageProgress {
        self.lock().hands.get(&leased.sequence).copied().unwrap_or_else(|| leased.into())
    }

    pub(super) fn remember(&self, leased: &LeasedNotice, hand: MessageProgress) {
        let hands = &mut self.lock().hands;
        if hands.len() < MAX_REMEMBERED || hands.contains_key(&leased.sequence) {
            hands.insert(leased.sequence, hand);
        }
    }

    pub(super) fn forget(&self, leased: &LeasedNotice) -> Option<MessageProgress> {
        self.lock().hands.remove(&leased.sequence)
    }

    /// Holds a message until the next one to the same endpoint is sent.
    pub(super) fn hold(&self, leased: &LeasedNotice) {
        let held = &mut self.lock().held;
        held.entry(leased.notice.endpoint_id.clone()).or_default().push(leased.clone());
    }

    /// Ends a message's wait, because the message is due and no other has come.
    pub(super) fn unhold(&self, leased: &LeasedNotice) {
        if let Some(held) = self.lock().held.get_mut(&leased.notice.endpoint_id) {
            held.retain(|other| other.sequence != leased.sequence);
        }
    }

    /// Ends the wait of an endpoint's messages, and returns them.
    pub(super) fn take_held(&self, endpoint_id: &str) -> Vec<LeasedNotice> {
        self.lock().held.remove(endpoint_id).unwrap_or_default()
    }

    pub(super) fn clear(&self) {
        *self.lock() = InHandState::default();
    }
}
