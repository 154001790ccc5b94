//! Notifications: a sandbox and the endpoints that it tells. The receiver of most tests stands in for the
//! network and lets the test say when the sandbox's loops run; those of `sockets` are real.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod endpoints;
mod faults;
mod receiver;
mod restart;
mod retries;
mod scene;
mod sockets;
mod telling;
#[path = "../api/world.rs"]
#[expect(dead_code, reason = "shared with the API's tests, which use the rest of it")]
mod world;
