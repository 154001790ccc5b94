//! One step of the test command: a program that is run quietly, and whose result is counted.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use super::tally::Tally;
use crate::stopwatch::Stopwatch;

/// A part of the test command while it runs. It ends with one line for the reader: its name, its result, and its
/// seconds.
pub(super) struct Part {
    name: &'static str,
    stopwatch: Stopwatch,
}

impl Part {
    pub(super) fn start(name: &'static str) -> Self {
        Self { name, stopwatch: Stopwatch::start() }
    }

    /// Ends a part that is one check.
    pub(super) fn passed(self) -> Tally {
        eprintln!("{:<10} ok  {}", self.name, self.stopwatch);
        Tally { passed: 1, failed: 0 }
    }

    /// Ends a part that counts tests.
    pub(super) fn counted(self, tally: Tally) -> Tally {
        eprintln!("{:<10} {tally}  {}", self.name, self.stopwatch);
        tally
    }

    /// Ends a part that is one check, by its result.
    pub(super) fn ended(self, result: Result<(), String>) -> Tally {
        match result {
            Ok(()) => self.passed(),
            Err(why) => self.failed(&why),
        }
    }

    /// Ends a part that failed, and prints its output.
    pub(super) fn failed(self, output: &str) -> Tally {
        eprintln!("{}\n{:<10} FAILED  {}", output.trim_end(), self.name, self.stopwatch);
        Tally { passed: 0, failed: 1 }
    }
}

/// A program with a name for the reader, and a way to count what it ran.
pub(super) struct Step {
    name: &'static str,
    command: Command,
    count: Option<fn(&str) -> Tally>,
}

pub(super) fn cargo(name: &'static str, arguments: &[&str]) -> Step {
    Step::new(name, "cargo", arguments)
}

impl Step {
    pub(super) fn new(name: &'static str, program: impl AsRef<OsStr>, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).env("CARGO_TERM_COLOR", "never");
        Self { name, command, count: None }
    }

    /// Counts tests with this function; a step without one counts as one check.
    pub(super) fn counted_by(mut self, count: fn(&str) -> Tally) -> Self {
        self.count = Some(count);
        self
    }

    pub(super) fn with_variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs the program to its end in `folder`. A program that fails without a failed test, because
    /// something does not compile or cannot be installed, counts as one failure.
    pub(super) fn run(mut self, folder: &Path) -> Tally {
        let part = Part::start(self.name);
        let output = match self.command.current_dir(folder).output() {
            Ok(output) => output,
            Err(error) => {
                let program = self.command.get_program().display();
                return part.failed(&format!("{program}: {error}"));
            }
        };
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let text = text.join("\n");
        let counted = self.count.map(|count| count(&text));
        if output.status.success() && counted.is_none_or(|tally| tally.failed == 0) {
            return match counted {
                Some(tally) => part.counted(tally),
                None => part.passed(),
            };
        }
        let mut tally = part.failed(&text);
        if let Some(counted) = counted {
            tally = Tally { passed: counted.passed, failed: counted.failed.max(1) };
        }
        tally
    }
}

/// Whether a program exists and succeeds with these arguments.
pub(super) fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::super::tally;
    use super::*;

    fn tally(program: &str, arguments: &[&str], count: Option<fn(&str) -> Tally>) -> Tally {
        let mut step = Step::new("step", program, arguments);
        step.count = count;
        step.run(Path::new("."))
    }

    #[test]
    fn a_check_counts_once() {
        assert_eq!(tally("true", &[], None), Tally { passed: 1, failed: 0 });
        assert_eq!(tally("false", &[], None), Tally { passed: 0, failed: 1 });
    }

    #[test]
    fn a_program_that_is_not_there_is_a_failure() {
        assert_eq!(tally("no-such-program-anywhere", &[], None), Tally { passed: 0, failed: 1 });
    }

    #[test]
    fn a_runner_that_breaks_before_its_tests_is_a_failure() {
        assert_eq!(tally("false", &[], Some(tally::from_nextest)), Tally { passed: 0, failed: 1 });
    }

    #[test]
    fn failed_tests_count_even_when_the_runner_says_it_succeeded() {
        let arguments = ["# pass 2\n# fail 1"];
        assert_eq!(tally("echo", &arguments, Some(tally::from_node)), Tally { passed: 2, failed: 1 });
    }
}
