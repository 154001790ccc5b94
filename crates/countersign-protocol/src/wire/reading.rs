//! Reading JSON bodies, for a server that refuses what it does not know and for a client that keeps
//! it. Both walk the text by borrowed slices; a refusal names the member and never its value.

use super::object::Object;
use super::reader::{Manner, Reader, Spellings};
use super::refused::{BodyRefused, Malformed};

/// An answer as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read<T> {
    /// The object. What could not be read is absent here and kept among the unknown members.
    pub value: T,
    /// The members that could not be read. Whoever needs one of them knows nothing of it.
    pub malformed: Vec<Malformed>,
}

/// Reads a request's body as a server must: nothing unknown, nothing malformed.
///
/// # Errors
/// The gravest refusal, in the order of [`BodyRefusedKind`](super::BodyRefusedKind); of several of one kind the first in the
/// text.
pub fn read_request<T: Object>(body: &[u8], spellings: Spellings) -> Result<T, BodyRefused> {
    read(body, Manner::Server(spellings)).map(|read| read.value)
}

/// Reads what a script of Amazon's hands to a page and the page hands on: as strict as a request, but for
/// members that are not known. Amazon adds members to its events, and none of them may stop a checkout.
///
/// # Errors
/// As [`read_request`], never for an unknown member.
pub fn read_event<T: Object>(body: &[u8]) -> Result<T, BodyRefused> {
    read(body, Manner::Event).map(|read| read.value)
}

/// Reads an answer's body as a client should: unknown members and words are kept, and one malformed
/// member does not take the others with it.
///
/// # Errors
/// Only for a body that is no JSON object, or that has a member twice.
pub fn read_answer<T: Object>(body: &[u8]) -> Result<Read<T>, BodyRefused> {
    read(body, Manner::Client)
}

fn read<T: Object>(body: &[u8], manner: Manner) -> Result<Read<T>, BodyRefused> {
    let mut reader = Reader::new(manner);
    let value = reader.document(body).and_then(|raw| reader.object(raw));
    reader.finish(value).map(|(value, malformed)| Read { value, malformed })
}
