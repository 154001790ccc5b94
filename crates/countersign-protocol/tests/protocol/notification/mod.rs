//! Envelopes and messages of notifications through the public interface. The envelopes under
//! `tests/envelopes/` were signed by OpenSSL with the throw-away key, and so were the certificates.

mod certificates;
mod envelopes;
mod messages;
