//! The comments by which tests say which promises they keep: `// Promise: A02, B07` on the line above a test.

use super::named::{Suite, Test};

/// A promise that a test says it keeps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mark<'t> {
    pub(crate) id: &'t str,
    pub(crate) path: &'t str,
    /// The line of the comment, counted from 1.
    pub(crate) line: usize,
    /// `None` if no test begins on the next line.
    pub(crate) test: Option<Test<'t>>,
}

/// The marks of a file, one for each id.
pub(super) fn marks<'t>(path: &'t str, text: &'t str) -> Vec<Mark<'t>> {
    let mut marks = Vec::new();
    let mut suite = None;
    for (line, ids) in (1..).zip(text.lines()).filter_map(|(line, text)| Some((line, ids(text)?))) {
        let suite = suite.get_or_insert_with(|| Suite::find(path, text));
        let test = suite.as_ref().and_then(|suite| suite.test_at(line));
        marks.extend(ids.split(',').map(|id| Mark { id: id.trim(), path, line, test }));
    }
    marks
}

/// The text after `Promise:`, if the line is a comment that begins with this word.
fn ids(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let comment = line.trim_start_matches(['/', '!', '#']);
    if comment.len() == line.len() { None } else { comment.trim_start().strip_prefix("Promise:") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_belongs_to_the_test_that_begins_on_the_next_line() {
        let rust = "crates/a/src/b.rs";
        let cases = [
            (rust, "// Promise: A02\n#[test]\nfn holds() {}", "3 A02 holds"),
            (rust, "    // Promise: A02, B07\n    #[test]\n    fn holds() {}", "3 A02 holds, 3 B07 holds"),
            (rust, "// Promise: A02\n/// Why.\n#[test]\nfn holds() {}", "3 A02 holds"),
            (rust, "//! A.\n// Promise: A02\n//! ```compile_fail", "4 A02 compile_fail"),
            (rust, "// Promise: A02\n\n#[test]\nfn holds() {}", "3 A02 no test"),
            (rust, "// Promise: A02\nfn helps() {}\n#[test]\nfn holds() {}", "3 A02 no test"),
            (rust, "#[test]\nfn holds() {\n    // Promise: A02\n}", "5 A02 no test"),
            (rust, "/// Promise: A02", "3 A02 no test"),
            (rust, "// A promise: A02\n#[test]\nfn holds() {}", ""),
            (rust, "a(\"// Promise: A02\");\nPromise: A02", ""),
            ("interop/node/a.test.mjs", "// Promise: A02\n  test('holds', () => {})", "3 A02 holds"),
            ("interop/python/test_a.py", "# Promise: A02\ndef test_holds(self):", "3 A02 test_holds"),
            ("web/a.mjs", "// Promise: A02\ntest('holds', () => {})", "3 A02 no test"),
        ];
        for (path, text, expected) in cases {
            let text = format!("\n\n{text}\n");
            let found = marks(path, &text).into_iter().map(|Mark { id, line, test, .. }| {
                format!("{line} {id} {}", test.map_or("no test", |test| test.title))
            });
            assert_eq!(found.collect::<Vec<_>>().join(", "), expected, "{path}: {text}");
        }
    }
}
