//! Notifications: a sandbox and the endpoints that it notifies. Most tests use a receiver in place
//! of the network, and decide when the sandbox's loops run; the tests in `sockets` use real
//! sockets.

mod endpoints;
mod faults;
pub(crate) mod receiver;
mod restart;
mod retries;
pub(crate) mod scene;
mod sockets;
mod telling;
