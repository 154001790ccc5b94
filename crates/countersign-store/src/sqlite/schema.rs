//! The tables, and the steps from every schema that was ever released to the present one.

use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::OpenError;

/// `application_id`: tells a store of this program from any other SQLite file ("CSgn").
const APPLICATION_ID: i32 = 0x4353_676e;

/// One step a version: `MIGRATIONS[n]` leads from version n to n + 1. Released steps never change.
const MIGRATIONS: &[fn(&Transaction<'_>) -> rusqlite::Result<()>] = &[first_tables];

/// How every connection is set up. FULL: an answered commit survives a power cut.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // The checkpointer does it: inside a commit it would be paid for by whoever waits.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let not_a_store = |error: rusqlite::Error| OpenError::NotAStore(path.to_owned(), error.to_string());
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let found = number("user_version").map_err(not_a_store)?;
    let application = number("application_id").map_err(not_a_store)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(not_a_store)?;
    if application != i64::from(APPLICATION_ID) && tables > 0 {
        return Err(OpenError::NotAStore(path.to_owned(), "another program made it".to_owned()));
    }
    let known = MIGRATIONS.len();
    let done = match usize::try_from(found) {
        Ok(done) if done <= known => done,
        _ => {
            let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            let found = u32::try_from(found).unwrap_or(u32::MAX);
            return Err(OpenError::Newer { path: path.to_owned(), found, known: count(known) });
        }
    };
    for (version, step) in MIGRATIONS.iter().enumerate().skip(done) {
        let transaction = connection.transaction().map_err(not_a_store)?;
        let migrated = step(&transaction)
            .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION_ID))
            .and_then(|()| transaction.pragma_update(None, "user_version", version as i64 + 1))
            .and_then(|()| transaction.commit());
        migrated.map_err(not_a_store)?;
    }
    Ok(())
}

/// Wide rows in the order in which they were made, random ids in a narrow index beside them. A
/// document's index entries stand in its row too, so that a rewrite touches only what differs.
fn first_tables(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "CREATE TABLE documents (
             row INTEGER PRIMARY KEY,
             collection TEXT NOT NULL,
             id TEXT NOT NULL,
             version INTEGER NOT NULL,
             format INTEGER NOT NULL,
             due_at INTEGER,
             entries BLOB,
             bytes BLOB NOT NULL
         ) STRICT;
         CREATE UNIQUE INDEX documents_by_key ON documents (id, collection);
         CREATE INDEX documents_due ON documents (due_at, id, collection) WHERE due_at IS NOT NULL;

         CREATE TABLE entries (
             name TEXT NOT NULL,
             value TEXT NOT NULL,
             id TEXT NOT NULL,
             collection TEXT NOT NULL,
             PRIMARY KEY (name, value, id, collection)
         ) STRICT, WITHOUT ROWID;

         CREATE TABLE messages (
             sequence INTEGER PRIMARY KEY AUTOINCREMENT,
             topic TEXT NOT NULL,
             subject TEXT NOT NULL,
             deliver_at INTEGER,
             lease_count INTEGER NOT NULL,
             bytes BLOB NOT NULL
         ) STRICT;
         CREATE INDEX messages_by_subject ON messages (subject, topic);
         CREATE INDEX messages_due ON messages (topic, deliver_at) WHERE deliver_at IS NOT NULL;

         CREATE TABLE changes (
             sequence INTEGER PRIMARY KEY,
             at INTEGER NOT NULL,
             id BLOB NOT NULL
         ) STRICT;
         CREATE UNIQUE INDEX changes_by_id ON changes (id);

         CREATE TABLE watermark (at INTEGER NOT NULL) STRICT;
         INSERT INTO watermark VALUES (0);",
    )
}
