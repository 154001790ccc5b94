//! What every file owes its readers: a purpose on its first lines, a length one can hold, no trace
//! of the machine it was written on, and a page that lists the project's choices.

use super::Violation;
use super::code::line_of;
use super::tree::Tree;

/// Above this a file holds more than one noun.
const MOST_LINES: usize = 900;

/// Places and hosts of somebody's machine or network.
const MACHINE_TRACES: [&str; 8] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/tmp", "/x"),
    concat!("registry.", "npmjs.org"),
    concat!("files.", "pythonhosted.org"),
    concat!("\"reso", "lved\""),
];

/// Cargo writes this one, and names its registry by the public address.
const WRITTEN_BY_CARGO: &str = "Cargo.lock";

const CHOICES: &str = "docs/compatibility.md";
const PROMISES: &str = "docs/features.md";

/// Where a document's paths into the tree begin.
const OWN_FOLDERS: [&str; 4] = ["crates/", "docs/", "interop/", "xtask/"];

pub(super) fn files_open_with_their_purpose_and_stay_short(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust_files() {
        if !file.text.starts_with("//! ") {
            violations.push(Violation::new(&file.path, "does not open with a `//!` comment"));
        }
        let lines = file.text.lines().count();
        if lines > MOST_LINES {
            violations.push(Violation::new(&file.path, format!("{lines} lines: split it by noun")));
        }
    }
    violations
}

pub(super) fn the_tree_names_no_machine_and_lists_its_choices(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.files.iter().filter(|file| file.path != WRITTEN_BY_CARGO) {
        for trace in MACHINE_TRACES.iter().filter(|trace| file.text.contains(*trace)) {
            violations.push(Violation::new(&file.path, format!("names {trace}, a place of one machine")));
        }
    }
    let listed = tree.files.iter().any(|file| file.path == CHOICES && !file.text.trim().is_empty());
    if !listed {
        violations.push(Violation::new(CHOICES, "must list every choice of ours with its flag"));
    }
    violations
}

/// A document about code is tied to it: every path it names is there, and so is every function that
/// stands behind one on its line.
pub(super) fn documents_name_what_is_there(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for document in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (number, line) in document.text.lines().enumerate() {
            let mut named: Option<&str> = None;
            for word in line.split('`').skip(1).step_by(2) {
                let what = if OWN_FOLDERS.iter().any(|folder| word.starts_with(folder)) {
                    named = Some(word);
                    let below = format!("{}/", word.trim_end_matches('/'));
                    let is_there =
                        tree.files.iter().any(|file| file.path == word || file.path.starts_with(&below));
                    (!is_there).then(|| format!("names {word}, which is not there"))
                } else if let (Some(function), Some(path)) = (word.strip_prefix("fn "), named) {
                    let text = tree.files.iter().filter(|file| file.path.starts_with(path));
                    let is_there =
                        text.into_iter().any(|file| line_of(&file.text, &format!("fn {function}")).is_some());
                    (!is_there).then(|| format!("names fn {function}, which is not in {path}"))
                } else {
                    None
                };
                if let Some(what) = what {
                    violations.push(Violation::new(&document.path, format!("line {}: {what}", number + 1)));
                }
            }
        }
    }
    violations
}

/// A promise is kept by a test: every test that docs/features.md names is there.
pub(super) fn promises_name_tests_that_exist(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    let Some(promises) = tree.files.iter().find(|file| file.path == PROMISES) else {
        return vec![Violation::new(PROMISES, "must say which test keeps which promise")];
    };
    let texts = || tree.files.iter().filter(|file| !file.path.ends_with(".md"));
    for (number, line) in promises.text.lines().enumerate().filter(|(_, line)| line.starts_with('|')) {
        let (row, tests) = line.trim_matches('|').rsplit_once('|').unwrap_or((line, ""));
        let named: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        let is_a_promise = row.trim_start().starts_with(['A', 'B', 'C']) && row.contains('|');
        if is_a_promise && named.is_empty() {
            violations.push(Violation::new(PROMISES, format!("line {}: names no test", number + 1)));
        }
        for test in named {
            if !texts().any(|file| file.text.contains(test)) {
                let what = format!("line {}: no test is called {test}", number + 1);
                violations.push(Violation::new(PROMISES, what));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    fn tree(path: &str, text: &str) -> Tree {
        let choices = File::new(CHOICES, "# Choices");
        Tree { files: vec![choices, File::new(path, text)], ..Tree::default() }
    }

    #[test]
    fn a_file_without_its_purpose_is_found() {
        let path = "crates/countersign/src/main.rs";
        assert_eq!(files_open_with_their_purpose_and_stay_short(&tree(path, "fn main() {}")).len(), 1);
        assert_eq!(files_open_with_their_purpose_and_stay_short(&tree(path, "//! The binary.")), []);
    }

    #[test]
    fn a_file_one_line_too_long_is_found() {
        let path = "crates/countersign/src/main.rs";
        let longest = format!("//! Long.\n{}", "\n".repeat(MOST_LINES - 1));
        assert_eq!(files_open_with_their_purpose_and_stay_short(&tree(path, &longest)), []);
        let too_long = format!("{longest}\n");
        assert_eq!(files_open_with_their_purpose_and_stay_short(&tree(path, &too_long)).len(), 1);
    }

    #[test]
    fn a_trace_of_a_machine_is_found() {
        for trace in MACHINE_TRACES {
            let found =
                the_tree_names_no_machine_and_lists_its_choices(&tree("README.md", &format!("see {trace}")));
            assert_eq!(found.len(), 1, "{trace}");
        }
    }

    #[test]
    fn a_tree_without_its_choices_is_found() {
        assert_eq!(the_tree_names_no_machine_and_lists_its_choices(&Tree::default()).len(), 1);
        let empty = Tree { files: vec![File::new(CHOICES, "\n")], ..Tree::default() };
        assert_eq!(the_tree_names_no_machine_and_lists_its_choices(&empty).len(), 1);
    }

    #[test]
    fn a_document_that_names_what_is_gone_is_found() {
        let cases = [
            ("see `crates/a/src/b.rs`", 0),
            ("see `crates/a/src/`", 0),
            ("see `crates/a/src/c.rs`", 1),
            ("see `crates/a/src/b.rs`, `fn hold`", 0),
            ("see `crates/a/src/b.rs`, `fn holds`", 1),
            ("see `cargo xtask test` and `fn main`", 0),
        ];
        for (text, expected) in cases {
            let files = vec![File::new("README.md", text), File::new("crates/a/src/b.rs", "fn hold() {}")];
            let found = documents_name_what_is_there(&Tree { files, ..Tree::default() });
            assert_eq!(found.len(), expected, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_promise_without_a_test_is_found() {
        let cases = [
            ("| A02 | amounts match | `amounts_match` |", 0),
            ("| A02 | amounts match | `amounts_matched` |", 1),
            ("| A02 | amounts match | |", 1),
            ("| row | promise | test |", 0),
            ("|---|---|---|", 0),
        ];
        for (text, expected) in cases {
            let files =
                vec![File::new(PROMISES, text), File::new("crates/a/src/b.rs", "fn amounts_match() {}")];
            let found = promises_name_tests_that_exist(&Tree { files, ..Tree::default() });
            assert_eq!(found.len(), expected, "{text}: {found:?}");
        }
        assert_eq!(promises_name_tests_that_exist(&Tree::default()).len(), 1);
    }
}
