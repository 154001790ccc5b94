//! Going on with what is open: after a restart, when whatever this process was doing before has no
//! owner any more, and by timer.

use countersign_domain::merchant::after::due::orphaned;

use super::App;
use crate::book::StoreFailed;
use crate::book::timers::{Due, unless_unreadable};
use crate::stored::{checkout, notification, snapshot};

impl App {
    /// Takes over the sends of a process that is gone. Only for a store that no other process may
    /// have open: elsewhere the lease tells. A document that cannot be read stops none of the others.
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
    pub(crate) async fn take_up_due(&self, due: &Due) -> Result<(), StoreFailed> {
        let id = due.0.id.as_str();
        match due.0.collection {
            checkout::COLLECTION if self.driver(id).drive().await? => Ok(()),
            checkout::COLLECTION => self.set_timer_anew(id).await,
            snapshot::COLLECTION => self.take_snapshot(id).await,
            notification::COLLECTION => self.take_up_notification(id).await,
            _ => Err(StoreFailed::Unreadable(format!("{due} has a timer that nothing takes up"))),
        }
    }
}
