//! The executor: tasks of one thread in virtual time. The seed decides which of the ready tasks runs next,
//! and time passes only when none is ready. So a seed always gives the same run.
//!
//! A task belongs to a [`Group`]. Killing a group drops its tasks wherever they wait, like a crash; freezing
//! it stops them where they are, like a suspended machine.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::entropy::Random;
use crate::half::Half;

/// What a task belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Shops, buyers, and what happens to the halves.
    World,
    /// Requests on their way, from either half.
    Network,
    /// A half's process.
    Half(Half),
}

/// The id by which a task can be canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TaskId(u64);

/// Runs tasks. Clones share them.
#[derive(Clone)]
pub(crate) struct Executor(Arc<Shared>);

struct Shared(Mutex<State>);

struct State {
    now: Duration,
    random: Random,
    last_task: u64,
    tasks: BTreeMap<u64, Task>,
    ready: Vec<u64>,
    /// The tasks of frozen groups that are ready to run.
    held: Vec<u64>,
    frozen: Vec<Group>,
    last_timer: u64,
    timers: BTreeMap<(Duration, u64), Waker>,
    step_count: u64,
}

struct Task {
    group: Group,
    /// Absent while the task is being polled.
    future: Option<BoxFuture<'static, ()>>,
    queued: bool,
    waker: Waker,
}

struct TaskWaker {
    id: u64,
    shared: Arc<Shared>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.shared.lock();
        let Some(task) = state.tasks.get_mut(&self.id) else { return };
        if !std::mem::replace(&mut task.queued, true) {
            state.ready.push(self.id);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a run ended without its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The run was stopped.
    Stopped,
    /// No task is ready, and none waits for a time.
    Stalled,
    /// More steps than any run needs: something loops forever.
    Endless,
}

/// The largest number of steps in a run. A usual run has some ten thousand.
const MAX_STEPS: u64 = 20_000_000;

impl Executor {
    pub(crate) fn new(random: Random) -> Self {
        Self(Arc::new(Shared(Mutex::new(State {
            now: Duration::ZERO,
            random,
            last_task: 0,
            tasks: BTreeMap::new(),
            ready: Vec::new(),
            held: Vec::new(),
            frozen: Vec::new(),
            last_timer: 0,
            timers: BTreeMap::new(),
            step_count: 0,
        }))))
    }

    /// The time since the world began.
    pub(crate) fn now(&self) -> Duration {
        self.0.lock().now
    }

    /// How many times a task was polled.
    pub(crate) fn step_count(&self) -> u64 {
        self.0.lock().step_count
    }

    /// Starts a task.
    pub(crate) fn spawn(&self, group: Group, future: impl Future<Output = ()> + Send + 'static) -> TaskId {
        let mut state = self.0.lock();
        state.last_task += 1;
        let id = state.last_task;
        let waker = Waker::from(Arc::new(TaskWaker { id, shared: Arc::clone(&self.0) }));
        state.tasks.insert(id, Task { group, future: Some(Box::pin(future)), queued: true, waker });
        state.ready.push(id);
        TaskId(id)
    }

    /// Drops a task wherever it waits.
    pub(crate) fn cancel(&self, TaskId(id): TaskId) {
        let canceled = self.0.lock().tasks.remove(&id);
        // Dropping a task may wake others, so it is not dropped under the lock.
        drop(canceled);
    }

    /// Drops all tasks of a group wherever they wait.
    pub(crate) fn kill(&self, group: Group) {
        let mut killed = Vec::new();
        {
            let mut state = self.0.lock();
            let ids: Vec<u64> =
                state.tasks.iter().filter(|(_, task)| task.group == group).map(|(id, _)| *id).collect();
            for id in ids {
                killed.extend(state.tasks.remove(&id));
            }
        }
        drop(killed);
    }

    /// Lets no task of the group run until it is thawed.
    pub(crate) fn freeze(&self, group: Group) {
        self.0.lock().frozen.push(group);
    }

    /// Ends a [`Self::freeze`].
    pub(crate) fn thaw(&self, group: Group) {
        let mut state = self.0.lock();
        if let Some(position) = state.frozen.iter().position(|frozen| *frozen == group) {
            state.frozen.remove(position);
        }
        let mut held = std::mem::take(&mut state.held);
        state.ready.append(&mut held);
    }

    /// Completes when this much time has passed.
    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        let mut state = self.0.lock();
        state.last_timer += 1;
        let key = (state.now.saturating_add(duration), state.last_timer);
        drop(state);
        Sleep { executor: self.clone(), key }
    }

    /// Lets this much time pass in one step, as if every task had been suspended: sleepers oversleep.
    pub(crate) fn leap(&self, by: Duration) {
        let mut state = self.0.lock();
        state.now = state.now.saturating_add(by);
        let due = state.take_due();
        drop(state);
        due.into_iter().for_each(Waker::wake);
    }

    /// Runs all tasks until `main` is finished, as long as `goes_on` returns true after each step.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        main: impl Future<Output = T> + Send + 'static,
        goes_on: impl Fn() -> bool,
    ) -> Result<T, StopReason> {
        let result = Arc::new(Mutex::new(None));
        let kept = Arc::clone(&result);
        self.spawn(Group::World, async move {
            let value = main.await;
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        });
        loop {
            if !self.step() {
                return Err(StopReason::Stalled);
            }
            if let Some(value) = result.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return Ok(value);
            }
            if !goes_on() {
                return Err(StopReason::Stopped);
            }
            if self.step_count() > MAX_STEPS {
                return Err(StopReason::Endless);
            }
        }
    }

    /// Polls one ready task. If none is ready, lets time pass until one is woken.
    fn step(&self) -> bool {
        loop {
            let (id, mut future, waker) = {
                let mut state = self.0.lock();
                match state.next_ready() {
                    Some(next) => next,
                    None => {
                        let Some((&(at, _), _)) = state.timers.first_key_value() else { return false };
                        state.now = state.now.max(at);
                        let due = state.take_due();
                        drop(state);
                        due.into_iter().for_each(Waker::wake);
                        continue;
                    }
                }
            };
            let finished = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
            let mut state = self.0.lock();
            if finished {
                state.tasks.remove(&id);
            } else if let Some(task) = state.tasks.get_mut(&id) {
                task.future = Some(future);
                return true;
            }
            drop(state);
            drop(future);
            return true;
        }
    }
}

impl State {
    fn next_ready(&mut self) -> Option<(u64, BoxFuture<'static, ()>, Waker)> {
        while !self.ready.is_empty() {
            let position = self.random.below(self.ready.len());
            let id = self.ready.swap_remove(position);
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            if self.frozen.contains(&task.group) {
                self.held.push(id);
                continue;
            }
            task.queued = false;
            let Some(future) = task.future.take() else { continue };
            self.step_count += 1;
            return Some((id, future, task.waker.clone()));
        }
        None
    }

    fn take_due(&mut self) -> Vec<Waker> {
        let later = self.timers.split_off(&(self.now + Duration::from_nanos(1), 0));
        std::mem::replace(&mut self.timers, later).into_values().collect()
    }
}

/// A sleep. Dropping it forgets its timer.
pub(crate) struct Sleep {
    executor: Executor,
    key: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.executor.0.lock();
        if state.now >= self.key.0 {
            return Poll::Ready(());
        }
        state.timers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = self.executor.0.lock().timers.remove(&self.key);
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn executor(seed: u64) -> Executor {
        Executor::new(Random::stream(seed, 0))
    }

    /// Lets the tasks that are ready run first.
    async fn yield_now() {
        let mut has_yielded = false;
        std::future::poll_fn(move |context| {
            if std::mem::replace(&mut has_yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn sleepers_wake_in_the_order_of_their_times_and_time_passes_only_between_them() {
        let executor = executor(1);
        let woken = Arc::new(Mutex::new(Vec::new()));
        for millis in [30, 10, 20] {
            let (woken, clone) = (Arc::clone(&woken), executor.clone());
            executor.spawn(Group::World, async move {
                clone.sleep(ms(millis)).await;
                woken.lock().unwrap().push((millis, clone.now()));
            });
        }
        let clone = executor.clone();
        assert_eq!(executor.run(async move { clone.sleep(ms(40)).await }, || true), Ok(()));
        assert_eq!(*woken.lock().unwrap(), [(10, ms(10)), (20, ms(20)), (30, ms(30))]);
    }

    #[test]
    fn a_killed_group_runs_no_further_and_drops_what_it_holds() {
        let executor = executor(2);
        let held = Arc::new(());
        let (task_holds, clone) = (Arc::clone(&held), executor.clone());
        executor.spawn(Group::Half(Half::Merchant), async move {
            clone.sleep(ms(10)).await;
            unreachable!("{task_holds:?} was dropped");
        });
        let clone = executor.clone();
        let main = async move {
            clone.sleep(ms(5)).await;
            clone.kill(Group::Half(Half::Merchant));
            clone.sleep(ms(20)).await;
        };
        assert_eq!(executor.run(main, || true), Ok(()));
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_frozen_group_continues_where_it_was() {
        let executor = executor(3);
        let woken_at = Arc::new(Mutex::new(None));
        let (kept, clone) = (Arc::clone(&woken_at), executor.clone());
        executor.spawn(Group::Half(Half::Amazon), async move {
            clone.sleep(ms(10)).await;
            *kept.lock().unwrap() = Some(clone.now());
        });
        let clone = executor.clone();
        let main = async move {
            // Whichever of the two runs first, the other is already asleep.
            clone.sleep(ms(5)).await;
            clone.freeze(Group::Half(Half::Amazon));
            clone.sleep(ms(45)).await;
            clone.thaw(Group::Half(Half::Amazon));
            clone.sleep(ms(50)).await;
        };
        assert_eq!(executor.run(main, || true), Ok(()));
        assert_eq!(*woken_at.lock().unwrap(), Some(ms(50)));
    }

    #[test]
    fn a_seed_gives_one_order_of_ready_tasks_and_different_seeds_give_several() {
        let order = |seed| {
            let executor = executor(seed);
            let order = Arc::new(Mutex::new(Vec::new()));
            for task in 0..5 {
                let order = Arc::clone(&order);
                executor.spawn(Group::World, async move {
                    yield_now().await;
                    order.lock().unwrap().push(task);
                });
            }
            let clone = executor.clone();
            executor.run(async move { clone.sleep(ms(1)).await }, || true).unwrap();
            std::mem::take(&mut *order.lock().unwrap())
        };
        assert_eq!(order(7), order(7));
        assert!((0..20).any(|seed| order(seed) != order(7)));
    }

    #[test]
    fn a_task_that_sleeps_during_a_leap_oversleeps() {
        let executor = executor(4);
        let count = Arc::new(AtomicU32::new(0));
        let (counted, clone) = (Arc::clone(&count), executor.clone());
        executor.spawn(Group::World, async move {
            loop {
                clone.sleep(ms(1)).await;
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        let clone = executor.clone();
        let main = async move {
            clone.leap(ms(1_000));
            yield_now().await;
            clone.now()
        };
        assert_eq!(executor.run(main, || true), Ok(ms(1_000)));
        assert!(count.load(Ordering::Relaxed) <= 1);
    }

    #[test]
    fn without_a_ready_or_sleeping_task_the_run_is_stalled() {
        assert_eq!(executor(5).run(std::future::pending::<()>(), || true), Err(StopReason::Stalled));
    }
}
