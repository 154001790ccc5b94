//! After a restart: whatever this process was doing when it ended has no owner any more. And the
//! timers' round, which takes up everything that is due.

use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::doubt::orphaned;
use futures_util::stream::{self, StreamExt as _};

use super::act::ActFailed;
use super::{App, StoreFailed};
use crate::stored::{checkout, snapshot};

/// How many due documents one round takes up, and how many of them at a time. A document that fails
/// keeps only its own place busy.
const ROUND: usize = 256;
const AT_A_TIME: usize = 16;

impl App {
    /// Takes over the sends of a process that is gone. Only for a store that no other process may
    /// have open: elsewhere the lease tells.
    pub(crate) async fn recover(&self) -> Result<usize, StoreFailed> {
        let mut recovered = 0;
        let mut after: Option<String> = None;
        loop {
            let page = self.checkouts_by_state("checking", after.as_deref()).await?;
            for registration in &page.checkouts {
                for attempt in &registration.checkout.attempts {
                    if !matches!(attempt.state, AttemptState::Finalizing { .. }) {
                        continue;
                    }
                    let (id, number, now) =
                        (registration.checkout.id.as_str(), attempt.number, self.clock.now());
                    self.step(id, |checkout| Some((orphaned(checkout, number, now)?, ()))).await?;
                    recovered += 1;
                }
            }
            after = page.next_after;
            if after.is_none() {
                return Ok(recovered);
            }
        }
    }

    /// Takes up what is due; says how many documents were.
    pub(crate) async fn round(&self) -> Result<usize, StoreFailed> {
        #[cfg(feature = "planted-bugs")]
        self.write_shown().await?;
        let due = self.store.due(self.clock.now(), ROUND).await?;
        let count = due.len();
        stream::iter(due)
            .for_each_concurrent(AT_A_TIME, |timer| async move {
                let id = timer.key.id.as_str();
                let result = match timer.key.collection {
                    checkout::COLLECTION => self.drive_checkout(id).await,
                    snapshot::COLLECTION => self.take_snapshot(id).await,
                    other => {
                        tracing::error!(collection = other, "a timer of a document that nobody owns");
                        Ok(())
                    }
                };
                if let Err(failed) = result {
                    tracing::error!(collection = timer.key.collection, id, %failed, "a timer's work failed");
                }
            })
            .await;
        Ok(count)
    }

    async fn drive_checkout(&self, id: &str) -> Result<(), StoreFailed> {
        let Some(loaded) = self.checkout(id).await? else { return Ok(()) };
        let now = self.clock.now();
        for attempt in &loaded.registration.checkout.attempts {
            if attempt.state.due_at().is_none_or(|due_at| due_at > now) {
                continue;
            }
            match self.drive(id, attempt.number).await {
                Ok(()) => {}
                Err(ActFailed::Store(failed)) => return Err(failed),
                // A timer gives no address, so nothing can differ from it.
                Err(ActFailed::GivenAddress(_)) => {}
            }
        }
        Ok(())
    }
}
