//! Who calls the API, when, and under which idempotency key; and the notifications that a call's
//! change set appends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_domain::ids::IdempotencyKey;
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, Expect, Key, Write};

use super::answer::{ApiAnswer, Reply};
use super::documents::{reply_key, write_reply};
use super::refused::{BookRefused, StoreFailed};
use crate::stored::notification::Letter;
use crate::stored::reply;

/// Who calls, when, and under which idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) owner: Owner,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) now: Timestamp,
    pub(crate) told: AppendedNotifications,
}

/// An idempotency key, and what identifies the request that it was used for.
#[derive(Debug, Clone)]
pub(crate) struct Idempotency {
    pub(crate) key: IdempotencyKey,
    /// A hash of the method, the path and the body.
    pub(crate) fingerprint: String,
}

/// The notifications that a request's change set appended. An ordered fault may hold the answer back until
/// they are sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct AppendedNotifications(Arc<Mutex<NotificationBatch>>);

/// Notifications, and the endpoints that they are sent to.
#[derive(Debug, Clone, Default)]
pub(crate) struct NotificationBatch {
    pub(crate) endpoint_ids: Vec<String>,
    pub(crate) letters: Vec<Letter>,
}

impl AppendedNotifications {
    fn lock(&self) -> MutexGuard<'_, NotificationBatch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The notifications of the decision that was committed.
    pub(crate) fn appended(&self) -> NotificationBatch {
        self.lock().clone()
    }

    /// Replaces what an earlier attempt noted: a decision may be made several times, and only the
    /// last is committed.
    pub(super) fn replace(&self, appended: NotificationBatch) {
        *self.lock() = appended;
    }
}

impl Caller {
    pub(super) fn reply_key(&self) -> Option<Key> {
        let Idempotency { key, .. } = self.idempotency.as_ref()?;
        Some(reply_key(&self.owner.merchant_id, key))
    }

    /// The write that stores the answer under the caller's key. It belongs in the change set of the
    /// decision that is answered.
    pub(super) fn remember(&self, answer: &ApiAnswer) -> Option<Write> {
        let Idempotency { fingerprint, .. } = self.idempotency.as_ref()?;
        Some(write_reply(self.reply_key()?, fingerprint, answer, Expect::Absent))
    }

    /// Check 3: the saved answer, if the key was used before with the same request.
    pub(super) fn replayed(&self, document: Option<&Document>) -> Result<Option<ApiAnswer>, BookRefused> {
        let Some((document, idempotency)) = document.zip(self.idempotency.as_ref()) else { return Ok(None) };
        let Reply { fingerprint, answer } =
            reply::decode(document.format, &document.bytes).map_err(StoreFailed::from)?;
        if fingerprint != idempotency.fingerprint {
            return Err(BookRefused::DuplicateIdempotencyKey);
        }
        // This answer was given before, so there is no new notification to send.
        self.told.replace(NotificationBatch::default());
        Ok(Some(answer.into_owned()))
    }
}
