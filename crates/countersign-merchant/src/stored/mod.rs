//! The documents that the merchant half stores, one file each. Each is declared once, with the codec of both
//! halves. A document whose form changes gets the next format number; those of earlier formats that are still read are
//! turned into the present one by [`earlier`].

pub(crate) mod capture_setting;
pub(crate) mod cart;
pub(crate) mod checkout;
pub(crate) mod claim;
mod decision;
mod earlier;
pub(crate) mod finalize_keys;
pub(crate) mod foreign_permission;
#[cfg(test)]
mod laid_out;
pub(crate) mod notification;
mod payment;
pub(crate) mod snapshot;
pub(crate) mod webhook;

pub(crate) use countersign_document::UnreadableDocument;

/// Marks the forms of the merchant half's documents.
pub(crate) enum Merchant {}
