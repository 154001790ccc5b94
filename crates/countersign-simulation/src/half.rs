//! The two halves under test.

/// Which half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Merchant,
    Amazon,
}
