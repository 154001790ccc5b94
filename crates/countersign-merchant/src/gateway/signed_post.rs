//! A request to the shop, signed by the scheme of Standard Webhooks: facts and questions leave in this form.

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use http::{HeaderValue, Request, Uri, header};

use super::webhook::SigningSecrets;

/// A POST of JSON. `now` is the machine's own clock: the shop compares it with its own.
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
