//! How many times a durable sandbox was started with a seed. Each start draws different ids, but
//! the ids of the first start, of the second, and so on are the same in every run. The count is in
//! a file next to the database, so that a reset of the objects keeps it.

use std::fs;
use std::io;
use std::path::Path;

use crate::failure::{CommandResult, Failure};
use crate::key_files::{self, Readers};

/// The name of the file in the sandbox's directory. Its text is a decimal number.
const FILE: &str = "starts";

/// Counts this start, and returns the number of starts before it. No other process may use the directory.
pub(super) fn count(directory: &Path) -> CommandResult<u64> {
    let path = directory.join(FILE);
    let failed =
        |why: &dyn std::fmt::Display| Failure::new(format_args!("{} cannot be used: {why}", path.display()));
    let before = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse::<u64>().map_err(|_| failed(&"it is not a number of starts"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(failed(&error)),
    };
    key_files::replace(&path, &format!("{}\n", before.saturating_add(1)), Readers::Everybody)?;
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_start_has_the_next_number() {
        let directory = tempfile::tempdir().unwrap();
        for expected in 0..3 {
            assert_eq!(count(directory.path()).unwrap(), expected);
        }
        let files = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(files, 1, "nothing but the count is left behind");
    }

    #[test]
    fn a_count_that_is_not_valid_is_refused_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        fs::write(&path, "many").unwrap();
        let told = count(directory.path()).unwrap_err().to_string();
        assert!(told.ends_with("starts cannot be used: it is not a number of starts"), "{told}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "many");
    }
}
