//! Who calls the API, when, and under which idempotency key.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign_domain::ids::IdempotencyKey;
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, Expect, Key, Write};

use super::answer::{Answer, Reply};
use super::documents::{reply_key, write_reply};
use super::refused::{Refused, StoreFailed};
use crate::stored::notification::Letter;
use crate::stored::reply;

/// Who calls, when, and under which idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) owner: Owner,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) now: Timestamp,
    pub(crate) told: Told,
}

/// An idempotency key, and what identifies the request that it was used for.
#[derive(Debug, Clone)]
pub(crate) struct Idempotency {
    pub(crate) key: IdempotencyKey,
    /// Of method, path and body.
    pub(crate) fingerprint: String,
}

/// The notifications that a request's change set appended. An ordered fault may hold the answer back until
/// they are sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Appended>>);

/// Notifications, and the endpoints that they are sent to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Appended {
    pub(crate) endpoint_ids: Vec<String>,
    pub(crate) letters: Vec<Letter>,
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, Appended> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was appended by the decision that was committed.
    pub(crate) fn appended(&self) -> Appended {
        self.lock().clone()
    }

    /// A decision may be made several times; the last one counts.
    pub(super) fn replace(&self, appended: Appended) {
        *self.lock() = appended;
    }
}

impl Caller {
    pub(super) fn reply_key(&self) -> Option<Key> {
        let Idempotency { key, .. } = self.idempotency.as_ref()?;
        Some(reply_key(&self.owner.merchant_id, key))
    }

    /// The write that keeps the reply, to be part of the same change set.
    pub(super) fn remember(&self, answer: &Answer) -> Option<Write> {
        let Idempotency { fingerprint, .. } = self.idempotency.as_ref()?;
        Some(write_reply(self.reply_key()?, fingerprint, answer, Expect::Absent))
    }

    /// Check 3: the saved answer if the key was seen with the same request.
    pub(super) fn replayed(&self, document: Option<&Document>) -> Result<Option<Answer>, Refused> {
        let Some((document, idempotency)) = document.zip(self.idempotency.as_ref()) else { return Ok(None) };
        let Reply { fingerprint, answer } =
            reply::decode(document.format, &document.bytes).map_err(StoreFailed::from)?;
        if fingerprint != idempotency.fingerprint {
            return Err(Refused::DuplicateIdempotencyKey);
        }
        // This is an earlier answer: nothing new is notified.
        self.told.replace(Appended::default());
        Ok(Some(answer.into_owned()))
    }
}
