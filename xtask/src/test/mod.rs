//! `cargo xtask test`: every check, those that fail fastest first. A step runs even if an earlier
//! one has failed, so that one run shows everything. A step that passes prints one line on standard
//! error; a step that fails prints its whole output. Each line ends with the step's seconds.

use std::path::Path;
use std::process::ExitCode;

mod interop;
mod step;
mod tally;

use step::{Part, Step, cargo};
use tally::Tally;

use crate::promises;

/// Runs every step. The last line on standard output counts all checks and tests.
pub(crate) fn run(root: &Path) -> ExitCode {
    let mut total = Tally::default();
    let before = [
        cargo("format", &["fmt", "--all", "--check"]),
        cargo("lints", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        // The build that a shop deploys, without the default features.
        cargo(
            "shop lints",
            &["clippy", "--package", "countersign", "--no-default-features", "--", "-D", "warnings"],
        ),
    ];
    for step in before {
        total += step.run(root);
    }
    total += Part::start("tidy").ended(crate::tidy::run(root));
    for step in tests().into_iter().chain(documents()).chain(licenses()) {
        total += step.run(root);
    }
    if let Some(listed) = promises(root) {
        total += listed;
    }
    // The libraries that these steps share are compiled by now.
    total += defects(root);
    total += interop::run(root);

    println!("{total}");
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Installs the official Node.js client if npm is available. Prints only a failure.
pub(crate) fn install_node(root: &Path) {
    if step::succeeds("npm", &["--version"]) {
        interop::install_node(root);
    }
}

/// Installs a browser and the packages that drive it. Returns whether both are available.
pub(crate) fn install_browser(root: &Path) -> bool {
    interop::install_browser(root).failed == 0
}

/// `cargo xtask screenshots`.
pub(crate) fn screenshots(root: &Path) -> ExitCode {
    if interop::screenshots(root).failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Checks that every test that keeps a promise was run. Only nextest can list all tests.
fn promises(root: &Path) -> Option<Tally> {
    has_nextest().then(|| Part::start("promises").ended(promises::listed::unlisted(root)))
}

/// Tries as many defects as fit into the time for them. Each must be found by one of its judges.
fn defects(root: &Path) -> Tally {
    let part = Part::start("defects");
    match crate::defects::drawn(root) {
        Ok(tried) => {
            let mut tally = Tally::default();
            for one in tried {
                tally += Tally { passed: one.verdict.is_ok().into(), failed: one.verdict.is_err().into() };
            }
            part.counted(tally)
        }
        Err(error) => part.failed(&error),
    }
}

fn has_nextest() -> bool {
    step::succeeds("cargo", &["nextest", "--version"])
}

/// The arguments for the tests of the binary that a shop deploys. They are built as part of the
/// workspace, to share its libraries with the other tests.
const DEPLOYED: [&str; 4] = ["--no-default-features", "--test", "binary", "deployed::"];

/// The steps that run the tests. `cargo nextest` runs the tests of all crates in parallel, but no
/// doctests.
fn tests() -> Vec<Step> {
    if has_nextest() {
        let arguments = ["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "fail"];
        vec![
            cargo("tests", &arguments).counted_by(tally::from_nextest),
            cargo("shop build", &[&arguments[..], &DEPLOYED].concat()).counted_by(tally::from_nextest),
            cargo("doctests", &["test", "--workspace", "--doc"]).counted_by(tally::from_cargo_test),
        ]
    } else {
        let arguments = ["test", "--workspace", "--no-fail-fast"];
        vec![
            cargo("tests", &arguments).counted_by(tally::from_cargo_test),
            cargo("shop build", &[&arguments[..], &DEPLOYED].concat()).counted_by(tally::from_cargo_test),
        ]
    }
}

fn documents() -> Vec<Step> {
    let document = cargo("documents", &["doc", "--workspace", "--no-deps"]);
    vec![document.with_variable("RUSTDOCFLAGS", "-D warnings")]
}

/// Checks licences, bans and sources. Advisories need a database from the network, so they are not checked.
fn licenses() -> Option<Step> {
    let installed = step::succeeds("cargo", &["deny", "--version"]);
    installed.then(|| cargo("licenses", &["deny", "check", "licenses", "bans", "sources"]))
}
