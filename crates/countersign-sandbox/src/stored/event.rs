//! The event log: a message of the topic `event` holds what one step brought about, its subject the
//! Checkout Session's id. Read back only to be shown.

use bytes::Bytes;
use countersign_domain::money::Money;
use countersign_domain::provider::event::{Entry, Event};
use countersign_domain::provider::ledger::Posting;
use serde::{Deserialize, Serialize};

use super::{Text, Unreadable, from_json, to_json};

pub(crate) const TOPIC: &str = "event";
/// Messages carry no format number of their own; their members may only be added to.
const FORMAT: u16 = 1;

/// One event as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedEvent<'a> {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// What happened.
    #[serde(rename = "type")]
    pub(crate) kind: Text<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason_code: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) charge_permission_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) charge_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refund_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) amount: Option<LoggedMoney<'a>>,
    /// The money that moved by it: from, to, how much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) postings: Vec<LoggedPosting<'a>>,
}

/// One movement of money as it is kept and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoggedPosting<'a>(pub(crate) Text<'a>, pub(crate) Text<'a>, pub(crate) LoggedMoney<'a>);

/// An amount as it is kept: minor units and currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoggedMoney<'a>(pub(crate) u64, pub(crate) Text<'a>);

impl From<Money> for LoggedMoney<'_> {
    fn from(money: Money) -> Self {
        Self(money.minor(), Text::Borrowed(money.currency().code()))
    }
}

impl<'a> From<&'a Event> for LoggedEvent<'a> {
    fn from(event: &'a Event) -> Self {
        let Entry { name, reason, charge_permission_id, charge_id, refund_id, amount } = event.what.entry();
        Self {
            at: event.at.as_millis(),
            kind: Text::Borrowed(name),
            reason_code: reason.map(Text::Borrowed),
            charge_permission_id: charge_permission_id.map(|id| Text::Borrowed(id.as_str())),
            charge_id: charge_id.map(|id| Text::Borrowed(id.as_str())),
            refund_id: refund_id.map(|id| Text::Borrowed(id.as_str())),
            amount: amount.map(Into::into),
            postings: event.postings.iter().map(Into::into).collect(),
        }
    }
}

impl LoggedEvent<'_> {
    /// The same event, borrowing nothing.
    pub(crate) fn into_owned(self) -> LoggedEvent<'static> {
        let own = |text: Text<'_>| Text::Owned(text.into_owned());
        let money = |LoggedMoney(minor, currency): LoggedMoney<'_>| LoggedMoney(minor, own(currency));
        LoggedEvent {
            at: self.at,
            kind: own(self.kind),
            reason_code: self.reason_code.map(own),
            charge_permission_id: self.charge_permission_id.map(own),
            charge_id: self.charge_id.map(own),
            refund_id: self.refund_id.map(own),
            amount: self.amount.map(money),
            postings: self
                .postings
                .into_iter()
                .map(|LoggedPosting(from, to, amount)| LoggedPosting(own(from), own(to), money(amount)))
                .collect(),
        }
    }
}

impl From<&Posting> for LoggedPosting<'_> {
    fn from(posting: &Posting) -> Self {
        let Posting { from, to, amount } = posting;
        Self(Text::Borrowed(from.as_str()), Text::Borrowed(to.as_str()), (*amount).into())
    }
}

pub(crate) fn encode(events: &[Event]) -> Bytes {
    let events: Vec<LoggedEvent<'_>> = events.iter().map(Into::into).collect();
    to_json(&events)
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<LoggedEvent<'static>>, Unreadable> {
    from_json(TOPIC, (FORMAT, FORMAT), bytes)
}
