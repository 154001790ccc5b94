//! The tables, and the steps from every released schema to the current one.

use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::failure::OpenError;
use super::rows;

/// `application_id`: distinguishes a store of this program from any other SQLite file ("CSgn").
const APPLICATION_ID: i64 = 0x4353_676e;

type Step = fn(&Transaction<'_>) -> rusqlite::Result<()>;

/// The version of the first step. Earlier versions were never released, and their documents have other forms.
const FIRST_VERSION: u32 = 2;

/// One step for each version: the first creates version [`FIRST_VERSION`] in an empty file, and each further
/// one leads to the next version. Released steps never change.
pub(super) const MIGRATIONS: &[Step] = &[first_tables];

/// Checks that the file is a store of this program before anything is written to it, then brings it to the
/// newest version and configures the connection for writing.
pub(super) fn migrate(connection: &mut Connection, path: &Path, steps: &[Step]) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::new(path, &error);
    let not_a_store = |why: &str| OpenError::NotAStore(path.to_owned(), why.to_owned());
    let number = |connection: &Connection, name: &str| {
        connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed)
    };
    let application = number(connection, "application_id")?;
    let found = number(connection, "user_version")?;
    let is_new = application == 0 && found == 0 && count_tables(connection).map_err(failed)? == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(not_a_store("another program created it"));
    }
    let known = (FIRST_VERSION..).zip(steps).map(|(version, _)| version).last().unwrap_or(0);
    let found = u32::try_from(found).map_err(|_| not_a_store("its schema version is negative"))?;
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    if !is_new && found < FIRST_VERSION {
        return Err(not_a_store("a build before the first release created it: start with a new file"));
    }
    if !prepare(connection).map_err(failed)? {
        return Err(not_a_store("a write-ahead log cannot be kept next to it"));
    }
    for (version, step) in (FIRST_VERSION..).zip(steps).filter(|(version, _)| *version > found) {
        let transaction = connection.transaction().map_err(failed)?;
        let migrated = step(&transaction)
            .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION_ID))
            .and_then(|()| transaction.pragma_update(None, "user_version", version))
            .and_then(|()| transaction.commit());
        migrated.map_err(failed)?;
    }
    rows::watermark(connection).map_err(failed)?;
    // What a killed process left in the log may have been read back from memory after an fsync that failed.
    // Once it is moved into the file and synced, it is on disk before any caller sees it.
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)
}

fn count_tables(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
}

/// Whether the file has a write-ahead log, which is required: readers and the writer share it.
fn prepare(connection: &Connection) -> rusqlite::Result<bool> {
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    // An answered commit survives a power failure, even on systems where a plain fsync does not ensure that.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // The checkpointer does this: inside a commit, it would make the callers wait longer.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -4_000)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(mode.eq_ignore_ascii_case("wal"))
}

/// Documents are wide rows in the order of their creation, with their random ids in a separate narrow index.
/// A document's index entries are in its row too, so that a rewrite touches only what differs. The writer
/// numbers the messages itself: SQLite's own numbering would read and write a table for each.
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
         CREATE INDEX documents_due ON documents (due_at, collection, id) WHERE due_at IS NOT NULL;

         CREATE TABLE entries (
             name TEXT NOT NULL,
             value TEXT NOT NULL,
             id TEXT NOT NULL,
             collection TEXT NOT NULL,
             PRIMARY KEY (name, value, id, collection)
         ) STRICT, WITHOUT ROWID;

         CREATE TABLE messages (
             sequence INTEGER PRIMARY KEY,
             topic TEXT NOT NULL,
             subject TEXT NOT NULL,
             deliver_at INTEGER,
             lease_count INTEGER NOT NULL,
             leased INTEGER NOT NULL,
             bytes BLOB NOT NULL
         ) STRICT;
         CREATE INDEX messages_by_topic ON messages (topic);
         CREATE INDEX messages_by_subject ON messages (subject, topic);
         CREATE INDEX messages_due ON messages (topic, deliver_at) WHERE deliver_at IS NOT NULL;

         CREATE TABLE changes (
             sequence INTEGER PRIMARY KEY,
             id BLOB NOT NULL
         ) STRICT;

         CREATE TABLE watermark (at INTEGER NOT NULL, sequence INTEGER NOT NULL) STRICT;
         INSERT INTO watermark VALUES (0, 0);",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(connection: &Connection, sql: &str) -> String {
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn path() -> &'static Path {
        Path::new("store.db")
    }

    const WITH_A_REGION: &[Step] = &[first_tables, |transaction| {
        transaction.execute_batch("ALTER TABLE documents ADD COLUMN region TEXT NOT NULL DEFAULT 'eu'")
    }];

    fn file() -> (tempfile::TempDir, Connection) {
        let directory = tempfile::tempdir().unwrap();
        let mut connection = Connection::open(directory.path().join("store.db")).unwrap();
        migrate(&mut connection, path(), MIGRATIONS).unwrap();
        let insert = "INSERT INTO documents VALUES (1, 'charge', 'C', 7, 1, NULL, NULL, x'2a')";
        connection.execute_batch(insert).unwrap();
        (directory, connection)
    }

    #[test]
    fn an_older_schema_is_migrated_and_keeps_its_rows() {
        let (_directory, mut connection) = file();
        migrate(&mut connection, path(), WITH_A_REGION).unwrap();
        assert_eq!(value(&connection, "SELECT id || version || region FROM documents"), "C7eu");
        migrate(&mut connection, path(), WITH_A_REGION).unwrap();
        let newer = migrate(&mut connection, path(), MIGRATIONS).unwrap_err();
        assert_eq!(
            newer.to_string(),
            "store.db has schema version 3; this program knows versions up to 2: run a newer one"
        );
    }

    #[test]
    fn a_schema_before_the_first_release_is_refused_and_left_alone() {
        let (_directory, mut connection) = file();
        connection.pragma_update(None, "user_version", 1).unwrap();
        let refused = migrate(&mut connection, path(), MIGRATIONS).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "store.db is not a usable store: a build before the first release created it: start with a new \
             file"
        );
        assert_eq!(value(&connection, "SELECT id || version FROM documents"), "C7");
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        const HALF: &[Step] = &[first_tables, |transaction| {
            transaction.execute_batch("DELETE FROM documents; DELETE FROM nowhere")
        }];
        let (_directory, mut connection) = file();
        let failed = migrate(&mut connection, path(), HALF).unwrap_err();
        assert_eq!(failed.to_string(), "store.db is not a usable store: no such table: nowhere");
        assert_eq!(value(&connection, "SELECT id || version FROM documents"), "C7");
        migrate(&mut connection, path(), MIGRATIONS).unwrap();
    }

    /// A read that scanned or sorted would become more expensive with everything that is stored.
    #[test]
    fn every_read_walks_an_index_in_order() {
        let (_directory, connection) = file();
        for sql in rows::READS {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let count = statement.parameter_count();
            let rows = statement
                .query_map(rusqlite::params_from_iter((0..count).map(|_| 0)), |row| row.get::<_, String>(3))
                .unwrap();
            for step in rows.map(Result::unwrap) {
                let by_index = step.contains(" INDEX ") || step.contains("entries USING PRIMARY KEY");
                let in_order = sql == rows::NEXT_DUE || step.starts_with("SEARCH");
                assert!(by_index && in_order, "{sql}: {step}");
            }
        }
    }
}
