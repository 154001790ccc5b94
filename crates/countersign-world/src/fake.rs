//! Clocks that are moved by hand and randomness that repeats, for tests, the simulation and the demo. No
//! server is started with one of these anywhere else.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use futures_util::future::BoxFuture;

use crate::{Clock, Entropy};

/// A clock that does not move until it is moved. Clones are the same clock.
///
/// A sleep ends when the clock has been advanced past its end, or at [`FakeClock::wake_all`].
#[derive(Clone)]
pub struct FakeClock(Arc<Mutex<State>>);

struct State {
    now: Timestamp,
    monotonic: Duration,
    moves_by_itself: bool,
    slept: Vec<Duration>,
    sleepers: BTreeMap<SleepOrder, Waker>,
    last_sleeper: u64,
}

/// When a sleep ends by the monotonic clock, and its number among all sleeps.
type SleepOrder = (Duration, u64);

impl State {
    fn advance(&mut self, by: Duration) {
        self.now = self.now.plus(by);
        self.monotonic = self.monotonic.saturating_add(by);
    }
}

impl FakeClock {
    /// A clock that stays at this instant.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State {
            now,
            monotonic: Duration::ZERO,
            moves_by_itself: false,
            slept: Vec::new(),
            sleepers: BTreeMap::new(),
            last_sleeper: 0,
        })))
    }

    /// A clock that each sleep, when it is first polled, advances by the length of the sleep, so that no
    /// sleep waits. A sleep that loses a race before it is polled does not move the clock.
    #[must_use]
    pub fn moved_by_sleeps(now: Timestamp) -> Self {
        let clock = Self::at(now);
        clock.lock().moves_by_itself = true;
        clock
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The wall clock's instant.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.lock().now
    }

    /// Sets the wall clock, as an administrator does: no time passes, and no sleep ends.
    pub fn set(&self, now: Timestamp) {
        self.lock().now = now;
    }

    /// Lets time pass, and ends the sleeps that are over then.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.advance(by);
        let first_later = (state.monotonic.saturating_add(Duration::from_nanos(1)), 0);
        let later = state.sleepers.split_off(&first_later);
        let over = std::mem::replace(&mut state.sleepers, later);
        drop(state);
        over.into_values().for_each(Waker::wake);
    }

    /// Lets time pass until the first sleep is over, and ends that one; `false` if nobody sleeps.
    #[must_use]
    pub fn advance_to_the_first_sleeper(&self) -> bool {
        let mut state = self.lock();
        let Some(((until, _), waker)) = state.sleepers.pop_first() else { return false };
        let by = until.saturating_sub(state.monotonic);
        state.advance(by);
        drop(state);
        waker.wake();
        true
    }

    /// Ends every sleep, however long it was to last. No time passes.
    pub fn wake_all(&self) {
        let sleepers = std::mem::take(&mut self.lock().sleepers);
        sleepers.into_values().for_each(Waker::wake);
    }

    /// The lengths of the sleeps that moved the clock, in order.
    #[must_use]
    pub fn slept(&self) -> Vec<Duration> {
        self.lock().slept.clone()
    }
}

impl fmt::Debug for FakeClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FakeClock").field(&self.now()).finish()
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        self.now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let until = self.lock().monotonic.saturating_add(duration);
        Box::pin(Sleep { clock: self.clone(), duration, until, place: None })
    }

    fn monotonic(&self) -> Duration {
        self.lock().monotonic
    }
}

/// From its first poll on, a sleep has a place among the sleepers; once it no longer has one, it is over.
struct Sleep {
    clock: FakeClock,
    duration: Duration,
    until: Duration,
    place: Option<SleepOrder>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut state = clock.lock();
        if let Some(place) = self.place {
            let Some(waker) = state.sleepers.get_mut(&place) else { return Poll::Ready(()) };
            waker.clone_from(context.waker());
            return Poll::Pending;
        }
        if state.moves_by_itself {
            state.advance(self.duration);
            state.slept.push(self.duration);
        }
        if state.moves_by_itself || state.monotonic >= self.until {
            return Poll::Ready(());
        }
        state.last_sleeper += 1;
        let place = (self.until, state.last_sleeper);
        state.sleepers.insert(place, context.waker().clone());
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = self.place.and_then(|place| self.clock.lock().sleepers.remove(&place));
        // Dropping a waker may drop a task, which must not happen under the lock.
        drop(waker);
    }
}

/// A clock whose wall time differs from another clock's, while time passes at the same rate. Clones are the
/// same clock.
#[derive(Clone)]
pub struct ShiftedClock {
    clock: Arc<dyn Clock>,
    off_by_ms: Arc<AtomicI64>,
}

impl ShiftedClock {
    /// A clock that shows the same time as the other.
    #[must_use]
    pub fn over(clock: Arc<dyn Clock>) -> Self {
        Self { clock, off_by_ms: Arc::default() }
    }

    /// Sets how far ahead of the other clock this one is from now on, in milliseconds; behind, if the number
    /// is negative.
    pub fn shift_to(&self, off_by_ms: i64) {
        self.off_by_ms.store(off_by_ms, Ordering::Relaxed);
    }

    /// Moves it further ahead.
    pub fn advance(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.off_by_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl fmt::Debug for ShiftedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShiftedClock").field("off_by_ms", &self.off_by_ms).finish_non_exhaustive()
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        let millis = self.clock.now().as_millis();
        Timestamp::from_millis(millis.saturating_add(self.off_by_ms.load(Ordering::Relaxed)))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.clock.sleep(duration)
    }

    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

/// Randomness that is the same byte forever, for example for no jitter.
#[derive(Debug, Clone, Copy)]
pub struct ConstantEntropy(pub u8);

impl Entropy for ConstantEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const START: Timestamp = Timestamp::from_millis(1_788_264_000_000);

    fn is_over(sleep: &mut BoxFuture<'static, ()>) -> bool {
        sleep.poll_unpin(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_sleep_ends_when_its_time_has_passed_whatever_the_wall_clock_shows() {
        let clock = FakeClock::at(START);
        let [mut short, mut long] = [1, 2].map(|seconds| clock.sleep(seconds * SECOND));
        assert!(!is_over(&mut short) && !is_over(&mut long));
        clock.set(START.plus(9 * SECOND));
        assert!(!is_over(&mut short));
        clock.advance(SECOND);
        assert!(is_over(&mut short) && !is_over(&mut long));
        assert_eq!((clock.now(), clock.monotonic()), (START.plus(10 * SECOND), SECOND));
        assert!(clock.advance_to_the_first_sleeper() && is_over(&mut long));
        assert_eq!(clock.monotonic(), 2 * SECOND);
        assert!(!clock.advance_to_the_first_sleeper());
    }

    #[test]
    fn a_dropped_sleep_is_forgotten_and_a_woken_one_is_over() {
        let clock = FakeClock::at(START);
        let [mut dropped, mut woken] = [(); 2].map(|()| clock.sleep(SECOND));
        assert!(!is_over(&mut dropped) && !is_over(&mut woken));
        drop(dropped);
        clock.wake_all();
        assert!(is_over(&mut woken));
        assert!(!clock.advance_to_the_first_sleeper());
        assert_eq!(clock.now(), START);
    }

    #[test]
    fn a_sleep_that_is_polled_moves_a_clock_that_sleeps_move() {
        let clock = FakeClock::moved_by_sleeps(START);
        drop(clock.sleep(SECOND));
        assert_eq!(clock.now(), START);
        assert!(is_over(&mut clock.sleep(3 * SECOND)));
        assert_eq!((clock.now(), clock.slept()), (START.plus(3 * SECOND), vec![3 * SECOND]));
    }

    #[test]
    fn a_shifted_clock_is_off_and_counts_as_the_other_does() {
        let clock = FakeClock::at(START);
        let shifted = ShiftedClock::over(Arc::new(clock.clone()));
        shifted.shift_to(-2_000);
        clock.advance(SECOND);
        assert_eq!((shifted.now(), shifted.monotonic()), (START.minus(SECOND), SECOND));
        shifted.advance(3 * SECOND);
        assert_eq!(shifted.now(), START.plus(2 * SECOND));
    }
}
