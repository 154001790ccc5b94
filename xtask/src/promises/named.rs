//! A test as docs/features.toml names it: `FILE: NAME`. Each language has its own sign of a test that
//! the test command runs.

/// Doctests have no names: this one stands for those of a file that must not compile.
const MUST_NOT_COMPILE: &str = "compile_fail";

/// The folders in which `node --test` and `unittest` find their suites.
const NODE: [&str; 2] = ["interop/node/", "interop/browser/"];
const PYTHON: &str = "interop/python/";

/// A test that is in the sources.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Test<'a> {
    /// The folder of its package, and the function.
    Rust { package: &'a str, function: &'a str },
    /// One that is run by another runner than the one that lists Rust's.
    Other,
}

/// The file that a test is named in.
pub(super) fn file(name: &str) -> Option<&str> {
    name.split_once(": ").map(|(file, _)| file)
}

/// The name alone.
pub(super) fn title(name: &str) -> &str {
    name.split_once(": ").map_or(name, |(_, title)| title)
}

impl<'a> Test<'a> {
    /// Finds the test, or says why it is not one.
    pub(crate) fn find<'t>(name: &'a str, text_of: impl Fn(&str) -> Option<&'t str>) -> Result<Self, String> {
        let (file, title) =
            name.split_once(": ").ok_or_else(|| format!("{name} must be written as `FILE: NAME`"))?;
        let text = text_of(file).ok_or_else(|| format!("{name}: there is no such file"))?;
        let below = |folder: &str| file.strip_prefix(folder).is_some_and(|below| !below.contains('/'));
        let (test, is_there) = if let Some(package) = package(file) {
            if title == MUST_NOT_COMPILE {
                (Self::Other, text.lines().any(must_not_compile))
            } else {
                (Self::Rust { package, function: title }, is_rust_test(text, title))
            }
        } else if NODE.iter().any(|folder| below(folder)) && file.ends_with(".test.mjs") {
            (Self::Other, is_node_test(text, title))
        } else if below(PYTHON) && file.ends_with(".py") && file[PYTHON.len()..].starts_with("test_") {
            (Self::Other, text.contains(&format!("def {title}(")) && title.starts_with("test_"))
        } else {
            return Err(format!("{name}: the test command runs no such file"));
        };
        if is_there { Ok(test) } else { Err(format!("{name}: the file has no such test")) }
    }
}

/// The package that a Rust file belongs to. Folders are named for their packages.
fn package(file: &str) -> Option<&str> {
    if !file.ends_with(".rs") {
        return None;
    }
    match file.split_once('/')? {
        ("crates", below) => below.split_once('/').map(|(package, _)| package),
        ("xtask", _) => Some("xtask"),
        _ => None,
    }
}

fn must_not_compile(line: &str) -> bool {
    let line = line.trim_start();
    ["///", "//!"].iter().any(|sign| line.strip_prefix(sign).is_some_and(is_compile_fail))
}

/// A function with an attribute that makes it a test and none that keeps it from being run, or a row
/// of a table, or a name of a list, that a macro of the file makes tests of.
fn is_rust_test(text: &str, function: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let opens = [format!("fn {function}("), format!("async fn {function}(")];
    let makes_tests = text.contains("macro_rules!") && text.contains("#[test]");
    let row = format!("{function}: ");
    lines.iter().enumerate().any(|(at, line)| {
        if !opens.iter().any(|open| line.starts_with(open)) {
            return makes_tests && (line.starts_with(&row) || line.trim_end_matches(';') == function);
        }
        let above = lines[..at].iter().rev();
        let attributes: Vec<_> =
            above.take_while(|line| line.starts_with("#[") || line.starts_with("//")).collect();
        let has = |sign: &str| attributes.iter().any(|line| line.starts_with(sign));
        (has("#[test]") || has("#[tokio::test")) && !has("#[ignore")
    })
}

/// A call that names the test or the group in quotes. A title with a place for a value is named as it
/// is written.
fn is_node_test(text: &str, title: &str) -> bool {
    let calls = ["test(", "describe("];
    ['\'', '"', '`'].iter().any(|quote| {
        let quoted = format!("{quote}{title}{quote},");
        text.match_indices(&quoted).any(|(at, _)| {
            let before = text[..at].trim_end();
            calls.iter().any(|call| before.ends_with(call))
        })
    })
}

/// Whether a line begins a doctest that must not compile; an error code may stand behind the word.
fn is_compile_fail(doc: &str) -> bool {
    let words = doc.trim().strip_prefix("```");
    words.is_some_and(|words| words.split(',').next() == Some(MUST_NOT_COMPILE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_told_from_what_only_looks_like_one() {
        let rust = "crates/a/src/b.rs";
        let node = "interop/node/a.test.mjs";
        let python = "interop/python/test_client.py";
        let cases = [
            (rust, "#[test]\nfn holds() {}", "holds", true),
            (rust, "    #[tokio::test]\n    async fn holds() {}", "holds", true),
            (rust, "#[test]\n// Why.\n#[cfg(unix)]\nfn holds() {}", "holds", true),
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
            (python, "    def test_holds(self):", "test_hold", false),
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
    fn a_name_without_its_file_or_of_a_file_that_is_gone_is_no_test() {
        for name in ["holds", "crates/a/src/c.rs: holds"] {
            assert!(Test::find(name, |_| None).is_err(), "{name}");
        }
    }
}
