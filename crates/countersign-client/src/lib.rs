//! A Rust client for Amazon Pay.
