//! The timers: which are due, which documents they belong to, and how they are set again.

use std::fmt;
use std::time::Duration;

use countersign_store::contract::Key;

use super::commit::{LoadedRegistration, PendingCommit};
use super::lookup::PAGE;
use super::{Book, StoreFailed, Walk, open_work};
use crate::events::table::{Event, EventKind};
use crate::stored::{finalize_keys, foreign_permission, notification, snapshot};

/// A document whose timer is due.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct DueDocument(pub(crate) Key);

impl DueDocument {
    /// Whether neither a buyer nor the shop waits for it.
    pub(crate) fn can_wait(&self) -> bool {
        matches!(
            self.0.collection,
            snapshot::COLLECTION
                | notification::COLLECTION
                | foreign_permission::COLLECTION
                | finalize_keys::COLLECTION
        )
    }
}

impl fmt::Display for DueDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0.collection, self.0.id)
    }
}

impl Book {
    /// The documents whose timers are due, earliest first.
    pub(crate) async fn due(&self, limit: usize) -> Result<Vec<DueDocument>, StoreFailed> {
        let due = self.store.due(self.clock.now(), limit).await?;
        Ok(due.into_iter().map(|timer| DueDocument(timer.key)).collect())
    }

    /// How long until the next timer is due, if there is one.
    pub(crate) async fn until_next_due(&self) -> Result<Option<Duration>, StoreFailed> {
        let next = self.store.next_due().await?;
        Ok(next.map(|due_at| due_at.since(self.clock.now())))
    }

    /// Writes a checkout again, with its timer by the current rules, and without a quote that has lapsed. A
    /// timer that was set under a different configuration may be late, or stay due forever.
    pub(crate) async fn set_timer_anew(&self, checkout_id: &str) -> Result<(), StoreFailed> {
        let now = self.clock.now();
        let set = self.commit(|| async {
            let Some(before) = self.checkout(checkout_id).await? else {
                return Ok(PendingCommit::nothing(()));
            };
            let mut revision = match before.registration.lapsed(now) {
                Some(registration) => self.open(LoadedRegistration { registration, ..before }, now),
                None => return Ok(self.keep_anyway(self.open(before, now), ())),
            };
            revision.besides.push(Event::new(EventKind::QuoteLapsed));
            Ok::<_, StoreFailed>(self.keep(revision, ()))
        });
        set.await.map(|_| ())
    }

    /// The walks over the checkouts that may have a call on its way: a Finalize, or an operation's.
    pub(crate) fn sent_calls(&self) -> impl Iterator<Item = Walk> + use<> {
        open_work::sent_calls().into_iter().map(|prefix| Walk::over(open_work::INDEX, prefix))
    }

    /// The ids on the next page of a walk; `None` when it is over.
    pub(crate) async fn next_page(&self, walk: &mut Walk) -> Result<Option<Vec<String>>, StoreFailed> {
        if walk.is_over {
            return Ok(None);
        }
        let rows = self.page(walk, PAGE).await?;
        Ok(Some(rows.into_iter().map(|row| row.key.id).collect()))
    }
}

/// The number recovered, or 0 with an error in the log for a document that this version cannot read.
pub(crate) fn unless_unreadable(
    checkout_id: &str,
    recovered: Result<usize, StoreFailed>,
) -> Result<usize, StoreFailed> {
    recovered.or_else(|failed| match failed {
        StoreFailed::Unreadable(_) => {
            tracing::error!(
                checkout_id,
                %failed,
                "a checkout could not be recovered: its document cannot be read",
            );
            Ok(0)
        }
        StoreFailed::Unavailable(_) | StoreFailed::Indeterminate(_) => Err(failed),
    })
}
