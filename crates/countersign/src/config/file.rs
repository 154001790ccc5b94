//! Reads `countersign.toml` into texts with their line numbers. The caller passes the known keys,
//! and interprets the texts.

use std::collections::HashMap;
use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::Key;
use crate::failure::{CommandResult, Failure};

/// A file's texts by their keys' paths.
#[derive(Default)]
pub(super) struct File {
    path: PathBuf,
    values: HashMap<String, (String, usize)>,
}

impl File {
    /// Reads a file.
    pub(super) fn read(path: PathBuf, keys: &[Key]) -> CommandResult<Self> {
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Failure::new(format_args!("{} cannot be read: {error}", path.display())))?;
        let reader = Reader { path: &path, text: &text, keys };
        let rows: toml::Table = toml::from_str(&text).unwrap_or_default();
        let table = DeTable::parse(&text)
            .map_err(|error| reader.refuse(&error.span().unwrap_or_default(), error.message()))?;
        let mut values = HashMap::new();
        for (key, value) in table.get_ref() {
            if sections(keys).any(|section| section == key.get_ref()) {
                let DeValue::Table(section) = value.get_ref() else {
                    let why = format!("{0} must be a section: [{0}] on a line of its own", key.get_ref());
                    return Err(reader.refuse(&key.span(), why));
                };
                for (inner, value) in section {
                    let path = format!("{}.{}", key.get_ref(), inner.get_ref());
                    let is_rows = keys.iter().any(|key| key.is_rows && key.path == path);
                    let whole =
                        rows.get(key.get_ref().as_ref()).and_then(|it| it.get(inner.get_ref().as_ref()));
                    let read = match (value.get_ref(), whole) {
                        // The text has the form of the flag's, so that rows are read in one place.
                        (DeValue::Array(_), Some(whole)) if is_rows => {
                            (whole.to_string(), reader.line(&inner.span()))
                        }
                        _ => reader.value(path.clone(), inner.span(), value)?,
                    };
                    values.insert(path, read);
                }
            } else if let DeValue::Table(_) = value.get_ref() {
                let there =
                    sections(keys).map(|section| format!("[{section}]")).collect::<Vec<_>>().join(", ");
                let why = format!("there is no section [{}]; the sections are {there}", key.get_ref());
                return Err(reader.refuse(&key.span(), why));
            } else {
                let path = key.get_ref().to_string();
                values.insert(path.clone(), reader.value(path, key.span(), value)?);
            }
        }
        Ok(Self { path, values })
    }

    /// A key's text, and its place: `FILE:LINE: KEY`.
    pub(super) fn take(&mut self, path: &str) -> Option<(String, String)> {
        let (text, line) = self.values.remove(path)?;
        Some((text, format!("{}:{line}: {path}", self.path.display())))
    }
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    keys: &'a [Key],
}

impl Reader<'_> {
    fn value(
        &self,
        path: String,
        key: Range<usize>,
        value: &Spanned<DeValue<'_>>,
    ) -> CommandResult<(String, usize)> {
        if !self.keys.iter().any(|key| key.path == path) {
            return Err(self.refuse(&key, unknown(self.keys, &path)));
        }
        match value.get_ref() {
            DeValue::String(text) => Ok((text.to_string(), self.line(&key))),
            // Written as the flag's word.
            DeValue::Boolean(word) => Ok((word.to_string(), self.line(&key))),
            _ if self.keys.iter().any(|key| key.is_rows && key.path == path) => {
                Err(self.refuse(&key, format_args!("{path} must be tables: [[{path}]] on a line of its own")))
            }
            _ => Err(self.refuse(&key, format_args!("{path} must be a string in quotes"))),
        }
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1
    }

    fn refuse(&self, span: &Range<usize>, why: impl Display) -> Failure {
        Failure::new(format_args!("{}:{}: {why}", self.path.display(), self.line(span)))
    }
}

pub(super) fn sections(keys: &[Key]) -> impl Iterator<Item = &'static str> {
    let mut last = "";
    keys.iter().filter_map(|key| key.path.split_once('.')).filter_map(move |(section, _)| {
        let is_new = section != last;
        last = section;
        is_new.then_some(section)
    })
}

fn unknown(keys: &[Key], path: &str) -> String {
    let section = path.split_once('.').map(|(section, _)| section);
    let siblings: Vec<&str> = keys
        .iter()
        .filter_map(|key| match (key.path.split_once('.'), section) {
            (Some((its, key)), Some(section)) if its == section => Some(key),
            (None, None) => Some(key.path),
            _ => None,
        })
        .collect();
    let place = section.map_or("outside sections".to_owned(), |section| format!("of [{section}]"));
    format!("there is no key {path}; the keys {place} are {}", siblings.join(", "))
}
