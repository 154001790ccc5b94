//! An amount in a document: `[1400,"USD"]`, minor units and currency.

use countersign_domain::money::{Currency, Money};
use serde::{Deserialize, Serialize};

use super::{Illegible, Legible as _, Text};

#[derive(Serialize, Deserialize)]
pub(super) struct StoredMoney<'a>(u64, #[serde(borrow)] Text<'a>);

impl From<Money> for StoredMoney<'_> {
    fn from(money: Money) -> Self {
        Self(money.minor(), Text::Borrowed(money.currency().code()))
    }
}

impl StoredMoney<'_> {
    pub(super) fn read(self) -> Result<Money, Illegible> {
        let currency = Currency::parse(&self.1).member("currency")?;
        Ok(Money::from_minor(self.0, currency))
    }
}

/// Reads an amount that may be absent.
pub(super) fn read(amount: Option<StoredMoney<'_>>) -> Result<Option<Money>, Illegible> {
    amount.map(StoredMoney::read).transpose()
}
