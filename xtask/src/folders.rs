//! The folders that the automation knows: those of others, and cargo's own.

use std::path::{Path, PathBuf};

/// What holds nothing of ours. Of a second working tree, `.git` is a file.
pub(crate) const FOREIGN: [&str; 5] = [".git", "target", "node_modules", "__pycache__", ".venv"];

/// The folder that cargo builds into. It need not be below the root: the program that runs lies in it.
pub(crate) fn target(root: &Path) -> PathBuf {
    let built = std::env::current_exe().ok();
    let folder = built.as_deref().and_then(|program| program.ancestors().nth(2));
    folder.map_or_else(|| root.join("target"), Path::to_path_buf)
}
