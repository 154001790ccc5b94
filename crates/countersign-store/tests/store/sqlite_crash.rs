//! A process that writes to a SQLite store is killed at random moments, again and again: everything that it
//! acknowledged is there, and every change set is there completely or not at all.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    ChangeId, ChangeSet, Content, Expect, Key, NewMessage, Store, Version, Write,
};
use countersign_store::sqlite::SqliteStore;

/// The environment variable that names the file for the child process, which runs this test again.
const CHILD: &str = "COUNTERSIGN_STORE_CRASH_TEST_FILE";
const THREADS: u64 = 4;
const KILLS: u64 = 30;
/// The number of documents in one change set, in addition to its thread's counter.
const PARTS: u64 = 3;

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn key(id: String) -> Key {
    Key { collection: "charge", id }
}

fn counter(thread: u64) -> Key {
    key(format!("counter {thread}"))
}

fn parts(thread: u64, number: u64) -> Vec<Key> {
    (0..PARTS).map(|part| key(format!("{thread} {number} {part}"))).collect()
}

fn change_id(thread: u64, number: u64) -> ChangeId {
    ChangeId(((u128::from(thread) << 64) | u128::from(number)).to_be_bytes())
}

fn subject(thread: u64, number: u64) -> String {
    format!("{thread} {number}")
}

/// The thread's `number`th change set: new documents, a message, and the counter at `number`.
fn change(thread: u64, number: u64) -> ChangeSet {
    let content = |bytes: String| {
        Some(Content { format: 1, bytes: Bytes::from(bytes), due_at: None, index: Vec::new() })
    };
    let create = |key: Key| Write { content: content(key.id.repeat(20)), key, expect: Expect::Absent };
    let mut write: Vec<_> = parts(thread, number).into_iter().map(create).collect();
    write.push(Write {
        key: counter(thread),
        expect: match number - 1 {
            0 => Expect::Absent,
            before => Expect::Version(Version(before)),
        },
        content: content(number.to_string()),
    });
    let message = NewMessage {
        topic: "event",
        subject: subject(thread, number),
        bytes: Bytes::new(),
        deliver_at: None,
    };
    ChangeSet {
        id: change_id(thread, number),
        at: Timestamp::from_millis(1),
        require: Vec::new(),
        write,
        append: vec![message],
    }
}

fn count(store: &SqliteStore, thread: u64) -> u64 {
    block_on(store.load(&[counter(thread)])).unwrap()[0].as_ref().map_or(0, |found| found.version.0)
}

/// Commits forever, and prints what was acknowledged.
fn write_until_killed(path: &Path) {
    let store = Arc::new(SqliteStore::open(path).unwrap());
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                for number in count(&store, thread) + 1.. {
                    block_on(store.commit(change(thread, number))).unwrap();
                    println!("\nacknowledged {thread} {number}");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Reads acknowledgements, kills the child after this many, and reads those that were still on their way.
fn run_and_kill(path: &Path, kill_after: u64, acknowledged: &mut BTreeMap<u64, u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sqlite_crash::what_was_acknowledged_before_a_kill_is_there_after_it",
            "--nocapture",
        ])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let mut words = line.split(' ');
        if words.next() != Some("acknowledged") {
            continue;
        }
        let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
        // The last line may be cut off by the kill.
        if let [thread, number] = numbers[..] {
            let last = acknowledged.entry(thread).or_insert(0);
            *last = number.max(*last);
        }
        seen += 1;
        if seen == kill_after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= kill_after, "the child ended by itself after {seen}");
}

/// Whether a change set is there; asserts that it is there completely or not at all.
fn is_there(store: &SqliteStore, thread: u64, number: u64) -> bool {
    block_on(async {
        let documents = store.load(&parts(thread, number)).await.unwrap();
        let is_there = documents[0].is_some();
        for (document, key) in documents.into_iter().zip(parts(thread, number)) {
            let bytes = document.map(|document| document.bytes);
            assert_eq!(bytes, is_there.then(|| Bytes::from(key.id.repeat(20))), "{key:?}");
        }
        let messages = store.messages("event", Some(&subject(thread, number)), 0, 10).await.unwrap();
        assert_eq!(messages.len(), usize::from(is_there));
        is_there
    })
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_after_it() {
    if let Some(path) = std::env::var_os(CHILD) {
        return write_until_killed(Path::new(&path));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let mut acknowledged = BTreeMap::new();
    let mut checked = [0; THREADS as usize];
    for round in 0..KILLS {
        // The kills are scattered, so that they hit young logs and old ones.
        let kill_after = 1 + round * 7_919 % 151;
        run_and_kill(&path, kill_after, &mut acknowledged);
        let store = SqliteStore::open(&path).unwrap();
        for (thread, checked) in (0..).zip(&mut checked) {
            let counted = count(&store, thread);
            let last = acknowledged.get(&thread).copied().unwrap_or(0);
            assert!(counted >= last, "round {round}: thread {thread} lost {last}, it has {counted}");
            for number in *checked + 1..=counted {
                assert!(is_there(&store, thread, number), "round {round}: {thread} {number}");
            }
            assert!(!is_there(&store, thread, counted + 1));
            let asked =
                [counted, counted + 1].map(|number| block_on(store.was_committed(change_id(thread, number))));
            assert_eq!(asked, [Ok(counted > 0), Ok(false)]);
            *checked = counted;
        }
    }
    let store = SqliteStore::open(&path).unwrap();
    for (thread, checked) in (0..).zip(checked) {
        assert!((1..=checked).all(|number| is_there(&store, thread, number)));
    }
}
