//! A small document store: one contract, several engines.
//!
//! The store holds versioned documents, their timers and index entries, appended messages and the
//! ids of applied changes. It knows no domain type but [`countersign_domain::time::Timestamp`], and
//! nothing specific to an engine leaks through [`contract::Store`].

pub mod contract;
