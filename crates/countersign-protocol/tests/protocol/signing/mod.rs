//! Signing and verifying through the public interface.

mod explained;
mod keys;
mod pem;
mod refusals;
mod round_trip;
mod vectors;
