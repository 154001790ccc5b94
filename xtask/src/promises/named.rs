//! The tests of a file, and a test named as `FILE: NAME`. Each language marks the tests that the
//! test command runs in its own way.

/// The name for those doctests of a file that must not compile. Doctests have no names of their own.
const MUST_NOT_COMPILE: &str = "compile_fail";

/// The folders in which `node --test` and `unittest` find their suites.
const NODE: [&str; 2] = ["interop/node/", "interop/browser/"];
const PYTHON: &str = "interop/python/";

/// A test that is in the sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Test<'t> {
    pub(crate) title: &'t str,
    /// Whether Rust's test runner lists it: a doctest or a test in another language is not listed.
    pub(crate) is_listed: bool,
}

impl<'t> Test<'t> {
    /// Finds a test by its file and name.
    ///
    /// # Errors
    /// The reason why it is not a test.
    pub(crate) fn find(name: &str, text_of: impl Fn(&str) -> Option<&'t str>) -> Result<Self, String> {
        let (path, title) =
            name.split_once(": ").ok_or_else(|| format!("{name} must be written as `FILE: NAME`"))?;
        let text = text_of(path).ok_or_else(|| format!("{name}: there is no such file"))?;
        let suite =
            Suite::find(path, text).ok_or_else(|| format!("{name}: the test command runs no such file"))?;
        let mut tests = (0..suite.lines.len()).filter_map(|line| suite.test_at(line));
        tests.find(|test| test.title == title).ok_or_else(|| format!("{name}: the file has no such test"))
    }
}

/// A file whose tests the test command runs.
pub(super) struct Suite<'t> {
    language: Language,
    /// The lines of the file, without their indentation.
    lines: Vec<&'t str>,
}

#[derive(Clone, Copy)]
enum Language {
    Rust {
        /// Whether a macro in the file makes a test from each row of a table or each name of a
        /// list.
        has_macro: bool,
    },
    Node,
    Python,
}

impl<'t> Suite<'t> {
    /// The tests of this file, if the test command runs it.
    pub(super) fn find(path: &str, text: &'t str) -> Option<Self> {
        let name_in = |folder: &str| path.strip_prefix(folder).filter(|name| !name.contains('/'));
        let language = if package(path).is_some() {
            Language::Rust { has_macro: text.contains("macro_rules!") && text.contains("#[test]") }
        } else if NODE.iter().any(|folder| name_in(folder).is_some()) && path.ends_with(".test.mjs") {
            Language::Node
        } else if name_in(PYTHON).is_some_and(|name| name.starts_with("test_") && name.ends_with(".py")) {
            Language::Python
        } else {
            return None;
        };
        Some(Self { language, lines: text.lines().map(str::trim).collect() })
    }

    /// The test that begins on this line, counted from 0, with its comments and attributes.
    pub(super) fn test_at(&self, line: usize) -> Option<Test<'t>> {
        let lines = self.lines.get(line..)?;
        match self.language {
            Language::Rust { has_macro } => rust_test(lines, has_macro),
            Language::Node => node_test(lines).map(|title| Test { title, is_listed: false }),
            Language::Python => python_test(lines).map(|title| Test { title, is_listed: false }),
        }
    }
}

/// The package that a Rust file belongs to. Folders are named for their packages.
pub(super) fn package(path: &str) -> Option<&str> {
    if !path.ends_with(".rs") {
        return None;
    }
    match path.split_once('/')? {
        ("crates", below) => below.split_once('/').map(|(package, _)| package),
        ("xtask", _) => Some("xtask"),
        _ => None,
    }
}

/// Finds a Rust test: a doctest that must not compile, a function that an attribute makes a test
/// and no attribute ignores, or a row or name from which a macro makes a test.
fn rust_test<'t>(lines: &[&'t str], has_macro: bool) -> Option<Test<'t>> {
    let mut lines = lines.iter();
    let (mut is_test, mut is_ignored) = (false, false);
    while let Some(line) = lines.next() {
        if must_not_compile(line) {
            return Some(Test { title: MUST_NOT_COMPILE, is_listed: false });
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            is_ignored |= line.starts_with("#[ignore");
            if !line.ends_with(']') {
                lines.find(|line| line.ends_with(']'));
            }
        } else if !line.starts_with("//") {
            let title = if is_test && !is_ignored { function(line) } else { None };
            let title = title.or_else(|| row(line).filter(|_| has_macro));
            return title.map(|title| Test { title, is_listed: true });
        }
    }
    None
}

fn function(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?.split_once('(')?;
    Some(name)
}

/// The name of a row, or a name that is alone on its line.
fn row(line: &str) -> Option<&str> {
    let name = line.split_once(": ").map_or_else(|| line.trim_end_matches(';'), |(name, _)| name);
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(name)
}

/// Whether a line begins a doctest that must not compile; an error code may follow the word.
fn must_not_compile(line: &str) -> bool {
    let doc = ["///", "//!"].into_iter().find_map(|sign| line.strip_prefix(sign));
    let words = doc.and_then(|doc| doc.trim().strip_prefix("```"));
    words.is_some_and(|words| words.split(',').next() == Some(MUST_NOT_COMPILE))
}

/// The title, in quotes, of a test or of a group of tests. A title with a place for a value is taken literally.
fn node_test<'t>(lines: &[&'t str]) -> Option<&'t str> {
    let mut lines = lines.iter().skip_while(|line| line.starts_with("//"));
    let call = lines.next()?;
    let first = ["test(", "describe("].into_iter().find_map(|name| call.strip_prefix(name))?;
    let title = if first.is_empty() { lines.next()? } else { first };
    let quote = ["'", "\"", "`"].into_iter().find(|quote| title.starts_with(quote))?;
    Some(title[1..].split_once(&format!("{quote},"))?.0)
}

fn python_test<'t>(lines: &[&'t str]) -> Option<&'t str> {
    let line = lines.iter().find(|line| !line.starts_with(['#', '@']))?;
    let (name, _) = line.strip_prefix("def ")?.split_once('(')?;
    name.starts_with("test_").then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_distinguished_from_what_only_looks_like_one() {
        let rust = "crates/a/src/b.rs";
        let node = "interop/node/a.test.mjs";
        let python = "interop/python/test_client.py";
        let cases = [
            (rust, "#[test]\nfn holds() {}", "holds", true),
            (rust, "    #[tokio::test]\n    async fn holds() {}", "holds", true),
            (rust, "#[test]\n// Why.\n#[cfg(unix)]\nfn holds() {}", "holds", true),
            (rust, "#[test]\n#[expect(\n    a,\n    reason = \"b\"\n)]\nfn holds() {}", "holds", true),
            (rust, "#[test]\n#[ignore]\nfn holds() {}", "holds", false),
            (rust, "#[test]\nfn other() {}\nfn holds() {}", "holds", false),
            (rust, "#[test]\nfn holds_more() {}", "holds", false),
            (rust, "// fn holds() {}", "holds", false),
            (rust, "macro_rules! m { #[test] fn $name() {} }\nm! {\n    holds: Bug;\n}", "holds", true),
            (rust, "macro_rules! m { #[test] fn $name() {} }\nm! {\n    part:\n    holds;\n}", "holds", true),
            (rust, "struct A {\n    holds: Bug,\n}", "holds", false),
            (rust, "a = [\n    holds\n]", "holds", false),
            (rust, "/// ```compile_fail\n/// ```", "compile_fail", true),
            (rust, "//! ```compile_fail,E0599\n//! ```", "compile_fail", true),
            (rust, "/// ```compile_failure\n/// ```", "compile_fail", false),
            (rust, "const A: &str = \"compile_fail\";", "compile_fail", false),
            (node, "test('holds', () => {})", "holds", true),
            (node, "test(\n  \"one's own holds\",\n  () => {})", "one's own holds", true),
            (node, "describe(`${code} holds`, () => {})", "${code} holds", true),
            (node, "test.skip('holds', () => {})", "holds", false),
            (node, "// 'holds', they say", "holds", false),
            (python, "    def test_holds(self):", "test_holds", true),
            (python, "    @with_clock\n    def test_holds(self):", "test_holds", true),
            (python, "    def test_holds(self):", "test_hold", false),
            (python, "    def holds(self):", "holds", false),
            ("interop/node/order.mjs", "test('holds', () => {})", "holds", false),
            ("docs/holds.md", "#[test]\nfn holds() {}", "holds", false),
        ];
        for (file, text, title, expected) in cases {
            let name = format!("{file}: {title}");
            let found = Test::find(&name, |path| (path == file).then_some(text));
            assert_eq!(found.is_ok(), expected, "{name} in {text:?}: {found:?}");
        }
    }

    #[test]
    fn a_name_without_a_file_or_with_a_missing_file_is_not_a_test() {
        for name in ["holds", "crates/a/src/c.rs: holds"] {
            assert!(Test::find(name, |_| None).is_err(), "{name}");
        }
    }
}
