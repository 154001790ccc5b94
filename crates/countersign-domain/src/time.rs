//! Instants and calendar steps, in UTC. Nothing here reads a clock.

use core::fmt;
use core::time::Duration;

/// An instant, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Amazon writes instants as `20190714T155300Z`; so does [`fmt::Display`], which drops the milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text is not an instant in either spelling that real clients send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotATimestamp;

impl fmt::Display for NotATimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not a UTC instant such as 20190714T155300Z")
    }
}

/// An hour.
pub const HOUR: Duration = Duration::from_secs(3_600);
/// A day of 24 hours: Amazon counts its deadlines this way, not in calendar days.
pub const DAY: Duration = Duration::from_secs(86_400);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(0);
    /// The last instant with a four-digit year.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The instant this many milliseconds after 1970, clamped to the years 1970 to 9999.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis < 0 {
            Self::UNIX_EPOCH
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Reads `20190714T155300Z` or `2019-07-14T15:53:00Z`: whole seconds, UTC, nothing else.
    ///
    /// # Errors
    /// [`NotATimestamp`] for any other text, and for instants outside the years 1970 to 9999.
    pub fn parse(text: &str) -> Result<Self, NotATimestamp> {
        let mut digits = [0_u8; 14];
        let mut taken = digits.iter_mut();
        let template: &[u8] = match text.len() {
            16 => b"ddddddddTddddddZ",
            20 => b"dddd-dd-ddTdd:dd:ddZ",
            _ => return Err(NotATimestamp),
        };
        for (byte, expected) in text.bytes().zip(template) {
            match expected {
                b'd' if byte.is_ascii_digit() => {
                    *taken.next().ok_or(NotATimestamp)? = byte.wrapping_sub(b'0');
                }
                _ if byte == *expected => {}
                _ => return Err(NotATimestamp),
            }
        }
        let number = |from: usize, to: usize| -> Result<i16, NotATimestamp> {
            let digits = digits.get(from..to).ok_or(NotATimestamp)?;
            Ok(digits.iter().fold(0_i16, |sum, digit| sum.wrapping_mul(10).wrapping_add(i16::from(*digit))))
        };
        let small =
            |from: usize| i8::try_from(number(from, from.wrapping_add(2))?).map_err(|_| NotATimestamp);
        let civil = jiff::civil::DateTime::new(
            number(0, 4)?,
            small(4)?,
            small(6)?,
            small(8)?,
            small(10)?,
            small(12)?,
            0,
        )
        .map_err(|_| NotATimestamp)?;
        let instant = jiff::tz::Offset::UTC.to_timestamp(civil).map_err(|_| NotATimestamp)?;
        match instant.as_millisecond() {
            millis if millis >= 0 => Ok(Self::from_millis(millis)),
            _ => Err(NotATimestamp),
        }
    }

    /// The instant this much later, clamped to the year 9999.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// The instant this much earlier, clamped to 1970.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }

    /// The same UTC time of day, this many calendar months later; the day is clamped to the month's end (31
    /// January + 1 month is 28 or 29 February).
    #[must_use]
    pub fn plus_months(self, months: u32) -> Self {
        let Ok(instant) = jiff::Timestamp::from_millisecond(self.0) else { return Self::MAX };
        let civil = jiff::tz::Offset::UTC.to_datetime(instant);
        let later = jiff::Span::new()
            .try_months(months)
            .and_then(|span| civil.checked_add(span))
            .and_then(|civil| jiff::tz::Offset::UTC.to_timestamp(civil));
        later.map_or(Self::MAX, |instant| Self::from_millis(instant.as_millisecond()))
    }

    /// How long after `earlier` this is; zero if it is before.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_millisecond(self.0).map_err(|_| fmt::Error)?;
        let civil = jiff::tz::Offset::UTC.to_datetime(instant);
        write!(
            f,
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            civil.year(),
            civil.month(),
            civil.day(),
            civil.hour(),
            civil.minute(),
            civil.second()
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn both_spellings_are_one_instant() {
        let basic = Timestamp::parse("20190714T155300Z").unwrap();
        assert_eq!(Timestamp::parse("2019-07-14T15:53:00Z"), Ok(basic));
        assert_eq!(basic.as_millis(), 1_563_119_580_000);
        assert_eq!(basic.to_string(), "20190714T155300Z");
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "20190714T155300",
            "20190714t155300Z",
            "20190714T155300+0000",
            "2019-07-14T15:53:00.000Z",
            "20191314T155300Z",
            "20190230T155300Z",
            "20190714T245300Z",
            "19691231T235959Z",
            "2019071４T155300Z",
        ] {
            assert_eq!(Timestamp::parse(text), Err(NotATimestamp), "{text:?}");
        }
    }

    #[test]
    fn months_clamp_to_the_months_end() {
        let end_of_january = Timestamp::parse("20270131T100000Z").unwrap();
        assert_eq!(end_of_january.plus_months(1).to_string(), "20270228T100000Z");
        assert_eq!(end_of_january.plus_months(13).to_string(), "20280229T100000Z");
    }

    proptest! {
        #[test]
        fn print_and_parse_are_inverse_to_the_second(seconds in 0..253_402_300_799_i64) {
            let instant = Timestamp::from_millis(seconds * 1000);
            prop_assert_eq!(Timestamp::parse(&instant.to_string()), Ok(instant));
        }
    }
}
