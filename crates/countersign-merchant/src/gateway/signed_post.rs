//! A request to the shop, signed as Standard Webhooks specifies, and the transport that sends it: for webhooks and
//! for questions to the quote hook.

use std::time::Duration;

use bytes::Bytes;
use countersign_client::Https;
use countersign_domain::time::Timestamp;
use http::uri::Scheme;
use http::{HeaderValue, Request, Uri, header};

use super::webhook::SigningSecrets;

/// How long a connection to the shop may take; the whole request has its own limit.
const CONNECT: Duration = Duration::from_secs(10);

/// The transport to a URL of the shop's.
pub(super) fn to_the_shop(url: &Uri) -> Https {
    Https::for_scheme(url.scheme().unwrap_or(&Scheme::HTTPS), CONNECT)
}

/// A POST of JSON. `now` is the machine's own clock, because the shop compares it with its own.
pub(super) fn signed_post(
    url: Uri,
    secrets: &SigningSecrets,
    id: &str,
    now: Timestamp,
    payload: Bytes,
) -> Result<Request<Bytes>, http::Error> {
    let timestamp = (now.as_millis() / 1_000).to_string();
    let signature = secrets.sign(id, &timestamp, &payload);
    Request::post(url)
        .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
        .header(header::USER_AGENT, concat!("countersign/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(payload)
}
