//! What a check of the tree finds: a line each.

/// An error that has these lines, if there are any.
pub(crate) fn none(findings: Vec<impl ToString>) -> Result<(), String> {
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    if lines.is_empty() { Ok(()) } else { Err(lines.join("\n")) }
}
