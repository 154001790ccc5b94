//! Enumerations on the wire: the words that this version knows, and those that Amazon adds later.

use core::fmt;

use countersign_domain::cart::TimeUnit;
use countersign_domain::ids::Environment;
use countersign_domain::money::Currency;
use countersign_domain::provider::reason::{RefundDeclineReason, SessionCancelReason};
use countersign_domain::reason_code::ReasonCode;
use countersign_domain::terms::{PaymentIntent, ProductType};

use super::member::{Member, read_text};
use super::reader::{RawValue, Reader};
use super::writer::Writer;

/// A closed set of words of the API.
pub trait Words: Copy + Eq + fmt::Debug {
    /// The text of a refusal of an unknown word.
    const EXPECTED: &'static str;

    /// The API's word.
    fn as_str(self) -> &'static str;

    /// Reads the API's word, only in the API's spelling.
    fn parse(word: &str) -> Option<Self>;
}

/// A word of an enumeration that may have grown since this version was compiled.
///
/// A client keeps a word that it does not know; a server refuses it, so a server's words are always `Known`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Word<T> {
    /// A word that this version knows.
    Known(T),
    /// Any other word, as it came.
    Unknown(String),
}

impl<T: Words> Word<T> {
    /// The word as it is on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(word) => word.as_str(),
            Self::Unknown(text) => text,
        }
    }

    /// The word, if this version knows it.
    #[must_use]
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(word) => Some(*word),
            Self::Unknown(_) => None,
        }
    }
}

impl<T> From<T> for Word<T> {
    fn from(word: T) -> Self {
        Self::Known(word)
    }
}

impl<T: Words> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<T: Words> fmt::Debug for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(word) => f.write_str(word.as_str()),
            Self::Unknown(text) => write!(f, "Unknown({text:?})"),
        }
    }
}

impl<T: Words> Member for Word<T> {
    fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
        let text = read_text(raw, reader)?;
        match T::parse(&text) {
            Some(word) => Some(Self::Known(word)),
            None if reader.is_strict() => {
                reader.invalid(T::EXPECTED);
                None
            }
            None => Some(Self::Unknown(text.into_owned())),
        }
    }

    fn write(&self, writer: &mut Writer) {
        writer.text(self.as_str());
    }
}

macro_rules! words_of_the_domain {
    ($($name:ident, $expected:expr;)+) => {$(
        impl $crate::wire::Words for $name {
            const EXPECTED: &'static str = $expected;

            fn as_str(self) -> &'static str {
                $name::as_str(self)
            }

            fn parse(word: &str) -> Option<Self> {
                $name::parse(word)
            }
        }
    )+};
}

pub(crate) use words_of_the_domain;

words_of_the_domain! {
    Environment, "it is not one of Sandbox, Live";
    PaymentIntent, "it is not one of Confirm, Authorize, AuthorizeWithCapture";
    ProductType, "it is not one of PayAndShip, PayOnly";
    Currency, "it is not a currency that Amazon Pay has";
    TimeUnit, "it is not one of MINUTE, HOUR, DAY, WEEK, MONTH";
    ReasonCode, "it is not a known reason code";
    SessionCancelReason, "it is not a known CheckoutSessionReason";
    RefundDeclineReason, "it is not a known RefundReason";
}

/// Declares a closed enumeration that only the wire uses.
macro_rules! words {
    ($(#[$meta:meta])+ $name:ident $variants:tt) => {
        countersign_domain::words! { $(#[$meta])+ $name $variants }

        $crate::wire::words_of_the_domain! {
            $name, concat!("it is not a known ", stringify!($name));
        }
    };
}
pub(crate) use words;
