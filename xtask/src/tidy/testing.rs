//! How tests stand in the tree: the integration tests of a crate are one program, so that it is linked once.

use std::collections::BTreeMap;

use super::tree::Tree;
use super::violation::Violation;

pub(super) fn each_crate_links_one_test_program(tree: &Tree) -> Vec<Violation> {
    let mut programs: BTreeMap<&str, &str> = BTreeMap::new();
    let mut violations = Vec::new();
    for file in tree.rust_files() {
        let Some((krate, below)) = file.in_crate() else { continue };
        let Some(program) = below.strip_prefix("tests/").and_then(program) else { continue };
        if let Some(first) = programs.insert(krate, program) {
            let what = format!("a second test program beside {first}: make it a module of that one");
            violations.push(Violation::new(&file.path, what));
        }
    }
    violations
}

/// The program whose root a file below `tests/` is.
fn program(below: &str) -> Option<&str> {
    match below.split_once('/') {
        None => below.strip_suffix(".rs"),
        Some((program, "main.rs")) => Some(program),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    #[test]
    fn a_second_test_program_of_a_crate_is_found() {
        let cases: [(&[&str], usize); 4] = [
            (&["crates/a/tests/a/main.rs", "crates/a/tests/a/b.rs", "crates/a/tests/a/c/mod.rs"], 0),
            (&["crates/a/tests/a/main.rs", "crates/b/tests/b.rs"], 0),
            (&["crates/a/tests/a/main.rs", "crates/a/tests/b/main.rs"], 1),
            (&["crates/a/tests/a/main.rs", "crates/a/tests/b.rs", "crates/a/tests/c.rs"], 2),
        ];
        for (paths, expected) in cases {
            let files = paths.iter().map(|path| File::new(*path, "")).collect();
            let tree = Tree { files, packages: Vec::new() };
            assert_eq!(each_crate_links_one_test_program(&tree).len(), expected, "{paths:?}");
        }
    }
}
