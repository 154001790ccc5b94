//! Amazon's limits, as the API's pages state them, compared with the two places in this project
//! that have them: the rules, and the simulation, which has numbers of its own.

use std::time::Duration;

use countersign_domain::amazon_limits as rules;
use countersign_domain::money::{Currency, Money};
use countersign_simulation::limits as simulation;

const HOURS: u64 = 3_600;

/// What happens after a time, the page that states it, the hours, and the constants of both places.
/// The simulation has only the constants that it needs.
const TIMES: [(&str, &str, u64, Duration, Option<Duration>); 7] = [
    ("an open session is canceled", "Checkout Session", 24, rules::SESSION_LIFETIME, None),
    ("a session is deleted", "Checkout Session", 720, rules::SESSION_KEPT, Some(simulation::SESSION_KEPT)),
    ("a buyer is forgotten", "Charge Permission", 720, rules::BUYER_READABLE, None),
    ("a one-time permission closes", "Charge Permission", 4_320, rules::PERMISSION_LIFETIME, None),
    (
        "an authorization expires in the sandbox",
        "Differences between environments",
        48,
        rules::SANDBOX_AUTHORIZATION_LIFETIME,
        Some(simulation::SANDBOX_AUTHORIZATION),
    ),
    (
        "an authorization expires in production",
        "Differences between environments",
        720,
        rules::LIVE_AUTHORIZATION_LIFETIME,
        None,
    ),
    ("captures become asynchronous", "Charge", 168, rules::CAPTURE_GUARANTEED, None),
];

#[test]
fn times_are_as_the_pages_state_them() {
    for (what, page, hours, of_the_rules, of_the_simulation) in TIMES {
        let stated = Duration::from_secs(hours * HOURS);
        assert_eq!(of_the_rules, stated, "{what}: {page}");
        assert_eq!(of_the_simulation.unwrap_or(stated), stated, "{what}: {page}");
    }
}

#[test]
fn counts_are_as_the_pages_state_them() {
    // Deferred transactions; the legacy API's Refund; the SDKs' `extendExpiration`.
    assert_eq!(rules::MAX_CHARGES, 25);
    assert_eq!(rules::MAX_REFUNDS, 10);
    assert_eq!(rules::EXTENDED_PERMISSION_MONTHS, 13);
}

#[test]
fn a_surplus_is_at_most_the_lesser_of_15_percent_and_75() {
    // Refund: "the lesser of 15 % or 75 USD, GBP or EUR (8,400 JPY)". Each case has a currency, an amount and
    // its surplus, in minor units.
    let cases = [
        ("USD", 0, 0),
        ("USD", 1, 0),
        ("USD", 7, 1),
        ("USD", 10_000, 1_500),
        ("USD", 49_999, 7_499),
        ("USD", 50_000, 7_500),
        ("GBP", 50_001, 7_500),
        ("EUR", 15_000_000, 7_500),
        ("JPY", 99, 14),
        ("JPY", 55_999, 8_399),
        ("JPY", 56_000, 8_400),
        ("JPY", 10_000_000, 8_400),
    ];
    for (code, minor, more) in cases {
        let amount = Money::from_minor(minor, Currency::parse(code).unwrap());
        assert_eq!(rules::surplus(amount).minor(), more, "{amount}");
        assert_eq!(simulation::surplus(minor, code), more, "{amount}");
        assert_eq!(rules::ceiling(amount).minor(), minor + more, "{amount}");
    }
}
