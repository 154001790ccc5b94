//! `cargo xtask bench`: builds the binary for release and lets it measure itself. The figures go to
//! `target/bench.json` as well; they are comparable within one run only.

use std::path::Path;
use std::process::{Command, ExitCode};

/// Runs the benchmark; what follows `bench` on the command line is passed on.
pub(crate) fn run(root: &Path, arguments: &[&str]) -> ExitCode {
    let mut cargo = Command::new("cargo");
    cargo.args(["run", "--release", "--quiet", "--package", "countersign", "--", "bench"]);
    cargo.args(["--output", "target/bench.json"]).args(arguments).current_dir(root);
    match cargo.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
