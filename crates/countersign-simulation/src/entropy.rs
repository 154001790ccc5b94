//! Everything that is drawn, from one seed. Each part of the world has a stream of its own, so that one
//! more draw in one part leaves the others as they were.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The distance of splitmix64's states: 2⁶⁴ divided by the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of numbers that its seed fixes: splitmix64. Clones go on with the same sequence.
#[derive(Debug, Clone)]
pub(crate) struct Random(Arc<AtomicU64>);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(scattered(seed))))
    }

    /// A stream of its own for one part of the world.
    pub(crate) fn stream(seed: u64, part: u64) -> Self {
        Self::new(scattered(seed) ^ part.wrapping_mul(GAMMA))
    }

    pub(crate) fn next(&self) -> u64 {
        scattered(self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA))
    }

    /// A number below `end`; 0 for an empty range.
    pub(crate) fn below(&self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        usize::try_from(self.next().checked_rem(end).unwrap_or(0)).unwrap_or(0)
    }

    /// Whether something happens that happens so often in a thousand.
    pub(crate) fn happens(&self, in_a_thousand: u32) -> bool {
        self.next() % 1_000 < u64::from(in_a_thousand)
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy>(&self, these: &[T]) -> T {
        these[self.below(these.len())]
    }

    /// A time between two others, in whole milliseconds; short ones are as likely as long ones, order of
    /// magnitude by order of magnitude.
    pub(crate) fn time(&self, from: Duration, to: Duration) -> Duration {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (from, to) = (millis(from), millis(to).max(1));
        let mut span = to.saturating_sub(from);
        for _ in 0..self.below(6) {
            span /= 3;
        }
        Duration::from_millis(from + self.next().checked_rem(span + 1).unwrap_or(0))
    }

    fn fill_bytes(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.next().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}

/// splitmix64's finalizer.
const fn scattered(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

impl countersign_client::Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        self.fill_bytes(bytes);
    }
}

impl countersign_merchant::entropy::Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        self.fill_bytes(bytes);
    }
}

impl countersign_sandbox::entropy::Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        self.fill_bytes(bytes);
    }
}
