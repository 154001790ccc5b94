//! Going on with what is open: after a restart, when whatever this process was doing before has no
//! owner any more, and by timer.

use std::fmt;
use std::time::Duration;

use countersign_domain::merchant::attempt::{Attempt, AttemptState};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::doubt::orphaned;
use countersign_store::contract::{Expect, IndexRange, Key};
use countersign_store::transact::Decision;

use super::act::Place;
use super::change::{Loaded, message};
use super::lookup::PAGE;
use super::{App, StoreFailed, open_work};
use crate::stored::event::Event;
use crate::stored::{checkout, notification, snapshot};

/// A document whose timer is due.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Due(Key);

impl Due {
    /// Whether no buyer and no shop waits for it: a snapshot or a notification.
    pub(crate) fn can_wait(&self) -> bool {
        matches!(self.0.collection, snapshot::COLLECTION | notification::COLLECTION)
    }
}

impl fmt::Display for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.collection, self.0.id)
    }
}

impl App {
    /// Takes over the sends of a process that is gone. Only for a store that no other process may
    /// have open: elsewhere the lease tells. A document that cannot be read stops none of the others.
    pub(crate) async fn recover(&self) -> Result<usize, StoreFailed> {
        let mut recovered = 0;
        let mut after = None;
        loop {
            let rows = self.rows_by_state("checking", after.take()).await?;
            let Some(last) = rows.last().cloned() else { break };
            for row in rows {
                recovered += unless_unreadable(&row.key.id, self.recover_one(&row.key.id).await)?;
            }
            after = Some((last.value, last.key.id));
        }
        for prefix in open_work::sent_operations() {
            let mut after = None;
            loop {
                let (index, prefix) = (open_work::INDEX, prefix.clone());
                let range = IndexRange { index, prefix, after: after.take(), limit: PAGE };
                let rows = self.store.range(range).await?;
                let Some(last) = rows.last().cloned() else { break };
                for row in rows {
                    recovered += unless_unreadable(&row.key.id, self.recover_operations(&row.key.id).await)?;
                }
                after = Some((last.value, last.key.id));
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

    /// The documents whose timers are due, earliest first.
    pub(crate) async fn due(&self, limit: usize) -> Result<Vec<Due>, StoreFailed> {
        let due = self.store.due(self.clock.now(), limit).await?;
        Ok(due.into_iter().map(|timer| Due(timer.key)).collect())
    }

    /// How long it is until the next timer, if there is one.
    pub(crate) async fn until_next_due(&self) -> Result<Option<Duration>, StoreFailed> {
        let next = self.store.next_due().await?;
        Ok(next.map(|due_at| due_at.since(self.clock.now())))
    }

    /// Takes up one document whose timer is due.
    pub(crate) async fn take_up_due(&self, Due(key): &Due) -> Result<(), StoreFailed> {
        match key.collection {
            checkout::COLLECTION if self.drive_checkout(&key.id).await? => Ok(()),
            checkout::COLLECTION => self.set_timer_anew(&key.id).await,
            snapshot::COLLECTION => self.take_snapshot(&key.id).await,
            notification::COLLECTION => self.take_up_notification(&key.id).await,
            other => Err(StoreFailed::Unreadable(format!("nobody owns the timers of {other}"))),
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

    /// Writes a checkout once more, with the timer that it has by today's rules, and without a quote that has
    /// lapsed. A timer that was set under the rules of another configuration may be late, or be found due for
    /// ever.
    pub(super) async fn set_timer_anew(&self, checkout_id: &str) -> Result<(), StoreFailed> {
        let now = self.clock.now();
        self.transact(|| async {
            let change = self.checkout(checkout_id).await?.map(|Loaded { registration, version }| {
                let mut change = self.change_set(now);
                let lapsed = registration.lapsed(now);
                change
                    .append
                    .extend(lapsed.iter().map(|it| message(it, &Event::of_checkout("QuoteLapsed", now))));
                let registration = lapsed.unwrap_or(registration);
                change.write.push(self.write_checkout(&registration, Expect::Version(version)));
                change
            });
            Ok::<_, StoreFailed>(Decision { change, outcome: () })
        })
        .await
    }
}

/// What could be taken over, of a document that may be none that this version can read.
pub(super) fn unless_unreadable(
    checkout_id: &str,
    recovered: Result<usize, StoreFailed>,
) -> Result<usize, StoreFailed> {
    recovered.or_else(|failed| match failed {
        StoreFailed::Unreadable(_) => {
            tracing::error!(checkout_id, %failed, "a checkout cannot be recovered");
            Ok(0)
        }
        StoreFailed::Unavailable(_) | StoreFailed::Indeterminate(_) => Err(failed),
    })
}

fn place<'a>(checkout_id: &'a str, attempt: &'a Attempt) -> Place<'a> {
    Place { checkout_id, attempt: attempt.number, session: &attempt.checkout_session_id }
}
