//! `countersign bench`: how fast both halves are, and what each operation costs in CPU, beside the raw
//! cryptography it cannot do without.
//!
//! The servers under test are this very binary, started anew as processes of their own, so that their
//! CPU time and memory are theirs alone. The load comes from here over loopback, every request
//! built and signed beforehand. Figures are comparable within one run only.

mod calls;
mod checkout;
mod clock_jump;
mod completion;
mod crypto;
mod finalize;
mod inside;
mod load;
mod node_sdk;
mod process;
mod report;
mod resources;
mod servers;
mod signed;
mod size;
mod stored;
mod template;

use std::path::PathBuf;

use clap::ValueEnum;

use report::Report;
use servers::Durability;
pub(crate) use size::Size;

/// How much is measured.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// How often each operation is repeated.
    pub(crate) size: Size,
    /// What to measure.
    pub(crate) parts: Vec<Part>,
    /// Checkouts in the store that Finalize is measured over.
    pub(crate) stored: usize,
    /// Open objects that the clock is moved over.
    pub(crate) objects: usize,
    /// The folder of the suite that brings the official Node.js client.
    pub(crate) node_suite: PathBuf,
    /// Where the figures are written as JSON.
    pub(crate) output: PathBuf,
}

/// Something that can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Size, start and memory of the idle servers
    Resources,
    /// Finalize on the sandbox
    Finalize,
    /// Every other call of the sandbox, as a multiple of Finalize
    Calls,
    /// A completion on the merchant half
    Completion,
    /// Finalize over a store that is full
    Stored,
    /// The clock moved by 180 days
    Clock,
    /// Completions through the official Node.js client
    NodeSdk,
}

/// Measures what is asked for, prints the table and writes the figures.
///
/// # Errors
/// One line that says what could not be measured.
pub(crate) async fn run(options: &Options) -> Result<(), String> {
    let Options { size, stored, objects, .. } = *options;
    let mut report = Report::default();
    let crypto = crypto::measure()?;
    report.crypto(crypto);
    for part in &options.parts {
        // What one part leaves on the disk is gone before the next.
        let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
        let folder = folder.path();
        match part {
            Part::Resources => resources::measure(folder, &mut report).await?,
            Part::Finalize => {
                for durability in Durability::BOTH {
                    finalize::measure(folder, durability, crypto, size, &mut report).await?;
                }
            }
            Part::Calls => {
                for durability in Durability::BOTH {
                    calls::measure(folder, durability, size, &mut report).await?;
                }
            }
            Part::Completion => completion::measure(folder, crypto, size, &mut report).await?,
            Part::Stored => {
                for durability in Durability::BOTH {
                    stored::measure(folder, durability, stored, size, &mut report).await?;
                }
            }
            Part::Clock => {
                for durability in Durability::BOTH {
                    clock_jump::measure(folder, durability, objects, &mut report).await?;
                }
            }
            Part::NodeSdk => node_sdk::measure(&options.node_suite, &mut report)?,
        }
    }
    println!("{report}");
    report.write(&options.output)
}
