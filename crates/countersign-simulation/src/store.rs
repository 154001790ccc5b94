//! A half's store: in memory, slow at times, and kept when the half's process ends. The witness
//! sees every commit at the moment it happens, even if the half never gets the answer.

use std::sync::Arc;
use std::time::Duration;

use countersign_store::intercept::{Call, CallOutcome, Fault, Hook, InterceptedStore, Outages};
use countersign_store::memory::MemoryStore;

use crate::entropy::Random;
use crate::executor::Executor;
use crate::half::Half;
use crate::weather::Weather;
use crate::witness::Witness;

/// A half's store that fails according to the weather.
pub(crate) type HalfStore = InterceptedStore<StoreWeather>;

/// A half's store, and the memory behind it for readers that must not be delayed.
pub(crate) struct HalfStorage {
    pub(crate) store: Arc<HalfStore>,
    pub(crate) memory: Arc<MemoryStore>,
}

pub(crate) fn kept(
    half: Half,
    executor: &Executor,
    weather: &Arc<Weather>,
    witness: &Arc<Witness>,
    random: &Random,
) -> HalfStorage {
    let memory = Arc::new(MemoryStore::new());
    let hook = StoreWeather {
        outages: Outages::default(),
        half,
        executor: executor.clone(),
        weather: Arc::clone(weather),
        witness: Arc::clone(witness),
        random: random.clone(),
    };
    HalfStorage { store: Arc::new(InterceptedStore::new(Arc::clone(&memory) as _, hook)), memory }
}

/// What happens to a half's store.
pub(crate) struct StoreWeather {
    pub(crate) outages: Outages,
    half: Half,
    executor: Executor,
    weather: Arc<Weather>,
    witness: Arc<Witness>,
    random: Random,
}

impl StoreWeather {
    fn fault(&self, call: Call<'_>) -> Option<Fault> {
        if let Some(outage) = self.outages.current() {
            return outage.fault(call.operation);
        }
        let rate = self.weather.store_fault_rate(self.half)?;
        self.random
            .happens(rate)
            .then(|| self.random.one_of(&[Fault::Unavailable, Fault::AnswerLost, Fault::RequestLost]))
    }

    /// Pauses, so that a crash may come here: before the operation happens, or before its result is
    /// returned.
    async fn pause(&self) {
        if self.weather.is_calm() || !self.random.happens(100) {
            return;
        }
        let pause = self.random.time(Duration::ZERO, Duration::from_millis(200));
        self.executor.sleep(pause).await;
    }
}

impl Hook for StoreWeather {
    async fn before(&self, call: Call<'_>) -> Option<Fault> {
        // Memory answers immediately: without this, no other task would ever run between a load and
        // a commit.
        if !self.weather.is_calm() && self.random.happens(500) {
            tokio::task::yield_now().await;
        }
        let fault = self.fault(call);
        if fault.is_none_or(Fault::happens) {
            self.pause().await;
        }
        fault
    }

    async fn after(&self, call: Call<'_>, outcome: CallOutcome) {
        if let (Some(change), CallOutcome::Done) = (call.change, outcome) {
            self.witness.committed(self.half, change);
        }
        self.pause().await;
    }
}
