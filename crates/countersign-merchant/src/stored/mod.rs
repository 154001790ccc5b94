//! What the merchant half keeps, one file a document: each is declared once, with the codec of both halves.
//! A document whose form changes gets the next format number, and no other is read.

pub(crate) mod capture_setting;
pub(crate) mod checkout;
pub(crate) mod notification;
mod payment;
pub(crate) mod snapshot;
pub(crate) mod webhook;

pub(crate) use countersign_document::Unreadable;

/// Whose forms these are.
pub(crate) enum Merchant {}

/// Reads the JSON of a document, saying where it is wrong and never what it holds.
pub(crate) fn from_json<'a, T: serde::Deserialize<'a>>(
    document: &'static str,
    bytes: &'a [u8],
) -> Result<T, Unreadable> {
    serde_json::from_slice(bytes).map_err(|error| Unreadable {
        document,
        why: format!("{:?} at line {} column {}", error.classify(), error.line(), error.column()),
    })
}
