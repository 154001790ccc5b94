//! The folders that are not part of the tree, cargo's target directory, and the text files of the tree.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that contain nothing of ours. In a second working tree, `.git` is a file.
pub(crate) const FOREIGN: [&str; 5] = [".git", "target", "node_modules", "__pycache__", ".venv"];

/// The folder that cargo builds into. It need not be below the root, so it is found from the path
/// of this program, which is in it.
pub(crate) fn target(root: &Path) -> PathBuf {
    let built = std::env::current_exe().ok();
    let folder = built.as_deref().and_then(|program| program.ancestors().nth(2));
    folder.map_or_else(|| root.join("target"), Path::to_path_buf)
}

/// The text files of the tree, by their paths from the root in `/` form, with their texts.
///
/// # Errors
/// A folder cannot be read.
pub(crate) fn texts(root: &Path) -> Result<Vec<(String, String)>, String> {
    let mut files = Vec::new();
    read_folder(root, "", &mut files)?;
    files.sort();
    Ok(files)
}

fn read_folder(folder: &Path, path: &str, files: &mut Vec<(String, String)>) -> Result<(), String> {
    let unreadable = |error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let kind = entry.file_type().map_err(unreadable)?;
        if FOREIGN.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            read_folder(&entry.path(), &below, files)?;
        } else if kind.is_file() {
            // Left out are files that are not text (a picture, a database), and files that another
            // tool has just removed.
            if let Ok(text) = fs::read_to_string(entry.path()) {
                files.push((below, text));
            }
        }
    }
    Ok(())
}
