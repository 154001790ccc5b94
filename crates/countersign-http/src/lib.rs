//! The HTTP/1.1 server that both halves use: limits, timeouts, graceful shutdown, and the tables of
//! routes. It knows no routes and no body formats; these are up to a [`Handler`].

mod connection;
mod handler;
mod limits;
mod router;
mod serve;
mod socket;

pub use handler::{Handler, IncompleteRequest, Peer, Reply, Request, Response};
pub use limits::Limits;
pub use router::{Function, Parameter, RouteFuture, Router, RoutingError, Segments};
pub use serve::{serve, serve_with_timers};
