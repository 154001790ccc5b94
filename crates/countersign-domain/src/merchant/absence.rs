//! Amazon's answers that it has no such object, and when they count. One proves nothing: it may come from a
//! slow replica, or be about a different account or address. They count when there are three over ten minutes
//! and, between the first and the last, the same key and endpoint have shown a charge that is known to exist.

use alloc::string::String;

use super::rules::{GONE_AFTER, NOT_FOUNDS, REACH_ASKED_FROM};
use crate::time::Timestamp;

/// How Amazon was asked: the key and the endpoint. Answers that came under different ones are not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access(pub String);

/// Amazon's answers in a row that it has no such object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// Under which key and endpoint.
    pub access: Access,
    /// How many there were.
    pub count: u32,
    /// When the first came.
    pub first_at: Timestamp,
    /// When a charge that is known to exist was shown after the first of them.
    pub reach_proved_at: Option<Timestamp>,
}

/// What the youngest charge in the store shows about the key and the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// Amazon has shown it under this key and endpoint.
    Proved(Access),
    /// Amazon has not shown it, so its other answers say nothing either.
    Unproved,
    /// The store knows no charge of this account and environment.
    NothingToAskFor,
}

impl Absence {
    /// The answers in a row after one more. Under a different key or endpoint, or after one later than now, the new
    /// answer is the first.
    pub(super) fn again(before: Option<&Self>, access: &Access, now: Timestamp) -> Self {
        match before {
            Some(before) if before.access == *access && before.first_at <= now => {
                Self { count: before.count.saturating_add(1), ..before.clone() }
            }
            Some(_) | None => Self { access: access.clone(), count: 1, first_at: now, reach_proved_at: None },
        }
    }

    /// Whether the answer has come often enough, over a long enough time.
    pub(super) fn is_repeated(&self, now: Timestamp) -> bool {
        self.count >= NOT_FOUNDS && now.since(self.first_at) >= GONE_AFTER
    }

    /// Whether the absence counts, if the answer that has just come is the last one.
    pub(super) fn counts(&self, now: Timestamp) -> bool {
        self.is_repeated(now) && self.reach_proved_at.is_some()
    }

    /// Whether a charge that is known to exist must be asked for.
    pub(super) const fn lacks_reach(&self) -> bool {
        self.count >= REACH_ASKED_FROM && self.reach_proved_at.is_none()
    }
}
