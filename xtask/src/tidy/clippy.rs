//! A crate's own `clippy.toml` replaces the root's file and all its bans, so the crate's file must
//! repeat every ban of the root.

use super::tree::Tree;
use super::violation::Violation;

pub(super) fn crates_repeat_the_shared_bans(tree: &Tree) -> Vec<Violation> {
    let Some(shared) = tree.text_of("clippy.toml") else {
        return vec![Violation::new("clippy.toml", "is missing")];
    };
    let mut violations = Vec::new();
    let own = |path: &str| path.ends_with("/clippy.toml") || path.ends_with("/.clippy.toml");
    for file in tree.files.iter().filter(|file| own(&file.path)) {
        let repeated: Vec<_> = bans(&file.text).collect();
        for ban in bans(shared).filter(|ban| !repeated.contains(ban)) {
            violations.push(Violation::new(&file.path, format!("does not repeat the ban on {ban}")));
        }
    }
    violations
}

/// The paths that a `clippy.toml` bans. Each has an entry of its own, as `path = "…"`.
fn bans(text: &str) -> impl Iterator<Item = &str> {
    text.split("path = \"").skip(1).filter_map(|rest| rest.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    #[test]
    fn a_ban_that_is_not_repeated_is_found() {
        let shared = "disallowed-methods = [{ path = \"a::b\" }, { path = \"c::d\", reason = \"e\" }]";
        let own = "disallowed-methods = [{ path = \"a::b\" }]";
        let place = "crates/countersign/clippy.toml";
        let files = vec![File::new("clippy.toml", shared), File::new(place, own)];
        let found = crates_repeat_the_shared_bans(&Tree { files, ..Tree::default() });
        assert_eq!(found, [Violation::new(place, "does not repeat the ban on c::d")]);
    }

    #[test]
    fn a_missing_root_file_is_found() {
        assert_eq!(crates_repeat_the_shared_bans(&Tree::default()).len(), 1);
    }
}
