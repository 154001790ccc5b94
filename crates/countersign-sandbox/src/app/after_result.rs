//! Charges, captures, cancels, refunds and the permission's own changes: one load of the permission with
//! its open charges and the remembered reply, one decision, one change set. What is overdue is carried
//! out first, in the same change set.

use std::time::Duration;

use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, RefundId};
use countersign_domain::money::Money;
use countersign_domain::provider::buyer::Card;
use countersign_domain::provider::cancel_charge::cancel_charge;
use countersign_domain::provider::capture_charge::{CaptureSimulation, capture_charge};
use countersign_domain::provider::charge::{ChargeCancelReason, ChargeDeclineReason};
use countersign_domain::provider::charge_permission::{
    self as permission_rules, ChargePermission, ChargePermissionStep, ClosureReason, PermissionClosed,
};
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::provider::close_charge_permission::{
    CloseSimulation, OpenCharges, close_charge_permission,
};
use countersign_domain::provider::create_charge::{
    Charged, CreateCharge, CreateChargeSimulation, create_charge,
};
use countersign_domain::provider::create_refund::{CreateRefund, RefundSimulation, create_refund};
use countersign_domain::provider::event::Event;
use countersign_domain::provider::payment::Payment;
use countersign_domain::provider::refund::Refund;
use countersign_domain::step::Step;
use countersign_domain::terms::MerchantMetadata;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, Expect, Key, Write};
use countersign_store::transact::Decision;

use super::change::{
    charge_key, charge_permission_key, log, read_charge, refund_key, write_charge, write_permission,
    write_refund,
};
use super::notifications::Told;
use super::payment::{LoadedPayment, OwnedCharge, READS};
use super::reply::{Answer, Caller};
use super::{App, Refused, StoreFailed, broken};
use crate::stored;
use crate::stored::event::LoggedEvent;

/// A refund with the owner of its permission.
#[derive(Debug)]
pub(crate) struct OwnedRefund {
    pub(crate) refund: Refund,
    pub(crate) charge_id: ChargeId,
    pub(crate) owner: Owner,
}

/// A permission and everything that was logged of its checkout: the postings among it give its balances.
#[derive(Debug)]
pub(crate) struct Accounts {
    pub(crate) permission: ChargePermission,
    pub(crate) events: Vec<LoggedEvent<'static>>,
}

/// How many events are read at once. A permission has a bounded number: 25 charges of 10 refunds.
const LEDGER_PAGE: usize = 1_000;

/// What a capture asks for.
#[derive(Debug, Clone)]
pub(crate) struct Capture {
    pub(crate) amount: Option<Money>,
    pub(crate) soft_descriptor: Option<String>,
    pub(crate) simulation: Option<CaptureSimulation>,
}

/// What closing a permission asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Close {
    pub(crate) open_charges: OpenCharges,
    pub(crate) simulation: Option<CloseSimulation>,
}

/// What one decision on a payment came to.
struct Acted {
    step: Step<Payment, Event>,
    /// A refund that came into being, of this charge.
    refund: Option<(RefundId, ChargeId)>,
    answer: Answer,
}

/// An answer, and what its call changed, as it was before.
struct Done {
    answer: Answer,
    before: Vec<(String, Option<Document>)>,
    due_at: Option<Timestamp>,
}

impl App {
    /// Create Charge. A decline is an answer that is remembered, like a success.
    pub(crate) async fn create_charge(
        &self,
        caller: &Caller,
        permission_id: &ChargePermissionId,
        request: &CreateCharge,
        simulation: Option<CreateChargeSimulation>,
        render: impl Fn(&OwnedCharge) -> Answer,
        declined: impl Fn(ChargeDeclineReason) -> Answer,
    ) -> Result<Answer, Refused> {
        let profile = self.settings.profile;
        self.act(caller, permission_id, None, |payment| {
            let id = self.ids.charge_id(permission_id);
            let charged =
                create_charge(payment, request.clone(), simulation, id.clone(), profile, caller.now)?;
            let (step, answer) = match charged {
                Charged::Created(step) => {
                    let answer = owned(&step.next, &id).map(|it| render(&it)).ok_or(Refused::NotFound)?;
                    (step, answer)
                }
                Charged::Declined(reason, step) => (step, declined(reason)),
            };
            Ok(Acted { step, refund: None, answer })
        })
        .await
    }

    /// Capture Charge.
    pub(crate) async fn capture_charge(
        &self,
        caller: &Caller,
        id: &ChargeId,
        capture: &Capture,
        render: impl Fn(&OwnedCharge) -> Answer,
    ) -> Result<Answer, Refused> {
        let profile = self.settings.profile;
        let Some(permission_id) = self.permission_of(id).await? else {
            return self.nothing_has_this_id(caller).await;
        };
        self.act(caller, &permission_id, Some(id), |payment| {
            let Capture { amount, soft_descriptor, simulation } = capture.clone();
            let step = capture_charge(payment, id, amount, soft_descriptor, simulation, profile, caller.now)?;
            let answer = owned(&step.next, id).map(|it| render(&it)).ok_or(Refused::NotFound)?;
            Ok(Acted { step, refund: None, answer })
        })
        .await
    }

    /// Cancel Charge.
    pub(crate) async fn cancel_charge(
        &self,
        caller: &Caller,
        id: &ChargeId,
        reason: ChargeCancelReason,
        render: impl Fn(&OwnedCharge) -> Answer,
    ) -> Result<Answer, Refused> {
        let permission_id = self.permission_of(id).await?.ok_or(Refused::NotFound)?;
        self.act(caller, &permission_id, Some(id), |payment| {
            let step = cancel_charge(payment, id, reason, caller.now)?;
            let answer = owned(&step.next, id).map(|it| render(&it)).ok_or(Refused::NotFound)?;
            Ok(Acted { step, refund: None, answer })
        })
        .await
    }

    /// Create Refund.
    pub(crate) async fn create_refund(
        &self,
        caller: &Caller,
        charge_id: &ChargeId,
        request: &CreateRefund,
        simulation: Option<RefundSimulation>,
        render: impl Fn(&OwnedRefund) -> Answer,
    ) -> Result<Answer, Refused> {
        let profile = self.settings.profile;
        let Some(permission_id) = self.permission_of(charge_id).await? else {
            return self.nothing_has_this_id(caller).await;
        };
        self.act(caller, &permission_id, Some(charge_id), |payment| {
            let (id, request) = (self.ids.refund_id(&permission_id), request.clone());
            let step =
                create_refund(payment, charge_id, request, simulation, id.clone(), profile, caller.now)?;
            let answer = owned_refund(&step.next, charge_id, &id).map(|it| render(&it));
            let refund = Some((id, charge_id.clone()));
            Ok(Acted { step, refund, answer: answer.ok_or(Refused::NotFound)? })
        })
        .await
    }

    /// Update Charge Permission.
    pub(crate) async fn update_charge_permission(
        &self,
        caller: &Caller,
        id: &ChargePermissionId,
        notes: &MerchantMetadata,
        render: impl Fn(&ChargePermission) -> Answer,
    ) -> Result<Answer, Refused> {
        self.act(caller, id, None, |payment| {
            let step = permission_rules::update(&payment.permission, notes.clone(), caller.now)
                .map_err(|PermissionClosed| Refused::NotModifiable)?;
            Ok(of_permission(payment, step, &render))
        })
        .await
    }

    /// Close Charge Permission, for the merchant.
    pub(crate) async fn close_charge_permission(
        &self,
        caller: &Caller,
        id: &ChargePermissionId,
        close: Close,
        render: impl Fn(&ChargePermission) -> Answer,
    ) -> Result<Answer, Refused> {
        let reason = match close.simulation {
            None => ClosureReason::MerchantClosed,
            Some(CloseSimulation::AmazonClosed) => ClosureReason::AmazonClosed,
        };
        self.close_for(caller, id, reason, close.open_charges, render).await
    }

    /// Closes a permission for whoever has this reason.
    pub(crate) async fn close_for(
        &self,
        caller: &Caller,
        id: &ChargePermissionId,
        reason: ClosureReason,
        open_charges: OpenCharges,
        render: impl Fn(&ChargePermission) -> Answer,
    ) -> Result<Answer, Refused> {
        self.act(caller, id, None, |payment| {
            let step = close_charge_permission(payment, reason, open_charges, caller.now)?;
            let answer = render(&step.next.permission);
            Ok(Acted { step, refund: None, answer })
        })
        .await
    }

    /// The buyer names another payment method.
    pub(crate) async fn update_payment_method(
        &self,
        caller: &Caller,
        id: &ChargePermissionId,
        card: Card,
        render: impl Fn(&ChargePermission) -> Answer,
    ) -> Result<Answer, Refused> {
        self.act(caller, id, None, |payment| {
            let step = permission_rules::update_payment_method(&payment.permission, card, caller.now)
                .map_err(|PermissionClosed| Refused::PermissionClosed)?;
            let unchanged = || Step { next: payment.permission.clone(), events: Vec::new() };
            Ok(of_permission(payment, step.unwrap_or_else(unchanged), &render))
        })
        .await
    }

    /// Get Refund, as of now, or as it was before its last change.
    pub(crate) async fn refund(
        &self,
        owner: &Owner,
        id: &RefundId,
        now: Timestamp,
        staleness: Option<Duration>,
    ) -> Result<OwnedRefund, Refused> {
        let document = self.document(refund_key(id.as_str())).await?.ok_or(Refused::NotFound)?;
        let charge_id =
            stored::refund::decode(document.format, &document.bytes).map_err(StoreFailed::from)?;
        let OwnedCharge { charge, owner } = self.charge(owner, &charge_id, now, staleness).await?;
        let refund = charge.refunds.into_iter().find(|refund| refund.id == *id).ok_or(Refused::NotFound)?;
        Ok(OwnedRefund { refund, charge_id, owner })
    }

    /// Whoever owns a permission, as of now, without an idempotency key: what is done on Amazon's side is
    /// done to the owner's object.
    pub(crate) async fn caller_for(
        &self,
        id: &ChargePermissionId,
        now: Timestamp,
    ) -> Result<Caller, Refused> {
        let loaded = self.payment(id.as_str(), None).await?.ok_or(Refused::NotFound)?;
        let (owner, told) = (loaded.payment.permission.owner, Told::default());
        Ok(Caller { owner, idempotency: None, now, told })
    }

    /// Whoever owns a charge, as [`App::caller_for`].
    pub(crate) async fn caller_for_charge(&self, id: &ChargeId, now: Timestamp) -> Result<Caller, Refused> {
        let permission_id = self.permission_of(id).await?.ok_or(Refused::NotFound)?;
        self.caller_for(&permission_id, now).await
    }

    /// A permission's accounts as of now, with the log of what led there: both of one version.
    pub(crate) async fn accounts(
        &self,
        id: &ChargePermissionId,
        now: Timestamp,
    ) -> Result<Option<Accounts>, StoreFailed> {
        for _ in 0..READS {
            let Some(mut loaded) = self.payment(id.as_str(), None).await? else { return Ok(None) };
            let mut events = self.logged(&loaded.payment.permission.checkout_session_id).await?;
            let document = self.document(charge_permission_key(id.as_str())).await?;
            if document.is_some_and(|document| document.version == loaded.permission_version) {
                let overdue = loaded.payment.carry_to(now, self.settings.profile).map_err(broken)?;
                events.extend(overdue.iter().map(|event| LoggedEvent::from(event).into_owned()));
                return Ok(Some(Accounts { permission: loaded.payment.permission, events }));
            }
        }
        Err(StoreFailed::Unavailable("too many write the same".to_owned()))
    }

    /// Everything that was logged of a checkout.
    async fn logged(&self, id: &CheckoutSessionId) -> Result<Vec<LoggedEvent<'static>>, StoreFailed> {
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

    /// Whose permission a charge is made under; that never changes.
    async fn permission_of(&self, id: &ChargeId) -> Result<Option<ChargePermissionId>, Refused> {
        let document = self.document(charge_key(id.as_str())).await?;
        Ok(document.as_ref().map(read_charge).transpose()?.map(|charge| charge.value.charge_permission_id))
    }

    /// What the idempotency key was answered with, if a request was carried out under it.
    async fn replayed(&self, caller: &Caller) -> Result<Option<Decision<Done>>, Refused> {
        let Some(key) = caller.reply_key() else { return Ok(None) };
        let replayed = caller.replayed(self.document(key).await?.as_ref())?;
        Ok(replayed.map(|answer| Decision {
            change: None,
            outcome: Done { answer, before: Vec::new(), due_at: None },
        }))
    }

    /// Carries out one decision on a permission with its charges, as of now. `also` is a charge that the
    /// decision is about, open or not.
    async fn act(
        &self,
        caller: &Caller,
        permission_id: &ChargePermissionId,
        also: Option<&ChargeId>,
        decide: impl Fn(&Payment) -> Result<Acted, Refused>,
    ) -> Result<Answer, Refused> {
        let decide = &decide;
        let Done { answer, before, due_at } = self
            .transact(|| async move {
                if let Some(replayed) = self.replayed(caller).await? {
                    return Ok::<_, Refused>(replayed);
                }
                let loaded = self.payment(permission_id.as_str(), also).await?;
                let mut loaded = loaded
                    .filter(|loaded| loaded.payment.permission.owner == caller.owner)
                    .ok_or(Refused::NotFound)?;
                let charges_before = loaded.payment.charges.clone();
                let mut events = loaded.payment.carry_to(caller.now, self.settings.profile)?;
                let Acted { step, refund, answer } = match decide(&loaded.payment) {
                    Ok(acted) => acted,
                    // A copy of this request may have been carried out between the two reads, and be why.
                    Err(refused) => return self.replayed(caller).await?.ok_or(refused),
                };
                events.extend(step.events);
                let due_at = step.next.due_at();
                let LoadedPayment { permission_version, charge_versions, documents, .. } = loaded;
                let expect = Expect::Version(permission_version);
                let mut write = vec![write_permission(&step.next.permission, due_at, expect)];
                for (position, charge) in step.next.charges.iter().enumerate() {
                    match (charges_before.get(position), charge_versions.get(position)) {
                        (Some(before), Some(_)) if before == charge => {}
                        (Some(_), Some(version)) => {
                            write.push(write_charge(charge, Expect::Version(*version)));
                        }
                        _ => write.push(write_charge(charge, Expect::Absent)),
                    }
                }
                write.extend(refund.as_ref().map(|(id, charge_id)| write_refund(id, charge_id)));
                write.extend(caller.remember(&answer));
                let before = changed(&write, &documents);
                let session_id = step.next.permission.checkout_session_id.as_str();
                let mut append = log(session_id, &events);
                let merchant_id = &caller.owner.merchant_id;
                append.extend(self.tell(merchant_id, permission_id, &events, Some(&caller.told)));
                let change = self.change_set(caller.now, write, append);
                Ok(Decision { change: Some(change), outcome: Done { answer, before, due_at } })
            })
            .await?;
        for (id, document) in before {
            self.recent.changed(&id, document, caller.now);
        }
        if let Some(due_at) = due_at {
            self.alarm.timer_is_set(due_at);
        }
        self.notices.alarm.timer_is_set(caller.now);
        Ok(answer)
    }
}

/// The permission and the charges that are written, with what was there before: what a stale read shows.
fn changed(write: &[Write], documents: &[(Key, Document)]) -> Vec<(String, Option<Document>)> {
    let former = |key: &Key| documents.iter().find(|(known, _)| known == key).map(|(_, document)| document);
    let is_read = |key: &Key| {
        matches!(key.collection, stored::charge_permission::COLLECTION | stored::charge::COLLECTION)
    };
    let read = write.iter().filter(|write| is_read(&write.key));
    read.map(|write| (write.key.id.clone(), former(&write.key).cloned())).collect()
}

fn owned(payment: &Payment, id: &ChargeId) -> Option<OwnedCharge> {
    let charge = payment.charge(id)?.clone();
    Some(OwnedCharge { charge, owner: payment.permission.owner.clone() })
}

fn owned_refund(payment: &Payment, charge_id: &ChargeId, id: &RefundId) -> Option<OwnedRefund> {
    let refund = payment.charge(charge_id)?.refunds.iter().find(|refund| refund.id == *id)?.clone();
    Some(OwnedRefund { refund, charge_id: charge_id.clone(), owner: payment.permission.owner.clone() })
}

/// A decision that moved the permission alone.
fn of_permission(
    payment: &Payment,
    step: ChargePermissionStep,
    render: &impl Fn(&ChargePermission) -> Answer,
) -> Acted {
    let answer = render(&step.next);
    let next = Payment { permission: step.next, charges: payment.charges.clone() };
    Acted { step: Step { next, events: step.events }, refund: None, answer }
}
