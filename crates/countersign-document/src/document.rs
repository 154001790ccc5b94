//! A whole document: its bytes, and the refusal that names it.

use bytes::Bytes;
use countersign_store::transact::UnreadableDocument;

use super::illegible_value::IllegibleValue;
use super::reader::Reader;
use super::stored::{Stored, present, read_member};
use super::writer::Writer;

/// Writes a value as a document of its own.
pub fn encode<By, T: Stored<By>>(value: &T) -> Bytes {
    let mut writer = Writer::default();
    value.write(&mut writer);
    writer.finish()
}

/// Reads a value that is a document of its own.
///
/// # Errors
/// [`UnreadableDocument`], naming the document and the member.
pub fn decode<By, T: Stored<By>>(document: &'static str, bytes: &[u8]) -> Result<T, UnreadableDocument> {
    read(document, bytes, |reader| {
        let value = T::read(reader)?;
        reader.end()?;
        Ok(value)
    })
}

/// Reads one member of a document that is an object, and nothing else.
///
/// # Errors
/// [`UnreadableDocument`], naming the document and the member.
pub fn decode_member<By, T: Stored<By>>(
    document: &'static str,
    name: &'static str,
    bytes: &[u8],
) -> Result<T, UnreadableDocument> {
    read(document, bytes, |reader| {
        let mut found = None;
        reader.object(|reader, member| {
            if member == name { read_member(reader, name, &mut found) } else { reader.raw().map(drop) }
        })?;
        present(reader, name, found)
    })
}

/// Refuses every format of a document except the one that this version writes.
///
/// # Errors
/// [`UnreadableDocument`], with both numbers.
pub fn check_format(document: &'static str, format: u16, known: u16) -> Result<(), UnreadableDocument> {
    if format == known {
        return Ok(());
    }
    let why = format!("its format is {format}, and this version reads {known}");
    Err(UnreadableDocument { document, why })
}

fn read<T>(
    document: &'static str,
    bytes: &[u8],
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, IllegibleValue>,
) -> Result<T, UnreadableDocument> {
    let value = Reader::new(bytes).and_then(|mut reader| read(&mut reader));
    value.map_err(|illegible| UnreadableDocument { document, why: illegible.to_string() })
}
