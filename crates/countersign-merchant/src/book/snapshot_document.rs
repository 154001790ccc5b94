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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot_key::{SealedSnapshot, SnapshotKeys};

    fn sealed() -> SealedSnapshot {
        let keys = SnapshotKeys::parse("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=").unwrap();
        keys.seal(&countersign_world::Stream::new(0), "c1", vec![1])
    }

    #[test]
    fn every_state_of_a_snapshot_has_a_timer_or_is_listed_for_a_person_or_is_over() {
        let at = Timestamp::from_millis(1_795_448_820_000);
        let mut states = vec![
            Snapshot::Taken { taken_at: at, sealed: sealed() },
            Snapshot::Missed { completed_at: at },
            Snapshot::Erased { erased_at: at },
        ];
        states.extend([0, 1, 20, u32::MAX].map(|try_count| Snapshot::Due { completed_at: at, try_count }));
        for state in states {
            let written = write("c1", Expect::Absent, &state, at).content.unwrap();
            let (has_timer, is_listed) = match state {
                Snapshot::Due { .. } => (true, true),
                // It is counted, and the checkout needs a person.
                Snapshot::Missed { .. } => (false, true),
                Snapshot::Taken { .. } | Snapshot::Erased { .. } => (false, false),
            };
            assert_eq!(written.due_at.is_some(), has_timer);
            assert_eq!(!written.index.is_empty(), is_listed);
        }
    }
}
