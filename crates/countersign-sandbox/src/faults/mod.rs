//! Faults that a test orders: a type of list, and two kinds of orders, for calls and for
//! notifications. The control API orders faults. `http/` asks which fault strikes a call, and
//! `notify/` asks which fault strikes a notification; each applies the fault itself.

pub(crate) mod call;
pub(crate) mod list;
pub(crate) mod notification;
