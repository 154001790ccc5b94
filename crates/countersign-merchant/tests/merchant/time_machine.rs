//! Virtual time: it moves when everybody sleeps, to the moment when the first of them wakes.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use countersign_domain::time::Timestamp;
use futures_util::future::BoxFuture;

/// A clock that tests move, and the sleepers who wait for it.
pub(crate) struct TimeMachine(Mutex<State>);

struct State {
    wall: Timestamp,
    monotonic: Duration,
    sleepers: BTreeMap<(Duration, u64), Waker>,
    next_sleeper: u64,
}

impl TimeMachine {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(State {
            wall: Timestamp::parse("20261123T154700Z").unwrap(),
            monotonic: Duration::ZERO,
            sleepers: BTreeMap::new(),
            next_sleeper: 0,
        })))
    }

    pub(crate) fn wall(&self) -> Timestamp {
        self.0.lock().unwrap().wall
    }

    /// Lets time pass while nobody looks: a machine that is switched off.
    pub(crate) fn pass(&self, duration: Duration) {
        let mut state = self.0.lock().unwrap();
        state.wall = state.wall.plus(duration);
        state.monotonic += duration;
    }

    /// An administrator sets the wall clock.
    pub(crate) fn set_wall(&self, wall: Timestamp) {
        self.0.lock().unwrap().wall = wall;
    }

    /// Moves to the first sleeper's moment and wakes it; `false` when nobody sleeps.
    fn wake_the_first(&self) -> bool {
        let mut state = self.0.lock().unwrap();
        let Some(((until, _), waker)) = state.sleepers.pop_first() else { return false };
        let step = until.saturating_sub(state.monotonic);
        state.wall = state.wall.plus(step);
        state.monotonic += step;
        drop(state);
        waker.wake();
        true
    }
}

/// The time machine as the client and the merchant half hold it.
#[derive(Clone)]
pub(crate) struct Clocks(pub(crate) Arc<TimeMachine>);

impl countersign_client::Clock for Clocks {
    fn now(&self) -> Timestamp {
        self.0.wall()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let until = self.0.0.lock().unwrap().monotonic + duration;
        Box::pin(Sleep { machine: Arc::clone(&self.0), until, place: None })
    }
}

impl countersign_merchant::clock::Clock for Clocks {
    fn monotonic(&self) -> Duration {
        self.0.0.lock().unwrap().monotonic
    }
}

struct Sleep {
    machine: Arc<TimeMachine>,
    until: Duration,
    place: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let machine = Arc::clone(&self.machine);
        let mut state = machine.0.lock().unwrap();
        if state.monotonic >= self.until {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or(state.next_sleeper);
        state.next_sleeper = state.next_sleeper.max(place + 1);
        self.place = Some(place);
        state.sleepers.insert((self.until, place), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.machine.0.lock().unwrap().sleepers.remove(&(self.until, place));
        }
    }
}

struct Woken {
    is_woken: AtomicBool,
    thread: std::thread::Thread,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Runs a future to its end. Time moves only when nothing else can happen: while the store's own
/// threads are at work (`is_busy`), they are waited for.
pub(crate) fn run<T>(
    machine: &TimeMachine,
    is_busy: impl Fn() -> bool,
    future: impl Future<Output = T>,
) -> T {
    run_until(machine, is_busy, future, || false).expect("nothing stops it")
}

/// The same, until something has happened: then the future is dropped where it is, as in a crash.
pub(crate) fn run_until<T>(
    machine: &TimeMachine,
    is_busy: impl Fn() -> bool,
    future: impl Future<Output = T>,
    has_happened: impl Fn() -> bool,
) -> Option<T> {
    let woken = Arc::new(Woken { is_woken: AtomicBool::new(false), thread: std::thread::current() });
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Some(value);
        }
        while !woken.is_woken.swap(false, Ordering::SeqCst) {
            if is_busy() {
                std::thread::park();
            } else if has_happened() {
                return None;
            } else {
                assert!(machine.wake_the_first(), "everybody waits and nobody sleeps");
            }
        }
    }
}
