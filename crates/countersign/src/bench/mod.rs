//! `countersign bench`: how fast both halves are, and what each operation costs in CPU, beside the raw
//! cryptography it cannot do without.
//!
//! The servers under test are this very binary, started anew as processes of their own, so that their
//! CPU time and memory are theirs alone. The load comes from here over loopback, every request
//! built and signed beforehand. Figures are comparable within one run only.

mod completion;
mod crypto;
mod finalize;
mod load;
mod process;
mod report;
mod resources;

use std::path::PathBuf;

use report::Report;

/// How much is measured.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Multiplies the number of operations; 1 takes about two minutes on two cores.
    pub(crate) scale: u32,
    /// Where the figures are written as JSON.
    pub(crate) output: PathBuf,
}

/// Connections that are busy at once.
const CONCURRENCIES: [usize; 4] = [1, 8, 64, 512];

/// Operations for a level of concurrency: enough for the 99th percentile to mean something.
fn operations(concurrency: usize, scale: u32) -> usize {
    let base = match concurrency {
        0..=1 => 2_000,
        2..=8 => 5_000,
        _ => 20_000,
    };
    base * scale as usize
}

/// Measures everything, prints the table and writes the figures.
///
/// # Errors
/// One line that says what could not be measured.
pub(crate) async fn run(options: &Options) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let mut report = Report::default();
    let crypto = crypto::measure()?;
    report.crypto(crypto);
    resources::measure(folder.path(), &mut report).await?;
    for durability in [finalize::Durability::InMemory, finalize::Durability::Durable] {
        finalize::measure(folder.path(), durability, crypto, options.scale, &mut report).await?;
    }
    completion::measure(folder.path(), crypto, options.scale, &mut report).await?;
    println!("{report}");
    report.write(&options.output)
}
