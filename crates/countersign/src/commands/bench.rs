//! `countersign bench`: speed and memory of both halves, beside the raw cryptography.

use std::path::PathBuf;

use clap::Args;

use crate::bench::{self, Options};
use crate::failure::{Failure, Outcome};
use crate::server;

/// Measure both halves on this machine: throughput, latency, CPU time per operation, memory.
#[derive(Args)]
pub(crate) struct Bench {
    /// Multiply the number of operations
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    scale: u32,
    /// Where the figures are written as JSON
    #[arg(long, value_name = "FILE", default_value = "bench.json")]
    output: PathBuf,
}

impl Bench {
    pub(crate) fn run(self) -> Outcome {
        let options = Options { scale: self.scale, output: self.output };
        server::block_on(async move { bench::run(&options).await.map_err(Failure::new) })
    }
}
