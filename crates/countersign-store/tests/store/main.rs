//! The store's tests, in one program: what every engine promises, SQLite's file, and a kill while it is written to.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod conformance;
mod sqlite_crash;
mod sqlite_file;
