//! The reads, as SQL. Every statement has parameters and is prepared once per connection.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::contract::{Backlog, Document, DueTimer, IndexRange, IndexRow, Key, Lease, Message, Version};
use crate::limits;

/// The largest number of different collections in a file.
const MAX_COLLECTIONS: usize = 256;

/// A collection's name as the contract defines it. Collections are words of the program, a handful, so each
/// is kept forever.
fn collection(name: &str) -> rusqlite::Result<&'static str> {
    static NAMES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let names = names.get_or_insert_default();
    if let Some(known) = names.get(name) {
        return Ok(known);
    }
    if names.len() >= MAX_COLLECTIONS {
        return Err(corrupt("too many collections"));
    }
    let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(name);
    Ok(name)
}

fn corrupt(why: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, why.into())
}

pub(super) fn number(value: i64) -> rusqlite::Result<u64> {
    u64::try_from(value).map_err(|_| corrupt("a number is negative"))
}

pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn document(row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document {
        version: Version(number(row.get(0)?)?),
        format: row.get(1)?,
        bytes: Bytes::copy_from_slice(row.get_ref(2)?.as_blob()?),
    })
}

const LOAD: &str = "SELECT version, format, bytes FROM documents WHERE id = ?1 AND collection = ?2";
const DUE: &str = "SELECT collection, id, due_at FROM documents WHERE due_at <= ?1
    ORDER BY due_at, collection, id LIMIT ?2";
pub(super) const NEXT_DUE: &str =
    "SELECT due_at FROM documents WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
const RANGE: &str = "SELECT value, id, collection FROM entries WHERE name = ?1 AND (value, id) > (?2, ?3)
    ORDER BY value, id, collection LIMIT ?4";
const MESSAGES: &str = "SELECT sequence, subject, bytes, lease_count FROM messages
    WHERE topic = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";
const MESSAGES_OF_SUBJECT: &str = "SELECT sequence, subject, bytes, lease_count FROM messages
    WHERE topic = ?1 AND sequence > ?2 AND subject = ?4 ORDER BY sequence LIMIT ?3";
const DELIVERABLE: &str = "SELECT sequence, subject, bytes, lease_count FROM messages
    WHERE topic = ?1 AND deliver_at <= ?2 ORDER BY deliver_at, sequence LIMIT ?3";

const BACKLOG: &str = "SELECT deliver_at FROM messages
    WHERE topic = ?1 AND deliver_at IS NOT NULL ORDER BY deliver_at LIMIT ?2";

#[cfg(test)]
pub(super) const READS: [&str; 8] =
    [LOAD, DUE, NEXT_DUE, RANGE, MESSAGES, MESSAGES_OF_SUBJECT, DELIVERABLE, BACKLOG];

pub(super) fn load(connection: &Connection, keys: &[Key]) -> rusqlite::Result<Vec<Option<Document>>> {
    // One read transaction, so that all keys are from the same moment; a single statement is a transaction of
    // its own.
    if keys.len() < 2 {
        return load_each(connection, keys);
    }
    connection.prepare_cached("BEGIN")?.execute([])?;
    let documents = load_each(connection, keys);
    let ended = connection.prepare_cached("COMMIT")?.execute([]);
    if ended.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    documents
}

fn load_each(connection: &Connection, keys: &[Key]) -> rusqlite::Result<Vec<Option<Document>>> {
    let mut statement = connection.prepare_cached(LOAD)?;
    keys.iter().map(|key| statement.query_row(params![key.id, key.collection], document).optional()).collect()
}

pub(super) fn due(connection: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<DueTimer>> {
    let mut statement = connection.prepare_cached(DUE)?;
    let timers = statement.query_map(params![now.as_millis(), signed(limit as u64)], |row| {
        Ok(DueTimer {
            key: Key { collection: collection(row.get_ref(0)?.as_str()?)?, id: row.get(1)? },
            due_at: Timestamp::from_millis(row.get(2)?),
        })
    })?;
    timers.collect()
}

pub(super) fn next_due(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let mut statement = connection.prepare_cached(NEXT_DUE)?;
    statement.query_row([], |row| Ok(Timestamp::from_millis(row.get(0)?))).optional()
}

pub(super) fn range(connection: &Connection, range: &IndexRange) -> rusqlite::Result<Vec<IndexRow>> {
    let mut statement = connection.prepare_cached(RANGE)?;
    let (value, id) = limits::behind(range);
    let limit = signed(limits::rows(range.limit) as u64);
    let mut rows = statement.query(params![range.index, value, id, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        // The rows are in order of value, so the first one without the prefix ends the range.
        let value = row.get_ref(0)?.as_str()?;
        if !value.starts_with(&range.prefix) {
            break;
        }
        let key = Key { collection: collection(row.get_ref(2)?.as_str()?)?, id: row.get(1)? };
        found.push(IndexRow { value: value.to_owned(), key });
    }
    Ok(found)
}

pub(super) fn backlog(connection: &Connection, topic: &str, limit: usize) -> rusqlite::Result<Backlog> {
    let mut statement = connection.prepare_cached(BACKLOG)?;
    let mut rows = statement.query(params![topic, signed(limit as u64)])?;
    let mut backlog = Backlog::default();
    while let Some(row) = rows.next()? {
        if backlog.count == 0 {
            backlog.next_at = Some(Timestamp::from_millis(row.get(0)?));
        }
        backlog.count = backlog.count.saturating_add(1);
    }
    Ok(backlog)
}

fn message(row: &Row<'_>) -> rusqlite::Result<Message> {
    Ok(Message {
        sequence: number(row.get(0)?)?,
        subject: row.get(1)?,
        bytes: Bytes::copy_from_slice(row.get_ref(2)?.as_blob()?),
        lease_count: row.get(3)?,
    })
}

pub(super) fn messages(
    connection: &Connection,
    topic: &str,
    subject: Option<&str>,
    after: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Message>> {
    let (after, limit) = (signed(after), signed(limit as u64));
    match subject {
        Some(subject) => connection
            .prepare_cached(MESSAGES_OF_SUBJECT)?
            .query_map(params![topic, after, limit, subject], message)?
            .collect(),
        None => {
            connection.prepare_cached(MESSAGES)?.query_map(params![topic, after, limit], message)?.collect()
        }
    }
}

/// The messages of a topic that may be sent now, the longest due first.
pub(super) fn deliverable(connection: &Connection, lease: &Lease) -> rusqlite::Result<Vec<Message>> {
    let Lease { topic, now, limit, .. } = lease;
    connection
        .prepare_cached(DELIVERABLE)?
        .query_map(params![topic, now.as_millis(), signed(*limit as u64)], message)?
        .collect()
}

pub(super) fn watermark(connection: &Connection) -> rusqlite::Result<Timestamp> {
    connection
        .prepare_cached("SELECT at FROM watermark")?
        .query_row([], |row| Ok(Timestamp::from_millis(row.get(0)?)))
}
