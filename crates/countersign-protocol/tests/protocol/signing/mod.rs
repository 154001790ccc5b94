//! Signing and verifying through the public door.

mod explained;
mod keys;
mod pem;
mod refusals;
mod round_trip;
mod vectors;
