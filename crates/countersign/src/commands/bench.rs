//! `countersign bench`: runs the bench with this program's runtime and output.

use countersign_bench::Bench;

use crate::failure::{CommandResult, Failure};
use crate::output::say;
use crate::server;

pub(crate) fn run(bench: Bench) -> CommandResult {
    server::block_on(async move { bench.run(|table| say(table)).await.map_err(Failure::new) })
}
