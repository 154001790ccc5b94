//! The event log: what may be asked of it, and how it is shown.

use countersign_domain::ids::{ChargeId, ChargePermissionId, CheckoutSessionId, RefundId};
use serde::Serialize;

use super::errors::Refused;
use crate::app::events::ShownEvent;

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

fn unknown(name: &str) -> Refused {
    Refused::Unknown(name.chars().take(64).collect())
}

/// For a call that takes no parameter.
pub(super) fn refuse_any(query: &str) -> Result<(), Refused> {
    parameters(query).next().map_or(Ok(()), |(name, _)| Err(unknown(name)))
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
            _ => return Err(unknown(name)),
        }
    }
    Ok(read)
}

/// The log as it is answered. Members that an event does not have are left out.
#[derive(Serialize)]
pub(super) struct Log<'a> {
    events: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    sequence: u64,
    at: String,
    #[serde(rename = "type")]
    kind: &'a str,
    checkout_session_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_permission_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    charge_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refund_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_code: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Amount {
    amount: String,
    currency_code: &'static str,
}

/// Shows events.
pub(super) fn shown(events: &[ShownEvent]) -> Log<'_> {
    Log { events: events.iter().map(Entry::from).collect() }
}

impl<'a> From<&'a ShownEvent> for Entry<'a> {
    fn from(shown: &'a ShownEvent) -> Self {
        let event = &shown.event;
        Self {
            sequence: shown.sequence,
            at: event.at.to_string(),
            kind: &event.kind,
            checkout_session_id: &shown.checkout_session_id,
            charge_permission_id: event.charge_permission_id.as_deref().map(ChargePermissionId::as_str),
            charge_id: event.charge_id.as_deref().map(ChargeId::as_str),
            refund_id: event.refund_id.as_deref().map(RefundId::as_str),
            amount: event
                .amount
                .map(|money| Amount { amount: money.amount(), currency_code: money.currency().code() }),
            reason_code: event.reason_code.as_deref(),
        }
    }
}
