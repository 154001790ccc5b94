//! Finalize on a store with very many checkouts, compared with Finalize on an empty store: how much
//! old checkouts slow down new ones.

use countersign_domain::terms::PaymentIntent as Intent;
use std::path::Path;

use countersign_world::{Clock as _, SystemClock};

use super::bench_result::BenchResult;
use super::checkout::{PlacedCheckout, start_checkouts};
use super::inside::{InProcessSandbox, new_store};
use super::load;
use super::report::{Report, median, microseconds};
use super::servers::Durability;
use super::signed::{BenchKey, make_key, sign_all};
use super::size::Size;
use super::template::{OrderStage, Template};

/// The number of connections that are busy at the same time.
const CONCURRENCY: usize = 8;
/// The number of rounds. Each round measures both stores, and the median of the rounds counts.
const ROUNDS: usize = 7;
const OPERATIONS: usize = 2_000;

pub(super) async fn measure(
    folder: &Path,
    durability: Durability,
    checkouts: usize,
    size: Size,
    report: &mut Report,
) -> BenchResult {
    let key = make_key(folder)?;
    let full = new_store(folder, durability)?;
    let began = SystemClock.monotonic();
    let template = Template::record(OrderStage::Finalized(Intent::AuthorizeWithCapture), &key).await?;
    template.copy(&*full, 0..checkouts, checkouts).await?;
    let prepared = SystemClock.monotonic().saturating_sub(began);
    let empty = InProcessSandbox::start(new_store(folder, durability)?, &key).await?;
    let full = InProcessSandbox::start(full, &key).await?;
    let mut medians = Vec::with_capacity(ROUNDS);
    let count = size.count(OPERATIONS);
    for _ in 0..ROUNDS {
        medians.push((finalize(&empty, count, &key).await?, finalize(&full, count, &key).await?));
    }
    let name = |what: &str| format!("stored.{}.{what}", durability.name());
    report.add(name("checkouts"), 0, checkouts as f64, "stored checkouts");
    report.add(name("prepared"), 0, prepared.as_secs_f64(), "s");
    report.add(name("p50_empty"), CONCURRENCY, median(medians.iter().map(|(empty, _)| *empty)), "µs");
    report.add(name("p50_full"), CONCURRENCY, median(medians.iter().map(|(_, full)| *full)), "µs");
    let ratio = median(medians.iter().map(|(empty, full)| full / empty));
    report.add(name("p50_ratio"), CONCURRENCY, ratio, "× empty store").wanted("< 1.3");
    Ok(())
}

/// The median latency of a Finalize, in microseconds.
async fn finalize(sandbox: &InProcessSandbox, count: usize, key: &BenchKey) -> BenchResult<f64> {
    let placed = start_checkouts(&sandbox.address, count, Intent::AuthorizeWithCapture).await?;
    let requests =
        sign_all(&sandbox.address, placed.iter().map(PlacedCheckout::finalize).collect(), &key.signer)?;
    let seen = load::run(&sandbox.address, requests, CONCURRENCY, &[200]).await?;
    Ok(microseconds(seen.percentile(50)))
}
