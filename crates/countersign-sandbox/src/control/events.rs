//! The event log: what may be asked of it, and how it is shown.

use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, RefundId};
use countersign_domain::time::Timestamp;
use countersign_protocol::object;
use countersign_protocol::wire::Price;

use super::errors::Refused;
use super::numbers::Whole;
use crate::book::events::ShownEvent;

/// The most events of one answer, and as many as are answered where nobody says.
const MAX_EVENTS: usize = 1_000;

/// `?checkoutSessionId=&after=&limit=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) checkout_session_id: Option<CheckoutSessionId>,
    /// A sequence; only what comes behind it.
    pub(super) after: u64,
    pub(super) limit: usize,
}

/// The parameters of a query, by name and value.
fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
    parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
}

/// For a call that takes no parameter.
pub(super) fn refuse_any(query: &str) -> Result<(), Refused> {
    parameters(query).next().map_or(Ok(()), |(name, _)| Err(Refused::unknown(name)))
}

/// Reads the query. No value that is taken needs percent-encoding, so none is decoded.
pub(super) fn read(query: &str) -> Result<Query, Refused> {
    let mut read = Query { checkout_session_id: None, after: 0, limit: MAX_EVENTS };
    for (name, value) in parameters(query) {
        match name {
            "checkoutSessionId" => {
                let id = CheckoutSessionId::parse(value);
                let id = id.map_err(|refused| Refused::invalid("checkoutSessionId", refused.to_string()))?;
                read.checkout_session_id = Some(id);
            }
            "after" => {
                read.after = value.parse().map_err(|_| Refused::invalid("after", "it is not a sequence"))?;
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=MAX_EVENTS).contains(limit));
                let why = format!("it is not from 1 to {MAX_EVENTS}");
                read.limit = limit.ok_or_else(|| Refused::invalid("limit", why))?;
            }
            _ => return Err(Refused::unknown(name)),
        }
    }
    Ok(read)
}

object! {
    /// The log as it is answered.
    pub(super) struct Log {
        events: Vec<Entry> = "events",
    }
}

object! {
    pub(super) struct Entry {
        sequence: Whole = "sequence",
        at: Timestamp = "at",
        kind: String = "type",
        checkout_session_id: String = "checkoutSessionId",
        charge_permission_id: ChargePermissionId = "chargePermissionId",
        charge_id: ChargeId = "chargeId",
        refund_id: RefundId = "refundId",
        amount: Price = "amount",
        reason_code: String = "reasonCode",
    }
}

/// Shows events.
pub(super) fn shown(events: Vec<ShownEvent>) -> Log {
    Log { events: Some(events.into_iter().map(Entry::from).collect()), ..Log::default() }
}

impl From<ShownEvent> for Entry {
    fn from(ShownEvent { sequence, checkout_session_id, event }: ShownEvent) -> Self {
        Self {
            sequence: Some(Whole(sequence)),
            at: Some(event.at),
            kind: Some(event.kind),
            checkout_session_id: Some(checkout_session_id),
            charge_permission_id: event.charge_permission_id,
            charge_id: event.charge_id,
            refund_id: event.refund_id,
            amount: event.amount.map(Into::into),
            reason_code: event.reason_code,
            ..Self::default()
        }
    }
}
