//! What Amazon's half stores, one file per document. Each is declared once, with the codec that
//! both halves use. A document whose form changes gets the next format number, and no other format
//! is read.

pub(crate) mod buyer;
pub(crate) mod charge;
pub(crate) mod charge_permission;
pub(crate) mod checkout_session;
pub(crate) mod event;
pub(crate) mod notification;
pub(crate) mod notification_attempts;
pub(crate) mod notification_endpoint;
pub(crate) mod refund;
pub(crate) mod reply;
#[cfg(test)]
mod tests;
pub(crate) mod visit;

pub(crate) use countersign_document::UnreadableDocument;

/// Marks these forms as the sandbox's.
pub(crate) enum Sandbox {}
