//! The values that a member can have: texts, booleans, ids, instants, lists. Objects are in `object.rs`,
//! objects inside a text in `embedded.rs`, prices in `price.rs`, enumerations in `word.rs`.

use core::fmt;
use std::borrow::Cow;

use countersign_domain::ids::{
    BuyerId, ChargeId, ChargePermissionId, CheckoutId, CheckoutSessionId, MerchantId, PublicKeyId, RefundId,
    StoreId,
};
use countersign_domain::time::Timestamp;

use super::reader::{RawValue, Reader, Spellings, Step, Text};
use super::writer::Writer;

/// A type of value that a member of an object can have.
pub trait Member: Sized + fmt::Debug {
    /// Reads the value; returns `None` after reporting to the reader what is wrong. Never called with `null`,
    /// except inside a list.
    fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self>;

    /// Writes the value as JSON.
    fn write(&self, writer: &mut Writer);

    /// Prints the value for `Debug`. Free text is never printed: it may be a buyer's data.
    ///
    /// # Errors
    /// Those of the formatter.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }

    /// The number of characters that a member's limit counts; 0 for anything that is not free text.
    fn char_count(&self) -> usize {
        0
    }
}

/// Reads a JSON string, borrowing it if it has no escapes.
pub(super) fn read_text<'a>(raw: &'a RawValue, reader: &mut Reader) -> Option<Cow<'a, str>> {
    if !raw.get().starts_with('"') {
        reader.invalid("it is not a string");
        return None;
    }
    // Half a surrogate pair is the only string that is valid JSON but not valid text.
    let text = serde_json::from_str::<Text<'a>>(raw.get());
    text.map(|text| text.0).map_err(|_| reader.invalid("it is not Unicode text")).ok()
}

impl Member for String {
    fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
        read_text(raw, reader).map(Cow::into_owned)
    }

    fn write(&self, writer: &mut Writer) {
        writer.text(self);
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"…\"")
    }

    fn char_count(&self) -> usize {
        self.chars().count()
    }
}

impl Member for bool {
    fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
        match raw.get() {
            "true" => Some(true),
            "false" => Some(false),
            // Amazon's own samples of Finalize send booleans as strings.
            "\"true\"" if reader.spellings() == Spellings::Every => Some(true),
            "\"false\"" if reader.spellings() == Spellings::Every => Some(false),
            _ => {
                reader.invalid("it is not true or false");
                None
            }
        }
    }

    fn write(&self, writer: &mut Writer) {
        writer.raw(if *self { "true" } else { "false" });
    }
}

/// A whole number that the API writes as a string, such as a frequency's `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeNumber(pub u32);

impl Member for WholeNumber {
    fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
        let text = if raw.get().starts_with('"') || reader.spellings() == Spellings::Documented {
            read_text(raw, reader)?
        } else {
            Cow::Borrowed(raw.get())
        };
        let digits_only = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits_only);
        if number.is_none() {
            reader.invalid("it is not a whole number");
        }
        number.map(Self)
    }

    fn write(&self, writer: &mut Writer) {
        writer.text(&self.0.to_string());
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A whole number that the API writes as a number, such as an estimate's `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integer(pub u32);

impl Member for Integer {
    fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
        let number = raw.get().parse().ok().filter(|_| raw.get().bytes().all(|byte| byte.is_ascii_digit()));
        match number {
            Some(number) => Some(Self(number)),
            // A text is accepted, too, as for the API's other whole numbers.
            None => WholeNumber::read(raw, reader).map(|number| Self(number.0)),
        }
    }

    fn write(&self, writer: &mut Writer) {
        writer.raw(&self.0.to_string());
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

macro_rules! parsed_texts {
    ($($type:ident: $to_text:ident;)+) => {$(
        impl Member for $type {
            fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
                let text = read_text(raw, reader)?;
                Self::parse(&text).map_err(|refused| reader.invalid(refused)).ok()
            }

            fn write(&self, writer: &mut Writer) {
                writer.text(AsRef::<str>::as_ref(&self.$to_text()));
            }
        }
    )+};
}

parsed_texts! {
    BuyerId: as_str;
    ChargeId: as_str;
    ChargePermissionId: as_str;
    CheckoutId: as_str;
    CheckoutSessionId: as_str;
    MerchantId: as_str;
    PublicKeyId: as_str;
    RefundId: as_str;
    StoreId: as_str;
    Timestamp: to_string;
}

impl<T: Member> Member for Vec<T> {
    fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
        let elements = reader.elements(raw)?;
        let mut list = Self::with_capacity(elements.len());
        for (index, element) in elements.into_iter().enumerate() {
            list.push(reader.inside(Step::Element(index), |reader| T::read(element, reader))?);
        }
        Some(list)
    }

    fn write(&self, writer: &mut Writer) {
        writer.raw("[");
        for (index, element) in self.iter().enumerate() {
            if index > 0 {
                writer.raw(",");
            }
            element.write(writer);
        }
        writer.raw("]");
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(DebugMember)).finish()
    }
}

/// An element of a list that may be `null`: Amazon writes `[null]` for some empty lists.
impl<T: Member> Member for Option<T> {
    fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
        if raw.get() == "null" { Some(None) } else { T::read(raw, reader).map(Some) }
    }

    fn write(&self, writer: &mut Writer) {
        match self {
            Some(value) => value.write(writer),
            None => writer.raw("null"),
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Some(value) => value.show(f),
            None => f.write_str("null"),
        }
    }
}

/// JSON that is passed on unchanged.
#[derive(Clone)]
pub struct Json(Box<RawValue>);

impl Json {
    /// The JSON text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl From<Box<RawValue>> for Json {
    fn from(raw: Box<RawValue>) -> Self {
        Self(raw)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.text().len())
    }
}

impl Member for Json {
    fn read(raw: &RawValue, _: &mut Reader) -> Option<Self> {
        Some(Self(raw.to_owned()))
    }

    fn write(&self, writer: &mut Writer) {
        writer.raw(self.text());
    }
}

/// A member in the form in which its `Debug` may show it.
#[doc(hidden)]
pub struct DebugMember<'a, T>(pub &'a T);

impl<T: Member> fmt::Debug for DebugMember<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}
