//! The outbox of notifications: appends them with a step, leases and releases them. `notify/` sends
//! them.

use countersign_domain::provider::charge_permission::ChargePermission;
use countersign_domain::provider::event::{Event, LogEntry};
use countersign_domain::time::Timestamp;
use countersign_protocol::notification::{Message, NotificationType, NotifiedObject};
use countersign_store::contract::{Content, Expect, Key, Lease, MAX_CHANGES, NewMessage, Release, Write};

use super::Book;
use super::caller::{AppendedNotifications, NotificationBatch};
use super::commit::{Change, PendingCommit};
use super::documents::{log, read};
use super::refused::StoreFailed;
use crate::notify::endpoint::Lane;
use crate::stored::notification::{self, Letter, Notice};
use crate::stored::notification_attempts as stored_attempts;

/// How many messages a step may append besides the one with its events.
const ROOM: usize = MAX_CHANGES - 1;

/// A message to be sent now.
#[derive(Debug, Clone)]
pub(crate) struct LeasedNotice {
    pub(crate) sequence: u64,
    pub(crate) lease_count: u32,
    /// How many attempts have failed, as stored.
    pub(crate) attempts: u32,
    pub(crate) notice: Notice,
}

fn attempts_key(sequence: u64) -> Key {
    Key { collection: stored_attempts::COLLECTION, id: sequence.to_string() }
}

/// A notice as the outbox holds it.
pub(super) fn message(notice: Notice, lane: Lane) -> NewMessage {
    NewMessage {
        topic: notification::topic(lane),
        subject: notice.endpoint_id.clone(),
        deliver_at: Some(notice.at),
        bytes: notification::encode(&notice),
    }
}

/// The object that the event's notification names, if Amazon sends one for it.
fn notified(event: &Event) -> Option<NotifiedObject> {
    let LogEntry { is_notified, charge_permission_id, charge_id, refund_id, .. } = event.what.entry();
    let charge = || charge_id.cloned().map(NotifiedObject::Charge);
    let permission = || charge_permission_id.cloned().map(NotifiedObject::ChargePermission);
    let object = refund_id.cloned().map(NotifiedObject::Refund).or_else(charge).or_else(permission);
    object.filter(|_| is_notified)
}

impl Book {
    /// What a step of a permission appends: its events to the log, and the messages that notify the
    /// merchant of the events. `told` keeps a copy of the messages.
    pub(super) fn logged_and_told(
        &self,
        permission: &ChargePermission,
        events: &[Event],
        told: Option<&AppendedNotifications>,
    ) -> Vec<NewMessage> {
        let mut messages = log(&permission.checkout_session_id, events);
        let endpoints = self.endpoints.hearing_of(&permission.owner.merchant_id);
        if endpoints.is_empty() {
            return messages;
        }
        let letters = self.letters(permission, events);
        if let Some(told) = told {
            let letters = letters.iter().map(|(_, letter)| letter.clone()).collect();
            let endpoint_ids = endpoints.iter().map(|(id, _)| id.clone()).collect();
            told.replace(NotificationBatch { endpoint_ids, letters });
        }
        let messages_each = ROOM.checked_div(endpoints.len()).unwrap_or(1).max(1);
        let letters_each = letters.len().div_ceil(messages_each).max(1);
        let published_at = self.clock.wall();
        for letters in letters.chunks(letters_each) {
            let at = letters.iter().map(|(at, _)| *at).max().unwrap_or(published_at);
            let letters: Vec<Letter> = letters.iter().map(|(_, letter)| letter.clone()).collect();
            for (endpoint_id, lane) in &endpoints {
                let (endpoint_id, letters) = (endpoint_id.clone(), letters.clone());
                messages.push(message(Notice { endpoint_id, at, published_at, letters }, *lane));
            }
        }
        messages
    }

    /// The notifications of some events, each with its instant.
    fn letters(&self, permission: &ChargePermission, events: &[Event]) -> Vec<(Timestamp, Letter)> {
        let mut letters: Vec<(Timestamp, Letter)> = Vec::new();
        for event in events {
            let Some(object) = notified(event) else { continue };
            // A receiver fetches the object, so a second notification for the same instant adds nothing.
            let is_told = |(at, letter): &(Timestamp, Letter)| {
                *at == event.at && letter.message.as_ref().is_some_and(|message| message.object == object)
            };
            if letters.iter().any(is_told) {
                continue;
            }
            let message = Message {
                merchant_id: permission.owner.merchant_id.clone(),
                object,
                charge_permission_id: Some(permission.id.clone()),
                notification_type: Some(NotificationType::StateChange.into()),
                notification_id: Some(self.ids.notification_id()),
                notification_version: Some("V2".to_owned()),
            };
            let message_id = self.ids.notification_id();
            letters.push((event.at, Letter { message_id, message: Some(message) }));
        }
        letters
    }

    /// When the next message of a lane is due.
    pub(crate) async fn next_notice(&self, lane: Lane) -> Result<Option<Timestamp>, StoreFailed> {
        Ok(self.store.backlog(notification::topic(lane), 1).await?.next_at)
    }

    /// Leases the messages that are due in a lane, in due order. The lease ends immediately, by
    /// itself; the head of `notify/` says why that is safe.
    pub(crate) async fn lease_notices(
        &self,
        lane: Lane,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LeasedNotice>, StoreFailed> {
        let mut leased = Vec::new();
        let lease = Lease { topic: notification::topic(lane), now, until: now, limit };
        for message in self.store.lease(lease).await? {
            let (sequence, lease_count) = (message.sequence, message.lease_count);
            match notification::decode(&message.bytes) {
                Ok(notice) => leased.push(LeasedNotice { sequence, lease_count, attempts: 0, notice }),
                Err(why) => {
                    tracing::error!(
                        %why,
                        sequence,
                        "a stored notification cannot be read; it will never be sent"
                    );
                    self.store.release(Release { sequence, lease_count, deliver_at: None }).await?;
                }
            }
        }
        // A message that is leased for the first time was never tried.
        let mut again: Vec<&mut LeasedNotice> = leased.iter_mut().filter(|it| it.lease_count > 1).collect();
        if again.is_empty() {
            return Ok(leased);
        }
        let keys: Vec<Key> = again.iter().map(|leased| attempts_key(leased.sequence)).collect();
        for (leased, document) in again.iter_mut().zip(self.store.load(&keys).await?) {
            let Some(document) = document else { continue };
            match read(document, stored_attempts::decode) {
                Ok(attempts) => leased.attempts = attempts.value,
                Err(why) => {
                    tracing::error!(
                        %why,
                        "the attempt count of a notification cannot be read; counting starts at 0 again"
                    )
                }
            }
        }
        Ok(leased)
    }

    /// Stores how many attempts to send a message have failed; `None` deletes the count, once no
    /// more attempts follow.
    pub(crate) async fn note_attempts(
        &self,
        leased: &LeasedNotice,
        attempts: Option<u32>,
    ) -> Result<(), StoreFailed> {
        let (at, key) = (self.clock.now(), attempts_key(leased.sequence));
        let encoded = attempts.as_ref().map(stored_attempts::encode);
        self.decide(|| async {
            let found = self.document(key.clone()).await?;
            let expect = found.as_ref().map_or(Expect::Absent, |found| Expect::Version(found.version));
            let content = encoded.clone();
            let content =
                content.map(|(format, bytes)| Content { format, bytes, due_at: None, index: Vec::new() });
            if content.is_none() && found.is_none() {
                return Ok(PendingCommit::nothing(()));
            }
            let write = vec![Write { key: key.clone(), expect, content }];
            Ok(PendingCommit::change(Change::rows(at, write), ()))
        })
        .await
    }

    /// Releases a message that was sent, or that is to be sent again at `again_at`.
    pub(crate) async fn release_notice(
        &self,
        leased: &LeasedNotice,
        again_at: Option<Timestamp>,
    ) -> Result<(), StoreFailed> {
        // The message may be gone: a reset also forgets leased messages.
        let LeasedNotice { sequence, lease_count, .. } = *leased;
        self.store.release(Release { sequence, lease_count, deliver_at: again_at }).await?;
        Ok(())
    }
}
