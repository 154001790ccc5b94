//! How many operations are measured, on how many connections.

/// How many operations are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    /// A tenth: to see that everything works.
    Quick,
    /// As many times what the figures need.
    Times(u32),
}

impl Size {
    /// How many operations are run of what has `base` of them at scale 1.
    pub(super) const fn count(self, base: usize) -> usize {
        match self {
            Self::Quick => base / 10,
            Self::Times(times) => base * times as usize,
        }
    }

    /// Operations for a level of concurrency: enough for the 99th percentile to mean something.
    pub(super) const fn operations(self, concurrency: usize) -> usize {
        self.count(match concurrency {
            0..=1 => 2_000,
            2..=8 => 5_000,
            _ => 20_000,
        })
    }
}

/// Connections that are busy at once.
pub(super) const CONCURRENCIES: [usize; 4] = [1, 8, 64, 512];
