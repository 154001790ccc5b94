//! The documents of Amazon's notifications: each is stored once, updated, and deleted when no copy can arrive
//! any more.

use std::time::Duration;

use countersign_client::notification::{Message, NotifiedObject};
use countersign_domain::ids::{ChargePermissionId, DisputeId};
use countersign_domain::time::{DAY, Timestamp};
use countersign_store::contract::{
    Content, Document, Expect, IndexEntry, IndexRange, Key, NewMessage, Version, Write,
};

use super::commit::{BY_HEARD_PERMISSION, BY_PERMISSION, PendingCommit};
use super::{Book, StoreFailed};
use crate::events::table::Event;
use crate::stored::notification::{self, Notification, Progress};

/// How long a notification is remembered, to recognize copies: a day longer than the verifier accepts one.
const REMEMBERED: Duration = DAY.saturating_mul(16);

/// How long the object of a notification is looked up, once its order is known.
pub(crate) const LOOKED_FOR: Duration = DAY.saturating_mul(15);

/// Notifications by the permission for which they are parked.
pub(super) const PARKED: &str = "notification_by_parked_permission";

/// A notification as it was loaded.
pub(crate) struct KeptNotification {
    pub(crate) notification: Notification,
    id: String,
    version: Version,
}

impl KeptNotification {
    pub(crate) fn key(&self) -> Key {
        key(&self.id)
    }

    /// Whether the document still has the version that was loaded.
    pub(super) fn is_at(&self, version: Version) -> bool {
        self.version == version
    }
}

/// Reads a notification that was found; `None` if none was.
pub(super) fn read_notification(
    key: &Key,
    found: Option<&Document>,
) -> Option<Result<KeptNotification, StoreFailed>> {
    found.map(|document| {
        let notification = notification::decode(document.format, &document.bytes)?;
        Ok(KeptNotification { notification, id: key.id.clone(), version: document.version })
    })
}

/// The write of a notification's progress, unless another caller has written it since.
pub(super) fn write_notification(kept: &KeptNotification, progress: Progress, now: Timestamp) -> Write {
    let next = Notification { progress, ..kept.notification.clone() };
    Write { key: kept.key(), expect: Expect::Version(kept.version), content: Some(content(&next, now)) }
}

impl Book {
    /// Stores a notification. Returns `false` if it is already stored.
    pub(crate) async fn keep_notification(
        &self,
        message_id: &str,
        message: Option<&Message>,
    ) -> Result<bool, StoreFailed> {
        let now = self.clock.now();
        let progress = match message {
            Some(_) => Progress::Waiting { try_count: 0 },
            None => Progress::Over,
        };
        let notification = Notification { received_at: now, message: message.cloned(), progress };
        let key = key(&document_id(message_id, message));
        let kept = self.commit(|| async {
            if self.document(&key).await?.is_some() {
                return Ok::<_, StoreFailed>(PendingCommit::nothing(false));
            }
            let content = Some(content(&notification, now));
            let write = Write { key: key.clone(), expect: Expect::Absent, content };
            Ok(self.beside(vec![write], Vec::new(), true, now))
        });
        kept.await.map(|(_, is_new)| is_new)
    }

    /// Loads a notification.
    pub(crate) async fn notification(&self, id: &str) -> Result<Option<KeptNotification>, StoreFailed> {
        let key = key(id);
        read_notification(&key, self.document(&key).await?.as_ref()).transpose()
    }

    /// Writes a notification's progress, unless another caller has written it since, with the timeline
    /// entries and facts of the checkout that it was applied to.
    pub(crate) async fn move_notification_on(
        &self,
        kept: &KeptNotification,
        progress: Progress,
        taken_in_by: Option<&str>,
    ) -> Result<(), StoreFailed> {
        let now = self.clock.now();
        let append = match (taken_in_by, &kept.notification.message) {
            (Some(checkout_id), Some(message)) => self.told_of(checkout_id, message, now).await?,
            (_, None) | (None, _) => Vec::new(),
        };
        let next = Notification { progress, ..kept.notification.clone() };
        self.rewrite(kept, Some(content(&next, now)), append).await
    }

    /// Deletes a notification, unless another caller has written it since.
    pub(crate) async fn forget_notification(&self, kept: &KeptNotification) -> Result<(), StoreFailed> {
        self.rewrite(kept, None, Vec::new()).await
    }

    /// The checkout that has this permission.
    pub(crate) async fn checkout_under(
        &self,
        permission: &ChargePermissionId,
    ) -> Result<Option<String>, StoreFailed> {
        self.checkout_by(BY_PERMISSION, permission).await
    }

    /// The checkout that remembers this permission because it names the checkout.
    pub(crate) async fn checkout_that_heard_of(
        &self,
        permission: &ChargePermissionId,
    ) -> Result<Option<String>, StoreFailed> {
        self.checkout_by(BY_HEARD_PERMISSION, permission).await
    }

    async fn checkout_by(
        &self,
        index: &'static str,
        permission: &ChargePermissionId,
    ) -> Result<Option<String>, StoreFailed> {
        let range = IndexRange { index, prefix: permission.to_string(), after: None, limit: 1 };
        // Of the values with this prefix, the shortest comes first.
        let row = self.store.range(range).await?.into_iter().next();
        Ok(row.filter(|row| row.value == permission.as_str()).map(|row| row.key.id))
    }

    /// The timeline's entry for a notification that was applied.
    pub(super) async fn told_of(
        &self,
        checkout_id: &str,
        about: &Message,
        now: Timestamp,
    ) -> Result<Vec<NewMessage>, StoreFailed> {
        let Some(loaded) = self.checkout(checkout_id).await? else { return Ok(Vec::new()) };
        Ok(self.told(&loaded.registration.checkout, &[Event::from_notification(about)], now))
    }

    async fn rewrite(
        &self,
        kept: &KeptNotification,
        content: Option<Content>,
        append: Vec<NewMessage>,
    ) -> Result<(), StoreFailed> {
        let (key, now) = (key(&kept.id), self.clock.now());
        let rewritten = self.commit(|| async {
            if self.document(&key).await?.is_none_or(|document| document.version != kept.version) {
                return Ok::<_, StoreFailed>(PendingCommit::nothing(()));
            }
            let expect = Expect::Version(kept.version);
            let write = Write { key: key.clone(), expect, content: content.clone() };
            Ok(self.beside(vec![write], append.clone(), (), now))
        });
        rewritten.await.map(|_| ())
    }
}

/// The id that a notification is kept under: its own id if it has one, because Amazon publishes the same
/// notification to several topics, each time as a new message.
fn document_id(message_id: &str, message: Option<&Message>) -> String {
    match message.and_then(|message| message.notification_id.as_deref()) {
        Some(notification_id) => format!("notification {notification_id}"),
        None => format!("message {message_id}"),
    }
}

/// Whether a message is about a dispute, which is applied to a payment only.
pub(crate) fn is_dispute(message: &Message) -> bool {
    matches!(message.object, NotifiedObject::Chargeback(_))
}

/// The permission that a message is about.
pub(crate) fn permission_of(message: &Message) -> Option<ChargePermissionId> {
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
        NotifiedObject::Chargeback(id) => DisputeId::parse(id).ok()?.belongs_to().0,
        NotifiedObject::Other { .. } => None,
    }
}

fn key(id: &str) -> Key {
    Key { collection: notification::COLLECTION, id: id.to_owned() }
}

fn content(kept: &Notification, now: Timestamp) -> Content {
    let (format, bytes) = notification::encode(kept);
    let due_at = match &kept.progress {
        Progress::Waiting { try_count: 0 } => now,
        Progress::Waiting { try_count } => {
            now.plus(pause_before(*try_count)).min(kept.received_at.plus(LOOKED_FOR))
        }
        Progress::Parked | Progress::Over => kept.received_at.plus(REMEMBERED),
    };
    let parked = match (&kept.progress, &kept.message) {
        (Progress::Parked, Some(message)) => permission_of(message),
        (Progress::Parked, None) | (Progress::Waiting { .. } | Progress::Over, _) => None,
    };
    let index = parked.map(|permission| IndexEntry { index: PARKED, value: permission.to_string() });
    Content { format, bytes, due_at: Some(due_at), index: index.into_iter().collect() }
}

/// The pause before the n-th retry: 5 s, doubling. An object that Amazon never shows is asked for 18 times.
fn pause_before(try_count: u32) -> Duration {
    let doublings = try_count.saturating_sub(1).min(18);
    Duration::from_secs(5_u64.saturating_mul(2_u64.saturating_pow(doublings)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_of_a_notification_has_a_timer() {
        let at = Timestamp::from_millis(1_795_448_820_000);
        let tries = [0, 1, 20, u32::MAX];
        let waiting = tries.map(|try_count| Progress::Waiting { try_count });
        for progress in waiting.into_iter().chain([Progress::Parked, Progress::Over]) {
            let soonest = match progress {
                Progress::Waiting { .. } => at,
                // It is forgotten when no copy of it can come any more.
                Progress::Parked | Progress::Over => at.plus(REMEMBERED),
            };
            let kept = Notification { received_at: at, message: None, progress };
            let due_at = content(&kept, at).due_at.unwrap();
            assert!(due_at >= soonest && due_at <= at.plus(REMEMBERED), "{due_at}");
        }
    }
}
