//! Checks that the tests that keep a promise are among those that the test command runs. The
//! sources only show that a test was written; the runner's list shows that it is built and will
//! run.

use std::collections::HashSet;
use std::path::Path;

use serde_json::Value;

use super::named::package;
use super::read;
use crate::{cargo, folders};

/// Fails with the tests that keep a promise but are not in the runner's list, one line each. All
/// tests must be built already.
pub(crate) fn unlisted(root: &Path) -> Result<(), String> {
    let texts = folders::texts(root)?;
    let promises = read(&texts)?;
    let list = cargo::ask(root, &["nextest", "list", "--workspace", "--message-format", "json"])?;
    let listed = ListedTests::read(&list)?;
    let tests = promises.marks.iter().filter_map(|mark| Some((mark.path, mark.test?)));
    let functions = tests.filter_map(|(path, test)| Some((path, package(path)?, test)));
    let unlisted = functions.filter(|(_, package, test)| test.is_listed && !listed.has(package, test.title));
    crate::findings::none(
        unlisted.map(|(path, _, test)| format!("{path}: {}: no test binary has it", test.title)).collect(),
    )
}

/// The package and the function of every test that is run.
struct ListedTests(HashSet<(String, String)>);

impl ListedTests {
    fn read(list: &Value) -> Result<Self, String> {
        let suites = list["rust-suites"].as_object().ok_or("nextest's list has no suites")?;
        let mut listed = HashSet::new();
        for suite in suites.values() {
            let package = suite["package-name"].as_str().ok_or("a suite without a package")?;
            for (name, test) in suite["testcases"].as_object().into_iter().flatten() {
                let function = name.rsplit("::").next().unwrap_or(name);
                if test["ignored"] == false {
                    listed.insert((package.to_owned(), function.to_owned()));
                }
            }
        }
        Ok(Self(listed))
    }

    fn has(&self, package: &str, function: &str) -> bool {
        self.0.contains(&(package.to_owned(), function.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_test_counts_in_its_own_package_and_when_it_is_not_ignored() {
        let list = json!({"rust-suites": {"a::b": {"package-name": "a", "testcases": {
            "rules::tests::holds": {"ignored": false}, "waits": {"ignored": true}}}}});
        let listed = ListedTests::read(&list).unwrap();
        let cases =
            [("a", "holds", true), ("b", "holds", false), ("a", "waits", false), ("a", "tests", false)];
        for (package, function, expected) in cases {
            assert_eq!(listed.has(package, function), expected, "{package} {function}");
        }
        assert!(ListedTests::read(&json!({})).is_err());
    }
}
