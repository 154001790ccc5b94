//! How long things last at Amazon: the deadlines of a session, a permission and a charge.

use core::time::Duration;

use crate::time::{DAY, HOUR, Timestamp};

/// Which of Amazon's two sets of deadlines and limits is in force.
///
/// A merchant's key decides whether an object is called `Sandbox` or `Live`; the profile decides how
/// the rules run, so that a live integration's deadlines can be tested with test money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Amazon's sandbox: an authorization lapses after 2 days.
    #[default]
    Sandbox,
    /// Amazon's production: after 30 days.
    Live,
}

impl Profile {
    /// Every profile.
    pub const ALL: &'static [Self] = &[Self::Sandbox, Self::Live];

    /// The profile's word: `sandbox` or `live`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }

    /// Reads the profile's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|profile| profile.as_str() == word)
    }

    /// When an authorization of this instant lapses uncaptured.
    #[must_use]
    pub fn authorization_expires_at(self, authorized_at: Timestamp) -> Timestamp {
        let days = match self {
            Self::Sandbox => 2,
            Self::Live => 30,
        };
        authorized_at.plus(DAY.saturating_mul(days))
    }

    /// How long a refund, or a capture that is asynchronous, takes to be decided. Amazon names no time;
    /// these are this project's choice (docs/compatibility.md).
    #[must_use]
    pub const fn settled_after(self) -> Duration {
        match self {
            Self::Sandbox => PENDING_DECIDED_AFTER,
            Self::Live => HOUR,
        }
    }
}

/// A session that is not finalized is canceled 24 hours after its creation.
pub const SESSION_LIFETIME: Duration = DAY;
/// The bank waits so long for a buyer to confirm a payment. Amazon names no time; this is the project's
/// choice (docs/compatibility.md).
pub const MFA_LIFETIME: Duration = Duration::from_secs(600);
/// A session is deleted 30 days after its creation.
pub const SESSION_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// The buyer's data of a one-time permission can be read for 30 days.
pub const BUYER_READABLE: Duration = Duration::from_secs(30 * 86_400);
/// A one-time permission lives for 180 days of 24 hours.
pub const PERMISSION_LIFETIME: Duration = Duration::from_secs(180 * 86_400);
/// With `extendExpiration` it lives for 13 calendar months.
pub const EXTENDED_PERMISSION_MONTHS: u32 = 13;
/// The test cards decide on a pending authorization after 30 seconds.
pub const PENDING_DECIDED_AFTER: Duration = Duration::from_secs(30);
/// For seven days after its authorization a charge is captured at once; from then on the capture is
/// asynchronous.
pub const CAPTURE_GUARANTEED: Duration = Duration::from_secs(7 * 86_400);
/// A one-time permission has at most so many charges; declined ones do not count.
pub const MAX_CHARGES: u32 = 25;
