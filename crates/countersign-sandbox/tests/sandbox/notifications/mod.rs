//! Notifications: a sandbox and the endpoints that it tells. The receiver of most tests stands in for the
//! network and lets the test say when the sandbox's loops run; those of `sockets` are real.

mod endpoints;
mod faults;
pub(crate) mod receiver;
mod restart;
mod retries;
pub(crate) mod scene;
mod sockets;
mod telling;
