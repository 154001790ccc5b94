//! A half's store: in memory, outliving its process, slow at times, and watched: whatever is committed
//! is shown to the witness at that very moment, also where the half never hears of it.

use std::sync::Arc;
use std::time::Duration;

use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    Backlog, ChangeId, ChangeSet, CommitError, Document, DueTimer, IndexRange, IndexRow, Key, Message, Store,
    StoreError,
};
use countersign_store::faults::{Call, Fault, FaultyStore, Plan};
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

    fn slowly<'a, T: Send + 'a>(&'a self, operation: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        Box::pin(async move {
            self.pause().await;
            let answer = operation.await;
            self.pause().await;
            answer
        })
    }
}

impl Store for WatchedStore {
    fn load<'a>(&'a self, keys: &'a [Key]) -> BoxFuture<'a, Result<Vec<Option<Document>>, StoreError>> {
        self.slowly(self.memory.load(keys))
    }

    fn commit(&self, change: ChangeSet) -> BoxFuture<'_, Result<(), CommitError>> {
        let watched = async move {
            self.memory.commit(change.clone()).await?;
            self.witness.committed(self.half, &change);
            Ok(())
        };
        self.slowly(Box::pin(watched))
    }

    fn was_committed(&self, id: ChangeId) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.slowly(self.memory.was_committed(id))
    }

    fn due(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<DueTimer>, StoreError>> {
        self.slowly(self.memory.due(now, limit))
    }

    fn next_due(&self) -> BoxFuture<'_, Result<Option<Timestamp>, StoreError>> {
        self.slowly(self.memory.next_due())
    }

    fn range(&self, range: IndexRange) -> BoxFuture<'_, Result<Vec<IndexRow>, StoreError>> {
        self.slowly(self.memory.range(range))
    }

    fn messages<'a>(
        &'a self,
        topic: &'static str,
        subject: Option<&'a str>,
        after: u64,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Message>, StoreError>> {
        self.slowly(self.memory.messages(topic, subject, after, limit))
    }

    fn lease(
        &self,
        topic: &'static str,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.slowly(self.memory.lease(topic, now, until, limit))
    }

    fn release(
        &self,
        sequence: u64,
        lease_count: u32,
        deliver_at: Option<Timestamp>,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.slowly(self.memory.release(sequence, lease_count, deliver_at))
    }

    fn backlog(&self, topic: &'static str, limit: usize) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        self.slowly(self.memory.backlog(topic, limit))
    }

    fn watermark(&self) -> BoxFuture<'_, Result<Timestamp, StoreError>> {
        self.slowly(self.memory.watermark())
    }

    fn reset(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.slowly(self.memory.reset())
    }
}
