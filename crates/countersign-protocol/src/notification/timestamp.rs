//! The envelope's instant, which is signed in its original spelling.

use countersign_domain::time::Timestamp;

/// When the envelope was published: `2026-11-23T15:47:00.000Z`. A later delivery of the same
/// envelope has the same instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeTimestamp {
    text: String,
    at: Timestamp,
}

impl EnvelopeTimestamp {
    /// Reads an instant in UTC, whose seconds have up to nine decimals.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let seconds = text.strip_suffix('Z')?;
        let (seconds, decimals) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let digits_only = decimals.bytes().all(|byte| byte.is_ascii_digit());
        if !digits_only || !(1..=9).contains(&decimals.len()) || !seconds.contains('-') {
            return None;
        }
        let millis = decimals.bytes().chain(*b"00").take(3).fold(0_u64, |sum, digit| {
            sum.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
        });
        let at = Timestamp::parse(&format!("{seconds}Z")).ok()?;
        Some(Self { text: text.to_owned(), at: at.plus(core::time::Duration::from_millis(millis)) })
    }

    /// The text that is signed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The instant, to the millisecond.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }
}

/// Writes milliseconds, as Amazon's notification service does.
impl From<Timestamp> for EnvelopeTimestamp {
    fn from(at: Timestamp) -> Self {
        let basic = at.to_string();
        let part = |from: usize, to: usize| basic.get(from..to).unwrap_or_default();
        let millis = at.as_millis().rem_euclid(1_000);
        let text = format!(
            "{}-{}-{}T{}:{}:{}.{millis:03}Z",
            part(0, 4),
            part(4, 6),
            part(6, 8),
            part(9, 11),
            part(11, 13),
            part(13, 15)
        );
        Self { text, at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_read_and_other_spellings_are_not() {
        for (text, millis) in [
            ("1970-01-01T00:00:01Z", Some(1_000)),
            ("1970-01-01T00:00:01.5Z", Some(1_500)),
            ("1970-01-01T00:00:01.045Z", Some(1_045)),
            ("1970-01-01T00:00:01.123456789Z", Some(1_123)),
            ("1970-01-01T00:00:01.Z", None),
            ("1970-01-01T00:00:01.1234567890Z", None),
            ("1970-01-01T00:00:01.-5Z", None),
            ("1970-01-01T00:00:01", None),
            ("1970-01-01T00:00:01+00:00", None),
            ("1970-02-30T00:00:01Z", None),
            ("19700101T000001Z", None),
            ("", None),
        ] {
            let read = EnvelopeTimestamp::parse(text);
            assert_eq!(read.as_ref().map(|read| read.at().as_millis()), millis, "{text}");
            assert_eq!(read.map_or(text.to_owned(), |read| read.text), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(millis in 0..253_402_300_799_999_i64) {
            let written = EnvelopeTimestamp::from(Timestamp::from_millis(millis));
            prop_assert_eq!(EnvelopeTimestamp::parse(written.as_str()), Some(written));
        }
    }
}
