//! The one way to write a checkout. A decision is committed with all that follows from it, in one change set:
//! the document with its timer and its index entries, what its cancellation does next, the timeline's entries,
//! the facts for the shop, and at success the snapshot that is due. Once that is kept, the log and the figures
//! say so.

use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::cancellation::settled;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::completion::{CheckoutEvent, CheckoutStep};
use countersign_domain::step::Step;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    ChangeSet, Content, Document, Expect, IndexEntry, Key, NewMessage, Version, Write,
};
use countersign_store::transact::{self, Decision};

use super::{Book, StoreFailed, open_work, snapshot_document};
use crate::events::entry::{self, Entry};
use crate::events::table::Event;
use crate::metrics::Noted;
use crate::registration::Registration;
use crate::stored::checkout;

/// Checkouts by the permission that Amazon's notifications name.
pub(super) const BY_PERMISSION: &str = "checkout_by_charge_permission";
/// Checkouts by the word of their verdict.
pub(super) const BY_STATE: &str = "checkout_by_state";

/// A registration as it was loaded: what a write must name.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) registration: Registration,
    version: Version,
}

/// What a decision makes of a checkout.
pub(super) struct Change {
    pub(super) next: Registration,
    /// What happened to it, in causal order.
    pub(super) events: Vec<CheckoutEvent>,
    /// What happened besides, to the order as it is registered.
    pub(super) besides: Vec<Event>,
    /// Documents that are written with it.
    pub(super) writes: Vec<Write>,
}

impl Change {
    /// A step of the checkout alone.
    pub(super) fn of(before: &Registration, step: CheckoutStep) -> Self {
        let next = Registration { checkout: step.next, ..before.clone() };
        Self { next, events: step.events, besides: Vec::new(), writes: Vec::new() }
    }
}

/// A decision, with all that its commit applies. Made by [`Book::decided`], [`Book::unless_same`] and
/// [`Book::beside`].
pub(super) struct Decided<T> {
    change: Option<ChangeSet>,
    kept: Option<Kept>,
    outcome: T,
}

impl<T> Decided<T> {
    /// There is nothing to write.
    pub(super) const fn nothing(outcome: T) -> Self {
        Self { change: None, kept: None, outcome }
    }
}

/// A checkout as it is once a decision is kept, and what is logged and counted then.
struct Kept {
    after: Loaded,
    events: Vec<Event>,
    noted: Noted,
}

pub(super) fn checkout_key(id: &str) -> Key {
    Key { collection: checkout::COLLECTION, id: id.to_owned() }
}

pub(super) fn decode(document: &Document) -> Result<Loaded, StoreFailed> {
    let registration = checkout::decode(document.format, &document.bytes)?;
    Ok(Loaded { registration, version: document.version })
}

impl Book {
    /// Loads a checkout.
    pub(crate) async fn checkout(&self, id: &str) -> Result<Option<Loaded>, StoreFailed> {
        self.document(&checkout_key(id)).await?.as_ref().map(decode).transpose()
    }

    /// Runs a decision until it is kept, and then logs and counts it. Gives back the checkout as it is since,
    /// if the decision was about one.
    pub(super) async fn commit<T, E, F>(
        &self,
        mut decision: impl FnMut() -> F,
    ) -> Result<(Option<Loaded>, T), E>
    where
        E: From<StoreFailed>,
        F: Future<Output = Result<Decided<T>, E>>,
    {
        let decision = || {
            let decided = decision();
            async {
                let Decided { change, kept, outcome } = decided.await?;
                Ok::<_, E>(Decision { change, outcome: (kept, outcome) })
            }
        };
        let (kept, outcome) = transact::decide(&*self.store, decision).await?;
        let after = kept.map(|Kept { after, events, noted }| {
            self.metrics.note(&noted);
            events.iter().for_each(|event| event.log(&after.registration.checkout));
            after
        });
        Ok((after, outcome))
    }

    /// Makes one decision on the checkout and commits its step; `None` when the decision was that there is
    /// nothing to do.
    ///
    /// What is `known` is decided on first, and loaded anew if somebody else has written since: a
    /// commit names the version that it rests on.
    pub(crate) async fn step<T: Send>(
        &self,
        checkout_id: &str,
        known: &mut Option<Loaded>,
        decide: impl Fn(&Checkout, Timestamp) -> Option<(CheckoutStep, T)> + Send + Sync,
    ) -> Result<Option<T>, StoreFailed> {
        let now = self.clock.now();
        let decide = &decide;
        let mut first = known.take();
        let (after, outcome) = self
            .commit(|| {
                let known = first.take();
                async move {
                    let before = match known {
                        Some(known) => Some(known),
                        None => self.checkout(checkout_id).await?,
                    };
                    let Some(before) = before else { return Ok::<_, StoreFailed>(Decided::nothing(None)) };
                    let Some((step, outcome)) = decide(&before.registration.checkout, now) else {
                        return Ok(Decided::nothing(None));
                    };
                    Ok(self.unless_same(before, step, Some(outcome), now))
                }
            })
            .await?;
        *known = after;
        Ok(outcome)
    }

    /// Makes one decision that may be refused, and keeps its step if it has one. `None` when there is no such
    /// checkout.
    pub(crate) async fn decide<T: Send, E: From<StoreFailed> + Send>(
        &self,
        checkout_id: &str,
        decide: impl Fn(&Registration, Timestamp) -> Result<(Option<CheckoutStep>, T), E> + Send + Sync,
    ) -> Result<Option<(Loaded, T)>, E> {
        let now = self.clock.now();
        let decide = &decide;
        let (after, outcome) = self
            .commit(|| async move {
                let Some(before) = self.checkout(checkout_id).await? else {
                    return Ok::<_, E>(Decided::nothing(None));
                };
                let (step, outcome) = decide(&before.registration, now)?;
                let unchanged = || Step { next: before.registration.checkout.clone(), events: Vec::new() };
                let step = step.unwrap_or_else(unchanged);
                Ok(self.unless_same(before, step, Some(outcome), now))
            })
            .await?;
        Ok(after.zip(outcome))
    }

    /// A step to be kept, unless it changes nothing.
    pub(super) fn unless_same<T>(
        &self,
        before: Loaded,
        step: CheckoutStep,
        outcome: T,
        now: Timestamp,
    ) -> Decided<T> {
        let step = settled(step, now, &self.rules());
        if step.next == before.registration.checkout && step.events.is_empty() {
            let kept = Kept { after: before, events: Vec::new(), noted: Noted::default() };
            return Decided { change: None, kept: Some(kept), outcome };
        }
        let change = Change::of(&before.registration, step);
        self.written(Some(before), change, outcome, now)
    }

    /// A change to be kept, of a checkout that was loaded or is new.
    pub(super) fn decided<T>(
        &self,
        before: Option<Loaded>,
        change: Change,
        outcome: T,
        now: Timestamp,
    ) -> Decided<T> {
        let Change { next: Registration { checkout, links, browsing }, events, besides, writes } = change;
        let Step { next: checkout, events } = settled(Step { next: checkout, events }, now, &self.rules());
        let next = Registration { checkout, links, browsing };
        self.written(before, Change { next, events, besides, writes }, outcome, now)
    }

    fn written<T>(
        &self,
        before: Option<Loaded>,
        Change { next, events, besides, writes }: Change,
        outcome: T,
        now: Timestamp,
    ) -> Decided<T> {
        let old = before.as_ref().map(|before| &before.registration.checkout);
        let has_succeeded = is_completed(&next.checkout) && !old.is_some_and(is_completed);
        let next = if has_succeeded { next.without_quoted_address() } else { next };
        let mut events: Vec<_> = events.iter().map(|event| Event::of(event, &next.checkout)).collect();
        let noted = old.map(|old| Noted::of(old, &next.checkout, &events, now)).unwrap_or_default();
        let (expect, version) = match &before {
            // A version counts how often a document was written.
            Some(before) => (Expect::Version(before.version), Version(before.version.0.saturating_add(1))),
            None => (Expect::Absent, Version(1)),
        };
        let id = next.checkout.id.as_str();
        let mut change = self.change_set(now, vec![self.write_checkout(&next, expect)]);
        change.write.extend(writes);
        change.write.extend(has_succeeded.then(|| snapshot_document::due(id, now)));
        change.append.extend(self.told(&next.checkout, &events, now));
        change.append.extend(self.told(&next.checkout, &besides, now));
        events.extend(besides);
        let kept = Kept { after: Loaded { registration: next, version }, events, noted };
        Decided { change: Some(change), kept: Some(kept), outcome }
    }

    /// What the timeline says of events, and then the facts that they are.
    pub(super) fn told(&self, after: &Checkout, events: &[Event], at: Timestamp) -> Vec<NewMessage> {
        let id = after.id.as_str();
        let entries = events.iter().map(|event| message(id, event.clone(), at));
        let facts = events.iter().filter_map(|event| event.fact(after, at));
        entries.chain(facts.map(|fact| self.outgoing(id, &fact, at))).collect()
    }

    /// Documents and messages to be kept that change no checkout. Nothing, if there are none.
    pub(super) fn beside<T>(
        &self,
        write: Vec<Write>,
        append: Vec<NewMessage>,
        outcome: T,
        now: Timestamp,
    ) -> Decided<T> {
        if write.is_empty() && append.is_empty() {
            return Decided::nothing(outcome);
        }
        let change = ChangeSet { append, ..self.change_set(now, write) };
        Decided { change: Some(change), kept: None, outcome }
    }

    /// The write of a checkout document: its timer is the earliest of its attempts' and its payment's.
    fn write_checkout(&self, registration: &Registration, expect: Expect) -> Write {
        let (format, bytes) = checkout::encode(registration);
        let checkout = &registration.checkout;
        let due_at = checkout.due_at(&self.rules()).into_iter().chain(registration.lapses_at()).min();
        let mut index = vec![IndexEntry { index: BY_STATE, value: checkout.verdict().outcome().to_owned() }];
        index.extend(open_work::entries(checkout));
        index.extend(
            permissions(checkout).into_iter().map(|id| IndexEntry { index: BY_PERMISSION, value: id }),
        );
        Write {
            key: checkout_key(checkout.id.as_str()),
            expect,
            content: Some(Content { format, bytes, due_at, index }),
        }
    }
}

fn is_completed(checkout: &Checkout) -> bool {
    checkout.attempts.iter().any(|attempt| matches!(attempt.state, AttemptState::Completed { .. }))
}

/// The permissions by which Amazon speaks of a checkout.
fn permissions(checkout: &Checkout) -> Vec<String> {
    let of_attempts = checkout.attempts.iter().filter_map(|attempt| match &attempt.state {
        AttemptState::Pending { charge_permission_id, .. } => Some(charge_permission_id),
        AttemptState::NotPaid { charge, .. } => charge.as_ref().map(|charge| &charge.charge_permission_id),
        AttemptState::Bound { .. }
        | AttemptState::Approved { .. }
        | AttemptState::Finalizing { .. }
        | AttemptState::InDoubt(_)
        | AttemptState::Completed { .. }
        | AttemptState::Unresolved { .. }
        | AttemptState::Surplus { .. } => None,
    });
    let paid = checkout.payment.as_ref().map(|payment| &payment.charge_permission_id);
    of_attempts.chain(paid).map(ToString::to_string).collect()
}

/// A timeline entry, to be read only.
pub(super) fn message(checkout_id: &str, event: Event, at: Timestamp) -> NewMessage {
    let bytes = Entry::new(event, at).encode();
    NewMessage { topic: entry::TOPIC, subject: checkout_id.to_owned(), bytes, deliver_at: None }
}
