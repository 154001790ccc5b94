//! The HTTP/1.1 server both halves stand on: limits, time-outs, graceful shutdown, and the tables of routes.
//! It knows no route and no body format; a [`Handler`] does.

mod connection;
mod handler;
mod limits;
mod router;
mod serve;
mod socket;

pub use handler::{Handler, Peer, Reply, Request, Response, Unreadable};
pub use limits::Limits;
pub use router::{Function, Parameter, Router, Unrouted};
pub use serve::{serve, serve_with_timers};
