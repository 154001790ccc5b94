//! Programs of the workspace that only make sense when built for release: the benchmark and the
//! simulation. They are built, run, and judged by their exit code.

use std::path::Path;
use std::process::{Command, ExitCode};

/// `cargo xtask bench`: the binary measures itself. The figures go to `target/bench.json` as well; they
/// are comparable within one run only. One of its parts runs the official Node.js client.
pub(crate) fn bench(root: &Path, arguments: &[&str]) -> ExitCode {
    crate::test::install_node(root);
    run(root, "countersign", &[&["bench", "--output", "target/bench.json"], arguments].concat())
}

/// `cargo xtask simulate`: both halves over a failing network, many seeds.
pub(crate) fn simulate(root: &Path, arguments: &[&str]) -> ExitCode {
    run(root, "countersign-simulation", arguments)
}

fn run(root: &Path, package: &str, arguments: &[&str]) -> ExitCode {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--release", "--quiet", "--package", package, "--"]);
    match cargo.args(arguments).current_dir(root).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
