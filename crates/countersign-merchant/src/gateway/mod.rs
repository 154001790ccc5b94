//! Everything that leaves the process: calls to Amazon, webhooks to the shop, and questions to its quote hook.
//! What an answer means for an order is the domain's; where it is kept is `book/`'s.

pub(crate) mod amazon;
pub mod quote_hook;
mod signed_post;
pub mod webhook;
