//! Going on with what is open: after a restart, when whatever this process was doing before has no
//! owner any more, and by timer.

use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::doubt::orphaned;

use super::App;
use super::act::Place;
use crate::book::StoreFailed;
use crate::book::timers::{Due, unless_unreadable};

impl App {
    /// Takes over the sends of a process that is gone. Only for a store that no other process may
    /// have open: elsewhere the lease tells. A document that cannot be read stops none of the others.
    pub(crate) async fn recover(&self) -> Result<usize, StoreFailed> {
        let mut recovered = 0;
        let mut checking = self.checking();
        while let Some(ids) = self.next_page(&mut checking).await? {
            for id in ids {
                recovered += unless_unreadable(&id, self.recover_one(&id).await)?;
            }
        }
        for mut sent in self.sent_operations() {
            while let Some(ids) = self.next_page(&mut sent).await? {
                for id in ids {
                    recovered += unless_unreadable(&id, self.recover_operations(&id).await)?;
                }
            }
        }
        Ok(recovered)
    }

    async fn recover_one(&self, checkout_id: &str) -> Result<usize, StoreFailed> {
        let Some(loaded) = self.checkout(checkout_id).await? else { return Ok(0) };
        let mut recovered = 0;
        let mut known = Some(loaded.clone());
        for attempt in &loaded.registration.checkout.attempts {
            if let AttemptState::Finalizing { .. } = attempt.state {
                let place = place(checkout_id, attempt);
                let orphaned = |checkout: &Checkout, now| Some((orphaned(checkout, place.attempt, now)?, ()));
                self.step(place.checkout_id, &mut known, orphaned).await?;
                recovered += 1;
            }
        }
        Ok(recovered)
    }

    /// Takes up one document whose timer is due.
    pub(crate) async fn take_up_due(&self, due: &Due) -> Result<(), StoreFailed> {
        match due {
            Due::Checkout(id) if self.drive_checkout(id).await? => Ok(()),
            Due::Checkout(id) => self.set_timer_anew(id).await,
            Due::Snapshot(id) => self.take_snapshot(id).await,
            Due::Notification(id) => self.take_up_notification(id).await,
            Due::Unknown(..) => {
                Err(StoreFailed::Unreadable(format!("{due} has a timer that nothing takes up")))
            }
        }
    }

    /// Takes up whatever is due of a checkout. Whether there was anything.
    pub(super) async fn drive_checkout(&self, checkout_id: &str) -> Result<bool, StoreFailed> {
        let Some(loaded) = self.checkout(checkout_id).await? else { return Ok(true) };
        let now = self.clock.now();
        let mut known = Some(loaded.clone());
        let mut was_due = false;
        for attempt in &loaded.registration.checkout.attempts {
            if attempt.state.due_at().is_some_and(|due_at| due_at <= now) {
                was_due = true;
                self.drive(place(checkout_id, attempt), &mut known).await?;
            }
        }
        Ok(self.drive_payment(checkout_id, &mut known).await? || was_due)
    }
}

fn place<'a>(checkout_id: &'a str, attempt: &'a Attempt) -> Place<'a> {
    Place { checkout_id, attempt: attempt.number, session: &attempt.checkout_session_id }
}
