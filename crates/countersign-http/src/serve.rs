//! The accept loop, and how the server ends. [`crate::connection`] serves each connection.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::{self, Stage};
use crate::handler::{Handler, Peer};
use crate::limits::Limits;

/// How long to pause after a listener failed to accept, most likely because no file descriptors are
/// left: trying again immediately would only keep a core busy.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves every connection of `listener` with `handler`, until `shutdown` is ready.
///
/// Then it closes the listener and all idle connections, and answers the requests that have started
/// (or only finishes them, if their client is gone). After [`Limits::shutdown_time`] it cuts off
/// the rest. Dropping the future cuts everything off immediately. Must run inside a tokio runtime
/// with its timer and I/O drivers.
pub async fn serve(
    listener: TcpListener,
    handler: Arc<dyn Handler>,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send,
) {
    let (stage, _) = watch::channel(Stage::Serving);
    let slots = Arc::new(Semaphore::new(limits.connections));
    {
        let accepting = pin!(accept(listener, handler, limits, &stage, &slots));
        let shutdown = pin!(shutdown);
        tokio::select! {
            () = shutdown => {}
            () = accepting => {}
        }
    }
    stage.send_replace(Stage::Draining);
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    if timeout(limits.shutdown_time, slots.acquire_many(all)).await.is_err() {
        tracing::warn!(
            "connections were cut off: their requests took longer than the time allowed for shutdown"
        );
    }
    stage.send_replace(Stage::Closed);
}

/// Serves as [`serve`] does, and runs the timers of the same server until it has ended. Returns
/// once the timers have released everything that they use. Dropping the future ends the timers,
/// too.
pub async fn serve_with_timers(
    listener: TcpListener,
    handler: Arc<dyn Handler>,
    limits: Limits,
    timers: impl Future<Output = ()> + Send + 'static,
    shutdown: impl Future<Output = ()> + Send,
) {
    let mut tasks = JoinSet::new();
    tasks.spawn(timers);
    serve(listener, handler, limits, shutdown).await;
    tasks.shutdown().await;
}

/// Serves each connection in a task of its own. Returns only if the semaphore is closed.
#[expect(clippy::disallowed_methods, reason = "a failing listener is left alone in real time")]
async fn accept(
    listener: TcpListener,
    handler: Arc<dyn Handler>,
    limits: Limits,
    stage: &watch::Sender<Stage>,
    slots: &Arc<Semaphore>,
) {
    // The slot is taken first: a connection over the limit waits in the kernel, at no cost here.
    while let Ok(slot) = Arc::clone(slots).acquire_owned().await {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY could not be set: the answers on this connection may be delayed");
        }
        let (handler, stage) = (Arc::clone(&handler), stage.subscribe());
        tokio::spawn(async move {
            connection::run(stream, Peer(address), handler, limits, (slot, stage)).await;
        });
    }
}
