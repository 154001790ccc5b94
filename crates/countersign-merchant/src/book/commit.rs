//! The one way to write a checkout. A decision is committed with everything that follows from it, in one
//! change set: the document with its timer and its index entries, the next step of its cancellation, the
//! timeline's entries, the facts for the shop, and at success the snapshot that is due. Once the change set
//! is stored, the decision is logged and counted.

use countersign_domain::merchant::after::contest::{Act, HeldIds};
use countersign_domain::merchant::attempt::AttemptState;
use countersign_domain::merchant::call::KeyedRequest;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::checkout::draft::{self, Draft};
use countersign_domain::merchant::checkout::standing::Standing;
use countersign_domain::merchant::number::AttemptNumber;
use countersign_domain::merchant::payment::contest::ClaimedId;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    ChangeSet, Content, Document, Expect, IndexEntry, Key, NewMessage, Version, Write,
};
use countersign_store::transact::{self, Decision};

use super::learned::sends;
use super::{Book, StoreFailed, open_work, snapshot_document, youngest};
use crate::events::entry::{self, Entry};
use crate::events::table::Event;
use crate::metrics::{CountedStep, Doubts};
use crate::registration::{BrowserState, Links, Missed, Registration};
use crate::stored::checkout;

/// Checkouts by their Charge Permission, which Amazon's notifications name.
pub(super) const BY_PERMISSION: &str = "checkout_by_charge_permission";
/// Checkouts by the permissions that name them although none of their sessions is known to have made them.
pub(super) const BY_HEARD_PERMISSION: &str = "checkout_by_heard_permission";
/// Checkouts by the name of their verdict.
pub(super) const BY_STATE: &str = "checkout_by_state";
/// Checkouts by their standing, unless their verdict says it already: [`standing_value`].
pub(super) const BY_STANDING: &str = "checkout_by_standing";
/// Checkouts that need a person.
pub(super) const NEEDS_PERSON: &str = "checkout_needs_person";
/// The value of every entry of [`NEEDS_PERSON`].
pub(crate) const PERSON: &str = "person";

/// A registration as it was loaded, with the version that a write must name.
#[derive(Clone)]
pub(crate) struct LoadedRegistration {
    pub(crate) registration: Registration,
    pub(super) version: Version,
}

/// A registration while a decision about it is made.
pub(super) struct Revision {
    /// The checkout, as the domain's rules change it.
    pub(super) draft: Draft,
    pub(super) browsing: BrowserState,
    pub(super) missed: Missed,
    /// Events that are not the domain's, such as a quote. If there are any, the registration is written.
    pub(super) besides: Vec<Event>,
    /// Documents that are written with the registration. If there are any, the registration is written.
    pub(super) writes: Vec<Write>,
    /// Documents that must be as they were read, if the registration is written.
    pub(super) requires: Vec<(Key, Expect)>,
    /// The claim of its cart, if the decision has made it this order's.
    pub(super) claim: Option<Box<Claimed>>,
    /// Whether it might have been paid before.
    might_be_paid: bool,
    /// The sends that a success may be the answer to, if that success begins a trial of the keys.
    sends: Vec<(AttemptNumber, KeyedRequest)>,
    begins_trial: bool,
    /// The ids of Amazon's that the order held before.
    ids_before: HeldIds,
    /// Whether the ids that are new are among the writes, with their claims.
    pub(super) has_claimed: bool,
    links: Links,
    /// `None` for a new registration.
    version: Option<Version>,
    now: Timestamp,
    was_completed: bool,
    doubts: Doubts,
}

/// What a change set writes and requires, so that the claim of a cart names an order.
pub(super) struct Claimed {
    pub(super) requires: Vec<(Key, Expect)>,
    pub(super) write: Option<Write>,
}

/// A decision, with everything that its commit applies. Made by [`Book::keep`], [`Book::keep_anyway`] and
/// [`Book::beside`].
pub(super) struct PendingCommit<T> {
    change: Option<ChangeSet>,
    kept: Option<Aftermath>,
    /// What is logged and counted of other checkouts that are written in the same change set.
    also: Vec<Aftermath>,
    outcome: T,
}

impl<T> PendingCommit<T> {
    /// A commit that writes nothing.
    pub(super) const fn nothing(outcome: T) -> Self {
        Self { change: None, kept: None, also: Vec::new(), outcome }
    }

    /// A commit that writes another checkout in the same change set.
    pub(super) fn with(mut self, other: PendingCommit<()>) -> Self {
        let PendingCommit { change, kept, also, outcome: () } = other;
        if let Some(change) = change {
            let ChangeSet { require, write, append, .. } = change;
            match &mut self.change {
                Some(own) => {
                    own.require.extend(require);
                    own.write.extend(write);
                    own.append.extend(append);
                }
                None => self.change = Some(ChangeSet { require, write, append, ..change }),
            }
        }
        self.also.extend(kept.into_iter().chain(also));
        self
    }

    /// For a decision on a checkout that may have been read long ago: if nothing is written, it is not returned.
    pub(super) fn unless_unchanged(mut self) -> Self {
        if self.change.is_none() {
            self.kept = None;
        }
        self
    }
}

impl<T> PendingCommit<Option<T>> {
    /// As it is, with this outcome in the place of none.
    pub(super) fn or(self, outcome: T) -> PendingCommit<T> {
        let Self { change, kept, also, outcome: decided } = self;
        PendingCommit { change, kept, also, outcome: decided.unwrap_or(outcome) }
    }
}

/// The checkout after a decision, and what is logged and counted once the decision is stored.
struct Aftermath {
    after: LoadedRegistration,
    events: Vec<Event>,
    noted: CountedStep,
    begins_trial: bool,
    /// Whether the claim of its cart, if it has one, must name it from now on.
    joins_cart: bool,
}

pub(super) fn checkout_key(id: &str) -> Key {
    Key { collection: checkout::COLLECTION, id: id.to_owned() }
}

pub(super) fn decode(document: &Document) -> Result<LoadedRegistration, StoreFailed> {
    let registration = checkout::decode(document.format, &document.bytes)?;
    Ok(LoadedRegistration { registration, version: document.version })
}

impl Book {
    /// Loads a checkout.
    pub(crate) async fn checkout(&self, id: &str) -> Result<Option<LoadedRegistration>, StoreFailed> {
        self.document(&checkout_key(id)).await?.as_ref().map(decode).transpose()
    }

    /// Runs a decision until it is stored, and then logs and counts it. Returns the checkout as it is then,
    /// if the decision was about one.
    pub(super) async fn commit<T, E, F>(
        &self,
        mut decision: impl FnMut() -> F,
    ) -> Result<(Option<LoadedRegistration>, T), E>
    where
        E: From<StoreFailed>,
        F: Future<Output = Result<PendingCommit<T>, E>>,
    {
        let decision = || {
            let decided = decision();
            async {
                let mut pending = decided.await?;
                self.join_carts(&mut pending).await?;
                let PendingCommit { change, kept, also, outcome } = pending;
                Ok::<_, E>(Decision { change, outcome: ((kept, also), outcome) })
            }
        };
        let ((kept, also), outcome) = transact::decide(&*self.store, decision).await?;
        let note = |Aftermath { after, events, noted, begins_trial, joins_cart: _ }| {
            if begins_trial {
                self.note_trial(self.clock.now());
            }
            self.metrics.note(&noted);
            events.iter().for_each(|event: &Event| event.log(&after.registration.checkout));
            after
        };
        let after = kept.map(note);
        for other in also {
            note(other);
        }
        Ok((after, outcome))
    }

    /// Adds the orders of a change set that may be paid from now on to the claims of their carts.
    async fn join_carts<T>(&self, pending: &mut PendingCommit<T>) -> Result<(), StoreFailed> {
        let PendingCommit { change: Some(change), kept, also, .. } = pending else { return Ok(()) };
        let joining = kept.iter().chain(also.iter()).filter(|it| it.joins_cart);
        let joining: Vec<&Checkout> = joining.map(|it| &it.after.registration.checkout).collect();
        if !joining.is_empty() {
            // Boxed, because the future is large and rarely needed.
            let claims = Box::pin(self.claims_of(&joining)).await?;
            claims.into_iter().for_each(|claim| claim_in(change, claim));
        }
        Ok(())
    }

    /// Makes one decision on the checkout, and commits it if it changes anything. Returns the checkout as it
    /// is then and the decision's outcome, unless there is no such checkout.
    ///
    /// The decision is made on `known` first, and again on a new read if another caller has written since: a
    /// commit names the version that it is based on. If nothing is written, `known` may be old, and is not
    /// returned.
    ///
    /// # Errors
    /// The decision's refusal, which writes nothing.
    pub(crate) fn decide<T: Send, E: From<StoreFailed> + Send>(
        &self,
        checkout_id: &str,
        known: Option<LoadedRegistration>,
        decide: impl Fn(&mut Draft) -> Result<T, E> + Send + Sync,
    ) -> impl Future<Output = Result<(Option<LoadedRegistration>, Option<T>), E>> + Send {
        self.revise(checkout_id, known, move |revision| decide(&mut revision.draft).map(Some))
    }

    /// As [`decide`](Self::decide), for a decision about a whole registration. If `decide` returns `None`,
    /// nothing is written.
    pub(super) async fn revise<T: Send, E: From<StoreFailed> + Send>(
        &self,
        checkout_id: &str,
        known: Option<LoadedRegistration>,
        decide: impl Fn(&mut Revision) -> Result<Option<T>, E> + Send + Sync,
    ) -> Result<(Option<LoadedRegistration>, Option<T>), E> {
        let now = self.clock.now();
        let decide = &decide;
        let mut known = known;
        self.commit(|| {
            let known = known.take();
            async move {
                let may_be_old = known.is_some();
                let before = match known {
                    Some(known) => Some(known),
                    None => self.checkout(checkout_id).await?,
                };
                let Some(before) = before else { return Ok::<_, E>(PendingCommit::nothing(None)) };
                let mut revision = self.open(before, now);
                let Some(outcome) = decide(&mut revision)? else { return Ok(PendingCommit::nothing(None)) };
                if !may_be_old
                    && let Some(claiming) = self.claim_unless_taken(&mut revision)
                    && let Some(collision) = claiming.await?
                {
                    // Boxed, because the future is large and rarely needed.
                    return Box::pin(self.decide_contested(checkout_id, collision, now, decide)).await;
                }
                self.begin_trial_with(&mut revision).await?;
                if revision.has_lost_its_payment() {
                    // Boxed, because the future is large and rarely needed.
                    Box::pin(self.forget_snapshot_with(&mut revision)).await?;
                }
                let decided = self.keep(revision, Some(outcome));
                Ok(if may_be_old { decided.unless_unchanged() } else { decided })
            }
        })
        .await
    }

    /// Adds the trial of the keys that a success begins, if one is due.
    pub(super) async fn begin_trial_with(&self, revision: &mut Revision) -> Result<(), StoreFailed> {
        let checkout = revision.draft.checkout();
        // What persons decide is no answer to a send.
        let is_answered = is_completed(checkout) && !revision.draft.is_decided_by_persons();
        if revision.sends.is_empty() || revision.was_completed || !is_answered {
            return Ok(());
        }
        let sends = std::mem::take(&mut revision.sends);
        let begun = self.begin_trial(checkout, sends, revision.now).await?;
        revision.begins_trial = begun.is_some();
        revision.writes.extend(begun);
        Ok(())
    }

    /// Deletes the data of a payment that turned out to be another order's: they are another buyer's, and those of the
    /// order's own payment are fetched once it is known.
    pub(super) async fn forget_snapshot_with(&self, revision: &mut Revision) -> Result<(), StoreFailed> {
        let key = snapshot_document::key(revision.draft.checkout().id.as_str());
        if let Some(found) = self.document(&key).await? {
            let expect = Expect::Version(found.version);
            revision.writes.push(Write { key, expect, content: None });
        }
        Ok(())
    }

    /// Begins a decision about a registration that was loaded.
    pub(super) fn open(
        &self,
        LoadedRegistration { registration, version }: LoadedRegistration,
        now: Timestamp,
    ) -> Revision {
        self.revision(registration, Some(version), now)
    }

    /// Begins a decision about a new registration.
    pub(super) fn open_new(&self, registration: Registration, now: Timestamp) -> Revision {
        self.revision(registration, None, now)
    }

    fn revision(&self, registration: Registration, version: Option<Version>, now: Timestamp) -> Revision {
        let Registration { checkout, links, browsing, missed } = registration;
        let is_trial_due = self.finalize_keys.is_trial_due(now);
        Revision {
            sends: if is_trial_due { sends(&checkout) } else { Vec::new() },
            begins_trial: false,
            claim: None,
            might_be_paid: checkout.may_be_paid(),
            ids_before: HeldIds::of(&checkout),
            has_claimed: false,
            was_completed: is_completed(&checkout),
            doubts: Doubts::new(&checkout),
            draft: Draft::new(checkout, now, self.rules()),
            browsing,
            missed,
            besides: Vec::new(),
            writes: Vec::new(),
            requires: Vec::new(),
            links,
            version,
            now,
        }
    }

    /// Prepares the commit of a revision, unless it changes nothing.
    pub(super) fn keep<T>(&self, revision: Revision, outcome: T) -> PendingCommit<T> {
        self.finish(revision, outcome, |changed| changed)
    }

    /// Prepares the commit of a revision even if it changes nothing, to write its timer and index entries
    /// again.
    pub(super) fn keep_anyway<T>(&self, revision: Revision, outcome: T) -> PendingCommit<T> {
        self.finish(revision, outcome, |_| true)
    }

    fn finish<T>(
        &self,
        revision: Revision,
        outcome: T,
        is_written: impl FnOnce(bool) -> bool,
    ) -> PendingCommit<T> {
        let Revision {
            draft,
            browsing,
            missed,
            besides,
            writes,
            requires,
            sends: _,
            begins_trial,
            claim,
            might_be_paid,
            ids_before,
            has_claimed,
            links,
            version,
            now,
            was_completed,
            doubts,
        } = revision;
        // If nobody has read whether the new ids are known, a change set with one that is conflicts, and the decision is
        // made again.
        let new = if has_claimed { Vec::new() } else { new_ids(&ids_before, &draft) };
        let draft::CheckoutDecision { checkout, events, is_changed } = draft.finish();
        let is_changed = is_changed || !besides.is_empty() || !writes.is_empty();
        let next = Registration { checkout, links, browsing, missed };
        if let Some(version) = version
            && !is_written(is_changed)
        {
            let after = LoadedRegistration { registration: next, version };
            let noted = CountedStep::default();
            let kept = Aftermath { after, events: Vec::new(), noted, begins_trial: false, joins_cart: false };
            return PendingCommit { change: None, kept: Some(kept), also: Vec::new(), outcome };
        }
        let has_succeeded = is_completed(&next.checkout) && !was_completed;
        let next = if has_succeeded { next.without_quoted_address() } else { next };
        let mut events: Vec<_> =
            events.iter().map(|event| Event::from_domain(event, &next.checkout)).collect();
        let noted = CountedStep::new(&doubts, &next.checkout, &events, now);
        let (expect, version) = match version {
            // A version is the number of times that a document was written.
            Some(version) => (Expect::Version(version), Version(version.0.saturating_add(1))),
            None => (Expect::Absent, Version(1)),
        };
        let id = next.checkout.id.as_str();
        let mut change = self.change_set(now, vec![self.write_checkout(&next, expect, now)]);
        change.write.extend(writes);
        change.require.extend(requires);
        // Nothing was sent with the cart in sight, and it may be paid now: no other order of its cart is sent.
        let joins_cart = claim.is_none() && !might_be_paid && next.checkout.may_be_paid();
        if let Some(claim) = claim {
            claim_in(&mut change, *claim);
        }
        change.write.extend(new.iter().map(|(id, act)| self.claim_write(&next.checkout, id, *act, None)));
        change.write.extend(has_succeeded.then(|| snapshot_document::due(id, now)));
        change.append.extend(self.told(&next.checkout, &events, now));
        change.append.extend(self.told(&next.checkout, &besides, now));
        events.extend(besides);
        let after = LoadedRegistration { registration: next, version };
        let kept = Aftermath { after, events, noted, begins_trial, joins_cart };
        PendingCommit { change: Some(change), kept: Some(kept), also: Vec::new(), outcome }
    }

    /// The timeline's entries for events, followed by the shop's facts.
    pub(super) fn told(&self, after: &Checkout, events: &[Event], at: Timestamp) -> Vec<NewMessage> {
        let id = after.id.as_str();
        let entries = events.iter().map(|event| message(id, event.clone(), at));
        let facts = events.iter().filter_map(|event| event.fact(after, at));
        entries.chain(facts.map(|fact| self.outgoing(id, &fact, at))).collect()
    }

    /// Prepares the commit of documents and messages that change no checkout; it writes nothing if there are
    /// none.
    pub(super) fn beside<T>(
        &self,
        write: Vec<Write>,
        append: Vec<NewMessage>,
        outcome: T,
        now: Timestamp,
    ) -> PendingCommit<T> {
        if write.is_empty() && append.is_empty() {
            return PendingCommit::nothing(outcome);
        }
        let change = ChangeSet { append, ..self.change_set(now, write) };
        PendingCommit { change: Some(change), kept: None, also: Vec::new(), outcome }
    }

    /// The write of a checkout document. Its timer is the earliest time at which an attempt, its payment or
    /// its quote is due.
    fn write_checkout(&self, registration: &Registration, expect: Expect, now: Timestamp) -> Write {
        let (format, bytes) = checkout::encode(registration);
        let checkout = &registration.checkout;
        let due_at = checkout.due_at(&self.rules()).into_iter().chain(registration.lapses_at()).min();
        let mut index = vec![IndexEntry { index: BY_STATE, value: checkout.verdict().outcome().to_owned() }];
        let standing = standing_value(checkout, now);
        index.extend(standing.map(|value| IndexEntry { index: BY_STANDING, value }));
        let needs_person = !registration.needs().is_empty();
        let person = needs_person.then(|| IndexEntry { index: NEEDS_PERSON, value: PERSON.to_owned() });
        index.extend(person);
        index.extend(open_work::entries(checkout));
        index.extend(youngest::entry(&self.settings.merchant_id, checkout));
        index.extend(
            permissions(checkout).into_iter().map(|id| IndexEntry { index: BY_PERMISSION, value: id }),
        );
        index.extend(
            checkout.unexplained.iter().map(|it| IndexEntry {
                index: BY_HEARD_PERMISSION,
                value: it.charge_permission_id.to_string(),
            }),
        );
        Write {
            key: checkout_key(checkout.id.as_str()),
            expect,
            content: Some(Content { format, bytes, due_at, index }),
        }
    }
}

/// Adds the claim of a cart to a change set.
fn claim_in(change: &mut ChangeSet, Claimed { requires, write }: Claimed) {
    let is_named = |key: &Key| {
        change.write.iter().any(|write| write.key == *key) || change.require.iter().any(|(it, _)| it == key)
    };
    let requires: Vec<_> = requires.into_iter().filter(|(key, _)| !is_named(key)).collect();
    change.require.extend(requires);
    change.write.extend(write);
}

/// The value of the entry of a checkout's standing; `None` if its verdict is the same, so that an order that
/// nothing has been paid for has no such entry. A reservation lapses by time alone: its instant is in the
/// value, so that a list is right when it is read, whatever was written.
fn standing_value(checkout: &Checkout, now: Timestamp) -> Option<String> {
    let standing = checkout.standing(now);
    let is_of_verdict = same_verdict(standing.word()) == Some(checkout.verdict().outcome());
    (!is_of_verdict).then(|| match standing.until() {
        Some(until) => reserved_value(until),
        None => format!("{NOW}{}", standing.word()),
    })
}

/// The verdict that is the same as a standing, for an order that nothing has been paid for, or that is undone.
pub(super) fn same_verdict(standing: &str) -> Option<&'static str> {
    let pairs = [
        (Standing::AwaitingPayment, "registered"),
        (Standing::Checking, "checking"),
        (Standing::Pending, "pending"),
        (Standing::NotPaid, "notPaid"),
        (Standing::Canceled, "canceled"),
    ];
    pairs.into_iter().find(|(same, _)| same.word() == standing).map(|(_, verdict)| verdict)
}

/// What the values of standings begin with, so that none is the value of a verdict.
pub(super) const NOW: &str = "now.";
/// The prefix of the values of reservations.
pub(super) const RESERVED: &str = "now.reserved.";

/// The value of a reservation that lapses at this instant.
pub(super) fn reserved_value(until: Timestamp) -> String {
    // Fifteen digits are enough for every instant, so the order of the texts is the order of time.
    format!("{RESERVED}{:015}", until.as_millis())
}

impl Revision {
    /// Whether the order was completed, and has no payment any more.
    pub(super) fn has_lost_its_payment(&self) -> bool {
        let checkout = self.draft.checkout();
        self.was_completed && checkout.payment.is_none() && !is_completed(checkout)
    }

    /// The ids of Amazon's that the order did not hold before, each with the act that it comes from.
    pub(super) fn new_ids(&self) -> Vec<(ClaimedId, Act)> {
        new_ids(&self.ids_before, &self.draft)
    }
}

fn new_ids(before: &HeldIds, draft: &Draft) -> Vec<(ClaimedId, Act)> {
    let checkout = draft.checkout();
    let mut new: Vec<(ClaimedId, Act)> = Vec::new();
    new.extend(checkout.ids_beyond(before).into_iter().map(|id| {
        let act = checkout.act_of(&id);
        (id, act)
    }));
    for (number, id) in draft.named() {
        if !new.iter().any(|(known, _)| known == id) {
            new.push((id.clone(), Act::Finalize(*number)));
        }
    }
    new
}

fn is_completed(checkout: &Checkout) -> bool {
    checkout.attempts.iter().any(|attempt| matches!(attempt.state, AttemptState::Completed { .. }))
}

/// The permissions that Amazon's notifications about a checkout may name.
fn permissions(checkout: &Checkout) -> Vec<String> {
    let ids = checkout.attempts.iter().filter_map(|attempt| attempt.state.ids());
    let mut ids: Vec<String> = ids.map(|(id, _)| id.to_string()).collect();
    // A payment whose money is refunded is no attempt's own.
    let of_payment = checkout.payment.as_ref().map(|payment| payment.charge_permission_id.to_string());
    ids.extend(of_payment.filter(|id| !ids.contains(id)));
    ids
}

/// A timeline entry, which is not sent to the shop.
pub(super) fn message(checkout_id: &str, event: Event, at: Timestamp) -> NewMessage {
    let bytes = Entry::new(event, at).encode();
    NewMessage { topic: entry::TOPIC, subject: checkout_id.to_owned(), bytes, deliver_at: None }
}
