//! A store that fails as it is told: for the tests of whatever stands on a store, and for the
//! simulation. What fails is decided by a plan, operation by operation, so a seed can decide it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use futures_util::future::{BoxFuture, poll_fn};

use crate::contract::{ChangeSet, CommitError, Store, StoreError};
use crate::layer::Layer;
pub use crate::layer::Operation;

/// One operation, as a plan sees it before it happens.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Its number among all operations of this store, from 1, in the order of their first poll.
    pub number: u64,
    /// What is done.
    pub operation: Operation,
    /// What shall be committed, if that is what is done.
    pub change: Option<&'a ChangeSet>,
}

/// What goes wrong with one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It does not happen, and says so: `Unavailable`.
    Unavailable,
    /// It happens, and the answer is lost: a commit is `Indeterminate` although applied, anything else
    /// `Unavailable`.
    AnswerLost,
    /// It does not happen, and the answer is lost: a commit is `Indeterminate` and never applied,
    /// anything else `Unavailable`.
    RequestLost,
    /// It does not happen: a read is `Corrupt`, a commit `Unavailable`.
    Corrupt,
}

/// Decides what goes wrong. A closure `Fn(&Call) -> Option<Fault>` is a plan.
pub trait Plan: Send + Sync + 'static {
    /// What goes wrong with this call; none for nothing. Asked once a call.
    fn fault(&self, call: &Call<'_>) -> Option<Fault>;

    /// How often this call lets other tasks run before it happens: an engine in memory answers at
    /// once, so nobody else would ever come between a load and a commit.
    fn yields(&self, _call: &Call<'_>) -> u32 {
        0
    }
}

impl<F: Fn(&Call<'_>) -> Option<Fault> + Send + Sync + 'static> Plan for F {
    fn fault(&self, call: &Call<'_>) -> Option<Fault> {
        self(call)
    }
}

/// The plan in which nothing goes wrong by itself.
#[must_use]
pub fn none() -> impl Plan {
    |_: &Call<'_>| None
}

/// The plan in which the `n`th of these operations, counted from 1, goes wrong, and nothing else.
#[must_use]
pub fn nth(operation: Operation, n: u64, fault: Fault) -> impl Plan {
    let seen = AtomicU64::new(0);
    move |call: &Call<'_>| {
        (call.operation == operation && seen.fetch_add(1, Ordering::Relaxed) + 1 == n).then_some(fault)
    }
}

/// What is wrong until it is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outage {
    /// The disk is full or read-only: whatever writes is `Unavailable`, reads go on.
    ReadOnly,
    /// Nothing answers: every operation is `Unavailable`, and none happens.
    Unreachable,
}

/// A store with faults. An outage comes before the plan, which is not asked while it lasts.
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    plan: Box<dyn Plan>,
    outage: Mutex<Option<Outage>>,
    calls: AtomicU64,
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("calls", &self.calls()).finish_non_exhaustive()
    }
}

impl FaultyStore {
    /// The store `inner`, failing as `plan` says.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, plan: impl Plan) -> Self {
        Self { inner, plan: Box::new(plan), outage: Mutex::new(None), calls: AtomicU64::new(0) }
    }

    /// Begins an outage, in the place of any other.
    pub fn fail(&self, outage: Outage) {
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = Some(outage);
    }

    /// Ends the outage.
    pub fn heal(&self) {
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How many operations there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    async fn fault(&self, operation: Operation, change: Option<&ChangeSet>) -> Option<Fault> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let call = Call { number, operation, change };
        for _ in 0..self.plan.yields(&call) {
            let_others_run().await;
        }
        let outage = *self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        match outage {
            Some(Outage::Unreachable) => Some(Fault::Unavailable),
            Some(Outage::ReadOnly) if operation.writes() => Some(Fault::Unavailable),
            Some(Outage::ReadOnly) => None,
            None => self.plan.fault(&call),
        }
    }
}

const WHY: &str = "a fault that was ordered";

async fn let_others_run() {
    let mut has_yielded = false;
    poll_fn(move |context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Layer for FaultyStore {
    fn below(&self) -> &dyn Store {
        &*self.inner
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        operation: Operation,
        doing: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            match self.fault(operation, None).await {
                None => doing.await,
                Some(Fault::Unavailable | Fault::RequestLost) => Err(StoreError::Unavailable(WHY.to_owned())),
                Some(Fault::AnswerLost) => {
                    doing.await?;
                    Err(StoreError::Unavailable(WHY.to_owned()))
                }
                Some(Fault::Corrupt) => Err(StoreError::Corrupt(WHY.to_owned())),
            }
        })
    }

    fn around_commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            match self.fault(Operation::Commit, Some(&change)).await {
                None => self.inner.commit(change).await,
                Some(Fault::Unavailable | Fault::Corrupt) => Err(CommitError::Unavailable(WHY.to_owned())),
                Some(Fault::AnswerLost) => {
                    // Whatever the answer was, a refusal too, nobody hears it.
                    let _ = self.inner.commit(change).await;
                    Err(CommitError::Indeterminate(WHY.to_owned()))
                }
                Some(Fault::RequestLost) => Err(CommitError::Indeterminate(WHY.to_owned())),
            }
        })
    }
}
