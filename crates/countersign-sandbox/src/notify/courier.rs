//! The interface that carries a notification to its endpoint. The binary uses sockets; a test or a
//! simulation uses a network of its own.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode};

/// Posts one notification once.
pub trait Courier: Send + Sync + 'static {
    /// Posts the request and returns the answer's status. An implementation follows no redirects
    /// and drops the answer's body. The deadline counts from now and covers the whole exchange. The
    /// caller enforces it too, by dropping the future; nothing may continue after that.
    ///
    /// # Errors
    /// There is no answer.
    fn post(
        &self,
        request: Request<Bytes>,
        deadline: Duration,
    ) -> BoxFuture<'_, Result<StatusCode, NotDelivered>>;
}

/// Why there is no answer from an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDelivered {
    /// No connection was made.
    Unreachable,
    /// The connection ended before an answer came, or the bytes that came were not HTTP.
    Lost,
    /// The deadline passed.
    TimedOut,
}

impl NotDelivered {
    /// The word that the control API shows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Lost => "lost",
            Self::TimedOut => "timedOut",
        }
    }
}

impl fmt::Display for NotDelivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for NotDelivered {}

/// A courier that reaches no endpoint, for a sandbox that notifies nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCourier;

impl Courier for NoCourier {
    fn post(&self, _: Request<Bytes>, _: Duration) -> BoxFuture<'_, Result<StatusCode, NotDelivered>> {
        Box::pin(std::future::ready(Err(NotDelivered::Unreachable)))
    }
}
