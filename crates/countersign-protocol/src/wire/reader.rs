//! The walk over one JSON body by borrowed slices. The reader keeps its place in the body and what
//! is wrong so far; each member's type defines what the member means.

use core::fmt;
use std::borrow::Cow;

use serde::de::{Deserializer, MapAccess, Visitor};
/// One member's JSON text, as `serde_json` borrows it.
pub use serde_json::value::RawValue;

use super::refused::{BodyRefused, BodyRefusedKind, MalformedMember};

/// How deep objects and lists may be nested. Amazon's own deepest body has six levels.
pub const MAX_DEPTH: usize = 32;

/// The longest part of an unknown member's name that a refusal repeats, in characters.
const SHOWN_NAME_LEN: usize = 64;

/// Which spellings of booleans and numbers a server accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spellings {
    /// All that real SDKs send: amounts as strings or numbers, booleans as booleans or as strings.
    #[default]
    Every,
    /// Only those of Amazon's reference: amounts as strings, booleans as booleans.
    Documented,
}

/// Who reads the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A server, which accepts nothing unknown and nothing malformed.
    Server(Spellings),
    /// A server that reads one of Amazon's events, to which Amazon may add members.
    Event,
    /// A client, which keeps what it does not know.
    Client,
}

/// A step from a value to one inside it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Member(&'static str),
    Element(usize),
}

/// Walks one body, keeps its place, and collects what is wrong.
#[derive(Debug)]
pub struct Reader {
    role: Role,
    path: Vec<Step>,
    /// The most serious refusal so far.
    refused: Option<BodyRefused>,
    malformed: Vec<MalformedMember>,
}

impl Reader {
    pub(super) fn new(role: Role) -> Self {
        Self { role, path: Vec::new(), refused: None, malformed: Vec::new() }
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    /// Whether the reader is a server's: it then refuses malformed values and unknown words.
    #[must_use]
    pub fn is_strict(&self) -> bool {
        self.role != Role::Client
    }

    /// Which spellings are accepted; a client accepts all.
    #[must_use]
    pub fn spellings(&self) -> Spellings {
        match self.role {
            Role::Server(spellings) => spellings,
            Role::Event | Role::Client => Spellings::Every,
        }
    }

    /// Reports that the current value is not what its member must be.
    pub fn invalid(&mut self, why: impl fmt::Display) {
        match self.role {
            Role::Server(_) | Role::Event => self.refuse(BodyRefusedKind::InvalidParameterValue, None, why),
            Role::Client => {
                self.malformed.push(MalformedMember { field: self.field(None), why: why.to_string() })
            }
        }
    }

    /// Reads a part of the current value, keeping track of its place.
    pub(super) fn inside<T>(&mut self, step: Step, read: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let value = read(self);
        self.path.pop();
        value
    }

    /// The members of an object, in their order.
    pub(super) fn members<'a>(&mut self, raw: &'a RawValue) -> Option<Vec<(Cow<'a, str>, &'a RawValue)>> {
        if !raw.get().starts_with('{') {
            self.invalid("it is not an object");
            return None;
        }
        // The syntax was checked when the whole body was read; a name may still contain half a surrogate
        // pair.
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
        serde_json::from_str(raw.get()).ok()
    }

    /// Reports that the current object has a member that the API does not know.
    pub(super) fn unrecognized(&mut self, name: &str) {
        self.refuse(BodyRefusedKind::UnrecognizedField, Some(name), "the API knows no such member");
    }

    /// The text of a whole body, which must be an object of bounded depth.
    pub(super) fn document<'a>(&mut self, body: &'a [u8]) -> Option<&'a RawValue> {
        let refused = match whole(body) {
            Ok(raw) if raw.get().starts_with('{') => return Some(raw),
            Ok(_) => "it is not an object",
            Err(why) => why,
        };
        self.refused = Some(BodyRefused::whole_body(refused));
        None
    }

    /// Ends the reading: returns what was read together with the members that could not be read, or the most
    /// serious refusal.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<(T, Vec<MalformedMember>), BodyRefused> {
        match (self.refused, value) {
            (None, Some(value)) => Ok((value, self.malformed)),
            (Some(refused), _) => Err(refused),
            (None, None) => Err(BodyRefused::whole_body("it cannot be read")),
        }
    }

    fn refuse(&mut self, kind: BodyRefusedKind, name: Option<&str>, why: impl fmt::Display) {
        if self.refused.as_ref().is_none_or(|earlier| kind < earlier.kind) {
            let field = Some(self.field(name)).filter(|field| !field.is_empty());
            self.refused = Some(BodyRefused { kind, field, why: why.to_string() });
        }
    }

    /// The path of the current value, or of one of its members, whose name the request gave.
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
    // The text is trimmed because a raw value keeps no outer white space, and because an empty body
    // should get a message of its own.
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

/// Whether brackets outside of strings are nested deeper than `max`. This is one pass without a
/// stack, since it runs before anything recursive.
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

/// For fewer members than this, comparing all pairs is faster than sorting.
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

/// A string, borrowed from the body if it has no escapes.
#[derive(serde::Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

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
