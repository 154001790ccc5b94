//! Which crate may depend on which. The table is the design. Development dependencies are not
//! restricted.

use super::tree::Tree;
use super::violation::Violation;

/// Each crate, with those of our crates that it may name.
const DESIGN: [(&str, &[&str]); 14] = [
    ("countersign-domain", &[]),
    ("countersign-protocol", &["countersign-domain"]),
    ("countersign-store", &["countersign-domain"]),
    ("countersign-document", &["countersign-domain", "countersign-store"]),
    ("countersign-http", &[]),
    ("countersign-world", &["countersign-domain"]),
    ("countersign-client", &["countersign-domain", "countersign-protocol", "countersign-world"]),
    (
        "countersign-sandbox",
        &[
            "countersign-domain",
            "countersign-protocol",
            "countersign-store",
            "countersign-document",
            "countersign-http",
            "countersign-world",
        ],
    ),
    (
        "countersign-merchant",
        &[
            "countersign-domain",
            "countersign-protocol",
            "countersign-client",
            "countersign-store",
            "countersign-document",
            "countersign-http",
            "countersign-world",
        ],
    ),
    ("countersign-demo", &EVERY_LIBRARY),
    ("countersign-bench", &EVERY_LIBRARY),
    ("countersign", &EVERY_LIBRARY),
    ("countersign-simulation", &EVERY_LIBRARY),
    ("xtask", &[]),
];

const EVERY_LIBRARY: [&str; 9] = [
    "countersign-domain",
    "countersign-protocol",
    "countersign-store",
    "countersign-document",
    "countersign-http",
    "countersign-world",
    "countersign-client",
    "countersign-sandbox",
    "countersign-merchant",
];

/// The binary, and the crates that only its build for developers contains. The build that a shop
/// deploys does not contain them.
const BY_FEATURE: (&str, [&str; 2]) = ("countersign", ["countersign-demo", "countersign-bench"]);

/// The crates that the domain may use, with the features that need no `std`.
const DOMAIN: [(&str, &[&str]); 2] = [("jiff", &["alloc"]), ("unicode-normalization", &[])];

pub(super) fn crates_depend_as_designed(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for package in &tree.packages {
        let Some((_, allowed)) = DESIGN.iter().find(|(name, _)| *name == package.name) else {
            violations.push(Violation::new(&package.name, "has no row in the dependency table"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.is_for_tests()) {
            let name = dependency.name.as_str();
            let ours = tree.packages.iter().any(|package| package.name == name);
            let by_feature = package.name == BY_FEATURE.0 && BY_FEATURE.1.contains(&name);
            let what = match (by_feature, dependency.optional) {
                (true, true) => continue,
                (true, false) => format!("may depend on {name} by a feature only"),
                (false, _) if !ours || allowed.contains(&name) => continue,
                (false, _) => format!("may not depend on {name}"),
            };
            violations.push(Violation::new(&package.name, what));
        }
    }
    violations
}

/// Checks what the compiler cannot check: only the host's target is installed, and there `std`
/// always links.
pub(super) fn domain_depends_on_no_std_crates_only(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    let domain = tree.packages.iter().filter(|package| package.name == "countersign-domain");
    for dependency in domain.flat_map(|package| &package.dependencies) {
        if dependency.is_for_tests() {
            continue;
        }
        let name = dependency.name.as_str();
        let what = match DOMAIN.iter().find(|(allowed, _)| *allowed == name) {
            None => format!("may not depend on {name}"),
            Some(_) if dependency.default_features => format!("takes {name} with default features"),
            Some((_, features)) => {
                let foreign = |feature: &&String| !features.contains(&feature.as_str());
                let Some(feature) = dependency.features.iter().find(foreign) else { continue };
                format!("takes {name} with the feature {feature}")
            }
        };
        violations.push(Violation::new("countersign-domain", what));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Dependency, Package};
    use super::*;

    fn package(name: &str, dependencies: Vec<Dependency>) -> Package {
        Package { name: name.to_owned(), dependencies }
    }

    fn dependency(name: &str) -> Dependency {
        Dependency { name: name.to_owned(), ..Dependency::default() }
    }

    fn tree(packages: Vec<Package>) -> Tree {
        Tree { packages, ..Tree::default() }
    }

    #[test]
    fn an_edge_that_the_design_does_not_draw_is_found() {
        let edges = [
            ("countersign-client", "countersign-store"),
            ("countersign-client", "countersign-http"),
            ("countersign-sandbox", "countersign-client"),
            ("countersign-merchant", "countersign-sandbox"),
            ("countersign-http", "countersign-domain"),
            ("countersign-domain", "countersign-protocol"),
            ("countersign", "countersign-simulation"),
            ("countersign-demo", "countersign-bench"),
            ("countersign-sandbox", "countersign-demo"),
        ];
        for (from, to) in edges {
            let packages = vec![package(from, vec![dependency(to)]), package(to, Vec::new())];
            let expected = vec![Violation::new(from, format!("may not depend on {to}"))];
            assert_eq!(crates_depend_as_designed(&tree(packages)), expected);
        }
    }

    #[test]
    fn development_dependencies_and_designed_edges_are_free() {
        let development = Dependency { kind: Some("dev".to_owned()), ..dependency("countersign-sandbox") };
        let packages = vec![
            package("countersign-client", vec![development, dependency("countersign-protocol")]),
            package("countersign-sandbox", vec![dependency("countersign-store"), dependency("tokio")]),
            package("countersign-protocol", Vec::new()),
            package("countersign-store", Vec::new()),
        ];
        assert_eq!(crates_depend_as_designed(&tree(packages)), []);
    }

    #[test]
    fn a_demo_that_every_build_of_the_binary_has_is_found() {
        let found = |optional| {
            let demo = Dependency { optional, ..dependency("countersign-demo") };
            let packages = vec![package("countersign", vec![demo]), package("countersign-demo", Vec::new())];
            crates_depend_as_designed(&tree(packages))
        };
        assert_eq!(found(true), []);
        let expected = Violation::new("countersign", "may depend on countersign-demo by a feature only");
        assert_eq!(found(false), [expected]);
    }

    #[test]
    fn a_crate_outside_the_table_is_found() {
        let found = crates_depend_as_designed(&tree(vec![package("countersign-extra", Vec::new())]));
        assert_eq!(found, [Violation::new("countersign-extra", "has no row in the dependency table")]);
    }

    #[test]
    fn a_domain_dependency_that_needs_std_is_found() {
        let cases = [
            (dependency("serde"), "may not depend on serde"),
            (Dependency { default_features: true, ..dependency("jiff") }, "takes jiff with default features"),
            (
                Dependency { features: vec!["std".to_owned()], ..dependency("jiff") },
                "takes jiff with the feature std",
            ),
        ];
        for (wrong, what) in cases {
            let found =
                domain_depends_on_no_std_crates_only(&tree(vec![package("countersign-domain", vec![wrong])]));
            assert_eq!(found, [Violation::new("countersign-domain", what)]);
        }
    }

    #[test]
    fn the_domains_own_dependencies_pass() {
        let jiff = Dependency { features: vec!["alloc".to_owned()], ..dependency("jiff") };
        let kind = Some("dev".to_owned());
        let test_only = Dependency { kind, default_features: true, ..dependency("proptest") };
        let dependencies = vec![jiff, dependency("unicode-normalization"), test_only];
        let found =
            domain_depends_on_no_std_crates_only(&tree(vec![package("countersign-domain", dependencies)]));
        assert_eq!(found, []);
    }
}
