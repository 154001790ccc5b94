//! `countersign bench`: lends the bench this program's runtime and output.

use countersign_bench::Bench;

use crate::failure::{Failure, Outcome};
use crate::output::say;
use crate::server;

pub(crate) fn run(bench: Bench) -> Outcome {
    server::block_on(async move { bench.run(|table| say(table)).await.map_err(Failure::new) })
}
