//! A remembered reply, under merchant account and idempotency key. Kept for ever; what it holds of
//! the buyer is dropped when its timer says so, and the short form is replayed from then on.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Text, Unreadable, from_json, instant, to_json};
use crate::app::reply::{Answer, Reply, WithBuyer};

pub(crate) const COLLECTION: &str = "reply";
pub(crate) const FORMAT: u16 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredReply<'a> {
    #[serde(borrow)]
    fingerprint: Text<'a>,
    status: u16,
    #[serde(borrow)]
    body: Text<'a>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    with_buyer: Option<StoredWithBuyer<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredWithBuyer<'a> {
    #[serde(borrow)]
    body: Text<'a>,
    until: i64,
}

pub(crate) fn encode(fingerprint: &str, answer: &Answer) -> Bytes {
    let Answer { status, body, with_buyer } = answer;
    to_json(&StoredReply {
        fingerprint: Text::Borrowed(fingerprint),
        status: *status,
        body: Text::Borrowed(body),
        with_buyer: with_buyer.as_ref().map(|WithBuyer { body, until }| StoredWithBuyer {
            body: Text::Borrowed(body),
            until: until.as_millis(),
        }),
    })
}

pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<Reply, Unreadable> {
    let stored: StoredReply<'_> = from_json(COLLECTION, (format, FORMAT), bytes)?;
    let with_buyer = stored
        .with_buyer
        .map(|with_buyer| WithBuyer { body: with_buyer.body.into_owned(), until: instant(with_buyer.until) });
    let answer = Answer { status: stored.status, body: stored.body.into_owned(), with_buyer };
    Ok(Reply { fingerprint: stored.fingerprint.into_owned(), answer })
}
