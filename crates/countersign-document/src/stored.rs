//! What has a form, and how a form is made of others: members, lists, pairs.

use super::illegible::Illegible;
use super::reader::Reader;
use super::writer::Writer;

/// A type with a form in stored documents.
///
/// `By` is the half that keeps it: each has a marker type of its own. Neither owns this trait or the
/// domain's types, so the marker is what lets a half say how a type of the domain is stored.
pub trait Stored<By>: Sized {
    /// Writes the value.
    fn write(&self, writer: &mut Writer);

    /// Reads a value.
    ///
    /// # Errors
    /// [`Illegible`] for anything that [`Stored::write`] does not write, white space aside.
    fn read(reader: &mut Reader<'_>) -> Result<Self, Illegible>;

    /// What it means that a member is left out; `None` where the member must be there.
    #[must_use]
    fn absent() -> Option<Self> {
        None
    }

    /// Whether the value is left out where it is a member.
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
/// A second member of the name, and those of its value.
pub fn read_member<By, T: Stored<By>>(
    reader: &mut Reader<'_>,
    name: &'static str,
    place: &mut Option<T>,
) -> Result<(), Illegible> {
    if place.is_some() {
        return Err(reader.illegible("is there twice").inside(name));
    }
    *place = Some(T::read(reader).map_err(|illegible| illegible.inside(name))?);
    Ok(())
}

/// The value of a member once its object was read.
///
/// # Errors
/// It is missing.
pub fn present<By, T: Stored<By>>(
    reader: &Reader<'_>,
    name: &'static str,
    value: Option<T>,
) -> Result<T, Illegible> {
    value.or_else(T::absent).ok_or_else(|| reader.illegible("is missing").inside(name))
}

/// Writes a list.
pub(super) fn write_list<By, T: Stored<By>>(writer: &mut Writer, elements: &[T]) {
    writer.list(|writer| {
        for element in elements {
            writer.element();
            element.write(writer);
        }
    });
}

/// Reads a list.
pub(super) fn read_list<By, T: Stored<By>>(reader: &mut Reader<'_>) -> Result<Vec<T>, Illegible> {
    let mut elements = Vec::new();
    reader.list(|reader| {
        elements.push(T::read(reader).map_err(|illegible| illegible.inside_element(elements.len()))?);
        Ok(())
    })?;
    Ok(elements)
}

/// Reads a list of exactly two.
pub(super) fn read_pair<By, One: Stored<By>, Other: Stored<By>>(
    reader: &mut Reader<'_>,
) -> Result<(One, Other), Illegible> {
    let (mut one, mut other) = (None, None);
    reader.list(|reader| {
        match (&one, &other) {
            (None, _) => one = Some(One::read(reader).map_err(|illegible| illegible.inside_element(0))?),
            (Some(_), None) => {
                other = Some(Other::read(reader).map_err(|illegible| illegible.inside_element(1))?);
            }
            (Some(_), Some(_)) => return Err(reader.illegible(NOT_A_PAIR)),
        }
        Ok(())
    })?;
    one.zip(other).ok_or_else(|| reader.illegible(NOT_A_PAIR))
}

const NOT_A_PAIR: &str = "is not a pair";
