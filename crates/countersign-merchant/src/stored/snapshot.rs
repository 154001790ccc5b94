//! The snapshot document: due, taken and sealed, missed for ever, or erased.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use countersign_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Unreadable, from_json};
use crate::snapshot_key::Sealed;

pub(crate) const COLLECTION: &str = "snapshot";
/// Its first form held the objects unsealed.
const UNSEALED: u16 = 1;
const FORMAT: u16 = 2;

/// The buyer's and the transaction's data, as far as they are kept.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Snapshot {
    /// To be fetched.
    Due { completed_at: Timestamp, try_count: u32 },
    /// Fetched.
    Taken { taken_at: Timestamp, sealed: Sealed },
    /// Not fetched before Amazon forgot it.
    Missed { completed_at: Timestamp },
    /// Erased for good: never fetched again.
    Erased { erased_at: Timestamp },
}

/// What a snapshot seals: the Charge Permission and the Charge as Amazon gave them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Transaction {
    pub(crate) charge_permission: String,
    pub(crate) charge: Option<String>,
}

impl Transaction {
    /// The text that is sealed.
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads an opened text.
    pub(crate) fn decode(text: &[u8]) -> Result<Self, Unreadable> {
        from_json(COLLECTION, text)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "is", rename_all_fields = "camelCase", deny_unknown_fields)]
enum Stored {
    Due { completed_at: i64, try_count: u32 },
    Taken { taken_at: i64, key_id: String, nonce: String, sealed: String },
    Missed { completed_at: i64 },
    Erased { erased_at: i64 },
}

#[derive(Deserialize)]
#[serde(tag = "is", rename_all_fields = "camelCase", deny_unknown_fields)]
enum StoredUnsealed {
    Due { completed_at: i64, try_count: u32 },
    Taken { taken_at: i64, charge_permission: String, charge: Option<String> },
    Missed { completed_at: i64 },
}

/// The document's format and bytes.
pub(crate) fn encode(snapshot: &Snapshot) -> (u16, Bytes) {
    let stored = match snapshot {
        Snapshot::Due { completed_at, try_count } => {
            Stored::Due { completed_at: completed_at.as_millis(), try_count: *try_count }
        }
        Snapshot::Taken { taken_at, sealed } => Stored::Taken {
            taken_at: taken_at.as_millis(),
            key_id: sealed.key_id.clone(),
            nonce: STANDARD.encode(sealed.nonce),
            sealed: STANDARD.encode(&sealed.bytes),
        },
        Snapshot::Missed { completed_at } => Stored::Missed { completed_at: completed_at.as_millis() },
        Snapshot::Erased { erased_at } => Stored::Erased { erased_at: erased_at.as_millis() },
    };
    (FORMAT, Bytes::from(serde_json::to_vec(&stored).unwrap_or_default()))
}

/// Reads a document of any format that was ever released. What an older one left open is sealed
/// here, so that whoever writes it again writes it sealed.
pub(crate) fn decode(
    format: u16,
    bytes: &[u8],
    seal: impl FnOnce(&Transaction) -> Sealed,
) -> Result<Snapshot, Unreadable> {
    let instant = Timestamp::from_millis;
    match format {
        UNSEALED => Ok(match from_json(COLLECTION, bytes)? {
            StoredUnsealed::Due { completed_at, try_count } => {
                Snapshot::Due { completed_at: instant(completed_at), try_count }
            }
            StoredUnsealed::Taken { taken_at, charge_permission, charge } => Snapshot::Taken {
                taken_at: instant(taken_at),
                sealed: seal(&Transaction { charge_permission, charge }),
            },
            StoredUnsealed::Missed { completed_at } => {
                Snapshot::Missed { completed_at: instant(completed_at) }
            }
        }),
        FORMAT => Ok(match from_json(COLLECTION, bytes)? {
            Stored::Due { completed_at, try_count } => {
                Snapshot::Due { completed_at: instant(completed_at), try_count }
            }
            Stored::Taken { taken_at, key_id, nonce, sealed } => Snapshot::Taken {
                taken_at: instant(taken_at),
                sealed: Sealed {
                    key_id,
                    nonce: from_base64(&nonce)?
                        .try_into()
                        .map_err(|_| wrong("its nonce has another length"))?,
                    bytes: from_base64(&sealed)?,
                },
            },
            Stored::Missed { completed_at } => Snapshot::Missed { completed_at: instant(completed_at) },
            Stored::Erased { erased_at } => Snapshot::Erased { erased_at: instant(erased_at) },
        }),
        _ => Err(wrong(&format!("format {format} is not known"))),
    }
}

fn from_base64(text: &str) -> Result<Vec<u8>, Unreadable> {
    STANDARD.decode(text).map_err(|_| wrong("it holds something that is not Base64"))
}

fn wrong(why: &str) -> Unreadable {
    Unreadable { document: COLLECTION, why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        Timestamp::from_millis(1_795_448_820_000)
    }

    fn sealed(bytes: &[u8]) -> Sealed {
        Sealed { key_id: "0a1b2c3d".to_owned(), nonce: [7; 12], bytes: bytes.to_vec() }
    }

    #[test]
    fn each_snapshot_comes_back_as_it_went_in_the_released_form() {
        for (snapshot, form) in [
            (
                Snapshot::Due { completed_at: at(), try_count: 3 },
                r#"{"is":"Due","completedAt":1795448820000,"tryCount":3}"#,
            ),
            (
                Snapshot::Taken { taken_at: at(), sealed: sealed(b"abc") },
                r#"{"is":"Taken","takenAt":1795448820000,"keyId":"0a1b2c3d","nonce":"BwcHBwcHBwcHBwcH","sealed":"YWJj"}"#,
            ),
            (Snapshot::Missed { completed_at: at() }, r#"{"is":"Missed","completedAt":1795448820000}"#),
            (Snapshot::Erased { erased_at: at() }, r#"{"is":"Erased","erasedAt":1795448820000}"#),
        ] {
            let (format, bytes) = encode(&snapshot);
            assert_eq!((format, core::str::from_utf8(&bytes).unwrap()), (2, form));
            assert!(decode(format, &bytes, |_| unreachable!("it is sealed")).unwrap() == snapshot);
        }
    }

    #[test]
    fn the_first_form_is_still_read_and_is_sealed_by_that() {
        let seal = |transaction: &Transaction| sealed(transaction.charge_permission.as_bytes());
        for (form, expected) in [
            (
                r#"{"is":"Due","completedAt":1795448820000,"tryCount":3}"#,
                Snapshot::Due { completed_at: at(), try_count: 3 },
            ),
            (
                r#"{"is":"Taken","takenAt":1795448820000,"chargePermission":"{\"a\":1}","charge":null}"#,
                Snapshot::Taken { taken_at: at(), sealed: sealed(b"{\"a\":1}") },
            ),
            (r#"{"is":"Missed","completedAt":1795448820000}"#, Snapshot::Missed { completed_at: at() }),
        ] {
            assert!(decode(1, form.as_bytes(), seal).unwrap() == expected, "{form}");
        }
    }

    #[test]
    fn what_is_no_snapshot_is_refused() {
        for (format, form) in [
            (3, "{}"),
            (2, "{}"),
            (1, "{}"),
            (1, r#"{"is":"Erased","erasedAt":1}"#),
            (2, r#"{"is":"Taken","takenAt":1,"keyId":"a","nonce":"BwcH","sealed":""}"#),
            (2, r#"{"is":"Taken","takenAt":1,"keyId":"a","nonce":"BwcHBwcHBwcHBwcH","sealed":"%"}"#),
        ] {
            assert!(decode(format, form.as_bytes(), |_| sealed(b"")).is_err(), "{form}");
        }
    }
}
