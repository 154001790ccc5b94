//! Timers: what is due is applied as of its due time, in due order over all documents, those timers
//! included that another brings about. What is due together is applied by one change set, which leaves
//! behind what one for each timer would leave; where that cannot be, each timer has its own. A process
//! that dies between two change sets leaves the rest where the next round finds it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use countersign_domain::provider::checkout_session::{self as rules, AsOf};
use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    Document, DueTimer, Expect, Key, MAX_CHANGES, MAX_ROWS, NewMessage, Write,
};
use countersign_store::transact::{Decision, TransactError, transact};
use tokio::task::yield_now;

use super::change::{log, read_checkout, write_charge, write_checkout, write_permission, write_reply};
use super::checkout_session::Checkout;
use super::payment::LoadedPayment;
use super::reply::{Answer, Reply};
use super::{App, StoreFailed, broken};
use crate::stored::{charge_permission, checkout_session, reply, visit};

/// How many timers are read at once, and applied at once if they can be: a charge's deadline writes the
/// charge and its permission, so that as many fill a change set.
const BATCH: usize = MAX_CHANGES / 2;
/// After how long a document that could not be read is tried, and told in the log, again.
const STUCK_FOR: Duration = Duration::from_secs(60);
/// The most timers that are left alone at once: with them and a batch, one read is full.
const MAX_STUCK: usize = MAX_ROWS - BATCH;

/// Timers that could not be applied. They are left alone for a while, so that they hold up no other.
#[derive(Debug, Default)]
pub(crate) struct Stuck {
    /// With the machine's instant at which each was tried.
    left_alone: HashMap<DueTimer, Timestamp>,
    /// Those of this round whose documents did not ask for them.
    unasked: HashSet<DueTimer>,
}

impl Stuck {
    pub(super) fn release_all(&mut self) {
        *self = Self::default();
    }

    /// Lets those go that are to be tried again. A wall clock that went back frees them too.
    fn release(&mut self, wall: Timestamp) {
        self.left_alone.retain(|_, tried_at| *tried_at <= wall && wall < tried_at.plus(STUCK_FOR));
        self.unasked.clear();
    }

    fn leave_alone(&mut self, timer: &DueTimer, wall: Timestamp) {
        self.left_alone.insert(timer.clone(), wall);
    }

    /// A timer whose document does not ask for it: whoever was faster has set another. One that is found
    /// again after that says what its document does not, and would be found for ever.
    fn note_unasked(&mut self, timer: &DueTimer, wall: Timestamp) {
        if !self.unasked.insert(timer.clone()) {
            self.leave_alone(timer, wall);
        }
    }
}

/// What became of one timer.
struct Applied {
    /// When the document is due next.
    due_at: Option<Timestamp>,
    /// What was changed, as it was before.
    before: Vec<(Key, Document)>,
}

/// What a timer belongs to, as it was loaded.
enum Found {
    Document(Document),
    Payment(LoadedPayment),
}

/// What one timer brings about.
struct Carried {
    write: Vec<Write>,
    append: Vec<NewMessage>,
    applied: Applied,
}

/// Whether everything that was due is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    All,
    /// What is left cannot be applied now, and is told in the log.
    NotAll,
}

impl App {
    /// Applies everything that is due. One caller does so at a time: whoever comes meanwhile waits, and
    /// finds the rest. Each batch has a moment of its own, and what is due is what is due then.
    pub(crate) async fn apply_due(&self) -> Result<Settled, StoreFailed> {
        let mut stuck = self.applying.lock().await;
        stuck.release(self.clock.wall());
        loop {
            let moment = self.moment().await;
            let due = self.store.due(moment.now, BATCH.saturating_add(stuck.left_alone.len())).await?;
            let due = due.into_iter().filter(|timer| !stuck.left_alone.contains_key(timer));
            let due: Vec<DueTimer> = due.take(BATCH).collect();
            if due.is_empty() {
                return Ok(if stuck.left_alone.is_empty() { Settled::All } else { Settled::NotAll });
            }
            self.apply_in_order(&due, &mut stuck).await?;
            if stuck.left_alone.len() >= MAX_STUCK {
                tracing::error!("more timers cannot be applied than are left alone at once");
                return Ok(Settled::NotAll);
            }
            drop(moment);
            // However much is due, whoever wants to end this, to move the clock or to reset comes between.
            yield_now().await;
        }
    }

    /// Applies a batch of timers until a new one comes before the rest.
    async fn apply_in_order(&self, due: &[DueTimer], stuck: &mut Stuck) -> Result<(), StoreFailed> {
        if due.len() > 1 && self.apply_together(due, stuck).await? {
            return Ok(());
        }
        let mut earliest_new: Option<Timestamp> = None;
        for timer in due {
            if earliest_new.is_some_and(|new| new <= timer.due_at) {
                break;
            }
            match self.apply(timer).await {
                Ok(applied) => {
                    let due_at = applied.as_ref().and_then(|applied| applied.due_at);
                    earliest_new = [earliest_new, due_at].into_iter().flatten().min();
                    self.note_applied(timer, applied, stuck);
                }
                // One unreadable document must not hold up all others.
                Err(StoreFailed::Unreadable(why)) => {
                    let Key { collection, id } = &timer.key;
                    tracing::error!(%why, collection, id, "a timer could not be applied");
                    stuck.leave_alone(timer, self.clock.wall());
                }
                Err(failed) => return Err(failed),
            }
        }
        Ok(())
    }

    /// Tells of what was applied, once it is durable.
    fn note_applied(&self, timer: &DueTimer, applied: Option<Applied>, stuck: &mut Stuck) {
        let Some(Applied { before, .. }) = applied else {
            stuck.note_unasked(timer, self.clock.wall());
            return;
        };
        self.notices.alarm.timer_is_set(timer.due_at);
        for (key, document) in before {
            self.recent.changed(&key.id, Some(document), timer.due_at);
        }
    }

    /// Applies a batch by one change set. `false`, and nothing is changed, when one of its documents
    /// cannot be read or another was faster: each timer is to be tried by itself then.
    async fn apply_together(&self, due: &[DueTimer], stuck: &mut Stuck) -> Result<bool, StoreFailed> {
        let applied = match transact(&*self.store, 1, || self.decide_together(due)).await {
            Ok(applied) => applied,
            Err(
                TransactError::Refused(StoreFailed::Unreadable(_))
                | TransactError::Contended
                | TransactError::Invalid(_),
            ) => return Ok(false),
            Err(TransactError::Refused(failed)) => return Err(failed),
            Err(TransactError::Indeterminate(why)) => return Err(StoreFailed::Indeterminate(why)),
            Err(TransactError::Unavailable(why)) => return Err(StoreFailed::Unavailable(why)),
        };
        for (timer, applied) in due.iter().zip(applied) {
            self.note_applied(timer, applied, stuck);
        }
        Ok(true)
    }

    /// Decides timers in due order, until a new one comes before the rest or the change set is full. The
    /// outcome has one entry for each timer that was decided; none when another was faster.
    async fn decide_together(&self, due: &[DueTimer]) -> Result<Decision<Vec<Option<Applied>>>, StoreFailed> {
        let (mut write, mut append) = (Vec::new(), Vec::new());
        let mut outcome = Vec::with_capacity(due.len());
        let mut decided_at: Option<Timestamp> = None;
        let mut earliest_new: Option<Timestamp> = None;
        for (timer, found) in due.iter().zip(self.find(due).await?) {
            if earliest_new.is_some_and(|new| new <= timer.due_at) {
                break;
            }
            let Some(carried) = self.carry(timer, found)? else {
                outcome.push(None);
                continue;
            };
            let has_room = write.len().saturating_add(carried.write.len()) <= MAX_CHANGES
                && append.len().saturating_add(carried.append.len()) <= MAX_CHANGES;
            if !has_room && decided_at.is_some() {
                break;
            }
            write.extend(carried.write);
            append.extend(carried.append);
            decided_at = Some(timer.due_at);
            earliest_new = [earliest_new, carried.applied.due_at].into_iter().flatten().min();
            outcome.push(Some(carried.applied));
        }
        // The last of the instants, so that the watermark is where one change set for each leaves it.
        Ok(Decision { change: decided_at.map(|at| self.change_set(at, write, append)), outcome })
    }

    /// Loads what the timers of a batch belong to.
    async fn find(&self, due: &[DueTimer]) -> Result<Vec<Option<Found>>, StoreFailed> {
        let keys: Vec<Key> = due.iter().map(|timer| timer.key.clone()).collect();
        let documents = self.store.load(&keys).await?;
        let mut found = Vec::with_capacity(documents.len());
        let mut permissions = Vec::new();
        let mut places = Vec::new();
        for (key, document) in keys.into_iter().zip(documents) {
            match document {
                Some(document) if key.collection == charge_permission::COLLECTION => {
                    places.push(found.len());
                    permissions.push((key, document));
                    found.push(None);
                }
                document => found.push(document.map(Found::Document)),
            }
        }
        for (place, payment) in places.into_iter().zip(self.payments(permissions).await?) {
            if let Some(found) = found.get_mut(place) {
                *found = Some(Found::Payment(payment));
            }
        }
        Ok(found)
    }

    /// Applies one timer; none when another was faster.
    async fn apply(&self, timer: &DueTimer) -> Result<Option<Applied>, StoreFailed> {
        let decide = || async {
            let found = match timer.key.collection {
                charge_permission::COLLECTION => self.payment(&timer.key.id, None).await?.map(Found::Payment),
                _ => self.document(timer.key.clone()).await?.map(Found::Document),
            };
            Ok::<_, StoreFailed>(match self.carry(timer, found)? {
                Some(Carried { write, append, applied }) => Decision {
                    change: Some(self.change_set(timer.due_at, write, append)),
                    outcome: Some(applied),
                },
                None => Decision { change: None, outcome: None },
            })
        };
        self.transact(decide).await
    }

    /// Decides one timer; none when another was faster.
    fn carry(&self, timer: &DueTimer, found: Option<Found>) -> Result<Option<Carried>, StoreFailed> {
        match (timer.key.collection, found) {
            (_, None) => Ok(None),
            (_, Some(Found::Payment(loaded))) => self.carry_payment(timer, loaded),
            (checkout_session::COLLECTION, Some(Found::Document(document))) => carry_session(timer, document),
            (reply::COLLECTION, Some(Found::Document(document))) => forget_buyer(timer, &document),
            (visit::COLLECTION, Some(Found::Document(document))) => Ok(Some(end_visit(timer, document))),
            (other, Some(Found::Document(_))) => {
                Err(StoreFailed::Unreadable(format!("nobody knows the timers of {other}")))
            }
        }
    }

    fn carry_payment(
        &self,
        timer: &DueTimer,
        mut loaded: LoadedPayment,
    ) -> Result<Option<Carried>, StoreFailed> {
        if loaded.payment.due_at().is_none_or(|due_at| due_at > timer.due_at) {
            return Ok(None);
        }
        let charges_before = loaded.payment.charges.clone();
        let events = loaded.payment.carry_to(timer.due_at, self.settings.profile).map_err(broken)?;
        let permission = &loaded.payment.permission;
        let due_at = loaded.payment.due_at();
        let mut write =
            vec![write_permission(permission, due_at, Expect::Version(loaded.permission_version))];
        for ((charge, before), version) in
            loaded.payment.charges.iter().zip(&charges_before).zip(&loaded.charge_versions)
        {
            if charge != before {
                write.push(write_charge(charge, Expect::Version(*version)));
            }
        }
        let mut append = log(permission.checkout_session_id.as_str(), &events);
        append.extend(self.tell(&permission.owner.merchant_id, &permission.id, &events, None));
        let applied = Applied { due_at, before: loaded.documents };
        Ok(Some(Carried { write, append, applied }))
    }
}

fn carry_session(timer: &DueTimer, document: Document) -> Result<Option<Carried>, StoreFailed> {
    let loaded = read_checkout(&document)?;
    let expect = loaded.expected();
    let Checkout { session, shown } = loaded.value;
    if session.due_at() > timer.due_at {
        return Ok(None);
    }
    let (write, events, due_at) = match rules::as_of(session, timer.due_at) {
        AsOf::Present(session, events) => {
            let due_at = session.due_at();
            (write_checkout(&Checkout { session, shown }, expect), events, Some(due_at))
        }
        AsOf::Deleted(events) => (Write { key: timer.key.clone(), expect, content: None }, events, None),
    };
    let applied = Applied { due_at, before: vec![(timer.key.clone(), document)] };
    Ok(Some(Carried { write: vec![write], append: log(&timer.key.id, &events), applied }))
}

/// A visit goes with its session.
fn end_visit(timer: &DueTimer, document: Document) -> Carried {
    let write = Write { key: timer.key.clone(), expect: Expect::Version(document.version), content: None };
    let applied = Applied { due_at: None, before: Vec::new() };
    Carried { write: vec![write], append: Vec::new(), applied }
}

/// The short form of a remembered reply is kept for ever.
fn forget_buyer(timer: &DueTimer, document: &Document) -> Result<Option<Carried>, StoreFailed> {
    let Reply { fingerprint, answer } = reply::decode(document.format, &document.bytes)?;
    if answer.with_buyer.is_none() {
        return Ok(None);
    }
    let answer = Answer { with_buyer: None, ..answer.into_owned() };
    let write = write_reply(timer.key.clone(), &fingerprint, &answer, Expect::Version(document.version));
    let applied = Applied { due_at: None, before: Vec::new() };
    Ok(Some(Carried { write: vec![write], append: Vec::new(), applied }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_that_a_request_was_faster_than_is_left_alone_only_when_it_is_found_again() {
        let at = Timestamp::from_millis(1_795_448_820_000);
        let key = Key { collection: checkout_session::COLLECTION, id: "s".to_owned() };
        let timer = DueTimer { key, due_at: at };
        let mut stuck = Stuck::default();
        for _ in 0..2 {
            // Each round begins so.
            stuck.release(at);
            stuck.note_unasked(&timer, at);
            assert!(stuck.left_alone.is_empty());
        }
        stuck.note_unasked(&timer, at);
        assert!(stuck.left_alone.contains_key(&timer));
        stuck.release(at.plus(STUCK_FOR));
        assert!(stuck.left_alone.is_empty());
    }
}
