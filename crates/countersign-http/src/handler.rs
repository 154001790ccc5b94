//! What a server hands on and gets back: whole requests, answers, and the requests that never became whole.

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// A request whose body has arrived whole, within the limits.
///
/// Its extensions hold the [`Peer`]. Simulations and tests build it by hand and need no socket.
pub type Request = http::Request<Bytes>;
/// An answer with its whole body.
pub type Response = http::Response<Bytes>;

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub std::net::SocketAddr);

/// What a handler wants done with a request.
#[derive(Debug)]
pub enum Reply {
    /// Send this answer.
    Answer(Response),
    /// Send nothing and reset the connection: an ordered fault.
    Reset,
}

/// Why a request never became a [`Request`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// The body is over the limit.
    BodyTooLarge,
    /// The headers are over the limit in bytes or in number.
    HeadTooLarge,
    /// The body did not arrive in time.
    BodyTimedOut,
    /// The connection ended before the body did, or its framing is broken.
    BodyTruncated,
}

/// A server's answer to every request.
pub trait Handler: Send + Sync + 'static {
    /// Answers a whole request.
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply>;

    /// Renders the answer to a request that never became whole. Its head is all there is.
    fn refuse(&self, head: &http::request::Parts, unreadable: Unreadable) -> Response;
}
