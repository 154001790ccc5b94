//! The demo, as a newcomer runs it.

use crate::process::{Ended, run};

#[test]
fn the_demo_tells_every_story_and_ends_with_their_table() {
    let directory = tempfile::tempdir().unwrap();
    let Ended { code, stdout, stderr } = run(directory.path(), &["demo", "--once"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let heading = stdout.lines().position(|line| line.starts_with("story ")).unwrap();
    let rows = stdout.lines().skip(heading + 2).map(|line| {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let [story, order, outcome, reason, permission, charge] = cells[..] else { panic!("{line}") };
        let given = |id: &str| if id == "-" { "none" } else { "some" };
        let (permission, charge) = (given(permission), given(charge));
        format!("{order} | {story} | {outcome} | {reason} | {permission} | {charge}")
    });
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"));
}
