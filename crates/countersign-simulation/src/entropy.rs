//! All random draws, from one seed. Each part of the world has a stream of its own, so that one more draw in
//! one part does not change the others.

use std::sync::Arc;
use std::time::Duration;

use countersign_world::{Entropy, Stream};

/// A sequence of numbers that its seed determines. Clones share the sequence.
#[derive(Debug, Clone)]
pub(crate) struct Random(Arc<Stream>);

impl Random {
    /// A stream of its own for one part of the world.
    pub(crate) fn stream(seed: u64, part: u64) -> Self {
        Self(Arc::new(Stream::part(seed, part)))
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.draw()
    }

    /// The same sequence, as bytes.
    pub(crate) fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.0) as _
    }

    /// A number below `end`; 0 for an empty range.
    pub(crate) fn below(&self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(end).unwrap_or(0)).unwrap_or(0)
    }

    /// Draws whether something happens. Its rate is this many in a thousand.
    pub(crate) fn happens(&self, in_a_thousand: u32) -> bool {
        self.next() % 1_000 < u64::from(in_a_thousand)
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy>(&self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    /// A time between two others, in whole milliseconds. Each order of magnitude is about as likely as the
    /// others.
    pub(crate) fn time(&self, from: Duration, to: Duration) -> Duration {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (from, to) = (millis(from), millis(to).max(1));
        let mut span = to.saturating_sub(from);
        for _ in 0..self.below(6) {
            span /= 3;
        }
        Duration::from_millis(from + self.next().checked_rem(span + 1).unwrap_or(0))
    }
}
