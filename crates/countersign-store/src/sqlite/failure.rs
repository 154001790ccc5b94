//! What SQLite's errors mean for a caller and for an operator.

use std::io;
use std::path::{Path, PathBuf};

use countersign_domain::with_texts;
use rusqlite::{Error, ErrorCode};

use crate::contract::StoreError;

with_texts! {
    /// Why a file cannot be opened as a store.
    #[derive(Debug)]
    OpenError {
        /// Another process has it open.
        InUse(path: PathBuf) = "{} is in use by another process", path.display();
        /// A newer version of this program wrote it.
        Newer {
            /// The file.
            path: PathBuf,
            /// Its schema version.
            found: u32,
            /// The newest schema version that this program knows.
            known: u32,
        } =
            "{} has schema version {found}; this program knows versions up to {known}: run a newer one",
            path.display();
        /// The file system refuses: no such directory, no permission, read-only.
        Io(path: PathBuf, error: io::Error) = "{} cannot be opened: {error}", path.display();
        /// The file is not a store of this program, or it is damaged.
        NotAStore(path: PathBuf, why: String) = "{} is not a usable store: {why}", path.display();
    }
}

impl OpenError {
    pub(super) fn new(path: &Path, error: &Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::InUse(path),
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure
                | ErrorCode::DiskFull,
            ) => Self::Io(path, io::Error::other(one_line(error))),
            Some(_) | None => Self::NotAStore(path, one_line(error)),
        }
    }
}

/// What a failed statement means for the caller.
pub(super) fn failed(error: &Error) -> StoreError {
    match error.sqlite_error_code() {
        // Unknown is SQLite's word for a statement that does not fit the tables.
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown) => {
            StoreError::Corrupt(one_line(error))
        }
        Some(_) => StoreError::Unavailable(one_line(error)),
        // Not an error of SQLite: a value of the wrong type or range.
        None => StoreError::Corrupt(one_line(error)),
    }
}

/// The text of an error, without the statement in which it occurred.
pub(super) fn one_line(error: &Error) -> String {
    match error {
        Error::SqlInputError { msg, .. } => msg.clone(),
        error => error.to_string(),
    }
}
