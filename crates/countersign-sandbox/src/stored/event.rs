//! The event log: a message of the topic `event` holds the events of one step; its subject is the
//! Checkout Session's id. Events are read only to be shown.

use countersign_document::{Bytes, stored};
use countersign_domain::ids::{ChargeId, ChargePermissionId, RefundId};
use countersign_domain::money::Money;
use countersign_domain::provider::event::{Event, LogEntry};
use countersign_domain::provider::ledger::{Account, Posting};
use countersign_domain::time::Timestamp;

use super::{Sandbox, UnreadableDocument};

pub(crate) const TOPIC: &str = "event";

/// One event as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedEvent {
    pub(crate) at: Timestamp,
    /// What happened.
    pub(crate) kind: String,
    pub(crate) reason_code: Option<String>,
    pub(crate) charge_permission_id: Option<ChargePermissionId>,
    pub(crate) charge_id: Option<ChargeId>,
    pub(crate) refund_id: Option<RefundId>,
    pub(crate) amount: Option<Money>,
    /// The money that it moved.
    pub(crate) postings: Vec<Posting>,
}

stored! {
    by Sandbox;

    struct LoggedEvent {
        at,
        kind as "type",
        reason_code,
        charge_permission_id,
        charge_id,
        refund_id,
        amount,
        postings or default,
    }

    struct Posting { from, to, amount }

    text Account: as_str, Account::parse;
}

/// The events of one step, as the bytes of one message.
pub(crate) fn encode(events: &[Event]) -> Bytes {
    let logged: Vec<LoggedEvent> = events.iter().map(Into::into).collect();
    countersign_document::encode::<Sandbox, _>(&logged)
}

/// Reads a message.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<LoggedEvent>, UnreadableDocument> {
    countersign_document::decode::<Sandbox, _>(TOPIC, bytes)
}

impl From<&Event> for LoggedEvent {
    fn from(event: &Event) -> Self {
        let LogEntry { name, reason, charge_permission_id, charge_id, refund_id, amount, .. } =
            event.what.entry();
        Self {
            at: event.at,
            kind: name.to_owned(),
            reason_code: reason.map(str::to_owned),
            charge_permission_id: charge_permission_id.cloned(),
            charge_id: charge_id.cloned(),
            refund_id: refund_id.cloned(),
            amount,
            postings: event.postings.clone(),
        }
    }
}
