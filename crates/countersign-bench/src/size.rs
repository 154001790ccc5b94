//! How many operations are measured, and on how many connections.

/// The scale of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// A tenth of the operations, to see that everything works.
    Quick,
    /// This many times the operations of a run at scale 1.
    Times(u32),
}

impl Size {
    /// The number of operations in this run, where a run at scale 1 has `base` of them.
    pub(super) const fn count(self, base: usize) -> usize {
        match self {
            Self::Quick => base / 10,
            Self::Times(times) => base * times as usize,
        }
    }

    /// The number of operations for this many connections: enough for a meaningful 99th percentile.
    pub(super) const fn operations(self, concurrency: usize) -> usize {
        self.count(match concurrency {
            0..=1 => 2_000,
            2..=8 => 5_000,
            _ => 20_000,
        })
    }
}

/// The numbers of connections that are busy at the same time, one measurement each.
pub(super) const CONCURRENCIES: [usize; 4] = [1, 8, 64, 512];
