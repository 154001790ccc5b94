//! A remembered reply, under merchant account and idempotency key. Kept for ever; what it holds of
//! the buyer is dropped when its timer says so, and the short form is replayed from then on.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Text, Unreadable, from_json, instant};
use crate::app::reply::{Answer, Reply, WithBuyer};

pub(crate) const COLLECTION: &str = "reply";
pub(crate) const FORMAT: u16 = 1;

/// The bodies are JSON, and stand in the document as they were sent: byte for byte.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredReply<'a> {
    #[serde(borrow)]
    fingerprint: Text<'a>,
    status: u16,
    #[serde(borrow)]
    body: &'a RawValue,
    #[serde(default, borrow)]
    with_buyer: Option<StoredWithBuyer<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoredWithBuyer<'a> {
    until: i64,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// Writes the form of [`StoredReply`]. A fingerprint has hexadecimal digits only.
pub(crate) fn encode(fingerprint: &str, answer: &Answer) -> Bytes {
    let Answer { status, body, with_buyer } = answer;
    let json = match with_buyer {
        None => format!(r#"{{"fingerprint":"{fingerprint}","status":{status},"body":{body}}}"#),
        Some(WithBuyer { body: full, until }) => {
            let until = until.as_millis();
            format!(
                r#"{{"fingerprint":"{fingerprint}","status":{status},"body":{body},"withBuyer":{{"until":{until},"body":{full}}}}}"#
            )
        }
    };
    Bytes::copy_from_slice(json.as_bytes())
}

pub(crate) fn decode(format: u16, bytes: &[u8]) -> Result<Reply, Unreadable> {
    let stored: StoredReply<'_> = from_json(COLLECTION, (format, FORMAT), bytes)?;
    let with_buyer = stored.with_buyer.map(|with_buyer| WithBuyer {
        body: with_buyer.body.get().to_owned(),
        until: instant(with_buyer.until),
    });
    let answer = Answer { status: stored.status, body: stored.body.get().to_owned(), with_buyer };
    Ok(Reply { fingerprint: stored.fingerprint.into_owned(), answer })
}
