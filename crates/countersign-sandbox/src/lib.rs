//! Amazon's half: a self-hosted Amazon Pay to test against.
