//! The files of a crate take no names from each other in a cycle of any length, so they can be read
//! from the bottom up. Tests and `mod` lines do not count.
//!
//! A method call on a value does not count, because the type of the value is not known here; but
//! the file names the type somewhere, and that counts. A name that comes by a re-export counts as
//! taken from the file that defines it.

use std::collections::{BTreeMap, BTreeSet};

use super::module_tree::{ModuleTree, TakenName};
use super::tree::Tree;
use super::violation::Violation;

pub(super) fn no_files_name_each_other_in_a_cycle(tree: &Tree) -> Vec<Violation> {
    let of_package = |folder: &str| match ModuleTree::read(tree, folder) {
        Ok(modules) => cycles(&modules.taken()).iter().map(|cycle| violation(cycle)).collect(),
        Err(unreadable) => vec![unreadable],
    };
    packages(tree).into_iter().flat_map(of_package).collect()
}

/// The folders of the packages: those with a library or a program.
fn packages(tree: &Tree) -> BTreeSet<&str> {
    let roots = ["/src/lib.rs", "/src/main.rs"];
    let folder = |path: &'_ str| roots.iter().find_map(|root| path.strip_suffix(root).map(str::len));
    tree.files.iter().filter_map(|file| Some(&file.path[..folder(&file.path)?])).collect()
}

fn violation(cycle: &[TakenName]) -> Violation {
    let files: BTreeSet<&str> = cycle.iter().map(|taken| taken.by.as_str()).collect();
    let mut what = format!("{} files name each other in a cycle", files.len());
    for TakenName { by, from, name } in cycle {
        what.push_str(&format!("\n  {by} takes {name} from {from}"));
    }
    Violation::new(files.first().copied().unwrap_or_default(), what)
}

/// The groups of files that reach each other, each as its edges, with one name for each edge.
fn cycles(taken: &BTreeSet<TakenName>) -> Vec<Vec<TakenName>> {
    let mut edges: BTreeMap<&str, BTreeMap<&str, &TakenName>> = BTreeMap::new();
    for taken in taken {
        edges.entry(&taken.by).or_default().entry(&taken.from).or_insert(taken);
    }
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        edges.keys().map(|file| (*file, reach(file, &edges))).collect();
    let together = |one: &str, other: &str| reached.get(other).is_some_and(|others| others.contains(one));
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let mut cycles = Vec::new();
    for file in edges.keys().copied() {
        if !together(file, file) || seen.contains(file) {
            continue;
        }
        let group: BTreeSet<&str> =
            reached[file].iter().copied().filter(|other| together(file, other)).collect();
        let inside =
            |taken: &&TakenName| group.contains(taken.by.as_str()) && group.contains(taken.from.as_str());
        cycles.push(edges.values().flat_map(BTreeMap::values).copied().filter(inside).cloned().collect());
        seen.extend(group);
    }
    cycles
}

/// Every file that `file` takes a name from, directly or through others.
fn reach<'a>(file: &str, edges: &BTreeMap<&'a str, BTreeMap<&'a str, &'a TakenName>>) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut left: Vec<&str> = vec![file];
    while let Some(file) = left.pop() {
        for next in edges.get(file).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(*next) {
                left.push(next);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    const PACKAGE: &str = "crates/countersign-client/src";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(path, text)| File::new(format!("{PACKAGE}/{path}"), *text)).collect();
        let tree = Tree { files, ..Tree::default() };
        no_files_name_each_other_in_a_cycle(&tree).iter().map(ToString::to_string).collect()
    }

    /// What is found in a library with the modules `a`, `b`, `c`, `d` and `d::e`, where `a` and `b`
    /// have these texts.
    fn pair(a: &str, b: &str) -> Vec<String> {
        found(&[
            ("lib.rs", "pub mod a;\nmod b;\nmod c;\nmod d;\npub use b::B;\n"),
            ("a.rs", a),
            ("b.rs", b),
            ("c.rs", "pub(crate) use crate::a::A as Passed;\npub(crate) struct C;\n"),
            ("d/mod.rs", "pub(crate) mod e;\npub(crate) use e::E;\n"),
            ("d/e.rs", "pub(crate) struct E;\n"),
        ])
    }

    #[test]
    fn a_cycle_is_found_in_whatever_way_its_names_are_taken() {
        let b = "use crate::a::A;\npub(crate) struct B(A);\npub(crate) fn b() {}\n";
        let ways = [
            "use crate::b::B;\n",
            "use super::b::B as Other;\n",
            "use crate::{b::{self}, c};\nfn a() { b::b() }\n",
            "fn a(b: &crate::b::B) {}\n",
            "fn a() { super::b::b() }\n",
            "fn a() { use super::b::b; b() }\n",
            "pub use super::b::B;\n",
            "use crate::B;\n",
            "use countersign_client::B;\n",
            "use crate::b::*;\nfn a() { b() }\n",
            "use super::*;\nfn a() -> B {}\n",
            "fn a() { assert_eq!(1, crate::b::b()); }\n",
            "#[derive(crate::b::B)]\nstruct Other;\n",
            "mod inner { use super::super::b::B; }\n",
            "use crate as home;\nfn a() { home::b::b() }\n",
            "#[cfg(feature = \"more\")]\nuse crate::b::B;\n",
            "impl From<crate::b::B> for A {}\n",
            "macro_rules! of_b { () => { $crate::b::b() } }\n",
        ];
        for way in ways {
            let violations = pair(&format!("pub(crate) struct A;\n{way}"), b);
            assert_eq!(violations.len(), 1, "{way}");
            assert!(violations[0].contains("/a.rs takes "), "{way}: {violations:?}");
            assert!(violations[0].contains("/b.rs takes A from "), "{way}: {violations:?}");
        }
    }

    #[test]
    fn files_without_a_cycle_pass() {
        let b = "use crate::a::A;\npub(crate) struct B(A);\npub(crate) fn b() {}\n";
        let ways = [
            "",
            "// use crate::b::B;\n",
            "const TEXT: &str = \"crate::b::B\";\n",
            "#[cfg(test)]\nmod tests { use crate::b::B; }\n",
            "#[cfg(test)]\nuse crate::b::B;\n",
            "#[cfg(test)]\nfn a() { crate::b::b() }\n",
            "use crate::c::C;\n",
            "use crate::b;\n",
            "use crate::d::E;\nuse crate::d;\nfn a() -> d::e::E {}\n",
            "pub(in crate::b) fn a() {}\n",
            "fn a(c: C) { c.b() }\n",
            "use other::b::B;\n",
        ];
        for way in ways {
            let text = format!("pub(crate) struct A;\n{way}");
            let others = pair(&text, b);
            // c.rs itself names a.rs, by its re-export.
            let expected = usize::from(way.contains("crate::c"));
            assert_eq!(others.len(), expected, "{way}: {others:?}");
        }
    }

    #[test]
    fn a_re_export_counts_for_the_file_that_defines_the_name() {
        let a = "pub(crate) struct A;\n";
        assert!(pair(a, "use crate::c::Passed;\npub(crate) struct B;\n").is_empty());
        let around = format!("{a}use crate::b::B;\n");
        let violations = pair(&around, "use crate::c::Passed;\npub(crate) struct B;\n");
        assert_eq!(violations.len(), 1);
        assert!(violations[0].contains("/b.rs takes A from "), "{violations:?}");
    }

    #[test]
    fn a_parent_that_defines_what_its_children_use_and_uses_them_is_a_cycle() {
        let child = "use super::Limit;\npub(crate) struct Row(Limit);\n";
        let cases = [
            ("mod row;\npub(crate) struct Limit;\npub(crate) use row::Row;\n", 1),
            ("mod row;\npub(crate) struct Limit;\nfn rows() -> row::Row {}\n", 1),
            ("mod row;\npub(crate) struct Limit;\n", 0),
            ("mod limit;\nmod row;\npub(crate) use limit::Limit;\npub(crate) use row::Row;\n", 0),
        ];
        for (parent, expected) in cases {
            let violations = found(&[
                ("lib.rs", "mod table;\n"),
                ("table/mod.rs", parent),
                ("table/row.rs", child),
                ("table/limit.rs", "pub(crate) struct Limit;\n"),
            ]);
            assert_eq!(violations.len(), expected, "{parent}: {violations:?}");
        }
    }

    #[test]
    fn names_that_a_macro_makes_are_where_it_is_called() {
        let violations = found(&[
            ("lib.rs", "#[macro_use]\nmod words;\nmod state;\nmod reason;\n"),
            ("words.rs", "macro_rules! words { () => {} }\npub(crate) use words;\n"),
            (
                "state.rs",
                "use crate::words::words;\nuse crate::reason::Reason;\nwords! { State { Open(Reason) } }\n",
            ),
            ("reason.rs", "use crate::words::words;\nwords! { Reason { Of(crate::state::State) } }\n"),
        ]);
        assert_eq!(violations.len(), 1);
        assert!(violations[0].contains("/reason.rs takes State from "), "{violations:?}");
    }

    #[test]
    fn a_longer_cycle_is_shown_in_full_with_one_name_for_each_edge() {
        let violations = found(&[
            ("main.rs", "mod a;\nmod b;\nmod c;\nfn main() { a::first() }\n"),
            ("a.rs", "pub(crate) fn first() { crate::b::second(); crate::b::also(); }\n"),
            ("b.rs", "pub(crate) fn second() { crate::c::third() }\npub(crate) fn also() {}\n"),
            ("c.rs", "pub(crate) fn third() { crate::a::first() }\n"),
        ]);
        let expected = format!(
            "{PACKAGE}/a.rs: 3 files name each other in a cycle\
             \n  {PACKAGE}/a.rs takes also from {PACKAGE}/b.rs\
             \n  {PACKAGE}/b.rs takes third from {PACKAGE}/c.rs\
             \n  {PACKAGE}/c.rs takes first from {PACKAGE}/a.rs"
        );
        assert_eq!(violations, [expected]);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_found() {
        assert_eq!(found(&[("lib.rs", "fn a( {")]).len(), 1);
        assert_eq!(found(&[("lib.rs", "mod gone;\n")]).len(), 1);
    }
}
