//! A small document store: one contract, several engines.
//!
//! The store contains versioned documents, their timers and index entries, appended messages, and the ids of
//! applied changes. It knows no domain type except [`countersign_domain::time::Timestamp`], and nothing
//! specific to an engine is visible through [`contract::Store`].
//!
//! # The protocol
//!
//! Callers read with [`contract::Store::load`] and write with [`contract::Store::commit`], which applies a
//! change set completely or not at all, and which names the version of every document that the change is
//! based on. [`transact::transact`] is the loop around the two. A crash before the commit's answer leaves
//! either all of the change set or nothing, and the change id shows which; a crash after the answer leaves
//! all of it. Messages and timers are part of the change set, so nothing that was decided is forgotten; a
//! lease of a process that is gone ends by time.

pub mod budget;
pub mod contract;
pub mod intercept;
mod limits;
pub mod memory;
pub mod sqlite;
pub mod transact;
pub mod work_left;
