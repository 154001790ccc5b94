//! What was sent, newest last, for whoever asks the control API; and for whoever waits until a
//! notification has been sent. Not kept across a restart.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_domain::time::Timestamp;
use http::StatusCode;
use tokio::sync::Notify;

use super::NotDelivered;
use crate::stored::notification::Letter;

/// How many are listed.
pub(crate) const MAX_LISTED: usize = 1_000;

/// What became of a notification at one attempt, or instead of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The endpoint has taken it.
    Delivered(StatusCode),
    /// It answered otherwise.
    Refused(StatusCode),
    /// It answered nothing.
    NotDelivered(NotDelivered),
    /// The envelope could not be signed.
    Unsigned,
    /// An ordered fault: it is never sent.
    Dropped,
    /// An ordered fault: it is sent later.
    PutOff,
}

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// By the virtual clock.
    pub(crate) at: Timestamp,
    pub(crate) endpoint_id: String,
    pub(crate) letter: Letter,
    /// 1 for the first attempt; 0 where there was none.
    pub(crate) attempt: u32,
    pub(crate) outcome: Outcome,
    /// When it is sent again, by the virtual clock.
    pub(crate) again_at: Option<Timestamp>,
    /// The ordered fault that struck it.
    pub(crate) fault: Option<&'static str>,
}

/// The list.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    records: Mutex<VecDeque<Record>>,
    progress: Notify,
}

impl Sent {
    fn records(&self) -> MutexGuard<'_, VecDeque<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, record: Record) {
        let mut records = self.records();
        if records.len() >= MAX_LISTED {
            records.pop_front();
        }
        records.push_back(record);
        drop(records);
        self.progress.notify_waiters();
    }

    /// Oldest first.
    pub(crate) fn list(&self) -> Vec<Record> {
        self.records().iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        self.records().clear();
        self.progress.notify_waiters();
    }

    /// Completes when each of these notifications stands in the list.
    pub(crate) async fn all_noted(&self, message_ids: &[String]) {
        loop {
            // Taken before the list is read, so that nothing noted between the two is missed.
            let progress = self.progress.notified();
            let is_noted = |id: &String| self.records().iter().any(|record| record.letter.message_id == *id);
            if message_ids.iter().all(is_noted) {
                return;
            }
            progress.await;
        }
    }
}
