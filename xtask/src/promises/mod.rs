//! Which tests keep which promises. docs/promises.toml lists the promises, and each test says by a
//! comment which of them it keeps; docs/features.md shows both. `cargo xtask docs` writes the page;
//! tidy and the test command check it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::Deserialize;

pub(crate) mod listed;
mod marks;
pub(crate) mod named;

use marks::Mark;

use crate::folders;

/// The file in which people write the promises.
pub(crate) const SOURCE: &str = "docs/promises.toml";
/// The generated page.
pub(crate) const PAGE: &str = "docs/features.md";

/// The promises, in the page's order, and the tests that keep them.
#[derive(Debug)]
pub(crate) struct Promises<'t> {
    parts: Vec<Part>,
    /// The marks, in the order of the files.
    marks: Vec<Mark<'t>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    #[serde(rename = "part")]
    parts: Vec<Part>,
}

/// One program's promises.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    title: String,
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    promise: String,
    /// The part of the promise that no test keeps yet.
    missing: Option<String>,
}

impl<'t> Promises<'t> {
    /// Reads the promises and the marks out of the tree, whose files are given as paths and texts.
    ///
    /// # Errors
    /// docs/promises.toml does not exist or cannot be read.
    pub(crate) fn read(files: impl Iterator<Item = (&'t str, &'t str)>) -> Result<Self, String> {
        let (mut source, mut marks) = (None, Vec::new());
        for (path, text) in files {
            if path == SOURCE {
                source = Some(toml::from_str::<Source>(text).map_err(|error| error.to_string())?);
            }
            marks.extend(marks::marks(path, text));
        }
        let source = source.ok_or("must list the promises")?;
        Ok(Self { parts: source.parts, marks })
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.parts.iter().flat_map(|part| &part.rows)
    }

    /// The titles of the tests that keep a promise.
    fn tests_of(&self, id: &str) -> Vec<&'t str> {
        let marks = self.marks.iter().filter(|mark| mark.id == id);
        marks.filter_map(|mark| Some(mark.test?.title)).collect()
    }

    /// What is wrong in the list of promises and in the marks, each with the path of its file.
    pub(crate) fn wrong(&self) -> Vec<(&str, String)> {
        let mut wrong = Vec::new();
        let mut seen = Vec::new();
        for Row { id, promise, missing } in self.rows() {
            if seen.contains(&id) {
                wrong.push((SOURCE, format!("{id} is listed twice")));
            }
            if promise.contains(['|', '\n']) {
                wrong.push((SOURCE, format!("{id}: a promise is one cell of a table")));
            }
            if missing.is_none() && self.tests_of(id).is_empty() {
                wrong.push((SOURCE, format!("{id}: no test keeps it, and `missing` does not say so")));
            }
            seen.push(id);
        }
        for Mark { id, path, line, test } in &self.marks {
            if test.is_none() {
                wrong.push((path, format!("line {line}: the promise {id} is not above a test")));
            }
            if !seen.iter().any(|known| known == id) {
                wrong.push((path, format!("line {line}: {SOURCE} has no promise {id:?}")));
            }
        }
        wrong
    }

    /// The text of the page.
    pub(crate) fn page(&self) -> String {
        let mut page = String::from(HEAD);
        let is_kept = |row: &&Row| row.missing.is_none() && !self.tests_of(&row.id).is_empty();
        let (kept, count) = (self.rows().filter(is_kept).count(), self.rows().count());
        let _ = writeln!(page, "{kept} of {count} promises are tested.");
        for part in &self.parts {
            let _ =
                write!(page, "\n## {}\n\n| row | promise | tests | state |\n|---|---|---|---|\n", part.title);
            for Row { id, promise, missing } in &part.rows {
                let tests: Vec<_> = self.tests_of(id).iter().map(|title| format!("`{title}`")).collect();
                let state = match missing {
                    _ if tests.is_empty() => "open".to_owned(),
                    Some(missing) => format!("in part; not yet: {missing}"),
                    None => "tested".to_owned(),
                };
                let _ = writeln!(page, "| {id} | {promise} | {} | {state} |", tests.join(", "));
            }
        }
        page
    }
}

const HEAD: &str = "\
# Promises and the tests that keep them

Each row is a promise, with the tests that keep it. A test names its promises in the comment above it, and
`cargo xtask test` runs every test that does. `cargo xtask docs` generates this page from the tests and from
`docs/promises.toml`, which lists the promises; `cargo xtask tidy` checks that it is up to date.

";

/// `cargo xtask docs`: writes the page again, and reports what is wrong in it.
pub(crate) fn write(root: &Path) -> Result<(), String> {
    let texts = folders::texts(root)?;
    let promises = read(&texts)?;
    fs::write(root.join(PAGE), promises.page()).map_err(|error| format!("{PAGE}: {error}"))?;
    crate::findings::none(promises.wrong().iter().map(|(path, what)| format!("{path}: {what}")).collect())
}

fn read(texts: &[(String, String)]) -> Result<Promises<'_>, String> {
    let files = texts.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    Promises::read(files).map_err(|error| format!("{SOURCE}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "crates/a/src/b.rs";

    fn source(rows: &str) -> String {
        format!("[[part]]\ntitle = \"The sandbox\"\nrows = [{rows}]")
    }

    fn promises<'t>(source: &'t str, test: &'t str) -> Promises<'t> {
        Promises::read([(FILE, test), (SOURCE, source)].into_iter()).unwrap()
    }

    #[test]
    fn a_row_is_tested_when_a_test_names_it() {
        let marked = "// Promise: A02\n#[test]\nfn amounts_match() {}\n";
        let cases = [
            ("", marked, "`amounts_match` | tested |"),
            (", missing = \"JPY\"", marked, "`amounts_match` | in part; not yet: JPY |"),
            (", missing = \"all\"", "", " | open |"),
        ];
        for (missing, test, expected) in cases {
            let source = source(&format!("{{ id = \"A02\", promise = \"amounts match\"{missing} }}"));
            let promises = promises(&source, test);
            let page = promises.page();
            assert!(page.contains(&format!("| A02 | amounts match | {expected}")), "{page}");
            assert_eq!(promises.wrong(), []);
        }
    }

    #[test]
    fn a_mark_without_its_test_or_its_promise_and_a_promise_without_its_test_are_found() {
        let row = "{ id = \"A02\", promise = \"amounts match\" }";
        let marked = "// Promise: A02\n#[test]\nfn amounts_match() {}\n";
        let untested = "A02: no test keeps it, and `missing` does not say so";
        let cases = [
            (row.to_owned(), "", vec![(SOURCE, untested)]),
            (
                row.to_owned(),
                "// Promise: A02\n",
                vec![(SOURCE, untested), (FILE, "line 1: the promise A02 is not above a test")],
            ),
            (
                row.to_owned(),
                "// Promise: A02, A03\n#[test]\nfn amounts_match() {}\n",
                vec![(FILE, "line 1: docs/promises.toml has no promise \"A03\"")],
            ),
            (format!("{row}, {row}"), marked, vec![(SOURCE, "A02 is listed twice")]),
            (
                row.replace("amounts match", "amounts | match"),
                marked,
                vec![(SOURCE, "A02: a promise is one cell of a table")],
            ),
        ];
        for (rows, test, expected) in cases {
            let source = source(&rows);
            let promises = promises(&source, test);
            let wrong = promises.wrong();
            let wrong: Vec<_> = wrong.iter().map(|(path, what)| (*path, what.as_str())).collect();
            assert_eq!(wrong, expected, "{rows}");
        }
    }

    #[test]
    fn a_source_that_cannot_be_read_is_refused() {
        for rows in ["{ id = \"A02\" }", "{ id = \"A02\", promise = \"a\", tests = [] }"] {
            assert!(Promises::read([(SOURCE, source(rows).as_str())].into_iter()).is_err(), "{rows}");
        }
        assert!(Promises::read([(FILE, "")].into_iter()).is_err());
    }
}
