//! Turning decisions into change sets: keys, documents with their timers, the step's events.

use std::borrow::Cow;

use countersign_domain::ids::{ChargeId, IdempotencyKey, MerchantId, RefundId};
use countersign_domain::provider::charge::Charge;
use countersign_domain::provider::charge_permission::ChargePermission;
use countersign_domain::provider::checkout_session::Owner;
use countersign_domain::provider::event::Event;
use countersign_domain::time::Timestamp;
use countersign_store::contract::{ChangeSet, Content, Document, Expect, Key, NewMessage, Version, Write};

use super::checkout_session::Checkout;
use super::reply::{Answer, Reply};
use super::{App, StoreFailed};
use crate::stored::{charge, charge_permission, checkout_session, event, refund, reply};

/// What was read, and the version that a write must name.
#[derive(Debug, Clone)]
pub(crate) struct Loaded<T> {
    pub(crate) value: T,
    pub(crate) version: Version,
}

impl<T> Loaded<T> {
    pub(crate) fn expected(&self) -> Expect {
        Expect::Version(self.version)
    }
}

pub(crate) fn checkout_session_key(id: &str) -> Key {
    Key { collection: checkout_session::COLLECTION, id: id.to_owned() }
}

pub(crate) fn charge_permission_key(id: &str) -> Key {
    Key { collection: charge_permission::COLLECTION, id: id.to_owned() }
}

pub(crate) fn charge_key(id: &str) -> Key {
    Key { collection: charge::COLLECTION, id: id.to_owned() }
}

pub(crate) fn refund_key(id: &str) -> Key {
    Key { collection: refund::COLLECTION, id: id.to_owned() }
}

/// The merchant's account and the key; no id has a slash.
pub(crate) fn reply_key(merchant_id: &MerchantId, key: &IdempotencyKey) -> Key {
    Key { collection: reply::COLLECTION, id: format!("{merchant_id}/{key}") }
}

pub(crate) fn read_checkout(document: &Document) -> Result<Loaded<Checkout>, StoreFailed> {
    let value = checkout_session::decode(document.format, &document.bytes)?;
    Ok(Loaded { value, version: document.version })
}

pub(crate) fn read_permission(document: &Document) -> Result<Loaded<ChargePermission>, StoreFailed> {
    let value = charge_permission::decode(document.format, &document.bytes)?;
    Ok(Loaded { value, version: document.version })
}

/// Whose a permission is.
pub(crate) fn read_owner(document: &Document) -> Result<Owner, StoreFailed> {
    Ok(charge_permission::decode_owner(document.format, &document.bytes)?)
}

pub(crate) fn read_charge(document: &Document) -> Result<Loaded<Charge>, StoreFailed> {
    let value = charge::decode(document.format, &document.bytes)?;
    Ok(Loaded { value, version: document.version })
}

pub(crate) fn write_checkout(checkout: &Checkout, expect: Expect) -> Write {
    let (format, bytes) = checkout_session::encode(checkout);
    let content = Content { format, bytes, due_at: Some(checkout.session.due_at()), index: Vec::new() };
    Write { key: checkout_session_key(checkout.session.id.as_str()), expect, content: Some(content) }
}

/// `due_at` is the earliest deadline of the permission and its open charges together.
pub(crate) fn write_permission(
    permission: &ChargePermission,
    due_at: Option<Timestamp>,
    expect: Expect,
) -> Write {
    let (format, bytes) = charge_permission::encode(permission);
    let content = Content { format, bytes, due_at, index: Vec::new() };
    Write { key: charge_permission_key(permission.id.as_str()), expect, content: Some(content) }
}

pub(crate) fn write_charge(it: &Charge, expect: Expect) -> Write {
    let (format, bytes) = charge::encode(it);
    let content = Content { format, bytes, due_at: None, index: Vec::new() };
    Write { key: charge_key(it.id.as_str()), expect, content: Some(content) }
}

/// Its id must be new; the refund itself stands in its charge's document.
pub(crate) fn write_refund(id: &RefundId, charge_id: &ChargeId) -> Write {
    let (format, bytes) = refund::encode(charge_id);
    let content = Content { format, bytes, due_at: None, index: Vec::new() };
    Write { key: refund_key(id.as_str()), expect: Expect::Absent, content: Some(content) }
}

pub(crate) fn write_reply(key: Key, fingerprint: &str, answer: &Answer, expect: Expect) -> Write {
    let kept = Reply { fingerprint: Cow::Borrowed(fingerprint), answer: Cow::Borrowed(answer) };
    let (format, bytes) = reply::encode(&kept);
    let due_at = answer.with_buyer.as_ref().map(|with_buyer| with_buyer.until);
    let content = Content { format, bytes, due_at, index: Vec::new() };
    Write { key, expect, content: Some(content) }
}

/// One message holds everything that one step brought about.
pub(crate) fn log(checkout_session_id: &str, events: &[Event]) -> Vec<NewMessage> {
    if events.is_empty() {
        return Vec::new();
    }
    vec![NewMessage {
        topic: event::TOPIC,
        subject: checkout_session_id.to_owned(),
        bytes: event::encode(events),
        deliver_at: None,
    }]
}

impl App {
    pub(crate) fn change_set(&self, at: Timestamp, write: Vec<Write>, append: Vec<NewMessage>) -> ChangeSet {
        ChangeSet { id: self.ids.change_id(), at, require: Vec::new(), write, append }
    }
}
