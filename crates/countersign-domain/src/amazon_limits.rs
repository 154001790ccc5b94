//! Amazon's numbers: how long each object lives, how many there may be, and by how much an amount may be
//! exceeded in a capture or a refund.
//!
//! Both halves use them: Amazon's half refuses what exceeds a limit, and the merchant's half does not ask for
//! it. Numbers that are only this project's choice for Amazon's half (for example, how long a pending
//! decision takes) are in [`crate::provider::profile`], and those that a shop chooses for itself are with the
//! rule that uses them.

use core::time::Duration;

use crate::money::{Currency, Money};
use crate::time::DAY;

/// A session that is not finalized is canceled 24 hours after its creation.
pub const SESSION_LIFETIME: Duration = DAY;
/// A session is deleted 30 days after its creation.
pub const SESSION_KEPT: Duration = DAY.saturating_mul(30);
/// The buyer's data of a one-time permission can be read for 30 days.
pub const BUYER_READABLE: Duration = DAY.saturating_mul(30);
/// A one-time permission lives for 180 days of 24 hours.
pub const PERMISSION_LIFETIME: Duration = DAY.saturating_mul(180);
/// With `extendExpiration` a permission lives for 13 calendar months.
pub const EXTENDED_PERMISSION_MONTHS: u32 = 13;
/// In Amazon's sandbox an authorization lapses uncaptured after 2 days.
pub const SANDBOX_AUTHORIZATION_LIFETIME: Duration = DAY.saturating_mul(2);
/// With real money an authorization lapses uncaptured after 30 days.
pub const LIVE_AUTHORIZATION_LIFETIME: Duration = DAY.saturating_mul(30);
/// For seven days after its authorization a charge is captured immediately; from then on the capture is
/// asynchronous.
pub const CAPTURE_GUARANTEED: Duration = DAY.saturating_mul(7);
/// The largest number of charges of a one-time permission; declined ones do not count.
pub const MAX_CHARGES: u32 = 25;
/// The largest number of refunds of one charge; declined ones do not count. Amazon's legacy limit; the limit
/// of version 2 is not documented (docs/compatibility.md).
pub const MAX_REFUNDS: usize = 10;

/// The largest amount that may be refunded of a captured amount, or captured of an authorized amount if the
/// session allows an overcharge: the amount plus its [`surplus`].
#[must_use]
pub fn ceiling(amount: Money) -> Money {
    amount.checked_add(surplus(amount)).unwrap_or(amount)
}

/// The lesser of 15 % of an amount and 75 major units (8,400 JPY), rounded down to the minor unit. Amazon
/// names 75 for USD, GBP and EUR; 75 major units of the other currencies is this project's choice
/// (docs/compatibility.md).
#[must_use]
pub fn surplus(amount: Money) -> Money {
    let currency = amount.currency();
    let percent = u128::from(amount.minor()).saturating_mul(15).checked_div(100).unwrap_or(0);
    let fixed = match currency {
        Currency::JPY => 8_400,
        Currency::AUD
        | Currency::CHF
        | Currency::DKK
        | Currency::EUR
        | Currency::GBP
        | Currency::HKD
        | Currency::NOK
        | Currency::NZD
        | Currency::SEK
        | Currency::USD
        | Currency::ZAR => 7_500,
    };
    Money::from_minor(u64::try_from(percent).unwrap_or(u64::MAX).min(fixed), currency)
}
