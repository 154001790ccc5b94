//! A sandbox in this process, on a store that was filled beforehand: for states that would take
//! hours to reach through the API.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use countersign_http::{Handler as _, Limits, Reply, serve_with_timers};
use countersign_sandbox::ids::Ids;
use countersign_sandbox::merchants::{Merchants, account_of};
use countersign_sandbox::notify::Notifications;
use countersign_sandbox::settings::Settings;
use countersign_sandbox::{Parts, Sandbox};
use countersign_store::contract::Store;
use countersign_store::memory::MemoryStore;
use countersign_store::sqlite::SqliteStore;
use countersign_world::{SystemClock, SystemEntropy};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::bench_result::BenchResult;
use super::servers::Durability;
use super::signed::BenchKey;

/// An empty store. A durable one gets a folder of its own.
pub(super) fn new_store(folder: &Path, durability: Durability) -> BenchResult<Arc<dyn Store>> {
    Ok(match durability {
        Durability::InMemory => Arc::new(MemoryStore::new()),
        Durability::Durable => {
            let data: PathBuf = tempfile::tempdir_in(folder)?.keep();
            Arc::new(SqliteStore::open(&data.join("sandbox.db"))?)
        }
    })
}

/// A sandbox in this process. Dropping it ends it.
pub(super) struct InProcessSandbox {
    sandbox: Arc<Sandbox>,
    /// The address that it listens on, such as `127.0.0.1:41234`.
    pub(super) address: String,
    _serving: JoinSet<()>,
}

impl InProcessSandbox {
    pub(super) async fn start(store: Arc<dyn Store>, key: &BenchKey) -> BenchResult<Self> {
        let mut merchants = Merchants::default();
        let id = key.signer.public_key_id();
        merchants.register(account_of(id), id.clone(), key.verifying.clone())?;
        let parts = Parts {
            store,
            clock: Arc::new(SystemClock),
            ids: Ids::new(&SystemEntropy, None, 0),
            merchants,
            settings: Settings::default(),
            notifications: Notifications::default(),
        };
        let sandbox = Arc::new(Sandbox::start(parts).await?);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut serving = JoinSet::new();
        let (handler, timers) = (Arc::clone(&sandbox), sandbox.timers());
        let end = std::future::pending();
        serving.spawn(serve_with_timers(listener, handler, Limits::default(), timers, end));
        Ok(Self { sandbox, address: address.to_string(), _serving: serving })
    }

    /// Passes the sandbox a request without a socket. The answer must be a success.
    pub(super) async fn call(&self, request: http::Request<Bytes>) -> BenchResult<Bytes> {
        let answer = self.answer(request).await?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        Err(format!("answered with {}: {}", answer.status(), String::from_utf8_lossy(answer.body())).into())
    }

    /// Passes the sandbox a request without a socket, and returns the answer whatever its status.
    pub(super) async fn answer(&self, request: http::Request<Bytes>) -> BenchResult<http::Response<Bytes>> {
        match self.sandbox.handle(request).await {
            Reply::Answer(answer) => Ok(answer),
            Reply::Reset => Err("no answer".into()),
        }
    }

    /// A call of the control API.
    pub(super) async fn control(&self, path: &str, body: String) -> BenchResult<Bytes> {
        let request = http::Request::post(format!("/_sandbox/{path}"))
            .header("content-type", "application/json")
            .body(Bytes::from(body));
        self.call(request?).await
    }
}
