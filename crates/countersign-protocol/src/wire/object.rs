//! JSON objects with known members. [`object!`](crate::object) declares one; every member may be
//! absent, since Amazon's answers leave out what a state does not have.

use super::member::Member;
use super::members::Members;
use super::reader::{RawValue, Reader, Role, Step};
use super::unknown::UnknownMembers;
use super::writer::{AbsentMember, Writer};

/// The result of offering a member to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberResult {
    /// The member is known, and it was read or is `null`.
    Read,
    /// The member is known, but its value cannot be read.
    Malformed,
    /// The object knows no such member.
    Unknown,
}

/// An object with known members. Implemented by [`object!`](crate::object).
pub trait Object: Member + Default {
    /// Offers one member of the JSON text.
    fn take(&mut self, name: &str, raw: &RawValue, reader: &mut Reader) -> MemberResult;

    /// Writes every known member, in the order of the declaration.
    fn write_members(&self, members: &mut Members<'_>);

    /// The members that this version does not know.
    fn unknown_mut(&mut self) -> &mut UnknownMembers;

    /// The whole object as JSON text.
    fn to_json(&self, absent: AbsentMember) -> String {
        let mut writer = Writer::new(absent);
        self.write(&mut writer);
        writer.finish()
    }

    /// The object as Amazon answers it: absent members are `null`.
    fn to_answer(&self) -> String {
        self.to_json(AbsentMember::Null)
    }

    /// The object as a client sends it: absent members are left out.
    fn to_request(&self) -> String {
        self.to_json(AbsentMember::Omitted)
    }
}

impl Reader {
    /// Reads one known member into its place. `null` counts as absent. When a server reads a text,
    /// the text may have at most `max_len` characters.
    pub fn member<T: Member>(
        &mut self,
        name: &'static str,
        raw: &RawValue,
        max_len: Option<usize>,
        place: &mut Option<T>,
    ) -> MemberResult {
        if raw.get() == "null" {
            return MemberResult::Read;
        }
        self.inside(Step::Member(name), |reader| {
            // The member occurs under two of its names: repeated names were refused before.
            if place.is_some() {
                reader.invalid("the member is there twice");
                return MemberResult::Malformed;
            }
            *place = T::read(raw, reader);
            if let (Some(max_len), Some(value)) = (max_len.filter(|_| reader.is_strict()), &*place)
                && value.char_count() > max_len
            {
                reader.invalid(format_args!("it is longer than {max_len} characters"));
            }
            if place.is_some() { MemberResult::Read } else { MemberResult::Malformed }
        })
    }

    /// Reads an object.
    pub fn object<T: Object>(&mut self, raw: &RawValue) -> Option<T> {
        let members = self.members(raw)?;
        let mut object = T::default();
        for (name, value) in members {
            match object.take(&name, value, self) {
                MemberResult::Read => {}
                MemberResult::Unknown if self.role() == Role::Event => {}
                MemberResult::Unknown if self.is_strict() => self.unrecognized(&name),
                MemberResult::Unknown | MemberResult::Malformed => object.unknown_mut().keep(&name, value),
            }
        }
        Some(object)
    }
}

/// Declares a JSON object: a struct whose members are all `Option`, with its reader, its writer and
/// a `Debug` that prints no free text.
///
/// `field: Type = "wireName"`, then `| "otherName"` for names that are also read but never written, and
/// `[..=16]` if a text has a maximum length in characters.
///
/// ```
/// use countersign_protocol::object;
/// use countersign_protocol::wire::{Object as _, Price, Spellings, read_request};
///
/// object! {
///     /// What a shop asks for.
///     pub struct Quote {
///         amount: Price = "amount",
///         note: String = "note" [..=255],
///     }
/// }
///
/// let quote: Quote = read_request(br#"{"note":"for Anna"}"#, Spellings::Every).unwrap();
/// assert_eq!(quote.to_request(), r#"{"note":"for Anna"}"#);
/// assert_eq!(quote.to_answer(), r#"{"amount":null,"note":"for Anna"}"#);
/// assert_eq!(format!("{quote:?}"), r#"Quote { note: "…" }"#);
///
/// let refused = read_request::<Quote>(br#"{"price":1}"#, Spellings::Every).unwrap_err();
/// assert_eq!(refused.field.as_deref(), Some("price"));
/// ```
#[macro_export]
macro_rules! object {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[$member_meta:meta])*
                $field:ident : $type:ty = $wire:literal $(| $other:literal)* $([..=$max:expr])?
            ),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Default)]
        $visibility struct $name {
            $(
                #[doc = concat!("`", $wire, "`.")]
                $(#[$member_meta])*
                pub $field: Option<$type>,
            )+
            /// Members that this version does not know or could not read; always empty on a server.
            pub unknown: $crate::wire::UnknownMembers,
        }

        impl $crate::wire::Object for $name {
            fn take(
                &mut self,
                name: &str,
                raw: &$crate::wire::RawValue,
                reader: &mut $crate::wire::Reader,
            ) -> $crate::wire::MemberResult {
                match name {
                    $(
                        $wire $(| $other)* => {
                            reader.member($wire, raw, $crate::object!(@max $($max)?), &mut self.$field)
                        }
                    )+
                    _ => $crate::wire::MemberResult::Unknown,
                }
            }

            fn write_members(&self, members: &mut $crate::wire::Members<'_>) {
                $( members.member($wire, self.$field.as_ref()); )+
            }

            fn unknown_mut(&mut self) -> &mut $crate::wire::UnknownMembers {
                &mut self.unknown
            }
        }

        impl $crate::wire::Member for $name {
            fn read(raw: &$crate::wire::RawValue, reader: &mut $crate::wire::Reader) -> Option<Self> {
                reader.object(raw)
            }

            fn write(&self, writer: &mut $crate::wire::Writer) {
                writer.object(&self.unknown, |members| $crate::wire::Object::write_members(self, members));
            }

            fn show(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                let mut shown = f.debug_struct(stringify!($name));
                $(
                    if let Some(value) = &self.$field {
                        shown.field(stringify!($field), &$crate::wire::DebugMember(value));
                    }
                )+
                if !self.unknown.is_empty() {
                    shown.field("unknown", &self.unknown);
                }
                shown.finish()
            }
        }

        impl ::core::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                $crate::wire::Member::show(self, f)
            }
        }
    };
    (@max) => { None };
    (@max $max:expr) => { Some($max) };
}
