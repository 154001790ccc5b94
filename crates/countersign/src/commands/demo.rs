//! `countersign demo`: both halves on loopback, and buyers who play.

use clap::Args;

use crate::failure::Outcome;
use crate::server;

/// Run both halves on loopback and play buyers, a story each, then a table of what came of them.
#[derive(Args)]
pub(crate) struct Demo {
    /// Exit after the stories; 0 only if each ended as it must
    #[arg(long)]
    once: bool,
}

impl Demo {
    pub(crate) fn run(self) -> Outcome {
        server::block_on(crate::demo::run(self.once))
    }
}
