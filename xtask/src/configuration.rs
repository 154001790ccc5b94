//! The rows of the keys in docs/configuration.md. Only the binary has the list of keys, so one of
//! its tests writes the rows.

use std::path::Path;
use std::process::Command;

/// The part of `cargo xtask docs` that writes the rows.
///
/// # Errors
/// Cargo cannot be run, or the page no longer has the two lines between which the rows are.
pub(crate) fn write(root: &Path) -> Result<(), String> {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--package", "countersign", "--bins", "the_page_has_the_row_of_each_key"]);
    let output = cargo.env("COUNTERSIGN_UPDATE_DOCS", "1").current_dir(root).output();
    let output = output.map_err(|error| format!("cargo: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
