//! Faults that a test orders: one list of them, and two kinds of orders, for calls and for notifications. The
//! control API orders them; `http/` asks what strikes a call, and `notify/` what strikes a notification, and each does what
//! the order says.

pub(crate) mod call;
pub(crate) mod list;
pub(crate) mod notification;
