//! A small pool of read-only connections. A caller takes one, reads, and gives it back; with more
//! callers than connections the last ones wait for microseconds.

use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use crate::contract::StoreError;

pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    given_back: Condvar,
}

impl Readers {
    pub(super) fn open(
        count: usize,
        open: impl Fn() -> rusqlite::Result<Connection>,
    ) -> rusqlite::Result<Self> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            let connection = open()?;
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "cache_size", -4_000)?;
            connection.set_prepared_statement_cache_capacity(16);
            connections.push(connection);
        }
        Ok(Self { idle: Mutex::new(connections), given_back: Condvar::new() })
    }

    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let connection = {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let mut idle = self
                .given_back
                .wait_while(idle, |idle| idle.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            idle.pop()
        };
        let Some(connection) = connection else {
            return Err(StoreError::Unavailable("no reader is free".to_owned()));
        };
        let result = read(&connection);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        self.given_back.notify_one();
        result.map_err(|error| failed(&error))
    }
}

/// What a failed statement means to the caller.
pub(super) fn failed(error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
        Some(_) => StoreError::Unavailable(error.to_string()),
        // Not SQLite's own: a value of the wrong type or range.
        None => StoreError::Corrupt(error.to_string()),
    }
}
