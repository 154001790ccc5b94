//! The inbox of Amazon's notifications: each is verified, stored, and only then acknowledged. It is a hint:
//! the object that it names is found by Amazon's ids and looked up by Get; its content alone changes nothing.
//!
//! A notification may arrive before the answer to the call that it is about, or its order may not be found
//! for another reason. It is kept, and tried again with growing pauses for as long as Amazon may send copies.
//! Its timer is cleared only after the checkout has kept the result, so a crash in between repeats the work,
//! which changes nothing.

use std::time::Duration;

use countersign_client::notification::{
    EnvelopeKind, Message, NotificationRefused, NotifiedObject, VerifiedNotification,
};
use countersign_domain::ids::ChargePermissionId;
use countersign_domain::merchant::after::hint::{Hint, hinted, unpaid_charge_seen, unpaid_under};
use countersign_domain::merchant::attempt::FailedCharge;
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::next::NextStep;
use countersign_domain::time::DAY;

use super::App;
use crate::book::{DecisionError, StoreFailed};
use crate::stored::notification::{Notification, Progress};

/// How long the order of a notification is looked for.
const LOOKED_FOR: Duration = DAY.saturating_mul(15);

/// The result of looking for a notification's order.
enum OrderLookup {
    /// The notification was applied to this checkout, or there is nothing to apply.
    Over(Option<String>),
    /// The order was not found, or does not know the object yet: try again later. Has the checkout that the
    /// permission names, if Amazon has shown it.
    NotYet(Option<String>),
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

    /// Takes up a notification whose timer is due: it is applied, tried again later, given up, or deleted.
    pub(crate) async fn take_up_notification(&self, id: &str) -> Result<(), StoreFailed> {
        let Some(kept) = self.notification(id).await? else { return Ok(()) };
        let Notification { received_at, message, progress } = &kept.notification;
        let (Progress::Waiting { try_count, reference }, Some(message)) = (progress, message) else {
            return self.forget_notification(&kept).await;
        };
        if *try_count == 0 {
            tell_chargeback(message);
        }
        let sought = self.seek(message, reference.clone()).await?;
        let now = self.clock.now();
        let (next, taken_in_by) = match sought {
            OrderLookup::Over(checkout_id) => {
                self.metrics.note_notification("takenIn");
                (Progress::Over, checkout_id)
            }
            OrderLookup::NotYet(_) if now.since(*received_at) >= LOOKED_FOR => {
                self.metrics.note_notification("givenUp");
                tell_given_up(id, message);
                (Progress::Over, None)
            }
            OrderLookup::NotYet(reference) => {
                (Progress::Waiting { try_count: try_count.saturating_add(1), reference }, None)
            }
        };
        self.move_notification_on(&kept, next, taken_in_by.as_deref()).await
    }

    /// Finds the order of a notification, and looks up the object that it names.
    async fn seek(&self, message: &Message, reference: Option<String>) -> Result<OrderLookup, StoreFailed> {
        let Some(permission) = permission_of(message) else { return Ok(OrderLookup::Over(None)) };
        if let Some(checkout_id) = self.checkout_under(&permission).await? {
            let is_taken_in = self.heed(&checkout_id, &permission, message).await?;
            return Ok(if is_taken_in {
                OrderLookup::Over(Some(checkout_id))
            } else {
                OrderLookup::NotYet(reference)
            });
        }
        let reference = match reference {
            Some(reference) => Some(reference),
            None => self.amazon.reference_of(&permission).await.unwrap_or_else(|nothing| {
                nothing.tell_of_permission(&permission, "the order of a notification could not be looked up");
                None
            }),
        };
        // The order exists, but is not known to have this permission: an answer is lost or on its way.
        if let Some(checkout_id) = &reference
            && self.heed(checkout_id, &permission, message).await?
        {
            return Ok(OrderLookup::Over(reference));
        }
        Ok(OrderLookup::NotYet(reference))
    }

    /// Looks up what a notification is about. Returns whether the checkout knows the object afterwards, so
    /// that the checkout's own timers do the rest.
    async fn heed(
        &self,
        checkout_id: &str,
        permission: &ChargePermissionId,
        message: &Message,
    ) -> Result<bool, StoreFailed> {
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
        let Some(checkout) = driver.checkout().await? else { return Ok(false) };
        match unpaid_under(checkout, permission) {
            Some((_, failed)) => self.look_at_unpaid(checkout_id, failed, &hint).await,
            None => Ok(has_taken_in(checkout, permission, &hint)),
        }
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
            Hint::Refund(id) => self.amazon.refund(id).await.map(|shown| shown.charge_id),
            Hint::ChargePermission => Ok(failed.charge_id.clone()),
        };
        let shown = match charge_id {
            Ok(charge_id) => self.amazon.charge(&charge_id).await,
            Err(nothing) => Err(nothing),
        };
        match shown {
            Ok(shown) => {
                let permission = &failed.charge_permission_id;
                let mut driver = self.driver(checkout_id);
                driver.decide(|draft| unpaid_charge_seen(draft, permission, &shown)).await?;
                Ok(true)
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

/// The permission that a message is about.
fn permission_of(message: &Message) -> Option<ChargePermissionId> {
    if let Some(permission) = &message.charge_permission_id {
        return Some(permission.clone());
    }
    match &message.object {
        NotifiedObject::ChargePermission(id) => Some(id.clone()),
        // The id of an object under a permission begins with the permission's id.
        NotifiedObject::Charge(_) | NotifiedObject::Refund(_) => {
            let (permission, _) = message.object.object_id().rsplit_once('-')?;
            ChargePermissionId::parse(permission).ok()
        }
        NotifiedObject::Chargeback(_) | NotifiedObject::Other { .. } => None,
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
        NotifiedObject::Charge(_)
        | NotifiedObject::Refund(_)
        | NotifiedObject::ChargePermission(_)
        | NotifiedObject::Chargeback(_)
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
        },
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
        tracing::error!(chargeback_id, charge_permission_id, "a buyer disputed a payment");
    }
}

fn tell_given_up(id: &str, message: &Message) {
    tracing::error!(
        id,
        object_type = message.object.object_type().as_str(),
        object_id = message.object.object_id(),
        charge_permission_id = message.charge_permission_id.as_ref().map(tracing::field::display),
        "a notification from Amazon was abandoned: its object could not be looked up or matched to an order"
    );
}
