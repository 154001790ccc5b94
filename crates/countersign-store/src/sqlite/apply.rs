//! The writes, as SQL. Each runs inside the writer's transaction; if one fails, the writer undoes what came
//! before it.

use countersign_domain::time::Timestamp;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use super::rows::{self, number, signed};
use crate::contract::{ChangeSet, Content, IndexEntry, Key, Lease, Message, Release, Version};

/// A document's row as the writer finds it.
pub(super) struct ExistingRow {
    row: i64,
    version: Version,
    /// Encoded, as they are in the row.
    entries: Vec<u8>,
}

pub(super) fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

/// The statements that write a change set; each is prepared once for a transaction.
pub(super) struct Statements<'c> {
    find: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    update: CachedStatement<'c>,
    delete: CachedStatement<'c>,
    add_entry: CachedStatement<'c>,
    remove_entry: CachedStatement<'c>,
    append: CachedStatement<'c>,
    note: CachedStatement<'c>,
}

impl<'c> Statements<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            find: connection.prepare_cached(
                "SELECT row, version, entries FROM documents WHERE id = ?1 AND collection = ?2",
            )?,
            insert: connection.prepare_cached(
                "INSERT INTO documents (collection, id, version, format, due_at, entries, bytes)
                 VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6)",
            )?,
            update: connection.prepare_cached(
                "UPDATE documents SET version = ?2, format = ?3, due_at = ?4, entries = ?5, bytes = ?6
                 WHERE row = ?1",
            )?,
            delete: connection.prepare_cached("DELETE FROM documents WHERE row = ?1")?,
            add_entry: connection.prepare_cached(
                "INSERT OR IGNORE INTO entries (name, value, id, collection) VALUES (?1, ?2, ?3, ?4)",
            )?,
            remove_entry: connection.prepare_cached(
                "DELETE FROM entries WHERE name = ?1 AND value = ?2 AND id = ?3 AND collection = ?4",
            )?,
            append: connection.prepare_cached(
                "INSERT INTO messages (sequence, topic, subject, deliver_at, lease_count, leased, bytes)
                 VALUES (?1, ?2, ?3, ?4, 0, 0, ?5)",
            )?,
            note: connection.prepare_cached("INSERT INTO changes (id) VALUES (?1)")?,
        })
    }

    /// The rows that a change set writes; `None` if something is not as expected.
    pub(super) fn find(&mut self, change: &ChangeSet) -> rusqlite::Result<Option<Vec<Option<ExistingRow>>>> {
        for (key, expect) in &change.require {
            if !expect.allows(self.found(key)?.map(|found| found.version)) {
                return Ok(None);
            }
        }
        let mut rows = Vec::with_capacity(change.write.len());
        for write in &change.write {
            let found = self.found(&write.key)?;
            if !write.expect.allows(found.as_ref().map(|found| found.version)) {
                return Ok(None);
            }
            rows.push(found);
        }
        Ok(Some(rows))
    }

    fn found(&mut self, key: &Key) -> rusqlite::Result<Option<ExistingRow>> {
        let found = self.find.query_row(params![key.id, key.collection], |row| {
            Ok(ExistingRow {
                row: row.get(0)?,
                version: Version(number(row.get(1)?)?),
                entries: row.get_ref(2)?.as_blob_or_null()?.unwrap_or_default().to_vec(),
            })
        });
        found.optional()
    }

    /// Writes a change set over the rows that were found for it. `sequence` is the latest message's,
    /// before and after.
    pub(super) fn write(
        &mut self,
        change: &ChangeSet,
        rows: Vec<Option<ExistingRow>>,
        sequence: &mut i64,
    ) -> rusqlite::Result<()> {
        for (write, found) in change.write.iter().zip(rows) {
            match &write.content {
                Some(content) => self.put(&write.key, content, found)?,
                None => self.delete(&write.key, found)?,
            }
        }
        for message in &change.append {
            *sequence = sequence.saturating_add(1);
            self.append.execute(params![
                *sequence,
                message.topic,
                message.subject,
                message.deliver_at.map(Timestamp::as_millis),
                &message.bytes[..]
            ])?;
        }
        self.note.execute([&change.id.0[..]]).map(|_| ())
    }

    fn put(&mut self, key: &Key, content: &Content, found: Option<ExistingRow>) -> rusqlite::Result<()> {
        let due_at = content.due_at.map(Timestamp::as_millis);
        let entries = encode_entries(&content.index);
        match found {
            Some(ExistingRow { row, version, entries: old }) => {
                self.update.execute(params![
                    row,
                    signed(version.0.saturating_add(1)),
                    content.format,
                    due_at,
                    entries,
                    &content.bytes[..]
                ])?;
                if old == entries.unwrap_or_default() {
                    return Ok(());
                }
                self.replace_entries(key, &decode_entries(&old), &content.index)
            }
            None => {
                self.insert.execute(params![
                    key.collection,
                    key.id,
                    content.format,
                    due_at,
                    entries,
                    &content.bytes[..]
                ])?;
                self.replace_entries(key, &[], &content.index)
            }
        }
    }

    fn delete(&mut self, key: &Key, found: Option<ExistingRow>) -> rusqlite::Result<()> {
        let Some(ExistingRow { row, entries, .. }) = found else { return Ok(()) };
        self.delete.execute([row])?;
        self.replace_entries(key, &decode_entries(&entries), &[])
    }

    fn replace_entries(
        &mut self,
        key: &Key,
        old: &[(String, String)],
        new: &[IndexEntry],
    ) -> rusqlite::Result<()> {
        let same = |(name, value): &(String, String), entry: &IndexEntry| {
            entry.index == name && entry.value == *value
        };
        for (name, value) in old.iter().filter(|old| !new.iter().any(|new| same(old, new))) {
            self.remove_entry.execute(params![name, value, key.id, key.collection])?;
        }
        for entry in new.iter().filter(|new| !old.iter().any(|old| same(old, new))) {
            self.add_entry.execute(params![entry.index, entry.value, key.id, key.collection])?;
        }
        Ok(())
    }
}

/// Encodes the index entries that are stored with the document: each text after its length in two bytes,
/// big-endian.
fn encode_entries(entries: &[IndexEntry]) -> Option<Vec<u8>> {
    if entries.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for text in entries.iter().flat_map(|entry| [entry.index, &entry.value]) {
        // The contract's limit keeps every text below 64 KiB.
        bytes.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    Some(bytes)
}

fn decode_entries(bytes: &[u8]) -> Vec<(String, String)> {
    let mut rest = bytes;
    let mut texts = Vec::new();
    while let Some((len, tail)) = rest.split_first_chunk::<2>() {
        let Some((text, tail)) = tail.split_at_checked(usize::from(u16::from_be_bytes(*len))) else { break };
        texts.push(String::from_utf8_lossy(text).into_owned());
        rest = tail;
    }
    texts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

pub(super) fn lease(connection: &Connection, lease: &Lease) -> rusqlite::Result<Vec<Message>> {
    let mut leased = rows::deliverable(connection, lease)?;
    for message in &mut leased {
        message.lease_count = message.lease_count.saturating_add(1);
        connection
            .prepare_cached(
                "UPDATE messages SET deliver_at = ?2, lease_count = ?3, leased = 1 WHERE sequence = ?1",
            )?
            .execute(params![signed(message.sequence), lease.until.as_millis(), message.lease_count])?;
    }
    Ok(leased)
}

pub(super) fn release(connection: &Connection, release: &Release) -> rusqlite::Result<bool> {
    let Release { sequence, lease_count, deliver_at } = *release;
    let released = connection
        .prepare_cached(
            "UPDATE messages SET deliver_at = ?3, leased = 0
             WHERE sequence = ?1 AND lease_count = ?2 AND leased = 1",
        )?
        .execute(params![signed(sequence), lease_count, deliver_at.map(Timestamp::as_millis)])?;
    Ok(released == 1)
}

/// Whether a change set was applied. This is a scan, because the question comes up only after a lost answer,
/// and an index over random ids would cost every commit a page.
pub(super) fn was_committed(connection: &Connection, id: &[u8]) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM changes WHERE id = ?1")?.exists([id])
}

/// Deletes everything except the last sequence that was assigned to a message, so that sequences continue
/// from there.
pub(super) fn reset(connection: &Connection, sequence: i64) -> rusqlite::Result<()> {
    connection.execute_batch(
        "DELETE FROM documents; DELETE FROM entries; DELETE FROM messages; DELETE FROM changes;",
    )?;
    connection.prepare_cached("UPDATE watermark SET at = 0, sequence = ?1")?.execute([sequence]).map(|_| ())
}

/// The sequence of the latest message, including those that a reset deleted.
pub(super) fn latest_sequence(connection: &Connection) -> rusqlite::Result<i64> {
    let latest = "SELECT max(sequence, coalesce((SELECT max(sequence) FROM messages), 0)) FROM watermark";
    connection.query_row(latest, [], |row| row.get(0))
}

pub(super) fn raise_watermark(connection: &Connection, at: Timestamp) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE watermark SET at = ?1 WHERE at < ?1")?
        .execute([at.as_millis()])
        .map(|_| ())
}

/// Deletes all change ids except the last `kept`.
pub(super) fn forget_changes(connection: &Connection, kept: usize) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM changes WHERE sequence <= (SELECT max(sequence) FROM changes) - ?1")?
        .execute([signed(kept as u64)])
        .map(|_| ())
}
