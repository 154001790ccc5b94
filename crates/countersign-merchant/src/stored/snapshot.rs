//! The snapshot document: due, taken and sealed, missed forever, or erased.

use countersign_document::stored;
use countersign_domain::time::Timestamp;

use super::{Merchant, UnreadableDocument};
use crate::snapshot_key::SealedSnapshot;

/// The stored state of the buyer's and the transaction's data.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Snapshot {
    /// To be fetched.
    Due { completed_at: Timestamp, try_count: u32 },
    /// Fetched.
    Taken { taken_at: Timestamp, sealed: SealedSnapshot },
    /// Amazon deleted the data before they could be fetched.
    Missed { completed_at: Timestamp },
    /// Erased for good: never fetched again.
    Erased { erased_at: Timestamp },
}

/// What a snapshot seals: the Charge Permission and the Charge as Amazon returned them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Transaction {
    pub(crate) charge_permission: String,
    pub(crate) charge: Option<String>,
}

stored! {
    by Merchant;

    document Snapshot as "snapshot", format 3;

    enum Snapshot {
        Due { completed_at, try_count },
        Taken { taken_at, sealed },
        Missed { completed_at },
        Erased { erased_at },
    }

    struct SealedSnapshot { key_id, nonce, bytes }

    struct Transaction { charge_permission, charge }
}

impl Transaction {
    /// The text that is sealed.
    pub(crate) fn encode(&self) -> Vec<u8> {
        countersign_document::encode::<Merchant, _>(self).into()
    }

    /// Reads a text that was opened.
    pub(crate) fn decode(text: &[u8]) -> Result<Self, UnreadableDocument> {
        countersign_document::decode::<Merchant, _>(COLLECTION, text)
    }
}

#[cfg(test)]
mod tests {
    use countersign_document::Bytes;

    use super::*;

    fn at() -> Timestamp {
        Timestamp::from_millis(1_795_448_820_000)
    }

    fn sealed(bytes: &'static [u8]) -> SealedSnapshot {
        SealedSnapshot { key_id: "0a1b2c3d".to_owned(), nonce: [7; 12], bytes: Bytes::from_static(bytes) }
    }

    #[test]
    fn each_snapshot_comes_back_as_it_went_in_its_form() {
        for (snapshot, form) in [
            (
                Snapshot::Due { completed_at: at(), try_count: 3 },
                r#"{"Due":{"completed_at":1795448820000,"try_count":3}}"#,
            ),
            (
                Snapshot::Taken { taken_at: at(), sealed: sealed(b"abc") },
                r#"{"Taken":{"taken_at":1795448820000,"sealed":{"key_id":"0a1b2c3d","nonce":"BwcHBwcHBwcHBwcH","bytes":"YWJj"}}}"#,
            ),
            (Snapshot::Missed { completed_at: at() }, r#"{"Missed":{"completed_at":1795448820000}}"#),
            (Snapshot::Erased { erased_at: at() }, r#"{"Erased":{"erased_at":1795448820000}}"#),
        ] {
            let (format, bytes) = encode(&snapshot);
            assert_eq!((format, core::str::from_utf8(&bytes).unwrap()), (3, form));
            assert!(decode(format, &bytes).unwrap() == snapshot);
        }
    }

    #[test]
    fn what_is_sealed_comes_back_as_it_went() {
        for charge in [None, Some("{\"b\":\"ü\"}".to_owned())] {
            let transaction = Transaction { charge_permission: "{\"a\":1}".to_owned(), charge };
            assert!(Transaction::decode(&transaction.encode()).unwrap() == transaction);
        }
        assert!(Transaction::decode(b"{}").is_err());
    }

    #[test]
    fn what_is_not_a_snapshot_is_refused() {
        let taken = |nonce: &str, bytes: &str| {
            format!(
                r#"{{"Taken":{{"taken_at":1,"sealed":{{"key_id":"a","nonce":"{nonce}","bytes":"{bytes}"}}}}}}"#
            )
        };
        assert!(decode(3, taken("BwcHBwcHBwcHBwcH", "").as_bytes()).is_ok());
        for (format, form) in [
            (2, taken("BwcHBwcHBwcHBwcH", "")),
            (3, "{}".to_owned()),
            (3, r#"{"Erased":{}}"#.to_owned()),
            (3, taken("BwcH", "")),
            (3, taken("BwcHBwcHBwcHBwcH", "%")),
        ] {
            assert!(decode(format, form.as_bytes()).is_err(), "{form}");
        }
    }
}
