//! Writing JSON: straight into one buffer, members in the order of their declaration.

use super::member::Member;
use super::object::Unknown;

/// How an absent member is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// As `null`, as Amazon's answers have it.
    Null,
    /// Not at all, as clients send it.
    Omitted,
}

/// A buffer that takes JSON.
#[derive(Debug)]
pub struct Writer {
    out: String,
    absent: Absent,
}

/// Room for a Checkout Session whose members are mostly `null`: the answer to Finalize.
const USUAL_LEN: usize = 1_024;

impl Writer {
    /// An empty buffer.
    #[must_use]
    pub fn new(absent: Absent) -> Self {
        Self { out: String::with_capacity(USUAL_LEN), absent }
    }

    /// What was written.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }

    /// How absent members are written.
    #[must_use]
    pub fn absent(&self) -> Absent {
        self.absent
    }

    /// Writes JSON that is ready.
    pub fn raw(&mut self, json: &str) {
        self.out.push_str(json);
    }

    /// Writes a string, escaped where JSON demands it.
    pub fn text(&mut self, text: &str) {
        self.out.push('"');
        let mut plain_from = 0;
        for (position, byte) in text.bytes().enumerate() {
            if !matches!(byte, b'"' | b'\\' | 0..=0x1f) {
                continue;
            }
            self.out.push_str(text.get(plain_from..position).unwrap_or_default());
            plain_from = position.saturating_add(1);
            match byte {
                b'"' => self.out.push_str("\\\""),
                b'\\' => self.out.push_str("\\\\"),
                b'\n' => self.out.push_str("\\n"),
                b'\r' => self.out.push_str("\\r"),
                b'\t' => self.out.push_str("\\t"),
                control => {
                    self.out.push_str("\\u00");
                    for nibble in [control >> 4, control & 0x0f] {
                        self.out.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
                    }
                }
            }
        }
        self.out.push_str(text.get(plain_from..).unwrap_or_default());
        self.out.push('"');
    }

    /// Writes an object: its known members, then those that were kept as they came.
    pub fn object(&mut self, unknown: &Unknown, write_known: impl FnOnce(&mut Members<'_>)) {
        self.out.push('{');
        let mut members = Members { writer: self, unknown, any: false };
        write_known(&mut members);
        members.kept();
        self.out.push('}');
    }

    /// Writes a list.
    pub fn list<T: Member>(&mut self, elements: &[T]) {
        self.out.push('[');
        for (index, element) in elements.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
            }
            element.write(self);
        }
        self.out.push(']');
    }
}

/// The inside of an object that is being written.
#[derive(Debug)]
pub struct Members<'a> {
    writer: &'a mut Writer,
    unknown: &'a Unknown,
    any: bool,
}

impl Members<'_> {
    /// Writes one member; how, if it is absent, the writer was told.
    pub fn member<T: Member>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.name(name);
            value.write(self.writer);
        } else if self.writer.absent == Absent::Null && self.unknown.member(name).is_none() {
            self.name(name);
            self.writer.raw("null");
        }
    }

    /// Writes one member that is a string.
    pub fn text_member(&mut self, name: &str, text: &str) {
        self.name(name);
        self.writer.text(text);
    }

    /// Writes what was kept: a known member that could not be read is among it, so `null` must not
    /// have been written in its place.
    fn kept(&mut self) {
        for (name, json) in self.unknown.iter() {
            self.name(name);
            self.writer.raw(json);
        }
    }

    fn name(&mut self, name: &str) {
        if self.any {
            self.writer.raw(",");
        }
        self.any = true;
        self.writer.text(name);
        self.writer.raw(":");
    }
}
