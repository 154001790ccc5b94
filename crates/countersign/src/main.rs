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
use commands::{decide, explain, keys, left_out, sandbox, serve, sign, verify};
use failure::CommandResult;
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
  countersign decide ORDER                      decide what no machine can

`countersign help COMMAND` says more about each."
    )
}

/// The help of each command is where the command is defined.
#[derive(Subcommand)]
enum Command {
    Sandbox(sandbox::Sandbox),
    Serve(serve::Serve),
    Explain(explain::Explain),
    Decide(decide::Decide),
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
    fn run(self) -> CommandResult<ExitCode> {
        match self {
            // A decision that awaits a second person has an exit code of its own.
            Self::Decide(command) => return command.run(),
            Self::Sandbox(command) => command.run(),
            Self::Serve(command) => command.run(),
            Self::Explain(command) => command.run(),
            #[cfg(feature = "demo")]
            Self::Demo(command) => demo::run(command),
            #[cfg(feature = "bench")]
            Self::Bench(command) => bench::run(command),
            Self::Keys(command) => command.run(),
            Self::Sign(command) => command.run(),
            Self::Verify(command) => command.run(),
        }
        .map(|()| ExitCode::SUCCESS)
    }

    /// The log levels that apply without `--log`. A command logs nothing if log lines would interrupt
    /// its output.
    fn default_log_levels(&self) -> &'static str {
        match self {
            Self::Explain(_) | Self::Decide(_) => "off",
            #[cfg(feature = "demo")]
            Self::Demo(_) => "off",
            _ => "info",
        }
    }
}

fn main() -> ExitCode {
    let CommandLine { logging, command } =
        CommandLine::try_parse().unwrap_or_else(|refused| left_out::explained(refused).exit());
    let outcome = logging.start(command.default_log_levels()).and_then(|()| command.run());
    match outcome {
        Ok(code) => code,
        Err(failure) => {
            output::complain(&failure);
            ExitCode::FAILURE
        }
    }
}
