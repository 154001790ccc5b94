//! The outbox's message: what one endpoint is notified of, and under which ids. A message usually
//! holds one notification. It holds several if a step causes more notifications than a change set
//! can append.

use countersign_document::stored;
use countersign_domain::time::Timestamp;
use countersign_protocol::notification::Message;

use super::Sandbox;
use crate::notify::endpoint::{Lane, MAX_ENDPOINTS};

/// The lanes' topics. Each endpoint has a lane of its own, so that finding what is due for one
/// endpoint takes no longer when many messages wait for another.
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

/// One envelope to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    /// The message's id: the same for every endpoint and every attempt.
    pub(crate) message_id: String,
    /// What has changed; `None` for the confirmation of an endpoint.
    pub(crate) message: Option<Message>,
}

/// What one endpoint is notified of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) endpoint_id: String,
    /// When the change happened, by the virtual clock: the notice is due then, and retries count
    /// from then.
    pub(crate) at: Timestamp,
    /// The same moment by the machine's clock. The envelope contains this instant, since a receiver
    /// knows no other clock.
    pub(crate) published_at: Timestamp,
    pub(crate) letters: Vec<Letter>,
}

stored! {
    by Sandbox;

    message Notice as "notification";

    struct Notice { endpoint_id, at, published_at, letters }

    struct Letter { message_id, message }

    text Message: to_json, Message::parse;
}

/// The topic of a lane.
pub(crate) fn topic(lane: Lane) -> &'static str {
    LANES.get(lane.0).copied().unwrap_or(TOPIC)
}
