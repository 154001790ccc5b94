//! docs/sandbox.md matches the buyer's page: its routes and its acts.

use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../../../docs/sandbox.md");

/// The part of a text between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from:?}"));
    rest.split_once(to).map_or(rest, |(part, _)| part)
}

/// What the first column of the table with this head quotes.
fn column(head: &str) -> BTreeSet<&'static str> {
    let table = between(between(PAGE, "## The buyer's page", "\n## "), &format!("| {head} |"), "\n\n");
    let cells = table.lines().filter_map(|row| row.strip_prefix("| ")?.split('|').next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn the_reference_lists_every_act_of_the_page_and_no_other() {
    let acts = between(include_str!("../../../src/hosted/mod.rs"), "let act = match name {", "\n    };");
    let names = acts.lines().filter_map(|line| line.strip_prefix("        \"")?.split('"').next());
    let names: BTreeSet<&str> = names.collect();
    assert!(names.len() > 15, "{names:?}");
    assert_eq!(column("act"), names);
}

#[test]
fn the_reference_has_every_path_of_a_script() {
    let paths = between(include_str!("../../../src/hosted/script.rs"), "match path {", "_ =>");
    let told = between(PAGE, "## The buyer's page", "\n## ");
    let paths: Vec<&str> = paths.split('"').skip(1).step_by(2).collect();
    assert_eq!(paths.len(), 5);
    for path in paths {
        assert!(told.contains(path), "{path}");
    }
    assert!(column("route").contains("POST /checkout/{token}/{act}"));
}
