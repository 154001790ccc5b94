//! A timeline entry: a message of the topic `event`, whose subject is the checkout's id. It is read only to be
//! shown.

use bytes::Bytes;
use countersign_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::about::EventSubject;
use super::table::{Event, EventKind};
use crate::stored::UnreadableDocument;

pub(crate) const TOPIC: &str = "event";

/// One thing that happened to a checkout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) at: String,
    #[serde(rename = "type")]
    pub(crate) kind: EventKind,
    #[serde(flatten)]
    pub(crate) about: EventSubject,
}

impl Entry {
    pub(crate) fn new(Event { kind, about }: Event, at: Timestamp) -> Self {
        Self { at: at.to_string(), kind, about }
    }

    pub(crate) fn encode(&self) -> Bytes {
        Bytes::from(serde_json::to_vec(self).unwrap_or_default())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, UnreadableDocument> {
        let unreadable = |error: serde_json::Error| {
            // The position of the error, without the content.
            let (class, line, column) = (error.classify(), error.line(), error.column());
            UnreadableDocument { document: TOPIC, why: format!("{class:?} at line {line} column {column}") }
        };
        serde_json::from_slice(bytes).map_err(unreadable)
    }
}
