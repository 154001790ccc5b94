//! The cost of every call of the sandbox as a multiple of Finalize's, in the same run on the same
//! server. Each write acts on an object of its own. All objects and signatures are made before the
//! measurement.

use countersign_domain::terms::PaymentIntent as Intent;
use std::path::Path;
use std::time::Duration;

use super::bench_result::BenchResult;
use super::checkout::{PlacedCheckout, member, start_checkouts};
use super::load::{Connections, LoadResult};
use super::process::Server;
use super::report::{Report, median, microseconds};
use super::servers::{Durability, start_sandbox};
use super::signed::{BenchKey, CallDraft, make_key, sign_all};
use super::size::Size;

/// The number of connections that are busy at the same time.
const CONCURRENCY: usize = 64;
/// The number of rounds. Each figure is their median. Within a round Finalize and all calls are
/// measured one after the other, so that a longer disturbance of the machine affects all of them.
const ROUNDS: usize = 5;
const OPERATIONS: usize = 1_000;

/// What a call acts on.
#[derive(Debug, Clone, Copy)]
enum CallTarget {
    /// A Checkout Session that is not finalized.
    Placed,
    /// The result of a Finalize with this intent.
    Finalized(Intent),
    /// A refund.
    Refund,
}

/// A call that is measured.
struct Call {
    /// The call's name in the official clients.
    name: &'static str,
    wanted: &'static str,
    on: CallTarget,
    draft: fn(&Object) -> CallDraft,
}

/// The ids of one order.
#[derive(Default)]
struct Object {
    checkout_session_id: String,
    charge_permission_id: String,
    charge_id: String,
    refund_id: String,
    /// A key that was not used before.
    key: String,
}

const fn write(name: &'static str, on: CallTarget, draft: fn(&Object) -> CallDraft) -> Call {
    Call { name, wanted: "≤ 1.5", on, draft }
}

const fn read(name: &'static str, on: CallTarget, draft: fn(&Object) -> CallDraft) -> Call {
    Call { name, wanted: "≤ 0.6", on, draft }
}

const CONFIRMED: CallTarget = CallTarget::Finalized(Intent::Confirm);
const AUTHORIZED: CallTarget = CallTarget::Finalized(Intent::Authorize);
const CAPTURED: CallTarget = CallTarget::Finalized(Intent::AuthorizeWithCapture);

const CALLS: [Call; 10] = [
    write("createCharge", CONFIRMED, |object| {
        let id = &object.charge_permission_id;
        let body = format!(r#"{{"chargePermissionId":"{id}","chargeAmount":{AMOUNT}}}"#);
        object.write("POST", "/v2/charges".to_owned(), &body)
    }),
    write("captureCharge", AUTHORIZED, |object| {
        let path = format!("/v2/charges/{}/capture", object.charge_id);
        object.write("POST", path, &format!(r#"{{"captureAmount":{AMOUNT}}}"#))
    }),
    write("cancelCharge", AUTHORIZED, |object| {
        let path = format!("/v2/charges/{}/cancel", object.charge_id);
        object.write("DELETE", path, r#"{"cancellationReason":"out of stock"}"#)
    }),
    write("createRefund", CAPTURED, Object::refund),
    write("updateChargePermission", CONFIRMED, |object| {
        let path = format!("/v2/chargePermissions/{}", object.charge_permission_id);
        let body = r#"{"merchantMetadata":{"merchantReferenceId":"order-1","noteToBuyer":"Thank you"}}"#;
        object.write("PATCH", path, body)
    }),
    write("closeChargePermission", CONFIRMED, |object| {
        let path = format!("/v2/chargePermissions/{}/close", object.charge_permission_id);
        object.write("DELETE", path, r#"{"closureReason":"no more charges","cancelPendingCharges":true}"#)
    }),
    read("getCheckoutSession", CallTarget::Placed, |object| {
        get("checkoutSessions", &object.checkout_session_id)
    }),
    read("getCharge", AUTHORIZED, |object| get("charges", &object.charge_id)),
    read("getChargePermission", AUTHORIZED, |object| get("chargePermissions", &object.charge_permission_id)),
    read("getRefund", CallTarget::Refund, |object| get("refunds", &object.refund_id)),
];

const AMOUNT: &str = r#"{"amount":"14.00","currencyCode":"USD"}"#;

fn get(collection: &str, id: &str) -> CallDraft {
    let path = format!("/v2/{collection}/{id}");
    CallDraft { method: "GET", path, body: String::new(), idempotency_key: None }
}

impl Object {
    fn write(&self, method: &'static str, path: String, body: &str) -> CallDraft {
        CallDraft { method, path, body: body.to_owned(), idempotency_key: Some(self.key.clone()) }
    }

    fn refund(&self) -> CallDraft {
        let body = format!(r#"{{"chargeId":"{}","refundAmount":{AMOUNT}}}"#, self.charge_id);
        self.write("POST", "/v2/refunds".to_owned(), &body)
    }
}

/// What one round has measured for one call.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// The server's CPU time per operation.
    cpu: Duration,
    p50: Duration,
}

pub(super) async fn measure(
    folder: &Path,
    durability: Durability,
    size: Size,
    report: &mut Report,
) -> BenchResult {
    let key = make_key(folder)?;
    let count = size.count(OPERATIONS).max(CONCURRENCY);
    let mut finalizes = Vec::new();
    let mut costs: [Vec<Cost>; CALLS.len()] = Default::default();
    let server = start_sandbox(folder, durability, &key)?;
    let mut connections = Connections::open(&server.address, CONCURRENCY).await?;
    for number in 0..ROUNDS {
        let mut bench = Round { server: &server, connections: &mut connections, key: &key, number, count };
        finalizes.push(bench.finalize().await?);
        for (call, costs) in CALLS.iter().zip(&mut costs) {
            costs.push(bench.call(call).await?);
        }
    }
    let name = |call: &str, what: &str| format!("{call}.{}.{what}", durability.name());
    for (call, costs) in CALLS.iter().zip(&costs) {
        for (part, of) in PARTS {
            let value = median(costs.iter().map(|cost| microseconds(of(cost))));
            let pairs = costs.iter().zip(&finalizes);
            let ratio =
                median(pairs.map(|(cost, finalize)| of(cost).as_secs_f64() / of(finalize).as_secs_f64()));
            report.add(name(call.name, part), CONCURRENCY, value, "µs");
            let figure =
                report.add(name(call.name, &format!("{part}_ratio")), CONCURRENCY, ratio, "× Finalize");
            figure.wanted(call.wanted);
        }
    }
    Ok(())
}

/// The reported parts of a cost, by name.
const PARTS: [Part; 2] = [("cpu", |cost| cost.cpu), ("p50", |cost| cost.p50)];

type Part = (&'static str, fn(&Cost) -> Duration);

/// One round against one server.
struct Round<'a> {
    server: &'a Server,
    connections: &'a mut Connections,
    key: &'a BenchKey,
    number: usize,
    count: usize,
}

impl Round<'_> {
    async fn finalize(&mut self) -> BenchResult<Cost> {
        let placed = self.placed(Intent::AuthorizeWithCapture).await?;
        let (cost, _) = self.run(placed.iter().map(PlacedCheckout::finalize).collect()).await?;
        Ok(cost)
    }

    async fn call(&mut self, call: &Call) -> BenchResult<Cost> {
        let mut objects = match call.on {
            CallTarget::Placed => {
                let placed = self.placed(Intent::Authorize).await?.into_iter();
                let object = |placed: PlacedCheckout| Object {
                    checkout_session_id: placed.checkout_session_id,
                    ..Object::default()
                };
                placed.map(object).collect()
            }
            CallTarget::Finalized(intent) => self.finalized(intent).await?,
            CallTarget::Refund => self.refunded().await?,
        };
        self.give_keys(&mut objects, call.name);
        let failed = |error| format!("{}: {error}", call.name);
        let (cost, _) = self.run(objects.iter().map(call.draft).collect()).await.map_err(failed)?;
        Ok(cost)
    }

    /// Gives each object a key that was not used before. A key has at most 32 characters.
    fn give_keys(&self, objects: &mut [Object], name: &str) {
        for (at, object) in objects.iter_mut().enumerate() {
            object.key = format!("{name:.22}-{}-{at}", self.number);
        }
    }

    async fn placed(&self, intent: Intent) -> BenchResult<Vec<PlacedCheckout>> {
        start_checkouts(&self.server.address, self.count, intent).await
    }

    async fn finalized(&mut self, intent: Intent) -> BenchResult<Vec<Object>> {
        let placed = self.placed(intent).await?;
        let (_, seen) = self.run(placed.iter().map(PlacedCheckout::finalize).collect()).await?;
        let object = |(body, placed): (&Vec<u8>, PlacedCheckout)| {
            Ok(Object {
                checkout_session_id: placed.checkout_session_id,
                charge_permission_id: member(body, "chargePermissionId")?,
                charge_id: if intent == Intent::Confirm { String::new() } else { member(body, "chargeId")? },
                ..Object::default()
            })
        };
        seen.bodies.iter().zip(placed).map(object).collect()
    }

    async fn refunded(&mut self) -> BenchResult<Vec<Object>> {
        let mut objects = self.finalized(Intent::AuthorizeWithCapture).await?;
        self.give_keys(&mut objects, "prepare");
        let (_, seen) = self.run(objects.iter().map(Object::refund).collect()).await?;
        for (object, body) in objects.iter_mut().zip(&seen.bodies) {
            object.refund_id = member(body, "refundId")?;
        }
        Ok(objects)
    }

    async fn run(&mut self, drafts: Vec<CallDraft>) -> BenchResult<(Cost, LoadResult)> {
        let count = u32::try_from(drafts.len())?;
        let requests = sign_all(&self.server.address, drafts, &self.key.signer)?;
        let before = self.server.cpu_time()?;
        let seen = self.connections.run(requests, &[200, 201]).await?;
        let cpu = self.server.cpu_time()?.saturating_sub(before) / count.max(1);
        Ok((Cost { cpu, p50: seen.percentile(50) }, seen))
    }
}
