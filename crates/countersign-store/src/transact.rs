//! Load, decide, write, and again when somebody else was faster: the loop that both servers run
//! every decision in.

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
