//! The operator's signals to end: SIGTERM or Ctrl-C. The first one ends the process gracefully, the second
//! one immediately.

use crate::failure::{CommandResult, Failure};

/// The exit code that a shell reports for a program that Ctrl-C ended.
const ENDED_AT_ONCE: i32 = 130;

/// Starts to listen for the signals. The returned future completes at the first one. Must be called
/// inside the runtime.
pub(crate) fn wish_to_end() -> CommandResult<impl Future<Output = ()> + Send + 'static> {
    let mut wishes = StopSignals::listen()
        .map_err(|error| Failure::new(format_args!("the signal handlers could not be installed: {error}")))?;
    let (first, wished) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        wishes.next().await;
        let _ = first.send(());
        wishes.next().await;
        std::process::exit(ENDED_AT_ONCE);
    });
    Ok(async move {
        let _ = wished.await;
    })
}

#[cfg(unix)]
struct StopSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct StopSignals;

#[cfg(not(unix))]
impl StopSignals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
