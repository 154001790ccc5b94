//! Timers. Each due timer is applied as of its due time, in due order over all documents, and so
//! are timers that other timers set. One change set applies a batch of due timers, with the same
//! result as one change set per timer. Where that is not possible, each timer gets a change set of
//! its own. If the process dies between two change sets, the next round finds the rest.

use countersign_domain::provider::checkout_session::{self as rules, AsOf};
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, DueTimer, Expect, Key, MAX_CHANGES, MAX_ROWS, Write};
use countersign_store::transact::TransactError;
use tokio::task::yield_now;

use super::Book;
use super::answer::{ApiAnswer, Reply};
use super::checkout::Checkout;
use super::commit::{Change, PendingCommit};
use super::documents::{LoadedDocument, log, read, write_checkout, write_reply};
use super::payment::LoadedPayment;
use super::refused::StoreFailed;
use super::stuck_timers::StuckTimers;
use crate::stored::{charge_permission, checkout_session, reply, visit};

/// The largest number of timers that are read, and if possible applied, together. A charge's
/// deadline writes the charge and its permission, so this many fill a change set.
const BATCH: usize = MAX_CHANGES / 2;
/// The largest number of timers that are skipped at a time: together with a batch they fill one
/// read.
const MAX_STUCK: usize = MAX_ROWS - BATCH;

/// What a timer belongs to, as it was loaded.
enum TimerOwner {
    Document(Document),
    Payment(LoadedPayment),
}

/// What happened to a timer.
#[derive(Debug, Clone, Copy)]
enum TimerOutcome {
    /// The timer was applied, and its document is due next at this instant.
    Applied(Option<Timestamp>),
    /// The document no longer asks for the timer, because another decision was faster.
    Unasked,
}

/// Whether everything that was due was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DueOutcome {
    All,
    /// The timers that are left cannot be applied now. They were logged.
    NotAll,
}

impl Book {
    /// When the next timer is due.
    pub(crate) async fn next_due(&self) -> Result<Option<Timestamp>, StoreFailed> {
        Ok(self.store.next_due().await?)
    }

    /// Applies everything that is due. Only one caller does so at a time; any other waits, then
    /// applies the rest. Each batch takes a moment of its own, and applies what is due by that
    /// moment.
    pub(crate) async fn apply_due(&self) -> Result<DueOutcome, StoreFailed> {
        let mut stuck = self.applying.lock().await;
        stuck.release(self.clock.wall());
        loop {
            let moment = self.moment().await;
            let due = self.store.due(moment.now, BATCH.saturating_add(stuck.len())).await?;
            let due = due.into_iter().filter(|timer| !stuck.is_left_alone(timer));
            let due: Vec<DueTimer> = due.take(BATCH).collect();
            if due.is_empty() {
                return Ok(if stuck.len() == 0 { DueOutcome::All } else { DueOutcome::NotAll });
            }
            self.apply_in_order(&due, &mut stuck).await?;
            if stuck.len() >= MAX_STUCK {
                tracing::error!("too many timers have failed; later timers wait until these are tried again");
                return Ok(DueOutcome::NotAll);
            }
            drop(moment);
            // Yields, so that a stop, a clock move or a reset can come in between, however many
            // timers are due.
            yield_now().await;
        }
    }

    /// Applies a batch of timers, up to the point where a newly set timer comes before the rest.
    async fn apply_in_order(&self, due: &[DueTimer], stuck: &mut StuckTimers) -> Result<(), StoreFailed> {
        if due.len() > 1 && self.apply_together(due, stuck).await? {
            return Ok(());
        }
        let mut earliest_new: Option<Timestamp> = None;
        for timer in due {
            if earliest_new.is_some_and(|new| new <= timer.due_at) {
                break;
            }
            let one = std::slice::from_ref(timer);
            match self.decide(|| self.decide_together(one)).await {
                Ok(fates) => {
                    let next = fates.first().and_then(|fate| match fate {
                        TimerOutcome::Applied(due_at) => *due_at,
                        TimerOutcome::Unasked => None,
                    });
                    earliest_new = [earliest_new, next].into_iter().flatten().min();
                    self.note_unasked(one, &fates, stuck);
                }
                // One unreadable document must not hold up all others.
                Err(StoreFailed::Unreadable(why)) => {
                    let Key { collection, id } = &timer.key;
                    tracing::error!(
                        %why,
                        collection,
                        id,
                        "a due timer could not be processed: its document cannot be read"
                    );
                    stuck.leave_alone(timer, self.clock.wall());
                }
                Err(failed) => return Err(failed),
            }
        }
        Ok(())
    }

    fn note_unasked(&self, due: &[DueTimer], fates: &[TimerOutcome], stuck: &mut StuckTimers) {
        for (timer, fate) in due.iter().zip(fates) {
            if matches!(fate, TimerOutcome::Unasked) {
                stuck.note_unasked(timer, self.clock.wall());
            }
        }
    }

    /// Applies a batch by one change set. Returns `false`, with nothing changed, if one of its documents
    /// cannot be read or another decision was faster: each timer must then be tried by itself.
    async fn apply_together(&self, due: &[DueTimer], stuck: &mut StuckTimers) -> Result<bool, StoreFailed> {
        match self.decide_once(|| self.decide_together(due)).await {
            Ok(fates) => {
                self.note_unasked(due, &fates, stuck);
                Ok(true)
            }
            Err(
                TransactError::Refused(StoreFailed::Unreadable(_))
                | TransactError::Contended
                | TransactError::Invalid(_),
            ) => Ok(false),
            Err(TransactError::Refused(failed)) => Err(failed),
            Err(TransactError::Indeterminate(why)) => Err(StoreFailed::Indeterminate(why)),
            Err(TransactError::Unavailable(why)) => Err(StoreFailed::Unavailable(why)),
        }
    }

    /// Decides timers in due order, until a newly set timer comes before the rest or the change set is full.
    /// The outcome has one entry for each timer that was decided.
    async fn decide_together(
        &self,
        due: &[DueTimer],
    ) -> Result<PendingCommit<Vec<TimerOutcome>>, StoreFailed> {
        let mut decided = PendingCommit::nothing(Vec::with_capacity(due.len()));
        let (mut written, mut appended) = (0_usize, 0_usize);
        let mut earliest_new: Option<Timestamp> = None;
        for (timer, found) in due.iter().zip(self.find(due).await?) {
            if earliest_new.is_some_and(|new| new <= timer.due_at) {
                break;
            }
            let Some(change) = self.carry(timer, found)? else {
                decided.outcome.push(TimerOutcome::Unasked);
                continue;
            };
            written = written.saturating_add(change.write.len());
            appended = appended.saturating_add(change.append.len());
            if written.max(appended) > MAX_CHANGES && !decided.changes.is_empty() {
                break;
            }
            let due_at = change.due_at();
            earliest_new = [earliest_new, due_at].into_iter().flatten().min();
            decided.changes.push(change);
            decided.outcome.push(TimerOutcome::Applied(due_at));
        }
        Ok(decided)
    }

    /// Loads the documents that the timers of a batch belong to.
    async fn find(&self, due: &[DueTimer]) -> Result<Vec<Option<TimerOwner>>, StoreFailed> {
        let keys: Vec<Key> = due.iter().map(|timer| timer.key.clone()).collect();
        let documents = self.store.load(&keys).await?;
        let is_permission = |key: &Key| key.collection == charge_permission::COLLECTION;
        let permissions = keys.iter().zip(&documents).filter(|(key, _)| is_permission(key));
        let permissions = permissions.filter_map(|(_, document)| document.clone()).collect();
        let mut payments = self.payments(permissions).await?.into_iter();
        let found = keys.iter().zip(documents).map(|(key, document)| {
            let document = document?;
            if is_permission(key) {
                payments.next().map(TimerOwner::Payment)
            } else {
                Some(TimerOwner::Document(document))
            }
        });
        Ok(found.collect())
    }

    /// Decides one timer; `None` if another decision was faster.
    fn carry(&self, timer: &DueTimer, found: Option<TimerOwner>) -> Result<Option<Change>, StoreFailed> {
        match (timer.key.collection, found) {
            (_, None) => Ok(None),
            (_, Some(TimerOwner::Payment(loaded))) => self.carry_payment(timer, loaded),
            (checkout_session::COLLECTION, Some(TimerOwner::Document(document))) => {
                carry_session(timer, document)
            }
            (reply::COLLECTION, Some(TimerOwner::Document(document))) => forget_buyer(timer, &document),
            // A visit is deleted with its session.
            (visit::COLLECTION, Some(TimerOwner::Document(document))) => {
                let expect = Expect::Version(document.version);
                let write = Write { key: timer.key.clone(), expect, content: None };
                Ok(Some(Change::rows(timer.due_at, vec![write])))
            }
            (other, Some(TimerOwner::Document(_))) => {
                Err(StoreFailed::Unreadable(format!("documents of {other} have no timers")))
            }
        }
    }

    fn carry_payment(&self, timer: &DueTimer, loaded: LoadedPayment) -> Result<Option<Change>, StoreFailed> {
        if loaded.payment.due_at().is_none_or(|due_at| due_at > timer.due_at) {
            return Ok(None);
        }
        let (payment, events) = self.carried(&loaded, timer.due_at)?;
        let write = loaded.rewritten(&payment);
        let append = self.logged_and_told(&payment.permission, &events, None);
        Ok(Some(Change { at: timer.due_at, write, append, before: loaded.documents }))
    }
}

fn carry_session(timer: &DueTimer, document: Document) -> Result<Option<Change>, StoreFailed> {
    let loaded = read(document, checkout_session::decode)?;
    let expect = loaded.expected();
    let LoadedDocument { value: Checkout { session, shown }, document } = loaded;
    if session.due_at() > timer.due_at {
        return Ok(None);
    }
    let id = session.id.clone();
    let (write, events) = match rules::as_of(session, timer.due_at) {
        AsOf::Present(session, events) => (write_checkout(&Checkout { session, shown }, expect), events),
        AsOf::Deleted(events) => (Write { key: timer.key.clone(), expect, content: None }, events),
    };
    let before = vec![(timer.key.clone(), document)];
    Ok(Some(Change { at: timer.due_at, write: vec![write], append: log(&id, &events), before }))
}

/// Drops the buyer's data of a remembered reply. The short form is kept forever.
fn forget_buyer(timer: &DueTimer, document: &Document) -> Result<Option<Change>, StoreFailed> {
    let Reply { fingerprint, answer } = reply::decode(document.format, &document.bytes)?;
    if answer.with_buyer.is_none() {
        return Ok(None);
    }
    let answer = ApiAnswer { with_buyer: None, ..answer.into_owned() };
    let expect = Expect::Version(document.version);
    let write = write_reply(timer.key.clone(), &fingerprint, &answer, expect);
    Ok(Some(Change::rows(timer.due_at, vec![write])))
}
