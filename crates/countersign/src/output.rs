//! Standard output and standard error. A server continues if the reader of its output goes away (`|
//! head`): output that can no longer be written is dropped.

use std::fmt;
use std::io::Write as _;

use crate::failure::Failure;

/// Writes a line to standard output, and flushes it.
pub(crate) fn say(text: impl fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes a failure to standard error.
pub(crate) fn complain(failure: &Failure) {
    let _ = writeln!(std::io::stderr().lock(), "countersign: {failure}");
}
