//! The inbox of Amazon's notifications: verified, stored, and only then acknowledged. Each is a hint. What
//! it is about is found by Amazon's own ids, and looked at by Get; its words change nothing.
//!
//! A notification may come before the answer to the call that it is about, or from an order that is not
//! found for another reason: it is kept, and tried again with growing pauses for as long as Amazon's own
//! copies of it may come. Its timer is let go of only after the checkout has kept what it brought about,
//! so that a crash in between does it once more, which changes nothing.

use std::slice;
use std::time::Duration;

use countersign_client::notification::{EnvelopeKind, Message, NotificationRefused, Notified, Received};
use countersign_domain::ids::ChargePermissionId;
use countersign_domain::merchant::attempt::{AttemptState, FailedCharge};
use countersign_domain::merchant::checkout::Checkout;
use countersign_domain::merchant::hint::{Hint, hinted, unpaid_charge_seen, unpaid_under};
use countersign_domain::time::{DAY, Timestamp};
use countersign_store::contract::{Content, Expect, IndexRange, Key, NewMessage, Version, Write};
use countersign_store::transact::Decision;

use super::change::{BY_PERMISSION, message};
use super::{App, StoreFailed};
use crate::stored::event::Event;
use crate::stored::fact::Fact;
use crate::stored::notification::{self, Notification, Progress};

/// For so long an order is looked for.
const LOOKED_FOR: Duration = DAY.saturating_mul(15);
/// For so long a copy is known: a day more than the verifier takes one for fresh.
const REMEMBERED: Duration = DAY.saturating_mul(16);

/// Why a notification is not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotAcknowledged {
    /// It is not believed, or cannot be now.
    Refused(NotificationRefused),
    /// It could not be kept: Amazon sends it again.
    Store(StoreFailed),
}

impl From<StoreFailed> for NotAcknowledged {
    fn from(failed: StoreFailed) -> Self {
        Self::Store(failed)
    }
}

/// What came of looking for a notification's order.
enum Sought {
    /// It is taken in by this checkout, or there is nothing to take in.
    Over(Option<String>),
    /// Not found, or not known there: again later. With the checkout that the permission names, if Amazon
    /// has said it.
    NotYet(Option<String>),
}

impl App {
    /// Verifies and stores one delivery. What is stored may be acknowledged; its timer is due now.
    pub(crate) async fn hear(&self, body: &[u8]) -> Result<(), NotAcknowledged> {
        let (message_id, message) = self.verified(body).await.map_err(|refused| {
            self.metrics.note_notification(refused.name());
            tracing::warn!(why = refused.name(), %refused, "a notification is not believed");
            NotAcknowledged::Refused(refused)
        })?;
        let kept = self.keep(&message_id, message.as_ref()).await;
        let outcome = match kept {
            Ok(true) => "accepted",
            Ok(false) => "repeated",
            Err(_) => "notKept",
        };
        self.metrics.note_notification(outcome);
        kept?;
        Ok(())
    }

    /// The id and, unless it is a confirmation, the message of what can be believed.
    async fn verified(&self, body: &[u8]) -> Result<(String, Option<Message>), NotificationRefused> {
        match self.verifier.verify(body).await? {
            Received::Notification { envelope, message } => {
                Ok((envelope.envelope().message_id.clone(), Some(message)))
            }
            Received::Confirmation(envelope) => {
                let envelope = envelope.envelope();
                tell_confirmation(&envelope.kind, &envelope.topic_arn);
                Ok((envelope.message_id.clone(), None))
            }
        }
    }

    /// Stores a notification; `false` when it is there already.
    async fn keep(&self, message_id: &str, message: Option<&Message>) -> Result<bool, StoreFailed> {
        let now = self.clock.now();
        let progress = match message {
            Some(_) => Progress::Waiting { try_count: 0, reference: None },
            None => Progress::Over,
        };
        let notification = Notification { received_at: now, message: message.cloned(), progress };
        let key = key(&document_id(message_id, message));
        self.transact(|| async {
            let document = self.store.load(slice::from_ref(&key)).await?.into_iter().next().flatten();
            let change = document.is_none().then(|| {
                let mut change = self.change_set(now);
                let content = Some(content(&notification, now));
                change.write = vec![Write { key: key.clone(), expect: Expect::Absent, content }];
                change
            });
            let is_new = change.is_some();
            Ok(Decision { change, outcome: is_new })
        })
        .await
    }

    /// Takes up a notification whose timer is due: lets it be taken in, tries again later, gives it up, or
    /// forgets it.
    pub(crate) async fn take_up_notification(&self, id: &str) -> Result<(), StoreFailed> {
        let Some((kept, version)) = self.notification(id).await? else { return Ok(()) };
        let (Progress::Waiting { try_count, reference }, Some(message)) = (&kept.progress, &kept.message)
        else {
            return self.rewrite(id, version, None, Vec::new()).await;
        };
        if *try_count == 0 {
            tell_chargeback(message);
        }
        let sought = self.seek(message, reference.clone()).await?;
        let now = self.clock.now();
        let over = Notification { progress: Progress::Over, ..kept.clone() };
        let (next, append) = match sought {
            Sought::Over(checkout_id) => {
                self.metrics.note_notification("takenIn");
                let told = match checkout_id {
                    Some(checkout_id) => self.told(&checkout_id, message, now).await?,
                    None => Vec::new(),
                };
                (over, told)
            }
            Sought::NotYet(_) if now.since(kept.received_at) >= LOOKED_FOR => {
                self.metrics.note_notification("givenUp");
                tell_given_up(id, message);
                (over, Vec::new())
            }
            Sought::NotYet(reference) => {
                let try_count = try_count.saturating_add(1);
                (Notification { progress: Progress::Waiting { try_count, reference }, ..kept }, Vec::new())
            }
        };
        self.rewrite(id, version, Some(&next), append).await
    }

    /// Looks for the order of a notification, and lets its checkout look at what was heard of.
    async fn seek(&self, message: &Message, reference: Option<String>) -> Result<Sought, StoreFailed> {
        let Some(permission) = permission_of(message) else { return Ok(Sought::Over(None)) };
        if let Some(checkout_id) = self.first(BY_PERMISSION, permission.as_str()).await? {
            let is_taken_in = self.heed(&checkout_id, &permission, message).await?;
            return Ok(if is_taken_in { Sought::Over(Some(checkout_id)) } else { Sought::NotYet(reference) });
        }
        let reference = match reference {
            Some(reference) => Some(reference),
            None => self.amazon.reference_of(&permission).await.unwrap_or_else(|nothing| {
                nothing.tell_of_permission(&permission, "a notification's order cannot be asked for");
                None
            }),
        };
        // The order is there, and nothing of it is known to be under this permission: an answer is lost or
        // on its way.
        if let Some(checkout_id) = &reference
            && self.heed(checkout_id, &permission, message).await?
        {
            return Ok(Sought::Over(reference));
        }
        Ok(Sought::NotYet(reference))
    }

    /// Lets a checkout look at what was heard of. Whether nothing of it is unknown there afterwards, so that
    /// its own timers do the rest.
    async fn heed(
        &self,
        checkout_id: &str,
        permission: &ChargePermissionId,
        message: &Message,
    ) -> Result<bool, StoreFailed> {
        let rules = self.rules();
        let hint = hint_of(message, permission);
        let mut known = None;
        let act = self
            .step(checkout_id, &mut known, |checkout, now| {
                let is_of_another =
                    checkout.payment.as_ref().is_some_and(|it| it.charge_permission_id != *permission);
                if is_of_another { None } else { hinted(checkout, &hint, now, &rules) }
            })
            .await?;
        if let Some(act) = act {
            self.act_on_payment(checkout_id, act, &mut known).await?;
        }
        self.drive_checkout(checkout_id).await?;
        let Some(loaded) = self.checkout(checkout_id).await? else { return Ok(false) };
        let checkout = &loaded.registration.checkout;
        match unpaid_under(checkout, permission) {
            Some((_, failed)) => self.look_at_unpaid(checkout_id, failed, &hint).await,
            None => Ok(has_taken_in(checkout, permission, &hint)),
        }
    }

    /// Looks at what was heard of under the permission of an attempt that is proved unpaid. Whether Amazon
    /// has shown it; what is not shown is asked for again with the notification.
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
                self.step(checkout_id, &mut None, |checkout, now| {
                    Some((unpaid_charge_seen(checkout, permission, &shown, now)?, ()))
                })
                .await?;
                Ok(true)
            }
            Err(nothing) => {
                nothing.tell(checkout_id, None, "what was heard of an unpaid attempt is not shown");
                Ok(false)
            }
        }
    }

    /// What the timeline says of a notification that was taken in, and what the shop is told of a dispute.
    async fn told(
        &self,
        checkout_id: &str,
        about: &Message,
        now: Timestamp,
    ) -> Result<Vec<NewMessage>, StoreFailed> {
        let Some(loaded) = self.checkout(checkout_id).await? else { return Ok(Vec::new()) };
        let registration = &loaded.registration;
        let mut told = vec![message(registration, &Event::of_notification(about, now))];
        if let (Notified::Chargeback(_), Some(permission)) = (&about.object, permission_of(about)) {
            let fact = Fact::of_chargeback(&registration.checkout, &permission, now);
            told.push(self.outgoing(registration, &fact, now));
        }
        Ok(told)
    }

    async fn notification(&self, id: &str) -> Result<Option<(Notification, Version)>, StoreFailed> {
        let document = self.store.load(&[key(id)]).await?.into_iter().next().flatten();
        let Some(document) = document else { return Ok(None) };
        Ok(Some((notification::decode(document.format, &document.bytes)?, document.version)))
    }

    /// Writes a notification as it is from now on, or deletes it, unless somebody else has since.
    async fn rewrite(
        &self,
        id: &str,
        version: Version,
        next: Option<&Notification>,
        append: Vec<NewMessage>,
    ) -> Result<(), StoreFailed> {
        let now = self.clock.now();
        self.transact(|| async {
            let document = self.store.load(&[key(id)]).await?.into_iter().next().flatten();
            if document.is_none_or(|document| document.version != version) {
                return Ok::<_, StoreFailed>(Decision { change: None, outcome: () });
            }
            let mut change = self.change_set(now);
            let content = next.map(|next| content(next, now));
            change.write = vec![Write { key: key(id), expect: Expect::Version(version), content }];
            change.append = append.clone();
            Ok(Decision { change: Some(change), outcome: () })
        })
        .await
    }

    /// The id of a document that an index has under exactly this value.
    async fn first(&self, index: &'static str, value: &str) -> Result<Option<String>, StoreFailed> {
        let range = IndexRange { index, prefix: value.to_owned(), after: None, limit: 1 };
        // Of the values that begin so, the shortest is the first.
        let row = self.store.range(range).await?.into_iter().next();
        Ok(row.filter(|row| row.value == value).map(|row| row.key.id))
    }
}

/// What a notification is kept under: its own id if it has one, since Amazon publishes the same one to
/// several topics, each time as another message.
fn document_id(message_id: &str, message: Option<&Message>) -> String {
    match message.and_then(|message| message.notification_id.as_deref()) {
        Some(notification_id) => format!("notification {notification_id}"),
        None => format!("message {message_id}"),
    }
}

fn key(id: &str) -> Key {
    Key { collection: notification::COLLECTION, id: id.to_owned() }
}

fn content(kept: &Notification, now: Timestamp) -> Content {
    let (format, bytes) = notification::encode(kept);
    let due_at = match &kept.progress {
        Progress::Waiting { try_count: 0, .. } => now,
        Progress::Waiting { try_count, .. } => now.plus(pause_before(*try_count)),
        Progress::Over => kept.received_at.plus(REMEMBERED),
    };
    Content { format, bytes, due_at: Some(due_at), index: Vec::new() }
}

/// The pause before the n-th try again: 5 s, doubling to an hour.
fn pause_before(try_count: u32) -> Duration {
    let doublings = try_count.saturating_sub(1).min(10);
    Duration::from_secs(5_u64.saturating_mul(2_u64.saturating_pow(doublings)).min(3_600))
}

/// The permission that a message is about.
fn permission_of(message: &Message) -> Option<ChargePermissionId> {
    if let Some(permission) = &message.charge_permission_id {
        return Some(permission.clone());
    }
    match &message.object {
        Notified::ChargePermission(id) => Some(id.clone()),
        // An id of what is under a permission begins with the permission's.
        Notified::Charge(_) | Notified::Refund(_) => {
            let (permission, _) = message.object.object_id().rsplit_once('-')?;
            ChargePermissionId::parse(permission).ok()
        }
        Notified::Chargeback(_) | Notified::Other { .. } => None,
    }
}

/// What a message hints at. An object that is not under the permission that it names hints at the
/// permission only: nothing of another order's is taken in.
fn hint_of(message: &Message, permission: &ChargePermissionId) -> Hint {
    let rest = message.object.object_id().strip_prefix(permission.as_str());
    let is_under = rest.is_some_and(|rest| rest.starts_with('-'));
    match &message.object {
        Notified::Charge(id) if is_under => Hint::Charge(id.clone()),
        Notified::Refund(id) if is_under => Hint::Refund(id.clone()),
        Notified::Charge(_)
        | Notified::Refund(_)
        | Notified::ChargePermission(_)
        | Notified::Chargeback(_)
        | Notified::Other { .. } => Hint::ChargePermission,
    }
}

/// Whether a checkout knows what was heard of.
fn has_taken_in(checkout: &Checkout, permission: &ChargePermissionId, hint: &Hint) -> bool {
    match checkout.payment.as_ref().filter(|payment| payment.charge_permission_id == *permission) {
        Some(payment) => match hint {
            Hint::Charge(id) => payment.charge(id).is_some(),
            Hint::Refund(id) => payment.refund(id).is_some(),
            Hint::ChargePermission => true,
        },
        None => checkout.attempts.iter().any(|attempt| match &attempt.state {
            AttemptState::Pending { charge_permission_id, .. }
            | AttemptState::Completed { charge_permission_id, .. } => charge_permission_id == permission,
            AttemptState::Bound { .. }
            | AttemptState::Approved { .. }
            | AttemptState::Finalizing { .. }
            | AttemptState::InDoubt(_)
            | AttemptState::NotPaid { .. }
            | AttemptState::Unresolved { .. }
            | AttemptState::Surplus { .. } => false,
        }),
    }
}

/// A confirmation's URL is never requested, on no host: Amazon Pay's endpoints are set in Seller Central,
/// and whoever may confirm anything for this server is its operator.
fn tell_confirmation(kind: &EnvelopeKind, topic_arn: &str) {
    let (EnvelopeKind::SubscriptionConfirmation(confirmation)
    | EnvelopeKind::UnsubscribeConfirmation(confirmation)) = kind
    else {
        return;
    };
    let url = confirmation.subscribe_url.parse::<http::Uri>().ok();
    let host = url.as_ref().and_then(http::Uri::host);
    let kind = kind.as_str();
    tracing::warn!(kind, topic_arn, host, "a confirmation came; its URL is not requested");
}

fn tell_chargeback(message: &Message) {
    if let Notified::Chargeback(chargeback_id) = &message.object {
        let charge_permission_id = message.charge_permission_id.as_ref().map(tracing::field::display);
        tracing::error!(chargeback_id, charge_permission_id, "a buyer disputes a payment");
    }
}

fn tell_given_up(id: &str, message: &Message) {
    tracing::error!(
        id,
        object_type = message.object.object_type().as_str(),
        object_id = message.object.object_id(),
        charge_permission_id = message.charge_permission_id.as_ref().map(tracing::field::display),
        "no order was found for what Amazon notifies of"
    );
}
