//! The violations that rules find.

use super::code::line_of;
use super::tree::{File, Tree};

/// A place that breaks a rule, and how it breaks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    place: String,
    what: String,
}

impl Violation {
    pub(super) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }

    /// One violation for each of these words that is in a file's code, at the first line that has
    /// the word.
    pub(super) fn for_words(
        path: &str,
        code: &str,
        words: &[&str],
        what: impl Fn(&str) -> String,
    ) -> impl Iterator<Item = Self> {
        words.iter().filter_map(move |word| {
            let line = line_of(code, word)?;
            Some(Self::new(path, format!("line {line}: {}", what(word))))
        })
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.place, self.what)
    }
}

/// One violation for each of these words and each file of a crate that has the word in its code,
/// except in tests, at the first such line.
pub(super) fn words_in(tree: &Tree, krate: &str, words: &[&str], place: &str) -> Vec<Violation> {
    let of_file = |file: &File| {
        let what = |word: &str| format!("{word} {place}");
        Violation::for_words(&file.path, &file.code().shipped, words, what).collect::<Vec<_>>()
    };
    tree.files_of(krate).flat_map(|(file, _)| of_file(file)).collect()
}
