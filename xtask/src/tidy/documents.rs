//! What readers of the files can expect: a purpose on the first lines, a length that can be
//! grasped, no trace of the machine on which a file was written, documents that name only what
//! exists, and a page that lists the project's choices.

use super::code::line_of;
use super::tree::{File, Tree};
use super::violation::Violation;
use crate::promises::{PAGE, Promises, SOURCE};

/// The largest number of lines in a file. A longer file is about more than one thing.
const MOST_LINES: usize = 900;

/// Texts that point to somebody's own machine or network.
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

/// A file that cargo writes. It names the registry by its public address.
const WRITTEN_BY_CARGO: &str = "Cargo.lock";

const CHOICES: &str = "docs/compatibility.md";

/// The folders with which a document's paths into the tree begin.
const OWN_FOLDERS: [&str; 5] = ["crates/", "docs/", "interop/", "web/", "xtask/"];

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
            violations.push(Violation::new(&file.path, format!("names {trace}, a place on one machine")));
        }
    }
    let listed = tree.files.iter().any(|file| file.path == CHOICES && !file.text.trim().is_empty());
    if !listed {
        violations.push(Violation::new(CHOICES, "must list every choice of ours with its flag"));
    }
    violations
}

/// Checks that documents about code are tied to the code: every path that they name exists, and
/// every function is defined in the file, or below the folder, that is named before it on the same
/// line.
pub(super) fn documents_name_what_is_there(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for document in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (number, line) in document.text.lines().enumerate() {
            let mut named: Option<&str> = None;
            for word in line.split('`').skip(1).step_by(2) {
                let what = if OWN_FOLDERS.iter().any(|folder| word.starts_with(folder)) {
                    named = Some(word);
                    let is_there = files_at(tree, word).next().is_some();
                    (!is_there).then(|| format!("names {word}, which does not exist"))
                } else if word.starts_with("fn ") {
                    match named {
                        Some(path) if files_at(tree, path).any(|file| defines(file, word)) => None,
                        Some(path) => Some(format!("names {word}, which {path} does not define")),
                        None => Some(format!("names {word} without its file before it")),
                    }
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

/// The file of this path, or the files below this folder.
fn files_at<'a>(tree: &'a Tree, path: &str) -> impl Iterator<Item = &'a File> {
    let below = format!("{}/", path.trim_end_matches('/'));
    tree.files.iter().filter(move |file| file.path == path || file.path.starts_with(&below))
}

/// Whether a file defines the function that `fn name` says. A comment with these words does not count.
fn defines(file: &File, function: &str) -> bool {
    let code = file.code();
    line_of(&code.shipped, function).or_else(|| line_of(&code.tests, function)).is_some()
}

/// Checks that tests name the promises that they keep, that every promise has its tests, and that
/// the page is what `cargo xtask docs` writes for them.
pub(super) fn promises_are_as_the_page_says(tree: &Tree) -> Vec<Violation> {
    let files = tree.files.iter().map(|file| (file.path.as_str(), file.text.as_str()));
    let promises = match Promises::read(files) {
        Ok(promises) => promises,
        Err(error) => return vec![Violation::new(SOURCE, error)],
    };
    let wrong = promises.wrong().into_iter().map(|(path, what)| Violation::new(path, what));
    let stale = tree.text_of(PAGE) != Some(&promises.page());
    wrong.chain(stale.then(|| Violation::new(PAGE, "is not what `cargo xtask docs` writes"))).collect()
}

#[cfg(test)]
mod tests {
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
    fn a_document_that_names_what_does_not_exist_is_found() {
        let cases = [
            ("see `crates/a/src/b.rs`", 0),
            ("see `crates/a/src/`", 0),
            ("see `crates/a/src/c.rs`", 1),
            ("see `crates/a/src/b.rs`, `fn hold`", 0),
            ("see `crates/a/src/b.rs`, `fn holds`", 1),
            ("see `crates/a/src/b.rs`, `fn hold` and `fn holds`", 1),
            ("see `crates/a/src/b.rs`, `fn remembered`", 1),
            ("see `crates/a/src/`, `fn hold`", 0),
            ("see `crates/a/`, then `docs/c.md`, `fn hold`", 1),
            ("see `cargo xtask test` and `fn hold`", 1),
        ];
        for (text, expected) in cases {
            let code = "//! Once `fn remembered() {}` was here.\nfn hold() {}";
            let there = [("README.md", text), ("crates/a/src/b.rs", code), ("docs/c.md", "")];
            let files = Vec::from(there.map(|(path, text)| File::new(path, text)));
            let found = documents_name_what_is_there(&Tree { files, ..Tree::default() });
            assert_eq!(found.len(), expected, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_promise_without_its_test_and_a_page_that_is_stale_are_found() {
        let source = "[[part]]\ntitle = \"A\"\nrows = [{ id = \"A02\", promise = \"amounts match\" }]";
        let kept =
            [("crates/a/src/b.rs", "// Promise: A02\n#[test]\nfn amounts_match() {}"), (SOURCE, source)];
        let page = Promises::read(kept.into_iter()).unwrap().page();
        let cases = [
            (kept[0].1, page.clone(), 0),
            (kept[0].1, page.replace("amounts_match", "amounts_matched"), 1),
            ("", page, 2),
        ];
        for (test, page, expected) in cases {
            let files = [(kept[0].0, test), (SOURCE, source), (PAGE, &page)];
            let files = files.map(|(path, text)| File::new(path, text)).into();
            let found = promises_are_as_the_page_says(&Tree { files, ..Tree::default() });
            assert_eq!(found.len(), expected, "{test}\n{page}: {found:?}");
        }
        assert_eq!(promises_are_as_the_page_says(&Tree::default()).len(), 1);
    }
}
