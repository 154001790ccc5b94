//! The findings of a check of the tree, one line each.

/// An error with all findings, if there are any.
pub(crate) fn none(findings: Vec<impl ToString>) -> Result<(), String> {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
}
