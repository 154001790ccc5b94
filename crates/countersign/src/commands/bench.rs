//! `countersign bench`: speed and memory of both halves, beside the raw cryptography.

use std::path::PathBuf;

use clap::{Args, ValueEnum as _};

use crate::bench::{self, Options, Part, Size};
use crate::failure::{Failure, Outcome};
use crate::server;

/// Measure both halves on this machine: throughput, latency, CPU time per operation, memory.
#[derive(Args)]
pub(crate) struct Bench {
    /// Multiply the number of operations
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    scale: u32,
    /// A tenth of everything: to see that it works, not how fast it is
    #[arg(long, conflicts_with = "scale")]
    quick: bool,
    /// Measure this part alone; repeatable
    #[arg(long = "only", value_name = "PART")]
    parts: Vec<Part>,
    /// Checkouts in the store that Finalize is measured over [default: 1000000, with --quick 100000]
    #[arg(long, value_name = "N")]
    stored: Option<usize>,
    /// Open objects that the clock is moved over [default: 100000, with --quick 10000]
    #[arg(long, value_name = "N")]
    objects: Option<usize>,
    /// The folder with the suite of the official Node.js client
    #[arg(long, value_name = "DIR", default_value = "interop/node")]
    node_suite: PathBuf,
    /// Where the figures are written as JSON
    #[arg(long, value_name = "FILE", default_value = "bench.json")]
    output: PathBuf,
}

impl Bench {
    pub(crate) fn run(self) -> Outcome {
        let size = if self.quick { Size::Quick } else { Size::Times(self.scale) };
        let fixed = if self.quick { Size::Quick } else { Size::Times(1) };
        let options = Options {
            size,
            parts: if self.parts.is_empty() { Part::value_variants().to_vec() } else { self.parts },
            stored: self.stored.unwrap_or(fixed.count(1_000_000)),
            objects: self.objects.unwrap_or(fixed.count(100_000)),
            node_suite: self.node_suite,
            output: self.output,
        };
        server::block_on(async move { bench::run(&options).await.map_err(Failure::new) })
    }
}
