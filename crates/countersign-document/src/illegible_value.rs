//! What is wrong with a stored value, and where; never its content.

use core::fmt;

/// A stored value that cannot be read: where it is in its document, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegibleValue {
    /// Such as `state.Captured.amount` or `refunds[2].id`; empty for the document itself.
    pub(super) path: String,
    pub(super) why: &'static str,
    /// How far the document was read, in bytes.
    pub(super) position: usize,
}

impl IllegibleValue {
    /// The same error, inside the member or variant with this name.
    #[must_use]
    pub fn inside(mut self, name: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{name}{separator}{}", self.path);
        self
    }

    /// The same error, inside an element of a list.
    pub(super) fn inside_element(self, index: usize) -> Self {
        self.inside(&format!("[{index}]"))
    }
}

impl fmt::Display for IllegibleValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, why, position } = self;
        if path.is_empty() {
            write!(f, "it {why} (byte {position})")
        } else {
            write!(f, "its {path} {why} (byte {position})")
        }
    }
}
