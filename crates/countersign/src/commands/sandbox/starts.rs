//! How often a durable sandbox was started with a seed: each start draws other ids, and the same in
//! every run. The count stands in a file beside the database, where no reset of the objects finds it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::failure::{Failure, Outcome};

/// The file, in the sandbox's directory: a decimal number.
const FILE: &str = "starts";

/// Counts this start, and gives the number of those before it. The directory is this process's alone.
pub(super) fn count(directory: &Path) -> Outcome<u64> {
    let path = directory.join(FILE);
    let failed =
        |why: &dyn std::fmt::Display| Failure::new(format_args!("{} cannot be used: {why}", path.display()));
    let before = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse::<u64>().map_err(|_| failed(&"it is not a number of starts"))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(failed(&error)),
    };
    replace(directory, &path, &format!("{}\n", before.saturating_add(1))).map_err(|error| failed(&error))?;
    Ok(before)
}

/// The file holds one number or the other, whenever the machine stops, and the new one on return.
fn replace(directory: &Path, path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = directory;
    Ok(())
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
    fn a_count_that_is_none_is_told_and_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        fs::write(&path, "many").unwrap();
        let told = count(directory.path()).unwrap_err().to_string();
        assert!(told.ends_with("starts cannot be used: it is not a number of starts"), "{told}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "many");
    }
}
