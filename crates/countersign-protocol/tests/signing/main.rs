//! Signing and verifying through the public door.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod explained;
mod keys;
mod pem;
mod refusals;
mod round_trip;
mod vectors;
