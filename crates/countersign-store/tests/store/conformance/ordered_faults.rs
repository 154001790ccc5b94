//! The intercepting store itself: it fails exactly what its hook names, and counts the operations.

use std::sync::{Arc, Mutex};

use countersign_store::contract::{ChangeSet, CommitError, Content, Lease, Store, StoreError};
use countersign_store::intercept::{
    Call, CallOutcome, Counts, Fault, Hook, InterceptedStore, Operation, Outage, Outages, nth,
};

use super::values::{
    all_of, append, at, change, commit_writes, content, create, entry, key, load, read, release, to_send,
};

pub(crate) async fn the_nth_operation_fails_and_no_other(store: Arc<dyn Store>) {
    let faulty = InterceptedStore::new(store, nth(Operation::Commit, 2, Fault::Unavailable));
    for (id, fails) in [("1", false), ("2", true), ("3", false)] {
        assert_eq!(load(&faulty, id).await, None);
        assert_eq!(commit_writes(&faulty, [create(id, content(id))]).await.is_err(), fails, "{id}");
        assert_eq!(load(&faulty, id).await.is_none(), fails, "{id}");
    }
    assert_eq!(faulty.counts().calls(), 9);
}

/// Calls every operation once, and returns the result of each.
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
        (
            Operation::Lease,
            store.lease(Lease { topic: "webhook", now: at(1), until: at(2), limit: 1 }).await.map(drop),
        ),
        (Operation::Release, store.release(release(1, 1, None)).await.map(drop)),
        (Operation::Backlog, store.backlog("webhook", 1).await.map(drop)),
        (Operation::Watermark, store.watermark().await.map(drop)),
        (Operation::Reset, store.reset().await),
    ]
}

pub(crate) async fn every_operation_can_fail_before_it_happens(store: Arc<dyn Store>) {
    let none = InterceptedStore::new(Arc::clone(&store), ());
    let names: Vec<_> = every_operation(&none).await.into_iter().map(|(operation, _)| operation).collect();
    for fails in names {
        let plan = nth(fails, 1, Fault::Unavailable);
        let faulty = InterceptedStore::new(Arc::clone(&store), plan);
        for (operation, answer) in every_operation(&faulty).await {
            assert_eq!(answer.is_err(), operation == fails, "{operation:?} of {fails:?}");
        }
        let left = load(&*store, "every").await;
        assert_eq!(left.is_some(), fails == Operation::Reset, "{fails:?}");
        store.reset().await.unwrap();
    }
}

pub(crate) async fn a_lost_answer_leaves_its_effect_behind(store: Arc<dyn Store>) {
    for (fault, is_applied) in
        [(Fault::AnswerLost, true), (Fault::SuccessLost, true), (Fault::RequestLost, false)]
    {
        let faulty = InterceptedStore::new(Arc::clone(&store), move |_: &Call<'_>| Some(fault));
        let lost = ChangeSet { write: vec![create("A", content("a"))], ..change() };
        let id = lost.id;
        assert!(matches!(faulty.commit(lost).await, Err(CommitError::Indeterminate(_))), "{fault:?}");
        assert_eq!(store.was_committed(id).await, Ok(is_applied), "{fault:?}");
        assert_eq!(load(&*store, "A").await.is_some(), is_applied, "{fault:?}");
        append(&*store, [to_send("m", 1)]).await;
        assert!(
            faulty.lease(Lease { topic: "webhook", now: at(1), until: at(5), limit: 1 }).await.is_err(),
            "{fault:?}"
        );
        let leased =
            store.lease(Lease { topic: "webhook", now: at(2), until: at(5), limit: 1 }).await.unwrap();
        assert_eq!(leased.is_empty(), is_applied, "{fault:?}");
        assert!(faulty.reset().await.is_err(), "{fault:?}");
        let left = store.messages("webhook", None, 0, 10).await.unwrap();
        assert_eq!(left.is_empty(), is_applied, "{fault:?}");
    }
}

pub(crate) async fn a_refusal_is_answered_where_only_a_success_is_lost(store: Arc<dyn Store>) {
    let faulty = InterceptedStore::new(store, |_: &Call<'_>| Some(Fault::SuccessLost));
    let applied = commit_writes(&faulty, [create("A", content("a"))]).await;
    assert!(matches!(applied, Err(CommitError::Indeterminate(_))), "{applied:?}");
    let refused = commit_writes(&faulty, [create("A", content("twice"))]).await;
    assert_eq!(refused, Err(CommitError::Conflict));
}

pub(crate) async fn a_corrupt_read_is_told_from_an_unavailable_one(store: Arc<dyn Store>) {
    let faulty = InterceptedStore::new(store, |call: &Call<'_>| match call.number {
        1 => Some(Fault::Corrupt),
        2 => Some(Fault::Unavailable),
        _ => None,
    });
    assert!(matches!(faulty.load(&[key("A")]).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(faulty.load(&[key("A")]).await, Err(StoreError::Unavailable(_))));
    assert_eq!(faulty.load(&[key("A")]).await, Ok(vec![None]));
}

pub(crate) async fn a_read_only_store_reads_until_it_is_healed(store: Arc<dyn Store>) {
    let faulty = InterceptedStore::new(store, Outages::default());
    commit_writes(&faulty, [create("A", content("a"))]).await.unwrap();
    faulty.hook.fail(Outage::ReadOnly);
    for _ in 0..2 {
        for (operation, answer) in every_operation(&faulty).await {
            assert_eq!(answer.is_err(), operation.writes(), "{operation:?}");
        }
    }
    assert_eq!(read(&faulty, "A").await, Some((1, "a".to_owned())));
    assert_eq!(load(&faulty, "every").await, None);
    faulty.hook.heal();
    commit_writes(&faulty, [create("B", content("b"))]).await.unwrap();
    assert_eq!(read(&faulty, "B").await, Some((1, "b".to_owned())));
}

pub(crate) async fn an_unreachable_store_does_nothing_until_it_is_healed(store: Arc<dyn Store>) {
    let faulty = InterceptedStore::new(Arc::clone(&store), Outages::default());
    faulty.hook.fail(Outage::Unreachable);
    for (operation, answer) in every_operation(&faulty).await {
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{operation:?}");
    }
    assert_eq!(load(&*store, "every").await, None);
    faulty.hook.heal();
    for (operation, answer) in every_operation(&faulty).await {
        assert_eq!(answer, Ok(()), "{operation:?}");
    }
}

pub(crate) async fn a_hook_sees_what_shall_be_committed(store: Arc<dyn Store>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let faulty = InterceptedStore::new(Arc::clone(&store), move |call: &Call<'_>| {
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

/// A hook that records what it sees, in order.
#[derive(Default)]
struct Notes(Mutex<Vec<(&'static str, Operation, usize)>>);

impl Notes {
    fn note(&self, when: &'static str, call: Call<'_>) {
        self.0.lock().unwrap().push((when, call.operation, call.keys.len()));
    }
}

impl Hook for Notes {
    async fn before(&self, call: Call<'_>) -> Option<Fault> {
        self.note("before", call);
        let is_refused = call.change.is_some_and(|change| change.write.is_empty());
        is_refused.then_some(Fault::RequestLost)
    }

    async fn after(&self, call: Call<'_>, outcome: CallOutcome) {
        self.note(if outcome == CallOutcome::Done { "done" } else { "failed" }, call);
    }
}

pub(crate) async fn a_hook_runs_before_and_after_and_what_is_done_is_counted(store: Arc<dyn Store>) {
    let noted = InterceptedStore::new(store, Notes::default());
    let indexed = Content { index: vec![entry("by_order", "1"), entry("by_state", "new")], ..content("x") };
    let first = ChangeSet {
        write: vec![create("A", indexed.clone()), create("B", indexed)],
        append: vec![to_send("m", 1)],
        ..change()
    };
    noted.commit(first).await.unwrap();
    let earlier = noted.counts();
    commit_writes(&noted, [create("A", content("twice"))]).await.unwrap_err();
    noted.commit(change()).await.unwrap_err();
    noted.load(&[key("A"), key("B")]).await.unwrap();
    noted.next_due().await.unwrap();
    noted.lease(Lease { topic: "webhook", now: at(1), until: at(2), limit: 1 }).await.unwrap();
    let expected = [
        ("before", Operation::Commit, 0),
        ("done", Operation::Commit, 0),
        ("before", Operation::Commit, 0),
        ("failed", Operation::Commit, 0),
        // An operation that does not happen has no end.
        ("before", Operation::Commit, 0),
        ("before", Operation::Load, 2),
        ("done", Operation::Load, 2),
        ("before", Operation::NextDue, 0),
        ("done", Operation::NextDue, 0),
        ("before", Operation::Lease, 0),
        ("done", Operation::Lease, 0),
    ];
    assert_eq!(*noted.hook.0.lock().unwrap(), expected);
    let applied = Counts {
        commits: 1,
        applied: 1,
        documents_written: 2,
        index_entries: 4,
        messages: 1,
        ..Counts::default()
    };
    assert_eq!(earlier, applied);
    let later = Counts {
        commits: 2,
        loads: 1,
        documents_loaded: 2,
        other_reads: 1,
        other_writes: 1,
        ..Counts::default()
    };
    assert_eq!(noted.counts().since(earlier), later);
    assert_eq!(noted.counts().calls(), 6);
}
