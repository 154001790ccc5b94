//! The inbox of Amazon's notifications: each is verified, stored, and only then acknowledged. It is a hint:
//! the object that it names is found by Amazon's ids and looked up by Get; its content alone changes nothing.
//!
//! A notification may be about a permission that no order is known to have: it arrived before the answer to the
//! call that it is about, somebody else was paid, or somebody was paid for one of our orders elsewhere. It is
//! parked, and the order is looked for: at Amazon, by the permission's reference, a few times in the 15 days in
//! which copies may arrive, and in the store, at once when an order has learned the permission. An order that
//! the reference names hears of the permission, and looks at its sessions. The timers of notifications and of
//! their permissions are cleared only after a checkout has kept the result, so a crash in between repeats the
//! work, which changes nothing.

use countersign_client::notification::{
    EnvelopeKind, Message, NotificationRefused, NotifiedObject, VerifiedNotification,
};
use countersign_domain::ids::{ChargePermissionId, CheckoutId, DisputeId};
use countersign_domain::merchant::after::hint::{Hint, hinted, unpaid_charge_seen, unpaid_under};
use countersign_domain::merchant::after::unexplained::{Hearing, heard};
use countersign_domain::merchant::attempt::FailedCharge;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::next::NextStep;
use countersign_domain::time::Timestamp;

use super::App;
use crate::book::foreign_permission::{ForeignAnswer, Release};
use crate::book::inbox::{LOOKED_FOR, is_dispute, permission_of};
use crate::book::{DecisionError, StoreFailed};
use crate::gateway::amazon::NoEvidence;
use crate::stored::notification::{Notification, Progress};

/// The result of looking up what a notification is about.
enum Heeded {
    /// The checkout knows it.
    TakenIn,
    /// The checkout does not know it yet: try again later.
    NotYet,
}

impl App {
    /// Verifies and stores one delivery. A stored delivery may be acknowledged; its timer is due now. A
    /// delivery that does not verify, or cannot be stored, is not acknowledged.
    pub(crate) async fn hear(&self, body: &[u8]) -> Result<(), DecisionError<NotificationRefused>> {
        let (message_id, message) = self.verified(body).await.map_err(|refused| {
            self.metrics.note_notification(refused.name());
            tracing::warn!(
                why = refused.name(),
                %refused,
                "a notification was rejected: its verification failed",
            );
            DecisionError::Refused(refused)
        })?;
        let kept = self.keep_notification(&message_id, message.as_ref()).await;
        let outcome = match kept {
            Ok(true) => "accepted",
            Ok(false) => "repeated",
            Err(_) => "notKept",
        };
        self.metrics.note_notification(outcome);
        kept?;
        Ok(())
    }

    /// The id of a delivery that verifies and, unless it is a confirmation, its message.
    async fn verified(&self, body: &[u8]) -> Result<(String, Option<Message>), NotificationRefused> {
        match self.verifier.verify(body).await? {
            VerifiedNotification::Notification { envelope, message } => {
                Ok((envelope.envelope().message_id.clone(), Some(message)))
            }
            VerifiedNotification::Confirmation(envelope) => {
                let envelope = envelope.envelope();
                tell_confirmation(&envelope.kind, &envelope.topic_arn);
                Ok((envelope.message_id.clone(), None))
            }
        }
    }

    /// Takes up a notification whose timer is due: it is applied, tried again later, parked, given up, or
    /// deleted.
    pub(crate) async fn take_up_notification(&self, id: &str) -> Result<(), StoreFailed> {
        let Some(kept) = self.notification(id).await? else { return Ok(()) };
        let Notification { received_at, message, progress } = &kept.notification;
        let (Progress::Waiting { try_count }, Some(message)) = (progress, message) else {
            return self.forget_notification(&kept).await;
        };
        let Some(permission) = permission_of(message) else {
            tell_chargeback(message);
            self.metrics.note_notification("takenIn");
            return self.move_notification_on(&kept, Progress::Over, None).await;
        };
        let (checkout_id, heeded) = if let Some(checkout_id) = self.checkout_under(&permission).await? {
            let heeded = self.heed(&checkout_id, &permission, message).await?;
            (checkout_id, heeded)
        } else if let Some(checkout_id) = self.checkout_that_heard_of(&permission).await?
            && self.hear_of(&checkout_id, &permission, message, *received_at).await? == Some(Hearing::Taken)
        {
            // A dispute waits until its payment is known.
            (checkout_id, if is_dispute(message) { Heeded::NotYet } else { Heeded::TakenIn })
        } else {
            if *try_count == 0 {
                tell_chargeback(message);
            }
            if self.park(&kept, &permission).await? {
                self.look_for_order(&permission).await?;
            }
            return Ok(());
        };
        match heeded {
            Heeded::TakenIn => {
                self.metrics.note_notification("takenIn");
                self.move_notification_on(&kept, Progress::Over, Some(&checkout_id)).await
            }
            Heeded::NotYet if self.clock.now().since(*received_at) >= LOOKED_FOR => {
                self.metrics.note_notification("givenUp");
                tell_given_up(id, message);
                self.move_notification_on(&kept, Progress::Over, None).await
            }
            Heeded::NotYet => {
                if *try_count == 0 {
                    tell_chargeback(message);
                }
                let progress = Progress::Waiting { try_count: try_count.saturating_add(1) };
                self.move_notification_on(&kept, progress, None).await
            }
        }
    }

    /// Takes up a permission that no order is known to have, because its timer is due.
    pub(crate) async fn take_up_foreign(&self, id: &str) -> Result<(), StoreFailed> {
        match ChargePermissionId::parse(id) {
            Ok(permission) => self.look_for_order(&permission).await,
            Err(_) => Err(StoreFailed::Unreadable(format!("{id:?} is not the id of a Charge Permission"))),
        }
    }

    /// Looks for the order of a permission: in the store, and then at Amazon, unless it has shown the
    /// permission's reference before.
    async fn look_for_order(&self, permission: &ChargePermissionId) -> Result<(), StoreFailed> {
        let Some(kept) = self.foreign_permission(permission).await? else { return Ok(()) };
        if self.checkout_under(permission).await?.is_some() {
            return self.release_all_parked(permission, Release::Applied).await.map(|_| ());
        }
        if let Some(checkout_id) = self.checkout_that_heard_of(permission).await?
            && self.order_takes_in(&checkout_id, permission).await?
        {
            return Ok(());
        }
        let answer = match &kept.foreign.reference {
            Some(reference) => ForeignAnswer::Shown(Some(reference.clone())),
            None => match self.amazon.reference_of(permission).await {
                Ok(reference) => ForeignAnswer::Shown(reference),
                Err(nothing) => {
                    let message = "the order of a notification could not be looked up";
                    nothing.tell_of_permission(permission, message);
                    ForeignAnswer::Unanswered
                }
            },
        };
        if let ForeignAnswer::Shown(Some(reference)) = &answer
            && let Ok(checkout_id) = CheckoutId::parse(reference)
            && self.order_takes_in(checkout_id.as_str(), permission).await?
        {
            return Ok(());
        }
        if self.ask_for_foreign_again(permission, &kept, answer).await? {
            return Ok(());
        }
        let count = self.release_all_parked(permission, Release::Dropped).await?;
        (0..count).for_each(|_| self.metrics.note_notification("givenUp"));
        tracing::warn!(
            charge_permission_id = %permission,
            count,
            "the notifications about a Charge Permission were dropped: it belongs to no order of this store"
        );
        Ok(())
    }

    /// Lets a checkout hear of a permission that names it, by each notification that is parked for it, and
    /// releases these. Returns whether it remembers the permission.
    async fn order_takes_in(
        &self,
        checkout_id: &str,
        permission: &ChargePermissionId,
    ) -> Result<bool, StoreFailed> {
        let mut is_remembered = false;
        loop {
            let mut heard = Vec::new();
            for kept in self.parked(permission).await? {
                let Notification { received_at, message: Some(message), .. } = &kept.notification else {
                    continue;
                };
                match self.hear_of(checkout_id, permission, message, *received_at).await? {
                    Some(Hearing::Taken) => {
                        is_remembered = true;
                        heard.push(kept.key());
                    }
                    Some(Hearing::Full) | None => return Ok(is_remembered),
                }
            }
            let released = self.release_parked(permission, Release::TakenIn(checkout_id, &heard)).await?;
            (0..released).for_each(|_| self.metrics.note_notification("takenIn"));
            let is_over = self.foreign_permission(permission).await?.is_none();
            if is_over || released == 0 {
                return Ok(is_remembered || is_over);
            }
        }
    }

    /// Lets a checkout hear of a permission that names it; `None` if there is no such checkout. The checkout's
    /// own timer, which is due then, does the rest.
    async fn hear_of(
        &self,
        checkout_id: &str,
        permission: &ChargePermissionId,
        message: &Message,
        received_at: Timestamp,
    ) -> Result<Option<Hearing>, StoreFailed> {
        let charge = match hint_of(message, permission) {
            Hint::Charge(id) => Some(id),
            Hint::Dispute(_, charge_id) => charge_id,
            Hint::Refund(_) | Hint::ChargePermission => None,
        };
        let mut driver = self.driver(checkout_id);
        let hearing = driver.decide(|draft| heard(draft, permission, charge.as_ref(), received_at)).await?;
        if hearing == Some(Hearing::Full) {
            tracing::error!(
                checkout_id,
                charge_permission_id = %permission,
                "an order is named by more Charge Permissions than are remembered: an operator must check it"
            );
        }
        Ok(hearing)
    }

    /// Looks up what a notification is about, under a permission that the checkout has. Once the checkout
    /// knows the object, its own timers do the rest.
    async fn heed(
        &self,
        checkout_id: &str,
        permission: &ChargePermissionId,
        message: &Message,
    ) -> Result<Heeded, StoreFailed> {
        let hint = hint_of(message, permission);
        let mut driver = self.driver(checkout_id);
        let next = driver.next(|draft| {
            let payment = draft.checkout().payment.as_ref();
            let is_of_another = payment.is_some_and(|it| it.charge_permission_id != *permission);
            if is_of_another { NextStep::Rest } else { hinted(draft, &hint) }
        });
        let next = next.await?;
        driver.follow(next).await?;
        driver.drive().await?;
        let Some(checkout) = driver.checkout().await? else { return Ok(Heeded::NotYet) };
        let is_taken_in = match unpaid_under(checkout, permission) {
            Some((_, failed)) => self.look_at_unpaid(checkout_id, failed, &hint).await?,
            None => has_taken_in(checkout, permission, &hint),
        };
        Ok(if is_taken_in { Heeded::TakenIn } else { Heeded::NotYet })
    }

    /// Looks up what a notification is about, under the permission of an attempt that is proved unpaid.
    /// Returns whether Amazon has shown the object; if not, the object is looked up again when the
    /// notification is tried again.
    async fn look_at_unpaid(
        &self,
        checkout_id: &str,
        failed: &FailedCharge,
        hint: &Hint,
    ) -> Result<bool, StoreFailed> {
        let charge_id = match hint {
            Hint::Charge(id) => Ok(id.clone()),
            Hint::Refund(id) => self.amazon.refund(id).await.and_then(|shown| {
                if shown.id == *id { Ok(shown.charge_id) } else { Err(NoEvidence::new("another refund")) }
            }),
            Hint::ChargePermission | Hint::Dispute(..) => Ok(failed.charge_id.clone()),
        };
        let shown = match charge_id {
            Ok(charge_id) => {
                let shown = self.amazon.charge(&charge_id).await;
                shown.and_then(|it| {
                    if it.id == charge_id { Ok(it) } else { Err(NoEvidence::new("another charge")) }
                })
            }
            Err(nothing) => Err(nothing),
        };
        match shown {
            Ok(shown) => {
                let permission = &failed.charge_permission_id;
                let mut driver = self.driver(checkout_id);
                driver.decide(|draft| unpaid_charge_seen(draft, permission, &shown)).await?;
                Ok(!matches!(hint, Hint::Dispute(..)))
            }
            Err(nothing) => {
                nothing.tell(
                    checkout_id,
                    None,
                    "the object of a notification about an unpaid attempt could not be looked up",
                );
                Ok(false)
            }
        }
    }
}

/// What a message hints at. If its object is not under the permission that it names, it hints at the
/// permission only, so that no object of another order is applied.
fn hint_of(message: &Message, permission: &ChargePermissionId) -> Hint {
    let rest = message.object.object_id().strip_prefix(permission.as_str());
    let is_under = rest.is_some_and(|rest| rest.starts_with('-'));
    match &message.object {
        NotifiedObject::Charge(id) if is_under => Hint::Charge(id.clone()),
        NotifiedObject::Refund(id) if is_under => Hint::Refund(id.clone()),
        NotifiedObject::Chargeback(id) => match DisputeId::parse(id) {
            Ok(id) => {
                let (_, charge_id) = id.belongs_to();
                Hint::Dispute(id, charge_id.filter(|_| is_under))
            }
            Err(_) => Hint::ChargePermission,
        },
        NotifiedObject::Charge(_)
        | NotifiedObject::Refund(_)
        | NotifiedObject::ChargePermission(_)
        | NotifiedObject::Other { .. } => Hint::ChargePermission,
    }
}

/// Whether a checkout knows what a notification is about.
fn has_taken_in(checkout: &Checkout, permission: &ChargePermissionId, hint: &Hint) -> bool {
    match checkout.payment.as_ref().filter(|payment| payment.charge_permission_id == *permission) {
        Some(payment) => match hint {
            Hint::Charge(id) => payment.charge(id).is_some(),
            Hint::Refund(id) => payment.refund(id).is_some(),
            Hint::ChargePermission => true,
            Hint::Dispute(id, _) => payment.dispute(id).is_some(),
        },
        // A dispute waits until its payment is known.
        None if matches!(hint, Hint::Dispute(..)) => false,
        None => {
            let mut known = checkout.attempts.iter().filter_map(|attempt| attempt.state.ids());
            known.any(|(charge_permission_id, _)| charge_permission_id == permission)
        }
    }
}

/// The URL of a confirmation is never requested, on any host: Amazon Pay's endpoints are set in Seller
/// Central, and only this server's operator may confirm a subscription.
fn tell_confirmation(kind: &EnvelopeKind, topic_arn: &str) {
    let (EnvelopeKind::SubscriptionConfirmation(confirmation)
    | EnvelopeKind::UnsubscribeConfirmation(confirmation)) = kind
    else {
        return;
    };
    let url = confirmation.subscribe_url.parse::<http::Uri>().ok();
    let host = url.as_ref().and_then(http::Uri::host);
    let kind = kind.as_str();
    tracing::warn!(
        kind,
        topic_arn,
        host,
        "a subscription confirmation was received; its URL will not be requested"
    );
}

fn tell_chargeback(message: &Message) {
    if let NotifiedObject::Chargeback(chargeback_id) = &message.object {
        let charge_permission_id = message.charge_permission_id.as_ref().map(tracing::field::display);
        tracing::error!(
            chargeback_id,
            charge_permission_id,
            "a buyer disputed a payment whose order is not known here"
        );
    }
}

fn tell_given_up(id: &str, message: &Message) {
    tracing::error!(
        id,
        object_type = message.object.object_type().as_str(),
        object_id = message.object.object_id(),
        charge_permission_id = message.charge_permission_id.as_ref().map(tracing::field::display),
        "a notification from Amazon was abandoned: its object could not be looked up"
    );
}
