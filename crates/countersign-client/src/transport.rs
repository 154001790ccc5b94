//! What sends a signed request and returns its answer. [`Https`](crate::Https) does it over sockets; a test
//! or a simulation uses its own network instead.

use core::fmt;
use std::io;
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

/// What kept a request from its answer, in the terms of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The host's name has no address.
    NoAddress,
    /// The host refused the connection.
    Refused,
    /// The TLS handshake failed; why, without anything of the request.
    Tls(String),
    /// No connection, or no answer, in time.
    TimedOut,
    /// No connection for another reason, such as a network without a route.
    Unreachable,
    /// The connection ended before the whole answer came.
    Broken,
}

impl TransportError {
    /// What kept the request from its answer, as far as the error says.
    #[must_use]
    pub fn obstacle(&self) -> Obstacle {
        let (why, otherwise) = match self {
            Self::TimedOut => return Obstacle::TimedOut,
            Self::NotSent(why) => (why, Obstacle::Unreachable),
            Self::Lost(why) => (why, Obstacle::Broken),
        };
        let first: &(dyn core::error::Error + 'static) = why.as_ref();
        core::iter::successors(Some(first), |error| error.source()).find_map(known).unwrap_or(otherwise)
    }
}

/// The obstacle that one error of a chain names.
fn known(error: &(dyn core::error::Error + 'static)) -> Option<Obstacle> {
    // The connector marks a failed resolution only by this text.
    if error.to_string().starts_with("dns error") {
        return Some(Obstacle::NoAddress);
    }
    let error = error.downcast_ref::<io::Error>()?;
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(Obstacle::Refused),
        io::ErrorKind::TimedOut => Some(Obstacle::TimedOut),
        // This is how the TLS library reports what it refuses of the other side.
        io::ErrorKind::InvalidData => Some(Obstacle::Tls(error.to_string())),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(&'static str, io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl core::error::Error for Outer {
        fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
            Some(&self.1)
        }
    }

    #[test]
    fn the_obstacle_is_found_in_the_chain_of_causes() {
        let not_sent =
            |text, kind| TransportError::NotSent(Box::new(Outer(text, io::Error::new(kind, "the cause"))));
        let tls = Obstacle::Tls("the cause".to_owned());
        for (error, obstacle) in [
            (TransportError::TimedOut, Obstacle::TimedOut),
            (not_sent("client error (Connect)", io::ErrorKind::ConnectionRefused), Obstacle::Refused),
            (not_sent("client error (Connect)", io::ErrorKind::TimedOut), Obstacle::TimedOut),
            (not_sent("client error (Connect)", io::ErrorKind::InvalidData), tls),
            (not_sent("client error (Connect)", io::ErrorKind::NetworkUnreachable), Obstacle::Unreachable),
            (not_sent("dns error", io::ErrorKind::Other), Obstacle::NoAddress),
            (TransportError::NotSent("something else".into()), Obstacle::Unreachable),
            (TransportError::Lost("something else".into()), Obstacle::Broken),
            (
                TransportError::Lost(Box::new(io::Error::from(io::ErrorKind::ConnectionReset))),
                Obstacle::Broken,
            ),
        ] {
            assert_eq!(error.obstacle(), obstacle, "{error:?}");
        }
    }
}
