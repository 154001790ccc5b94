//! Writing JSON: straight into one buffer, members in the order of their declaration.

use core::fmt::Display;
use std::io::Write as _;

use bytes::Bytes;

/// Room for most documents, in bytes.
const USUAL_LEN: usize = 1_024;

/// A buffer for a document.
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
    /// Writes a string, escaped where JSON requires it.
    pub fn text(&mut self, text: &str) {
        let _ = serde_json::to_writer(&mut self.out, text);
    }

    /// Writes a number.
    pub fn number(&mut self, number: impl Display) {
        let _ = write!(self.out, "{number}");
    }

    /// Writes finished JSON.
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
        self.element();
        self.out.push(b'"');
        self.raw(name);
        self.raw("\":");
    }

    /// Writes a list; `elements` calls [`Writer::element`] before each.
    pub fn list(&mut self, elements: impl FnOnce(&mut Self)) {
        self.out.push(b'[');
        elements(self);
        self.out.push(b']');
    }

    /// Separates an element or member from the one before it. No value ends with an opening bracket.
    pub fn element(&mut self) {
        if !matches!(self.out.last(), Some(b'{' | b'[')) {
            self.out.push(b',');
        }
    }

    /// What was written. Copied, so that it takes no more memory than it needs.
    pub(super) fn finish(self) -> Bytes {
        Bytes::copy_from_slice(&self.out)
    }
}
