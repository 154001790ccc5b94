//! The rules of Amazon Pay checkouts, and nothing else.
//!
//! Everything here is a pure function of its arguments: no serialization, no clock, no randomness, no async,
//! no logging, no `std`. Servers load what they need, ask one function here to decide, and write what it
//! decided. `provider` holds the rules that Amazon enforces, `merchant` the rules by which a shop must act on
//! Amazon's answers, `amazon_limits` the numbers that both use, `reason_code` the words of a refusal.
#![no_std]
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

extern crate alloc;

pub mod address;
pub mod amazon_limits;
pub mod cart;
#[cfg(test)]
mod folded_table;
pub mod ids;
pub mod merchant;
pub mod money;
pub mod provider;
pub mod reason_code;
pub mod step;
pub mod terms;
mod texts;
pub mod time;
mod words;
