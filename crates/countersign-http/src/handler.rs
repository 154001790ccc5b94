//! What a server and its handler exchange: complete requests, the answers to them, and requests
//! that were never complete.

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// A request whose body has arrived completely, within the limits.
///
/// Its extensions contain the [`Peer`]. Simulations and tests build a request by hand and need no socket.
pub type Request = http::Request<Bytes>;
/// An answer with its whole body.
pub type Response = http::Response<Bytes>;

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub std::net::SocketAddr);

/// What the server does after a handler has handled a request.
#[derive(Debug)]
pub enum Reply {
    /// Send this answer.
    Answer(Response),
    /// Send nothing and reset the connection, because a fault was ordered.
    Reset,
}

/// Why a request never became a complete [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IncompleteRequest {
    /// The body is larger than the limit.
    BodyTooLarge,
    /// The headers exceed the limit in bytes or in number.
    HeadTooLarge,
    /// The body did not arrive in time.
    BodyTimedOut,
    /// The connection ended before the body did, or its framing is broken.
    BodyTruncated,
}

/// A server's answer to every request.
pub trait Handler: Send + Sync + 'static {
    /// Answers a complete request.
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply>;

    /// Renders the answer to a request that was never complete. Only its head is known.
    fn refuse(&self, head: &http::request::Parts, unreadable: IncompleteRequest) -> Response;
}
