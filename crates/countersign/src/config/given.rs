//! What flags and environment variables gave, as texts.

use std::collections::HashMap;

/// A value with the name of what gave it.
#[derive(Clone)]
pub(super) struct GivenValue {
    pub(super) text: String,
    pub(super) origin: String,
}

/// What flags and environment variables gave.
#[derive(Clone, Default)]
pub(crate) struct GivenValues(HashMap<&'static str, GivenValue>);

impl GivenValues {
    pub(super) fn take(&mut self, path: &str) -> Option<GivenValue> {
        self.0.remove(path)
    }

    /// Notes a value; `origin` names what gave it.
    pub(super) fn set(&mut self, path: &'static str, text: &str, origin: &str) {
        self.0.insert(path, GivenValue { text: text.to_owned(), origin: origin.to_owned() });
    }
}

/// What was given of the keys by which a running `serve` is found and asked.
#[derive(Clone, Default)]
pub(crate) struct DoorValues(pub(super) GivenValues);
