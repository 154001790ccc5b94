//! The timer loop: applies the due timers, then waits until the next one is due. The loop decides
//! nothing. If the process dies in the middle of a round, the next start finds every timer that was
//! not applied.
//!
//! A new timer that is due before the one that the loop waits for wakes it, and so does every move
//! of the virtual clock.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;

use crate::app::App;
use crate::book::due::DueOutcome;

/// How long to pause after the store failed, or while a timer cannot be applied.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs until it is dropped.
pub(crate) async fn run(app: Arc<App>) {
    loop {
        // Called before anything is read, so that a timer that is set meanwhile is not missed.
        app.book.alarm.ring_for_any();
        let settled = app.book.apply_due().await;
        let next_due = match settled {
            Ok(DueOutcome::All) => app.book.next_due().await,
            Ok(DueOutcome::NotAll) => {
                app.clock.sleep(PAUSE).await;
                continue;
            }
            Err(failed) => Err(failed),
        };
        match next_due {
            Ok(Some(due_at)) => {
                app.book.alarm.ring_before(due_at);
                select(pin!(app.book.alarm.rung()), pin!(app.clock.wait_until(due_at))).await;
            }
            Ok(None) => app.book.alarm.rung().await,
            Err(failed) => {
                tracing::error!(%failed, "the due timers could not be read or processed; trying again soon");
                app.clock.sleep(PAUSE).await;
            }
        }
    }
}
