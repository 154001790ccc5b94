//! What all servers of this program share: the runtime, the socket, and the first line on standard output.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::failure::{CommandResult, Failure};
use crate::output::say;

/// The largest number of threads. More would only cost memory: signing and verifying take
/// microseconds, and all other time is spent waiting for the disk or for Amazon.
const MOST_THREADS: usize = 8;

/// Runs a future on a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = CommandResult<T>>) -> CommandResult<T> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format_args!("the threads could not be started: {error}")))?;
    runtime.block_on(future)
}

/// A listening socket, and its address with the port that was picked.
pub(crate) async fn listen(address: &str) -> CommandResult<(TcpListener, SocketAddr)> {
    let failed = |error: std::io::Error| {
        let why = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program is already listening there".to_owned(),
            _ => error.to_string(),
        };
        Failure::new(format_args!("cannot listen on {address}: {why}"))
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Prints the line that scripts wait for: from then on the server answers.
pub(crate) fn announce(address: SocketAddr) {
    say(format_args!("listening on http://{address}"));
}
