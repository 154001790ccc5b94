//! The client through its public interface: over a scripted network, and over real sockets.
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod calls;
mod certificates;
mod charges;
mod keys;
mod network;
mod notifications;
mod parity;
mod signatures;
mod sockets;
