//! Change sets: applied completely or not at all; their limits, their ids, and the watermark.

use std::sync::Arc;

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    CHANGE_IDS_KEPT, ChangeSet, CommitError, Content, Expect, Key, Lease, MAX_BYTES, MAX_CHANGES,
    MAX_KEY_LEN, NewMessage, Store, Write,
};

use super::values::{
    all_of, append, at, change, commit_writes, content, create, delete, entry, event, key, load, read, rows,
    texts, to_send, version, write,
};

pub(crate) async fn a_document_that_is_not_as_expected_is_a_conflict(store: Arc<dyn Store>) {
    commit_writes(&*store, [create("A", content("one"))]).await.unwrap();
    commit_writes(&*store, [write("A", version(1), content("two"))]).await.unwrap();
    for (id, expect) in [
        ("A", Expect::Absent),
        ("A", version(0)),
        ("A", version(1)),
        ("A", version(3)),
        ("A", version(u64::MAX)),
        ("B", version(0)),
        ("B", version(1)),
    ] {
        let written = commit_writes(&*store, [write(id, expect, content("x"))]).await;
        assert_eq!(written, Err(CommitError::Conflict), "{id} {expect:?}");
        let deleted = commit_writes(&*store, [delete(id, expect)]).await;
        assert_eq!(deleted, Err(CommitError::Conflict), "{id} {expect:?}");
        let required = store.commit(ChangeSet { require: vec![(key(id), expect)], ..change() }).await;
        assert_eq!(required, Err(CommitError::Conflict), "{id} {expect:?}");
    }
    assert_eq!(read(&*store, "A").await, Some((2, "two".to_owned())));
    assert_eq!(load(&*store, "B").await, None);
}

/// Each conflicting part is last, after parts that could have been applied.
pub(crate) async fn a_conflict_changes_nothing(store: Arc<dyn Store>) {
    commit_writes(&*store, [create("kept", content("kept"))]).await.unwrap();
    let timed = Content { due_at: Some(at(5)), index: vec![entry("by_order", "O")], ..content("x") };
    let whole = ChangeSet {
        at: at(9_000),
        write: vec![create("new", timed), delete("kept", version(1))],
        append: vec![event("S", "x"), to_send("x", 1)],
        ..change()
    };
    let conflicts = [
        ChangeSet { require: vec![(key("other"), version(1))], ..whole.clone() },
        ChangeSet {
            write: [whole.write.clone(), vec![delete("other", version(1))]].concat(),
            ..whole.clone()
        },
    ];
    for conflicting in conflicts {
        let id = conflicting.id;
        assert_eq!(store.commit(conflicting).await, Err(CommitError::Conflict));
        assert_eq!(store.was_committed(id).await, Ok(false));
    }
    assert_eq!(load(&*store, "new").await, None);
    assert_eq!(read(&*store, "kept").await, Some((1, "kept".to_owned())));
    assert_eq!(store.next_due().await, Ok(None));
    assert_eq!(rows(&*store, all_of("by_order")).await, []);
    assert_eq!(store.messages("event", None, 0, 10).await, Ok(Vec::new()));
    assert_eq!(
        store.lease(Lease { topic: "webhook", now: at(10), until: at(20), limit: 10 }).await,
        Ok(Vec::new())
    );
    assert_eq!(store.watermark().await, Ok(at(1)));
    // Without the conflict the same change set is applied: no other part prevented it.
    assert_eq!(store.commit(whole).await, Ok(()));
    assert_eq!(store.watermark().await, Ok(at(9_000)));
}

pub(crate) async fn what_is_only_required_is_not_written(store: Arc<dyn Store>) {
    commit_writes(&*store, [create("A", content("one"))]).await.unwrap();
    let require = vec![(key("A"), version(1)), (key("absent"), Expect::Absent)];
    let write = vec![create("B", content("b"))];
    store.commit(ChangeSet { require, write, ..change() }).await.unwrap();
    assert_eq!(read(&*store, "A").await, Some((1, "one".to_owned())));
    assert_eq!(load(&*store, "absent").await, None);
    assert_eq!(read(&*store, "B").await, Some((1, "b".to_owned())));
}

pub(crate) async fn deleting_what_is_absent_changes_nothing(store: Arc<dyn Store>) {
    commit_writes(&*store, [delete("A", Expect::Absent)]).await.unwrap();
    assert_eq!(load(&*store, "A").await, None);
    commit_writes(&*store, [create("A", content("one"))]).await.unwrap();
    assert_eq!(read(&*store, "A").await, Some((1, "one".to_owned())));
}

fn named(id: String) -> Write {
    Write { key: Key { collection: "charge", id }, expect: Expect::Absent, content: Some(content("x")) }
}

fn many(count: usize) -> Vec<Write> {
    (0..count).map(|number| named(format!("many {number}"))).collect()
}

fn indexed(value: String, count: usize) -> Vec<Write> {
    let entry = |number| entry("by_order", &format!("{}{value}", if number == 0 { "" } else { "x" }));
    let index = (0..count).map(entry).collect();
    vec![create("indexed", Content { index, ..content("x") })]
}

fn long(length: usize) -> String {
    "x".repeat(length)
}

fn zeros(length: usize) -> Bytes {
    Bytes::from(vec![0; length])
}

pub(crate) async fn a_change_set_over_a_limit_is_refused_and_changes_nothing(store: Arc<dyn Store>) {
    let words: &'static str = Box::leak(long(MAX_KEY_LEN + 1).into_boxed_str());
    let message = |message: NewMessage| ChangeSet { append: vec![message], ..change() };
    let writes = |write: Vec<Write>| ChangeSet { write, ..change() };
    let required = |count: usize| -> Vec<_> {
        many(count)
            .into_iter()
            .map(|write| (Key { collection: "other", ..write.key }, Expect::Absent))
            .collect()
    };
    let cases = [
        ("documents", writes(many(MAX_CHANGES + 1))),
        ("documents", ChangeSet { require: required(1), write: many(MAX_CHANGES), ..change() }),
        ("messages", ChangeSet { append: vec![event("S", "x"); MAX_CHANGES + 1], ..change() }),
        ("key", writes(vec![named(String::new())])),
        ("key", writes(vec![named(long(MAX_KEY_LEN + 1))])),
        (
            "key",
            writes(vec![Write { key: Key { collection: words, id: "x".into() }, ..create("", content("")) }]),
        ),
        ("key", ChangeSet { require: vec![(key(words), Expect::Absent)], ..change() }),
        ("index", writes(indexed(long(MAX_KEY_LEN + 1), 1))),
        ("index", writes(vec![create("x", Content { index: vec![entry(words, "x")], ..content("x") })])),
        ("index entries", writes(indexed(String::new(), MAX_CHANGES + 1))),
        ("subject", message(event(words, "x"))),
        ("topic", message(NewMessage { topic: words, ..event("S", "x") })),
        ("bytes", writes(vec![create("x", Content { bytes: zeros(MAX_BYTES + 1), ..content("") })])),
        ("bytes", message(NewMessage { bytes: zeros(MAX_BYTES + 1), ..event("S", "") })),
    ];
    for (what, mut refused) in cases {
        let id = refused.id;
        // The valid part of a refused change set is not applied either.
        refused.append.push(event("S", "valid"));
        match store.commit(refused).await {
            Err(CommitError::Invalid(why)) => assert!(why.contains(what), "{what}: {why}"),
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(store.was_committed(id).await, Ok(false), "{what}");
    }
    assert_eq!(store.messages("event", None, 0, 10).await, Ok(Vec::new()));
}

pub(crate) async fn a_change_set_at_every_limit_is_applied(store: Arc<dyn Store>) {
    let mut write = many(MAX_CHANGES - 4);
    write.push(named(long(MAX_KEY_LEN)));
    write.extend(indexed(long(MAX_KEY_LEN - 1), MAX_CHANGES));
    write.push(create("bytes", Content { bytes: zeros(MAX_BYTES), ..content("") }));
    let require = vec![(key("absent"), Expect::Absent)];
    let append = vec![event(&long(MAX_KEY_LEN), "x"); MAX_CHANGES];
    store.commit(ChangeSet { require, write, append, ..change() }).await.unwrap();
    assert_eq!(load(&*store, "bytes").await.unwrap().bytes.len(), MAX_BYTES);
    assert!(load(&*store, &long(MAX_KEY_LEN)).await.is_some());
    assert_eq!(store.messages("event", Some(&long(MAX_KEY_LEN)), 0, 1_000).await.unwrap().len(), MAX_CHANGES);
}

pub(crate) async fn a_key_twice_is_refused(store: Arc<dyn Store>) {
    let twice = [
        ChangeSet { write: vec![create("A", content("1")), create("A", content("2"))], ..change() },
        ChangeSet {
            require: vec![(key("A"), Expect::Absent)],
            write: vec![create("A", content("1"))],
            ..change()
        },
        ChangeSet { require: vec![(key("A"), Expect::Absent); 2], ..change() },
    ];
    for change in twice {
        assert!(
            matches!(store.commit(change).await, Err(CommitError::Invalid(why)) if why.contains("charge A"))
        );
    }
    assert_eq!(load(&*store, "A").await, None);
}

pub(crate) async fn an_empty_change_set_is_remembered(store: Arc<dyn Store>) {
    let change = ChangeSet { at: at(7), ..change() };
    let id = change.id;
    store.commit(change).await.unwrap();
    assert_eq!(store.was_committed(id).await, Ok(true));
    assert_eq!(store.watermark().await, Ok(at(7)));
}

pub(crate) async fn was_committed_tells_applied_from_not_applied(store: Arc<dyn Store>) {
    let applied = ChangeSet { write: vec![create("A", content("a"))], ..change() };
    let refused = ChangeSet { write: vec![create("A", content("b"))], ..change() };
    let (yes, no, never) = (applied.id, refused.id, change().id);
    store.commit(applied).await.unwrap();
    store.commit(refused).await.unwrap_err();
    for (id, expected) in [(yes, true), (no, false), (never, false)] {
        assert_eq!(store.was_committed(id).await, Ok(expected));
    }
}

/// A clock that jumps must not make the store forget; only newer change sets may.
pub(crate) async fn the_last_change_ids_are_kept(store: Arc<dyn Store>) {
    let first = change();
    let id = first.id;
    store.commit(first).await.unwrap();
    for jump in [Timestamp::MAX, at(1), Timestamp::MAX] {
        store.commit(ChangeSet { at: jump, ..change() }).await.unwrap();
    }
    let rest = CHANGE_IDS_KEPT - 4;
    let committing = (0..rest).map(|_| store.commit(change()));
    for committed in futures_util::future::join_all(committing).await {
        committed.unwrap();
    }
    assert_eq!(store.was_committed(id).await, Ok(true));
}

pub(crate) async fn a_future_that_is_never_polled_changes_nothing(store: Arc<dyn Store>) {
    append(&*store, [to_send("m", 1)]).await;
    let change = ChangeSet { write: vec![create("A", content("a"))], ..change() };
    let id = change.id;
    drop(store.commit(change));
    drop(store.lease(Lease { topic: "webhook", now: at(5), until: at(10), limit: 1 }));
    drop(store.reset());
    assert_eq!(store.was_committed(id).await, Ok(false));
    assert_eq!(load(&*store, "A").await, None);
    assert_eq!(
        store.lease(Lease { topic: "webhook", now: at(5), until: at(10), limit: 1 }).await.unwrap()[0]
            .lease_count,
        1
    );
}

pub(crate) async fn the_watermark_is_the_latest_instant_of_all_change_sets(store: Arc<dyn Store>) {
    assert_eq!(store.watermark().await, Ok(Timestamp::UNIX_EPOCH));
    for (change_at, expected) in [(5, 5), (3, 5), (5, 5), (9, 9), (8, 9)] {
        store.commit(ChangeSet { at: at(change_at), ..change() }).await.unwrap();
        assert_eq!(store.watermark().await, Ok(at(expected)));
    }
}

pub(crate) async fn reset_forgets_everything_but_the_sequence(store: Arc<dyn Store>) {
    let timed = Content { due_at: Some(at(5)), index: vec![entry("by_order", "O")], ..content("x") };
    let whole = ChangeSet {
        at: at(9),
        write: vec![create("A", timed)],
        append: vec![event("S", "x"), to_send("x", 1)],
        ..change()
    };
    let id = whole.id;
    store.commit(whole.clone()).await.unwrap();
    let last = store.messages("webhook", None, 0, 1).await.unwrap()[0].sequence;
    store.reset().await.unwrap();
    assert_eq!(load(&*store, "A").await, None);
    assert_eq!(store.next_due().await, Ok(None));
    assert_eq!(store.due(at(10), 10).await, Ok(Vec::new()));
    assert_eq!(rows(&*store, all_of("by_order")).await, []);
    assert_eq!(texts(&*store, "event", None).await, Vec::<String>::new());
    assert_eq!(texts(&*store, "event", Some("S")).await, Vec::<String>::new());
    assert_eq!(
        store.lease(Lease { topic: "webhook", now: at(10), until: at(20), limit: 10 }).await,
        Ok(Vec::new())
    );
    assert_eq!(store.was_committed(id).await, Ok(false));
    assert_eq!(store.watermark().await, Ok(Timestamp::UNIX_EPOCH));
    store.commit(whole).await.unwrap();
    assert_eq!(read(&*store, "A").await, Some((1, "x".to_owned())));
    assert!(store.messages("event", None, 0, 1).await.unwrap()[0].sequence > last);
}
