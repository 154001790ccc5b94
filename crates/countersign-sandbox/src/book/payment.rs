//! Charge Permissions with their Charges and Refunds: reading them, and deciding on them. A
//! permission is read together with its open charges, all as of one moment, because their amounts
//! reduce what it can still charge. Deadlines that have passed are applied first, in the same
//! change set.

use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, RefundId};
use countersign_domain::provider::charge::Charge;
use countersign_domain::provider::charge_permission::ChargePermission;
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::provider::event::Event;
use countersign_domain::provider::payment::Payment;
use countersign_domain::provider::refund::Refund;
use countersign_domain::step::Step;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, Expect, Key, Write};

use super::Book;
use super::answer::ApiAnswer;
use super::caller::{AppendedNotifications, Caller};
use super::commit::{Change, PendingCommit};
use super::documents::{
    LoadedDocument, charge_key, charge_permission_key, read, refund_key, write_charge, write_permission,
    write_refund,
};
use super::refused::{BookRefused, StoreFailed, broken};
use super::session::ReadPoint;
use crate::stored::event::LoggedEvent;
use crate::stored::{charge, charge_permission, refund};

/// How many times a permission is read, if its charges keep changing meanwhile, before the read
/// fails.
const READS: usize = 8;
/// The largest number of events that are read at a time. A permission has a bounded number of events, since
/// it has at most 25 charges, each with at most 10 refunds.
const LEDGER_PAGE: usize = 1_000;

/// A permission with its open charges, and their documents.
pub(super) struct LoadedPayment {
    pub(super) payment: Payment,
    /// The permission's document, then the charges' documents in the order of the charges.
    pub(super) documents: Vec<(Key, Document)>,
}

/// A permission, and every event logged for its checkout. The postings in them add up to its balances.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(crate) permission: ChargePermission,
    pub(crate) events: Vec<LoggedEvent>,
}

/// The result of one decision on a payment.
pub(crate) struct PaymentDecision {
    pub(crate) step: Step<Payment, Event>,
    /// A new refund, and its charge.
    pub(crate) refund: Option<(RefundId, ChargeId)>,
    pub(crate) answer: ApiAnswer,
}

impl LoadedPayment {
    fn read(
        permission: LoadedDocument<ChargePermission>,
        charges: impl Iterator<Item = (Key, Option<Document>)>,
    ) -> Result<Self, StoreFailed> {
        let key = charge_permission_key(permission.value.id.as_str());
        let mut documents = vec![(key, permission.document)];
        let mut payment = Payment { permission: permission.value, charges: Vec::new() };
        for (key, document) in charges {
            let Some(document) = document else { continue };
            let LoadedDocument { value, document } = read(document, charge::decode)?;
            payment.charges.push(value);
            documents.push((key, document));
        }
        Ok(Self { payment, documents })
    }

    /// What a write expects of the permission (position 0) or of a charge (the positions after it):
    /// the version that was read or, for a new charge, that no document exists.
    fn expected(&self, position: usize) -> Expect {
        self.documents.get(position).map_or(Expect::Absent, |(_, document)| Expect::Version(document.version))
    }

    /// The rows that a step rewrites: the permission, and the charges that it changed.
    pub(super) fn rewritten(&self, next: &Payment) -> Vec<Write> {
        let mut write = vec![write_permission(&next.permission, next.due_at(), self.expected(0))];
        for (position, charge) in next.charges.iter().enumerate() {
            if self.payment.charges.get(position) != Some(charge) {
                write.push(write_charge(charge, self.expected(position.saturating_add(1))));
            }
        }
        write
    }
}

impl Book {
    /// Loads a permission with its open charges and with the charge `also`, open or not.
    async fn payment(&self, id: &str, also: Option<&ChargeId>) -> Result<Option<LoadedPayment>, StoreFailed> {
        // Most often `also` is the only open charge: then one read is enough.
        let mut keys: Vec<Key> = vec![charge_permission_key(id)];
        keys.extend(also.map(charge_key));
        let mut known: Option<LoadedDocument<ChargePermission>> = None;
        for _ in 0..READS {
            let mut documents = self.store.load(&keys).await?.into_iter();
            let Some(document) = documents.next().flatten() else { return Ok(None) };
            let permission = match known {
                Some(known) if known.document.version == document.version => known,
                Some(_) | None => read(document, charge_permission::decode)?,
            };
            let open = &permission.value.open_charges;
            let closed = also.filter(|id| !open.contains(id));
            let needed = || open.iter().chain(closed);
            if needed().map(ChargeId::as_str).eq(keys.iter().skip(1).map(|key| key.id.as_str())) {
                let charges = keys.into_iter().skip(1).zip(documents);
                return LoadedPayment::read(permission, charges).map(Some);
            }
            keys.truncate(1);
            keys.extend(needed().map(charge_key));
            known = Some(permission);
        }
        Err(StoreFailed::Unavailable(
            "too many requests changed the same permission at the same time".to_owned(),
        ))
    }

    /// A permission with its open charges and `also`, as of now.
    pub(super) async fn payment_as_of(
        &self,
        id: &str,
        also: Option<&ChargeId>,
        now: Timestamp,
    ) -> Result<Option<Payment>, StoreFailed> {
        let Some(loaded) = self.payment(id, also).await? else { return Ok(None) };
        Ok(Some(self.carried(&loaded, now)?.0))
    }

    /// A payment with every deadline up to an instant applied, and the events that the deadlines caused.
    pub(super) fn carried(
        &self,
        loaded: &LoadedPayment,
        to: Timestamp,
    ) -> Result<(Payment, Vec<Event>), StoreFailed> {
        let mut payment = loaded.payment.clone();
        let events = payment.carry_to(to, self.profile).map_err(broken)?;
        Ok((payment, events))
    }

    /// Loads the open charges of many permissions by one read. The charges may be newer than their
    /// permissions, so use this only for a decision that writes every permission that it reads: no
    /// charge is ever written without its permission, so the check of the permission's version
    /// covers its charges.
    pub(super) async fn payments(
        &self,
        permissions: Vec<Document>,
    ) -> Result<Vec<LoadedPayment>, StoreFailed> {
        let read = permissions.into_iter().map(|document| read(document, charge_permission::decode));
        let read: Vec<LoadedDocument<ChargePermission>> = read.collect::<Result<_, _>>()?;
        let open = read.iter().flat_map(|permission| &permission.value.open_charges);
        let keys: Vec<Key> = open.map(charge_key).collect();
        let documents = self.store.load(&keys).await?;
        let mut charges = keys.into_iter().zip(documents);
        let mut payments = Vec::with_capacity(read.len());
        for permission in read {
            let open_count = permission.value.open_charges.len();
            payments.push(LoadedPayment::read(permission, charges.by_ref().take(open_count))?);
        }
        Ok(payments)
    }

    /// Get Charge Permission.
    pub(crate) async fn charge_permission(
        &self,
        owner: &Owner,
        id: &ChargePermissionId,
        look: ReadPoint,
    ) -> Result<ChargePermission, BookRefused> {
        let permission = match self.recent.before(id.as_str(), look.staleness, look.now) {
            Some(Some(before)) => Some(read(before, charge_permission::decode)?.value),
            Some(None) => None,
            None => self.payment_as_of(id.as_str(), None, look.now).await?.map(|payment| payment.permission),
        };
        permission.filter(|permission| permission.owner == *owner).ok_or(BookRefused::NotFound)
    }

    /// Get Charge.
    pub(crate) async fn charge(
        &self,
        owner: &Owner,
        id: &ChargeId,
        look: ReadPoint,
    ) -> Result<Charge, BookRefused> {
        let stale = self.recent.before(id.as_str(), look.staleness, look.now);
        let is_stale = stale.is_some();
        let document = match stale {
            Some(before) => before,
            None => self.document(charge_key(id)).await?,
        };
        let mut charge = read(document.ok_or(BookRefused::NotFound)?, charge::decode)?.value;
        // A charge's owner never changes, so its permission may be read at a different moment.
        if self.owner_of(&charge.charge_permission_id).await? != *owner {
            return Err(BookRefused::NotFound);
        }
        while !is_stale && charge.due_at().is_some_and(|due_at| due_at <= look.now) {
            let Some(Step { next, .. }) = charge.expire(self.profile) else { break };
            charge = next;
        }
        Ok(charge)
    }

    /// Get Refund: the refund, and its charge.
    pub(crate) async fn refund(
        &self,
        owner: &Owner,
        id: &RefundId,
        look: ReadPoint,
    ) -> Result<(Refund, ChargeId), BookRefused> {
        let document = self.document(refund_key(id)).await?.ok_or(BookRefused::NotFound)?;
        let charge_id = read(document, refund::decode)?.value;
        let charge = self.charge(owner, &charge_id, look).await?;
        let refund =
            charge.refunds.into_iter().find(|refund| refund.id == *id).ok_or(BookRefused::NotFound)?;
        Ok((refund, charge_id))
    }

    async fn owner_of(&self, id: &ChargePermissionId) -> Result<Owner, BookRefused> {
        let document =
            self.document(charge_permission_key(id.as_str())).await?.ok_or(BookRefused::NotFound)?;
        Ok(read(document, charge_permission::decode_owner)?.value)
    }

    /// A caller that acts for a permission's owner, as of now and without an idempotency key. The
    /// control API uses it when Amazon or the buyer acts on the owner's object.
    pub(crate) async fn caller_for(
        &self,
        id: &ChargePermissionId,
        now: Timestamp,
    ) -> Result<Caller, BookRefused> {
        Ok(Caller {
            owner: self.owner_of(id).await?,
            idempotency: None,
            now,
            told: AppendedNotifications::default(),
        })
    }

    /// A caller that acts for a charge's owner, like [`Book::caller_for`].
    pub(crate) async fn caller_for_charge(
        &self,
        id: &ChargeId,
        now: Timestamp,
    ) -> Result<Caller, BookRefused> {
        let permission_id = self.permission_of(id).await?.ok_or(BookRefused::NotFound)?;
        self.caller_for(&permission_id, now).await
    }

    /// A permission's accounts as of now, with the log that led to them. Both belong to the same
    /// version of the permission.
    pub(crate) async fn accounts(
        &self,
        id: &ChargePermissionId,
        now: Timestamp,
    ) -> Result<Option<Accounts>, StoreFailed> {
        for _ in 0..READS {
            let Some(loaded) = self.payment(id.as_str(), None).await? else { return Ok(None) };
            let mut events = self.logged(&loaded.payment.permission.checkout_session_id).await?;
            let document = self.document(charge_permission_key(id.as_str())).await?;
            if document.is_some_and(|document| Expect::Version(document.version) == loaded.expected(0)) {
                let (payment, overdue) = self.carried(&loaded, now)?;
                events.extend(overdue.iter().map(LoggedEvent::from));
                return Ok(Some(Accounts { permission: payment.permission, events }));
            }
        }
        Err(StoreFailed::Unavailable(
            "too many requests changed the same permission at the same time".to_owned(),
        ))
    }

    /// Every event that was logged for a checkout.
    async fn logged(&self, id: &CheckoutSessionId) -> Result<Vec<LoggedEvent>, StoreFailed> {
        let mut events = Vec::new();
        let mut after = 0;
        loop {
            let page = self.events(Some(id.as_str()), after, LEDGER_PAGE).await?;
            let is_last = page.len() < LEDGER_PAGE;
            after = page.last().map_or(after, |last| last.sequence);
            events.extend(page.into_iter().map(|shown| shown.event));
            if is_last {
                return Ok(events);
            }
        }
    }

    /// The permission that a charge belongs to, which never changes.
    async fn permission_of(&self, id: &ChargeId) -> Result<Option<ChargePermissionId>, StoreFailed> {
        let Some(document) = self.document(charge_key(id)).await? else { return Ok(None) };
        Ok(Some(read(document, charge::decode)?.value.charge_permission_id))
    }

    /// Makes one decision on a permission with its open charges.
    pub(crate) async fn change_permission<E: From<BookRefused> + From<StoreFailed>>(
        &self,
        caller: &Caller,
        id: &ChargePermissionId,
        decide: impl Fn(&Payment) -> Result<PaymentDecision, E>,
    ) -> Result<ApiAnswer, E> {
        self.change_payment(caller, id, None, decide).await
    }

    /// Makes one decision on a charge, open or not, with its permission. Without an `id`, the path names an
    /// object that cannot exist.
    pub(crate) async fn change_charge<E: From<BookRefused> + From<StoreFailed>>(
        &self,
        caller: &Caller,
        id: Option<&ChargeId>,
        decide: impl Fn(&Payment, &ChargeId) -> Result<PaymentDecision, E>,
    ) -> Result<ApiAnswer, E> {
        let Some(id) = id else { return Ok(self.nothing_has_this_id(caller).await?) };
        let Some(permission_id) = self.permission_of(id).await? else {
            return Ok(self.nothing_has_this_id(caller).await?);
        };
        self.change_payment(caller, &permission_id, Some(id), |payment| decide(payment, id)).await
    }

    /// Makes one decision on a permission with its charges, as of now. `also` is the charge that the decision
    /// is about, open or not.
    async fn change_payment<E: From<BookRefused> + From<StoreFailed>>(
        &self,
        caller: &Caller,
        permission_id: &ChargePermissionId,
        also: Option<&ChargeId>,
        decide: impl Fn(&Payment) -> Result<PaymentDecision, E>,
    ) -> Result<ApiAnswer, E> {
        let decide = &decide;
        self.decide(|| async move {
            if let Some(answer) = self.replayed(caller).await? {
                return Ok(PendingCommit::nothing(answer));
            }
            let loaded = self.payment(permission_id.as_str(), also).await?;
            let loaded = loaded
                .filter(|loaded| loaded.payment.permission.owner == caller.owner)
                .ok_or(BookRefused::NotFound)?;
            let (payment, mut events) = self.carried(&loaded, caller.now)?;
            let PaymentDecision { step, refund, answer } = match decide(&payment) {
                Ok(decision) => decision,
                // A copy of this request may have run between the two reads and caused the refusal.
                Err(refused) => {
                    return self.replayed(caller).await?.map(PendingCommit::nothing).ok_or(refused);
                }
            };
            events.extend(step.events);
            let mut write = loaded.rewritten(&step.next);
            write.extend(refund.as_ref().map(|(id, charge_id)| write_refund(id, charge_id)));
            write.extend(caller.remember(&answer));
            let append = self.logged_and_told(&step.next.permission, &events, Some(&caller.told));
            let change = Change { at: caller.now, write, append, before: loaded.documents };
            Ok(PendingCommit::change(change, answer))
        })
        .await
    }
}
