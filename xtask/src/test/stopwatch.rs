//! How long a step of the test command takes, for the reader only: nothing is decided by it.

use std::fmt;
use std::time::Instant;

/// Started once; it prints as the whole seconds since then.
pub(super) struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "the time that a step takes is printed and decides nothing"
    )]
    pub(super) fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl fmt::Display for Stopwatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} s", self.started.elapsed().as_secs())
    }
}
