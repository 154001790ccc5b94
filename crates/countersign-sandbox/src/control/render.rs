//! The control API's answers as JSON.

use countersign_domain::time::Timestamp;
use countersign_http::Response;
use countersign_protocol::object;
use countersign_protocol::wire::{Integer, Object};
use http::StatusCode;

use crate::book::checkout::Checkout;
use crate::clock::ClockState;
use crate::http::origin::Origin;
use crate::http::render as api;

object! {
    struct Clock {
        now: Timestamp = "now",
        frozen: bool = "frozen",
        rate: Integer = "rate",
    }
}

/// An answer of ready JSON text.
pub(super) fn json(status: StatusCode, body: String) -> Response {
    api::response(status.as_u16(), body.into())
}

/// An object. Members that it does not have are left out.
pub(super) fn object(status: StatusCode, object: &impl Object) -> Response {
    json(status, object.to_request())
}

/// A Checkout Session in the API's own form.
pub(super) fn checkout(status: StatusCode, checkout: &Checkout, origin: &Origin) -> Response {
    json(status, api::checkout_session(checkout, origin))
}

pub(super) fn clock(state: ClockState) -> Response {
    let ClockState { now, frozen, rate } = state;
    let (now, frozen, rate) = (Some(now), Some(frozen), Some(Integer(rate.get())));
    object(StatusCode::OK, &Clock { now, frozen, rate, ..Clock::default() })
}
