//! Envelopes and messages of notifications through the public door. The envelopes under
//! `tests/envelopes/` were signed by OpenSSL with the throw-away key, and so were the certificates.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod certificates;
mod envelopes;
mod messages;
