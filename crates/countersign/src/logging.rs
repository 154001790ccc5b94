//! Logs go to standard error: standard output is for the commands' own output. The libraries ensure
//! that no log line contains buyer data.

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::{CommandResult, Failure};

/// Which events are logged, and how.
#[derive(Args)]
pub(crate) struct Logging {
    /// What is logged to standard error: off, error, warn, info, debug, trace, or parts such as
    /// info,countersign_store=debug
    #[arg(
        long,
        global = true,
        value_name = "LEVELS",
        env = "COUNTERSIGN_LOG",
        hide_env_values = true,
        display_order = 900
    )]
    log: Option<String>,
    /// How a log line is written
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        env = "COUNTERSIGN_LOG_FORMAT",
        hide_env_values = true,
        display_order = 901
    )]
    log_format: Format,
}

/// Reads levels. A word without `=` must be a level. The filter would take any other word for a
/// part of the program, and so a typing error would silence everything else.
fn targets(levels: &str) -> Option<Targets> {
    let mut alone = levels.split(',').filter(|part| !part.contains('='));
    if alone.any(|word| word.is_empty() || word.parse::<LevelFilter>().is_err()) {
        return None;
    }
    levels.parse().ok()
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// One line for people
    Text,
    /// One JSON object a line
    Json,
}

impl Logging {
    /// Starts logging at the levels of `--log`, or at the default ones.
    pub(crate) fn start(&self, default_levels: &str) -> CommandResult {
        let levels = self.log.as_deref().unwrap_or(default_levels);
        let targets = targets(levels).ok_or_else(|| {
            Failure::new(format_args!(
                "--log {levels}: it must be levels such as info, or info,countersign_store=debug"
            ))
        })?;
        let registry = tracing_subscriber::registry().with(targets);
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        match self.log_format {
            Format::Text => registry.with(lines.with_ansi(false)).init(),
            Format::Json => registry.with(lines.json().flatten_event(true)).init(),
        }
        Ok(())
    }
}
