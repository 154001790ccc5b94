//! Asking whether a parcel may leave (`GET …/fulfilment`), for orders whose charge Amazon has shown within `maxAge`: the
//! answer is what was seen then, and Amazon is not asked.

use std::path::Path;

use super::bench_result::BenchResult;
use super::checkout::member;
use super::completion::{completions, until_idle};
use super::load;
use super::report::{Report, microseconds};
use super::servers::{Durability, TOKEN, start_sandbox, start_serve};
use super::signed::make_key;
use super::size::{CONCURRENCIES, Size};

/// How many orders are asked about, in turn.
const ORDERS: usize = 200;

pub(super) async fn measure(folder: &Path, size: Size, report: &mut Report) -> BenchResult {
    let key = make_key(folder)?;
    let sandbox = start_sandbox(folder, Durability::InMemory, &key)?;
    let serve = start_serve(folder, &sandbox.address, &key)?;
    let before = serve.cpu_time()?;
    let completing = completions(&serve.address, &sandbox.address, 0, ORDERS).await?;
    let completed = load::run(&serve.address, completing, 8, &[200]).await?;
    until_idle(&serve, before).await?;
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    let gates = completed.bodies.iter().map(|body| {
        let path = format!("/v1/checkouts/{}/fulfilment?maxAge=300", member(body, "checkoutId")?);
        Ok(load::get_request(&serve.address, &path, &bearer))
    });
    let gates = gates.collect::<BenchResult<Vec<_>>>()?;
    // The first question about a charge may look at it.
    let seen_at = load::run(&serve.address, gates.clone(), 8, &[200]).await?.bodies;
    for concurrency in CONCURRENCIES {
        let count = size.operations(concurrency);
        let requests = gates.iter().cycle().take(count).cloned().collect();
        let before = serve.cpu_time()?;
        let seen = load::run(&serve.address, requests, concurrency, &[200]).await?;
        let cpu = serve.cpu_time()?.saturating_sub(before);
        if let Some(asked) = seen.bodies.iter().zip(seen_at.iter().cycle()).find(|(now, then)| now != then) {
            return Err(format!("Amazon was asked, or the answer is another one: {asked:?}").into());
        }
        let throughput = report.add("gate.throughput", concurrency, seen.per_second(), "1/s");
        throughput.wanted("> 1000");
        report.add("gate.p50", concurrency, microseconds(seen.percentile(50)), "µs");
        report.add("gate.p99", concurrency, microseconds(seen.percentile(99)), "µs");
        let per_question = cpu.as_secs_f64() / seen.latencies.len() as f64;
        report.add("gate.cpu", concurrency, per_question * 1e6, "µs");
    }
    Ok(())
}
