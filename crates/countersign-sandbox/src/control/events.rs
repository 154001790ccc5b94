//! The event log: its query, and how an event is shown.

use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, RefundId};
use countersign_protocol::json::{Members, amount};

use super::errors::ControlRefused;
use crate::book::events::ShownEvent;

/// The largest number of events in one answer, and the default.
const MAX_EVENTS: usize = 1_000;

/// The query `?checkoutSessionId=&after=&limit=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EventsQuery {
    pub(super) checkout_session_id: Option<CheckoutSessionId>,
    /// A sequence: only later events are shown.
    pub(super) after: u64,
    pub(super) limit: usize,
}

/// The parameters of a query, by name and value.
fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
}

/// Refuses every parameter, for a call that takes none.
pub(super) fn refuse_any(query: &str) -> Result<(), ControlRefused> {
    parameters(query).next().map_or(Ok(()), |(name, _)| Err(ControlRefused::unknown(name)))
}

/// Reads the query. No valid value needs percent-encoding, so nothing is decoded.
pub(super) fn read(query: &str) -> Result<EventsQuery, ControlRefused> {
    let mut read = EventsQuery { checkout_session_id: None, after: 0, limit: MAX_EVENTS };
    for (name, value) in parameters(query) {
        match name {
            "checkoutSessionId" => {
                let id = CheckoutSessionId::parse(value);
                let id =
                    id.map_err(|refused| ControlRefused::invalid("checkoutSessionId", refused.to_string()))?;
                read.checkout_session_id = Some(id);
            }
            "after" => {
                read.after =
                    value.parse().map_err(|_| ControlRefused::invalid("after", "it is not a sequence"))?;
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_EVENTS).contains(limit));
                let why = format!("it is not from 1 to {MAX_EVENTS}");
                read.limit = limit.ok_or_else(|| ControlRefused::invalid("limit", why))?;
            }
            _ => return Err(ControlRefused::unknown(name)),
        }
    }
    Ok(read)
}

/// Shows an event.
pub(super) fn shown(ShownEvent { sequence, checkout_session_id, event }: ShownEvent) -> Members {
    Members::default()
        .with("sequence", sequence)
        .with("at", event.at.to_string())
        .with("type", event.kind)
        .with("checkoutSessionId", checkout_session_id)
        .some("chargePermissionId", event.charge_permission_id.as_ref().map(ChargePermissionId::as_str))
        .some("chargeId", event.charge_id.as_ref().map(ChargeId::as_str))
        .some("refundId", event.refund_id.as_ref().map(RefundId::as_str))
        .some("amount", event.amount.map(amount))
        .some("reasonCode", event.reason_code)
}
