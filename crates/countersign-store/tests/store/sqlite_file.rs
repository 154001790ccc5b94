//! The SQLite engine's file: what survives closing, what cannot be opened, and what a caller gets when SQLite
//! itself fails.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    ChangeId, ChangeSet, CommitError, Content, Expect, IndexEntry, IndexRange, Key, Lease, NewMessage,
    Release, Store, StoreError, Version, Write,
};
use countersign_store::sqlite::{OpenError, SqliteStore};
use futures_util::future::{FutureExt as _, join_all};
use rusqlite::Connection;
use tempfile::TempDir;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A directory and the path of a store in it.
fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    (directory, path)
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).unwrap()
}

fn key(id: &str) -> Key {
    Key { collection: "charge", id: id.to_owned() }
}

fn create(id: &str) -> Write {
    let index = vec![IndexEntry { index: "by_order", value: id.to_owned() }];
    let due_at = Some(Timestamp::from_millis(50));
    let content = Content { format: 3, bytes: Bytes::from(id.to_owned()), due_at, index };
    Write { key: key(id), expect: Expect::Absent, content: Some(content) }
}

fn creation(number: u8, ids: &[&str]) -> ChangeSet {
    ChangeSet {
        id: ChangeId([number; 16]),
        at: Timestamp::from_millis(i64::from(number)),
        require: Vec::new(),
        write: ids.iter().map(|id| create(id)).collect(),
        append: Vec::new(),
    }
}

fn is_there(store: &SqliteStore, id: &str) -> bool {
    block_on(store.load(&[key(id)])).unwrap()[0].is_some()
}

/// The refusal, without the directory: one line that an operator reads.
fn refusal(path: &Path) -> String {
    let refused = SqliteStore::open(path).unwrap_err().to_string();
    assert!(!refused.contains('\n'), "{refused}");
    refused.replace(&path.display().to_string(), "PATH")
}

#[test]
fn everything_survives_closing_and_opening() {
    let (_directory, path) = place();
    let store = open(&path);
    let webhook = NewMessage {
        topic: "webhook",
        subject: "S".to_owned(),
        bytes: Bytes::from_static(b"m"),
        deliver_at: Some(Timestamp::from_millis(1)),
    };
    let first = ChangeSet { append: vec![webhook], ..creation(7, &["A"]) };
    let (written, leased) = block_on(async {
        store.commit(first).await.unwrap();
        let rewritten = Write { expect: Expect::Version(Version(1)), ..create("A") };
        store.commit(ChangeSet { write: vec![rewritten], ..creation(9, &[]) }).await.unwrap();
        let [now, until] = [1, 100].map(Timestamp::from_millis);
        let leased = store.lease(Lease { topic: "webhook", now, until, limit: 1 }).await.unwrap().remove(0);
        (store.load(&[key("A")]).await.unwrap(), leased)
    });
    drop(store);
    let names: Vec<_> =
        std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "closed, there is no log beside the file and its lock: {names:?}");
    let store = open(&path);
    block_on(async {
        assert_eq!(written[0].as_ref().map(|document| document.version), Some(Version(2)));
        assert_eq!(store.load(&[key("A")]).await.unwrap(), written);
        assert_eq!(store.next_due().await, Ok(Some(Timestamp::from_millis(50))));
        let range = IndexRange { index: "by_order", prefix: String::new(), after: None, limit: 9 };
        assert_eq!(store.range(range).await.unwrap()[0].key, key("A"));
        assert_eq!(store.watermark().await, Ok(Timestamp::from_millis(9)));
        for (number, expected) in [(7, true), (9, true), (8, false)] {
            assert_eq!(store.was_committed(ChangeId([number; 16])).await, Ok(expected));
        }
        let [now, until] = [99, 200].map(Timestamp::from_millis);
        assert_eq!(
            store.lease(Lease { topic: "webhook", now, until, limit: 1 }).await,
            Ok(Vec::new()),
            "the lease holds"
        );
        let ended = Release { sequence: leased.sequence, lease_count: leased.lease_count, deliver_at: None };
        assert_eq!(store.release(ended).await, Ok(true));
    });
}

/// An assigned sequence is never assigned again, with or without a reset or a restart in between.
#[test]
fn sequences_go_on_after_a_reset_and_a_restart() {
    let (_directory, path) = place();
    let event = NewMessage { topic: "event", subject: String::new(), bytes: Bytes::new(), deliver_at: None };
    let mut last = 0;
    for number in 0..3 {
        let store = open(&path);
        block_on(async {
            let change = ChangeSet { append: vec![event.clone()], ..creation(number, &[]) };
            store.commit(change).await.unwrap();
            let message = store.messages("event", None, 0, 1).await.unwrap().remove(0);
            assert!(message.sequence > last);
            last = message.sequence;
            store.reset().await.unwrap();
        });
    }
}

/// A caller may disappear between handing over its change set and the answer.
#[test]
fn dropping_the_store_finishes_what_was_handed_over() {
    let (_directory, path) = place();
    let store = open(&path);
    let ids: Vec<String> = (0..100).map(|number| format!("{number}")).collect();
    for (number, id) in (0..).zip(&ids) {
        // One poll hands it over; then the future is dropped.
        let _ = store.commit(creation(number, &[id])).now_or_never();
    }
    drop(store);
    let store = open(&path);
    assert!(ids.iter().all(|id| is_there(&store, id)));
}

#[test]
fn a_store_that_is_open_cannot_be_opened_again_by_any_name() {
    let (directory, path) = place();
    let store = open(&path);
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [path.clone(), directory.path().join("./store.db"), link] {
        assert_eq!(refusal(&name), "PATH is in use by another process");
    }
    block_on(store.commit(creation(1, &["A"]))).unwrap();
    drop(store);
    assert!(is_there(&open(&path), "A"));
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let of_another_program = |path: &Path| {
        Connection::open(path)
            .unwrap()
            .execute_batch("CREATE TABLE theirs (a); PRAGMA user_version = 3")
            .unwrap();
    };
    let of_another_program_and_empty = |path: &Path| {
        Connection::open(path).unwrap().execute_batch("PRAGMA application_id = 7").unwrap();
    };
    let text = |path: &Path| std::fs::write(path, "listen = \"127.0.0.1:8100\"\n".repeat(100)).unwrap();
    let cases = [
        (of_another_program as fn(&Path), "PATH is not a usable store: another program created it"),
        (of_another_program_and_empty, "PATH is not a usable store: another program created it"),
        (text, "PATH is not a usable store: file is not a database"),
    ];
    for (make, expected) in cases {
        let (_directory, path) = place();
        make(&path);
        let before = std::fs::read(&path).unwrap();
        assert_eq!(refusal(&path), expected);
        assert!(std::fs::read(&path).unwrap() == before, "{expected}");
    }
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let (_directory, path) = place();
    drop(open(&path));
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 99, .. }), "{refused}");
    assert!(refused.to_string().contains("has schema version 99; this program knows versions up to "));
    let version = |connection: Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0))
    };
    assert_eq!(version(Connection::open(&path).unwrap()), Ok(99));
}

#[test]
fn what_the_file_system_refuses_is_said_in_its_words() {
    let (directory, path) = place();
    assert_eq!(
        refusal(&path.join("store.db")),
        "PATH cannot be opened: No such file or directory (os error 2)"
    );
    assert_eq!(refusal(directory.path()), "PATH cannot be opened: is a directory");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn a_file_that_another_program_has_locked_is_in_use() {
    let (_directory, path) = place();
    drop(open(&path));
    let other = Connection::open(&path).unwrap();
    other.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    assert_eq!(refusal(&path), "PATH is in use by another process");
    drop(other);
    open(&path);
}

#[test]
fn others_of_the_machine_cannot_read_the_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let (directory, path) = place();
    let store = open(&path);
    block_on(store.commit(creation(1, &["A"]))).unwrap();
    let entries = std::fs::read_dir(directory.path()).unwrap().map(Result::unwrap);
    let modes: Vec<_> = entries.map(|entry| entry.metadata().unwrap().permissions().mode() & 0o077).collect();
    assert_eq!(modes, [0; 4], "the file, its log, its shared memory and its lock");
}

#[test]
fn a_damaged_file_is_corrupt_and_never_a_wrong_answer() {
    let (_directory, path) = place();
    let store = open(&path);
    for number in 0..100 {
        block_on(store.commit(creation(number, &[&format!("charge {number}")]))).unwrap();
    }
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    // The first page, which identifies the file, stays; everything after it is damaged.
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = 0xa5);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(refusal(&path), "PATH is not a usable store: database disk image is malformed");
}

#[test]
fn a_table_that_is_damaged_while_the_store_is_open_is_corrupt() {
    let (_directory, path) = place();
    let store = open(&path);
    block_on(store.commit(creation(1, &["A"]))).unwrap();
    Connection::open(&path).unwrap().execute_batch("UPDATE documents SET version = -1").unwrap();
    assert!(matches!(block_on(store.load(&[key("A")])), Err(StoreError::Corrupt(_))));
    Connection::open(&path).unwrap().execute_batch("DROP TABLE documents").unwrap();
    assert_eq!(
        block_on(store.load(&[key("A")])),
        Err(StoreError::Corrupt("no such table: documents".to_owned()))
    );
    assert!(matches!(block_on(store.commit(creation(2, &["B"]))), Err(CommitError::Unavailable(_))));
}

/// A trigger makes SQLite fail at a chosen document: `action` is its statement.
fn with_a_trap(path: &Path, id: &str, action: &str) {
    let trap = format!(
        "CREATE TABLE trap_parents (parent INTEGER PRIMARY KEY);
         CREATE TABLE trap (parent INTEGER REFERENCES trap_parents DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER trapped AFTER INSERT ON documents WHEN new.id = '{id}' BEGIN {action}; END"
    );
    Connection::open(path).unwrap().execute_batch(&trap).unwrap();
}

/// Polls each commit once before any answer can be read, so that they share transactions.
fn commit_together(store: &SqliteStore, changes: Vec<ChangeSet>) -> Vec<Result<(), CommitError>> {
    block_on(join_all(changes.into_iter().map(|change| store.commit(change))))
}

#[test]
fn a_change_set_that_fails_in_the_middle_is_taken_back_alone() {
    let (_directory, path) = place();
    drop(open(&path));
    with_a_trap(&path, "bad", "SELECT RAISE(ABORT, 'trapped')");
    let store = open(&path);
    let trapped = Err(CommitError::Unavailable("trapped".to_owned()));
    for round in 0..20_u8 {
        let [before, within, after] = [0, 1, 2].map(|part| format!("{round} {part}"));
        let changes = vec![
            creation(3 * round, &[&before]),
            creation(3 * round + 1, &[&within, "bad"]),
            creation(3 * round + 2, &[&after]),
        ];
        assert_eq!(commit_together(&store, changes), [Ok(()), trapped.clone(), Ok(())]);
        assert_eq!([&before, &within, &after].map(|id| is_there(&store, id)), [true, false, true]);
    }
    assert_eq!(block_on(store.was_committed(ChangeId([1; 16]))), Ok(false));
    assert_eq!(block_on(store.watermark()), Ok(Timestamp::from_millis(59)));
}

/// For some errors SQLite rolls the whole transaction back: none of its requests may be answered as
/// committed, and those after the error must not be committed on their own.
#[test]
fn when_sqlite_takes_back_the_transaction_nothing_of_it_is_answered_yes() {
    let (_directory, path) = place();
    drop(open(&path));
    with_a_trap(&path, "bad", "SELECT RAISE(ROLLBACK, 'trapped')");
    let store = open(&path);
    for round in 0..20_u8 {
        let ids: Vec<_> = (0..6).map(|part| format!("{round} {part}")).collect();
        let mut changes: Vec<_> =
            (0..).zip(&ids).map(|(part, id)| creation(7 * round + part, &[id])).collect();
        changes.insert(3, creation(7 * round + 6, &["bad"]));
        let change_ids: Vec<_> = changes.iter().map(|change| change.id).collect();
        let mut answers = commit_together(&store, changes);
        for (id, answer) in change_ids.iter().zip(&answers) {
            assert_eq!(block_on(store.was_committed(*id)), Ok(answer.is_ok()));
        }
        assert!(matches!(answers.remove(3), Err(CommitError::Unavailable(_))));
        for (id, answer) in ids.iter().zip(answers) {
            assert_eq!(is_there(&store, id), answer.is_ok(), "{id}: {answer:?}");
            assert!(matches!(answer, Ok(()) | Err(CommitError::Unavailable(_))), "{answer:?}");
        }
    }
}

/// How a failed fsync looks to the writer: COMMIT fails, and it is not known what is on disk.
#[test]
fn a_commit_whose_fate_is_open_stops_the_writer_until_the_store_is_opened_anew() {
    let (_directory, path) = place();
    drop(open(&path));
    with_a_trap(&path, "bad", "INSERT INTO trap VALUES (1)");
    let store = open(&path);
    block_on(store.commit(creation(1, &["before"]))).unwrap();
    let failed = block_on(store.commit(creation(2, &["bad"])));
    assert!(matches!(failed, Err(CommitError::Indeterminate(_))), "{failed:?}");
    // A caller that asks gets neither yes nor no, and nobody waits forever.
    let asked = block_on(store.was_committed(ChangeId([2; 16])));
    assert!(matches!(asked, Err(StoreError::Unavailable(_))), "{asked:?}");
    let refused = commit_together(&store, vec![creation(3, &["after"]), creation(4, &["later"])]);
    assert!(refused.iter().all(|answer| matches!(answer, Err(CommitError::Unavailable(_)))), "{refused:?}");
    let [now, until] = [1, 2].map(Timestamp::from_millis);
    assert!(block_on(store.lease(Lease { topic: "webhook", now, until, limit: 1 })).is_err());
    assert!(block_on(store.release(Release { sequence: 1, lease_count: 1, deliver_at: None })).is_err());
    assert!(block_on(store.reset()).is_err());
    assert!(is_there(&store, "before"), "reads go on");
    drop(store);
    let store = open(&path);
    assert_eq!(block_on(store.was_committed(ChangeId([2; 16]))), Ok(false));
    assert!(is_there(&store, "before") && !is_there(&store, "bad") && !is_there(&store, "after"));
    block_on(store.commit(creation(3, &["after"]))).unwrap();
}
