//! Runs the judges of a defect: builds only the parts of the copy that they need, with the defect
//! in it, and reports which judge was the first to fail.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::copy::Copy;
use super::defect::{Defect, Judges};

const SIMULATION: &str = "countersign-simulation";
/// The number of seeds within which an invariant must fail, and the number of orders in each.
const SEEDS: &str = "500";
const ORDERS: &str = "12";
/// A judge that runs longer than this counts as having found nothing.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// How many of the last lines of a program's output are shown.
const LINES_SHOWN: usize = 30;

/// The judge that found a defect, or why none did.
pub(super) type Verdict = Result<String, String>;

/// A program that has ended, and all its standard output.
struct RunOutput {
    has_succeeded: bool,
    text: String,
}

/// Runs the defect's judges on the copy, which already contains the defect.
pub(super) fn judge(copy: &Copy, defect: &Defect) -> Verdict {
    match &defect.judges {
        Judges::Invariants(names) => {
            // The test program is built too, because cargo then chooses the same features as for a run of all tests,
            // whose libraries exist already.
            let simulation =
                build(copy, &["build", "--workspace", "--bin", SIMULATION, "--test", "simulation"])?;
            let ended = run(copy, &simulation, &["--seeds", SEEDS, "--orders", ORDERS])?;
            by_invariant(&ended, names)
        }
        Judges::Test(name) => {
            let (file, function) = name.split_once(": ").unwrap_or((name, name));
            let binary = build(copy, &[["test", "--no-run"].as_slice(), &target_of(copy, file)?].concat())?;
            let ended = run(copy, &binary, &[function])?;
            by_test(&ended, function)
        }
    }
}

/// The arguments by which cargo builds the program with the tests of a file. Programs of `tests/` are built as part
/// of the whole workspace, for the same features as above.
fn target_of<'a>(copy: &Copy, file: &'a str) -> Result<Vec<&'a str>, String> {
    let parts: Vec<&str> = file.split('/').collect();
    match parts.as_slice() {
        ["crates", _, "tests", program, ..] => {
            Ok(vec!["--workspace", "--test", program.trim_end_matches(".rs")])
        }
        ["crates", package, "src", ..] => {
            let has_library = copy.tree.join("crates").join(package).join("src/lib.rs").exists();
            Ok(vec!["--package", package, if has_library { "--lib" } else { "--bins" }])
        }
        _ => Err(format!("{file} is not in a test program of a crate")),
    }
}

/// Builds a program, and returns its path.
fn build(copy: &Copy, arguments: &[&str]) -> Result<PathBuf, String> {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).arg("--message-format=json-render-diagnostics").current_dir(&copy.tree);
    cargo.env("CARGO_TARGET_DIR", &copy.target).env("CARGO_TERM_COLOR", "never").stdin(Stdio::null());
    let output = cargo.output().map_err(|error| format!("cargo: {error}"))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the build fails with the defect in it\n{}", end_of(&text)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    program(&text, arguments).ok_or_else(|| format!("cargo {} did not build a program", arguments.join(" ")))
}

/// The program that the messages of cargo with these arguments name. Programs that a test needs are
/// built with it, but are not tests themselves.
fn program(messages: &str, arguments: &[&str]) -> Option<PathBuf> {
    let is_test = arguments.contains(&"test");
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter(|message| message["profile"]["test"] == is_test);
    programs.find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// Runs a program to its end, or to the longest time.
fn run(copy: &Copy, program: &Path, arguments: &[&str]) -> Result<RunOutput, String> {
    let failed = |error| format!("{}: {error}", program.display());
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&copy.tree).env("INSTA_UPDATE", "no");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(failed)?;
    let mut output = child.stdout.take();
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        let read = output.as_mut().map(|output| output.read_to_end(&mut text));
        // A failure is ignored: if the program took too long, the receiver is gone.
        let _ = sender.send(read.is_some().then_some(text));
    });
    match receiver.recv_timeout(LONGEST) {
        Ok(text) => {
            let has_succeeded = child.wait().map_err(failed)?.success();
            let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
            Ok(RunOutput { has_succeeded, text })
        }
        Err(_) => {
            child.kill().and_then(|()| child.wait()).map_err(failed)?;
            Err(format!("not ended after {} minutes", LONGEST.as_secs() / 60))
        }
    }
}

/// The simulation prints `invariant NAME failed at seed N: …` for the first failure, and ends.
fn by_invariant(ended: &RunOutput, judges: &[String]) -> Verdict {
    let line = ended.text.lines().find(|line| line.starts_with("invariant "));
    let words: Vec<&str> = line.unwrap_or_default().split([' ', ':']).collect();
    match words.as_slice() {
        ["invariant", name, "failed", "at", "seed", seed, ..] if judges.iter().any(|judge| judge == name) => {
            Ok(format!("{name} at seed {seed}"))
        }
        ["invariant", name, ..] => Err(format!("{name} failed first\n{}", end_of(&ended.text))),
        _ if ended.has_succeeded => Err(format!("nothing failed in {SEEDS} seeds of {ORDERS} orders")),
        _ => Err(format!("the simulation itself failed\n{}", end_of(&ended.text))),
    }
}

/// A test program prints `test PATH ... FAILED` for each failure.
fn by_test(ended: &RunOutput, function: &str) -> Verdict {
    let is_it = |path: &str| path.rsplit("::").next() == Some(function);
    let results = ended.text.lines().filter_map(|line| line.strip_prefix("test "));
    let results: Vec<_> =
        results.filter_map(|line| line.split_once(" ... ")).filter(|(path, _)| is_it(path)).collect();
    // A macro can make several tests with the same name, in different modules.
    match results.iter().find(|(_, end)| end.starts_with("FAILED")) {
        Some((path, _)) => Ok((*path).to_owned()),
        None if ended.has_succeeded && !results.is_empty() => Err(format!("{function} passes")),
        None => Err(format!("{function} did not fail\n{}", end_of(&ended.text))),
    }
}

fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(has_succeeded: bool, text: &str) -> RunOutput {
        RunOutput { has_succeeded, text: text.to_owned() }
    }

    /// The verdict, with only the first line of an error.
    fn first(verdict: Verdict) -> Result<String, String> {
        verdict.map_err(|why| why.lines().next().unwrap_or_default().to_owned())
    }

    // Promise: B41
    #[test]
    fn an_invariant_finds_a_defect_when_it_is_named_and_the_first() {
        let judges = ["PaidTwice".to_owned(), "SendChanged".to_owned()];
        let text =
            "100 seeds, 3.1 s\ninvariant SendChanged failed at seed 112: key and body stay the same\n…";
        let cases = [
            (ended(false, text), Ok("SendChanged at seed 112")),
            (ended(false, &text.replace("SendChanged", "NoTimer")), Err("NoTimer failed first")),
            (ended(true, "500 seeds clean"), Err("nothing failed in 500 seeds of 12 orders")),
            (ended(false, "100 seeds, 3.1 s"), Err("the simulation itself failed")),
        ];
        for (ended, expected) in cases {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(first(by_invariant(&ended, &judges)), expected, "{}", ended.text);
        }
    }

    // Promise: B41
    #[test]
    fn a_test_finds_a_defect_when_it_fails_itself() {
        let text =
            "test time::tests::a_deadline_is_kept ... FAILED\ntest a_deadline_is_kept_too ... FAILED\n";
        let cases = [
            (ended(false, text), Ok("time::tests::a_deadline_is_kept")),
            (
                ended(false, &text.replace("kept ... FAILED", "kept ... ok")),
                Err("a_deadline_is_kept did not fail"),
            ),
            (ended(true, "test a_deadline_is_kept ... ok"), Err("a_deadline_is_kept passes")),
            (ended(true, "running 0 tests"), Err("a_deadline_is_kept did not fail")),
        ];
        for (ended, expected) in cases {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(first(by_test(&ended, "a_deadline_is_kept")), expected, "{}", ended.text);
        }
    }

    #[test]
    fn the_program_is_the_one_that_was_asked_for() {
        let messages = concat!(
            "{\"reason\":\"compiler-artifact\",\"profile\":{\"test\":false},\"executable\":\"/bin\"}\n",
            "{\"reason\":\"compiler-artifact\",\"profile\":{\"test\":true},\"executable\":null}\n",
            "{\"reason\":\"compiler-artifact\",\"profile\":{\"test\":true},\"executable\":\"/test\"}\n",
            "{\"reason\":\"build-finished\",\"success\":true}\n",
        );
        assert_eq!(program(messages, &["test"]), Some(PathBuf::from("/test")));
        assert_eq!(program(messages, &["build"]), Some(PathBuf::from("/bin")));
    }
}
