//! Going on with what is open: after a restart, when whatever this process was doing before has no
//! owner any more, and by timer.

use countersign_domain::merchant::after::due::orphaned;

use super::App;
use crate::book::StoreFailed;
use crate::book::timers::{Due, unless_unreadable};

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
        match due {
            Due::Checkout(id) if self.driver(id).drive().await? => Ok(()),
            Due::Checkout(id) => self.set_timer_anew(id).await,
            Due::Snapshot(id) => self.take_snapshot(id).await,
            Due::Notification(id) => self.take_up_notification(id).await,
            Due::Unknown(..) => {
                Err(StoreFailed::Unreadable(format!("{due} has a timer that nothing takes up")))
            }
        }
    }
}
