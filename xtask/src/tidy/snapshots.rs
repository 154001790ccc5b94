//! Keeps snapshots readable for a reviewer: a long one must have headings.

use super::tree::{File, Tree};
use super::violation::Violation;

/// The largest number of lines of a snapshot without a heading.
const MOST_LINES: usize = 200;
/// In a longer snapshot, the largest number of lines that may follow each other without a heading.
const MOST_LINES_BETWEEN_HEADINGS: usize = 30;
/// The beginning of a heading.
const HEADING: &str = "## ";
/// The end of the header that insta writes.
const HEADER_END: &str = "\n---\n";

pub(super) fn long_snapshots_have_headings(tree: &Tree) -> Vec<Violation> {
    tree.files.iter().filter(|file| file.path.ends_with(".snap")).filter_map(without_heading).collect()
}

/// The first place in a long snapshot with too many lines without a heading.
fn without_heading(file: &File) -> Option<Violation> {
    if file.text.lines().count() <= MOST_LINES {
        return None;
    }
    let header = file.text.split_once(HEADER_END).map_or(0, |(header, _)| header.lines().count() + 1);
    let mut last_heading = header;
    for (number, line) in (1..).zip(file.text.lines()).skip(header) {
        if line.starts_with(HEADING) {
            last_heading = number;
        } else if number - last_heading > MOST_LINES_BETWEEN_HEADINGS {
            let what = format!(
                "line {number}: over {MOST_LINES_BETWEEN_HEADINGS} lines without a heading ({HEADING:?}) in a \
                 snapshot of over {MOST_LINES}: fold what repeats, or split it"
            );
            return Some(Violation::new(&file.path, what));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_snapshot_without_headings_is_found() {
        let header = "---\nsource: a.rs\nexpression: table\n---\n";
        let rows = |count| "a row\n".repeat(count);
        let sections = |count, rows_each| format!("{HEADING}A state\n{}", rows(rows_each)).repeat(count);
        let cases = [
            ("a.snap", rows(196), 0),
            ("a.snap", rows(197), 1),
            ("a.snap", sections(10, 30), 0),
            ("a.snap", sections(10, 31), 1),
            ("a.snap", format!("{}{}", rows(30), sections(10, 30)), 0),
            ("a.snap", format!("{}{}", rows(31), sections(10, 30)), 1),
            ("a.snap", sections(10, 30).replace(HEADING, "# "), 1),
            ("a.md", rows(197), 0),
        ];
        for (path, rows, expected) in cases {
            let tree = Tree::with_file(path, &format!("{header}{rows}"));
            assert_eq!(long_snapshots_have_headings(&tree).len(), expected, "{path}\n{rows}");
        }
    }
}
