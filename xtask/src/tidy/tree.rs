//! The input of the rules: the text files of the tree and the packages of the workspace. It is loaded once, from the
//! disk and from `cargo metadata`; the tests of the rules build their own.

use std::cell::OnceCell;
use std::path::Path;

use serde::Deserialize;

use super::code::{self, Code, Purpose};
use crate::{cargo, folders};

/// A text file, with its path from the root in `/` form.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
    code: OnceCell<Code>,
}

impl File {
    pub(super) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into(), code: OnceCell::new() }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// For a file of `crates/`, the crate's name and the path below the crate's folder.
    pub(super) fn in_crate(&self) -> Option<(&str, &str)> {
        self.path.strip_prefix("crates/")?.split_once('/')
    }

    pub(super) fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default()
    }

    /// The code, without its comments or the contents of its literals, split into shipped code and tests.
    pub(super) fn code(&self) -> &Code {
        let purpose = if self.is_for_tests() { Purpose::Tests } else { Purpose::Shipping };
        self.code.get_or_init(|| code::split(&self.text, purpose))
    }

    /// Whether the whole file is for tests.
    pub(super) fn is_for_tests(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "benches")
            || self.stem() == "tests"
            || self.stem().ends_with("_tests")
    }
}

/// A dependency as its package declares it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `dev` or `build`; `None` for an ordinary dependency.
    pub(super) kind: Option<String>,
    /// Whether it is a dependency only if a feature is enabled.
    pub(super) optional: bool,
    #[serde(rename = "uses_default_features")]
    pub(super) default_features: bool,
    pub(super) features: Vec<String>,
}

impl Dependency {
    pub(super) fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<File>,
    pub(super) packages: Vec<Package>,
}

impl Tree {
    /// A tree of one file.
    #[cfg(test)]
    pub(super) fn with_file(path: &str, text: &str) -> Self {
        Self { files: vec![File::new(path, text)], ..Self::default() }
    }

    pub(super) fn load(root: &Path) -> Result<Self, String> {
        let files = folders::texts(root)?.into_iter().map(|(path, text)| File::new(path, text)).collect();
        Ok(Self { files, packages: read_packages(root)? })
    }

    pub(super) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(super) fn text_of(&self, path: &str) -> Option<&str> {
        self.file(path).map(|file| file.text.as_str())
    }

    pub(super) fn rust_files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// The Rust files of one crate, with their paths below its folder.
    pub(super) fn files_of<'a>(&'a self, krate: &'a str) -> impl Iterator<Item = (&'a File, &'a str)> {
        self.rust_files().filter_map(move |file| match file.in_crate() {
            Some((name, below)) if name == krate => Some((file, below)),
            Some(_) | None => None,
        })
    }
}

fn read_packages(root: &Path) -> Result<Vec<Package>, String> {
    let mut metadata = cargo::ask(root, &["metadata", "--format-version", "1", "--no-deps"])?;
    let packages = serde_json::from_value(metadata["packages"].take());
    packages.map_err(|error| format!("cargo metadata: {error}"))
}
