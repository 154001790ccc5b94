//! Amazon's half: a self-hosted Amazon Pay to test against.

pub mod clock;
pub mod entropy;
mod faults;
pub mod merchants;
pub mod settings;
