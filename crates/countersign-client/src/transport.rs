//! What sends a signed request and returns its answer. [`Https`](crate::Https) does it over sockets; a test
//! or a simulation uses its own network instead.

use core::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;

/// Sends one request once.
pub trait Transport: Send + Sync + 'static {
    /// Sends the request and reads the whole answer.
    ///
    /// The deadline counts from now and covers everything, including connecting. The caller enforces it too,
    /// by dropping the future: nothing may continue afterwards. The request is never sent twice.
    ///
    /// # Errors
    /// The error says whether the request can have reached the server.
    fn send(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>>;
}

/// Why there is no answer.
#[derive(Debug)]
pub enum TransportError {
    /// The request certainly never left: no connection was made.
    NotSent(Box<dyn core::error::Error + Send + Sync>),
    /// The request may have arrived; its answer did not, or not completely.
    Lost(Box<dyn core::error::Error + Send + Sync>),
    /// The deadline passed; the request may have arrived.
    TimedOut,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => write!(f, "the request was not sent: {why}"),
            Self::Lost(why) => write!(f, "the answer was lost: {why}"),
            Self::TimedOut => f.write_str("no answer came in time"),
        }
    }
}

impl core::error::Error for TransportError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::NotSent(why) | Self::Lost(why) => Some(why.as_ref()),
            Self::TimedOut => None,
        }
    }
}
