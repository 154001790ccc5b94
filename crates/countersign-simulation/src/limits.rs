//! Amazon's limits for the simulation: written a second time from the API's pages, so that a wrong
//! number in the rules is not repeated here. A test compares both sets of numbers with the pages.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How long a Checkout Session can be read. Amazon answers about a session only within this time.
pub const SESSION_KEPT: Duration = Duration::from_secs(30 * DAY.as_secs());
/// How long an authorization of the sandbox lasts.
pub const SANDBOX_AUTHORIZATION: Duration = Duration::from_secs(2 * DAY.as_secs());

/// The surplus in minor units: the amount beyond an order's amount that may be captured if
/// overcharges are allowed, or beyond the captured amount that may be refunded. It is 15 %, and at
/// most 75 major units or 8,400 JPY.
#[must_use]
pub fn surplus(minor: u64, currency: &str) -> u64 {
    let most = if currency == "JPY" { 8_400 } else { 7_500 };
    // 3/20, computed without an overflow.
    let (twentieths, rest) = (minor / 20, minor % 20);
    (twentieths * 3 + rest * 3 / 20).min(most)
}
