//! All automation of the project: `cargo xtask COMMAND`. Developers and CI run the same commands; there is no
//! second script language.

use std::path::Path;
use std::process::ExitCode;

mod cargo;
mod configuration;
mod defects;
mod findings;
mod folders;
mod lot;
mod performance;
mod promises;
mod release;
mod stopwatch;
mod test;
mod tidy;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test         every check: format, lints, tidy, tests, documents, defects, the official clients, a browser
  ci           the same as test
  tidy         checks the rules of the tree that no compiler checks
  prose        draws thirty comments, log lines and error messages each by --seed S, to be read aloud; not the sandbox's answers
  defects      puts each feared defect into a copy of the tree, where its judge must find it; NAME to try one
  docs         writes docs/features.md (which tests keep which promise) and the keys of docs/configuration.md
  simulate     runs both halves over a failing network; --seeds N, --seed S to replay one
  screenshots  every page as a picture, into target/screenshots
  bench        measures both halves, into target/bench.json and docs/performance.md; --quick to try it
  performance  writes docs/performance.md again from target/bench.json";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["test" | "ci"] => test::run(root()),
        ["tidy"] => ended("tidy", tidy::run(root())),
        ["prose", "--seed", seed] => ended("prose", tidy::draw_prose(root(), seed)),
        ["screenshots"] => test::screenshots(root()),
        ["defects", names @ ..] => ended("defects", defects::run(root(), names)),
        ["docs"] => ended("docs", promises::write(root()).and_then(|()| configuration::write(root()))),
        ["bench", arguments @ ..] => ended("bench", release::bench(root(), arguments)),
        ["performance"] => ended("performance", performance::write(root())),
        ["simulate", arguments @ ..] => ended("simulate", release::simulate(root(), arguments)),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn ended(command: &str, result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{command}: {}", why.trim_end());
            ExitCode::FAILURE
        }
    }
}

/// The workspace's root: the folder that contains this crate's folder.
fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}
