//! How many tests passed and how many failed, read from the output of each test runner.

use std::fmt;
use std::ops::AddAssign;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Tally {
    /// Adds the result of `next`, which only runs if nothing has failed so far.
    pub(super) fn then(mut self, next: impl FnOnce() -> Self) -> Self {
        if self.failed == 0 {
            self += next();
        }
        self
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// `test result: ok. 3 passed; 0 failed; …`, once for each test binary.
pub(super) fn from_cargo_test(output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines().filter(|line| line.starts_with("test result: ")) {
        tally += Tally {
            passed: number_before(line, " passed").unwrap_or(0),
            failed: number_before(line, " failed").unwrap_or(0),
        };
    }
    tally
}

/// `Summary [ 1.2s] 12 tests run: 11 passed, 1 failed, 0 skipped`. A failure may also be called "timed out" or "exec
/// failed", so every test that did not pass counts as failed.
pub(super) fn from_nextest(output: &str) -> Tally {
    let summary = output.lines().rev().find(|line| line.trim_start().starts_with("Summary ["));
    let Some(line) = summary else { return Tally::default() };
    let run = number_before(line, " tests run:").or_else(|| number_before(line, " test run:"));
    let passed = number_before(line, " passed").unwrap_or(0);
    Tally { passed, failed: run.unwrap_or(0).saturating_sub(passed) }
}

/// `# pass 3` and `# fail 1`; a cancelled test counts as failed.
pub(super) fn from_node(output: &str) -> Tally {
    let count = |what: &str| {
        output.lines().find_map(|line| line.strip_prefix(what)?.trim().parse().ok()).unwrap_or(0)
    };
    Tally { passed: count("# pass "), failed: count("# fail ") + count("# cancelled ") }
}

/// `Ran 3 tests in 0.1s`, then `OK` or `FAILED (failures=1, errors=1)`.
pub(super) fn from_unittest(output: &str) -> Tally {
    let ran = output.lines().rev().find_map(|line| number_before(line.strip_prefix("Ran")?, " test"));
    let verdict = output.lines().rev().find(|line| line.starts_with("FAILED")).unwrap_or_default();
    let count = |what: &str| {
        let (_, rest) = verdict.split_once(what)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    let failed = count("failures=").unwrap_or(0) + count("errors=").unwrap_or(0);
    Tally { passed: ran.unwrap_or(0_u64).saturating_sub(failed), failed }
}

/// The number directly before `what`.
fn number_before(line: &str, what: &str) -> Option<u64> {
    let (before, _) = line.split_once(what)?;
    let digits = before.rsplit(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_runner_is_read() {
        let nextest = "     Summary [   0.123s] 12 tests run: 10 passed (1 slow), 1 failed, \
                       1 timed out, 3 skipped";
        let cargo_test = "test result: FAILED. 3 passed; 1 failed; 0 ignored\n\
                          test result: ok. 2 passed; 0 failed; 0 ignored\n";
        let node = "ok 1 - a\n# tests 5\n# pass 3\n# fail 1\n# cancelled 1\n# skipped 0\n";
        let broken = "Ran 4 tests in 0.1s\n\nFAILED (failures=1, errors=2)\n";
        type Reader = fn(&str) -> Tally;
        let cases: [(Reader, &str, u64, u64); 7] = [
            (from_nextest, nextest, 10, 2),
            (from_nextest, "     Summary [   0.1s] 1 test run: 1 passed, 0 skipped", 1, 0),
            (from_nextest, "error: could not compile", 0, 0),
            (from_cargo_test, cargo_test, 5, 1),
            (from_node, node, 3, 2),
            (from_unittest, broken, 1, 3),
            (from_unittest, "Ran 1 test in 0.1s\n\nOK\n", 1, 0),
        ];
        for (read, output, passed, failed) in cases {
            assert_eq!(read(output), Tally { passed, failed }, "{output}");
        }
    }

    #[test]
    fn the_sum_is_one_plain_line() {
        let mut total = Tally { passed: 3, failed: 0 };
        total += Tally { passed: 1, failed: 2 };
        assert_eq!(total.to_string(), "4 passed, 2 failed");
    }
}
