//! The complete help texts: people read them before anything else.

use crate::process::{ProcessOutput, run};

/// The heading of the flags that are keys of the configuration file.
const KEYS: &str = "Overriding the configuration file:";

#[test]
fn every_command_explains_itself() {
    let directory = tempfile::tempdir().unwrap();
    let of_every_build = ["sandbox", "serve", "explain", "decide", "keys", "sign", "verify"];
    let of_developers: &[&str] =
        if cfg!(all(feature = "demo", feature = "bench")) { &["", "demo"] } else { &[] };
    for command in of_every_build.iter().chain(of_developers).copied() {
        let args = [command, "--help"];
        let args = if command.is_empty() { &args[1..] } else { &args[..] };
        let ProcessOutput { code, stdout, stderr } = run(directory.path(), args);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        if command == "serve" {
            // `serve` has many flags that are keys of the configuration file: one line for each is
            // enough to review them.
            let (page, keys) = stdout.split_once(KEYS).unwrap();
            insta::assert_snapshot!("help_of_serve", page);
            let lines = keys.split("\n      --").skip(1).map(|key| {
                let words: Vec<&str> = key.split_whitespace().collect();
                format!("--{}", words.join(" "))
            });
            insta::assert_snapshot!("keys_of_serve", lines.collect::<Vec<_>>().join("\n"));
            continue;
        }
        let name = if command.is_empty() { "countersign" } else { command };
        insta::assert_snapshot!(format!("help_of_{name}"), stdout);
    }
}

#[test]
fn the_rules_that_can_be_set_are_listed() {
    let directory = tempfile::tempdir().unwrap();
    let ProcessOutput { code, stdout, .. } = run(directory.path(), &["sandbox", "--set", "help"]);
    assert_eq!(code, Some(0));
    insta::assert_snapshot!(stdout);
}
