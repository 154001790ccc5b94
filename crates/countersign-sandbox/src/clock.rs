//! Time in the sandbox: a virtual clock, which the control API moves, on top of the machine's
//! clock. Each decision reads it once, at its start, and passes `now` to the rules as an argument.
//!
//! Deadlines and the objects' instants are virtual. Signatures are dated by the machine's clock, which SDKs
//! use, and an ordered timeout passes in real time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_world::Clock;
use futures_util::future::select;
use tokio::sync::Notify;

/// What the virtual clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockState {
    /// The virtual instant.
    pub(crate) now: Timestamp,
    /// Whether it is frozen.
    pub(crate) frozen: bool,
    /// How fast it runs when it is not frozen.
    pub(crate) rate: Rate,
}

/// How many virtual seconds pass in a real one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rate(u32);

impl Rate {
    /// As fast as the machine's clock.
    pub(crate) const REAL: Self = Self(1);
    /// The fastest rate: 180 days pass in 16 seconds.
    pub(crate) const MAX: Self = Self(1_000_000);

    /// A rate between 1 and [`Rate::MAX`].
    #[must_use]
    pub(crate) fn new(rate: u32) -> Option<Self> {
        (Self::REAL.0..=Self::MAX.0).contains(&rate).then_some(Self(rate))
    }

    /// The number.
    #[must_use]
    pub(crate) const fn get(self) -> u32 {
        self.0
    }

    /// How much virtual time passes in this real time.
    fn virtual_time(self, real: Duration) -> Duration {
        real.saturating_mul(self.0)
    }

    /// How much real time this virtual time takes, rounded up to whole milliseconds.
    fn real_time(self, virtual_time: Duration) -> Duration {
        let millis = virtual_time.as_millis().div_ceil(u128::from(self.0));
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

/// What the clock showed at an instant of the machine's clock, and how it runs from there. Moving
/// the clock, or changing its rate, begins a new motion; within a motion the clock never jumps.
#[derive(Debug, Clone, Copy)]
struct Motion {
    wall: Timestamp,
    shown: Timestamp,
    frozen: bool,
    rate: Rate,
}

impl Motion {
    fn real(wall: Timestamp, shown: Timestamp) -> Self {
        Self { wall, shown, frozen: false, rate: Rate::REAL }
    }

    fn state(self, wall: Timestamp) -> ClockState {
        let Self { shown, frozen, rate, .. } = self;
        let now = if frozen {
            shown
        } else if wall < self.wall {
            // The machine's clock was set back: the virtual clock goes back by the same time,
            // whatever its rate.
            shown.minus(self.wall.since(wall))
        } else {
            shown.plus(rate.virtual_time(wall.since(self.wall)))
        };
        ClockState { now, frozen, rate }
    }
}

/// A clock that can be set, advanced, frozen and made faster. Unless it is changed, it shows the machine's
/// time.
pub(crate) struct VirtualClock {
    real: Arc<dyn Clock>,
    motion: Mutex<Motion>,
    moved: Notify,
}

impl VirtualClock {
    /// A running clock. `watermark` is the store's last instant. If the machine's clock is behind
    /// it, because the virtual clock had been moved ahead, this clock starts from the watermark: no
    /// decision may be earlier than one that was already made. Nothing else of the former clock's
    /// moves is kept.
    #[must_use]
    pub(crate) fn starting_from(real: Arc<dyn Clock>, watermark: Timestamp) -> Self {
        let wall = real.now();
        let motion = Motion::real(wall, wall.max(watermark));
        Self { real, motion: Mutex::new(motion), moved: Notify::new() }
    }

    /// The virtual instant.
    #[must_use]
    pub(crate) fn now(&self) -> Timestamp {
        self.state().now
    }

    /// What the machine's clock shows.
    #[must_use]
    pub(crate) fn wall(&self) -> Timestamp {
        self.real.now()
    }

    /// The virtual instant, whether the clock is frozen, and how fast it runs.
    #[must_use]
    pub(crate) fn state(&self) -> ClockState {
        let motion = *self.motion.lock().unwrap_or_else(PoisonError::into_inner);
        motion.state(self.real.now())
    }

    /// Lets the clock run and show the machine's time, as in a new sandbox.
    pub(crate) fn reset(&self) {
        let wall = self.real.now();
        *self.motion.lock().unwrap_or_else(PoisonError::into_inner) = Motion::real(wall, wall);
        self.moved.notify_waiters();
    }

    /// Waits for real time to pass, whatever the virtual clock does.
    pub(crate) async fn sleep(&self, duration: Duration) {
        self.real.sleep(duration).await;
    }

    /// Completes when the virtual instant is reached, or earlier if the clock is moved: the caller
    /// then reads the due timers again.
    pub(crate) async fn wait_until(&self, instant: Timestamp) {
        // Created before the clock is read, so that no move between the two is missed.
        let moved = self.moved.notified();
        let ClockState { now, frozen, rate } = self.state();
        if now >= instant {
            return;
        }
        if frozen {
            moved.await;
        } else {
            select(std::pin::pin!(moved), self.real.sleep(rate.real_time(instant.since(now)))).await;
        }
    }

    /// Changes what the clock shows and how it runs, from now on.
    pub(crate) fn change(&self, to: impl FnOnce(ClockState) -> ClockState) {
        let wall = self.real.now();
        let mut motion = self.motion.lock().unwrap_or_else(PoisonError::into_inner);
        let ClockState { now, frozen, rate } = to(motion.state(wall));
        *motion = Motion { wall, shown: now, frozen, rate };
        drop(motion);
        self.moved.notify_waiters();
    }
}

impl std::fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("VirtualClock").field(&self.state()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_world::fake::FakeClock;
    use futures_util::FutureExt as _;
    use std::task::Poll;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    const NOON: &str = "20260901T120000Z";

    fn clocks() -> (FakeClock, VirtualClock) {
        let real = FakeClock::at(at(NOON));
        let clock = VirtualClock::starting_from(Arc::new(real.clone()), Timestamp::UNIX_EPOCH);
        (real, clock)
    }

    fn advance(clock: &VirtualClock, seconds: u64) {
        clock.change(|state| ClockState { now: state.now.plus(Duration::from_secs(seconds)), ..state });
    }

    fn set(clock: &VirtualClock, now: &str) {
        clock.change(|state| ClockState { now: at(now), ..state });
    }

    fn freeze(clock: &VirtualClock, frozen: bool) {
        clock.change(|state| ClockState { frozen, ..state });
    }

    fn set_rate(clock: &VirtualClock, rate: u32) {
        clock.change(|state| ClockState { rate: Rate(rate), ..state });
    }

    fn second_passes(real: &FakeClock) {
        real.advance(Duration::from_secs(1));
    }

    #[test]
    fn moving_leaves_it_frozen_or_running_as_it_was() {
        let (real, clock) = clocks();
        let shows = |expected: &str, frozen| {
            assert_eq!(clock.state(), ClockState { now: at(expected), frozen, rate: Rate::REAL });
        };
        shows(NOON, false);
        advance(&clock, 86_400);
        shows("20260902T120000Z", false);
        second_passes(&real);
        shows("20260902T120001Z", false);
        freeze(&clock, true);
        second_passes(&real);
        shows("20260902T120001Z", true);
        advance(&clock, 60);
        shows("20260902T120101Z", true);
        set(&clock, "20200101T000000Z");
        second_passes(&real);
        shows("20200101T000000Z", true);
        freeze(&clock, false);
        second_passes(&real);
        shows("20200101T000001Z", false);
        assert_eq!(clock.wall(), at("20260901T120004Z"), "the machine's clock is not affected");
        clock.reset();
        shows("20260901T120004Z", false);
    }

    #[test]
    fn a_fast_clock_continues_from_what_it_shows_and_never_jumps() {
        let (real, clock) = clocks();
        let shows = |expected: &str, frozen, rate| {
            assert_eq!(clock.state(), ClockState { now: at(expected), frozen, rate: Rate(rate) });
        };
        set_rate(&clock, 3_600);
        shows(NOON, false, 3_600);
        second_passes(&real);
        shows("20260901T130000Z", false, 3_600);
        set_rate(&clock, 60);
        shows("20260901T130000Z", false, 60);
        second_passes(&real);
        shows("20260901T130100Z", false, 60);
        freeze(&clock, true);
        second_passes(&real);
        shows("20260901T130100Z", true, 60);
        advance(&clock, 59);
        freeze(&clock, false);
        second_passes(&real);
        shows("20260901T130259Z", false, 60);
        set(&clock, "20260901T130300Z");
        second_passes(&real);
        shows("20260901T130400Z", false, 60);
        real.set(at("20260901T120003Z"));
        shows("20260901T130259Z", false, 60);
        clock.reset();
        shows("20260901T120003Z", false, 1);
    }

    #[test]
    fn a_rate_is_from_1_to_a_million_and_real_time_is_rounded_up() {
        assert_eq!([0, 1, 1_000_000, 1_000_001].map(Rate::new), [None, Some(Rate(1)), Some(Rate::MAX), None]);
        for (rate, virtual_ms, real_ms) in [
            (1, 1_500, 1_500),
            (3_600, 3_600_000, 1_000),
            (3_600, 1, 1),
            (1_000_000, 1_000_001, 2),
            (7, 0, 0),
        ] {
            let real = Rate(rate).real_time(Duration::from_millis(virtual_ms));
            assert_eq!(real, Duration::from_millis(real_ms), "{virtual_ms} ms at {rate}");
            assert!(Rate(rate).virtual_time(real) >= Duration::from_millis(virtual_ms));
        }
    }

    #[test]
    fn a_restart_is_not_behind_the_watermark() {
        let real: Arc<dyn Clock> = Arc::new(FakeClock::at(at(NOON)));
        for (watermark, shown) in
            [("20261231T000000Z", "20261231T000000Z"), ("20260901T115959Z", NOON), ("19700101T000000Z", NOON)]
        {
            let clock = VirtualClock::starting_from(Arc::clone(&real), at(watermark));
            assert_eq!(clock.now(), at(shown), "{watermark}");
        }
    }

    #[test]
    fn a_waiting_task_is_woken_by_the_instant_and_by_every_move() {
        type Move = fn(&VirtualClock);
        let moves: [Move; 6] = [
            |clock| advance(clock, 1),
            |clock| set(clock, "20200101T000000Z"),
            |clock| freeze(clock, true),
            |clock| freeze(clock, false),
            |clock| set_rate(clock, Rate::MAX.0),
            VirtualClock::reset,
        ];
        for frozen in [false, true] {
            for make_move in moves {
                let (_, clock) = clocks();
                freeze(&clock, frozen);
                let mut waiting = std::pin::pin!(clock.wait_until(at(NOON).plus(Duration::from_secs(60))));
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending);
                make_move(&clock);
                assert_eq!(waiting.as_mut().poll(&mut context), Poll::Ready(()));
            }
            let (_, clock) = clocks();
            freeze(&clock, frozen);
            assert_eq!(
                clock.wait_until(at(NOON)).now_or_never(),
                Some(()),
                "an instant is reached when the clock shows it"
            );
        }
    }
}
