//! Completions on the merchant half, end to end: it binds and compares the session, finalizes it at
//! a sandbox, writes the ids to disk, and fetches the snapshot afterwards.

use countersign_domain::terms::PaymentIntent as Intent;
use std::path::Path;
use std::time::Duration;

use countersign_world::{Clock as _, SystemClock};

use super::bench_result::BenchResult;
use super::checkout::{PlacedCheckout, member, order, placed_checkout};
use super::crypto::CryptoCost;
use super::load;
use super::own_work;
use super::process::Server;
use super::report::{Report, microseconds};
use super::servers::{Durability, TOKEN, start_sandbox, start_serve};
use super::signed::make_key;
use super::size::{CONCURRENCIES, Size};

/// The signed calls of a completion: Get Checkout Session and Finalize, then for the snapshot Get
/// Charge Permission and Get Charge.
const CALLS: u32 = 4;

/// The number of connections that are busy at the same time while the parts of the time are
/// measured.
const PARTED: usize = 64;
/// The store's threads, by the first 15 letters of their names.
const WRITER: &str = "store-writer";
const CHECKPOINTS: &str = "store-checkpoin";

pub(super) async fn measure(
    folder: &Path,
    crypto: CryptoCost,
    size: Size,
    report: &mut Report,
) -> BenchResult {
    let key = make_key(folder)?;
    let sandbox = start_sandbox(folder, Durability::InMemory, &key)?;
    let serve = start_serve(folder, &sandbox.address, &key)?;
    let mut parts = None;
    for concurrency in CONCURRENCIES {
        // A tenth of the Finalize calls: each completion signs four times.
        let count = (size.operations(concurrency) / 10).max(concurrency);
        let requests = completions(&serve.address, &sandbox.address, concurrency, count).await?;
        let before = serve.cpu_time()?;
        let of_store = [serve.cpu_time_of(WRITER)?, serve.cpu_time_of(CHECKPOINTS)?];
        let seen = load::run(&serve.address, requests, concurrency, &[200]).await?;
        let cpu = until_idle(&serve, before).await?;
        report.operation("completion", concurrency, &seen, cpu, crypto.sign * CALLS);
        if concurrency == PARTED {
            let count = u32::try_from(count)?;
            let writer = serve.cpu_time_of(WRITER)?.saturating_sub(of_store[0]) / count;
            let checkpoints = serve.cpu_time_of(CHECKPOINTS)?.saturating_sub(of_store[1]) / count;
            parts = Some((cpu / count, writer, checkpoints));
        }
    }
    drop(serve);
    let Some((all, writer, checkpoints)) = parts else { return Ok(()) };
    let own = own_work::measure(key, size).await?;
    let known = [
        ("signatures", crypto.sign * CALLS),
        ("requests", own.requests),
        ("answers", own.answers),
        ("merchant", own.merchant),
        ("store_writer", writer),
        ("store_checkpoints", checkpoints),
    ];
    let rest = known.iter().fold(all, |rest, (_, part)| rest.saturating_sub(*part));
    for (name, part) in known.into_iter().chain([("rest", rest)]) {
        report.add(format!("completion.part.{name}"), PARTED, microseconds(part), "µs");
    }
    Ok(())
}

/// Registers orders, starts their checkouts, and builds the calls that complete them.
pub(super) async fn completions(
    serve: &str,
    sandbox: &str,
    round: usize,
    count: usize,
) -> BenchResult<Vec<load::RequestBytes>> {
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    let orders = (0..count).map(|number| {
        let body = order(&format!("bench-{round}-{number}"));
        load::plain_request(serve, "/v1/checkouts", &bearer, &body)
    });
    let registered = load::run(serve, orders.collect(), 8, &[201]).await?;
    let checkout_ids = registered.bodies.iter().map(|body| member(body, "checkoutId"));
    let checkout_ids = checkout_ids.collect::<BenchResult<Vec<String>>>()?;
    let starts = checkout_ids.iter().map(|id| {
        let body =
            placed_checkout(Intent::AuthorizeWithCapture, &format!(r#"{{"merchantReferenceId":"{id}"}}"#));
        load::plain_request(sandbox, "/_sandbox/checkout-sessions", "", &body)
    });
    let started = load::run(sandbox, starts.collect(), 8, &[201]).await?;
    let bodies = started.bodies.iter().zip(&checkout_ids);
    bodies
        .map(|(body, id)| {
            let session = PlacedCheckout::read(body, Intent::AuthorizeWithCapture)?.checkout_session_id;
            let body = format!(r#"{{"amazonCheckoutSessionId":"{session}"}}"#);
            Ok(load::plain_request(serve, &format!("/v1/checkouts/{id}/complete"), &bearer, &body))
        })
        .collect()
}

/// The CPU time used until the timers have done the work that the completions left to them. They have
/// done it when hardly any CPU time is used for a second.
pub(super) async fn until_idle(server: &Server, before: Duration) -> BenchResult<Duration> {
    const LONGEST_WAIT: u32 = 60;
    const IDLE: Duration = Duration::from_millis(5);
    let mut used = server.cpu_time()?;
    for _ in 0..LONGEST_WAIT {
        SystemClock.sleep(Duration::from_secs(1)).await;
        let now = server.cpu_time()?;
        if now.saturating_sub(used) < IDLE {
            return Ok(used.saturating_sub(before));
        }
        used = now;
    }
    Err("the merchant half did not become idle in time".into())
}
