//! Finalize on the sandbox: signature verified, keep-alive, in memory and durable.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use countersign_domain::ids::{PublicKeyId, Region};
use countersign_protocol::signing::{Algorithm, KeySigner, MerchantKey};

use super::crypto::CryptoCost;
use super::load::{self, Wire};
use super::process::Server;
use super::report::Report;
use super::{CONCURRENCIES, operations};
use crate::clock;

pub(super) const PUBLIC_KEY_ID: &str = "SANDBOX-BENCH";

/// Whether every answer waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    InMemory,
    Durable,
}

impl Durability {
    const fn name(self) -> &'static str {
        match self {
            Self::InMemory => "finalize.memory",
            Self::Durable => "finalize.durable",
        }
    }
}

/// A merchant's key, as files and as a signer.
pub(super) struct BenchKey {
    pub(super) signer: KeySigner,
    pub(super) private_file: PathBuf,
    pub(super) public_file: PathBuf,
}

pub(super) fn make_key(folder: &Path) -> Result<BenchKey, String> {
    let generated = MerchantKey::generate().map_err(|error| error.to_string())?;
    let (private_file, public_file) = (folder.join("merchant.pem"), folder.join("merchant.pub.pem"));
    for (file, pem) in [(&private_file, &*generated.private_pem), (&public_file, &*generated.public_pem)] {
        std::fs::write(file, pem).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let id = PublicKeyId::parse(PUBLIC_KEY_ID).map_err(|error| error.to_string())?;
    let signer = KeySigner::from_pem(id, &generated.private_pem, Algorithm::PssV2);
    Ok(BenchKey { signer: signer.map_err(|error| error.to_string())?, private_file, public_file })
}

pub(super) async fn measure(
    folder: &Path,
    durability: Durability,
    crypto: CryptoCost,
    scale: u32,
    report: &mut Report,
) -> Result<(), String> {
    let key = make_key(folder)?;
    let public = key.public_file.to_string_lossy().into_owned();
    let mut arguments =
        vec!["sandbox", "--listen", "127.0.0.1:0", "--public-key-id", PUBLIC_KEY_ID, "--public-key", &public];
    if durability == Durability::Durable {
        arguments.extend(["--data-dir", "sandbox-data"]);
    }
    let server = Server::start(folder, &arguments)?;
    for concurrency in CONCURRENCIES {
        let sessions = start_checkouts(&server.address, operations(concurrency, scale), "{}").await?;
        let requests = finalize_requests(&server.address, &sessions, &key.signer)?;
        let before = server.cpu_time()?;
        let seen = load::run(&server.address, requests, concurrency, &[200]).await?;
        let cpu = server.cpu_time()?.saturating_sub(before);
        report.operation(durability.name(), concurrency, &seen, cpu, crypto.verify);
    }
    Ok(())
}

/// Checkouts whose order is placed, with the buyer's shipping address as Amazon shares it.
pub(super) struct Placed {
    pub(super) checkout_session_id: String,
    pub(super) shipping_address: String,
}

/// Starts so many checkouts through the control API. `metadata` is their `merchantMetadata`.
async fn start_checkouts(address: &str, count: usize, metadata: &str) -> Result<Vec<Placed>, String> {
    let body = placed_checkout(metadata);
    let request = load::plain_request(address, "/_sandbox/checkout-sessions", "", &body);
    let seen = load::run(address, vec![request; count], 8, &[201]).await?;
    seen.bodies.iter().map(|body| read_placed(body)).collect()
}

pub(super) fn placed_checkout(metadata: &str) -> String {
    format!(
        r#"{{"productType":"PayAndShip","placed":true,"merchantMetadata":{metadata},"paymentDetails":{{"paymentIntent":"AuthorizeWithCapture","chargeAmount":{{"amount":"14.00","currencyCode":"USD"}}}}}}"#
    )
}

pub(super) fn read_placed(body: &[u8]) -> Result<Placed, String> {
    let session: serde_json::Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let id = session.get("checkoutSessionId").and_then(|id| id.as_str()).ok_or("a session without an id")?;
    let address = session.get("shippingAddress").ok_or("a session without an address")?;
    Ok(Placed { checkout_session_id: id.to_owned(), shipping_address: address.to_string() })
}

/// Signs on both cores: it is 17 times as dear as verifying.
fn finalize_requests(address: &str, sessions: &[Placed], signer: &KeySigner) -> Result<Vec<Wire>, String> {
    let half = sessions.len().div_ceil(2).max(1);
    std::thread::scope(|scope| {
        let signing: Vec<_> = sessions
            .chunks(half)
            .map(|share| {
                scope.spawn(move || {
                    share.iter().map(|placed| finalize_request(address, placed, signer)).collect::<Vec<_>>()
                })
            })
            .collect();
        let signed = signing.into_iter().map(|thread| thread.join());
        let signed: Result<Vec<_>, _> = signed.collect();
        signed.map_err(|_| "signing panicked".to_owned())?.into_iter().flatten().collect()
    })
}

fn finalize_request(address: &str, placed: &Placed, signer: &KeySigner) -> Result<Wire, String> {
    let path = format!("/v2/checkoutSessions/{}/finalize", placed.checkout_session_id);
    let body = format!(
        r#"{{"paymentIntent":"AuthorizeWithCapture","chargeAmount":{{"amount":"14.00","currencyCode":"USD"}},"shippingAddress":{}}}"#,
        placed.shipping_address
    );
    let mut request = http::Request::builder()
        .method("POST")
        .uri(format!("http://{address}{path}"))
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .body(Bytes::from(body))
        .map_err(|error| error.to_string())?;
    signer.sign(&mut request, Region::NorthAmerica, clock::now()).map_err(|error| error.to_string())?;
    let (parts, body) = request.into_parts();
    let mut wire = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\n").into_bytes();
    for (name, value) in &parts.headers {
        wire.extend_from_slice(name.as_str().as_bytes());
        wire.extend_from_slice(b": ");
        wire.extend_from_slice(value.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    wire.extend_from_slice(&body);
    Ok(wire)
}
