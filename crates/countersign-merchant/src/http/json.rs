//! Answers in JSON.

use bytes::Bytes;
use countersign_http::Response;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

/// A JSON answer.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // These types contain only strings, numbers and lists, which always serialize.
    json_bytes(status, Bytes::from(serde_json::to_vec(body).unwrap_or_default()))
}

pub(super) fn json_bytes(status: StatusCode, bytes: Bytes) -> Response {
    let mut response = Response::new(bytes);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
