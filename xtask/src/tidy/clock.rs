//! Time and entropy are arguments. Only one crate reads the clock and draws entropy, and only it
//! declares traits named `Clock` and `Entropy`, so that a simulation can replace both.

use super::tree::Tree;
use super::violation::Violation;

/// The crate that may read the clock and draw entropy, each in one file.
const WORLD: &str = "countersign-world";

/// The crates that need real time, for the timeouts of sockets.
const REAL_TIME: [&str; 1] = ["countersign-http"];

const CLOCKS: [&str; 4] = ["SystemTime::now", "Instant::now", "Timestamp::now", "trait Clock"];
const ENTROPY: [&str; 7] = [
    "rand::fill",
    "SystemRandom::new",
    "getrandom::fill",
    "thread_rng",
    "OsRng",
    "Uuid::new_v4",
    "trait Entropy",
];

pub(super) fn one_crate_reads_the_clock_and_draws_entropy(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in tree.rust_files() {
        let Some((krate, below)) = file.in_crate() else { continue };
        if REAL_TIME.contains(&krate) {
            continue;
        }
        let code = &file.code().shipped;
        for (words, home) in [(CLOCKS.as_slice(), "src/clock.rs"), (ENTROPY.as_slice(), "src/entropy.rs")] {
            if krate == WORLD && below == home {
                continue;
            }
            let what = |word: &str| format!("{word} outside {home} of {WORLD}");
            violations.extend(Violation::for_words(&file.path, code, words, what));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        one_crate_reads_the_clock_and_draws_entropy(&Tree::with_file(path, text)).len()
    }

    #[test]
    fn a_clock_read_or_declared_elsewhere_is_found() {
        for word in CLOCKS {
            let text = format!("let now = {word}();");
            assert_eq!(found("crates/countersign-sandbox/src/clock.rs", &text), 1, "{word}");
            assert_eq!(found("crates/countersign-world/src/entropy.rs", &text), 1, "{word}");
            assert_eq!(found("crates/countersign-world/src/clock.rs", &text), 0, "{word}");
            assert_eq!(found("crates/countersign-http/src/socket.rs", &text), 0, "{word}");
        }
    }

    #[test]
    fn entropy_drawn_or_declared_elsewhere_is_found() {
        for word in ENTROPY {
            let text = format!("let id = {word};");
            assert_eq!(found("crates/countersign-sandbox/src/entropy.rs", &text), 1, "{word}");
            assert_eq!(found("crates/countersign-world/src/clock.rs", &text), 1, "{word}");
            assert_eq!(found("crates/countersign-world/src/entropy.rs", &text), 0, "{word}");
        }
    }
}
