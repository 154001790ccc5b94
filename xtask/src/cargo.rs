//! Runs cargo commands that answer in JSON.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs cargo in the workspace, and reads what it prints as one JSON value.
///
/// # Errors
/// Cargo cannot be run, fails (with what it printed), or does not print JSON.
pub(crate) fn ask(root: &Path, arguments: &[&str]) -> Result<Value, String> {
    let failed = |why: String| format!("cargo {}: {why}", arguments.join(" "));
    let mut cargo = Command::new("cargo");
    let output = cargo.args(arguments).current_dir(root).stdin(Stdio::null()).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}
