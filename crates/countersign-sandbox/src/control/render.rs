//! The control API's answers as JSON.

use countersign_http::Response;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;

use crate::app::checkout_session::Checkout;
use crate::clock::ClockState;
use crate::http::origin::Origin;
use crate::http::render as api;

/// An answer of ready JSON text.
pub(super) fn json(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer of anything that can be JSON: these shapes hold texts, numbers and lists only, which
/// always serialise.
pub(super) fn shape(status: StatusCode, shape: &impl Serialize) -> Response {
    json(status, serde_json::to_string(shape).unwrap_or_default())
}

/// A Checkout Session in the API's own form.
pub(super) fn checkout(status: StatusCode, checkout: &Checkout, origin: &Origin) -> Response {
    json(status, api::checkout_session(checkout, origin))
}

pub(super) fn clock(state: ClockState) -> Response {
    #[derive(Serialize)]
    struct Clock {
        now: String,
        frozen: bool,
        rate: u32,
    }
    let ClockState { now, frozen, rate } = state;
    shape(StatusCode::OK, &Clock { now: now.to_string(), frozen, rate: rate.get() })
}
