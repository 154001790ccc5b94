//! Amazon Pay on the wire: types, request signing and verifying, button signatures, notifications.
//!
//! Everything here is pure: no input or output, no clock, no randomness except what the
//! cryptography library draws for keys and for the salt of signatures. Servers, clients and tools all use it.
#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    warn(
        clippy::wildcard_enum_match_arm,
        clippy::float_arithmetic,
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing
    )
)]

pub mod json;
pub mod notification;
pub mod signing;
pub mod wire;
