//! The wire through its public interface, in one program: notifications, and signing and verifying.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod notification;
mod signing;
