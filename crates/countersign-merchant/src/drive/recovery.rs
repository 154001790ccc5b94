//! Continues open work: after a restart, when nothing owns the calls of the earlier process, and by timer.

use countersign_domain::merchant::after::due::orphaned;

use super::App;
use crate::book::StoreFailed;
use crate::book::timers::{DueDocument, unless_unreadable};
use crate::stored::{checkout, finalize_keys, foreign_permission, notification, snapshot};

impl App {
    /// Takes over the calls that an earlier process had sent. Call this only for a store that no other
    /// process may have open; otherwise only the end of the lease shows that a process is gone. A document
    /// that cannot be read does not stop the others.
    pub(crate) async fn recover(&self) -> Result<usize, StoreFailed> {
        let mut recovered = 0;
        for mut walk in self.sent_calls() {
            while let Some(ids) = self.next_page(&mut walk).await? {
                for id in ids {
                    let taken_over = self.driver(&id).decide(orphaned).await;
                    let taken_over = taken_over.map(Option::unwrap_or_default);
                    recovered += unless_unreadable(&id, taken_over)?;
                }
            }
        }
        Ok(recovered)
    }

    /// Takes up one document whose timer is due.
    pub(crate) async fn take_up_due(&self, due: &DueDocument) -> Result<(), StoreFailed> {
        let id = due.0.id.as_str();
        match due.0.collection {
            checkout::COLLECTION if self.driver(id).drive().await? => Ok(()),
            checkout::COLLECTION => self.set_timer_anew(id).await,
            snapshot::COLLECTION => self.take_snapshot(id).await,
            notification::COLLECTION => self.take_up_notification(id).await,
            foreign_permission::COLLECTION => self.take_up_foreign(id).await,
            finalize_keys::COLLECTION => self.try_finalize_keys(id).await,
            _ => Err(StoreFailed::Unreadable(format!("{due} has a timer that no code handles"))),
        }
    }
}
