//! The merchant's half: verifies and completes checkouts.
