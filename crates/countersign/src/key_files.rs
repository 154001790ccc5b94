//! Small files, above all those with keys and tokens. A file with a secret can be read only by its
//! owner, and a new key never overwrites a file. A file exists either whole or not at all, whenever
//! the machine stops.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use countersign_protocol::signing::{MerchantKey, VerifyingKey};

use crate::failure::{CommandResult, Failure};

/// The longest file that is read, in bytes. No key is longer, so a longer file was named by
/// mistake.
const MAX_LEN: u64 = 64 * 1024;

/// The text of a file, which must be short enough for a key or a token.
pub(crate) fn read(path: &Path) -> CommandResult<String> {
    let failed =
        |why: &dyn std::fmt::Display| Failure::new(format_args!("{} cannot be read: {why}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| failed(&error))?;
    file.take(MAX_LEN + 1).read_to_string(&mut text).map_err(|error| failed(&error))?;
    if text.len() as u64 > MAX_LEN {
        return Err(failed(&format_args!(
            "it is longer than {MAX_LEN} bytes, which is too long for a key or a token"
        )));
    }
    Ok(text)
}

/// A file's text, parsed.
pub(crate) fn read_as<T, E: std::fmt::Display>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> CommandResult<T> {
    parse(&read(path)?).map_err(|refused| unusable(path, refused))
}

/// The merchant's private key in a file.
pub(crate) fn read_private(path: &Path) -> CommandResult<MerchantKey> {
    read_as(path, MerchantKey::from_pem)
}

/// A public key in a file.
pub(crate) fn read_public(path: &Path) -> CommandResult<VerifyingKey> {
    read_as(path, VerifyingKey::from_pem)
}

/// The failure for a file whose text is not valid.
fn unusable(path: &Path, refused: impl std::fmt::Display) -> Failure {
    Failure::new(format_args!("{} cannot be used: {refused}", path.display()))
}

/// The token in a file: its text without the white space around it.
pub(crate) fn read_token(path: &Path) -> CommandResult<String> {
    let text = read(path)?;
    let token = text.trim();
    if token.is_empty() {
        return Err(unusable(path, "it is empty"));
    }
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(unusable(path, "a token must be one word of visible ASCII characters"));
    }
    Ok(token.to_owned())
}

/// The token in the file of one caller: the token alone, the caller's line of `operator.tokens_file`, or that of
/// `shop.tokens_file`.
pub(crate) fn read_own_token(path: &Path) -> CommandResult<String> {
    let text = read(path)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<&str> = lines.collect();
    let is_visible = |token: &str| token.bytes().all(|byte| byte.is_ascii_graphic());
    let token = match lines.as_slice() {
        [] => return Err(unusable(path, "it has no token")),
        [line] => match line.split_ascii_whitespace().collect::<Vec<_>>().as_slice() {
            [token] | [_, token] | [_, "shop" | "warehouse" | "read", token] if is_visible(token) => *token,
            _ => {
                let why = "it must hold a token alone, or one line of operator.tokens_file (NAME TOKEN) or of \
                           shop.tokens_file (NAME ROLE TOKEN)";
                return Err(unusable(path, why));
            }
        },
        [_, _, ..] => {
            return Err(unusable(
                path,
                "it has more than one token: name a file with one token, or with one line",
            ));
        }
    };
    Ok(token.to_owned())
}

/// Who may read a file.
#[derive(Clone, Copy)]
pub(crate) enum Readers {
    /// Only its owner.
    Owner,
    /// Everybody whom the process's umask allows.
    Everybody,
}

/// Writes a new file; an existing file is left as it is. The text goes to a temporary file in the same
/// directory, which is then linked to the name: unlike a rename, a link fails if the name is taken.
pub(crate) fn write_new(path: &Path, text: &str, readers: Readers) -> CommandResult {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(
        &mut options,
        match readers {
            Readers::Owner => 0o600,
            Readers::Everybody => 0o644,
        },
    );
    #[cfg(not(unix))]
    let _ = readers;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    // An earlier process with the same process id may have left this file behind.
    let _ = fs::remove_file(&beside);
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::hard_link(&beside, path)
    });
    let _ = fs::remove_file(&beside);
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => Failure::new(format_args!("{} cannot be written: {error}", path.display())),
    })
}

/// Writes a file, or replaces it. Whenever the machine stops, the file has either the old text or
/// the new one; once this has returned, it has the new one. The path must include a directory.
pub(crate) fn replace(path: &Path, text: &str, readers: Readers) -> CommandResult {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    // An earlier process may have died before the rename and left this file behind.
    let _ = fs::remove_file(&beside);
    write_new(&beside, text, readers)?;
    let renamed = fs::rename(&beside, path);
    #[cfg(unix)]
    let renamed = renamed.and_then(|()| File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all());
    renamed.map_err(|error| Failure::new(format_args!("{} cannot be written: {error}", path.display())))
}

/// The failure for a file that would be overwritten.
pub(crate) fn exists(path: &Path) -> Failure {
    Failure::new(format_args!("{} already exists and was not overwritten: name another file", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_once_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("merchant.pem");
        write_new(&path, "first", Readers::Owner).unwrap();
        assert_eq!(write_new(&path, "second", Readers::Owner), Err(exists(&path)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let failure = write_new(&directory.path().join("absent/key"), "text", Readers::Owner).unwrap_err();
        assert!(failure.to_string().contains("absent/key cannot be written: "), "{failure}");
    }
}
