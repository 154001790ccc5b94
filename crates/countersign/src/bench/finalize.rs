//! Finalize on the sandbox: signature verified, keep-alive, in memory and durable.

use std::path::Path;

use super::crypto::CryptoCost;
use super::load;
use super::process::Server;
use super::report::Report;
use super::signed::{BenchKey, Draft, PUBLIC_KEY_ID, make_key, sign_all};
use super::{CONCURRENCIES, Size};

/// Whether every answer waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    InMemory,
    Durable,
}

impl Durability {
    pub(super) const BOTH: [Self; 2] = [Self::InMemory, Self::Durable];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::InMemory => "memory",
            Self::Durable => "durable",
        }
    }
}

/// A sandbox in a process of its own, empty.
pub(super) fn start_sandbox(folder: &Path, durability: Durability, key: &BenchKey) -> Result<Server, String> {
    let public = key.public_file.to_string_lossy().into_owned();
    let mut arguments =
        vec!["sandbox", "--listen", "127.0.0.1:0", "--public-key-id", PUBLIC_KEY_ID, "--public-key", &public];
    let data = tempfile::tempdir_in(folder).map_err(|error| error.to_string())?.keep();
    let data = data.to_string_lossy().into_owned();
    if durability == Durability::Durable {
        arguments.extend(["--data-dir", &data]);
    }
    Server::start(folder, &arguments)
}

pub(super) async fn measure(
    folder: &Path,
    durability: Durability,
    crypto: CryptoCost,
    size: Size,
    report: &mut Report,
) -> Result<(), String> {
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

/// What the buyer agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    AuthorizeWithCapture,
    Authorize,
    Confirm,
}

impl Intent {
    const fn word(self) -> &'static str {
        match self {
            Self::AuthorizeWithCapture => "AuthorizeWithCapture",
            Self::Authorize => "Authorize",
            Self::Confirm => "Confirm",
        }
    }
}

/// A checkout whose order is placed, with the buyer's shipping address as Amazon shares it.
pub(super) struct Placed {
    pub(super) checkout_session_id: String,
    intent: Intent,
    shipping_address: String,
}

impl Placed {
    pub(super) fn read(body: &[u8], intent: Intent) -> Result<Self, String> {
        let session: serde_json::Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let id = session.get("checkoutSessionId").and_then(|id| id.as_str());
        let id = id.ok_or("a session without an id")?;
        let address = session.get("shippingAddress").ok_or("a session without an address")?;
        Ok(Self { checkout_session_id: id.to_owned(), intent, shipping_address: address.to_string() })
    }

    /// The call that finalizes it.
    pub(super) fn finalize(&self) -> Draft {
        Draft {
            method: "POST",
            path: format!("/v2/checkoutSessions/{}/finalize", self.checkout_session_id),
            body: format!(
                r#"{{"paymentIntent":"{}","chargeAmount":{{"amount":"14.00","currencyCode":"USD"}},"shippingAddress":{}}}"#,
                self.intent.word(),
                self.shipping_address
            ),
            idempotency_key: None,
        }
    }
}

/// Starts so many checkouts through the control API.
pub(super) async fn start_checkouts(
    address: &str,
    count: usize,
    intent: Intent,
) -> Result<Vec<Placed>, String> {
    let body = placed_checkout(intent, "{}");
    let request = load::plain_request(address, "/_sandbox/checkout-sessions", "", &body);
    let seen = load::run(address, vec![request; count], 8, &[201]).await?;
    seen.bodies.iter().map(|body| Placed::read(body, intent)).collect()
}

/// The control API's order for a checkout that is placed. `metadata` is its `merchantMetadata`.
pub(super) fn placed_checkout(intent: Intent, metadata: &str) -> String {
    format!(
        r#"{{"productType":"PayAndShip","placed":true,"merchantMetadata":{metadata},"paymentDetails":{{"paymentIntent":"{}","chargeAmount":{{"amount":"14.00","currencyCode":"USD"}}}}}}"#,
        intent.word()
    )
}
