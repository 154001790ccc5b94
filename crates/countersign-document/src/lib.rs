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
mod document;
mod illegible;
mod nouns;
mod reader;
mod stored;
#[cfg(test)]
mod tests;
mod writer;

pub use bytes::Bytes;
pub use countersign_store::transact::Unreadable;
pub use document::{check_format, decode, decode_member, encode};
pub use illegible::Illegible;
pub use reader::{Parsed, Reader};
pub use stored::{Stored, present, read_member, write_member, write_unless_default};
pub use writer::Writer;
