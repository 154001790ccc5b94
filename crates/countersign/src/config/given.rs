//! The values from flags and environment variables, as texts.

use std::collections::HashMap;

/// A value with the name of the flag or variable that gave it.
#[derive(Clone)]
pub(super) struct GivenValue {
    pub(super) text: String,
    pub(super) origin: String,
}

/// The values from flags and environment variables.
#[derive(Clone, Default)]
pub(crate) struct GivenValues(HashMap<&'static str, GivenValue>);

impl GivenValues {
    pub(super) fn take(&mut self, path: &str) -> Option<GivenValue> {
        self.0.remove(path)
    }

    /// Notes a value; `origin` names the flag or variable that gave it.
    pub(super) fn set(&mut self, path: &'static str, text: &str, origin: &str) {
        self.0.insert(path, GivenValue { text: text.to_owned(), origin: origin.to_owned() });
    }
}

/// The given values of the keys for the address of a running `serve` and for its token.
#[derive(Clone, Default)]
pub(crate) struct ServeAccessValues(pub(super) GivenValues);
