//! Timers: what is due is applied as of its due time, in due order over all documents, those timers
//! included that another brings about. Applying a timer is a change set like any other; a process that
//! dies between two leaves the rest where the next round finds it.

use std::collections::HashMap;
use std::time::Duration;

use countersign_domain::provider::checkout_session::{self as rules, AsOf};
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, DueTimer, Expect, Key, MAX_ROWS, Write};
use countersign_store::transact::Decision;
use tokio::task::yield_now;

use super::change::{log, read_checkout, write_charge, write_checkout, write_permission, write_reply};
use super::checkout_session::Checkout;
use super::reply::{Answer, Reply};
use super::{App, StoreFailed, broken};
use crate::stored::{charge_permission, checkout_session, reply};

/// How many timers are read at once.
const BATCH: usize = 64;
/// After how long a document that could not be read is tried, and told in the log, again.
const STUCK_FOR: Duration = Duration::from_secs(60);
/// The most timers that are left alone at once: with them and a batch, one read is full.
const MAX_STUCK: usize = MAX_ROWS - BATCH;

/// Timers that could not be applied, and the machine's instant at which they were tried. They are left
/// alone for a while, so that they hold up no other.
#[derive(Debug, Default)]
pub(crate) struct Stuck(HashMap<DueTimer, Timestamp>);

impl Stuck {
    pub(super) fn release_all(&mut self) {
        self.0.clear();
    }

    /// Lets those go that are to be tried again. A wall clock that went back frees them too.
    fn release(&mut self, wall: Timestamp) {
        self.0.retain(|_, tried_at| *tried_at <= wall && wall < tried_at.plus(STUCK_FOR));
    }
}

/// What became of one timer.
struct Applied {
    /// When the document is due next.
    due_at: Option<Timestamp>,
    /// What was changed, as it was before.
    before: Vec<(Key, Document)>,
}

/// Another was faster.
const NOTHING: Decision<Option<Applied>> = Decision { change: None, outcome: None };

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
            let due = self.store.due(moment.now, BATCH.saturating_add(stuck.0.len())).await?;
            let due = due.into_iter().filter(|timer| !stuck.0.contains_key(timer));
            let due: Vec<DueTimer> = due.take(BATCH).collect();
            if due.is_empty() {
                return Ok(if stuck.0.is_empty() { Settled::All } else { Settled::NotAll });
            }
            self.apply_in_order(&due, &mut stuck).await?;
            if stuck.0.len() >= MAX_STUCK {
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
        let mut earliest_new: Option<Timestamp> = None;
        for timer in due {
            if earliest_new.is_some_and(|new| new <= timer.due_at) {
                break;
            }
            match self.apply(timer).await {
                Ok(Some(Applied { due_at, before })) => {
                    earliest_new = [earliest_new, due_at].into_iter().flatten().min();
                    self.notices.alarm.timer_is_set(timer.due_at);
                    for (key, document) in before {
                        self.recent.changed(&key.id, Some(document), timer.due_at);
                    }
                }
                // Whoever was faster has set another timer. Else this one says what its document does
                // not, and would be found for ever.
                Ok(None) => {
                    stuck.0.insert(timer.clone(), self.clock.wall());
                }
                // One unreadable document must not hold up all others.
                Err(StoreFailed::Unreadable(why)) => {
                    let Key { collection, id } = &timer.key;
                    tracing::error!(%why, collection, id, "a timer could not be applied");
                    stuck.0.insert(timer.clone(), self.clock.wall());
                }
                Err(failed) => return Err(failed),
            }
        }
        Ok(())
    }

    /// Applies one timer; none when another was faster.
    async fn apply(&self, timer: &DueTimer) -> Result<Option<Applied>, StoreFailed> {
        match timer.key.collection {
            checkout_session::COLLECTION => self.transact(|| self.carry_session(timer)).await,
            charge_permission::COLLECTION => self.transact(|| self.carry_payment(timer)).await,
            reply::COLLECTION => self.transact(|| self.forget_buyer(timer)).await,
            other => Err(StoreFailed::Unreadable(format!("nobody knows the timers of {other}"))),
        }
    }

    async fn carry_session(&self, timer: &DueTimer) -> Result<Decision<Option<Applied>>, StoreFailed> {
        let documents = self.store.load(std::slice::from_ref(&timer.key)).await?;
        let Some(document) = documents.into_iter().next().flatten() else { return Ok(NOTHING) };
        let loaded = read_checkout(&document)?;
        let expect = loaded.expected();
        let Checkout { session, shown } = loaded.value;
        if session.due_at() > timer.due_at {
            return Ok(NOTHING);
        }
        let (write, events, due_at) = match rules::as_of(session, timer.due_at) {
            AsOf::Present(session, events) => {
                let due_at = session.due_at();
                (write_checkout(&Checkout { session, shown }, expect), events, Some(due_at))
            }
            AsOf::Deleted(events) => (Write { key: timer.key.clone(), expect, content: None }, events, None),
        };
        let change = self.change_set(timer.due_at, vec![write], log(&timer.key.id, &events));
        let before = vec![(timer.key.clone(), document)];
        Ok(Decision { change: Some(change), outcome: Some(Applied { due_at, before }) })
    }

    async fn carry_payment(&self, timer: &DueTimer) -> Result<Decision<Option<Applied>>, StoreFailed> {
        let Some(mut loaded) = self.payment(&timer.key.id, None).await? else { return Ok(NOTHING) };
        if loaded.payment.due_at().is_none_or(|due_at| due_at > timer.due_at) {
            return Ok(NOTHING);
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
        let change = self.change_set(timer.due_at, write, append);
        let before = loaded.documents;
        Ok(Decision { change: Some(change), outcome: Some(Applied { due_at, before }) })
    }

    /// The short form of a remembered reply is kept for ever.
    async fn forget_buyer(&self, timer: &DueTimer) -> Result<Decision<Option<Applied>>, StoreFailed> {
        let documents = self.store.load(std::slice::from_ref(&timer.key)).await?;
        let Some(document) = documents.into_iter().next().flatten() else { return Ok(NOTHING) };
        let Reply { fingerprint, answer } = reply::decode(document.format, &document.bytes)?;
        if answer.with_buyer.is_none() {
            return Ok(NOTHING);
        }
        let answer = Answer { with_buyer: None, ..answer };
        let write = write_reply(timer.key.clone(), &fingerprint, &answer, Expect::Version(document.version));
        let change = self.change_set(timer.due_at, vec![write], Vec::new());
        Ok(Decision { change: Some(change), outcome: Some(Applied { due_at: None, before: Vec::new() }) })
    }
}
