//! What can happen to an order, and everything that is recorded, sent and logged about it. An event is one row of
//! [`table`]: the shop's fact, the operator's log line, its figure, and the words of `explain`.

pub(crate) mod about;
pub(crate) mod entry;
pub(crate) mod fact;
mod log;
pub(crate) mod table;
mod why;
