//! Runs the programs of the workspace that only make sense in a release build: the benchmark and
//! the simulation. A program's exit code decides whether the command succeeds.

use std::path::Path;
use std::process::Command;

/// `cargo xtask bench`: the binary measures itself. The figures are also written to
/// `target/bench.json`; they can be compared within one run only. One part runs the official
/// Node.js client, and another a buyer's browser.
pub(crate) fn bench(root: &Path, arguments: &[&str]) -> Result<(), String> {
    crate::test::install_node(root);
    run(root, "countersign", &[&["bench", "--output", "target/bench.json"], arguments].concat())?;
    // The figures of one part, or of a tenth of everything, are not for publication.
    if arguments.is_empty() {
        crate::performance::write(root)?;
    }
    // The browser's part runs last, since it needs the machine to itself and measures by the
    // browser's clock.
    if !crate::test::install_browser(root) {
        return Ok(());
    }
    let purchases = if arguments.contains(&"--quick") { "5" } else { "60" };
    let mut node = Command::new("node");
    node.args(["bench.mjs", "../../target/bench-browser.json", purchases]);
    node.env("COUNTERSIGN_BINARY", root.join("target/release/countersign"));
    succeeded("node", node.current_dir(root.join("interop/browser")))
}

/// `cargo xtask simulate`: both halves over a failing network, many seeds.
pub(crate) fn simulate(root: &Path, arguments: &[&str]) -> Result<(), String> {
    run(root, "countersign-simulation", arguments)
}

fn run(root: &Path, package: &str, arguments: &[&str]) -> Result<(), String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--release", "--quiet", "--package", package, "--"]);
    succeeded("cargo", cargo.args(arguments).current_dir(root))
}

fn succeeded(name: &str, command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}
