//! Short ways to write what the tests commit and read.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    ChangeId, ChangeSet, CommitError, Content, Document, Expect, IndexEntry, IndexRange, Key, NewMessage,
    Release, Store, StoreError, Version, Write,
};
use countersign_store::transact::{Decision, TransactError};

pub(crate) fn key(id: &str) -> Key {
    Key { collection: "charge", id: id.to_owned() }
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn change_id() -> ChangeId {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    ChangeId(u128::from(DRAWN.fetch_add(1, Ordering::Relaxed)).to_be_bytes())
}

pub(crate) fn change() -> ChangeSet {
    ChangeSet { id: change_id(), at: at(1), require: Vec::new(), write: Vec::new(), append: Vec::new() }
}

pub(crate) fn content(bytes: &str) -> Content {
    Content { format: 1, bytes: Bytes::from(bytes.to_owned()), due_at: None, index: Vec::new() }
}

pub(crate) fn version(number: u64) -> Expect {
    Expect::Version(Version(number))
}

pub(crate) fn release(sequence: u64, lease_count: u32, deliver_at: Option<Timestamp>) -> Release {
    Release { sequence, lease_count, deliver_at }
}

pub(crate) fn write(id: &str, expect: Expect, content: Content) -> Write {
    Write { key: key(id), expect, content: Some(content) }
}

pub(crate) fn create(id: &str, content: Content) -> Write {
    write(id, Expect::Absent, content)
}

pub(crate) fn delete(id: &str, expect: Expect) -> Write {
    Write { key: key(id), expect, content: None }
}

pub(crate) fn entry(index: &'static str, value: &str) -> IndexEntry {
    IndexEntry { index, value: value.to_owned() }
}

pub(crate) fn event(subject: &str, bytes: &str) -> NewMessage {
    NewMessage {
        topic: "event",
        subject: subject.to_owned(),
        bytes: Bytes::from(bytes.to_owned()),
        deliver_at: None,
    }
}

pub(crate) fn to_send(bytes: &str, deliver_at: i64) -> NewMessage {
    NewMessage { topic: "webhook", deliver_at: Some(at(deliver_at)), ..event("shop", bytes) }
}

pub(crate) async fn commit_writes(
    store: &dyn Store,
    write: impl IntoIterator<Item = Write>,
) -> Result<(), CommitError> {
    store.commit(ChangeSet { write: write.into_iter().collect(), ..change() }).await
}

pub(crate) async fn append(store: &dyn Store, append: impl IntoIterator<Item = NewMessage>) {
    store.commit(ChangeSet { append: append.into_iter().collect(), ..change() }).await.unwrap();
}

pub(crate) async fn load(store: &dyn Store, id: &str) -> Option<Document> {
    store.load(&[key(id)]).await.unwrap().pop().unwrap()
}

/// Version and text of a document.
pub(crate) async fn read(store: &dyn Store, id: &str) -> Option<(u64, String)> {
    load(store, id).await.map(|document| (document.version.0, text(&document.bytes)))
}

pub(crate) fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn all_of(index: &'static str) -> IndexRange {
    IndexRange { index, prefix: String::new(), after: None, limit: 1_000 }
}

/// Value and id of each row.
pub(crate) async fn rows(store: &dyn Store, range: IndexRange) -> Vec<(String, String)> {
    store.range(range).await.unwrap().into_iter().map(|row| (row.value, row.key.id)).collect()
}

/// The bytes of all messages of a topic.
pub(crate) async fn texts(store: &dyn Store, topic: &'static str, subject: Option<&str>) -> Vec<String> {
    let messages = store.messages(topic, subject, 0, 1_000).await.unwrap();
    messages.iter().map(|message| text(&message.bytes)).collect()
}

/// Adds one to a counter, and returns the new value.
pub(crate) async fn increment(store: &dyn Store, id: &str) -> Result<Decision<u64>, StoreError> {
    let found = store.load(&[key(id)]).await?.pop().flatten();
    let count = found.as_ref().map_or(0, |document| text(&document.bytes).parse::<u64>().unwrap()) + 1;
    let expect = found.map_or(Expect::Absent, |document| Expect::Version(document.version));
    let write = vec![write(id, expect, content(&count.to_string()))];
    Ok(Decision { change: Some(ChangeSet { write, ..change() }), outcome: count })
}

/// Whether it is certain that nothing was written.
pub(crate) fn is_definite<E>(error: &TransactError<E>) -> bool {
    match error {
        TransactError::Refused(_)
        | TransactError::Contended
        | TransactError::Unavailable(_)
        | TransactError::Invalid(_) => true,
        TransactError::Indeterminate(_) => false,
    }
}
