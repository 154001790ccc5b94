//! Writing JSON: straight into one buffer, members in the order of their declaration.

use core::fmt::Display;
use std::io::Write as _;

use bytes::Bytes;

use super::Stored;

/// Room for most documents, in bytes.
const USUAL_LEN: usize = 1_024;

/// A buffer that takes a document.
#[derive(Debug)]
pub struct Writer {
    out: Vec<u8>,
}

impl Default for Writer {
    fn default() -> Self {
        Self { out: Vec::with_capacity(USUAL_LEN) }
    }
}

// Writing to memory does not fail.
impl Writer {
    /// Writes a string, escaped where JSON demands it.
    pub fn text(&mut self, text: &str) {
        let _ = serde_json::to_writer(&mut self.out, text);
    }

    /// Writes a number.
    pub fn number(&mut self, number: impl Display) {
        let _ = write!(self.out, "{number}");
    }

    /// Writes JSON that is ready.
    pub fn raw(&mut self, json: &str) {
        self.out.extend_from_slice(json.as_bytes());
    }

    /// Writes an object.
    pub fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.out.push(b'{');
        members(self);
        self.out.push(b'}');
    }

    /// Writes the name of a member, which needs no escape.
    pub fn name(&mut self, name: &str) {
        self.next();
        self.out.push(b'"');
        self.raw(name);
        self.raw("\":");
    }

    /// Writes one member of an object, unless the value is left out.
    pub fn member<By, T: Stored<By>>(&mut self, name: &str, value: &T) {
        if !value.is_absent() {
            self.name(name);
            value.write(self);
        }
    }

    /// Writes one member of an object, unless the value is the default.
    pub fn member_or_default<By, T: Stored<By> + Default + PartialEq>(&mut self, name: &str, value: &T) {
        if *value != T::default() {
            self.member(name, value);
        }
    }

    /// Writes a list.
    pub fn list<'t, By, T: Stored<By> + 't>(&mut self, elements: impl IntoIterator<Item = &'t T>) {
        self.out.push(b'[');
        for element in elements {
            self.next();
            element.write(self);
        }
        self.out.push(b']');
    }

    /// Writes a list of exactly two.
    pub(super) fn pair<By, One: Stored<By>, Other: Stored<By>>(&mut self, one: &One, other: &Other) {
        self.out.push(b'[');
        one.write(self);
        self.out.push(b',');
        other.write(self);
        self.out.push(b']');
    }

    /// Separates a member or element from the one before it. A value ends with neither bracket.
    fn next(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    /// What was written. Copied, so that what is kept in memory takes no more room than it needs.
    pub(super) fn finish(self) -> Bytes {
        Bytes::copy_from_slice(&self.out)
    }
}
