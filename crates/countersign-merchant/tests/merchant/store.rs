//! A real store that can be made to fail, and that shows whether it is busy.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use countersign_store::contract::Store;
use countersign_store::intercept::{Call, CallOutcome, Fault, Hook, InterceptedStore, Operation};
use futures_util::future::pending;

pub(crate) type WatchedStore = InterceptedStore<Mishaps>;

pub(crate) fn watched(inner: Arc<dyn Store>) -> Arc<WatchedStore> {
    let commits_left = AtomicUsize::new(usize::MAX);
    Arc::new(InterceptedStore::new(inner, Mishaps { commits_left, ..Mishaps::default() }))
}

/// The failures of a store.
#[derive(Default)]
pub(crate) struct Mishaps {
    /// After this number of commits, commits are refused.
    pub(crate) commits_left: AtomicUsize,
    /// Commits are refused.
    pub(crate) is_full: AtomicBool,
    /// No call is answered.
    pub(crate) is_away: AtomicBool,
    /// Commits are applied, and their answers are lost. Refusals are answered.
    pub(crate) loses_answers: AtomicBool,
    /// Releases of leases fail.
    pub(crate) loses_releases: AtomicBool,
    /// Commits are applied, their answers are lost, and the store does not say whether a commit was applied.
    pub(crate) keeps_silent: AtomicBool,
    /// Each commit waits while others run, so that callers decide on what they read at the same time.
    pub(crate) is_slow: AtomicBool,
    /// The commit at which the process dies, counted from now, and whether that commit is applied first.
    dies_in: Mutex<Option<(usize, bool)>>,
    is_dead: AtomicBool,
}

impl Mishaps {
    /// The process dies at the n-th commit from now, before or after it is applied.
    pub(crate) fn dies_at(&self, n: usize, is_applied: bool) {
        *self.dies_in.lock().unwrap() = Some((n, is_applied));
    }

    /// The process does not die after all.
    pub(crate) fn lives_on(&self) {
        *self.dies_in.lock().unwrap() = None;
    }

    pub(crate) fn has_stopped(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }

    /// Whether the process dies at the next commit, after (`is_applied`) or before it is applied.
    fn dies_now(&self, is_applied: bool) -> bool {
        *self.dies_in.lock().unwrap() == Some((1, is_applied))
    }

    async fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
        pending().await
    }

    fn fault(&self, operation: Operation) -> Option<Fault> {
        let is = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        let unavailable = match operation {
            Operation::Load | Operation::Range | Operation::Watermark => is(&self.is_away),
            Operation::WasCommitted => is(&self.is_away) || is(&self.keeps_silent),
            Operation::Release => is(&self.loses_releases),
            Operation::Commit => {
                is(&self.is_full) || is(&self.is_away) || self.commits_left.load(Ordering::SeqCst) == 0
            }
            _ => false,
        };
        let loses_answer =
            operation == Operation::Commit && (is(&self.loses_answers) || is(&self.keeps_silent));
        unavailable.then_some(Fault::Unavailable).or(loses_answer.then_some(Fault::SuccessLost))
    }
}

impl Hook for Mishaps {
    async fn before(&self, call: Call<'_>) -> Option<Fault> {
        let fault = self.fault(call.operation);
        if call.change.is_some() && self.is_slow.load(Ordering::SeqCst) {
            for _ in 0..50 {
                give_way().await;
            }
        }
        if call.change.is_some() && fault != Some(Fault::Unavailable) && self.dies_now(false) {
            self.die().await;
        }
        fault
    }

    async fn after(&self, call: Call<'_>, outcome: CallOutcome) {
        if call.change.is_none() || outcome == CallOutcome::Failed {
            return;
        }
        if self.dies_now(true) {
            self.die().await;
        }
        let one_less = |left: usize| left.checked_sub(1);
        let _ = self.commits_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        if let Some((commits, _)) = &mut *self.dies_in.lock().unwrap() {
            *commits = commits.saturating_sub(1);
        }
    }
}

/// Lets the other callers run once.
async fn give_way() {
    let mut has_waited = false;
    std::future::poll_fn(|context| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
