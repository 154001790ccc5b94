//! The store's tests, in one program: what every engine guarantees, SQLite's file, and a kill during writing.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod conformance;
mod sqlite_crash;
mod sqlite_file;
