//! An object inside a text.

use core::fmt;

use super::member::{Member, read_text};
use super::object::Object;
use super::reader::{RawValue, Reader};
use super::writer::Writer;

/// An object that is written as a string that holds its JSON. Amazon writes the elements of
/// `shippingAddressList` this way, and the SDKs parse each element.
#[derive(Debug, Clone, PartialEq)]
pub struct EmbeddedJson<T>(pub T);

impl<T: Object> Member for EmbeddedJson<T> {
    fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
        if raw.get().starts_with('{') {
            return reader.object(raw).map(Self);
        }
        let text = read_text(raw, reader)?;
        match serde_json::from_str::<&RawValue>(&text) {
            Ok(inner) => reader.object(inner).map(Self),
            Err(_) => {
                reader.invalid("it is not a string that holds JSON");
                None
            }
        }
    }

    fn write(&self, writer: &mut Writer) {
        let inner = self.0.to_json(writer.absent());
        writer.text(&inner);
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}
