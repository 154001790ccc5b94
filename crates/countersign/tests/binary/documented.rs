//! docs/configuration.md agrees with the binary's own help about the sandbox and the logs: each flag, variable
//! and default has its row, and there are no other rows. The rows of `serve` are generated from the list of keys.

use std::collections::BTreeSet;

use crate::process::{ProcessOutput, run};

const PAGE: &str = include_str!("../../../../docs/configuration.md");

fn printed(args: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let ProcessOutput { code, stdout, .. } = run(directory.path(), args);
    assert_eq!(code, Some(0));
    stdout
}

/// A flag, and its help in one line.
struct Flag {
    name: String,
    told: String,
}

fn flags(command: &str) -> Vec<Flag> {
    let help = printed(&[command, "--help"]);
    let blocks = help.split("\n      --").skip(1);
    let of_block = |block: &str| {
        let name = block.split([' ', '\n']).next().unwrap();
        let told = block
            .lines()
            .take_while(|line| line.is_empty() || line.starts_with(' ') || block.starts_with(line));
        let told = told.collect::<Vec<_>>().join(" ");
        Flag { name: format!("--{name}"), told: told.split_whitespace().collect::<Vec<_>>().join(" ") }
    };
    blocks.map(of_block).collect()
}

impl Flag {
    /// The text in brackets after a word such as `env`.
    fn said(&self, word: &str) -> Option<&str> {
        let (_, rest) = self.told.split_once(&format!("[{word}: "))?;
        Some(rest.split_once(']').unwrap().0)
    }
}

/// The cells of the rows below a heading.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, part) = PAGE.split_once(heading).unwrap();
    let part = part.split("\n## ").next().unwrap();
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    rows.map(|row| row.split(" | ").map(|cell| cell.trim_end_matches('`')).collect()).collect()
}

#[test]
fn every_flag_of_the_sandbox_is_in_the_page_and_every_rule_that_can_be_set() {
    let rows = rows("## `countersign sandbox`");
    let (flagged, ruled): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row[0].starts_with("--"));
    let known = flags("sandbox");
    let known: Vec<&Flag> = known.iter().filter(|flag| !flag.name.starts_with("--log")).collect();
    let names: BTreeSet<&str> = known.iter().map(|flag| flag.name.as_str()).collect();
    assert_eq!(flagged.iter().map(|row| row[0]).collect::<BTreeSet<_>>(), names);
    for flag in known.iter().filter(|flag| flag.name != "--key-out") {
        let row = flagged.iter().find(|row| row[0] == flag.name).unwrap();
        if let Some(default) = flag.said("default") {
            assert_eq!(row[2].trim_start_matches('`'), default, "{}", flag.name);
        }
    }
    let rules: BTreeSet<String> = printed(&["sandbox", "--set", "help"]).lines().map(str::to_owned).collect();
    let told = ruled.iter().map(|row| {
        let choices: Vec<&str> = row[1].split(", ").map(|choice| choice.trim_matches('`')).collect();
        let (default, others) = choices.split_first().unwrap();
        format!("{}={default} (or {}): {}", row[0], others.join(", "), row[2].replace('`', ""))
    });
    assert_eq!(rules, told.collect());
}

#[test]
fn the_flags_of_the_logs_are_in_the_page() {
    let rows = rows("## Logs");
    for flag in flags("sandbox").iter().filter(|flag| flag.name.starts_with("--log")) {
        let cell = format!("{}`, `{}", flag.name, flag.said("env").unwrap());
        assert!(rows.iter().any(|row| row[0] == cell), "{cell}");
    }
}
