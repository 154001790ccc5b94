//! Faults that a test orders: one list of them, and two kinds of orders, for calls and for notifications. The
//! control API orders them. `http/` asks which fault strikes a call, `notify/` which strikes a notification,
//! and each applies it.

pub(crate) mod call;
pub(crate) mod list;
pub(crate) mod notification;
