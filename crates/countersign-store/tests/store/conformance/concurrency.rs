//! What must be true while many tasks use one store at the same time.

use std::collections::HashSet;
use std::sync::Arc;

use countersign_store::contract::{ChangeSet, Lease, Store};
use countersign_store::transact::{Decision, TransactError, transact};
use tokio::task::JoinSet;

use super::values::{
    append, at, change, commit_writes, content, create, event, increment, key, load, read, release, text,
    to_send, version, write,
};

const TASKS: u64 = 64;

pub(crate) async fn sixty_four_tasks_count_to_sixty_four(store: Arc<dyn Store>) {
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let store = Arc::clone(&store);
        // The bound is the number of tasks: each time one loses, another has won for good.
        tasks.spawn(async move { transact(&*store, TASKS as usize, || increment(&*store, "counter")).await });
    }
    let mut counts: Vec<u64> = tasks.join_all().await.into_iter().map(Result::unwrap).collect();
    counts.sort_unstable();
    assert!(counts.into_iter().eq(1..=TASKS));
    assert_eq!(read(&*store, "counter").await, Some((TASKS, TASKS.to_string())));
}

pub(crate) async fn one_of_many_claims_wins(store: Arc<dyn Store>) {
    let mut tasks = JoinSet::new();
    for claimant in 0..TASKS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let claim = || async {
                match load(&*store, "claim").await {
                    Some(taken) => Err(text(&taken.bytes)),
                    None => {
                        let write = vec![create("claim", content(&claimant.to_string()))];
                        let change = ChangeSet { write, append: vec![event("claim", "won")], ..change() };
                        Ok(Decision { change: Some(change), outcome: claimant.to_string() })
                    }
                }
            };
            transact(&*store, 2, claim).await
        });
    }
    let (winners, losers): (Vec<_>, Vec<_>) = tasks.join_all().await.into_iter().partition(Result::is_ok);
    let (_, winner) = read(&*store, "claim").await.unwrap();
    assert_eq!(winners, [Ok(winner.clone())]);
    assert!(losers.into_iter().all(|lost| lost == Err(TransactError::Refused(winner.clone()))));
    assert_eq!(store.messages("event", None, 0, 10).await.unwrap().len(), 1);
}

/// Both documents are always written together, so a load that returns different versions of them mixed two moments.
pub(crate) async fn a_load_shows_one_moment(store: Arc<dyn Store>) {
    commit_writes(&*store, ["A", "B"].map(|id| create(id, content("x")))).await.unwrap();
    let mut tasks = JoinSet::new();
    let writer = Arc::clone(&store);
    tasks.spawn(async move {
        for number in 1..=200 {
            let writes = ["A", "B"].map(|id| write(id, version(number), content("x")));
            commit_writes(&*writer, writes).await.unwrap();
        }
    });
    for _ in 0..3 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut seen = 0;
            while seen <= 200 {
                let documents = store.load(&[key("A"), key("B")]).await.unwrap();
                let versions: Vec<_> = documents.into_iter().flatten().map(|found| found.version.0).collect();
                assert_eq!(versions[0], versions[1]);
                assert!(versions[0] >= seen, "what was seen is not unseen");
                seen = versions[0];
                tokio::task::yield_now().await;
            }
        });
    }
    tasks.join_all().await;
}

pub(crate) async fn a_reader_that_saw_a_sequence_misses_no_smaller_one(store: Arc<dyn Store>) {
    const EACH: usize = 40;
    const WRITERS: usize = 8;
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for number in 0..EACH {
                append(&*store, [event("S", &format!("{writer} {number}")), to_send("between", 1)]).await;
            }
        });
    }
    let reader = Arc::clone(&store);
    tasks.spawn(async move {
        let mut after = 0;
        let mut seen = HashSet::new();
        while seen.len() < WRITERS * EACH {
            for message in reader.messages("event", None, after, 7).await.unwrap() {
                assert!(message.sequence > after);
                after = message.sequence;
                assert!(seen.insert(message.bytes));
            }
            tokio::task::yield_now().await;
        }
        // No smaller sequence has appeared after the reader had passed it.
        let all = reader.messages("event", None, 0, 1_000).await.unwrap();
        assert_eq!(all.len(), seen.len());
    });
    tasks.join_all().await;
}

pub(crate) async fn two_takers_never_hold_the_same_lease(store: Arc<dyn Store>) {
    const MESSAGES: usize = 200;
    append(&*store, (0..MESSAGES).map(|number| to_send(&number.to_string(), 1))).await;
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut taken = Vec::new();
            loop {
                let leased = store
                    .lease(Lease { topic: "webhook", now: at(5), until: at(100), limit: 3 })
                    .await
                    .unwrap();
                if leased.is_empty() {
                    return taken;
                }
                for message in leased {
                    assert_eq!(
                        store.release(release(message.sequence, message.lease_count, None)).await,
                        Ok(true)
                    );
                    taken.push(message.sequence);
                }
            }
        });
    }
    let taken: Vec<u64> = tasks.join_all().await.concat();
    assert_eq!(taken.len(), MESSAGES);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>().len(), MESSAGES);
}
