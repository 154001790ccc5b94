//! The texts from all three sources, read key by key in the order of precedence.

use std::path::PathBuf;

use super::file::File;
use super::given::GivenValues;
use super::key::Key;
use crate::failure::{CommandResult, Failure};

/// The value that was read from a text, or what the text must be, as the rest of a sentence that
/// begins with the text's key.
pub(super) type ReadResult<T> = Result<T, String>;

/// The texts from the file, the environment and the flags.
pub(super) struct Values {
    keys: &'static [Key],
    file: File,
    given: GivenValues,
}

impl Values {
    pub(super) fn gather(
        keys: &'static [Key],
        file: Option<PathBuf>,
        given: GivenValues,
    ) -> CommandResult<Self> {
        let file = file.map(|path| File::read(path, keys)).transpose()?.unwrap_or_default();
        Ok(Self { keys, file, given })
    }

    /// A key's value, if any source gives one. The error of `read` says what the value must be, as
    /// the rest of a sentence that begins with the key.
    pub(super) fn optional<T>(
        &mut self,
        path: &str,
        read: impl FnOnce(&str) -> ReadResult<T>,
    ) -> CommandResult<Option<T>> {
        let from_file = self.file.take(path);
        let found = match self.given.take(path) {
            Some(given) => Some((given.text, given.origin)),
            None => from_file,
        };
        let Some((text, origin)) = found else { return Ok(None) };
        read(&text).map(Some).map_err(|why| Failure::new(format_args!("{origin} {why}")))
    }

    /// A key's value, or its default if no source gives one. A key without a default must be given.
    pub(super) fn value<T>(&mut self, path: &str, read: impl Fn(&str) -> ReadResult<T>) -> CommandResult<T> {
        if let Some(given) = self.optional(path, &read)? {
            return Ok(given);
        }
        let default = self.keys.iter().find(|key| key.path == path).and_then(Key::default);
        let default = default.ok_or_else(|| self.missing(path))?;
        read(&default).map_err(|why| Failure::new(format_args!("{path} {why}")))
    }

    /// The failure for a key that was not given and has no default.
    pub(super) fn missing(&self, path: &str) -> Failure {
        let ways = self.keys.iter().find(|key| key.path == path);
        let ways =
            ways.map(|key| format!(", by --{} or by {}", key.flag(), key.variable())).unwrap_or_default();
        Failure::new(format_args!("{path} is missing: set it in the configuration file{ways}"))
    }
}
