//! The two halves under test, and a type for values that each half has one of.

use std::fmt;

/// Which half. `Display` is its name in the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Merchant,
    Amazon,
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Merchant => "the merchant half",
            Self::Amazon => "Amazon's half",
        })
    }
}

/// One value for each half.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Halves<T> {
    pub(crate) merchant: T,
    pub(crate) amazon: T,
}

impl<T> Halves<T> {
    pub(crate) fn get(&self, half: Half) -> &T {
        match half {
            Half::Merchant => &self.merchant,
            Half::Amazon => &self.amazon,
        }
    }
}
