//! Load, decide, write, and again when somebody else was faster: the loop that both servers run
//! every decision in.

use std::fmt;

use countersign_domain::with_texts;

use crate::contract::{ChangeSet, CommitError, Store, StoreError};

/// What a closure decided: a change to commit, or none, and what to tell its caller once that is
/// durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<T> {
    /// The change; none when what was loaded already answers.
    pub change: Option<ChangeSet>,
    /// The outcome, true only when the change is committed.
    pub outcome: T,
}

/// Why a decision has no outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactError<E> {
    /// The closure refused. Nothing was written.
    Refused(E),
    /// Others were faster, as often as the bound allows. Nothing was written.
    Contended,
    /// The commit's answer was lost, and what became of it cannot be asked now. It may have been
    /// applied: whoever decides again must load first.
    Indeterminate(String),
    /// The engine cannot be reached or is full. Nothing was written.
    Unavailable(String),
    /// The change set breaks the contract. Nothing was written.
    Invalid(String),
}

/// Runs `decide` until its change is committed, at most `bound` times.
///
/// `decide` loads what it needs anew each time; it must not do anything that cannot be done twice.
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
            // One's own success must not be mistaken for somebody else's: ask before deciding again.
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

/// How often a server makes a decision that lost a race again before its caller is told to come back.
const DECISIONS: usize = 100;

with_texts! {
    /// Why the store let a server down. Nothing here says that a decision was not carried out.
    #[derive(Debug, Clone, PartialEq, Eq)]
    StoreFailed {
        /// It cannot be reached, is full, or too many others write the same: come back.
        Unavailable(why: String) = "the store is unavailable: {why}";
        /// It may or may not have kept what was written.
        Indeterminate(why: String) = "the store's answer was lost: {why}";
        /// What it holds cannot be read.
        Unreadable(why: String) = "{why}";
    }
}

/// A document or message that cannot be read back: another version wrote it, or it is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The collection or topic.
    pub document: &'static str,
    /// What is wrong, without the content.
    pub why: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a stored {} cannot be read: {}", self.document, self.why)
    }
}

impl From<Unreadable> for StoreFailed {
    fn from(unreadable: Unreadable) -> Self {
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

/// [`transact`] as the servers use it: a decision has its outcome, its own refusal, or a store that
/// failed.
///
/// # Errors
/// The decision's refusal, or [`StoreFailed`] as one.
pub async fn decide<T, E, F>(store: &dyn Store, decide: impl FnMut() -> F) -> Result<T, E>
where
    E: From<StoreFailed>,
    F: Future<Output = Result<Decision<T>, E>>,
{
    transact(store, DECISIONS, decide).await.map_err(|error| match error {
        TransactError::Refused(refused) => refused,
        TransactError::Contended => StoreFailed::Unavailable("too many write the same".to_owned()).into(),
        TransactError::Indeterminate(why) => StoreFailed::Indeterminate(why).into(),
        TransactError::Unavailable(why) | TransactError::Invalid(why) => StoreFailed::Unavailable(why).into(),
    })
}
