//! Every call of the sandbox beside Finalize, in the same run on the same server: what each costs as a
//! multiple of it. Each write gets an object of its own, prepared and signed for beforehand.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::checkout::{Intent, Placed, start_checkouts};
use super::load::{Connections, Seen};
use super::process::Server;
use super::report::{Report, median, microseconds};
use super::servers::{Durability, start_sandbox};
use super::signed::{BenchKey, Draft, make_key, sign_all};
use super::size::Size;

/// Connections that are busy at once.
const CONCURRENCY: usize = 64;
/// Each figure is the median of so many rounds. Within a round Finalize and all calls are measured one
/// after the other, so that what disturbs the machine for longer disturbs all of them.
const ROUNDS: usize = 5;
const OPERATIONS: usize = 1_000;

const WRITES: &str = "≤ 1.5";
const READS: &str = "≤ 0.6";

/// What a call acts on.
#[derive(Debug, Clone, Copy)]
enum On {
    /// A Checkout Session that is not finalized.
    Placed,
    /// What Finalize made of one.
    Finalized(Intent),
    /// A refund.
    Refund,
}

/// A call that is measured.
struct Call {
    /// As the official clients name it.
    name: &'static str,
    wanted: &'static str,
    on: On,
    draft: fn(&Object) -> Draft,
}

/// The ids of one order.
#[derive(Default)]
struct Object {
    checkout_session_id: String,
    charge_permission_id: String,
    charge_id: String,
    refund_id: String,
    /// A key that nobody used before.
    key: String,
}

const CALLS: [Call; 10] = [
    Call {
        name: "createCharge",
        wanted: WRITES,
        on: On::Finalized(Intent::Confirm),
        draft: |object| {
            let id = &object.charge_permission_id;
            let body = format!(r#"{{"chargePermissionId":"{id}","chargeAmount":{AMOUNT}}}"#);
            write("POST", "/v2/charges".to_owned(), body, object)
        },
    },
    Call {
        name: "captureCharge",
        wanted: WRITES,
        on: On::Finalized(Intent::Authorize),
        draft: |object| {
            let path = format!("/v2/charges/{}/capture", object.charge_id);
            write("POST", path, format!(r#"{{"captureAmount":{AMOUNT}}}"#), object)
        },
    },
    Call {
        name: "cancelCharge",
        wanted: WRITES,
        on: On::Finalized(Intent::Authorize),
        draft: |object| {
            let path = format!("/v2/charges/{}/cancel", object.charge_id);
            write("DELETE", path, r#"{"cancellationReason":"out of stock"}"#.to_owned(), object)
        },
    },
    Call {
        name: "createRefund",
        wanted: WRITES,
        on: On::Finalized(Intent::AuthorizeWithCapture),
        draft: refund,
    },
    Call {
        name: "updateChargePermission",
        wanted: WRITES,
        on: On::Finalized(Intent::Confirm),
        draft: |object| {
            let path = format!("/v2/chargePermissions/{}", object.charge_permission_id);
            let body = r#"{"merchantMetadata":{"merchantReferenceId":"order-1","noteToBuyer":"Thank you"}}"#;
            write("PATCH", path, body.to_owned(), object)
        },
    },
    Call {
        name: "closeChargePermission",
        wanted: WRITES,
        on: On::Finalized(Intent::Confirm),
        draft: |object| {
            let path = format!("/v2/chargePermissions/{}/close", object.charge_permission_id);
            let body = r#"{"closureReason":"no more charges","cancelPendingCharges":true}"#;
            write("DELETE", path, body.to_owned(), object)
        },
    },
    Call {
        name: "getCheckoutSession",
        wanted: READS,
        on: On::Placed,
        draft: |object| read("checkoutSessions", &object.checkout_session_id),
    },
    Call {
        name: "getCharge",
        wanted: READS,
        on: On::Finalized(Intent::Authorize),
        draft: |object| read("charges", &object.charge_id),
    },
    Call {
        name: "getChargePermission",
        wanted: READS,
        on: On::Finalized(Intent::Authorize),
        draft: |object| read("chargePermissions", &object.charge_permission_id),
    },
    Call {
        name: "getRefund",
        wanted: READS,
        on: On::Refund,
        draft: |object| read("refunds", &object.refund_id),
    },
];

const AMOUNT: &str = r#"{"amount":"14.00","currencyCode":"USD"}"#;

fn write(method: &'static str, path: String, body: String, object: &Object) -> Draft {
    Draft { method, path, body, idempotency_key: Some(object.key.clone()) }
}

fn read(collection: &str, id: &str) -> Draft {
    Draft {
        method: "GET",
        path: format!("/v2/{collection}/{id}"),
        body: String::new(),
        idempotency_key: None,
    }
}

fn refund(object: &Object) -> Draft {
    let body = format!(r#"{{"chargeId":"{}","refundAmount":{AMOUNT}}}"#, object.charge_id);
    write("POST", "/v2/refunds".to_owned(), body, object)
}

/// What one round saw of one call.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// CPU time of the server, an operation.
    cpu: Duration,
    p50: Duration,
}

pub(super) async fn measure(
    folder: &Path,
    durability: Durability,
    size: Size,
    report: &mut Report,
) -> Result<(), String> {
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
        let cpu = median(costs.iter().map(|cost| microseconds(cost.cpu)));
        let p50 = median(costs.iter().map(|cost| microseconds(cost.p50)));
        let of_finalize = |of: fn(&Cost) -> Duration| {
            let pairs = costs.iter().zip(&finalizes);
            median(pairs.map(|(cost, finalize)| of(cost).as_secs_f64() / of(finalize).as_secs_f64()))
        };
        report.add(name(call.name, "cpu"), CONCURRENCY, cpu, "µs");
        report.wanted(
            name(call.name, "cpu_ratio"),
            CONCURRENCY,
            of_finalize(|cost| cost.cpu),
            "× Finalize",
            call.wanted,
        );
        report.add(name(call.name, "p50"), CONCURRENCY, p50, "µs");
        report.wanted(
            name(call.name, "p50_ratio"),
            CONCURRENCY,
            of_finalize(|cost| cost.p50),
            "× Finalize",
            call.wanted,
        );
    }
    Ok(())
}

/// One round against one server.
struct Round<'a> {
    server: &'a Server,
    connections: &'a mut Connections,
    key: &'a BenchKey,
    number: usize,
    count: usize,
}

impl Round<'_> {
    async fn finalize(&mut self) -> Result<Cost, String> {
        let placed = self.placed(Intent::AuthorizeWithCapture).await?;
        let (cost, _) = self.run(placed.iter().map(Placed::finalize).collect()).await?;
        Ok(cost)
    }

    async fn call(&mut self, call: &Call) -> Result<Cost, String> {
        let mut objects = match call.on {
            On::Placed => {
                let placed = self.placed(Intent::Authorize).await?.into_iter();
                let object = |placed: Placed| Object {
                    checkout_session_id: placed.checkout_session_id,
                    ..Object::default()
                };
                placed.map(object).collect()
            }
            On::Finalized(intent) => self.finalized(intent).await?,
            On::Refund => self.refunded().await?,
        };
        self.give_keys(&mut objects, call.name);
        let failed = |error| format!("{}: {error}", call.name);
        let (cost, _) = self.run(objects.iter().map(call.draft).collect()).await.map_err(failed)?;
        Ok(cost)
    }

    /// A key is at most 32 characters long.
    fn give_keys(&self, objects: &mut [Object], name: &str) {
        for (at, object) in objects.iter_mut().enumerate() {
            object.key = format!("{name:.22}-{}-{at}", self.number);
        }
    }

    async fn placed(&self, intent: Intent) -> Result<Vec<Placed>, String> {
        start_checkouts(&self.server.address, self.count, intent).await
    }

    async fn finalized(&mut self, intent: Intent) -> Result<Vec<Object>, String> {
        let placed = self.placed(intent).await?;
        let (_, seen) = self.run(placed.iter().map(Placed::finalize).collect()).await?;
        let object = |(body, placed): (&Vec<u8>, Placed)| {
            let answer = parsed(body)?;
            Ok(Object {
                checkout_session_id: placed.checkout_session_id,
                charge_permission_id: id(&answer, "chargePermissionId")?,
                charge_id: if intent == Intent::Confirm { String::new() } else { id(&answer, "chargeId")? },
                ..Object::default()
            })
        };
        seen.bodies.iter().zip(placed).map(object).collect()
    }

    async fn refunded(&mut self) -> Result<Vec<Object>, String> {
        let mut objects = self.finalized(Intent::AuthorizeWithCapture).await?;
        self.give_keys(&mut objects, "prepare");
        let (_, seen) = self.run(objects.iter().map(refund).collect()).await?;
        for (object, body) in objects.iter_mut().zip(&seen.bodies) {
            object.refund_id = id(&parsed(body)?, "refundId")?;
        }
        Ok(objects)
    }

    async fn run(&mut self, drafts: Vec<Draft>) -> Result<(Cost, Seen), String> {
        let count = u32::try_from(drafts.len()).map_err(|error| error.to_string())?;
        let requests = sign_all(&self.server.address, drafts, &self.key.signer)?;
        let before = self.server.cpu_time()?;
        let seen = self.connections.run(requests, &[200, 201]).await?;
        let cpu = self.server.cpu_time()?.saturating_sub(before) / count.max(1);
        Ok((Cost { cpu, p50: seen.percentile(50) }, seen))
    }
}

fn parsed(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

fn id(answer: &Value, member: &str) -> Result<String, String> {
    let id = answer.get(member).and_then(Value::as_str);
    id.map(str::to_owned).ok_or_else(|| format!("an answer without {member}: {answer}"))
}
