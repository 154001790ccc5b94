//! Answers that are remembered for their idempotency key: the same request gets the same bytes
//! again, and a different request with the key is refused. The reply is written in the same change
//! set as the decision that it answers. If many copies of a request arrive at the same time, one
//! takes effect, and the others lose the race and read its reply.

use countersign_store::contract::{Document, Key};

use super::Book;
use super::answer::ApiAnswer;
use super::caller::Caller;
use super::commit::{Change, PendingCommit};
use super::refused::{BookRefused, StoreFailed};

/// Where in the order of checks a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusedBy {
    /// By check 2, before the key is looked up.
    Form,
    /// By one of the checks 4 to 13, after the key is looked up.
    Rule,
}

impl Book {
    pub(super) async fn document(&self, key: Key) -> Result<Option<Document>, StoreFailed> {
        Ok(self.store.load(&[key]).await?.into_iter().next().flatten())
    }

    /// Check 3: the answer that the idempotency key got, if a request was executed under it.
    pub(super) async fn replayed(&self, caller: &Caller) -> Result<Option<ApiAnswer>, BookRefused> {
        let Some(key) = caller.reply_key() else { return Ok(None) };
        caller.replayed(self.document(key).await?.as_ref())
    }

    /// Checks 3 and 4 of a call on an object that cannot exist, because no object has such an id.
    pub(super) async fn nothing_has_this_id(&self, caller: &Caller) -> Result<ApiAnswer, BookRefused> {
        self.replayed(caller).await?.ok_or(BookRefused::NotFound)
    }

    /// Remembers a refusal for its key, and returns the answer to send. For a refusal after check 3
    /// that is the answer stored under the key, so that a request that arrives twice at the same
    /// time has one answer.
    pub(crate) async fn remember_refusal(
        &self,
        caller: &Caller,
        check: RefusedBy,
        refusal: ApiAnswer,
    ) -> Result<ApiAnswer, BookRefused> {
        let Some(key) = caller.reply_key() else { return Ok(refusal) };
        self.decide(|| async {
            let found = self.document(key.clone()).await?;
            let earlier = match check {
                RefusedBy::Form => found.map(|_| refusal.clone()),
                RefusedBy::Rule => caller.replayed(found.as_ref())?,
            };
            if let Some(answer) = earlier {
                return Ok(PendingCommit::nothing(answer));
            }
            let write = caller.remember(&refusal).into_iter().collect();
            Ok(PendingCommit::change(Change::rows(caller.now, write), refusal.clone()))
        })
        .await
    }
}
