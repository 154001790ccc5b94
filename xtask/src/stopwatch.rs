//! Measures how long something takes, for the reader of the output. Nothing depends on the times,
//! except how many defects the test command tries.

use std::fmt;
use std::time::{Duration, Instant};

/// Displays the whole seconds since its start.
#[derive(Clone, Copy)]
pub(crate) struct Stopwatch {
    started: Instant,
}

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "the time that something takes is printed, and no test depends on it"
    )]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.started.elapsed()
    }
}

impl fmt::Display for Stopwatch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} s", self.elapsed().as_secs())
    }
}
