//! The document that says how often a notification was tried in vain, by the message's sequence number. A
//! message that was never tried, or whose first try was the last, has none.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Unreadable, from_json, to_json};

pub(crate) const COLLECTION: &str = "notification_attempts";
pub(crate) const FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredAttempts {
    attempts: u32,
}

pub(crate) fn encode(attempts: u32) -> Bytes {
    to_json(&StoredAttempts { attempts })
}

pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<u32, Unreadable> {
    let stored: StoredAttempts = from_json(COLLECTION, (format, FORMAT), bytes)?;
    Ok(stored.attempts)
}
