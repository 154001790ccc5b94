//! The copy of the tree that defects are put into: `target/defects/tree`, with a target directory
//! of its own next to it. Cargo names compiled files by the path from the workspace's root, so the
//! crates of the copy have the same names as those of the tree. Files that are already compiled for
//! the tree are linked here, with their modification times, so that only what a defect changes must
//! be compiled.
//!
//! A run that is interrupted leaves its defect in the copy; the next run first makes the copy equal to the tree.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::folders::FOREIGN;

/// The extensions of the files in a target directory that are hard-linked, which are libraries.
/// Programs are built again.
const LIBRARIES: [&str; 3] = ["rlib", "rmeta", "so"];

/// The copy of the tree, locked for this process as long as the value lives.
pub(super) struct Copy {
    pub(super) tree: PathBuf,
    pub(super) target: PathBuf,
    _lock: File,
}

impl Copy {
    /// Makes the copy equal to the tree. `target` is the tree's own target directory.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub(super) fn new(root: &Path, target: &Path) -> Result<Self, String> {
        Self::made(root, target).map_err(|error| format!("the copy below target/defects: {error}"))
    }

    fn made(root: &Path, target: &Path) -> io::Result<Self> {
        let folder = target.join("defects");
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.lock()?;
        let copy = Self { tree: folder.join("tree"), target: folder.join("target"), _lock: lock };
        let is_first = !copy.target.exists();
        equal(root, &copy.tree)?;
        if is_first {
            link_what_is_compiled(&target.join("debug"), &copy.target.join("debug"))?;
        }
        Ok(copy)
    }

    /// Writes a file of the copy. The file is then newer than everything that was compiled from it.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, path: &str, text: &str) -> Result<(), String> {
        fs::write(self.tree.join(path), text).map_err(|error| format!("{path}: {error}"))
    }
}

/// Makes a folder equal to another. A file that differs gets the current time; a missing file gets the time of the
/// original.
fn equal(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let mut there = HashSet::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if FOREIGN.iter().any(|foreign| name == *foreign) || kind.is_symlink() {
            continue;
        }
        let copy = to.join(&name);
        there.insert(name);
        if kind.is_dir() {
            equal(&entry.path(), &copy)?;
        } else if !copy.exists() {
            copy_as_old(&entry.path(), &copy)?;
        } else {
            let text = fs::read(entry.path())?;
            if fs::read(&copy)? != text {
                fs::write(&copy, text)?;
            }
        }
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if there.contains(&entry.file_name()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Libraries are hard-linked, since the compiler replaces them and never rewrites them. Cargo's notes about them are
/// copied, since cargo does rewrite those.
fn link_what_is_compiled(from: &Path, to: &Path) -> io::Result<()> {
    if !from.join(".fingerprint").exists() {
        return Ok(());
    }
    fs::create_dir_all(to.join("deps"))?;
    for entry in fs::read_dir(from.join("deps"))? {
        let path = entry?.path();
        let (Some(name), Some(extension)) = (path.file_name(), path.extension()) else { continue };
        let copy = to.join("deps").join(name);
        if LIBRARIES.iter().any(|library| extension == *library) {
            fs::hard_link(&path, copy)?;
        } else if extension == "d" {
            copy_as_old(&path, &copy)?;
        }
    }
    for folder in [".fingerprint", "build"] {
        equal(&from.join(folder), &to.join(folder))?;
    }
    Ok(())
}

/// Copies a file with its modification time, by which cargo decides what must be compiled.
fn copy_as_old(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    let modified: SystemTime = fs::metadata(from)?.modified()?;
    File::options().write(true).open(to)?.set_modified(modified)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_made_equal_whatever_was_left_in_it() {
        let folder = std::env::temp_dir().join(format!("countersign-copy-{}", std::process::id()));
        let (root, target) = (folder.join("root"), folder.join("target"));
        fs::create_dir_all(root.join("src")).unwrap();
        fs::create_dir_all(root.join("target/debug")).unwrap();
        fs::write(root.join("src/a.rs"), "a").unwrap();
        let read = |copy: &Copy, path: &str| fs::read_to_string(copy.tree.join(path)).ok();
        {
            let copy = Copy::new(&root, &target).unwrap();
            let age = |path: PathBuf| fs::metadata(path).unwrap().modified().unwrap();
            assert_eq!(age(copy.tree.join("src/a.rs")), age(root.join("src/a.rs")));
            assert!(!copy.tree.join("target").exists());
            copy.write("src/a.rs", "defect").unwrap();
            copy.write("src/left.rs", "left").unwrap();
            fs::create_dir_all(copy.tree.join("left")).unwrap();
        }
        let copy = Copy::new(&root, &target).unwrap();
        assert_eq!(read(&copy, "src/a.rs").as_deref(), Some("a"));
        assert_eq!(read(&copy, "src/left.rs"), None);
        assert!(!copy.tree.join("left").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
