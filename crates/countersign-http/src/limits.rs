//! The limits of one server: sizes, counts and times. Every one of them has a value here, because
//! anything that is read, queued or waited for without a limit can be used to take the server down.

use std::time::Duration;

/// What a server accepts, and how long it waits.
///
/// The defaults fit both halves: an Amazon Pay request has about fifteen headers and a body of a
/// few kilobytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest body, in bytes; one byte more is
    /// [`IncompleteRequest::BodyTooLarge`](crate::IncompleteRequest).
    pub body_bytes: usize,
    /// The largest size of a request's target and headers together, in bytes.
    pub head_bytes: usize,
    /// The largest number of header lines of a request.
    pub head_lines: usize,
    /// The time from the end of the head to the end of the body.
    pub body_time: Duration,
    /// The time from the first byte of the head to its end.
    pub head_time: Duration,
    /// How long a connection may stay open between requests, and how long an answer may wait for
    /// a peer that does not read.
    pub idle_time: Duration,
    /// The largest number of open connections. Further ones wait in the kernel's queue.
    pub connections: usize,
    /// How long a shutdown waits for the requests that are being answered.
    pub shutdown_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 256 * 1024,
            head_bytes: 16 * 1024,
            head_lines: 64,
            body_time: Duration::from_secs(10),
            head_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            connections: 4096,
            shutdown_time: Duration::from_secs(10),
        }
    }
}
