//! The codec of stored documents. [`stored!`] declares the form of a type once; reading, writing and their
//! strictness follow from it. The forms of the nouns that both halves share are here; every other declaration
//! is in `stored/` of the half that stores the document.
//!
//! A form is JSON. A struct is an object with its fields under their own names; a field that is `None` is
//! left out. An enum is its variant's name or, if the variant has data, an object whose only member is that
//! name with the data. Every member must be known and occur once, or the document is refused; a refusal names
//! the document and the member, and never their content.
//!
//! The store knows nothing of this: it stores a format number and bytes.
#![warn(missing_docs)]

mod declare;
mod document;
mod illegible_value;
mod nouns;
mod reader;
mod stored;
#[cfg(test)]
mod tests;
mod writer;

pub use bytes::Bytes;
pub use countersign_store::transact::UnreadableDocument;
pub use document::{check_format, decode, decode_member, encode};
pub use illegible_value::IllegibleValue;
pub use reader::{ParseResult, Reader};
pub use stored::{Stored, present, read_member, write_member, write_unless_default};
pub use writer::Writer;
