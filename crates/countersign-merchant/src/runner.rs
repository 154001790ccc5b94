//! The timers' loop: takes up what is due, then sleeps until something is. It decides nothing; a
//! process that dies in the middle of a round leaves every timer where the next start finds it.

use std::sync::Arc;
use std::time::Duration;

use crate::app::App;

/// The longest sleep: timers are also set by requests, which do not wake this loop.
const LONGEST: Duration = Duration::from_secs(1);
/// The shortest: what is due and fails must not keep a core busy.
const SHORTEST: Duration = Duration::from_millis(50);

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        if let Err(failed) = app.round().await {
            tracing::error!(%failed, "the timers could not be read");
        }
        let now = app.clock.now();
        let pause = match app.store.next_due().await {
            Ok(Some(due_at)) => due_at.since(now).clamp(SHORTEST, LONGEST),
            Ok(None) | Err(_) => LONGEST,
        };
        app.clock.sleep(pause).await;
    }
}
