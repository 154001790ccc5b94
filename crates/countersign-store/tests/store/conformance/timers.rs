//! Timers: the rows that wake a runner.

use std::sync::Arc;

use countersign_domain::time::Timestamp;
use countersign_store::contract::{ChangeSet, Content, Expect, Key, Store, Write};

use super::values::{at, change, commit_writes, content, create, delete, version, write};

fn timed(due_at: i64) -> Content {
    Content { due_at: Some(at(due_at)), ..content("x") }
}

async fn due(store: &dyn Store, now: i64, limit: usize) -> Vec<(i64, String)> {
    let timers = store.due(at(now), limit).await.unwrap();
    timers.into_iter().map(|timer| (timer.due_at.as_millis(), timer.key.id)).collect()
}

fn ids(timers: &[(i64, &str)]) -> Vec<(i64, String)> {
    timers.iter().map(|(due_at, id)| (*due_at, (*id).to_owned())).collect()
}

pub(crate) async fn due_timers_come_earliest_first_up_to_now(store: Arc<dyn Store>) {
    let writes = [("D", 30), ("B", 20), ("A", 20), ("C", 10), ("E", 0)];
    commit_writes(&*store, writes.map(|(id, due_at)| create(id, timed(due_at)))).await.unwrap();
    commit_writes(&*store, [create("none", content("x"))]).await.unwrap();
    let other = Key { collection: "attempt", id: "Z".to_owned() };
    let other = Write { key: other, expect: Expect::Absent, content: Some(timed(20)) };
    store.commit(ChangeSet { write: vec![other], ..change() }).await.unwrap();
    let all = [(0, "E"), (10, "C"), (20, "Z"), (20, "A"), (20, "B"), (30, "D")];
    assert_eq!(due(&*store, 0, 10).await, ids(&all[..1]));
    assert_eq!(due(&*store, 19, 10).await, ids(&all[..2]));
    assert_eq!(due(&*store, 20, 10).await, ids(&all[..5]));
    assert_eq!(due(&*store, 30, 10).await, ids(&all));
    assert_eq!(due(&*store, 30, 3).await, ids(&all[..3]));
    assert_eq!(due(&*store, 30, 0).await, ids(&[]));
    assert_eq!(store.due(Timestamp::MAX, usize::MAX).await.unwrap().len(), all.len());
}

pub(crate) async fn a_rewrite_moves_the_timer_and_a_deletion_removes_it(store: Arc<dyn Store>) {
    commit_writes(&*store, [create("A", timed(10)), create("B", timed(10))]).await.unwrap();
    commit_writes(&*store, [write("A", version(1), timed(50))]).await.unwrap();
    assert_eq!(due(&*store, 40, 10).await, ids(&[(10, "B")]));
    assert_eq!(due(&*store, 50, 10).await, ids(&[(10, "B"), (50, "A")]));
    commit_writes(&*store, [write("A", version(2), content("no timer")), delete("B", version(1))])
        .await
        .unwrap();
    assert_eq!(due(&*store, 50, 10).await, ids(&[]));
}

pub(crate) async fn the_next_timer_is_the_earliest_of_all(store: Arc<dyn Store>) {
    assert_eq!(store.next_due().await, Ok(None));
    commit_writes(&*store, [create("none", content("x"))]).await.unwrap();
    assert_eq!(store.next_due().await, Ok(None));
    commit_writes(&*store, [create("A", timed(70)), create("B", timed(50))]).await.unwrap();
    assert_eq!(store.next_due().await, Ok(Some(at(50))));
    commit_writes(&*store, [delete("B", version(1))]).await.unwrap();
    assert_eq!(store.next_due().await, Ok(Some(at(70))));
}
