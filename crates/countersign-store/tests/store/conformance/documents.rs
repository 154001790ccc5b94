//! Documents, their versions and their keys.

use std::sync::Arc;

use bytes::Bytes;
use countersign_store::contract::{ChangeSet, Content, Document, Expect, Key, Store, Version, Write};

use super::values::{change, commit_writes, content, create, delete, key, load, read, version, write};

pub(crate) async fn a_document_is_read_as_it_was_written(store: Arc<dyn Store>) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for (id, bytes, format) in
        [("empty", Vec::new(), 0), ("every byte", every_byte, u16::MAX), ("large", vec![7; 1 << 20], 1)]
    {
        let bytes = Bytes::from(bytes);
        let written = Content { format, bytes: bytes.clone(), ..content("") };
        commit_writes(&*store, [create(id, written)]).await.unwrap();
        assert_eq!(load(&*store, id).await, Some(Document { version: Version(1), format, bytes }));
    }
    assert_eq!(load(&*store, "absent").await, None);
}

pub(crate) async fn versions_count_from_1_and_begin_anew_after_a_deletion(store: Arc<dyn Store>) {
    commit_writes(&*store, [create("A", content("one"))]).await.unwrap();
    assert_eq!(read(&*store, "A").await, Some((1, "one".to_owned())));
    commit_writes(&*store, [write("A", version(1), content("two"))]).await.unwrap();
    assert_eq!(read(&*store, "A").await, Some((2, "two".to_owned())));
    commit_writes(&*store, [delete("A", version(2))]).await.unwrap();
    assert_eq!(read(&*store, "A").await, None);
    commit_writes(&*store, [create("A", content("again"))]).await.unwrap();
    assert_eq!(read(&*store, "A").await, Some((1, "again".to_owned())));
}

pub(crate) async fn documents_come_in_the_order_of_their_keys(store: Arc<dyn Store>) {
    commit_writes(&*store, ["A", "B", "C"].map(|id| create(id, content(id)))).await.unwrap();
    let keys = ["C", "absent", "A", "C", "B"].map(key);
    let documents = store.load(&keys).await.unwrap();
    let found: Vec<_> = documents.into_iter().map(|document| document.map(|found| found.bytes)).collect();
    assert_eq!(found, [Some("C"), None, Some("A"), Some("C"), Some("B")].map(|id| id.map(Bytes::from)));
    assert_eq!(store.load(&[]).await, Ok(Vec::new()));
}

pub(crate) async fn one_id_in_two_collections_is_two_documents(store: Arc<dyn Store>) {
    let keys = ["charge", "refund"].map(|collection| Key { collection, id: "S".to_owned() });
    let write =
        keys.clone().map(|key| Write { content: Some(content(key.collection)), key, expect: Expect::Absent });
    store.commit(ChangeSet { write: write.into(), ..change() }).await.unwrap();
    let documents = store.load(&keys).await.unwrap();
    let found: Vec<_> = documents.into_iter().flatten().map(|document| document.bytes).collect();
    assert_eq!(found, ["charge", "refund"].map(Bytes::from));
}

pub(crate) async fn ids_are_told_apart_bytewise(store: Arc<dyn Store>) {
    let ids = ["a", "A", "a ", "a\0", "a\0b", "ä", "a\u{308}", "1", "01", "1.0", "%", "_", "'", "a'--"];
    commit_writes(&*store, ids.map(|id| create(id, content(id)))).await.unwrap();
    for id in ids {
        assert_eq!(read(&*store, id).await, Some((1, id.to_owned())));
    }
}
