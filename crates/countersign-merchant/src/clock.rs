//! The clock of the merchant half's decisions. Each decision reads it once, and passes `now` to the rules as an
//! argument.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_world::Clock;

/// The `now` of decisions. It never runs backwards, not even across a restart, because it starts from the
/// store's watermark. While the wall clock is behind, it continues at the pace of real time.
pub(crate) struct DecisionClock {
    clock: Arc<dyn Clock>,
    latest: Mutex<(Timestamp, Duration)>,
    /// Amazon's clock minus ours, from the latest answer that had a date. Ours is this machine's clock or
    /// the decision clock, whichever differs more.
    skew_ms: AtomicI64,
}

/// If one of our clocks differs by more than this from Amazon's `Date` header, local expiries are suspended.
const TOLERATED_SKEW_MS: u64 = 60_000;

impl DecisionClock {
    pub(crate) fn starting_from(clock: Arc<dyn Clock>, watermark: Timestamp) -> Self {
        let latest = Mutex::new((watermark, clock.monotonic()));
        Self { clock, latest, skew_ms: AtomicI64::new(0) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        // Read inside the lock, so that the later of two readers gets the later time.
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = self.clock.now();
        let monotonic = self.clock.monotonic();
        let floor = latest.0.plus(monotonic.saturating_sub(latest.1));
        let now = wall.max(floor);
        *latest = (now, monotonic);
        now
    }

    /// Whether a clock of ours differs from Amazon's by more than a minute, or the decision clock from this machine's:
    /// then one of them was wrong, whatever Amazon says.
    pub(crate) fn is_in_question(&self) -> bool {
        let ahead = self.now().as_millis().saturating_sub(self.wall().as_millis());
        self.differs_from_amazons() || ahead.unsigned_abs() > TOLERATED_SKEW_MS
    }

    fn differs_from_amazons(&self) -> bool {
        self.skew_ms.load(Ordering::Relaxed).unsigned_abs() > TOLERATED_SKEW_MS
    }

    /// Compares the clocks, right after an answer with Amazon's time.
    pub(crate) fn compare(&self, amazons: Timestamp) {
        let differed = self.differs_from_amazons();
        let skew = |ours: Timestamp| amazons.as_millis().saturating_sub(ours.as_millis());
        let (wall, decisions) = (skew(self.wall()), skew(self.now()));
        let skew_ms = if decisions.unsigned_abs() > wall.unsigned_abs() { decisions } else { wall };
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
        if self.differs_from_amazons() && !differed {
            tracing::error!(
                skew_ms,
                "this machine's clock and Amazon's differ by more than a minute: until they agree, \
                 no payment is ended because its buyer has been away too long"
            );
        }
    }

    /// This machine's clock.
    pub(crate) fn wall(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    /// This machine's clock, for a caller that waits within a limit.
    pub(crate) fn waiting(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        self.clock.sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use countersign_world::fake::FakeClock;

    use super::*;

    #[test]
    fn now_never_runs_backwards_and_never_stands_still() {
        let at = Timestamp::from_millis;
        let clock = FakeClock::at(at(50_000));
        let decisions = DecisionClock::starting_from(Arc::new(clock.clone()), at(60_000));
        assert_eq!(decisions.now(), at(60_000), "it starts from the watermark");
        clock.advance(Duration::from_millis(10));
        assert_eq!(decisions.now(), at(60_010), "it continues while the wall clock is behind");
        clock.advance(Duration::from_millis(10));
        clock.set(at(90_000));
        assert_eq!(decisions.now(), at(90_000), "it follows a jump forwards");
        clock.advance(Duration::from_secs(1));
        clock.set(at(1_000));
        assert_eq!(decisions.now(), at(91_000), "it does not follow a jump backwards");
        assert_eq!(decisions.wall(), at(1_000));
    }

    #[test]
    fn a_watermark_ahead_of_the_clock_is_in_question_before_amazon_has_answered() {
        let at = Timestamp::from_millis;
        for (watermark, expected) in [(50_000, false), (110_000, false), (110_001, true), (90_000_000, true)]
        {
            let clock = FakeClock::at(at(50_000));
            let decisions = DecisionClock::starting_from(Arc::new(clock.clone()), at(watermark));
            assert_eq!(decisions.is_in_question(), expected, "{watermark}");
            clock.set(at(200_000_000));
            assert!(!decisions.is_in_question(), "the clock has caught up");
        }
    }
}
