//! An amount in an answer of Amazon's, as it came.

use crate::money::Money;

/// An amount of money that an answer may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AmountView {
    /// The answer has no such amount.
    #[default]
    Absent,
    /// The answer has the amount in a form that cannot be read: without its currency, or not a decimal.
    Unreadable,
    /// The answer shows the amount.
    Shown(Money),
}

impl AmountView {
    /// The amount, if it is shown.
    #[must_use]
    pub const fn shown(self) -> Option<Money> {
        match self {
            Self::Shown(money) => Some(money),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

impl From<Option<Money>> for AmountView {
    fn from(money: Option<Money>) -> Self {
        money.map_or(Self::Absent, Self::Shown)
    }
}
