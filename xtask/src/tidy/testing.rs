//! Rules for tests. The integration tests of a crate are one program, so that only one has to be
//! linked. Only the tests that docs/real-time.toml lists, with their seconds, let real time pass.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::code::line_of;
use super::tree::{File, Tree};
use super::violation::Violation;
use crate::promises::named::Test;

/// The page that lists the tests that let real time pass.
const LISTED: &str = "docs/real-time.toml";
/// The largest number of seconds that these tests may take together.
const MOST_SECONDS: f64 = 60.0;

/// For each language, the words by which a test waits for real time or measures it.
const WAITING: [(&str, &[&str]); 3] = [
    (
        ".rs",
        &[
            "thread::sleep",
            "time::sleep",
            "time::interval",
            "time::timeout",
            "SystemClock.sleep",
            "Instant::now",
            "SystemTime::now",
            ".elapsed(",
        ],
    ),
    (".mjs", &["setTimeout", "setInterval", "waitForTimeout", "timers/promises"]),
    (".py", &["time.sleep", "time.monotonic", "perf_counter"]),
];

pub(super) fn each_crate_links_one_test_program(tree: &Tree) -> Vec<Violation> {
    let mut programs: BTreeMap<&str, &str> = BTreeMap::new();
    let mut violations = Vec::new();
    for file in tree.rust_files() {
        let Some((krate, below)) = file.in_crate() else { continue };
        let Some(program) = below.strip_prefix("tests/").and_then(program) else { continue };
        if let Some(first) = programs.insert(krate, program) {
            let what = format!("a second test program next to {first}: make it a module of that one");
            violations.push(Violation::new(&file.path, what));
        }
    }
    violations
}

/// The name of the test program that this file below `tests/` is the root of; `None` if it is not a root.
fn program(below: &str) -> Option<&str> {
    match below.split_once('/') {
        None => below.strip_suffix(".rs"),
        Some((program, "main.rs")) => Some(program),
        Some(_) => None,
    }
}

/// The list of tests that let real time pass.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RealTime {
    /// Tests that wait until a time limit of the program itself has passed.
    #[serde(default)]
    test: Vec<ListedTest>,
    /// Files that wait for a condition, with a bound, and pause between two looks.
    #[serde(default)]
    condition: Vec<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedTest {
    /// The test's file and name, as `FILE: NAME`.
    name: String,
    seconds: f64,
    #[serde(rename = "why")]
    _why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    file: String,
    #[serde(rename = "why")]
    _why: String,
}

pub(super) fn tests_that_let_real_time_pass_are_listed(tree: &Tree) -> Vec<Violation> {
    let listed = match tree.text_of(LISTED).map(toml::from_str::<RealTime>) {
        Some(Ok(listed)) => listed,
        Some(Err(unreadable)) => return vec![Violation::new(LISTED, unreadable.to_string())],
        None => RealTime::default(),
    };
    let wrong = listed.test.iter().filter_map(|test| Test::find(&test.name, |path| tree.text_of(path)).err());
    let mut violations: Vec<Violation> = wrong.map(|wrong| Violation::new(LISTED, wrong)).collect();
    let seconds: f64 = listed.test.iter().map(|test| test.seconds).sum();
    if seconds > MOST_SECONDS {
        violations.push(Violation::new(
            LISTED,
            format!("{seconds} s together: at most {MOST_SECONDS} are allowed"),
        ));
    }
    let names: BTreeSet<&str> = listed.test.iter().map(|test| test.name.as_str()).collect();
    let conditions: BTreeSet<&str> = listed.condition.iter().map(|it| it.file.as_str()).collect();
    let others = tree.files.iter().filter(|file| !conditions.contains(file.path.as_str()));
    violations.extend(others.flat_map(|file| waits(file, &names)));
    violations
}

/// Each place at which a file's tests wait, except in a function that is listed as a test.
fn waits(file: &File, listed: &BTreeSet<&str>) -> Vec<Violation> {
    let Some((_, words)) = WAITING.iter().find(|(ending, _)| file.path.ends_with(ending)) else {
        return Vec::new();
    };
    let text = if file.is_rust() {
        &file.code().tests
    } else if file.path.starts_with("interop/") {
        &file.text
    } else {
        return Vec::new();
    };
    let mut violations = Vec::new();
    let mut function = "";
    for (number, line) in (1..).zip(text.lines()) {
        if let Some((_, named)) = line.split_once("fn ") {
            function = named.split(['(', '<']).next().unwrap_or_default();
        }
        if listed.contains(format!("{}: {function}", file.path).as_str()) {
            continue;
        }
        for word in words.iter().filter(|word| line_of(line, word).is_some()) {
            let what = format!("line {number}: {word}: {LISTED} does not list this test, which waits");
            violations.push(Violation::new(&file.path, what));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
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

    fn found(files: &[(&str, &str)]) -> usize {
        let files = files.iter().map(|(path, text)| File::new(*path, *text)).collect();
        tests_that_let_real_time_pass_are_listed(&Tree { files, packages: Vec::new() }).len()
    }

    #[test]
    fn a_test_that_waits_for_real_time_is_found() {
        let rust = "fn a() { std::thread::sleep(b); }";
        let cases = [
            ("crates/a/tests/a.rs", rust, 1),
            ("crates/a/src/a.rs", rust, 0),
            ("crates/a/tests/a.rs", "fn a() { let b = Instant::now(); b.elapsed(); }", 2),
            ("crates/a/tests/a.rs", "fn a() { b.elapsed(); }", 1),
            ("crates/a/tests/a.rs", "fn a() { clock.sleep(b); }", 0),
            ("crates/a/tests/a.rs", "// thread::sleep", 0),
            ("interop/node/a.test.mjs", "setTimeout(a, 50);", 1),
            ("web/a.mjs", "setTimeout(a, 50);", 0),
            ("interop/python/test_a.py", "time.sleep(1)", 1),
        ];
        for (path, text, expected) in cases {
            assert_eq!(found(&[(path, text)]), expected, "{path} {text}");
        }
    }

    #[test]
    fn what_is_listed_is_there_and_short() {
        let test = ("crates/a/tests/a.rs", "#[test]\nfn waits() {\n    thread::sleep(b);\n}\n");
        let beside =
            ("crates/a/tests/a.rs", "#[test]\nfn waits() {}\n#[test]\nfn too() { thread::sleep(b); }");
        let listed = |name: &str, seconds: &str| {
            format!("[[test]]\nname = \"crates/a/tests/a.rs: {name}\"\nseconds = {seconds}\nwhy = \"\"\n")
        };
        let condition = "[[condition]]\nfile = \"crates/a/tests/a.rs\"\nwhy = \"\"\n";
        let cases = [
            (listed("waits", "0.5"), 0),
            (listed("waits", "60.5"), 1),
            (listed("waits", "30.5") + &listed("waits", "30.0"), 1),
            // Two violations: the name, and the test that waits without being listed.
            (listed("is_gone", "0.5"), 2),
            (condition.to_owned(), 0),
            ("[[test]]".to_owned(), 1),
        ];
        for (text, expected) in cases {
            assert_eq!(found(&[test, (LISTED, &text)]), expected, "{text}");
        }
        assert_eq!(found(&[beside, (LISTED, &listed("waits", "0.5"))]), 1, "another test of the same file");
    }
}
