//! docs/configuration.md is as the binary's own help is: each flag, variable and default has its row, and
//! there is no row of another.

use std::collections::BTreeSet;

use crate::process::{Ended, run};

const PAGE: &str = include_str!("../../../../docs/configuration.md");

fn printed(args: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let Ended { code, stdout, .. } = run(directory.path(), args);
    assert_eq!(code, Some(0));
    stdout
}

/// A flag with what its help says, in one line.
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
    /// What stands in brackets behind a word, such as `env`.
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
fn every_key_of_serve_stands_in_the_page_with_its_flag_variable_and_default() {
    let rows = rows("## `countersign serve`");
    let keys: BTreeSet<&str> = rows.iter().map(|row| row[0]).collect();
    let mut known = BTreeSet::new();
    for flag in flags("serve").iter().filter(|flag| !flag.name.starts_with("--log")) {
        let variable = flag.said("env").unwrap_or_else(|| panic!("{} has no variable", flag.name));
        if flag.name == "--config" {
            assert!(PAGE.contains("`--config` or `COUNTERSIGN_CONFIG`"));
            continue;
        }
        let cell = format!("`{}`, `{variable}", flag.name);
        let row = rows.iter().find(|row| row[1] == cell).unwrap_or_else(|| panic!("no row of {cell}"));
        assert_eq!(format!("--{}", row[0].replace(['.', '_'], "-")), flag.name);
        match flag.said("default") {
            Some(default) => assert_eq!(row[3].trim_start_matches('`'), default, "{}", flag.name),
            // Keys that must be set, and those whose default is to be without.
            None => assert!(row[3].starts_with("none") || row[0] == "amazon.endpoint", "{}", flag.name),
        }
        known.insert(row[0]);
    }
    assert_eq!(known, keys);
    assert!(known.len() > 20);
}

#[test]
fn what_has_no_default_must_be_set_unless_the_page_calls_it_optional() {
    let directory = tempfile::tempdir().unwrap();
    let mut missing = BTreeSet::new();
    let mut args = vec!["serve".to_owned()];
    let values =
        [("amazon.region", "na"), ("amazon.merchant_id", "A1"), ("amazon.public_key_id", "SANDBOX-A1")];
    // Each that is missing is named, one after another, until all are there.
    loop {
        let given: Vec<&str> = args.iter().map(String::as_str).collect();
        let Ended { code, stderr, .. } = run(directory.path(), &given);
        assert_eq!(code, Some(1));
        let Some((key, _)) = stderr.split_once(" is missing: ") else { break };
        let key = key.rsplit(' ').next().unwrap().to_owned();
        let value = values.iter().find(|(known, _)| *known == key);
        let value = value.map_or("amzn1.application-oa2-client.1", |(_, value)| value);
        args.extend([format!("--{}", key.replace(['.', '_'], "-")), value.to_owned()]);
        assert!(missing.insert(key), "{stderr}");
    }
    let optional = ["shop.webhook_secret_file", "notifications.certificate_origins"];
    let rows = rows("## `countersign serve`");
    let without: BTreeSet<String> = rows
        .iter()
        .filter(|row| row[3] == "none" && !optional.contains(&row[0]))
        .map(|row| row[0].to_owned())
        .collect();
    assert_eq!(missing, without);
}

#[test]
fn every_flag_of_the_sandbox_stands_in_the_page_and_each_rule_that_can_be_set() {
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
fn the_flags_of_the_logs_stand_in_the_page() {
    let rows = rows("## Logs");
    for flag in flags("sandbox").iter().filter(|flag| flag.name.starts_with("--log")) {
        let cell = format!("{}`, `{}", flag.name, flag.said("env").unwrap());
        assert!(rows.iter().any(|row| row[0] == cell), "{cell}");
    }
}
