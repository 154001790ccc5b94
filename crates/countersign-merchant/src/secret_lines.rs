//! Reads a file of secrets: one per line, the current one first. A line that begins with `#` is a comment.

use std::fmt;

/// The text is not valid. Names the line that is wrong, and never shows its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretLinesRefused(String);

impl fmt::Display for SecretLinesRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SecretLinesRefused {}

/// Reads one secret from each line that is neither empty nor a comment, at most `most` secrets. `name` is the word for a secret
/// in errors. `read` gets the line and the secrets before it.
pub(crate) fn read<T>(
    text: &str,
    name: &str,
    most: usize,
    read: impl Fn(&str, &[T]) -> Result<T, String>,
) -> Result<Vec<T>, SecretLinesRefused> {
    let mut found = Vec::new();
    let has_secret = |line: &str| !line.is_empty() && !line.starts_with('#');
    for (index, line) in text.lines().map(str::trim).enumerate().filter(|(_, line)| has_secret(line)) {
        let secret = read(line, &found);
        found.push(secret.map_err(|why| SecretLinesRefused(format!("line {} is {why}", index + 1)))?);
    }
    match found.len() {
        0 => Err(SecretLinesRefused(format!("it has no {name}"))),
        count if count > most => Err(SecretLinesRefused(format!("it has more than {most} {name}s"))),
        _ => Ok(found),
    }
}
