//! Virtual time: it moves when every task sleeps, to the time at which the first of them wakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use countersign_domain::time::Timestamp;
use countersign_world::fake::FakeClock;

/// A clock at the time at which every test begins.
pub(crate) fn beginning() -> FakeClock {
    FakeClock::at(Timestamp::parse("20261123T154700Z").unwrap())
}

struct ThreadWaker {
    is_woken: AtomicBool,
    thread: std::thread::Thread,
}

impl Wake for ThreadWaker {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

/// Runs a future to its end. Time moves only when nothing else can happen: while the store's own threads work
/// (`is_busy`), it waits for them.
pub(crate) fn run<T>(clock: &FakeClock, is_busy: impl Fn() -> bool, future: impl Future<Output = T>) -> T {
    run_until(clock, is_busy, future, || false).expect("it is never stopped early")
}

/// As [`run`], but until `has_happened`: then the future is dropped where it is, as in a crash.
pub(crate) fn run_until<T>(
    clock: &FakeClock,
    is_busy: impl Fn() -> bool,
    future: impl Future<Output = T>,
    has_happened: impl Fn() -> bool,
) -> Option<T> {
    let woken = Arc::new(ThreadWaker { is_woken: AtomicBool::new(false), thread: std::thread::current() });
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
                assert!(clock.advance_to_the_first_sleeper(), "every task waits and none sleeps");
            }
        }
    }
}
