//! The HTTP/1.1 server both halves stand on: limits, time-outs, graceful shutdown. It knows no
//! route and no body format; a [`Handler`] does.

mod connection;
mod handler;
mod limits;
mod serve;
mod socket;

pub use handler::{Handler, Peer, Reply, Request, Response, Unreadable};
pub use limits::Limits;
pub use serve::serve;
