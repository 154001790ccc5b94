//! Load, decide, write, and repeat if another writer was faster: the loop in which both servers run every
//! decision.

use std::fmt;

use countersign_domain::with_texts;

use crate::contract::{ChangeSet, CommitError, Store, StoreError};

/// The result of a decision: a change to commit, or none, and the outcome to return to the caller once the
/// change is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<T> {
    /// The change; `None` if the answer is already in what was loaded.
    pub change: Option<ChangeSet>,
    /// The outcome, valid only once the change is committed.
    pub outcome: T,
}

/// Why a decision has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactError<E> {
    /// The closure refused. Nothing was written.
    Refused(E),
    /// Other writers were faster, as many times as the limit allows. Nothing was written.
    Contended,
    /// The commit's answer was lost, and the store cannot be asked now whether the change was applied. It may
    /// have been: load again before deciding again.
    Indeterminate(String),
    /// The engine cannot be reached or is full. Nothing was written.
    Unavailable(String),
    /// The change set is not valid. Nothing was written.
    Invalid(String),
}

/// Runs `decide` until its change is committed, at most `bound` times.
///
/// `decide` loads what it needs again each time; it must not do anything that cannot be done twice.
///
/// # Errors
/// [`TransactError`]; only `Indeterminate` leaves open whether something was written.
pub async fn transact<T, E, F>(
    store: &dyn Store,
    bound: usize,
    mut decide: impl FnMut() -> F,
) -> Result<T, TransactError<E>>
where
    F: Future<Output = Result<Decision<T>, E>>,
{
    for _ in 0..bound {
        let Decision { change, outcome } = decide().await.map_err(TransactError::Refused)?;
        let Some(change) = change else { return Ok(outcome) };
        let id = change.id;
        match store.commit(change).await {
            Ok(()) => return Ok(outcome),
            Err(CommitError::Conflict) => {}
            // A caller must not mistake its own success for somebody else's: ask before deciding again.
            Err(CommitError::Indeterminate(why)) => match store.was_committed(id).await {
                Ok(true) => return Ok(outcome),
                Ok(false) => {}
                Err(StoreError::Unavailable(_) | StoreError::Corrupt(_)) => {
                    return Err(TransactError::Indeterminate(why));
                }
            },
            Err(CommitError::Unavailable(why)) => return Err(TransactError::Unavailable(why)),
            Err(CommitError::Invalid(why)) => return Err(TransactError::Invalid(why)),
        }
    }
    Err(TransactError::Contended)
}

/// The largest number of times that a server makes one decision because other writers are faster. After that,
/// the caller has to come back.
const DECISIONS: usize = 100;

with_texts! {
    /// Why a server got no result from its store. A caller must not conclude from any of these that its
    /// decision did not take effect.
    #[derive(Debug, Clone, PartialEq, Eq)]
    StoreFailed {
        /// It cannot be reached, is full, or too many others write the same document: come back later.
        Unavailable(why: String) = "the store is unavailable: {why}";
        /// What was written may or may not have been stored.
        Indeterminate(why: String) = "it is unknown whether the change was stored: {why}";
        /// What it contains cannot be read.
        Unreadable(why: String) = "{why}";
    }
}

/// A document or message that cannot be read back: another version wrote it, or it is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableDocument {
    /// The collection or topic.
    pub document: &'static str,
    /// What is wrong, without the content.
    pub why: String,
}

impl fmt::Display for UnreadableDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a stored {} cannot be read: {}", self.document, self.why)
    }
}

impl From<UnreadableDocument> for StoreFailed {
    fn from(unreadable: UnreadableDocument) -> Self {
        Self::Unreadable(unreadable.to_string())
    }
}

impl From<StoreError> for StoreFailed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::Unavailable(why),
            StoreError::Corrupt(why) => Self::Unreadable(why),
        }
    }
}

/// [`transact`] as the servers use it: a decision ends with its outcome, its own refusal, or a store that
/// failed.
///
/// # Errors
/// The decision's refusal, or [`StoreFailed`] converted to one.
pub async fn decide<T, E, F>(store: &dyn Store, decide: impl FnMut() -> F) -> Result<T, E>
where
    E: From<StoreFailed>,
    F: Future<Output = Result<Decision<T>, E>>,
{
    transact(store, DECISIONS, decide).await.map_err(|error| match error {
        TransactError::Refused(refused) => refused,
        TransactError::Contended => StoreFailed::Unavailable(
            "too many requests changed the same document at the same time".to_owned(),
        )
        .into(),
        TransactError::Indeterminate(why) => StoreFailed::Indeterminate(why).into(),
        TransactError::Unavailable(why) | TransactError::Invalid(why) => StoreFailed::Unavailable(why).into(),
    })
}
