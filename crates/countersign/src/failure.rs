//! Why a command ends without success: one line that says what to do about it.

use std::fmt;

/// The line, without the program's name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure(String);

/// What a command returns.
pub(crate) type CommandResult<T = ()> = Result<T, Failure>;

impl Failure {
    /// A failure with this text, whose lines are joined: a program that reads logs expects one line
    /// for each failure.
    pub(crate) fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string().split('\n').map(str::trim).collect::<Vec<_>>().join(" "))
    }
}

/// A result whose failure begins with the name of the key that it is about.
pub(crate) fn about<T>(key: &str, result: CommandResult<T>) -> CommandResult<T> {
    result.map_err(|failure| Failure::new(format_args!("{key}: {failure}")))
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
