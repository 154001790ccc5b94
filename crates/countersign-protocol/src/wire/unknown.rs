//! The members of an object that this version does not know, kept unchanged.

use core::fmt;

use super::reader::RawValue;

/// Members that this version does not know, or could not read, in the order in which they came.
///
/// Only a client keeps any: it writes them back unchanged. A server refuses them, or ignores them in an
/// event.
#[derive(Clone, Default)]
pub struct UnknownMembers(Vec<(String, Box<RawValue>)>);

impl UnknownMembers {
    /// Whether there are no such members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The JSON text of one member.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, raw)| raw.get())
    }

    /// Each member's name and JSON text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, raw)| (name.as_str(), raw.get()))
    }

    pub(super) fn keep(&mut self, name: &str, raw: &RawValue) {
        self.0.push((name.to_owned(), raw.to_owned()));
    }
}

impl PartialEq for UnknownMembers {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

/// Prints names only: a value may be a buyer's data.
impl fmt::Debug for UnknownMembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}
