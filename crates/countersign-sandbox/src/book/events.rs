//! The event log, as the control API shows it.

use super::Book;
use super::refused::StoreFailed;
use crate::stored::event::{self, LoggedEvent};

/// One event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownEvent {
    /// The event's place in the order of all events. Sequences increase, with gaps.
    pub(crate) sequence: u64,
    pub(crate) checkout_session_id: String,
    pub(crate) event: LoggedEvent,
}

/// How many sequences are reserved for a message, which holds the events of one step. No step has
/// that many events: the longest brings a payment forward by years, and passes a handful of
/// deadlines.
const PER_MESSAGE: u64 = 256;

impl Book {
    /// Events after the sequence `after`, oldest first, of one session or of all sessions: `limit`
    /// events, or fewer if no more follow.
    pub(crate) async fn events(
        &self,
        checkout_session_id: Option<&str>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ShownEvent>, StoreFailed> {
        let mut events = Vec::new();
        // The message that holds `after` is read again: more of its events may follow.
        let mut read = after.checked_div(PER_MESSAGE).unwrap_or(0).saturating_sub(1);
        while events.len() < limit {
            let messages = self.store.messages(event::TOPIC, checkout_session_id, read, limit).await?;
            let Some(last) = messages.last() else { break };
            read = last.sequence;
            for message in messages {
                let first = message.sequence.saturating_mul(PER_MESSAGE);
                for (position, event) in (0..).zip(event::decode(&message.bytes)?) {
                    let sequence = first.saturating_add(position);
                    if sequence > after {
                        let checkout_session_id = message.subject.clone();
                        events.push(ShownEvent { sequence, checkout_session_id, event });
                    }
                }
            }
        }
        events.truncate(limit);
        Ok(events)
    }
}
