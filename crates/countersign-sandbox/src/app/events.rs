//! The event log, as the control API shows it.

use super::{App, StoreFailed};
use crate::stored::event::{self, LoggedEvent};

/// One event of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownEvent {
    /// Its place in the one order of all events. Grows, has gaps.
    pub(crate) sequence: u64,
    pub(crate) checkout_session_id: String,
    pub(crate) event: LoggedEvent<'static>,
}

/// One message holds the events of one step; so many sequences are set aside for each. No step has as
/// many: the longest is a payment carried over years, which takes a handful of deadlines.
const PER_MESSAGE: u64 = 256;

impl App {
    /// Events behind the sequence `after`, oldest first, of one session or of all; at most `limit`,
    /// and at least the rest of the step that `after` stands in.
    pub(crate) async fn events(
        &self,
        checkout_session_id: Option<&str>,
        after: u64,
        limit: usize,
    ) -> Result<Vec<ShownEvent>, StoreFailed> {
        // The message that holds `after` is read again: more of its events may follow.
        let behind = after.checked_div(PER_MESSAGE).unwrap_or(0).saturating_sub(1);
        let messages =
            self.store.messages(event::TOPIC, checkout_session_id, behind, limit.saturating_add(1)).await?;
        let mut events = Vec::with_capacity(messages.len());
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
        events.truncate(limit);
        Ok(events)
    }
}
