//! Amazon's half: an Amazon Pay of the developer's own, to test against.
//!
//! It has the API that the official SDKs call and enforces Amazon's rules. Tests can move its clock
//! and order faults. [`Sandbox`] is a [`Handler`]: a server on a socket, or a test in process,
//! passes it requests. It starts no task and no thread of its own. The embedding program runs
//! [`Sandbox::timers`] alongside it; without that, timers that are due are applied only when the
//! control API moves the clock.
//!
//! `http/` serves Amazon Pay's API, whose calls are in `calls/`; `control/` serves the control API for tests,
//! and `hosted/` the buyer's pages. `visit/` has the rules for what a buyer does there; `book/` loads,
//! decides and writes; `notify/` notifies merchants; and `stored/` declares the form on disk. Amazon's rules
//! are in `countersign_domain::provider`.

mod alarm;
mod app;
mod book;
mod calls;
mod clock;
mod control;
mod faults;
mod hosted;
mod http;
pub mod ids;
pub mod merchants;
pub mod notify;
mod runner;
pub mod settings;
mod stored;
mod visit;
mod words;

use std::fmt;
use std::sync::Arc;

use countersign_http::{Handler, IncompleteRequest, Reply, Request, Response};
use countersign_store::contract::Store;
use countersign_world::Clock;
use futures_util::future::{BoxFuture, join};

use crate::http::DateHeader;
use app::App;
use book::Book;
use ids::Ids;
use merchants::Merchants;
use notify::Notifications;
use notify::endpoints::Endpoints;
use notify::notifier::Notifier;
use settings::Settings;

/// The parts of Amazon's half. A simulation replaces every one of them.
pub struct Parts {
    /// Where objects are stored.
    pub store: Arc<dyn Store>,
    /// The real clock, which cannot be moved. The virtual clock starts from it.
    pub clock: Arc<dyn Clock>,
    /// The source of all ids, for this start of the sandbox.
    pub ids: Ids,
    /// The merchants and their keys.
    pub merchants: Merchants,
    /// The operator's settings.
    pub settings: Settings,
    /// How merchants are notified.
    pub notifications: Notifications,
}

/// Amazon's half, ready to answer.
///
/// ```
/// use std::sync::Arc;
///
/// use countersign_domain::ids::PublicKeyId;
/// use countersign_http::{Handler as _, Reply};
/// use countersign_protocol::signing::MerchantKey;
/// use countersign_sandbox::ids::Ids;
/// use countersign_sandbox::merchants::{Merchants, account_of};
/// use countersign_sandbox::notify::Notifications;
/// use countersign_sandbox::settings::Settings;
/// use countersign_sandbox::{Parts, Sandbox};
/// use countersign_store::memory::MemoryStore;
/// use countersign_world::{SystemClock, SystemEntropy};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let key = MerchantKey::generate().unwrap().key;
/// let key_id = PublicKeyId::parse("SANDBOX-AHEGSJCM3L2S").unwrap();
/// let mut merchants = Merchants::default();
/// merchants.register(account_of(&key_id), key_id, key.verifying_key().unwrap()).unwrap();
/// let sandbox = Sandbox::start(Parts {
///     store: Arc::new(MemoryStore::new()),
///     clock: Arc::new(SystemClock),
///     ids: Ids::new(&SystemEntropy, Some(1), 0),
///     merchants,
///     settings: Settings::default(),
///     notifications: Notifications::default(),
/// })
/// .await
/// .unwrap();
///
/// let request = http::Request::get("/_sandbox/health").body(bytes::Bytes::new()).unwrap();
/// let Reply::Answer(answer) = sandbox.handle(request).await else { unreachable!() };
/// assert_eq!(answer.status(), 200);
/// # });
/// ```
pub struct Sandbox {
    app: Arc<App>,
    date: Arc<DateHeader>,
}

/// The store cannot be read at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartFailed(String);

impl fmt::Display for StartFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartFailed {}

impl Sandbox {
    /// Starts with the contents of the store. No other process may use the store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn start(parts: Parts) -> Result<Self, StartFailed> {
        let Parts { store, clock, ids, merchants, settings, notifications } = parts;
        let Notifications { courier, key, origin, endpoints } = notifications;
        let (ids, endpoints) = (Arc::new(ids), Endpoints::new(endpoints));
        let book = Book::open(store, clock, Arc::clone(&ids), settings.profile, endpoints)
            .await
            .map_err(|failed| StartFailed(failed.to_string()))?;
        book.start_notifying().await.map_err(|failed| StartFailed(failed.to_string()))?;
        let app = App {
            clock: Arc::clone(book.clock()),
            book,
            ids,
            settings,
            merchants,
            faults: Default::default(),
            notices: Notifier::new(courier, key, origin),
        };
        Ok(Self { app: Arc::new(app), date: Arc::default() })
    }

    /// The loops of the timers and of the notifications, to run alongside the server for as long as it runs.
    /// They hold no state of their own: dropping them loses nothing.
    pub fn timers(&self) -> impl Future<Output = ()> + Send + 'static {
        let loops = join(runner::run(Arc::clone(&self.app)), notify::sender::run(Arc::clone(&self.app)));
        async move {
            loops.await;
        }
    }
}

impl Handler for Sandbox {
    fn handle(&self, request: Request) -> BoxFuture<'static, Reply> {
        let (app, date) = (Arc::clone(&self.app), Arc::clone(&self.date));
        Box::pin(async move { http::handle(&app, &date, &request).await })
    }

    fn refuse(&self, _: &::http::request::Parts, unreadable: IncompleteRequest) -> Response {
        http::refuse_unreadable(&self.app, &self.date, unreadable)
    }
}
