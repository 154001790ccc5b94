//! Answers that are remembered for their idempotency key: the same request again gets the same bytes,
//! another request with the key is refused. The reply is a document of the same change set as what it
//! answers, so of many that arrive at once one takes effect and the others, having lost the race,
//! read its reply.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use countersign_domain::ids::IdempotencyKey;
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Document, Expect, Key, Write};
use countersign_store::transact::Decision;

use super::change::{reply_key, write_reply};
use super::notifications::Told;
use super::{App, Refused, StoreFailed};
use crate::settings::SavedAnswers;
use crate::stored::reply;

/// Who calls, when, and under which idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) owner: Owner,
    pub(crate) idempotency: Option<Idempotency>,
    pub(crate) now: Timestamp,
    pub(crate) told: Told,
}

/// A key with what makes a request the same.
#[derive(Debug, Clone)]
pub(crate) struct Idempotency {
    pub(crate) key: IdempotencyKey,
    /// Of method, path and body.
    pub(crate) fingerprint: String,
}

/// An answer's status and body, in the form that is kept for ever and, for a while, in full. Its
/// `Debug` prints no body.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) with_buyer: Option<WithBuyer>,
}

/// The body with the buyer's data.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WithBuyer {
    pub(crate) body: String,
    /// When it is dropped.
    pub(crate) until: Timestamp,
}

/// Where in the ladder a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedBy {
    /// Check 2, before the key is looked at.
    Form,
    /// Checks 4 to 13, behind it.
    Rule,
}

/// A remembered reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply<'a> {
    pub(crate) fingerprint: Cow<'a, str>,
    pub(crate) answer: Cow<'a, Answer>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

impl fmt::Debug for WithBuyer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithBuyer").field("until", &self.until).finish_non_exhaustive()
    }
}

impl Answer {
    /// An answer without the buyer's data.
    pub(crate) fn new(status: u16, body: String) -> Self {
        Self { status, body, with_buyer: None }
    }

    /// The body as it is sent at this instant.
    pub(crate) fn into_body(self, now: Timestamp) -> Bytes {
        match self.with_buyer {
            Some(with_buyer) if now < with_buyer.until => with_buyer.body.into(),
            Some(_) | None => self.body.into(),
        }
    }
}

impl Caller {
    pub(crate) fn reply_key(&self) -> Option<Key> {
        let Idempotency { key, .. } = self.idempotency.as_ref()?;
        Some(reply_key(&self.owner.merchant_id, key))
    }

    /// The reply's document among a change's writes.
    pub(crate) fn remember(&self, answer: &Answer) -> Option<Write> {
        let Idempotency { fingerprint, .. } = self.idempotency.as_ref()?;
        Some(write_reply(self.reply_key()?, fingerprint, answer, Expect::Absent))
    }

    /// Check 3: the saved answer if the key was seen with the same request.
    pub(crate) fn replayed(&self, document: Option<&Document>) -> Result<Option<Answer>, Refused> {
        let Some((document, idempotency)) = document.zip(self.idempotency.as_ref()) else { return Ok(None) };
        let Reply { fingerprint, answer } =
            reply::decode(document.format, &document.bytes).map_err(StoreFailed::from)?;
        if fingerprint == idempotency.fingerprint {
            self.told.clear();
            Ok(Some(answer.into_owned()))
        } else {
            Err(Refused::DuplicateIdempotencyKey)
        }
    }
}

impl App {
    /// Checks 3 and 4 of a call on what cannot be there, because nothing has such an id.
    pub(crate) async fn nothing_has_this_id(&self, caller: &Caller) -> Result<Answer, Refused> {
        let keys: Vec<Key> = caller.reply_key().into_iter().collect();
        let documents = self.store.load(&keys).await?;
        caller.replayed(documents.first().and_then(Option::as_ref))?.ok_or(Refused::NotFound)
    }

    /// Keeps a refusal for its key, where the flag says so, and gives back what is answered: behind check
    /// 3 that is what the key answers, so that a request that came twice at once has one answer.
    pub(crate) async fn remember_refusal(
        &self,
        caller: &Caller,
        check: RefusedBy,
        refusal: Answer,
    ) -> Result<Answer, Refused> {
        let Some(key) = caller.reply_key() else { return Ok(refusal) };
        match self.settings.flags.save_refusals {
            SavedAnswers::Changes => return Ok(refusal),
            SavedAnswers::Refusals => {}
        }
        let keys = [key];
        self.transact(|| async {
            let documents = self.store.load(&keys).await?;
            let found = documents.first().and_then(Option::as_ref);
            let stands = match check {
                RefusedBy::Form => found.map(|_| refusal.clone()),
                RefusedBy::Rule => caller.replayed(found)?,
            };
            if let Some(answer) = stands {
                return Ok(Decision { change: None, outcome: answer });
            }
            let write = caller.remember(&refusal).into_iter().collect();
            let change = self.change_set(caller.now, write, Vec::new());
            Ok(Decision { change: Some(change), outcome: refusal.clone() })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_cannot_be_printed_with_its_bodies() {
        let until = Timestamp::from_millis(0);
        let with_buyer = Some(WithBuyer { body: "Robin Tester".to_owned(), until });
        let answer = Answer { status: 200, body: "Robin".to_owned(), with_buyer };
        let reply = Reply { fingerprint: "f".into(), answer: Cow::Borrowed(&answer) };
        for shown in [format!("{answer:?}"), format!("{:?}", answer.with_buyer), format!("{reply:?}")] {
            assert!(!shown.contains("Robin"), "{shown}");
        }
    }
}
