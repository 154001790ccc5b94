//! The reads, as SQL. Every statement is parametrised and prepared once a connection.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::contract::{Document, DueTimer, IndexRange, IndexRow, Key, Message, Version};
use crate::limits;

/// The most different collections that a file may name.
const MAX_COLLECTIONS: usize = 256;

/// A collection's name as the contract has it. Collections are words of the program, a handful, so
/// each is kept for ever.
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
    u64::try_from(value).map_err(|_| corrupt("a negative number"))
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

pub(super) fn load(connection: &Connection, keys: &[Key]) -> rusqlite::Result<Vec<Option<Document>>> {
    // One read transaction, so that all keys show one moment; a single statement is one by itself.
    let transaction = if keys.len() > 1 { Some(connection.unchecked_transaction()?) } else { None };
    let mut statement = connection
        .prepare_cached("SELECT version, format, bytes FROM documents WHERE id = ?1 AND collection = ?2")?;
    let documents = keys
        .iter()
        .map(|key| statement.query_row(params![key.id, key.collection], document).optional())
        .collect::<rusqlite::Result<_>>()?;
    drop(statement);
    if let Some(transaction) = transaction {
        transaction.finish()?;
    }
    Ok(documents)
}

pub(super) fn due(connection: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Vec<DueTimer>> {
    let mut statement = connection.prepare_cached(
        "SELECT collection, id, due_at FROM documents WHERE due_at <= ?1
         ORDER BY due_at, id, collection LIMIT ?2",
    )?;
    let timers = statement.query_map(params![now.as_millis(), signed(limit as u64)], |row| {
        Ok(DueTimer {
            key: Key { collection: collection(row.get_ref(0)?.as_str()?)?, id: row.get(1)? },
            due_at: Timestamp::from_millis(row.get(2)?),
        })
    })?;
    timers.collect()
}

pub(super) fn next_due(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let mut statement = connection
        .prepare_cached("SELECT due_at FROM documents WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1")?;
    statement.query_row([], |row| Ok(Timestamp::from_millis(row.get(0)?))).optional()
}

pub(super) fn range(connection: &Connection, range: &IndexRange) -> rusqlite::Result<Vec<IndexRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT value, id, collection FROM entries
         WHERE name = ?1 AND (value, id) > (?2, ?3) AND value >= ?4
         ORDER BY name, value, id, collection LIMIT ?5",
    )?;
    let (after_value, after_id) = range.after.clone().unwrap_or_default();
    let limit = signed(limits::rows(range.limit) as u64);
    let mut rows = statement.query(params![range.index, after_value, after_id, range.prefix, limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let value: String = row.get(0)?;
        // In order of value, so the first that does not begin so ends the range.
        if !value.starts_with(&range.prefix) {
            break;
        }
        let key = Key { collection: collection(row.get_ref(2)?.as_str()?)?, id: row.get(1)? };
        found.push(IndexRow { value, key });
    }
    Ok(found)
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
            .prepare_cached(
                "SELECT sequence, subject, bytes, lease_count FROM messages
                 WHERE subject = ?1 AND topic = ?2 AND sequence > ?3 ORDER BY sequence LIMIT ?4",
            )?
            .query_map(params![subject, topic, after, limit], message)?
            .collect(),
        None => connection
            .prepare_cached(
                "SELECT sequence, subject, bytes, lease_count FROM messages
                 WHERE sequence > ?1 AND topic = ?2 ORDER BY sequence LIMIT ?3",
            )?
            .query_map(params![after, topic, limit], message)?
            .collect(),
    }
}

/// The messages of a topic that may be sent now, oldest due first.
pub(super) fn deliverable(
    connection: &Connection,
    topic: &str,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<Message>> {
    connection
        .prepare_cached(
            "SELECT sequence, subject, bytes, lease_count FROM messages
             WHERE topic = ?1 AND deliver_at <= ?2 ORDER BY deliver_at, sequence LIMIT ?3",
        )?
        .query_map(params![topic, now.as_millis(), signed(limit as u64)], message)?
        .collect()
}

pub(super) fn watermark(connection: &Connection) -> rusqlite::Result<Timestamp> {
    connection.query_row("SELECT at FROM watermark", [], |row| Ok(Timestamp::from_millis(row.get(0)?)))
}
