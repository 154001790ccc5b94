//! A small pool of read-only connections. A caller takes one, reads, and returns it; if there are more
//! callers than connections, the last ones wait for microseconds.

use std::sync::{Condvar, Mutex, PoisonError};

use rusqlite::Connection;

use super::failure::failed;
use crate::contract::StoreError;

pub(super) struct Readers {
    idle: Mutex<Vec<Connection>>,
    given_back: Condvar,
}

/// A connection that returns to the pool, however its use ends.
struct PooledConnection<'a> {
    pool: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for PooledConnection<'_> {
    fn drop(&mut self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
        self.pool.given_back.notify_one();
    }
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
        let taken = {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let mut idle = self
                .given_back
                .wait_while(idle, |idle| idle.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            PooledConnection { pool: self, connection: idle.pop() }
        };
        match &taken.connection {
            Some(connection) => read(connection).map_err(|error| failed(&error)),
            None => Err(StoreError::Unavailable("all connections for reading are in use".to_owned())),
        }
    }
}
