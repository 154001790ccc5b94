//! Random commands against an engine and a model that is too simple to be wrong: lists, sorted when they are
//! read.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{
    ChangeSet, CommitError, Content, DueTimer, Expect, IndexRange, IndexRow, Key, Lease, Message, NewMessage,
    Store, Version, Write,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::values::{at, change, entry, release};

const COLLECTIONS: [&str; 2] = ["charge", "refund"];
const IDS: [&str; 4] = ["A", "AA", "a", "ä"];
const INDEXES: [(&str, &str); 3] = [("charge", "by_order"), ("charge", "by_state"), ("refund", "by_charge")];
const VALUES: [&str; 4] = ["", "x", "xy", "y"];
const TOPICS: [&str; 2] = ["event", "webhook"];
const SUBJECTS: [&str; 2] = ["S", "T"];

#[derive(Debug, Clone)]
enum Command {
    Commit { change_at: i64, require: Vec<Part>, write: Vec<(Part, Option<Draft>)>, append: Vec<NewMessage> },
    Lease { topic: &'static str, now: i64, length: i64, limit: usize },
    Release { back: usize, lease_count: u32, deliver_at: Option<i64> },
    Reset,
}

/// A key, and whether the expectation for it is right.
#[derive(Debug, Clone)]
struct Part {
    key: Key,
    is_right: bool,
}

#[derive(Debug, Clone)]
struct Draft {
    bytes: Vec<u8>,
    due_at: Option<i64>,
    entries: Vec<(usize, &'static str)>,
}

#[derive(Debug, Default)]
struct Model {
    documents: BTreeMap<Key, (u64, Content)>,
    messages: Vec<ModelMessage>,
    watermark: i64,
}

#[derive(Debug)]
struct ModelMessage {
    sequence: u64,
    message: NewMessage,
    deliver_at: Option<i64>,
    lease_count: u32,
    is_leased: bool,
}

impl Model {
    fn expect(&self, part: &Part) -> Expect {
        let version = self.documents.get(&part.key).map(|(version, _)| *version);
        match (version, part.is_right) {
            (None, true) => Expect::Absent,
            (Some(version), true) => Expect::Version(Version(version)),
            (None, false) => Expect::Version(Version(1)),
            (Some(version), false) => Expect::Version(Version(version + 1)),
        }
    }

    fn put(&mut self, key: &Key, content: Option<Content>) {
        let version = self.documents.remove(key).map_or(1, |(version, _)| version + 1);
        if let Some(content) = content {
            self.documents.insert(key.clone(), (version, content));
        }
    }

    fn due(&self, now: Timestamp) -> Vec<DueTimer> {
        let timers = self.documents.iter();
        let timers = timers.filter_map(|(key, (_, content))| {
            Some(DueTimer { key: key.clone(), due_at: content.due_at.filter(|due_at| *due_at <= now)? })
        });
        let mut timers: Vec<_> = timers.collect();
        timers.sort_by_key(|timer| timer.due_at);
        timers
    }

    fn range(&self, range: &IndexRange) -> Vec<IndexRow> {
        let entries = self.documents.iter().flat_map(|(key, (_, content))| {
            content.index.iter().filter(|entry| entry.index == range.index).map(move |entry| (entry, key))
        });
        let mut rows: Vec<_> = entries
            .filter(|(entry, _)| entry.value.starts_with(&range.prefix))
            .map(|(entry, key)| (entry.value.clone(), key.id.clone(), key.collection))
            .filter(|(value, id, _)| {
                range.after.as_ref().is_none_or(|after| (value, id) > (&after.0, &after.1))
            })
            .collect();
        rows.sort_unstable();
        rows.dedup();
        let row = |(value, id, collection)| IndexRow { value, key: Key { collection, id } };
        rows.into_iter().map(row).take(range.limit).collect()
    }

    fn messages(&self, topic: &str, subject: Option<&str>, after: u64, limit: usize) -> Vec<Message> {
        let found = self.messages.iter().filter(|kept| {
            kept.message.topic == topic
                && subject.is_none_or(|subject| kept.message.subject == subject)
                && kept.sequence > after
        });
        found.take(limit).map(ModelMessage::read).collect()
    }

    fn lease(&mut self, topic: &str, now: i64, until: i64, limit: usize) -> Vec<Message> {
        let mut due: Vec<_> = self.messages.iter_mut().collect();
        due.retain(|kept| kept.message.topic == topic && kept.deliver_at.is_some_and(|at| at <= now));
        due.sort_by_key(|kept| (kept.deliver_at, kept.sequence));
        due.truncate(limit);
        let lease = |kept: &mut ModelMessage| {
            kept.deliver_at = Some(until);
            kept.lease_count += 1;
            kept.is_leased = true;
            kept.read()
        };
        due.into_iter().map(lease).collect()
    }
}

impl ModelMessage {
    fn read(&self) -> Message {
        Message {
            sequence: self.sequence,
            subject: self.message.subject.clone(),
            bytes: self.message.bytes.clone(),
            lease_count: self.lease_count,
        }
    }
}

fn draft(key: &Key, draft: &Draft) -> Content {
    // An index belongs to one collection.
    let of_collection = |at: usize| INDEXES[at].0 == key.collection;
    Content {
        format: draft.bytes.len() as u16,
        bytes: Bytes::from(draft.bytes.clone()),
        due_at: draft.due_at.map(at),
        index: draft
            .entries
            .iter()
            .filter(|(index, _)| of_collection(*index))
            .map(|(index, value)| entry(INDEXES[*index].1, value))
            .collect(),
    }
}

async fn apply(store: &dyn Store, model: &mut Model, command: Command) {
    match command {
        Command::Commit { change_at, require, write, append } => {
            let all = require.iter().chain(write.iter().map(|(part, _)| part));
            let is_right = all.clone().all(|part| part.is_right);
            let mut keys: Vec<_> = all.map(|part| &part.key).collect();
            keys.sort_unstable();
            let is_valid = !keys.windows(2).any(|pair| pair[0] == pair[1]);
            let require = require.iter().map(|part| (part.key.clone(), model.expect(part))).collect();
            let write: Vec<_> = write
                .into_iter()
                .map(|(part, new)| Write {
                    expect: model.expect(&part),
                    content: new.map(|new| draft(&part.key, &new)),
                    key: part.key,
                })
                .collect();
            let change = ChangeSet { at: at(change_at), require, write, append, ..change() };
            let committed = store.commit(change.clone()).await;
            assert_eq!(store.was_committed(change.id).await, Ok(committed.is_ok()));
            match (is_valid, is_right) {
                (false, _) => assert!(matches!(committed, Err(CommitError::Invalid(_))), "{committed:?}"),
                (true, false) => assert_eq!(committed, Err(CommitError::Conflict)),
                (true, true) => {
                    assert_eq!(committed, Ok(()));
                    accept(store, model, change).await;
                }
            }
        }
        Command::Lease { topic, now, length, limit } => {
            let leased =
                store.lease(Lease { topic, now: at(now), until: at(now + length), limit }).await.unwrap();
            assert_eq!(leased, model.lease(topic, now, now + length, limit));
        }
        Command::Release { back, lease_count, deliver_at } => {
            let kept = model.messages.iter_mut().rev().nth(back);
            let sequence = kept.as_ref().map_or(1 << 40, |kept| kept.sequence);
            let released = store.release(release(sequence, lease_count, deliver_at.map(at))).await;
            let Some(kept) = kept.filter(|kept| kept.is_leased && kept.lease_count == lease_count) else {
                assert_eq!(released, Ok(false));
                return;
            };
            assert_eq!(released, Ok(true));
            (kept.is_leased, kept.deliver_at) = (false, deliver_at);
        }
        Command::Reset => {
            store.reset().await.unwrap();
            *model = Model::default();
        }
    }
}

/// Applies to the model what was committed, with the sequences that the engine chose.
async fn accept(store: &dyn Store, model: &mut Model, change: ChangeSet) {
    for write in change.write {
        model.put(&write.key, write.content);
    }
    model.watermark = model.watermark.max(change.at.as_millis());
    let known = model.messages.last().map_or(0, |kept| kept.sequence);
    let mut sequences = Vec::new();
    for topic in TOPICS {
        let new = store.messages(topic, None, known, 100).await.unwrap();
        sequences.extend(new.into_iter().map(|message| message.sequence));
    }
    sequences.sort_unstable();
    assert_eq!(sequences.len(), change.append.len());
    for (sequence, message) in sequences.into_iter().zip(change.append) {
        let deliver_at = message.deliver_at.map(Timestamp::as_millis);
        model.messages.push(ModelMessage { sequence, message, deliver_at, lease_count: 0, is_leased: false });
    }
}

async fn compare(store: &dyn Store, model: &Model) {
    let keys: Vec<_> =
        COLLECTIONS.iter().flat_map(|collection| IDS.iter().map(|id| key(collection, id))).collect();
    for (key, found) in keys.iter().zip(store.load(&keys).await.unwrap()) {
        let found = found.map(|document| (document.version.0, document.format, document.bytes));
        let expected = model.documents.get(key);
        assert_eq!(found, expected.map(|(version, of)| (*version, of.format, of.bytes.clone())));
    }
    for (now, limit) in [(3, 10), (9, 3), (20, 100)] {
        let expected: Vec<_> = model.due(at(now)).into_iter().take(limit).collect();
        assert_eq!(store.due(at(now), limit).await.unwrap(), expected);
    }
    let next = model.due(Timestamp::MAX).first().map(|timer| timer.due_at);
    assert_eq!(store.next_due().await, Ok(next));
    for (_, index) in INDEXES {
        for prefix in ["", "x", "z"] {
            for after in [None, Some(("x".to_owned(), "AA".to_owned()))] {
                for limit in [2, 100] {
                    let range = IndexRange { index, prefix: prefix.to_owned(), after: after.clone(), limit };
                    assert_eq!(store.range(range.clone()).await.unwrap(), model.range(&range), "{range:?}");
                }
            }
        }
    }
    let middle = model.messages.get(model.messages.len() / 2).map_or(0, |kept| kept.sequence);
    for topic in TOPICS {
        for subject in [None, Some("S")] {
            for (after, limit) in [(0, 100), (middle, 2)] {
                let found = store.messages(topic, subject, after, limit).await.unwrap();
                assert_eq!(found, model.messages(topic, subject, after, limit));
            }
        }
    }
    assert_eq!(store.watermark().await, Ok(at(model.watermark)));
}

fn key(collection: &'static str, id: &str) -> Key {
    Key { collection, id: id.to_owned() }
}

fn part() -> impl Strategy<Value = Part> {
    let one = (prop::sample::select(&COLLECTIONS[..]), prop::sample::select(&IDS[..]), 0..12_u8);
    one.prop_map(|(collection, id, luck)| Part { key: key(collection, id), is_right: luck > 0 })
}

fn new_content() -> impl Strategy<Value = Draft> {
    let entries = prop::collection::vec((0..INDEXES.len(), prop::sample::select(&VALUES[..])), 0..4);
    let due_at = prop::option::of(0..12_i64);
    (prop::collection::vec(any::<u8>(), 0..6), due_at, entries).prop_map(|(bytes, due_at, entries)| Draft {
        bytes,
        due_at,
        entries,
    })
}

fn message() -> impl Strategy<Value = NewMessage> {
    let words = (prop::sample::select(&TOPICS[..]), prop::sample::select(&SUBJECTS[..]));
    (words, any::<u8>(), prop::option::of(0..12_i64)).prop_map(|((topic, subject), byte, deliver_at)| {
        let bytes = Bytes::from(vec![byte]);
        NewMessage { topic, subject: subject.to_owned(), bytes, deliver_at: deliver_at.map(at) }
    })
}

fn command() -> impl Strategy<Value = Command> {
    let commit = (
        0..100_i64,
        prop::collection::vec(part(), 0..2),
        prop::collection::vec((part(), prop::option::weighted(0.8, new_content())), 0..4),
        prop::collection::vec(message(), 0..3),
    )
        .prop_map(|(change_at, require, write, append)| Command::Commit {
            change_at,
            require,
            write,
            append,
        });
    let lease = (prop::sample::select(&TOPICS[..]), 0..15_i64, 0..6_i64, 0..4_usize)
        .prop_map(|(topic, now, length, limit)| Command::Lease { topic, now, length, limit });
    let release = (0..4_usize, 0..3_u32, prop::option::of(0..12_i64))
        .prop_map(|(back, lease_count, deliver_at)| Command::Release { back, lease_count, deliver_at });
    prop_oneof![20 => commit, 5 => lease, 5 => release, 1 => Just(Command::Reset)]
}

pub(crate) async fn any_commands_leave_what_the_model_has(store: Arc<dyn Store>) {
    let check = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
        let commands = prop::collection::vec(command(), 1..40);
        let result = TestRunner::new(config).run(&commands, |commands| {
            runtime.block_on(async {
                store.reset().await.unwrap();
                let mut model = Model::default();
                for command in commands {
                    apply(&*store, &mut model, command).await;
                    compare(&*store, &model).await;
                }
            });
            Ok(())
        });
        if let Err(failure) = result {
            panic!("{failure}");
        }
    };
    tokio::task::spawn_blocking(check).await.unwrap();
}
