//! The control API's answers as JSON.

use countersign_http::Response;
use countersign_protocol::json::Members;
use http::StatusCode;

use crate::book::checkout::Checkout;
use crate::clock::ClockState;
use crate::http::origin::Origin;
use crate::http::render as api;

/// An answer with finished JSON text.
pub(super) fn json(status: StatusCode, body: String) -> Response {
    api::response(status.as_u16(), body.into())
}

/// An object.
pub(super) fn object(status: StatusCode, members: &Members) -> Response {
    json(status, members.text())
}

/// A list of objects under this name.
pub(super) fn list<T>(name: &str, items: Vec<T>, shown: impl Fn(T) -> Members) -> Response {
    let items: Vec<Members> = items.into_iter().map(shown).collect();
    object(StatusCode::OK, &Members::default().with(name, items))
}

/// A Checkout Session in the API's own form.
pub(super) fn checkout(status: StatusCode, checkout: &Checkout, origin: &Origin) -> Response {
    json(status, api::checkout_session(checkout, origin))
}

pub(super) fn clock(state: ClockState) -> Response {
    let ClockState { now, frozen, rate } = state;
    let members = Members::default().with("now", now.to_string()).with("frozen", frozen);
    object(StatusCode::OK, &members.with("rate", rate.get()))
}
