//! Reads the command line, starts logging, and runs the command, which has a file of its own in
//! [`commands`]. Every failure ends as one line on standard error.

mod commands;
mod config;
mod failure;
mod key_files;
mod logging;
mod message;
mod output;
mod serve_api;
mod server;
mod signals;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[cfg(feature = "bench")]
use commands::bench;
#[cfg(feature = "demo")]
use commands::demo;
use commands::{explain, keys, left_out, sandbox, serve, sign, verify};
use logging::Logging;

/// The allocator. A request makes about a hundred small allocations; the C library's allocator
/// would spend a fifth of a Finalize's CPU time on them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Verifies and completes Amazon Pay checkouts, and brings its own Amazon Pay to test against.
#[derive(Parser)]
#[command(version, propagate_version = false, max_term_width = 100, after_help = examples())]
struct CommandLine {
    #[command(flatten)]
    logging: Logging,
    #[command(subcommand)]
    command: Command,
}

fn examples() -> String {
    let demo = if cfg!(feature = "demo") {
        "\n  countersign demo                              watch real checkouts being completed"
    } else {
        ""
    };
    format!(
        "\
Begin here:{demo}
  countersign sandbox                           an Amazon Pay of your own on http://127.0.0.1:8100
  countersign serve --config countersign.toml   the service that a shop deploys
  countersign explain ORDER                     what happened to an order, and why

`countersign help COMMAND` says more about each."
    )
}

/// The help of each command is where the command is defined.
#[derive(Subcommand)]
enum Command {
    Sandbox(sandbox::Sandbox),
    Serve(serve::Serve),
    Explain(explain::Explain),
    #[cfg(feature = "demo")]
    Demo(countersign_demo::Demo),
    /// Measure both halves: speed, CPU per operation, memory
    #[cfg(feature = "bench")]
    Bench(countersign_bench::Bench),
    Keys(keys::Keys),
    Sign(sign::Sign),
    Verify(verify::Verify),
}

impl Command {
    /// The log levels that apply without `--log`. A command logs nothing if log lines would interrupt
    /// its output.
    fn default_log_levels(&self) -> &'static str {
        match self {
            Self::Explain(_) => "off",
            #[cfg(feature = "demo")]
            Self::Demo(_) => "off",
            _ => "info",
        }
    }
}

fn main() -> ExitCode {
    let CommandLine { logging, command } =
        CommandLine::try_parse().unwrap_or_else(|refused| left_out::explained(refused).exit());
    let outcome = logging.start(command.default_log_levels()).and_then(|()| match command {
        Command::Sandbox(command) => command.run(),
        Command::Serve(command) => command.run(),
        Command::Explain(command) => command.run(),
        #[cfg(feature = "demo")]
        Command::Demo(command) => demo::run(command),
        #[cfg(feature = "bench")]
        Command::Bench(command) => bench::run(command),
        Command::Keys(command) => command.run(),
        Command::Sign(command) => command.run(),
        Command::Verify(command) => command.run(),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            ExitCode::FAILURE
        }
    }
}
