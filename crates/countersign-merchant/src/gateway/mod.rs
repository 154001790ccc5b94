//! Everything that leaves the process: calls to Amazon, webhooks to the shop, and questions to its quote hook.
//! The domain decides what an answer means for an order, and `book/` keeps it.

pub(crate) mod amazon;
pub mod quote_hook;
mod signed_post;
pub mod webhook;
