//! Finalize on the sandbox, with verified signatures and kept connections, in memory and durable.

use countersign_domain::terms::PaymentIntent as Intent;
use std::path::Path;

use super::bench_result::BenchResult;
use super::checkout::start_checkouts;
use super::crypto::CryptoCost;
use super::load;
use super::report::Report;
use super::servers::{Durability, start_sandbox};
use super::signed::{make_key, sign_all};
use super::size::{CONCURRENCIES, Size};

pub(super) async fn measure(
    folder: &Path,
    durability: Durability,
    crypto: CryptoCost,
    size: Size,
    report: &mut Report,
) -> BenchResult {
    let key = make_key(folder)?;
    let server = start_sandbox(folder, durability, &key)?;
    let name = format!("finalize.{}", durability.name());
    for concurrency in CONCURRENCIES {
        let count = size.operations(concurrency);
        let placed = start_checkouts(&server.address, count, Intent::AuthorizeWithCapture).await?;
        let drafts = placed.iter().map(|placed| placed.finalize()).collect();
        let requests = sign_all(&server.address, drafts, &key.signer)?;
        let before = server.cpu_time()?;
        let seen = load::run(&server.address, requests, concurrency, &[200]).await?;
        let cpu = server.cpu_time()?.saturating_sub(before);
        report.operation(&name, concurrency, &seen, cpu, crypto.verify);
    }
    Ok(())
}
