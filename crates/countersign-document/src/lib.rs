//! The codec of stored documents. [`stored!`] declares the form of a type once; writing, reading and the
//! strictness of both follow from it. The nouns that both halves share have their forms here; every other
//! declaration is in `stored/` of the half that keeps the document.
//!
//! A form is JSON. A struct is an object of its fields under their own names; a field that is `None` is
//! left out. An enum is its variant's name, with the variant's data as the only member of an object where
//! it has any. Every member is known and is there once, or the document is refused; a refusal names the
//! document and the member, and never what they hold.
//!
//! The store knows none of this: it keeps a format number and bytes.
#![warn(missing_docs)]

mod declare;
mod nouns;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use core::fmt;

pub use bytes::Bytes;
pub use countersign_store::transact::Unreadable;
pub use reader::{Parsed, Reader};
pub use writer::Writer;

/// A type with a form in stored documents.
///
/// `By` is the half that keeps it: each has a marker type of its own. Neither owns this trait or the
/// domain's types, so the marker is what lets a half say how a type of the domain is stored.
pub trait Stored<By>: Sized {
    /// Writes the value.
    fn write(&self, writer: &mut Writer);

    /// Reads a value.
    ///
    /// # Errors
    /// [`Illegible`] for anything that [`Stored::write`] does not write, white space aside.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Illegible>;

    /// What it means that a member is left out; `None` where the member must be there.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }

    /// Whether the value is left out where it is a member.
    fn is_absent(&self) -> bool {
        false
    }
}

/// A stored value that cannot be read: where it is in its document, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Illegible {
    /// Such as `state.Captured.amount` or `refunds[2].id`; empty for the document itself.
    path: String,
    why: &'static str,
    /// How far the document was read, in bytes.
    position: usize,
}

impl Illegible {
    /// The same, as a part of the member or variant with this name.
    #[must_use]
    pub fn inside(mut self, name: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{name}{separator}{}", self.path);
        self
    }

    /// The same, as a part of an element of a list.
    fn inside_element(mut self, index: usize) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("[{index}]{separator}{}", self.path);
        self
    }
}

impl fmt::Display for Illegible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, why, position } = self;
        if path.is_empty() {
            write!(f, "it {why} (byte {position})")
        } else {
            write!(f, "its {path} {why} (byte {position})")
        }
    }
}

/// Writes a value as a document of its own.
pub fn encode<By, T: Stored<By>>(value: &T) -> Bytes {
    let mut writer = Writer::default();
    value.write(&mut writer);
    writer.finish()
}

/// Reads a value that is a document of its own.
///
/// # Errors
/// [`Unreadable`], naming the document and the member.
pub fn decode<By, T: Stored<By>>(document: &'static str, bytes: &[u8]) -> Result<T, Unreadable> {
    let whole = |reader: &mut Reader<'_>| {
        let value = T::read(reader)?;
        reader.end()?;
        Ok(value)
    };
    Reader::new(bytes).and_then(|mut reader| whole(&mut reader)).map_err(|illegible| illegible.of(document))
}

/// Reads one member of a document that is an object, and nothing else of it.
///
/// # Errors
/// [`Unreadable`], naming the document and the member.
pub fn decode_member<By, T: Stored<By>>(
    document: &'static str,
    name: &'static str,
    bytes: &[u8],
) -> Result<T, Unreadable> {
    let only = |reader: &mut Reader<'_>| {
        let mut found = None;
        reader.object(|reader, member| {
            if member == name { reader.member(name, &mut found) } else { reader.raw().map(drop) }
        })?;
        reader.present(name, found)
    };
    Reader::new(bytes).and_then(|mut reader| only(&mut reader)).map_err(|illegible| illegible.of(document))
}

/// Refuses every format of a document but the one that this version writes.
///
/// # Errors
/// [`Unreadable`], with both numbers.
pub fn check_format(document: &'static str, format: u16, known: u16) -> Result<(), Unreadable> {
    if format == known {
        return Ok(());
    }
    let why = format!("its format is {format}, and this version reads {known}");
    Err(Unreadable { document, why })
}

impl Illegible {
    fn of(&self, document: &'static str) -> Unreadable {
        Unreadable { document, why: self.to_string() }
    }
}
