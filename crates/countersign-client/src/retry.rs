//! When a call is sent again, as one pure function. It sends nothing and waits for nothing: the exchange
//! calls it after each try.
//!
//! Calls that only read, and POST calls whose idempotency key makes all copies one request, are repeated
//! after a lost answer, 408, 425, 429 and 5xx. Everything else is repeated only if it certainly never left.

use std::time::Duration;

/// Limits for repeating a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The largest number of times that a call is sent; 1 switches repeating off.
    pub max_attempts: u32,
    /// The longest pause before the second try; it doubles for each later one. The actual pause is drawn
    /// between half of it and all of it.
    pub first_pause: Duration,
    /// The longest pause, including one that the server asks for.
    pub longest_pause: Duration,
    /// No try starts later than this after the first.
    pub budget: Duration,
}

impl Default for RetryPolicy {
    /// Up to four tries within 45 s, with pauses of at most 2, 4 and 8 s, as in Amazon's own SDKs.
    fn default() -> Self {
        Self {
            max_attempts: 4,
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(10),
            budget: Duration::from_secs(45),
        }
    }
}

/// Whether a copy of a call does harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepeatSafety {
    /// A copy may take effect twice: send again only if the call certainly never left.
    UnlessSent,
    /// It only reads, or its idempotency key makes every copy the same request.
    Freely,
}

/// The result of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It never left.
    NotSent,
    /// It may have arrived; no answer came.
    NoAnswer,
    /// An answer with this status, other than a success, and the pause that it asks for.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The `Retry-After` header.
        retry_after: Option<Duration>,
    },
}

/// What to do after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Send again after this pause.
    Wait(Duration),
    /// Report the result.
    GiveUp,
}

impl RetryPolicy {
    /// Decides after try number `attempt`, counted from 1, `elapsed` after the first one started. `jitter` is
    /// a random number.
    #[must_use]
    pub fn decide(
        &self,
        repeatable: RepeatSafety,
        attempt: u32,
        outcome: Outcome,
        elapsed: Duration,
        jitter: u16,
    ) -> Decision {
        if attempt >= self.max_attempts {
            return Decision::GiveUp;
        }
        let may_help = match (outcome, repeatable) {
            (Outcome::NotSent, _) => true,
            (_, RepeatSafety::UnlessSent) => false,
            (Outcome::NoAnswer, RepeatSafety::Freely) => true,
            (Outcome::Refused { status, .. }, RepeatSafety::Freely) => {
                matches!(status, 408 | 425 | 429 | 500..=599)
            }
        };
        if !may_help {
            return Decision::GiveUp;
        }
        let asked_for = match outcome {
            Outcome::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
            Outcome::NotSent | Outcome::NoAnswer => Duration::ZERO,
        };
        if asked_for > self.longest_pause {
            return Decision::GiveUp;
        }
        let pause = self.pause(attempt, jitter).max(asked_for);
        if elapsed.saturating_add(pause) > self.budget {
            return Decision::GiveUp;
        }
        Decision::Wait(pause)
    }

    fn pause(&self, attempt: u32, jitter: u16) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let longest = self.first_pause.saturating_mul(doubled).min(self.longest_pause);
        let half = longest / 2;
        half.saturating_add(half.saturating_mul(u32::from(jitter)) / u32::from(u16::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OUTCOMES: [(&str, Outcome); 13] = [
        ("not sent", Outcome::NotSent),
        ("no answer", Outcome::NoAnswer),
        ("400", Outcome::Refused { status: 400, retry_after: None }),
        ("403", Outcome::Refused { status: 403, retry_after: None }),
        ("404", Outcome::Refused { status: 404, retry_after: None }),
        ("408", Outcome::Refused { status: 408, retry_after: None }),
        ("409", Outcome::Refused { status: 409, retry_after: None }),
        ("422", Outcome::Refused { status: 422, retry_after: None }),
        ("425", Outcome::Refused { status: 425, retry_after: None }),
        ("429", Outcome::Refused { status: 429, retry_after: None }),
        ("500", Outcome::Refused { status: 500, retry_after: None }),
        ("503", Outcome::Refused { status: 503, retry_after: None }),
        ("504", Outcome::Refused { status: 504, retry_after: None }),
    ];

    // Promise: C09
    #[test]
    fn what_is_repeated_is_this_table() {
        let policy = RetryPolicy::default();
        let again = |repeatable| {
            let outcomes = OUTCOMES.iter().filter(move |(_, outcome)| {
                policy.decide(repeatable, 1, *outcome, Duration::ZERO, 0) != Decision::GiveUp
            });
            outcomes.map(|(name, _)| *name).collect::<Vec<_>>()
        };
        assert_eq!(again(RepeatSafety::UnlessSent), ["not sent"]);
        assert_eq!(
            again(RepeatSafety::Freely),
            ["not sent", "no answer", "408", "425", "429", "500", "503", "504"]
        );
    }

    #[test]
    fn the_last_try_is_the_last() {
        let policy = RetryPolicy::default();
        let after =
            |attempt| policy.decide(RepeatSafety::Freely, attempt, Outcome::NotSent, Duration::ZERO, 0);
        assert_eq!(after(3), Decision::Wait(Duration::from_secs(4)));
        assert_eq!(after(4), Decision::GiveUp);
        let never = RetryPolicy { max_attempts: 1, ..policy };
        assert_eq!(
            never.decide(RepeatSafety::Freely, 1, Outcome::NotSent, Duration::ZERO, 0),
            Decision::GiveUp
        );
    }

    #[test]
    fn the_budget_is_kept_to_the_millisecond() {
        let policy = RetryPolicy::default();
        let at = |elapsed| policy.decide(RepeatSafety::Freely, 1, Outcome::NoAnswer, elapsed, u16::MAX);
        assert_eq!(at(Duration::from_secs(43)), Decision::Wait(Duration::from_secs(2)));
        assert_eq!(at(Duration::from_millis(43_001)), Decision::GiveUp);
    }

    #[test]
    fn a_server_may_ask_for_a_longer_pause_but_not_for_any() {
        let policy = RetryPolicy::default();
        let asked = |seconds| {
            let outcome = Outcome::Refused { status: 429, retry_after: Some(Duration::from_secs(seconds)) };
            policy.decide(RepeatSafety::Freely, 1, outcome, Duration::ZERO, 0)
        };
        assert_eq!(asked(0), Decision::Wait(Duration::from_secs(1)));
        assert_eq!(asked(10), Decision::Wait(Duration::from_secs(10)));
        assert_eq!(asked(11), Decision::GiveUp);
    }

    proptest! {
        // Promise: C09
        #[test]
        fn a_pause_lies_between_half_and_whole(attempt in 1..40_u32, jitter: u16) {
            let policy = RetryPolicy::default();
            let longest = Duration::from_secs(2).saturating_mul(2_u32.saturating_pow(attempt - 1)).min(policy.longest_pause);
            let pause = policy.pause(attempt, jitter);
            prop_assert!(pause >= longest / 2 && pause <= longest, "{pause:?}");
        }
    }
}
