//! The fault wrapper itself: it fails what it is told to fail, and nothing else.

use std::sync::{Arc, Mutex};

use countersign_store::contract::{ChangeSet, CommitError, Store, StoreError};
use countersign_store::faults::{self, Call, Fault, FaultyStore, Operation, Outage};

use crate::values::{all_of, append, at, change, commit_writes, content, create, key, load, read, to_send};

pub(crate) async fn the_nth_operation_fails_and_no_other(store: Arc<dyn Store>) {
    let faulty = FaultyStore::new(store, faults::nth(Operation::Commit, 2, Fault::Unavailable));
    for (id, fails) in [("1", false), ("2", true), ("3", false)] {
        assert_eq!(load(&faulty, id).await, None);
        assert_eq!(commit_writes(&faulty, [create(id, content(id))]).await.is_err(), fails, "{id}");
        assert_eq!(load(&faulty, id).await.is_none(), fails, "{id}");
    }
    assert_eq!(faulty.calls(), 9);
}

/// Calls every operation once, and tells which were answered.
async fn every_operation(store: &dyn Store) -> Vec<(Operation, Result<(), StoreError>)> {
    let commit = store.commit(ChangeSet { write: vec![create("every", content("x"))], ..change() }).await;
    let commit = commit.map_err(|error| match error {
        CommitError::Unavailable(why) | CommitError::Indeterminate(why) => StoreError::Unavailable(why),
        other => panic!("{other:?}"),
    });
    vec![
        (Operation::Commit, commit),
        (Operation::Load, store.load(&[key("x")]).await.map(drop)),
        (Operation::WasCommitted, store.was_committed(change().id).await.map(drop)),
        (Operation::Due, store.due(at(1), 1).await.map(drop)),
        (Operation::NextDue, store.next_due().await.map(drop)),
        (Operation::Range, store.range(all_of("by_order")).await.map(drop)),
        (Operation::Messages, store.messages("event", None, 0, 1).await.map(drop)),
        (Operation::Lease, store.lease("webhook", at(1), at(2), 1).await.map(drop)),
        (Operation::Release, store.release(1, 1, None).await.map(drop)),
        (Operation::Backlog, store.backlog("webhook", 1).await.map(drop)),
        (Operation::Watermark, store.watermark().await.map(drop)),
        (Operation::Reset, store.reset().await),
    ]
}

pub(crate) async fn every_operation_can_fail_before_it_happens(store: Arc<dyn Store>) {
    let none = FaultyStore::new(Arc::clone(&store), faults::none());
    let names: Vec<_> = every_operation(&none).await.into_iter().map(|(operation, _)| operation).collect();
    for fails in names {
        let plan = faults::nth(fails, 1, Fault::Unavailable);
        let faulty = FaultyStore::new(Arc::clone(&store), plan);
        for (operation, answer) in every_operation(&faulty).await {
            assert_eq!(answer.is_err(), operation == fails, "{operation:?} of {fails:?}");
        }
        let left = load(&*store, "every").await;
        assert_eq!(left.is_some(), fails == Operation::Reset, "{fails:?}");
        store.reset().await.unwrap();
    }
}

pub(crate) async fn a_lost_answer_leaves_its_effect_behind(store: Arc<dyn Store>) {
    for (fault, is_applied) in [(Fault::AnswerLost, true), (Fault::RequestLost, false)] {
        let faulty = FaultyStore::new(Arc::clone(&store), move |_: &Call<'_>| Some(fault));
        let lost = ChangeSet { write: vec![create("A", content("a"))], ..change() };
        let id = lost.id;
        assert!(matches!(faulty.commit(lost).await, Err(CommitError::Indeterminate(_))), "{fault:?}");
        assert_eq!(store.was_committed(id).await, Ok(is_applied), "{fault:?}");
        assert_eq!(load(&*store, "A").await.is_some(), is_applied, "{fault:?}");
        append(&*store, [to_send("m", 1)]).await;
        assert!(faulty.lease("webhook", at(1), at(5), 1).await.is_err(), "{fault:?}");
        let leased = store.lease("webhook", at(2), at(5), 1).await.unwrap();
        assert_eq!(leased.is_empty(), is_applied, "{fault:?}");
        assert!(faulty.reset().await.is_err(), "{fault:?}");
        let left = store.messages("webhook", None, 0, 10).await.unwrap();
        assert_eq!(left.is_empty(), is_applied, "{fault:?}");
    }
}

pub(crate) async fn a_corrupt_read_is_told_from_an_unavailable_one(store: Arc<dyn Store>) {
    let faulty = FaultyStore::new(store, |call: &Call<'_>| match call.number {
        1 => Some(Fault::Corrupt),
        2 => Some(Fault::Unavailable),
        _ => None,
    });
    assert!(matches!(faulty.load(&[key("A")]).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(faulty.load(&[key("A")]).await, Err(StoreError::Unavailable(_))));
    assert_eq!(faulty.load(&[key("A")]).await, Ok(vec![None]));
}

pub(crate) async fn a_read_only_store_reads_until_it_is_healed(store: Arc<dyn Store>) {
    let faulty = FaultyStore::new(store, faults::none());
    commit_writes(&faulty, [create("A", content("a"))]).await.unwrap();
    faulty.fail(Outage::ReadOnly);
    for _ in 0..2 {
        for (operation, answer) in every_operation(&faulty).await {
            assert_eq!(answer.is_err(), operation.writes(), "{operation:?}");
        }
    }
    assert_eq!(read(&faulty, "A").await, Some((1, "a".to_owned())));
    assert_eq!(load(&faulty, "every").await, None);
    faulty.heal();
    commit_writes(&faulty, [create("B", content("b"))]).await.unwrap();
    assert_eq!(read(&faulty, "B").await, Some((1, "b".to_owned())));
}

pub(crate) async fn an_unreachable_store_does_nothing_until_it_is_healed(store: Arc<dyn Store>) {
    let faulty = FaultyStore::new(Arc::clone(&store), faults::none());
    faulty.fail(Outage::Unreachable);
    for (operation, answer) in every_operation(&faulty).await {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{operation:?}");
    }
    assert_eq!(load(&*store, "every").await, None);
    faulty.heal();
    for (operation, answer) in every_operation(&faulty).await {
        assert_eq!(answer, Ok(()), "{operation:?}");
    }
}

pub(crate) async fn a_plan_sees_what_shall_be_committed(store: Arc<dyn Store>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let faulty = FaultyStore::new(Arc::clone(&store), move |call: &Call<'_>| {
        let writes = call.change.map(|change| change.write.len());
        noted.lock().unwrap().push((call.number, call.operation, writes));
        call.change.filter(|change| change.write.iter().any(|write| write.key.id == "bad"))?;
        Some(Fault::Unavailable)
    });
    commit_writes(&faulty, [create("good", content("x"))]).await.unwrap();
    commit_writes(&faulty, [create("fine", content("x")), create("bad", content("x"))]).await.unwrap_err();
    assert_eq!(load(&faulty, "fine").await, None);
    let expected =
        [(1, Operation::Commit, Some(1)), (2, Operation::Commit, Some(2)), (3, Operation::Load, None)];
    assert_eq!(*seen.lock().unwrap(), expected);
}
