//! What the merchant half keeps, one file a document: each is declared once, with the codec of both halves.
//! A document whose form changes gets the next format number, and no other is read.

pub(crate) mod capture_setting;
pub(crate) mod checkout;
#[cfg(test)]
mod laid_out;
pub(crate) mod notification;
mod payment;
pub(crate) mod snapshot;
pub(crate) mod webhook;

pub(crate) use countersign_document::Unreadable;

/// Whose forms these are.
pub(crate) enum Merchant {}
