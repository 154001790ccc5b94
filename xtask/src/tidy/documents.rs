//! What every file owes its readers: a purpose on its first lines, a length one can hold, no trace
//! of the machine it was written on, and a page that lists the project's choices.

use super::Violation;
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
}
