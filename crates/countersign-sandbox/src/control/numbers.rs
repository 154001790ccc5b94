//! Values in the control API's bodies that Amazon Pay's API does not have: durations, rates, large
//! numbers, signature versions. None of them is read as a floating-point number.

use std::fmt;
use std::time::Duration;

use countersign_domain::time::DAY;
use countersign_protocol::notification::SignatureVersion;
use countersign_protocol::wire::{Member, RawValue, Reader, Writer};

use crate::faults::list::WHOLE;

/// The longest duration accepted, a hundred years: a longer one is a mistake.
const LONGEST: Duration = Duration::from_secs(36_500 * DAY.as_secs());

/// An ISO 8601 duration of weeks, days, hours, minutes and seconds. Years and months have no fixed length and
/// are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IsoDuration(pub(super) Duration);

impl IsoDuration {
    fn parse(text: &str) -> Option<Self> {
        let fields = text.strip_prefix('P')?;
        let (date, time) = match fields.split_once('T') {
            Some((_, "")) => return None,
            Some((date, time)) => (date, time),
            None if fields.is_empty() => return None,
            None => (fields, ""),
        };
        let date_ms = milliseconds(date, &[('W', 7 * DAY.as_secs()), ('D', DAY.as_secs())])?;
        let time_ms = milliseconds(time, &[('H', 3_600), ('M', 60), ('S', 1)])?;
        let duration = Duration::from_millis(date_ms.checked_add(time_ms)?);
        (duration <= LONGEST).then_some(Self(duration))
    }
}

/// The sum of some fields, each a number and a unit. The units must be in order, and none may repeat.
fn milliseconds(mut fields: &str, units: &[(char, u64)]) -> Option<u64> {
    let (mut units, mut sum) = (units.iter(), 0_u64);
    while !fields.is_empty() {
        let end = fields.find(|c: char| c.is_ascii_alphabetic())?;
        let (number, rest) = fields.split_at(end);
        let unit = rest.chars().next()?;
        let (_, seconds) = units.find(|(known, _)| *known == unit)?;
        // Only seconds may have a fraction.
        let millis =
            if unit == 'S' { decimal(number, 3)? } else { decimal(number, 0)?.checked_mul(1_000)? };
        sum = sum.checked_add(millis.checked_mul(*seconds)?)?;
        fields = rest.get(1..)?;
    }
    Some(sum)
}

/// Reads a plain decimal in units of its last digit: `0.25` with 3 digits is 250. Further digits are cut off;
/// if `digits` is 0, there may be no fraction at all.
fn decimal(text: &str, digits: u32) -> Option<u64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((_, "")) => return None,
        Some(_) if digits == 0 => return None,
        Some(parts) => parts,
        None => (text, ""),
    };
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let scale = 10_u64.checked_pow(digits)?;
    let kept = usize::try_from(digits).ok()?;
    let fraction: String = fraction.chars().chain(std::iter::repeat('0')).take(kept).collect();
    let fraction: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(fraction)
}

impl fmt::Display for IsoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        if millis == 0 { write!(f, "PT{seconds}S") } else { write!(f, "PT{seconds}.{millis:03}S") }
    }
}

/// A probability in millionths, from a decimal between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Probability(pub(super) u32);

impl Probability {
    fn parse(text: &str) -> Option<Self> {
        u32::try_from(decimal(text, 6)?).ok().filter(|rate| *rate <= WHOLE).map(Self)
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == WHOLE { f.write_str("1") } else { write!(f, "0.{:06}", self.0) }
    }
}

/// A whole number, such as a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seed(pub(super) u64);

impl Seed {
    fn parse(text: &str) -> Option<Self> {
        decimal(text, 0).map(Self)
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The text of a string or of a plain number.
fn text_of(raw: &RawValue, reader: &mut Reader) -> Option<String> {
    if raw.get().starts_with('"') { String::read(raw, reader) } else { Some(raw.get().to_owned()) }
}

/// The version of a notification's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SignatureNumber(pub(super) SignatureVersion);

impl SignatureNumber {
    fn parse(text: &str) -> Option<Self> {
        SignatureVersion::ALL.into_iter().find(|known| known.as_str() == text).map(Self)
    }
}

impl fmt::Display for SignatureNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

macro_rules! members {
    ($($name:ident, $expected:literal;)+) => {$(
        impl Member for $name {
            fn read(raw: &RawValue, reader: &mut Reader) -> Option<Self> {
                let value = Self::parse(&text_of(raw, reader)?);
                if value.is_none() {
                    reader.invalid($expected);
                }
                value
            }

            fn write(&self, writer: &mut Writer) {
                writer.text(&self.to_string());
            }

            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )+};
}

members! {
    IsoDuration, "it is not an ISO 8601 duration of weeks, days, hours, minutes and seconds, at most \
        100 years, such as P30D or PT1M30S";
    Probability, "it is not a plain decimal between 0 and 1";
    Seed, "it is not a whole number below 2^64";
    SignatureNumber, "it is not one of 1, 2";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_iso_8601_writes_them() {
        for (text, expected_ms) in [
            ("PT24H", 86_400_000),
            ("P30D", 30 * 86_400_000),
            ("P2W", 14 * 86_400_000),
            ("P1DT2H3M4.5S", 93_784_500),
            ("PT0S", 0),
            ("PT0.0259S", 25),
            ("P36500D", 36_500 * 86_400_000),
        ] {
            let expected = Some(IsoDuration(Duration::from_millis(expected_ms)));
            assert_eq!(IsoDuration::parse(text), expected, "{text}");
        }
        for text in [
            "",
            "P",
            "PT",
            "P1DT",
            "24H",
            "PT24",
            "PTH",
            "-PT1H",
            "PT-1H",
            "P1Y",
            "P1M",
            "PT1S1M",
            "PT1H1H",
            "pt1h",
            "PT1.5H",
            "PT1.S",
            "PT.5S",
            "PT 1H",
            "P1D2H",
            "P36501D",
            "PT99999999999999999999H",
            "PT١H",
        ] {
            assert_eq!(IsoDuration::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_shown_value_reads_as_the_same_value() {
        for text in ["PT5S", "PT0.250S", "PT86400S"] {
            assert_eq!(IsoDuration::parse(text).map(|it| it.to_string()).as_deref(), Some(text));
        }
        for text in ["0.000000", "0.250000", "1"] {
            assert_eq!(Probability::parse(text).map(|it| it.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_rate_is_a_plain_decimal_between_0_and_1() {
        for (text, expected) in [
            ("0", 0),
            ("1", 1_000_000),
            ("1.0", 1_000_000),
            ("0.25", 250_000),
            ("0.000001", 1),
            ("0.30000000000000004", 300_000),
        ] {
            assert_eq!(Probability::parse(text), Some(Probability(expected)), "{text}");
        }
        for text in ["", ".5", "1.", "-0.5", "+0.5", "1.000001", "2", "5e-1", "0,5", "50%", "true"] {
            assert_eq!(Probability::parse(text), None, "{text}");
        }
    }
}
