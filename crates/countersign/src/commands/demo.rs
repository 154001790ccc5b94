//! `countersign demo`: both halves on loopback, and buyers who play.

use clap::Args;

use crate::failure::Outcome;
use crate::server;

/// Run both halves and play buyers, a story each.
///
/// Everything is real but the money: sockets on loopback, signatures, SQLite files in a directory that
/// is removed at the end. The last thing told is a table of what came of each story.
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
