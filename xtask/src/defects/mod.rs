//! Defects that must be found: each is put into a copy of the tree, its judges run, and one of them
//! must be the first to fail. `cargo xtask defects` tries all defects. The test command tries as
//! many as fit into three minutes; the commit determines which. tidy checks that each defect can
//! still be put in.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

mod copy;
mod defect;
mod judge;

use copy::Copy;
use defect::Defect;

use crate::folders;
use crate::lot::lot;
use crate::stopwatch::Stopwatch;

/// The folder with the defects.
pub(crate) const FOLDER: &str = "crates/countersign-simulation/defects/";
const EXTENSION: &str = ".patch";
/// The one file in the folder that is not a defect.
const README: &str = "README.md";

/// How long the test command may take for the defects that it draws.
const DRAWN_FOR: Duration = Duration::from_secs(3 * 60);

/// One defect that was tried.
pub(crate) struct DefectTrial {
    pub(crate) name: String,
    /// The judge that found the defect, or why none did.
    pub(crate) verdict: Result<String, String>,
    pub(crate) took: Duration,
}

impl std::fmt::Display for DefectTrial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.took.as_secs();
        match &self.verdict {
            Ok(by) => write!(f, "{}: found by {by}, {seconds} s", self.name),
            Err(why) => write!(f, "{}: NOT FOUND, {seconds} s: {why}", self.name),
        }
    }
}

/// `cargo xtask defects [NAME…]`: tries the named defects, or all.
pub(crate) fn run(root: &Path, names: &[&str]) -> Result<(), String> {
    let stopwatch = Stopwatch::start();
    let mut defects = load(root)?;
    if let Some(name) = names.iter().find(|name| defects.iter().all(|defect| defect.name != **name)) {
        return Err(format!("there is no {FOLDER}{name}{EXTENSION}"));
    }
    defects.retain(|defect| names.is_empty() || names.contains(&defect.name.as_str()));
    // Defects of the same file follow each other: the file is then compiled directly with the next
    // defect in it, and not without a defect in between.
    defects.sort_by(|one, other| (&one.path, &one.name).cmp(&(&other.path, &other.name)));
    let copy = copy(root)?;
    let mut found = 0;
    for defect in &defects {
        let tried = attempt(&copy, defect);
        println!("{tried}");
        found += usize::from(tried.verdict.is_ok());
    }
    let minutes = stopwatch.elapsed().as_secs_f64() / 60.0;
    let summary = format!("{found} of {} defects found in {minutes:.1} minutes", defects.len());
    println!("{summary}");
    if found == defects.len() { Ok(()) } else { Err(summary) }
}

/// Tries as many defects as fit into the test command's time. The commit determines the order, so
/// that different commits try different defects, and a second run on the same commit tries the same
/// ones.
///
/// # Errors
/// The defects cannot be read, or the copy cannot be made.
pub(crate) fn drawn(root: &Path) -> Result<Vec<DefectTrial>, String> {
    let stopwatch = Stopwatch::start();
    let commit = commit(root);
    let mut defects = load(root)?;
    defects.sort_by_key(|defect| lot(&commit, &defect.name));
    eprintln!("{:<10} drawn by {}", "defects", commit.get(..12).unwrap_or(&commit));
    let copy = copy(root)?;
    let mut tried: Vec<DefectTrial> = Vec::new();
    for defect in &defects {
        let longest = tried.iter().map(|tried| tried.took).max().unwrap_or_default();
        if stopwatch.elapsed() + longest > DRAWN_FOR {
            break;
        }
        let one = attempt(&copy, defect);
        eprintln!("{:<10} {one}", "");
        tried.push(one);
    }
    Ok(tried)
}

/// The faults in the defect files, each with the path of its file, for `cargo xtask tidy` to
/// report.
pub(crate) fn wrong<'a>(
    files: impl Iterator<Item = (&'a str, &'a str)>,
    text_of: impl Fn(&str) -> Option<&'a str>,
) -> Vec<(&'a str, String)> {
    let wrong = files.filter_map(|(path, text)| Some((path, path.strip_prefix(FOLDER)?, text)));
    let wrong = wrong.filter(|(_, name, _)| *name != README).flat_map(|(path, name, text)| {
        let whys = match name.strip_suffix(EXTENSION) {
            Some(name) => match Defect::parse(name, text) {
                Ok(defect) => defect.wrong(&text_of),
                Err(why) => vec![why],
            },
            None => vec![format!("its name does not end with {EXTENSION}")],
        };
        whys.into_iter().map(move |why| (path, why)).collect::<Vec<_>>()
    });
    wrong.collect()
}

fn load(root: &Path) -> Result<Vec<Defect>, String> {
    let folder = root.join(FOLDER);
    let failed = |error| format!("{FOLDER}: {error}");
    let mut defects = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let file = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let Some(name) = file.strip_suffix(EXTENSION) else { continue };
        let text = fs::read_to_string(folder.join(&file)).map_err(failed)?;
        defects.push(Defect::parse(name, &text).map_err(|why| format!("{FOLDER}{file}: {why}"))?);
    }
    defects.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(defects)
}

fn copy(root: &Path) -> Result<Copy, String> {
    Copy::new(root, &folders::target(root))
}

/// Puts the defect in, runs its judges, and takes it out again.
fn attempt(copy: &Copy, defect: &Defect) -> DefectTrial {
    let stopwatch = Stopwatch::start();
    let path = copy.tree.join(&defect.path);
    let verdict = fs::read_to_string(path).map_err(|error| format!("{}: {error}", defect.path));
    let verdict = verdict.and_then(|text| {
        copy.write(&defect.path, &defect.put_into(&text)?)?;
        let verdict = judge::judge(copy, defect);
        copy.write(&defect.path, &text)?;
        verdict
    });
    DefectTrial { name: defect.name.clone(), verdict, took: stopwatch.elapsed() }
}

/// The commit that is checked out; empty if there is none.
fn commit(root: &Path) -> String {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_a_defect_is_found_by_its_name() {
        let stray = format!("{FOLDER}notes.txt");
        let readme = format!("{FOLDER}{README}");
        let broken = format!("{FOLDER}broken.patch");
        let files = [stray.as_str(), &readme, &broken, "docs/api.md"].map(|path| (path, "text"));
        let expected = [
            (stray.as_str(), "its name does not end with .patch".to_owned()),
            (broken.as_str(), "it has no line ---".to_owned()),
        ];
        assert_eq!(wrong(files.into_iter(), |_| None), expected);
    }
}
