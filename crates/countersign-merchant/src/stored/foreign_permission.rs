//! A foreign permission: a notification was about it, and no order of this store is known to have it. All
//! notifications about it share one document, so that Amazon is asked about it only a few times.

use countersign_document::stored;
use countersign_domain::time::Timestamp;

use super::Merchant;

/// A permission that no order is known to have, and how often Amazon was asked for it. Its id is the
/// document's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ForeignPermission {
    /// When it was first heard of.
    pub(crate) heard_at: Timestamp,
    /// How many times in a row Amazon has not answered.
    pub(crate) failure_count: u32,
    /// Its reference, once Amazon has shown one: Amazon is not asked for it again.
    pub(crate) reference: Option<String>,
    /// When Amazon is asked for it next. Its timer may be earlier: an order may have learned that it has it.
    pub(crate) ask_at: Option<Timestamp>,
}

stored! {
    by Merchant;

    document ForeignPermission as "foreign_permission", format 1;

    struct ForeignPermission { heard_at, failure_count, reference, ask_at or default }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_permission_comes_back_as_it_went_in_its_form() {
        let heard_at = Timestamp::from_millis(1_795_448_820_000);
        for (reference, form) in [
            (None, r#"{"heard_at":1795448820000,"failure_count":2}"#),
            (
                Some("order 7".to_owned()),
                r#"{"heard_at":1795448820000,"failure_count":2,"reference":"order 7"}"#,
            ),
        ] {
            let foreign = ForeignPermission { heard_at, failure_count: 2, reference, ask_at: None };
            let (format, bytes) = encode(&foreign);
            assert_eq!((format, core::str::from_utf8(&bytes).unwrap()), (1, form));
            assert_eq!(decode(format, &bytes).unwrap(), foreign);
        }
        assert!(decode(1, b"{}").is_err());
    }
}
