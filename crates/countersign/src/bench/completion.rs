//! A completion on the merchant half, end to end: bound, compared, finalized at a sandbox, ids on
//! disk, and afterwards the snapshot fetched.

use countersign_domain::terms::PaymentIntent as Intent;
use std::path::Path;
use std::time::Duration;

use countersign_world::{Clock as _, SystemClock};

use super::checkout::{Placed, member, placed_checkout};
use super::crypto::CryptoCost;
use super::load;
use super::process::Server;
use super::report::Report;
use super::servers::{Durability, TOKEN, start_sandbox, start_serve};
use super::signed::make_key;
use super::size::{CONCURRENCIES, Size};

/// The signed calls of a completion: Get Checkout Session and Finalize, then for the snapshot Get
/// Charge Permission and Get Charge.
const CALLS: u32 = 4;

pub(super) async fn measure(
    folder: &Path,
    crypto: CryptoCost,
    size: Size,
    report: &mut Report,
) -> Result<(), String> {
    let key = make_key(folder)?;
    let sandbox = start_sandbox(folder, Durability::InMemory, &key)?;
    let serve = start_serve(folder, &sandbox.address, &key)?;
    for concurrency in CONCURRENCIES {
        // A tenth of Finalize's: each signs four times.
        let count = (size.operations(concurrency) / 10).max(concurrency);
        let requests = completions(&serve.address, &sandbox.address, concurrency, count).await?;
        let before = serve.cpu_time()?;
        let seen = load::run(&serve.address, requests, concurrency, &[200]).await?;
        let cpu = until_idle(&serve, before).await?;
        report.operation("completion", concurrency, &seen, cpu, crypto.sign * CALLS);
    }
    Ok(())
}

/// Registers orders, starts their checkouts, and builds the calls that complete them.
async fn completions(
    serve: &str,
    sandbox: &str,
    round: usize,
    count: usize,
) -> Result<Vec<load::Wire>, String> {
    let bearer = format!("authorization: Bearer {TOKEN}\r\n");
    let orders = (0..count).map(|number| {
        let body = format!(
            r#"{{"orderId":"bench-{round}-{number}","productType":"PayAndShip","paymentDetails":{{"paymentIntent":"AuthorizeWithCapture","chargeAmount":{{"amount":"14.00","currencyCode":"USD"}}}},"startOfCheckoutUrl":"https://shop.example/cart"}}"#
        );
        load::plain_request(serve, "/v1/checkouts", &bearer, &body)
    });
    let registered = load::run(serve, orders.collect(), 8, &[201]).await?;
    let checkout_ids = registered.bodies.iter().map(|body| member(body, "checkoutId"));
    let checkout_ids = checkout_ids.collect::<Result<Vec<String>, String>>()?;
    let starts = checkout_ids.iter().map(|id| {
        let body =
            placed_checkout(Intent::AuthorizeWithCapture, &format!(r#"{{"merchantReferenceId":"{id}"}}"#));
        load::plain_request(sandbox, "/_sandbox/checkout-sessions", "", &body)
    });
    let started = load::run(sandbox, starts.collect(), 8, &[201]).await?;
    let bodies = started.bodies.iter().zip(&checkout_ids);
    bodies
        .map(|(body, id)| {
            let session = Placed::read(body, Intent::AuthorizeWithCapture)?.checkout_session_id;
            let body = format!(r#"{{"amazonCheckoutSessionId":"{session}"}}"#);
            Ok(load::plain_request(serve, &format!("/v1/checkouts/{id}/complete"), &bearer, &body))
        })
        .collect()
}

/// The CPU time used until the work that a completion leaves to timers is done: until a second has
/// passed in which next to nothing was used.
async fn until_idle(server: &Server, before: Duration) -> Result<Duration, String> {
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
    Err("the merchant half does not come to rest".to_owned())
}
