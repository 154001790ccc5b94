//! Checks that the text a defect replaces occurs exactly once in the source file, and that the
//! defect's judges exist. If either changes, the defect's file must change too.

use super::Violation;
use super::tree::Tree;
use crate::defects;

pub(super) fn each_defect_still_applies(tree: &Tree) -> Vec<Violation> {
    let files = tree.files.iter().map(|file| (file.path.as_str(), file.text.as_str()));
    defects::wrong(files, |path| tree.text_of(path))
        .into_iter()
        .map(|(path, why)| Violation::new(path, why))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::File;
    use super::*;

    // Promise: B41
    #[test]
    fn a_defect_that_no_longer_applies_is_found() {
        let path = format!("{}late.patch", defects::FOLDER);
        let defect =
            "path: a.rs\nwhy: It is feared.\njudge: test crates/a/tests/b.rs: is_due\n---\n>=\n+++\n>\n";
        let test = File::new("crates/a/tests/b.rs", "#[test]\nfn is_due() {}\n");
        for (text, expected) in [("at >= due", 0), ("at > due", 1), ("a >= b >= c", 1)] {
            let files =
                vec![File::new("a.rs", text), File::new(&path, defect), File::new(&test.path, &test.text)];
            let found = each_defect_still_applies(&Tree { files, ..Tree::default() });
            assert_eq!(found.len(), expected, "{text}: {found:?}");
        }
    }
}
