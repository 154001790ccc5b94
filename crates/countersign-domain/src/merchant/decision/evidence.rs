//! What a person states as evidence: free text, which is kept with the decision and appears in no log.

use alloc::string::String;
use core::fmt;

use crate::words::words;

/// The most characters of an evidence.
pub const MAX_EVIDENCE_LEN: usize = 2_000;

/// The lengths of card numbers, in digits.
const CARD_DIGITS: core::ops::RangeInclusive<usize> = 13..=19;
/// The most digits of a group, where a card number is written in groups.
const LONGEST_GROUP: usize = 6;
/// The most characters between two of these groups.
const WIDEST_GAP: usize = 3;

/// A person's evidence: 1 to [`MAX_EVIDENCE_LEN`] characters, without a card number.
#[derive(Clone, PartialEq, Eq)]
pub struct Evidence(String);

/// Free text stays out of logs.
impl fmt::Debug for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Evidence(…)")
    }
}

words! {
    /// Why a text is refused as evidence.
    EvidenceRefused {
        /// It says nothing.
        Empty,
        /// It is longer than [`MAX_EVIDENCE_LEN`].
        TooLong,
        /// It has control characters other than line breaks and tabs.
        Unprintable,
        /// It has a card number.
        CardNumber,
    }
}

impl Evidence {
    /// Reads an evidence.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, EvidenceRefused> {
        if text.trim().is_empty() {
            return Err(EvidenceRefused::Empty);
        }
        if text.chars().count() > MAX_EVIDENCE_LEN {
            return Err(EvidenceRefused::TooLong);
        }
        if text.chars().any(|it| it.is_control() && !matches!(it, '\n' | '\r' | '\t')) {
            return Err(EvidenceRefused::Unprintable);
        }
        if has_card_number(text) {
            return Err(EvidenceRefused::CardNumber);
        }
        Ok(Self(text.into()))
    }

    /// The evidence as it was stored, which [`parse`](Self::parse) has read before; `None` if it is empty.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text has a card number: 13 to 19 digits that pass the Luhn check, in one piece or in short groups with
/// spaces, hyphens, dots or the like between them. Amazon's ids are not read as groups: a letter is next to them.
#[must_use]
pub fn has_card_number(text: &str) -> bool {
    let text: String = text.chars().map(plain).collect();
    let mut rest = text.as_str();
    while let Some(start) = rest.find(|it: char| it.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let is_in_a_word = before.chars().next_back().is_some_and(char::is_alphabetic);
        let groups = groups(from);
        if groups.clone().next().is_some_and(is_card) || (!is_in_a_word && begins_with_card(groups.clone())) {
            return true;
        }
        // The next group may begin a card number, too.
        let first = groups.clone().next().map_or(1, str::len);
        rest = from.get(first..).unwrap_or_default();
    }
    false
}

/// A character as it is read in a card number: digits of full width as plain ones, and what may be between groups of
/// digits as a space.
const fn plain(it: char) -> char {
    match it {
        '\u{ff10}'..='\u{ff19}' => match char::from_digit((it as u32).saturating_sub(0xff10), 10) {
            Some(digit) => digit,
            None => it,
        },
        '-'
        | '.'
        | ','
        | '/'
        | '_'
        | '\u{b7}'
        | '\u{ad}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2010}'..='\u{2015}'
        | '\u{2212}'
        | '\u{2060}'
        | '\u{feff}' => ' ',
        _ if it.is_whitespace() => ' ',
        _ => it,
    }
}

/// The groups of digits at the beginning of a text, with at most [`WIDEST_GAP`] spaces between them.
fn groups(text: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = Some(text);
    core::iter::from_fn(move || {
        let from = rest?;
        let end = from.find(|it: char| !it.is_ascii_digit()).unwrap_or(from.len());
        let (group, after) = from.split_at_checked(end).filter(|(group, _)| !group.is_empty())?;
        let next = after.trim_start_matches(' ');
        let gap = after.len().saturating_sub(next.len());
        rest = (1..=WIDEST_GAP).contains(&gap).then_some(next);
        Some(group)
    })
}

/// Whether some of the first groups make up a card number together.
fn begins_with_card<'a>(groups: impl Iterator<Item = &'a str>) -> bool {
    let mut digits = String::new();
    for group in groups.take_while(|group| group.len() <= LONGEST_GROUP) {
        digits.push_str(group);
        if is_card(&digits) {
            return true;
        }
    }
    false
}

fn is_card(digits: &str) -> bool {
    if !CARD_DIGITS.contains(&digits.len()) {
        return false;
    }
    let mut sum = 0_u32;
    for (place, digit) in digits.bytes().rev().enumerate() {
        let digit = u32::from(digit.saturating_sub(b'0'));
        let doubled = digit.saturating_mul(2);
        let counted = if place.is_multiple_of(2) {
            digit
        } else if doubled > 9 {
            doubled.saturating_sub(9)
        } else {
            doubled
        };
        sum = sum.saturating_add(counted);
    }
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_evidence_is_text_without_a_card_number() {
        use EvidenceRefused::{CardNumber, Empty, TooLong, Unprintable};
        let long = "é".repeat(MAX_EVIDENCE_LEN);
        let longer = alloc::format!("{long}é");
        for (text, refused) in [
            ("Seller Central shows it, 14.00 USD\n\tcase 123", None),
            (long.as_str(), None),
            (longer.as_str(), Some(TooLong)),
            ("", Some(Empty)),
            (" \n\t", Some(Empty)),
            ("a\u{0}b", Some(Unprintable)),
            ("card 4111111111111111", Some(CardNumber)),
            ("4111 1111 1111 1111 12/28", Some(CardNumber)),
            ("4111-1111-1111-1111", Some(CardNumber)),
            ("3782 822463 10005 of the buyer", Some(CardNumber)),
            ("on 30 4111 1111 1111 1111", Some(CardNumber)),
            ("pan4222222222222", Some(CardNumber)),
            ("6304000000000000000", Some(CardNumber)),
            ("4111  1111  1111  1111", Some(CardNumber)),
            ("4111.1111.1111.1111", Some(CardNumber)),
            ("4111\u{a0}1111\u{a0}1111\u{a0}1111", Some(CardNumber)),
            ("4111 - 1111 - 1111 - 1111", Some(CardNumber)),
            ("4111\u{2009}1111\u{2013}1111\n1111", Some(CardNumber)),
            ("\u{ff14}\u{ff11}\u{ff11}\u{ff11} 1111 1111 1111", Some(CardNumber)),
            ("4111    1111    1111    1111", None),
            // One digit differs, or there are too few or too many.
            ("4111111111111112", None),
            ("411111111111", None),
            ("41111111111111111111", None),
            // Ids of Amazon's are no card numbers.
            ("S01-5105180-0000008-C000001", None),
            ("P03-3333333-3333333", None),
        ] {
            assert_eq!(Evidence::parse(text).err(), refused, "{text}");
        }
        let evidence = Evidence::parse("the buyer's name").unwrap();
        assert_eq!(alloc::format!("{evidence:?}"), "Evidence(…)");
    }
}
