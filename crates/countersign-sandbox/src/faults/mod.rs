//! Faults that a test orders: one list of them, and two kinds of orders, for calls and for notifications. The
//! control API orders them; who makes a call or sends a notification asks what strikes it, and does it.

pub(crate) mod call;
pub(crate) mod list;
pub(crate) mod notification;
