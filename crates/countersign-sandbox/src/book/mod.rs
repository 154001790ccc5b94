//! The book of Amazon's half, and the only caller of the store: load, decide, write. Each method
//! reads what it needs, makes one decision (its own or its caller's), and commits it whole,
//! together with the answer that is remembered for the request's idempotency key. Nothing else can
//! reach the store.
//!
//! Every decision has a [`moment::Moment`]. A method takes one itself, unless its caller has taken one and
//! passes the instant. `http/`, `control/`, `hosted/` and `notify/` call the methods, and `runner` calls
//! [`Book::apply_due`].

pub(crate) mod answer;
pub(crate) mod caller;
pub(crate) mod checkout;
mod commit;
mod documents;
pub(crate) mod due;
pub(crate) mod endpoints;
pub(crate) mod events;
pub(crate) mod finalize;
mod last_changes;
pub(crate) mod moment;
pub(crate) mod outbox;
pub(crate) mod payment;
pub(crate) mod refused;
pub(crate) mod reply;
pub(crate) mod session;
mod stuck_timers;
pub(crate) mod visit;

use std::sync::Arc;

use countersign_domain::provider::profile::Profile;
use countersign_store::contract::Store;
use countersign_world::Clock;

use crate::alarm::Alarm;
use crate::clock::VirtualClock;
use crate::ids::Ids;
use crate::notify::endpoints::Endpoints;
use last_changes::LastChanges;
use refused::StoreFailed;
use stuck_timers::StuckTimers;

/// The store, and everything else that a decision needs.
pub(crate) struct Book {
    store: Arc<dyn Store>,
    clock: Arc<VirtualClock>,
    ids: Arc<Ids>,
    profile: Profile,
    /// The registered endpoints. Those of the control API have documents.
    pub(crate) endpoints: Endpoints,
    recent: LastChanges,
    /// Wakes the timer loop.
    pub(crate) alarm: Alarm,
    /// Wakes the loop that sends notifications.
    pub(crate) outbox_alarm: Alarm,
    /// Locked while due timers are applied.
    applying: tokio::sync::Mutex<StuckTimers>,
    /// Read-locked while a moment is taken.
    moments: tokio::sync::RwLock<()>,
}

impl Book {
    /// Opens the book that is in a store. The virtual clock continues from the store's last
    /// instant.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        profile: Profile,
        endpoints: Endpoints,
    ) -> Result<Self, StoreFailed> {
        let watermark = store.watermark().await?;
        Ok(Self {
            store,
            clock: Arc::new(VirtualClock::starting_from(clock, watermark)),
            ids,
            profile,
            endpoints,
            recent: LastChanges::default(),
            alarm: Alarm::default(),
            outbox_alarm: Alarm::default(),
            applying: tokio::sync::Mutex::default(),
            moments: tokio::sync::RwLock::default(),
        })
    }

    /// The source of new ids.
    pub(crate) fn ids(&self) -> &Ids {
        &self.ids
    }

    /// The virtual clock, by which everything here is decided.
    pub(crate) fn clock(&self) -> &Arc<VirtualClock> {
        &self.clock
    }
}
