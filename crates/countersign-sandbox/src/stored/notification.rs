//! The outbox's message: what one endpoint is to be told, under which ids. A message usually holds one
//! notification; of a step that brings about more than a change set can append, several.

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_protocol::notification::Message;
use serde::{Deserialize, Serialize};

use crate::notify::{Lane, MAX_ENDPOINTS};

use super::{Illegible, Legible as _, Unreadable, from_json, instant, to_json};

/// Each endpoint has a lane to itself, which is a topic: what is due for one is found whatever another has
/// in front of it. The first one's name is that of the time when there was one for all.
pub(crate) const LANES: [&str; MAX_ENDPOINTS] = [
    TOPIC,
    "notification-1",
    "notification-2",
    "notification-3",
    "notification-4",
    "notification-5",
    "notification-6",
    "notification-7",
    "notification-8",
    "notification-9",
    "notification-10",
    "notification-11",
    "notification-12",
    "notification-13",
    "notification-14",
    "notification-15",
];
const TOPIC: &str = "notification";
/// Messages carry no format number of their own; their members may only be added to.
const FORMAT: u16 = 1;

/// One envelope to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    /// The same for every endpoint and every attempt.
    pub(crate) message_id: String,
    /// What has changed; `None` for the confirmation of an endpoint.
    pub(crate) message: Option<Message>,
}

/// What one endpoint is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) endpoint_id: String,
    /// When it happened, by the virtual clock: it is due then, and retries count from then.
    pub(crate) at: Timestamp,
    /// The same moment by the machine's clock: what the envelope says, since a receiver knows no other.
    pub(crate) published_at: Timestamp,
    pub(crate) letters: Vec<Letter>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredNotice {
    endpoint_id: String,
    at: i64,
    published_at: i64,
    letters: Vec<StoredLetter>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredLetter {
    message_id: String,
    /// As it stands in the envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// The topic of a lane.
pub(crate) fn topic(lane: Lane) -> &'static str {
    LANES.get(lane.0).copied().unwrap_or(TOPIC)
}

pub(crate) fn encode(notice: &Notice) -> Bytes {
    let stored = |letter: &Letter| StoredLetter {
        message_id: letter.message_id.clone(),
        message: letter.message.as_ref().map(Message::to_json),
    };
    to_json(&StoredNotice {
        endpoint_id: notice.endpoint_id.clone(),
        at: notice.at.as_millis(),
        published_at: notice.published_at.as_millis(),
        letters: notice.letters.iter().map(stored).collect(),
    })
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Notice, Unreadable> {
    let stored: StoredNotice = from_json(TOPIC, (FORMAT, FORMAT), bytes)?;
    let StoredNotice { endpoint_id, at, published_at, letters } = stored;
    let read = |StoredLetter { message_id, message }| {
        let message = message.as_deref().map(Message::parse).transpose().member("message")?;
        Ok(Letter { message_id, message })
    };
    let letters = letters.into_iter().map(read).collect::<Result<Vec<Letter>, Illegible>>();
    let letters = letters.map_err(|illegible| illegible.of(TOPIC))?;
    Ok(Notice { endpoint_id, at: instant(at), published_at: instant(published_at), letters })
}
