//! Load, decide, write over a store that loses answers: no caller mistakes its own success for another's, or
//! a lost request for a success.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_store::contract::{ChangeId, ChangeSet, Store, StoreError};
use countersign_store::intercept::{Call, Fault, Hook, InterceptedStore, Operation, nth};
use countersign_store::transact::{Decision, TransactError, transact};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::task::JoinSet;

use super::values::{change, content, create, event, increment, is_definite, key, load, read, text};

fn faulty<H: Hook>(store: &Arc<dyn Store>, hook: H) -> Arc<InterceptedStore<H>> {
    Arc::new(InterceptedStore::new(Arc::clone(store), hook))
}

pub(crate) async fn a_lost_answer_of_an_applied_commit_counts_once(store: Arc<dyn Store>) {
    let faulty = faulty(&store, nth(Operation::Commit, 1, Fault::AnswerLost));
    let decided = AtomicUsize::new(0);
    let counted = transact(&*faulty, 5, || {
        decided.fetch_add(1, Ordering::Relaxed);
        increment(&*faulty, "counter")
    });
    assert_eq!(counted.await, Ok(1));
    assert_eq!(decided.into_inner(), 1, "what was applied is not decided again");
    assert_eq!(read(&*store, "counter").await, Some((1, "1".to_owned())));
}

pub(crate) async fn a_lost_request_is_decided_again(store: Arc<dyn Store>) {
    let faulty = faulty(&store, nth(Operation::Commit, 1, Fault::RequestLost));
    assert_eq!(transact(&*faulty, 5, || increment(&*faulty, "counter")).await, Ok(1));
    assert_eq!(read(&*store, "counter").await, Some((1, "1".to_owned())));
}

/// Another writer was faster, and then the answer that says so is lost.
pub(crate) async fn a_lost_answer_of_a_conflict_is_decided_again(store: Arc<dyn Store>) {
    let faulty = faulty(&store, nth(Operation::Commit, 1, Fault::AnswerLost));
    let decided = AtomicUsize::new(0);
    let counted = transact(&*faulty, 5, || async {
        let mine = increment(&*faulty, "counter").await;
        if decided.fetch_add(1, Ordering::Relaxed) == 0 {
            transact(&*store, 1, || increment(&*store, "counter")).await.unwrap();
        }
        mine
    });
    assert_eq!(counted.await, Ok(2));
    assert_eq!(read(&*store, "counter").await, Some((2, "2".to_owned())));
}

pub(crate) async fn what_cannot_be_asked_is_indeterminate(store: Arc<dyn Store>) {
    for (fault, count) in [(Fault::RequestLost, 0), (Fault::AnswerLost, 1)] {
        for silent in [Fault::Unavailable, Fault::Corrupt] {
            let id = format!("{fault:?} {silent:?}");
            let faulty = faulty(&store, move |call: &Call<'_>| match call.operation {
                Operation::Commit => Some(fault),
                Operation::WasCommitted => Some(silent),
                _ => None,
            });
            let counted = transact(&*faulty, 5, || increment(&*faulty, &id)).await;
            assert!(matches!(counted, Err(TransactError::Indeterminate(_))), "{counted:?}");
            assert_eq!(read(&*store, &id).await.map_or(0, |(version, _)| version), count);
        }
    }
}

/// What a seed draws for each commit and for each question after it.
#[derive(Debug, Clone)]
struct Weather(Vec<(Option<Fault>, u8)>);

impl Hook for Weather {
    async fn before(&self, call: Call<'_>) -> Option<Fault> {
        let (fault, yields) = self.0[call.number as usize % self.0.len()];
        // An engine in memory answers immediately: no other task would ever come between a load and a commit.
        for _ in 0..yields {
            tokio::task::yield_now().await;
        }
        fault.filter(|_| matches!(call.operation, Operation::Commit | Operation::WasCommitted))
    }
}

fn weather() -> impl Strategy<Value = Weather> {
    let fault = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Fault::Unavailable)),
        2 => Just(Some(Fault::AnswerLost)),
        2 => Just(Some(Fault::RequestLost)),
    ];
    prop::collection::vec((fault, 0_u8..4), 1..40).prop_map(Weather)
}

/// Runs a check with many seeds, each with its own document name.
fn under_many_weathers(cases: u32, check: impl Fn(Weather, String)) {
    let mut runner = TestRunner::new_with_rng(
        Config { cases, failure_persistence: None, ..Config::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let case = AtomicUsize::new(0);
    let name = || format!("case {}", case.fetch_add(1, Ordering::Relaxed));
    let result = runner.run(&weather(), |weather| {
        check(weather, name());
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// Runs tasks one at a time, in an order that only the hook's yields decide.
fn one_at_a_time<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Runs work on its own thread, since a runtime cannot be started on a runtime's thread.
async fn aside(work: impl FnOnce() + Send + 'static) {
    tokio::task::spawn_blocking(work).await.unwrap();
}

pub(crate) async fn claims_are_won_once_whatever_is_lost(store: Arc<dyn Store>) {
    aside(move || {
        under_many_weathers(40, |weather, id| one_at_a_time(claims(Arc::clone(&store), weather, id)));
    })
    .await;
}

async fn claims(store: Arc<dyn Store>, weather: Weather, id: String) {
    let faulty = faulty(&store, weather);
    let mut tasks = JoinSet::new();
    for claimant in 0..8 {
        let (faulty, id) = (Arc::clone(&faulty), id.clone());
        tasks.spawn(async move {
            let claim = || async {
                let found = faulty.load(&[key(&id)]).await.unwrap().remove(0);
                if let Some(taken) = found {
                    return Err(text(&taken.bytes));
                }
                let write = vec![create(&id, content(&claimant.to_string()))];
                let change = ChangeSet { write, append: vec![event(&id, "won")], ..change() };
                Ok(Decision { change: Some(change), outcome: () })
            };
            (claimant.to_string(), transact(&*faulty, 5, claim).await)
        });
    }
    let outcomes: HashMap<_, _> = tasks.join_all().await.into_iter().collect();
    let winner = load(&*store, &id).await.map(|taken| text(&taken.bytes));
    for (claimant, outcome) in &outcomes {
        let has_won = winner.as_ref() == Some(claimant);
        match outcome {
            Ok(()) => assert!(has_won, "{claimant} got the answer that it won, but {winner:?} did"),
            Err(TransactError::Refused(by)) => {
                assert!(!has_won && winner.as_ref() == Some(by), "{claimant} was refused for {by}");
            }
            Err(error) => assert!(!has_won || !is_definite(error), "{claimant} won and heard {error:?}"),
        }
    }
    let events = store.messages("event", Some(&id), 0, 10).await.unwrap();
    assert_eq!(events.len(), usize::from(winner.is_some()));
}

pub(crate) async fn no_increment_is_lost_or_doubled_whatever_is_lost(store: Arc<dyn Store>) {
    aside(move || {
        under_many_weathers(40, |weather, id| one_at_a_time(increments(Arc::clone(&store), weather, id)));
    })
    .await;
}

async fn increments(store: Arc<dyn Store>, weather: Weather, id: String) {
    let faulty = faulty(&store, weather);
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (faulty, id) = (Arc::clone(&faulty), id.clone());
        tasks.spawn(async move { transact(&*faulty, 20, || increment(&*faulty, &id)).await });
    }
    let outcomes = tasks.join_all().await;
    let applied = read(&*store, &id).await.map_or(0, |(version, _)| version as usize);
    let certain = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    let open =
        outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).filter(|error| !is_definite(error));
    let open = open.count();
    assert!(
        (certain..=certain + open).contains(&applied),
        "{applied} applied, {certain} certain, {open} open: {outcomes:?}"
    );
    // No two callers got the same count: each success is its own.
    let mut counts: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
    counts.sort_unstable();
    counts.dedup();
    assert_eq!(counts.len(), certain);
}

pub(crate) async fn refusals_and_bounds_write_nothing(store: Arc<dyn Store>) {
    let refused = transact(&*store, 5, || async { Err::<Decision<()>, _>("no") }).await;
    assert_eq!(refused, Err(TransactError::Refused("no")));
    let answered =
        transact(&*store, 1, || async { Ok::<_, ()>(Decision { change: None, outcome: 7 }) }).await;
    assert_eq!(answered, Ok(7));
    let never = transact(&*store, 0, || increment(&*store, "counter")).await;
    assert_eq!(never, Err(TransactError::Contended));
    let invalid = ChangeSet { write: vec![create("", content("x"))], ..change() };
    let invalid = || async { Ok::<_, ()>(Decision { change: Some(invalid.clone()), outcome: () }) };
    assert!(matches!(transact(&*store, 5, invalid).await, Err(TransactError::Invalid(_))));
    let full = faulty(&store, |call: &Call<'_>| call.change.map(|_| Fault::Unavailable));
    let unavailable = transact(&*full, 5, || increment(&*full, "counter")).await;
    assert!(matches!(unavailable, Err(TransactError::Unavailable(_))));
    assert_eq!(load(&*store, "counter").await, None);
    let decided = AtomicUsize::new(0);
    let contended = transact(&*store, 3, || async {
        decided.fetch_add(1, Ordering::Relaxed);
        let mine = increment(&*store, "counter").await?;
        transact(&*store, 1, || increment(&*store, "counter")).await.unwrap();
        Ok::<_, StoreError>(mine)
    });
    assert_eq!(contended.await, Err(TransactError::Contended));
    assert_eq!(decided.into_inner(), 3);
    assert_eq!(read(&*store, "counter").await, Some((3, "3".to_owned())));
    assert_eq!(store.was_committed(ChangeId([0; 16])).await, Ok(false));
}
