//! A small document store: one contract, several engines.
//!
//! The store holds versioned documents, their timers and index entries, appended messages and the
//! ids of applied changes. It knows no domain type but [`countersign_domain::time::Timestamp`], and
//! nothing specific to an engine leaks through [`contract::Store`].
//!
//! # The protocol
//!
//! Everyone reads by [`contract::Store::load`] and writes by [`contract::Store::commit`], which
//! applies a change set whole or not at all, naming the version of every document that it rests on.
//! [`transact::transact`] is the loop around the two. What a crash leaves behind: before the commit's
//! answer, either all of the change set or nothing, and the change id tells which; after it, all.
//! Messages and timers are part of the change set, so nothing that was decided is forgotten; a lease
//! that was taken by a process that is gone ends by time.

pub mod contract;
pub mod intercept;
mod limits;
pub mod memory;
pub mod sqlite;
pub mod transact;
pub mod work_left;
