//! The document of a snapshot, with its timer and its index entry.

use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_store::contract::{Content, Expect, IndexEntry, Key, Write};

use crate::stored::snapshot::{self, Snapshot};

/// The index of snapshots that have not been taken. Its value is `due` and the instant at which the checkout was
/// completed, or `missed`.
pub(super) const MISSING: &str = "snapshot_missing";

pub(super) fn key(checkout_id: &str) -> Key {
    Key { collection: snapshot::COLLECTION, id: checkout_id.to_owned() }
}

/// The new document of a snapshot that is due.
pub(super) fn due(checkout_id: &str, now: Timestamp) -> Write {
    write(checkout_id, Expect::Absent, &Snapshot::Due { completed_at: now, try_count: 0 }, now)
}

/// The write of a snapshot. Its timer depends on how often it was tried.
pub(super) fn write(checkout_id: &str, expect: Expect, snapshot: &Snapshot, now: Timestamp) -> Write {
    let (format, bytes) = snapshot::encode(snapshot);
    let (value, due_at) = match snapshot {
        // Thirteen digits are enough until the year 2286, fifteen for every timestamp.
        Snapshot::Due { completed_at, try_count } => {
            let due = format!("due {:015}", completed_at.as_millis());
            (Some(due), Some(now.plus(retry_delay(*try_count))))
        }
        Snapshot::Missed { .. } => (Some("missed".to_owned()), None),
        Snapshot::Taken { .. } | Snapshot::Erased { .. } => (None, None),
    };
    let index = value.map(|value| IndexEntry { index: MISSING, value }).into_iter().collect();
    Write { key: key(checkout_id), expect, content: Some(Content { format, bytes, due_at, index }) }
}

/// How long to wait after this many tries: 5 s, doubling up to 6 hours.
fn retry_delay(try_count: u32) -> Duration {
    let Some(doublings) = try_count.checked_sub(1) else { return Duration::ZERO };
    Duration::from_secs(5_u64.saturating_mul(2_u64.saturating_pow(doublings.min(13))).min(21_600))
}
