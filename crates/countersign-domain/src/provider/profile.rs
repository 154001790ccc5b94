//! Which of Amazon's two sets of deadlines is in force, and the times that this project chose where Amazon
//! documents none. Amazon's own numbers are in [`crate::amazon_limits`].

use core::time::Duration;

use crate::amazon_limits::{LIVE_AUTHORIZATION_LIFETIME, SANDBOX_AUTHORIZATION_LIFETIME};
use crate::time::{HOUR, Timestamp};
use crate::words::words;

words! {
    /// Which of Amazon's two sets of deadlines and limits is in force.
    ///
    /// A merchant's key decides whether an object is called `Sandbox` or `Live`; the profile decides by which
    /// deadlines the rules run, so that a live integration's deadlines can be tested with test money.
    #[derive(Default)]
    Profile {
        /// Amazon's sandbox: an authorization lapses after 2 days.
        #[default]
        Sandbox = "sandbox",
        /// Amazon's production: after 30 days.
        Live = "live",
    }
}

impl Profile {
    /// When an authorization that is made at this instant lapses if it is not captured.
    #[must_use]
    pub fn authorization_expires_at(self, authorized_at: Timestamp) -> Timestamp {
        authorized_at.plus(match self {
            Self::Sandbox => SANDBOX_AUTHORIZATION_LIFETIME,
            Self::Live => LIVE_AUTHORIZATION_LIFETIME,
        })
    }

    /// How long it takes until a refund or an asynchronous capture is decided. Amazon documents no time;
    /// these are this project's choice (docs/compatibility.md).
    #[must_use]
    pub const fn settled_after(self) -> Duration {
        match self {
            Self::Sandbox => PENDING_DECIDED_AFTER,
            Self::Live => HOUR,
        }
    }
}

/// How long the bank waits for a buyer to confirm a payment. Amazon documents no time; this is this project's
/// choice (docs/compatibility.md).
pub const MFA_LIFETIME: Duration = Duration::from_secs(600);
/// The test cards decide on a pending authorization after 30 seconds.
pub const PENDING_DECIDED_AFTER: Duration = Duration::from_secs(30);
