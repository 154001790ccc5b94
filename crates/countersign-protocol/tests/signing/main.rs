//! Signing and verifying through the public door.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod keys;
mod round_trip;
