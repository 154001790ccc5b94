//! Writing what was decided. Each decision is written as one change set. Once it is durable, two
//! things always follow: the former documents are noted for stale reads, and the loops wake whose
//! next timer or message it set.

use countersign_domain::time::Timestamp;
use countersign_store::contract::{ChangeId, ChangeSet, Document, Key, NewMessage, Write};
use countersign_store::transact::{Decision, TransactError, decide, transact};

use super::Book;
use super::refused::StoreFailed;
use crate::stored::{charge, charge_permission, checkout_session};

/// The writes of a decision, as of an instant.
pub(super) struct Change {
    pub(super) at: Timestamp,
    pub(super) write: Vec<Write>,
    pub(super) append: Vec<NewMessage>,
    /// The documents that this change overwrites, as they were read.
    pub(super) before: Vec<(Key, Document)>,
}

impl Change {
    /// A change of rows alone: it appends no message, and overwrites no document that a stale read
    /// can show.
    pub(super) fn rows(at: Timestamp, write: Vec<Write>) -> Self {
        Self { at, write, append: Vec::new(), before: Vec::new() }
    }

    /// When the earliest timer that this change sets is due.
    pub(super) fn due_at(&self) -> Option<Timestamp> {
        self.write.iter().filter_map(|write| write.content.as_ref()?.due_at).min()
    }
}

/// A decision: the changes, which are written together, and the outcome that the caller gets once
/// they are durable.
pub(super) struct PendingCommit<T> {
    pub(super) changes: Vec<Change>,
    pub(super) outcome: T,
}

impl<T> PendingCommit<T> {
    /// A decision that writes something.
    pub(super) fn change(change: Change, outcome: T) -> Self {
        Self { changes: vec![change], outcome }
    }

    /// A decision that writes nothing: what was loaded is enough to answer.
    pub(super) fn nothing(outcome: T) -> Self {
        Self { changes: Vec::new(), outcome }
    }
}

/// What the book notes once a change is durable.
struct Aftermath {
    at: Timestamp,
    /// The objects that were changed, as they were before.
    changed: Vec<(String, Option<Document>)>,
    due_at: Option<Timestamp>,
    deliver_at: Option<Timestamp>,
}

impl From<&Change> for Aftermath {
    fn from(change: &Change) -> Self {
        let is_read_stale = |write: &&Write| {
            let read = [checkout_session::COLLECTION, charge_permission::COLLECTION, charge::COLLECTION];
            read.contains(&write.key.collection)
        };
        let changed = change.write.iter().filter(is_read_stale).map(|write| {
            let before = change.before.iter().find(|(key, _)| *key == write.key);
            (write.key.id.clone(), before.map(|(_, document)| document.clone()))
        });
        Self {
            at: change.at,
            changed: changed.collect(),
            due_at: change.due_at(),
            deliver_at: change.append.iter().filter_map(|message| message.deliver_at).min(),
        }
    }
}

impl Book {
    /// Runs a decision until it is committed. A failure of the store becomes the caller's error.
    pub(super) async fn decide<T, E: From<StoreFailed>, F>(
        &self,
        mut decision: impl FnMut() -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<PendingCommit<T>, E>>,
    {
        let decided = decide(&*self.store, || self.prepared(decision())).await?;
        Ok(self.noted(decided))
    }

    /// Runs a decision once.
    pub(super) async fn decide_once<T, E, F>(
        &self,
        mut decision: impl FnMut() -> F,
    ) -> Result<T, TransactError<E>>
    where
        F: Future<Output = Result<PendingCommit<T>, E>>,
    {
        let decided = transact(&*self.store, 1, || self.prepared(decision())).await?;
        Ok(self.noted(decided))
    }

    /// The change set of a decision, and what to note once it is durable.
    async fn prepared<T, E>(
        &self,
        decided: impl Future<Output = Result<PendingCommit<T>, E>>,
    ) -> Result<Decision<(T, Vec<Aftermath>)>, E> {
        let PendingCommit { changes, outcome } = decided.await?;
        let aftermath = changes.iter().map(Aftermath::from).collect();
        let mut set: Option<ChangeSet> = None;
        for Change { at, write, append, .. } in changes {
            match &mut set {
                // The set gets the last of the changes' instants, so that the watermark is where separate
                // change sets would leave it.
                Some(set) => {
                    set.at = at;
                    set.write.extend(write);
                    set.append.extend(append);
                }
                None => {
                    let id = ChangeId(self.ids.change_id());
                    set = Some(ChangeSet { id, at, require: Vec::new(), write, append });
                }
            }
        }
        Ok(Decision { change: set, outcome: (outcome, aftermath) })
    }

    /// Notes what was changed, now that it is durable, and returns the outcome.
    fn noted<T>(&self, (outcome, aftermath): (T, Vec<Aftermath>)) -> T {
        for Aftermath { at, changed, due_at, deliver_at } in aftermath {
            for (id, before) in changed {
                self.recent.changed(&id, before, at);
            }
            if let Some(due_at) = due_at {
                self.alarm.timer_is_set(due_at);
            }
            if let Some(deliver_at) = deliver_at {
                self.outbox_alarm.timer_is_set(deliver_at);
            }
        }
        outcome
    }
}
