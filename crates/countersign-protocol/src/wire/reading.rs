//! Reading JSON bodies: for a server, which refuses members that it does not know, and for a
//! client, which keeps them. Both walk the text by borrowed slices; a refusal names the member,
//! never its value.

use super::object::Object;
use super::reader::{Reader, Role, Spellings};
use super::refused::{BodyRefused, MalformedMember};

/// An answer, as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadAnswer<T> {
    /// The object. A member that could not be read is absent here and is among the unknown members.
    pub value: T,
    /// The members that could not be read. A caller that needs one of them must treat it as unknown.
    pub malformed: Vec<MalformedMember>,
}

/// Reads a request's body as a server must: it accepts nothing unknown and nothing malformed.
///
/// # Errors
/// [`BodyRefused`]: the most serious refusal, in the order of [`BodyRefusedKind`](super::BodyRefusedKind); if
/// there are several of one kind, the first in the text.
pub fn read_request<T: Object>(body: &[u8], spellings: Spellings) -> Result<T, BodyRefused> {
    read(body, Role::Server(spellings)).map(|read| read.value)
}

/// Reads an event that Amazon's script passes to a page and the page passes on. This is as strict
/// as reading a request, except that unknown members are accepted. Amazon adds members to its
/// events, and none of them may stop a checkout.
///
/// # Errors
/// As [`read_request`], but never for an unknown member.
pub fn read_event<T: Object>(body: &[u8]) -> Result<T, BodyRefused> {
    read(body, Role::Event).map(|read| read.value)
}

/// Reads an answer's body as a client should: unknown members and words are kept, and one malformed member
/// does not affect the others.
///
/// # Errors
/// Only for a body that is not a JSON object, or that has a member twice.
pub fn read_answer<T: Object>(body: &[u8]) -> Result<ReadAnswer<T>, BodyRefused> {
    read(body, Role::Client)
}

fn read<T: Object>(body: &[u8], role: Role) -> Result<ReadAnswer<T>, BodyRefused> {
    let mut reader = Reader::new(role);
    let value = reader.document(body).and_then(|raw| reader.object(raw));
    reader.finish(value).map(|(value, malformed)| ReadAnswer { value, malformed })
}
