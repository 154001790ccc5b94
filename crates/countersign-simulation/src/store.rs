//! A half's store: in memory, outliving its process, slow at times, and watched: whatever is committed
//! is shown to the witness at that very moment, also where the half never hears of it.

use std::sync::Arc;
use std::time::Duration;

use countersign_store::contract::{ChangeSet, CommitError, Store, StoreError};
use countersign_store::faults::{Call, Fault, FaultyStore, Plan};
use countersign_store::layer::{Layer, Operation};
use countersign_store::memory::MemoryStore;
use futures_util::future::BoxFuture;

use crate::entropy::Random;
use crate::executor::Executor;
use crate::half::Half;
use crate::weather::Weather;
use crate::witness::Witness;

/// A half's store, and the memory behind it for whoever must not be held up.
pub(crate) struct Kept {
    pub(crate) faulty: Arc<FaultyStore>,
    pub(crate) memory: Arc<MemoryStore>,
}

/// A store that fails as the weather is.
pub(crate) fn kept(
    half: Half,
    executor: &Executor,
    weather: &Arc<Weather>,
    witness: &Arc<Witness>,
    random: &Random,
) -> Kept {
    let memory = Arc::new(MemoryStore::new());
    let watched = WatchedStore {
        memory: Arc::clone(&memory),
        half,
        executor: executor.clone(),
        weather: Arc::clone(weather),
        witness: Arc::clone(witness),
        random: random.clone(),
    };
    let plan = StorePlan { half, weather: Arc::clone(weather), random: random.clone() };
    Kept { faulty: Arc::new(FaultyStore::new(Arc::new(watched), plan)), memory }
}

struct StorePlan {
    half: Half,
    weather: Arc<Weather>,
    random: Random,
}

impl Plan for StorePlan {
    fn fault(&self, _: &Call<'_>) -> Option<Fault> {
        let rate = self.weather.store_fault_rate(self.half)?;
        self.random
            .happens(rate)
            .then(|| self.random.one_of(&[Fault::Unavailable, Fault::AnswerLost, Fault::RequestLost]))
    }

    fn yields(&self, _: &Call<'_>) -> u32 {
        if self.weather.is_calm() { 0 } else { u32::from(self.random.happens(500)) }
    }
}

struct WatchedStore {
    memory: Arc<MemoryStore>,
    half: Half,
    executor: Executor,
    weather: Arc<Weather>,
    witness: Arc<Witness>,
    random: Random,
}

impl WatchedStore {
    /// A crash may come here: before the operation has happened, or before it is answered.
    async fn pause(&self) {
        if self.weather.is_calm() || !self.random.happens(100) {
            return;
        }
        let pause = self.random.time(Duration::ZERO, Duration::from_millis(200));
        self.executor.sleep(pause).await;
    }
}

impl Layer for WatchedStore {
    fn below(&self) -> &dyn Store {
        &*self.memory
    }

    fn around<'a, T: Send + 'a>(
        &'a self,
        _: Operation,
        doing: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(async move {
            self.pause().await;
            let answer = doing.await;
            self.pause().await;
            answer
        })
    }

    fn around_commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move {
            self.pause().await;
            let answer = self.memory.commit(change.clone()).await;
            if answer.is_ok() {
                self.witness.committed(self.half, &change);
            }
            self.pause().await;
            answer
        })
    }
}
