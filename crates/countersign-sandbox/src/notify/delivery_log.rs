//! The notifications that were sent, newest last. The control API lists them, and an answer that is
//! held until a notification has been sent waits for this log. A restart forgets it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use countersign_domain::time::Timestamp;
use http::StatusCode;
use tokio::sync::Notify;

use super::courier::NotDelivered;
use crate::stored::notification::Letter;

/// The largest number of listed attempts.
pub(crate) const MAX_LISTED: usize = 1_000;

/// The result of one attempt to send a notification, or what happened instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryOutcome {
    /// The endpoint accepted it.
    Delivered(StatusCode),
    /// The endpoint answered with any other status.
    Refused(StatusCode),
    /// There was no answer.
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
pub(crate) struct DeliveryRecord {
    /// The instant of the attempt, by the virtual clock.
    pub(crate) at: Timestamp,
    pub(crate) endpoint_id: String,
    pub(crate) letter: Letter,
    /// 1 for the first attempt; 0 if there was none.
    pub(crate) attempt: u32,
    pub(crate) outcome: DeliveryOutcome,
    /// When it is sent again, by the virtual clock.
    pub(crate) again_at: Option<Timestamp>,
    /// The ordered fault that struck the notification.
    pub(crate) fault: Option<&'static str>,
}

/// The list.
#[derive(Debug, Default)]
pub(crate) struct DeliveryLog {
    records: Mutex<VecDeque<DeliveryRecord>>,
    progress: Notify,
}

impl DeliveryLog {
    fn records(&self) -> MutexGuard<'_, VecDeque<DeliveryRecord>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, record: DeliveryRecord) {
        let mut records = self.records();
        if records.len() >= MAX_LISTED {
            records.pop_front();
        }
        records.push_back(record);
        drop(records);
        self.progress.notify_waiters();
    }

    /// All records, oldest first.
    pub(crate) fn list(&self) -> Vec<DeliveryRecord> {
        self.records().iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        self.records().clear();
        self.progress.notify_waiters();
    }

    /// Completes when each of these messages is in the list for each of these endpoints.
    pub(crate) async fn all_noted(&self, endpoint_ids: &[String], message_ids: &[String]) {
        loop {
            // Created before the list is read, so that nothing noted between the two is missed.
            let progress = self.progress.notified();
            if self.has_noted(endpoint_ids, message_ids) {
                return;
            }
            progress.await;
        }
    }

    fn has_noted(&self, endpoint_ids: &[String], message_ids: &[String]) -> bool {
        let records = self.records();
        let of = |record: &DeliveryRecord, endpoint_id: &String, message_id: &String| {
            record.endpoint_id == *endpoint_id && record.letter.message_id == *message_id
        };
        message_ids.iter().all(|message_id| {
            endpoint_ids
                .iter()
                .all(|endpoint_id| records.iter().any(|record| of(record, endpoint_id, message_id)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    fn record(endpoint_id: &str, message_id: &str) -> DeliveryRecord {
        DeliveryRecord {
            at: Timestamp::UNIX_EPOCH,
            endpoint_id: endpoint_id.to_owned(),
            letter: Letter { message_id: message_id.to_owned(), message: None },
            attempt: 1,
            outcome: DeliveryOutcome::Delivered(StatusCode::OK),
            again_at: None,
            fault: None,
        }
    }

    #[test]
    fn the_latest_are_listed() {
        let sent = DeliveryLog::default();
        for number in 0..=MAX_LISTED {
            sent.note(record("e", &number.to_string()));
        }
        let listed = sent.list();
        assert_eq!(listed.len(), MAX_LISTED);
        assert_eq!(listed.first().map(|first| first.letter.message_id.as_str()), Some("1"));
    }

    #[test]
    fn waiting_for_a_message_is_waiting_for_every_endpoint() {
        let sent = DeliveryLog::default();
        let (endpoints, messages) = (["a".to_owned(), "b".to_owned()], ["m".to_owned()]);
        sent.note(record("a", "m"));
        sent.note(record("b", "other"));
        let mut waiting = std::pin::pin!(sent.all_noted(&endpoints, &messages));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        sent.note(record("b", "m"));
        assert!(waiting.as_mut().poll(&mut context).is_ready());
        assert!(sent.all_noted(&endpoints, &messages).now_or_never().is_some());
    }
}
