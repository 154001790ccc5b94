//! The client through its public door: over a scripted network, and over real sockets.

mod calls;
mod keys;
mod network;
mod sockets;
