//! Time and entropy are arguments: in each crate one file reads the clock and its neighbour draws
//! entropy, so that a simulation can stand in for both.

use super::code::line_of;
use super::tree::Tree;
use super::violation::Violation;

/// The crates whose work is real time: sockets' time-outs, and the automation itself.
const REAL_TIME: [&str; 1] = ["countersign-http"];

const CLOCKS: [&str; 3] = ["SystemTime::now", "Instant::now", "Timestamp::now"];
const ENTROPY: [&str; 6] =
    ["rand::fill", "SystemRandom::new", "getrandom::fill", "thread_rng", "OsRng", "Uuid::new_v4"];

pub(super) fn one_file_reads_the_clock_and_one_draws_entropy(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust_files() {
        let Some((krate, _)) = file.in_crate() else { continue };
        if REAL_TIME.contains(&krate) {
            continue;
        }
        let code = file.code().shipped;
        for (words, home) in [(CLOCKS.as_slice(), "clock"), (ENTROPY.as_slice(), "entropy")] {
            for word in words {
                if let Some(line) = line_of(&code, word).filter(|_| file.stem() != home) {
                    let what = format!("line {line}: {word} outside {home}.rs");
                    violations.push(Violation::new(&file.path, what));
                }
            }
        }
    }
    for package in &tree.packages {
        for home in ["clock", "entropy"] {
            let homes: Vec<_> =
                tree.files_of(&package.name).filter(|(file, _)| file.stem() == home).collect();
            if let [_, (second, _), ..] = homes.as_slice() {
                violations.push(Violation::new(&second.path, format!("a second {home}.rs in its crate")));
            }
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::tree::{File, Package};
    use super::*;

    fn found(files: &[(&str, &str)]) -> usize {
        let files = files.iter().map(|(path, text)| File::new(path, text)).collect();
        let packages = vec![Package { name: "countersign-sandbox".to_owned(), dependencies: Vec::new() }];
        one_file_reads_the_clock_and_one_draws_entropy(&Tree { files, packages }).len()
    }

    #[test]
    fn a_clock_read_outside_the_clock_is_found() {
        for word in CLOCKS {
            let text = format!("let now = {word}();");
            assert_eq!(found(&[("crates/countersign-sandbox/src/app/finalize.rs", &text)]), 1);
            assert_eq!(found(&[("crates/countersign-sandbox/src/clock.rs", &text)]), 0);
            assert_eq!(found(&[("crates/countersign-sandbox/src/entropy.rs", &text)]), 1);
            assert_eq!(found(&[("crates/countersign-http/src/socket.rs", &text)]), 0);
        }
    }

    #[test]
    fn entropy_drawn_elsewhere_is_found() {
        for word in ENTROPY {
            let text = format!("let id = {word};");
            assert_eq!(found(&[("crates/countersign-sandbox/src/app/finalize.rs", &text)]), 1, "{word}");
            assert_eq!(found(&[("crates/countersign-sandbox/src/entropy.rs", &text)]), 0, "{word}");
        }
    }

    #[test]
    fn a_second_clock_in_a_crate_is_found() {
        let first = ("crates/countersign-sandbox/src/clock.rs", "");
        let second = ("crates/countersign-sandbox/src/app/clock.rs", "");
        assert_eq!(found(&[first]), 0);
        assert_eq!(found(&[first, second]), 1);
    }
}
