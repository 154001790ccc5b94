//! Documents as the book reads and writes them: their keys, their timers, and the entries of the log.

use std::borrow::Cow;

use bytes::Bytes;
use countersign_domain::ids::{ChargeId, CheckoutSessionId, IdempotencyKey, MerchantId, RefundId};
use countersign_domain::provider::charge::Charge;
use countersign_domain::provider::charge_permission::ChargePermission;
use countersign_domain::provider::event::Event;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{Content, Document, Expect, Key, NewMessage, Write};

use super::answer::{ApiAnswer, Reply};
use super::checkout::Checkout;
use super::refused::StoreFailed;
use crate::stored::{UnreadableDocument, charge, charge_permission, checkout_session, event, refund, reply};

/// What was read, with its document: a write must name the document's version.
#[derive(Debug, Clone)]
pub(super) struct LoadedDocument<T> {
    pub(super) value: T,
    pub(super) document: Document,
}

impl<T> LoadedDocument<T> {
    pub(super) fn expected(&self) -> Expect {
        Expect::Version(self.document.version)
    }
}

/// Reads a document with the decoder of its kind.
pub(super) fn read<T>(
    document: Document,
    decode: impl FnOnce(u16, &[u8]) -> Result<T, UnreadableDocument>,
) -> Result<LoadedDocument<T>, StoreFailed> {
    let value = decode(document.format, &document.bytes)?;
    Ok(LoadedDocument { value, document })
}

pub(super) fn checkout_session_key(id: &CheckoutSessionId) -> Key {
    Key { collection: checkout_session::COLLECTION, id: id.to_string() }
}

pub(super) fn charge_permission_key(id: &str) -> Key {
    Key { collection: charge_permission::COLLECTION, id: id.to_owned() }
}

pub(super) fn charge_key(id: &ChargeId) -> Key {
    Key { collection: charge::COLLECTION, id: id.to_string() }
}

pub(super) fn refund_key(id: &RefundId) -> Key {
    Key { collection: refund::COLLECTION, id: id.to_string() }
}

/// The key of a reply: the merchant's account and the idempotency key. A slash separates them, and
/// neither contains one.
pub(super) fn reply_key(merchant_id: &MerchantId, key: &IdempotencyKey) -> Key {
    Key { collection: reply::COLLECTION, id: format!("{merchant_id}/{key}") }
}

/// The write of a document that is in no index.
fn write(key: Key, expect: Expect, (format, bytes): (u16, Bytes), due_at: Option<Timestamp>) -> Write {
    Write { key, expect, content: Some(Content { format, bytes, due_at, index: Vec::new() }) }
}

pub(super) fn write_checkout(checkout: &Checkout, expect: Expect) -> Write {
    let (key, due_at) = (checkout_session_key(&checkout.session.id), checkout.session.due_at());
    write(key, expect, checkout_session::encode(checkout), Some(due_at))
}

/// `due_at` is the earliest deadline of the permission and its open charges together.
pub(super) fn write_permission(
    permission: &ChargePermission,
    due_at: Option<Timestamp>,
    expect: Expect,
) -> Write {
    let key = charge_permission_key(permission.id.as_str());
    write(key, expect, charge_permission::encode(permission), due_at)
}

pub(super) fn write_charge(it: &Charge, expect: Expect) -> Write {
    write(charge_key(&it.id), expect, charge::encode(it), None)
}

/// The write of a refund's document, whose id must be new. The refund itself is in its charge's
/// document.
pub(super) fn write_refund(id: &RefundId, charge_id: &ChargeId) -> Write {
    write(refund_key(id), Expect::Absent, refund::encode(charge_id), None)
}

pub(super) fn write_reply(key: Key, fingerprint: &str, answer: &ApiAnswer, expect: Expect) -> Write {
    let due_at = answer.with_buyer.as_ref().map(|with_buyer| with_buyer.until);
    let reply = Reply { fingerprint: Cow::Borrowed(fingerprint), answer: Cow::Borrowed(answer) };
    write(key, expect, reply::encode(&reply), due_at)
}

/// What a step adds to the log: one message with all its events, or no message if it has none.
pub(super) fn log(id: &CheckoutSessionId, events: &[Event]) -> Vec<NewMessage> {
    if events.is_empty() {
        return Vec::new();
    }
    let (subject, bytes) = (id.to_string(), event::encode(events));
    vec![NewMessage { topic: event::TOPIC, subject, bytes, deliver_at: None }]
}
