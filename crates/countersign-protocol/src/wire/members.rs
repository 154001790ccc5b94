//! The inside of an object that is being written: members in the order of their declaration, then those that
//! were kept unchanged.

use super::member::Member;
use super::unknown::UnknownMembers;
use super::writer::{AbsentMember, Writer};

/// The inside of an object that is being written.
#[derive(Debug)]
pub struct Members<'a> {
    writer: &'a mut Writer,
    unknown: &'a UnknownMembers,
    any: bool,
}

impl Members<'_> {
    /// Writes one member. An absent member is written in the way that the writer was made for.
    pub fn member<T: Member>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.name(name);
            value.write(self.writer);
        } else if self.writer.absent() == AbsentMember::Null && self.unknown.member(name).is_none() {
            self.name(name);
            self.writer.raw("null");
        }
    }

    /// Writes one member that is a string.
    pub fn text_member(&mut self, name: &str, text: &str) {
        self.name(name);
        self.writer.text(text);
    }

    /// Writes the members that were kept unchanged. A known member that could not be read is one of
    /// them, so [`Self::member`] must not write `null` for it as well.
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

impl Writer {
    /// Writes an object: its known members, then those that were kept unchanged.
    pub fn object(&mut self, unknown: &UnknownMembers, write_known: impl FnOnce(&mut Members<'_>)) {
        self.raw("{");
        let mut members = Members { writer: self, unknown, any: false };
        write_known(&mut members);
        members.kept();
        self.raw("}");
    }
}
