//! The snapshot document: due, taken, or missed for ever.

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Unreadable, from_json};

pub(crate) const COLLECTION: &str = "snapshot";
const FORMAT: u16 = 1;

/// The buyer's and the transaction's data, as far as they are kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Snapshot {
    /// To be fetched.
    Due { completed_at: Timestamp, try_count: u32 },
    /// Fetched: the Charge Permission and the Charge as Amazon gave them.
    Taken { taken_at: Timestamp, charge_permission: String, charge: Option<String> },
    /// Not fetched before Amazon forgot it.
    Missed { completed_at: Timestamp },
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Stored {
    Due { completed_at: i64, try_count: u32 },
    Taken { taken_at: i64, charge_permission: String, charge: Option<String> },
    Missed { completed_at: i64 },
}

/// The document's format and bytes.
pub(crate) fn encode(snapshot: &Snapshot) -> (u16, Bytes) {
    let stored = match snapshot.clone() {
        Snapshot::Due { completed_at, try_count } => {
            Stored::Due { completed_at: completed_at.as_millis(), try_count }
        }
        Snapshot::Taken { taken_at, charge_permission, charge } => {
            Stored::Taken { taken_at: taken_at.as_millis(), charge_permission, charge }
        }
        Snapshot::Missed { completed_at } => Stored::Missed { completed_at: completed_at.as_millis() },
    };
    (FORMAT, Bytes::from(serde_json::to_vec(&stored).unwrap_or_default()))
}

/// Reads a document of any format that was ever released.
pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<Snapshot, Unreadable> {
    if format != FORMAT {
        return Err(Unreadable { document: COLLECTION, why: format!("format {format} is not known") });
    }
    let instant = Timestamp::from_millis;
    Ok(match from_json(COLLECTION, bytes)? {
        Stored::Due { completed_at, try_count } => {
            Snapshot::Due { completed_at: instant(completed_at), try_count }
        }
        Stored::Taken { taken_at, charge_permission, charge } => {
            Snapshot::Taken { taken_at: instant(taken_at), charge_permission, charge }
        }
        Stored::Missed { completed_at } => Snapshot::Missed { completed_at: instant(completed_at) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_snapshot_comes_back_as_it_went_in_the_released_form() {
        let completed_at = Timestamp::from_millis(1_795_448_820_000);
        for (snapshot, form) in [
            (
                Snapshot::Due { completed_at, try_count: 3 },
                r#"{"is":"Due","completedAt":1795448820000,"tryCount":3}"#,
            ),
            (
                Snapshot::Taken {
                    taken_at: completed_at,
                    charge_permission: "{\"a\":1}".to_owned(),
                    charge: None,
                },
                r#"{"is":"Taken","takenAt":1795448820000,"chargePermission":"{\"a\":1}","charge":null}"#,
            ),
            (Snapshot::Missed { completed_at }, r#"{"is":"Missed","completedAt":1795448820000}"#),
        ] {
            let (format, bytes) = encode(&snapshot);
            assert_eq!((format, core::str::from_utf8(&bytes).unwrap()), (1, form));
            assert!(decode(format, &bytes).unwrap() == snapshot);
        }
        assert!(decode(2, b"{}").is_err());
        assert!(decode(1, b"{}").is_err());
    }
}
