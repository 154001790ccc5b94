//! Amazon's numbers: how long each object lives, how many there may be, and how much more than an amount
//! may be taken or given back.
//!
//! Both halves count by them: Amazon's half refuses what passes a limit, and the merchant's half does not ask for
//! it. What is only this project's choice for Amazon's half (how long a pending decision takes, say) is in
//! [`crate::provider::profile`], and what a shop chooses for itself is with the rule that uses it.

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
/// With `extendExpiration` it lives for 13 calendar months.
pub const EXTENDED_PERMISSION_MONTHS: u32 = 13;
/// In Amazon's sandbox an authorization lapses uncaptured after 2 days.
pub const SANDBOX_AUTHORIZATION_LIFETIME: Duration = DAY.saturating_mul(2);
/// With real money it lapses after 30 days.
pub const LIVE_AUTHORIZATION_LIFETIME: Duration = DAY.saturating_mul(30);
/// For seven days after its authorization a charge is captured at once; from then on the capture is
/// asynchronous.
pub const CAPTURE_GUARANTEED: Duration = DAY.saturating_mul(7);
/// The most charges of a one-time permission; declined ones do not count.
pub const MAX_CHARGES: u32 = 25;
/// The most refunds of one charge, declined ones not counted. Amazon's legacy limit; that of version 2
/// is not documented (docs/compatibility.md).
pub const MAX_REFUNDS: usize = 10;

/// The most that may be refunded of a captured amount, or captured of an authorized one where the session
/// allows more: the amount and its [`surplus`].
#[must_use]
pub fn ceiling(amount: Money) -> Money {
    amount.checked_add(surplus(amount)).unwrap_or(amount)
}

/// The lesser of 15 % of an amount and 75 major units (8,400 JPY), fractions of a minor unit dropped.
/// Amazon names 75 for USD, GBP and EUR; 75 major units of the other currencies is this project's choice
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
