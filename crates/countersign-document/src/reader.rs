//! Reading JSON: one pass over the text, which borrows a string if it has no escapes.

use core::str::FromStr;
use std::borrow::Cow;

use serde_json::value::RawValue;

use super::illegible_value::IllegibleValue;

/// The text is not JSON at all: it is damaged, or another program wrote it.
const SYNTAX: &str = "is not well-formed";

/// A document that is being read.
#[derive(Debug)]
pub struct Reader<'a> {
    text: &'a str,
    /// The position in bytes; always between two characters.
    position: usize,
}

impl<'a> Reader<'a> {
    /// Starts reading the bytes of a document.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, IllegibleValue> {
        match core::str::from_utf8(bytes) {
            Ok(text) => Ok(Self { text, position: 0 }),
            Err(_) => Err(IllegibleValue { path: String::new(), why: "is not UTF-8", position: 0 }),
        }
    }

    /// Refuses the current value. `why` is a predicate, such as `is not valid`.
    #[must_use]
    pub fn illegible(&self, why: &'static str) -> IllegibleValue {
        IllegibleValue { path: String::new(), why, position: self.position }
    }

    /// Refuses what comes next, or a document that ends here.
    fn unexpected(&self, why: &'static str) -> IllegibleValue {
        self.illegible(if self.rest().is_empty() { "is cut off" } else { why })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        // Most bytes are inspected only here, so no character is decoded for this.
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(self.position) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(*byte);
            }
            self.position += 1;
        }
        None
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.position += usize::from(is_next);
        is_next
    }

    pub(super) fn expect(&mut self, byte: u8, why: &'static str) -> Result<(), IllegibleValue> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected(why)) }
    }

    /// Refuses anything that comes after the document.
    pub(super) fn end(&mut self) -> Result<(), IllegibleValue> {
        if self.peek().is_some() { Err(self.illegible("is followed by more text")) } else { Ok(()) }
    }

    /// Reads a string.
    ///
    /// # Errors
    /// For anything else.
    pub fn text(&mut self) -> Result<Cow<'a, str>, IllegibleValue> {
        self.expect(b'"', "is not a string")?;
        let rest = self.rest();
        let is_special = |byte: u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        let plain = rest.bytes().position(is_special).unwrap_or(rest.len());
        if rest.as_bytes().get(plain) == Some(&b'"') {
            self.position += plain + 1;
            return Ok(Cow::Borrowed(rest.get(..plain).unwrap_or_default()));
        }
        self.position -= 1;
        let json = self.raw()?;
        serde_json::from_str(json).map(Cow::Owned).map_err(|_| self.illegible(SYNTAX))
    }

    /// Reads a whole number.
    ///
    /// # Errors
    /// For anything else, and for a number that does not fit.
    pub fn number<N: FromStr>(&mut self) -> Result<N, IllegibleValue> {
        self.peek();
        let rest = self.rest();
        let length = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'-').count();
        let digits = rest.get(..length).unwrap_or_default();
        let is_json = digits == "0" || !digits.trim_start_matches('-').starts_with('0');
        let number = digits.parse().ok().filter(|_| is_json);
        let number = number.ok_or_else(|| self.unexpected("is not a whole number in the accepted range"))?;
        self.position += length;
        Ok(number)
    }

    /// Whether the next value is this word (`true`, `null`); if it is, it is read.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        self.peek();
        let is_next = self.rest().starts_with(word);
        self.position += if is_next { word.len() } else { 0 };
        is_next
    }

    /// Reads a value of any kind and returns its text.
    ///
    /// # Errors
    /// For text that is not JSON.
    pub fn raw(&mut self) -> Result<&'a str, IllegibleValue> {
        let mut values = serde_json::Deserializer::from_str(self.rest()).into_iter::<&'a RawValue>();
        match values.next() {
            Some(Ok(raw)) => {
                self.position += values.byte_offset();
                Ok(raw.get())
            }
            Some(Err(error)) if !error.is_eof() => Err(self.illegible(SYNTAX)),
            Some(Err(_)) | None => {
                self.position = self.text.len();
                Err(self.unexpected(SYNTAX))
            }
        }
    }

    /// Reads a value that is stored as a text.
    ///
    /// # Errors
    /// For anything that is not a text, or that `parse` refuses.
    pub fn parsed<P: ParseResult>(
        &mut self,
        parse: impl FnOnce(&str) -> P,
    ) -> Result<P::Value, IllegibleValue> {
        let text = self.text()?;
        parse(&text).value().ok_or_else(|| self.illegible("is not valid"))
    }

    /// Reads an object; `read` gets each name, and reads the member's value.
    ///
    /// # Errors
    /// For anything that is not an object, and those of `read`.
    pub fn object(
        &mut self,
        mut read: impl FnMut(&mut Self, &str) -> Result<(), IllegibleValue>,
    ) -> Result<(), IllegibleValue> {
        self.expect(b'{', "is not an object")?;
        self.values(b'}', |reader| {
            let name = reader.text()?;
            reader.expect(b':', SYNTAX)?;
            read(reader, &name)
        })
    }

    /// Reads up to a closing bracket: nothing, or values with commas between them.
    fn values(
        &mut self,
        close: u8,
        mut read: impl FnMut(&mut Self) -> Result<(), IllegibleValue>,
    ) -> Result<(), IllegibleValue> {
        if self.take(close) {
            return Ok(());
        }
        loop {
            read(self)?;
            if self.take(close) {
                return Ok(());
            }
            self.expect(b',', SYNTAX)?;
        }
    }

    /// Refuses a member that the object does not have.
    #[must_use]
    pub fn unknown(&self, name: &str) -> IllegibleValue {
        /// How much of a damaged name is shown.
        const SHOWN_LEN: usize = 40;
        let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let name: String = name.chars().take_while(plain).take(SHOWN_LEN).collect();
        self.illegible("is not known").inside(&name)
    }

    /// Refuses a value whose parts are valid but not together. `why` is a predicate.
    ///
    /// # Errors
    /// If the check fails.
    pub fn check<T>(
        &self,
        value: &T,
        why: &'static str,
        is_valid: impl FnOnce(&T) -> bool,
    ) -> Result<(), IllegibleValue> {
        if is_valid(value) { Ok(()) } else { Err(self.illegible(why)) }
    }

    /// Reads a list; `read` reads each element.
    ///
    /// # Errors
    /// For anything that is not a list, and those of `read`.
    pub fn list(
        &mut self,
        read: impl FnMut(&mut Self) -> Result<(), IllegibleValue>,
    ) -> Result<(), IllegibleValue> {
        self.expect(b'[', "is not a list")?;
        self.values(b']', read)
    }

    /// Reads a variant: `read` gets its name and whether it has data, which `read` then reads. It returns
    /// `None` for a variant that does not exist.
    ///
    /// # Errors
    /// For anything that is not a variant, and those of `read`.
    pub fn variant<T>(
        &mut self,
        read: impl FnOnce(&mut Self, &str, bool) -> Result<Option<T>, IllegibleValue>,
    ) -> Result<T, IllegibleValue> {
        const UNKNOWN: &str = "is not a known variant";
        if self.peek() == Some(b'"') {
            let name = self.text()?;
            return read(self, &name, false)?.ok_or_else(|| self.illegible(UNKNOWN));
        }
        self.expect(b'{', "is not a variant")?;
        let name = self.text()?;
        self.expect(b':', SYNTAX)?;
        let value = read(self, &name, true).map_err(|illegible| illegible.inside(&name))?;
        let value = value.ok_or_else(|| self.illegible(UNKNOWN))?;
        self.expect(b'}', "is more than one variant")?;
        Ok(value)
    }
}

/// The result of parsing a text: an `Option` or a `Result`.
pub trait ParseResult {
    /// The type of the parsed value.
    type Value;

    /// The value, if there is one.
    fn value(self) -> Option<Self::Value>;
}

impl<T> ParseResult for Option<T> {
    type Value = T;

    fn value(self) -> Self {
        self
    }
}

impl<T, E> ParseResult for Result<T, E> {
    type Value = T;

    fn value(self) -> Option<T> {
        self.ok()
    }
}
