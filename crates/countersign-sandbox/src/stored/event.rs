//! The event log: a message of the topic `event` holds what one step brought about, its subject the
//! Checkout Session's id. Read back only to be shown.

use bytes::Bytes;
use countersign_domain::provider::event::{Entry, Event};
use serde::{Deserialize, Serialize};

use super::{Text, Unreadable, from_json, to_json};

pub(crate) const TOPIC: &str = "event";
/// Messages carry no format number of their own; their members may only be added to.
const FORMAT: u16 = 1;

/// One event as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedEvent<'a> {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// What happened.
    #[serde(rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason_code: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) charge_permission_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) charge_id: Option<Text<'a>>,
}

impl<'a> From<&'a Event> for LoggedEvent<'a> {
    fn from(event: &'a Event) -> Self {
        let Entry { name, reason, charge_permission_id, charge_id } = event.what.entry();
        Self {
            at: event.at.as_millis(),
            kind: Text::Borrowed(name),
            reason_code: reason.map(Text::Borrowed),
            charge_permission_id: charge_permission_id.map(|id| Text::Borrowed(id.as_str())),
            charge_id: charge_id.map(|id| Text::Borrowed(id.as_str())),
        }
    }
}

pub(crate) fn encode(events: &[Event]) -> Bytes {
    let events: Vec<LoggedEvent<'_>> = events.iter().map(Into::into).collect();
    to_json(&events)
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<LoggedEvent<'static>>, Unreadable> {
    from_json(TOPIC, (FORMAT, FORMAT), bytes)
}
