//! Timers: what is due is applied as of its due time, in due order over all documents, those timers
//! included that another brings about. Applying a timer is a change set like any other; a process that
//! dies between two leaves the rest where the next round finds it.

use countersign_domain::provider::checkout_session::{self as rules, AsOf};
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, DueTimer, Expect, Key, Write};
use countersign_store::transact::Decision;

use super::change::{
    charge_key, log, read_checkout, write_charge, write_checkout, write_permission, write_reply,
};
use super::checkout_session::Checkout;
use super::reply::{Answer, Reply};
use super::{App, StoreFailed};
use crate::stored::{charge_permission, checkout_session, reply};

/// How many timers are read at once.
const BATCH: usize = 64;

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
    /// Applies everything that is due by the virtual clock, and wakes the runner to look anew.
    pub(crate) async fn run_due(&self) -> Result<(), StoreFailed> {
        let applied = self.apply_due(self.clock.now()).await;
        self.alarm.ring();
        applied.map(|_| ())
    }

    /// Applies everything that is due at `now`. One caller does so at a time: whoever comes meanwhile
    /// waits, and finds the rest.
    pub(crate) async fn apply_due(&self, now: Timestamp) -> Result<Settled, StoreFailed> {
        let _alone = self.applying.lock().await;
        let mut stuck = Vec::new();
        loop {
            let due = self.store.due(now, BATCH).await?;
            if due.is_empty() {
                return Ok(Settled::All);
            }
            if due == stuck {
                return Ok(Settled::NotAll);
            }
            stuck = if self.apply_in_order(&due).await? { Vec::new() } else { due };
        }
    }

    /// Applies a batch of timers until a new one comes before the rest; whether any was applied.
    async fn apply_in_order(&self, due: &[DueTimer]) -> Result<bool, StoreFailed> {
        let mut any_applied = false;
        let mut earliest_new: Option<Timestamp> = None;
        for timer in due {
            if earliest_new.is_some_and(|new| new <= timer.due_at) {
                break;
            }
            match self.apply(timer).await {
                Ok(None) => {}
                Ok(Some(Applied { due_at, before })) => {
                    any_applied = true;
                    earliest_new = [earliest_new, due_at].into_iter().flatten().min();
                    for (key, document) in before {
                        self.recent.changed(&key.id, Some(document), timer.due_at);
                    }
                }
                // One unreadable document must not hold up all others.
                Err(StoreFailed::Unreadable(why)) => tracing::error!(%why, "a timer could not be applied"),
                Err(failed) => return Err(failed),
            }
        }
        Ok(any_applied)
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
        let Some(mut loaded) = self.payment(&timer.key.id).await? else { return Ok(NOTHING) };
        if loaded.payment.due_at().is_none_or(|due_at| due_at > timer.due_at) {
            return Ok(NOTHING);
        }
        let charges_before = loaded.payment.charges.clone();
        let events = loaded.payment.carry_to(timer.due_at, self.settings.profile);
        let permission = &loaded.payment.permission;
        let due_at = loaded.payment.due_at();
        let mut write =
            vec![write_permission(permission, due_at, Expect::Version(loaded.permission_version))];
        let mut keys = vec![timer.key.clone()];
        for ((charge, before), version) in
            loaded.payment.charges.iter().zip(&charges_before).zip(&loaded.charge_versions)
        {
            keys.push(charge_key(charge.id.as_str()));
            if charge != before {
                write.push(write_charge(charge, Expect::Version(*version)));
            }
        }
        let append = log(permission.checkout_session_id.as_str(), &events);
        let change = self.change_set(timer.due_at, write, append);
        let before = keys.into_iter().zip(loaded.documents).collect();
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
