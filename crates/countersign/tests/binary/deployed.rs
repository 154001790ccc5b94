//! The build that a shop deploys, without the default features.

use crate::process::{ProcessOutput, run};

#[test]
fn a_shop_deploys_neither_demo_nor_bench() {
    let directory = tempfile::tempdir().unwrap();
    let ProcessOutput { code, stdout, .. } = run(directory.path(), &["--help"]);
    assert_eq!(code, Some(0));
    let (_, list) = stdout.split_once("Commands:\n").unwrap();
    let commands = list.lines().map_while(|line| line.split_whitespace().next());
    assert_eq!(
        commands.collect::<Vec<_>>(),
        ["sandbox", "serve", "explain", "decide", "keys", "sign", "verify", "help"]
    );
    for word in ["demo", "bench"] {
        assert!(!stdout.contains(word), "{stdout}");
    }
}

#[test]
fn a_command_that_was_left_out_is_refused_with_how_to_build_it() {
    let directory = tempfile::tempdir().unwrap();
    for command in ["demo", "bench"] {
        let ProcessOutput { code, stdout, stderr } = run(directory.path(), &[command, "--once"]);
        assert_eq!((code, stdout.as_str()), (Some(2), ""));
        let expected = format!(
            "error: unrecognized subcommand '{command}'\n\n  tip: this build does not include it; 'cargo \
             build --release' makes one that has '{command}'\n\nUsage: countersign [OPTIONS] \
             <COMMAND>\n\nFor more information, try '--help'.\n"
        );
        assert_eq!(stderr, expected);
    }
    let ProcessOutput { stderr, .. } = run(directory.path(), &["dmeo"]);
    assert!(!stderr.contains("this build"), "{stderr}");
}
