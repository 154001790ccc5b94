//! `countersign bench`: how fast both halves are, and how much CPU time each operation costs, next
//! to the raw cryptography that it needs.
//!
//! The servers under test are separate processes of the binary that calls this crate, so that the
//! figures of CPU time and memory include nothing else. The load comes from this process over
//! loopback, and every request is built and signed beforehand. Figures can be compared within one
//! run only.

mod bench_result;
mod calls;
mod checkout;
mod clock_jump;
mod completion;
mod crypto;
mod finalize;
mod gate;
mod inside;
mod load;
mod node_sdk;
mod own_work;
mod process;
mod report;
mod resources;
mod servers;
mod signed;
mod size;
mod stored;
mod template;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use bench_result::BenchResult;
use report::Report;
use servers::Durability;
use size::Size;

/// Measure both halves on this machine: throughput, latency, CPU time per operation, memory.
#[derive(Args)]
pub struct Bench {
    /// Multiply the number of operations
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    scale: u32,
    /// Do a tenth of everything, to see that it works and not how fast it is
    #[arg(long, conflicts_with = "scale")]
    quick: bool,
    /// Measure this part alone; repeatable
    #[arg(long = "only", value_name = "PART")]
    parts: Vec<Part>,
    /// How many checkouts are in the full store of `stored` [default: 1000000, with --quick 100000]
    #[arg(long, value_name = "N")]
    stored: Option<usize>,
    /// How many objects are open when `clock` moves the clock [default: 100000, with --quick 10000]
    #[arg(long, value_name = "N")]
    objects: Option<usize>,
    /// The folder with the suite of the official Node.js client
    #[arg(long, value_name = "DIR", default_value = "interop/node")]
    node_suite: PathBuf,
    /// Where the figures are written as JSON
    #[arg(long, value_name = "FILE", default_value = "bench.json")]
    output: PathBuf,
}

/// A part that can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Size, start and memory of the idle servers
    Resources,
    /// Finalize on the sandbox
    Finalize,
    /// Every other call of the sandbox, as a multiple of Finalize
    Calls,
    /// A completion on the merchant half
    Completion,
    /// Whether a parcel may leave, answered from what was seen a short while ago
    Gate,
    /// Finalize over a store that is full
    Stored,
    /// The clock moved by 180 days
    Clock,
    /// Completions through the official Node.js client
    NodeSdk,
}

impl Bench {
    /// Measures the chosen parts, passes the table to `say` and writes the figures. Must run inside a tokio runtime.
    ///
    /// # Errors
    /// A part cannot be measured, or the figures cannot be written: an error of a part ends the bench.
    pub async fn run(self, say: fn(&dyn std::fmt::Display)) -> BenchResult {
        let (size, fixed) =
            if self.quick { (Size::Quick, Size::Quick) } else { (Size::Times(self.scale), Size::Times(1)) };
        let parts = if self.parts.is_empty() { Part::value_variants().to_vec() } else { self.parts };
        let stored = self.stored.unwrap_or(fixed.count(1_000_000));
        let objects = self.objects.unwrap_or(fixed.count(100_000));
        let mut report = Report::default();
        let crypto = crypto::measure()?;
        report.crypto(crypto);
        for part in parts {
            // The files of a part are removed before the next part begins.
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
                Part::Gate => gate::measure(folder, size, &mut report).await?,
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
                Part::NodeSdk => node_sdk::measure(&self.node_suite, &mut report)?,
            }
        }
        say(&report);
        report.write(&self.output)
    }
}
