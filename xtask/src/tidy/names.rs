//! Words that do not belong in the code: file names that say nothing, type names that say the wrong
//! thing, floating-point numbers near money, and signs of unfinished code.

use super::tree::Tree;
use super::violation::{Violation, words_in};

/// File stems that do not name what the file contains.
const EMPTY_STEMS: [&str; 6] = ["utils", "helpers", "common", "misc", "manager", "types"];

/// Crates through which money passes.
const MONEY_CRATES: [&str; 5] = [
    "countersign-domain",
    "countersign-protocol",
    "countersign-client",
    "countersign-sandbox",
    "countersign-merchant",
];

/// Signs of unfinished code.
const UNDONE: [&str; 4] = ["todo!", "unimplemented!", "dbg!", "#[ignore"];

pub(super) fn files_and_types_say_what_they_are(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.files.iter().filter(|file| is_source(&file.path)) {
        let stem = file.stem();
        if EMPTY_STEMS.contains(&stem) || has_version_suffix(stem) {
            violations.push(Violation::new(&file.path, "the file is not named for a noun"));
        }
    }
    for file in tree.rust_files() {
        let code = file.code();
        for text in [&code.shipped, &code.tests] {
            for (line, name) in declared_types(text) {
                if name == "Session" || name.ends_with("Dto") {
                    let what = format!("line {line}: {name} is not the API's noun");
                    violations.push(Violation::new(&file.path, what));
                }
            }
        }
    }
    violations
}

pub(super) fn no_float_near_money(tree: &Tree) -> Vec<Violation> {
    MONEY_CRATES.iter().flat_map(|krate| words_in(tree, krate, &["f32", "f64"], "near money")).collect()
}

pub(super) fn nothing_is_left_undone(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust_files() {
        let code = file.code();
        for text in [&code.shipped, &code.tests] {
            let what = |word: &str| format!("{word} is left in the code");
            violations.extend(Violation::for_words(&file.path, text, &UNDONE, what));
        }
    }
    violations
}

fn is_source(path: &str) -> bool {
    [".rs", ".js", ".mjs", ".ts", ".py", ".sql"].iter().any(|ending| path.ends_with(ending))
}

fn has_version_suffix(stem: &str) -> bool {
    stem.rsplit_once("_v").is_some_and(|(_, n)| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
}

/// The types that the code declares, with their lines.
fn declared_types(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.lines().enumerate().filter_map(|(index, line)| {
        let mut words = line.split_whitespace();
        words.find(|word| ["struct", "enum", "type", "trait", "union"].contains(word))?;
        let name = words.next()?.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
        Some((index + 1, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: fn(&Tree) -> Vec<Violation>, path: &str, text: &str) -> usize {
        rule(&Tree::with_file(path, text)).len()
    }

    #[test]
    fn a_file_that_is_not_named_for_a_noun_is_found() {
        let cases = [
            ("crates/countersign/src/utils.rs", 1),
            ("interop/node/helpers.mjs", 1),
            ("crates/countersign/src/charge_v2.rs", 1),
            ("crates/countersign/src/charge.rs", 0),
            ("crates/countersign/src/over_view.rs", 0),
            ("docs/types.md", 0),
        ];
        for (path, expected) in cases {
            assert_eq!(found(files_and_types_say_what_they_are, path, ""), expected, "{path}");
        }
    }

    #[test]
    fn a_type_with_the_wrong_noun_is_found() {
        let cases = [
            ("pub(crate) struct Session {}", 1),
            ("enum Session<T> {}", 1),
            ("pub struct ChargeDto;", 1),
            ("type Session = CheckoutSession;", 1),
            ("pub struct CheckoutSession;", 0),
            ("// struct Session", 0),
        ];
        for (text, expected) in cases {
            let count = found(files_and_types_say_what_they_are, "crates/countersign/src/a.rs", text);
            assert_eq!(count, expected, "{text}");
        }
    }

    #[test]
    fn floating_point_near_money_is_found() {
        for krate in MONEY_CRATES {
            let path = format!("crates/{krate}/src/a.rs");
            assert_eq!(found(no_float_near_money, &path, "fn a(b: f64) -> f32 {}"), 2);
            assert_eq!(found(no_float_near_money, &path, "#[cfg(test)]\nfn a(b: f64) {}"), 0);
        }
        let elsewhere = "crates/countersign-simulation/src/chance.rs";
        assert_eq!(found(no_float_near_money, elsewhere, "fn a(b: f64) {}"), 0);
    }

    #[test]
    fn unfinished_code_is_found() {
        let path = "crates/countersign/src/a.rs";
        for text in ["todo!()", "unimplemented!()", "dbg!(a)", "#[ignore = \"slow\"]"] {
            assert_eq!(found(nothing_is_left_undone, path, &format!("fn a() {{ {text} }}")), 1, "{text}");
            assert_eq!(found(nothing_is_left_undone, path, &format!("#[cfg(test)]\nfn a() {{ {text} }}")), 1);
        }
    }
}
