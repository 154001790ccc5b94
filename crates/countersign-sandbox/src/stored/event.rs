//! The event log: a message of the topic `event` holds what one step brought about, its subject the
//! Checkout Session's id. Read back only to be shown.

use std::borrow::Cow;

use countersign_document::{Bytes, stored};
use countersign_domain::ids::{ChargeId, ChargePermissionId, RefundId};
use countersign_domain::money::Money;
use countersign_domain::provider::event::{Entry, Event};
use countersign_domain::provider::ledger::{Account, Posting};
use countersign_domain::time::Timestamp;

use super::{Sandbox, Unreadable};

pub(crate) const TOPIC: &str = "event";

/// One event as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedEvent<'a> {
    pub(crate) at: Timestamp,
    /// What happened.
    pub(crate) kind: Cow<'a, str>,
    pub(crate) reason_code: Option<Cow<'a, str>>,
    pub(crate) charge_permission_id: Option<Cow<'a, ChargePermissionId>>,
    pub(crate) charge_id: Option<Cow<'a, ChargeId>>,
    pub(crate) refund_id: Option<Cow<'a, RefundId>>,
    pub(crate) amount: Option<Money>,
    /// The money that moved by it.
    pub(crate) postings: Cow<'a, [Posting]>,
}

stored! {
    by Sandbox;

    struct LoggedEvent<'a> {
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

/// What one step brought about, as the bytes of one message.
pub(crate) fn encode(events: &[Event]) -> Bytes {
    let logged: Vec<LoggedEvent<'_>> = events.iter().map(Into::into).collect();
    countersign_document::encode::<Sandbox, _>(&logged)
}

/// Reads a message.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<LoggedEvent<'static>>, Unreadable> {
    countersign_document::decode::<Sandbox, _>(TOPIC, bytes)
}

impl<'a> From<&'a Event> for LoggedEvent<'a> {
    fn from(event: &'a Event) -> Self {
        let Entry { name, reason, charge_permission_id, charge_id, refund_id, amount } = event.what.entry();
        Self {
            at: event.at,
            kind: Cow::Borrowed(name),
            reason_code: reason.map(Cow::Borrowed),
            charge_permission_id: charge_permission_id.map(Cow::Borrowed),
            charge_id: charge_id.map(Cow::Borrowed),
            refund_id: refund_id.map(Cow::Borrowed),
            amount,
            postings: Cow::Borrowed(&event.postings),
        }
    }
}

impl LoggedEvent<'_> {
    /// The same event, borrowing nothing.
    pub(crate) fn into_owned(self) -> LoggedEvent<'static> {
        LoggedEvent {
            at: self.at,
            kind: owned(self.kind),
            reason_code: self.reason_code.map(owned),
            charge_permission_id: self.charge_permission_id.map(owned),
            charge_id: self.charge_id.map(owned),
            refund_id: self.refund_id.map(owned),
            amount: self.amount,
            postings: owned(self.postings),
        }
    }
}

fn owned<T: ToOwned + ?Sized>(value: Cow<'_, T>) -> Cow<'static, T> {
    Cow::Owned(value.into_owned())
}
