//! Standard output and standard error. A reader that went away (`| head`) ends no server: what it
//! would have read is dropped.

use std::fmt;
use std::io::Write as _;

use crate::failure::Failure;

/// Writes a line to standard output, at once.
pub(crate) fn say(text: impl fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes a failure to standard error.
pub(crate) fn complain(failure: &Failure) {
    let _ = writeln!(std::io::stderr().lock(), "countersign: {failure}");
}
