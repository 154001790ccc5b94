//! Reading JSON bodies, for a server that refuses what it does not know and for a client that keeps
//! it. Both walk the text by borrowed slices; a refusal names the member and never its value.

use core::fmt;
use std::borrow::Cow;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::error::ReasonCode;
use super::member::Member;
use super::object::{Object, Taken};

/// How deep objects and lists may lie in one another. Amazon's own deepest body has six levels.
pub const MAX_DEPTH: usize = 32;

/// How much of an unknown member's name a refusal repeats, in characters.
const SHOWN_NAME_LEN: usize = 64;

/// Which spellings of booleans and numbers a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spellings {
    /// All that real SDKs send: amounts as strings or numbers, booleans as such or as strings.
    #[default]
    Every,
    /// Those of Amazon's reference only: amounts as strings, booleans as booleans.
    Documented,
}

/// Why a body is refused before any rule looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyRefused {
    /// The kind, which fixes the reason code.
    pub kind: BodyRefusedKind,
    /// The path of the member, such as `chargeAmount.amount`; none where the body as a whole is
    /// refused.
    pub field: Option<String>,
    /// What is wrong with it, never quoting its value.
    pub why: String,
}

/// The kinds of refused bodies, in the order in which they win over one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BodyRefusedKind {
    /// Not a JSON object, truncated, too deep, not UTF-8, or with a member twice.
    InvalidRequestFormat,
    /// A member that the API does not know.
    UnrecognizedField,
    /// A known member with a wrong type, word, length or amount.
    InvalidParameterValue,
}

impl BodyRefusedKind {
    /// The reason code that the API answers with; its status is 400.
    #[must_use]
    pub const fn reason_code(self) -> ReasonCode {
        match self {
            Self::InvalidRequestFormat => ReasonCode::InvalidRequestFormat,
            Self::UnrecognizedField => ReasonCode::UnrecognizedField,
            Self::InvalidParameterValue => ReasonCode::InvalidParameterValue,
        }
    }
}

/// The message of the API's answer.
impl fmt::Display for BodyRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, field, why } = self;
        match (kind, field) {
            (BodyRefusedKind::UnrecognizedField, Some(field)) => {
                write!(f, "The field [{field}] is not known.")
            }
            (BodyRefusedKind::InvalidParameterValue, Some(field)) => {
                write!(f, "The value provided for [{field}] is invalid: {why}.")
            }
            (BodyRefusedKind::InvalidRequestFormat, Some(field)) => {
                write!(f, "The request body is not valid JSON at [{field}]: {why}.")
            }
            (_, None) => write!(f, "The request body is not a valid JSON object: {why}."),
        }
    }
}

impl core::error::Error for BodyRefused {}

/// An answer as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read<T> {
    /// The object. What could not be read is absent here and kept among the unknown members.
    pub value: T,
    /// The members that could not be read. Whoever needs one of them knows nothing of it.
    pub malformed: Vec<Malformed>,
}

/// A known member of an answer whose value could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The path of the member.
    pub field: String,
    /// What is wrong with it, never quoting its value.
    pub why: String,
}

/// Reads a request's body as a server must: nothing unknown, nothing malformed.
///
/// # Errors
/// The gravest refusal, in the order of [`BodyRefusedKind`]; of several of one kind the first in the
/// text.
pub fn read_request<T: Object>(body: &[u8], spellings: Spellings) -> Result<T, BodyRefused> {
    let mut reader = Reader::new(Manner::Server(spellings));
    let value = reader.document(body);
    match (reader.refused, value) {
        (None, Some(value)) => Ok(value),
        (Some(refused), _) => Err(refused),
        (None, None) => Err(BodyRefused::of_the_whole("it cannot be read")),
    }
}

/// Reads what a script of Amazon's hands to a page and the page hands on: as strict as a request, but for
/// members that are not known. Amazon adds members to its events, and none of them may stop a checkout.
///
/// # Errors
/// As [`read_request`], never for an unknown member.
pub fn read_event<T: Object>(body: &[u8]) -> Result<T, BodyRefused> {
    let mut reader = Reader::new(Manner::Event);
    let value = reader.document(body);
    match (reader.refused, value) {
        (None, Some(value)) => Ok(value),
        (Some(refused), _) => Err(refused),
        (None, None) => Err(BodyRefused::of_the_whole("it cannot be read")),
    }
}

/// Reads an answer's body as a client should: unknown members and words are kept, and one malformed
/// member does not take the others with it.
///
/// # Errors
/// Only for a body that is no JSON object, or that has a member twice.
pub fn read_answer<T: Object>(body: &[u8]) -> Result<Read<T>, BodyRefused> {
    let mut reader = Reader::new(Manner::Client);
    let value = reader.document(body);
    match (reader.refused, value) {
        (None, Some(value)) => Ok(Read { value, malformed: reader.malformed }),
        (Some(refused), _) => Err(refused),
        (None, None) => Err(BodyRefused::of_the_whole("it cannot be read")),
    }
}

impl BodyRefused {
    fn of_the_whole(why: &str) -> Self {
        Self { kind: BodyRefusedKind::InvalidRequestFormat, field: None, why: why.to_owned() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Server(Spellings),
    Event,
    Client,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Member(&'static str),
    Element(usize),
}

/// Walks one body. It knows where it is, and collects what is wrong.
#[derive(Debug)]
pub struct Reader {
    manner: Manner,
    path: Vec<Step>,
    /// The gravest refusal so far.
    refused: Option<BodyRefused>,
    malformed: Vec<Malformed>,
}

impl Reader {
    fn new(manner: Manner) -> Self {
        Self { manner, path: Vec::new(), refused: None, malformed: Vec::new() }
    }

    /// Whether unknown members and words are refused.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.manner != Manner::Client
    }

    /// Which spellings are taken; a client takes every one.
    #[must_use]
    pub fn spellings(&self) -> Spellings {
        match self.manner {
            Manner::Server(spellings) => spellings,
            Manner::Event | Manner::Client => Spellings::Every,
        }
    }

    /// Says that the value at hand is not what its member must be.
    pub fn invalid(&mut self, why: impl fmt::Display) {
        match self.manner {
            Manner::Server(_) | Manner::Event => {
                self.refuse(BodyRefusedKind::InvalidParameterValue, None, why)
            }
            Manner::Client => {
                self.malformed.push(Malformed { field: self.field(None), why: why.to_string() })
            }
        }
    }

    /// Says that a member of the value at hand is not what it must be.
    pub(super) fn invalid_at(&mut self, name: &'static str, why: impl fmt::Display) {
        self.inside_member(name, |reader| reader.invalid(why));
    }

    /// Reads a member of the value at hand, knowing its place.
    pub(super) fn inside_member<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Member(name));
        let value = read(self);
        self.path.pop();
        value
    }

    /// Reads one known member into its place. `null` counts as absent. A text may have at most
    /// `max_len` characters, if a server reads it.
    pub fn member<T: Member>(
        &mut self,
        name: &'static str,
        raw: &RawValue,
        max_len: Option<usize>,
        place: &mut Option<T>,
    ) -> Taken {
        if raw.get() == "null" {
            return Taken::Read;
        }
        self.path.push(Step::Member(name));
        // Under two of its names: the names as such were told apart before.
        if place.is_some() {
            self.invalid("the member is there twice");
            self.path.pop();
            return Taken::Malformed;
        }
        *place = T::read(raw, self);
        if let (Some(max_len), Some(value)) = (max_len.filter(|_| self.is_strict()), &*place)
            && value.char_count() > max_len
        {
            self.invalid(format_args!("it is longer than {max_len} characters"));
        }
        self.path.pop();
        if place.is_some() { Taken::Read } else { Taken::Malformed }
    }

    /// Reads an object.
    pub fn object<T: Object>(&mut self, raw: &RawValue) -> Option<T> {
        let members = self.members(raw)?;
        let mut object = T::default();
        for (name, value) in members {
            match object.take(&name, value, self) {
                Taken::Read => {}
                Taken::Unknown if self.manner == Manner::Event => {}
                Taken::Unknown if self.is_strict() => self.unrecognized(&name),
                Taken::Unknown | Taken::Malformed => object.unknown_mut().keep(&name, value),
            }
        }
        Some(object)
    }

    /// The members of an object, in their order.
    pub(super) fn members<'a>(&mut self, raw: &'a RawValue) -> Option<Vec<(Cow<'a, str>, &'a RawValue)>> {
        if !raw.get().starts_with('{') {
            self.invalid("it is not an object");
            return None;
        }
        // The syntax was checked when the whole was read; a name may still hold half a surrogate pair.
        let Ok(Pairs(members)) = serde_json::from_str(raw.get()) else {
            self.refuse(BodyRefusedKind::InvalidRequestFormat, None, "a member's name is not Unicode text");
            return None;
        };
        if let Some(name) = repeated_name(&members) {
            self.refuse(BodyRefusedKind::InvalidRequestFormat, Some(name), "the member is there twice");
            return None;
        }
        Some(members)
    }

    /// The elements of a list.
    pub(super) fn elements<'a>(&mut self, raw: &'a RawValue) -> Option<Vec<&'a RawValue>> {
        if !raw.get().starts_with('[') {
            self.invalid("it is not a list");
            return None;
        }
        serde_json::from_str::<Elements<'a>>(raw.get()).map(|elements| elements.0).ok()
    }

    /// Says that the object at hand has a member that the API does not know.
    pub(super) fn unrecognized(&mut self, name: &str) {
        self.refuse(BodyRefusedKind::UnrecognizedField, Some(name), "the API knows no such member");
    }

    /// Reads an element of a list, knowing its place.
    pub(super) fn inside_element<T>(&mut self, index: usize, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Element(index));
        let value = read(self);
        self.path.pop();
        value
    }

    fn document<T: Object>(&mut self, body: &[u8]) -> Option<T> {
        let refused = match whole(body) {
            Ok(raw) if raw.get().starts_with('{') => return self.object(raw),
            Ok(_) => "it is not an object",
            Err(why) => why,
        };
        self.refused = Some(BodyRefused::of_the_whole(refused));
        None
    }

    fn refuse(&mut self, kind: BodyRefusedKind, name: Option<&str>, why: impl fmt::Display) {
        if self.refused.as_ref().is_none_or(|earlier| kind < earlier.kind) {
            let field = Some(self.field(name)).filter(|field| !field.is_empty());
            self.refused = Some(BodyRefused { kind, field, why: why.to_string() });
        }
    }

    /// The path of the value at hand, or of one of its members whose name the request gave.
    fn field(&self, name: Option<&str>) -> String {
        let mut field = String::new();
        for step in &self.path {
            match step {
                Step::Member(name) if field.is_empty() => field.push_str(name),
                Step::Member(name) => field.extend([".", name]),
                Step::Element(index) => field.push_str(&format!("[{index}]")),
            }
        }
        if let Some(name) = name {
            if !field.is_empty() {
                field.push('.');
            }
            field.extend(
                name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(SHOWN_NAME_LEN),
            );
        }
        field
    }
}

/// Checks that a body is one JSON value of bounded depth.
fn whole(body: &[u8]) -> Result<&RawValue, &'static str> {
    let text = core::str::from_utf8(body).map_err(|_| "it is not UTF-8")?;
    if depth_exceeds(body, MAX_DEPTH) {
        return Err("it is nested too deeply");
    }
    // Trimmed because a raw value keeps no outer white space and an empty body deserves its own word.
    if text.trim_ascii().is_empty() {
        return Err("it is empty");
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => "it is truncated",
        serde_json::error::Category::Io
        | serde_json::error::Category::Syntax
        | serde_json::error::Category::Data => "its syntax is wrong",
    })
}

/// Whether brackets outside of strings nest deeper than `max`. One pass, no stack: it runs before
/// anything that recurses.
fn depth_exceeds(body: &[u8], max: usize) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth = depth.saturating_add(1);
                if depth > max {
                    return true;
                }
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Below this many members comparing each with each beats sorting.
const FEW_MEMBERS: usize = 24;

fn repeated_name<'n>(members: &'n [(Cow<'_, str>, &RawValue)]) -> Option<&'n str> {
    if members.len() <= FEW_MEMBERS {
        let mut numbered = members.iter().enumerate();
        return numbered.find_map(|(position, (name, _))| {
            members.iter().take(position).any(|(earlier, _)| earlier == name).then_some(name.as_ref())
        });
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).find_map(|pair| match pair {
        [one, other] if one == other => Some(*one),
        _ => None,
    })
}

/// A string, borrowed from the body where it has no escapes.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Pairs(members))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct Elements<'a>(Vec<&'a RawValue>);

impl<'de> serde::Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementsVisitor;
        impl<'de> Visitor<'de> for ElementsVisitor {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(ElementsVisitor)
    }
}
