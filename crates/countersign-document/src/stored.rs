//! Types that have a form in stored documents, and how the members of an object are written and read.

use super::illegible_value::IllegibleValue;
use super::reader::Reader;
use super::writer::Writer;

/// A type with a form in stored documents.
///
/// `By` is the half that stores it: each half has its own marker type. A half owns neither this trait nor the
/// domain's types, so the marker is what allows it to define how a type of the domain is stored.
pub trait Stored<By>: Sized {
    /// Writes the value.
    fn write(&self, writer: &mut Writer);

    /// Reads a value.
    ///
    /// # Errors
    /// [`IllegibleValue`] for anything that [`Stored::write`] does not write, except white space.
    fn read(reader: &mut Reader<'_>) -> Result<Self, IllegibleValue>;

    /// The value of a member that is left out; `None` if the member is required.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }

    /// Whether the value is left out if it is a member.
    fn is_absent(&self) -> bool {
        false
    }
}

/// Writes one member of an object, unless the value is left out.
pub fn write_member<By, T: Stored<By>>(writer: &mut Writer, name: &str, value: &T) {
    if !value.is_absent() {
        writer.name(name);
        value.write(writer);
    }
}

/// Writes one member of an object, unless the value is the default.
pub fn write_unless_default<By, T>(writer: &mut Writer, name: &str, value: &T)
where
    T: Stored<By> + Default + PartialEq,
{
    if *value != T::default() {
        write_member(writer, name, value);
    }
}

/// Reads a member into its place.
///
/// # Errors
/// For a second member with the name, and those of its value.
pub fn read_member<By, T: Stored<By>>(
    reader: &mut Reader<'_>,
    name: &'static str,
    place: &mut Option<T>,
) -> Result<(), IllegibleValue> {
    if place.is_some() {
        return Err(reader.illegible("appears twice").inside(name));
    }
    *place = Some(T::read(reader).map_err(|illegible| illegible.inside(name))?);
    Ok(())
}

/// The value of a member after its object was read.
///
/// # Errors
/// If the member is missing.
pub fn present<By, T: Stored<By>>(
    reader: &Reader<'_>,
    name: &'static str,
    value: Option<T>,
) -> Result<T, IllegibleValue> {
    value.or_else(T::absent).ok_or_else(|| reader.illegible("is missing").inside(name))
}
